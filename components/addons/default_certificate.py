"""The proxies' default certificate, which outlives the cluster: the vault has a copy, and a rebuild begins with that.

Let's Encrypt issues five certificates a week for the same names, and a rebuild that waits for one waits for minutes. So
the cluster writes its certificate to the vault whenever it is renewed, and takes what is there before cert-manager
would order another. https://letsencrypt.org/docs/rate-limits/#new-certificates-per-exact-set-of-identifiers
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.addons.ingress import DEFAULT_CERTIFICATE, NAMESPACE, Ingress
from components.addons.restored import restored_hook
from components.platform import Platform
from components.release.guard import serving_hooks
from components.release.release import Release
from conventions import CERTIFICATE_STORE
from settings import Settings
from settings.types import Issuer


@dataclass(frozen=True, kw_only=True)
class DefaultCertificateArgs:
    """Inputs of the certificate."""

    access: ClusterAccess
    zone: str
    issuer: Issuer
    kept: str | None
    """Name of the vault's secret that has a copy; None where none is kept."""
    wanted: bool
    """Whether the proxies have a default certificate at all."""
    ingress: Ingress
    """Whose certificate it is."""
    external_secrets: Release
    """What reads and writes the vault."""

    @classmethod
    def of(
        cls, settings: Settings, platform: Platform, ingress: Ingress, external_secrets: Release
    ) -> "DefaultCertificateArgs":
        """Take the inputs from the stack's settings and the platform."""
        return cls(
            access=platform.access,
            zone=settings.dns.zone,
            issuer=settings.certificates.issuer,
            kept=settings.kept_certificate,
            wanted=settings.ingress.default_certificate,
            ingress=ingress,
            external_secrets=external_secrets,
        )


class DefaultCertificate(Addon):
    """The certificate of the zone and of every name in it; before it what the vault has, and beside it the copy."""

    def __init__(self, name: str, args: DefaultCertificateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the certificate, where there is to be one."""
        super().__init__("aks-bootstrap:default_certificate:DefaultCertificate", name, opts)
        self._args = args
        installed = args.external_secrets.ready.id
        self._serving = serving_hooks(name, args.access, self.needs, installed=installed)
        if args.wanted:
            before = (
                []
                if args.kept is None
                else [self._object("ExternalSecret", "restored", restored_from(args.kept, args.issuer), [])]
            )
            certificate = self._certificate(name, before)
            if args.kept is not None:
                self._object("PushSecret", "kept", kept(args.kept), [certificate])
        self.register_outputs({})

    def _certificate(self, name: str, before: Sequence[pulumi.Resource]) -> CustomResource:
        args = self._args
        hooks = self._serving
        if before:
            restoring = restored_hook(f"{name}-restored", args.access, DEFAULT_CERTIFICATE, NAMESPACE)
            hooks = pulumi.ResourceHookBinding(
                before_create=[*(hooks.before_create or []), restoring], before_update=hooks.before_update
            )
        return CustomResource(
            args.access.name(DEFAULT_CERTIFICATE),
            api_version="cert-manager.io/v1",
            kind="Certificate",
            metadata=ObjectMetaArgs(name=DEFAULT_CERTIFICATE, namespace=NAMESPACE),
            spec=args.external_secrets.once_installed(certificate(args.zone, args.issuer)),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=before,
                hooks=hooks,
                # it was ingress' own before the vault had a copy
                aliases=[pulumi.Alias(parent=args.ingress)],
            ),
        )

    def _object(
        self, kind: str, role: str, spec: tuple[str, dict[str, Any]], after: Sequence[pulumi.Resource]
    ) -> CustomResource:
        api_version, content = spec
        return CustomResource(
            self._args.access.name(f"{DEFAULT_CERTIFICATE}-{role}"),
            api_version=api_version,
            kind=kind,
            metadata=ObjectMetaArgs(name=DEFAULT_CERTIFICATE, namespace=NAMESPACE),
            spec=self._args.external_secrets.once_installed(content),
            opts=pulumi.ResourceOptions(parent=self, depends_on=after, hooks=self._serving),
        )


def certificate(zone: str, issuer: Issuer) -> dict[str, Any]:
    """Return the certificate's spec."""
    return {
        "secretName": DEFAULT_CERTIFICATE,
        "dnsNames": [zone, f"*.{zone}"],
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": issuer.value},
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
    }


def restored_from(key: str, issuer: Issuer) -> tuple[str, dict[str, Any]]:
    """Return the ExternalSecret that makes the certificate's Secret of what the vault has, once.

    cert-manager takes a Secret for its own whose annotations name the issuer, and renews it in time: from then on the
    vault follows the Secret. Without a copy in the vault there is no Secret, and cert-manager orders a certificate.
    https://cert-manager.io/docs/devops-tips/backup/#restoring-resources and
    https://external-secrets.io/latest/api/externalsecret/#refreshpolicy
    """
    annotations = {
        "cert-manager.io/certificate-name": DEFAULT_CERTIFICATE,
        "cert-manager.io/issuer-name": issuer.value,
        "cert-manager.io/issuer-kind": "ClusterIssuer",
        "cert-manager.io/issuer-group": "cert-manager.io",
    }
    return "external-secrets.io/v1", {
        "refreshPolicy": "CreatedOnce",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": CERTIFICATE_STORE},
        "target": {
            "name": DEFAULT_CERTIFICATE,
            # it is cert-manager's
            "creationPolicy": "Orphan",
            "deletionPolicy": "Retain",
            "template": {"type": "kubernetes.io/tls", "metadata": {"annotations": annotations}},
        },
        "dataFrom": [{"extract": {"key": key}}],
    }


def kept(key: str) -> tuple[str, dict[str, Any]]:
    """Return the PushSecret that writes the certificate's Secret to the vault, where it stays.

    https://external-secrets.io/latest/provider/azure-key-vault/#pushing-to-key-vault
    """
    return "external-secrets.io/v1alpha1", {
        "refreshInterval": "1h",
        "updatePolicy": "Replace",
        "deletionPolicy": "None",
        "secretStoreRefs": [{"kind": "ClusterSecretStore", "name": CERTIFICATE_STORE}],
        "selector": {"secret": {"name": DEFAULT_CERTIFICATE}},
        "data": [{"match": {"remoteRef": {"remoteKey": key}}}],
    }
