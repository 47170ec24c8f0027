"""cert-manager and its issuers: Let's Encrypt by DNS-01 on Azure DNS, or a self-signed one."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.addons.charts import CERT_MANAGER
from components.addons.placement import PLACEMENT, replicated
from components.platform import AzureDns, Platform
from components.release.probe import Probe
from components.release.release import Release, ReleaseArgs
from components.release.supply import Supply
from settings import Settings
from settings.addon_requests import SMALL, WATCHER
from settings.addons import Certificates, Charts
from settings.types import Issuer

NAMESPACE = CERT_MANAGER.namespace
SERVICE_ACCOUNT = "cert-manager"
"""The controller's service account, which the chart names after the release."""

CERTIFICATE_AUTHORITY = "self-signed-ca"
"""Secret, certificate and common name of the authority behind the self-signed issuer."""
_CA_ISSUER = "self-signed-root"

_SERVERS = {
    Issuer.LETSENCRYPT: "https://acme-v02.api.letsencrypt.org/directory",
    Issuer.LETSENCRYPT_STAGING: "https://acme-staging-v02.api.letsencrypt.org/directory",
}


@dataclass(frozen=True, kw_only=True)
class CertManagerArgs:
    """Inputs of cert-manager."""

    access: ClusterAccess
    charts: Charts
    supply: Supply
    certificates: Certificates
    production: bool
    azure_dns: AzureDns | None = None
    """None leaves Let's Encrypt out: the local stack has only the self-signed issuer."""
    gateway_api: bool = False
    """Watch Gateway API resources too."""

    @classmethod
    def of(cls, settings: Settings, platform: Platform) -> "CertManagerArgs":
        """Take the inputs from the stack's settings and the platform."""
        return cls(
            access=platform.access,
            charts=settings.charts,
            supply=Supply.of(settings),
            certificates=settings.certificates,
            production=settings.production,
            azure_dns=platform.azure_dns,
            gateway_api=settings.ingress.gateway_api,
        )


class CertManager(Addon):
    """The release, then its ClusterIssuers, each named as :class:`Issuer` spells it."""

    # taken only when the CRDs are there and the webhook answers
    probe = Probe(
        addon="cert-manager",
        group="cert-manager.io",
        version="v1",
        kind="Issuer",
        plural="issuers",
        namespace=NAMESPACE,
        spec={"selfSigned": {}},
    )

    def __init__(self, name: str, args: CertManagerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install cert-manager."""
        super().__init__("aks-bootstrap:cert_manager:CertManager", name, opts)
        release = Release(
            name,
            ReleaseArgs(
                access=args.access,
                chart=CERT_MANAGER,
                charts=args.charts,
                supply=args.supply,
                values=values(
                    production=args.production,
                    keep_crds=args.charts.keep_crds,
                    gateway_api=args.gateway_api,
                    workload_identity=args.azure_dns is not None,
                ),
                needs=self.needs,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        serving = self.serving(name, args.access, release)
        opts = pulumi.ResourceOptions(parent=self, depends_on=[release.ready], hooks=serving)
        for issuer, spec in issuers(args.certificates, args.azure_dns).items():
            CustomResource(
                args.access.name(f"issuer-{issuer}"),
                api_version="cert-manager.io/v1",
                kind="ClusterIssuer",
                metadata=ObjectMetaArgs(name=issuer),
                spec=release.once_installed(spec),
                opts=opts,
            )
        CustomResource(
            args.access.name(CERTIFICATE_AUTHORITY),
            api_version="cert-manager.io/v1",
            kind="Certificate",
            metadata=ObjectMetaArgs(name=CERTIFICATE_AUTHORITY, namespace=release.namespace),
            spec=release.once_installed(authority()),
            opts=opts,
        )
        self.register_outputs({})


def values(*, production: bool, keep_crds: bool, gateway_api: bool, workload_identity: bool) -> dict[str, Any]:
    """Return the chart's values."""
    result: dict[str, Any] = {
        "crds": {"enabled": True, "keep": keep_crds},
        "global": {"leaderElection": {"namespace": NAMESPACE}},
        **replicated("cert-manager", several=production),
        "resources": WATCHER.resources,
        "webhook": {**replicated("webhook", several=production), "resources": SMALL.resources},
        "cainjector": {**replicated("cainjector", several=production), "resources": WATCHER.resources},
        "startupapicheck": {**PLACEMENT, "resources": SMALL.resources},
    }
    if workload_identity:
        result["podLabels"] = {"azure.workload.identity/use": "true"}
    if gateway_api:
        result["config"] = {
            "apiVersion": "controller.config.cert-manager.io/v1alpha1",
            "kind": "ControllerConfiguration",
            "gatewayAPI": {"enabled": True},
        }
    return result


def authority() -> dict[str, Any]:
    """Return the spec of the certificate that the self-signed issuer signs with.

    A leaf that signed itself has an empty issuer name, which curl and others refuse, and no client could trust the next
    one. https://cert-manager.io/docs/configuration/selfsigned/#bootstrapping-ca-issuers
    """
    return {
        "isCA": True,
        "commonName": CERTIFICATE_AUTHORITY,
        "secretName": CERTIFICATE_AUTHORITY,
        "duration": "87600h",
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Never"},
        "issuerRef": {"group": "cert-manager.io", "kind": "ClusterIssuer", "name": _CA_ISSUER},
    }


def issuers(certificates: Certificates, azure_dns: AzureDns | None) -> dict[str, dict[str, Any]]:
    """Return the ClusterIssuers' specs by name.

    https://cert-manager.io/docs/configuration/acme/dns01/azuredns/
    """
    found: dict[str, dict[str, Any]] = {
        Issuer.SELF_SIGNED.value: {"ca": {"secretName": CERTIFICATE_AUTHORITY}},
        _CA_ISSUER: {"selfSigned": {}},
    }
    if azure_dns is None or certificates.email is None:
        return found
    solver = {
        "dns01": {
            "azureDNS": {
                "environment": "AzurePublicCloud",
                "subscriptionID": azure_dns.subscription_id,
                "resourceGroupName": azure_dns.resource_group_name,
                "hostedZoneName": azure_dns.zone,
                "managedIdentity": {"clientID": azure_dns.client_id},
            }
        }
    }
    for issuer, server in _SERVERS.items():
        found[issuer.value] = {
            "acme": {
                "server": server,
                "email": certificates.email,
                "privateKeySecretRef": {"name": f"{issuer.value}-account"},
                "solvers": [solver],
            }
        }
    return found
