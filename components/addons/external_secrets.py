"""External Secrets Operator and the stores that it reads: the vault, or a namespace of a local cluster.

There are two ClusterSecretStores of the same secrets and the same identity: one that applications' namespaces may use,
and one for Argo CD's own credentials, which only its namespace may. Where the vault keeps the proxies' certificate, a
third has an identity that may write that secret, and only the proxies' namespace may use it.
"""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Namespace, ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.addons.charts import EXTERNAL_SECRETS
from components.addons.ingress import NAMESPACE as INGRESS_NAMESPACE
from components.addons.kubernetes_role import bound_role
from components.addons.placement import replicated
from components.platform import Platform, Vault
from components.release.probe import Probe
from components.release.release import Release, ReleaseArgs
from components.release.supply import Supply
from conventions import (
    ARGO_CD_NAMESPACE,
    ARGO_CD_SECRET_STORE,
    CERTIFICATE_STORE,
    SECRET_STORE,
    TENANT_LABEL,
)
from settings import Settings
from settings.addon_requests import SMALL, WATCHER
from settings.addons import Charts

NAMESPACE = EXTERNAL_SECRETS.namespace
STORE_SERVICE_ACCOUNT = "vault-reader"
"""Signs in to the vault; the controller itself holds no rights in Azure."""
KEEPER_SERVICE_ACCOUNT = "certificate-keeper"
"""Signs in to the vault to write the proxies' certificate, and nothing else."""
CONTROLLER_SERVICE_ACCOUNT = "external-secrets"
"""The controller's, which the chart names after the release."""
STORE_CONDITIONS: dict[str, list[dict[str, Any]]] = {
    SECRET_STORE: [{"namespaceSelector": {"matchExpressions": [{"key": TENANT_LABEL, "operator": "Exists"}]}}],
    ARGO_CD_SECRET_STORE: [{"namespaces": [ARGO_CD_NAMESPACE]}],
    CERTIFICATE_STORE: [{"namespaces": [INGRESS_NAMESPACE]}],
}
"""Which namespaces may use each ClusterSecretStore.

https://external-secrets.io/latest/api/clustersecretstore/
"""
LOCAL_SECRETS_NAMESPACE = "local-vault"
"""In the vault's place on a local cluster: its Secrets are what applications read."""


@dataclass(frozen=True, kw_only=True)
class ExternalSecretsArgs:
    """Inputs of the operator."""

    access: ClusterAccess
    charts: Charts
    supply: Supply
    production: bool
    vault: Vault | None = None
    """None makes a Kubernetes-backed store."""

    @classmethod
    def of(cls, settings: Settings, platform: Platform) -> "ExternalSecretsArgs":
        """Take the inputs from the stack's settings and the platform."""
        return cls(
            access=platform.access,
            charts=settings.charts,
            supply=Supply.of(settings),
            production=settings.production,
            vault=platform.vault,
        )


class ExternalSecrets(Addon):
    """The release, then the ClusterSecretStores and the service account that they sign in with."""

    # taken only when the CRDs are there and the webhook answers
    probe = Probe(
        addon="External Secrets Operator",
        group="external-secrets.io",
        version="v1",
        kind="SecretStore",
        plural="secretstores",
        namespace=NAMESPACE,
        spec={"provider": {"fake": {"data": [{"key": "probe", "value": "probe"}]}}},
    )

    def __init__(self, name: str, args: ExternalSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install the operator."""
        super().__init__("aks-bootstrap:external_secrets:ExternalSecrets", name, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        keeper = args.vault.keeper_client_id if args.vault is not None else None
        self.release = release = Release(
            name,
            ReleaseArgs(
                access=args.access,
                chart=EXTERNAL_SECRETS,
                charts=args.charts,
                supply=args.supply,
                values=values(production=args.production, keep_crds=args.charts.keep_crds, pushes=keeper is not None),
                needs=self.needs,
            ),
            opts=self._child,
        )
        # the operator reports ready before its webhook serves
        self._serving = self.serving(name, args.access, release)
        account = self._account(STORE_SERVICE_ACCOUNT, args.vault.client_id if args.vault is not None else None)
        provider = _azure(args.vault, account=STORE_SERVICE_ACCOUNT) if args.vault else self._local_vault(account)
        first = [account, self._may_sign_in_as(STORE_SERVICE_ACCOUNT, account)]
        self._store("secret-store", SECRET_STORE, provider, after=first)
        self._store("argocd-secret-store", ARGO_CD_SECRET_STORE, provider, after=first)
        if args.vault is not None and keeper is not None:
            account = self._account(KEEPER_SERVICE_ACCOUNT, keeper)
            provider = _azure(args.vault, account=KEEPER_SERVICE_ACCOUNT)
            first = [account, self._may_sign_in_as(KEEPER_SERVICE_ACCOUNT, account)]
            self._store("certificate-store", CERTIFICATE_STORE, provider, after=first)
        self.register_outputs({})

    def _store(self, logical: str, store: str, provider: dict[str, Any], *, after: list[pulumi.Resource]) -> None:
        CustomResource(
            self._args.access.name(logical),
            api_version="external-secrets.io/v1",
            kind="ClusterSecretStore",
            metadata=ObjectMetaArgs(name=store),
            spec=self.release.once_installed({"conditions": STORE_CONDITIONS[store], "provider": provider}),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[self.release.ready, *after], hooks=self._serving),
        )

    def _account(self, name: str, client_id: pulumi.Input[str] | None) -> ServiceAccount:
        return ServiceAccount(
            self._args.access.name(name),
            metadata=ObjectMetaArgs(
                name=name,
                namespace=self.release.namespace,
                # the tenant stands in the store, and nowhere else: the operator refuses a second one, even the same
                annotations={"azure.workload.identity/client-id": client_id} if client_id is not None else {},
            ),
            opts=self._child,
        )

    def _may_sign_in_as(self, name: str, account: ServiceAccount) -> pulumi.Resource:
        """Let the operator ask for tokens of a store's service account, and of no other in the cluster.

        https://github.com/external-secrets/external-secrets/blob/v2.9.0/deploy/charts/external-secrets/values.yaml
        (rbac.serviceAccountTokenCreate)
        """
        return bound_role(
            self._args.access.name(f"{name}-token"),
            ObjectMetaArgs(name=f"{name}-token", namespace=self.release.namespace),
            [
                PolicyRuleArgs(
                    api_groups=[""],
                    resources=["serviceaccounts/token"],
                    resource_names=[name],
                    verbs=["create"],
                )
            ],
            account=CONTROLLER_SERVICE_ACCOUNT,
            account_namespace=NAMESPACE,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[account]),
        )

    def _local_vault(self, account: ServiceAccount) -> dict[str, Any]:
        """https://external-secrets.io/latest/provider/kubernetes/: read Secrets of one namespace."""
        access = self._args.access
        namespace = Namespace(
            access.name(LOCAL_SECRETS_NAMESPACE),
            metadata=ObjectMetaArgs(
                name=LOCAL_SECRETS_NAMESPACE, labels={"pod-security.kubernetes.io/enforce": "restricted"}
            ),
            opts=self._child,
        )
        bound_role(
            access.name("local-vault-reader"),
            ObjectMetaArgs(name=STORE_SERVICE_ACCOUNT, namespace=namespace.metadata.name),
            [PolicyRuleArgs(api_groups=[""], resources=["secrets"], verbs=["get", "list", "watch"])],
            account=account.metadata.apply(lambda metadata: metadata.name or ""),
            account_namespace=NAMESPACE,
            opts=self._child,
        )
        authority = {"type": "ConfigMap", "name": "kube-root-ca.crt", "namespace": NAMESPACE, "key": "ca.crt"}
        return {
            "kubernetes": {
                "remoteNamespace": LOCAL_SECRETS_NAMESPACE,
                "server": {"caProvider": authority},
                "auth": {"serviceAccount": {"name": STORE_SERVICE_ACCOUNT, "namespace": NAMESPACE}},
            }
        }


def _azure(vault: Vault, *, account: str) -> dict[str, Any]:
    """https://external-secrets.io/latest/provider/azure-key-vault/#workload-identity."""
    return {
        "azurekv": {
            "authType": "WorkloadIdentity",
            "tenantId": vault.tenant_id,
            "vaultUrl": vault.uri,
            "serviceAccountRef": {"name": account, "namespace": NAMESPACE},
        }
    }


_UNUSED: dict[str, Any] = {
    # the CRDs stay: a CRD that goes takes its objects along
    "processClusterExternalSecret": False,
    "processClusterPushSecret": False,
    "processClusterGenerator": False,
    "genericTargets": {"enabled": False},
    # tokens of one service account are enough: ExternalSecrets gives them by a role
    "rbac": {"serviceAccountTokenCreate": False, "servicebindings": {"create": False}},
}
"""What nothing here uses, off: copies of Secrets in many namespaces, and the rights for both.

https://external-secrets.io/latest/guides/security-best-practices/
"""


def values(*, production: bool, keep_crds: bool, pushes: bool) -> dict[str, Any]:
    """Return the chart's values.

    Args:
        production: whether there are several of each.
        keep_crds: leave the CRDs when the release is removed.
        pushes: whether anything is written to a store.
    """
    return {
        "installCRDs": True,
        # without it, an uninstall collects every Secret that the operator owns
        "crds": {"annotations": {"helm.sh/resource-policy": "keep"} if keep_crds else {}},
        **_UNUSED,
        "processPushSecret": pushes,
        "leaderElect": production,
        **replicated("external-secrets", several=production),
        "resources": WATCHER.resources,
        "webhook": {**replicated("external-secrets-webhook", several=production), "resources": SMALL.resources},
        "certController": {
            **replicated("external-secrets-cert-controller", several=production),
            "resources": WATCHER.resources,
        },
    }
