"""External Secrets Operator and the store that it reads: the vault, or a namespace of a local cluster."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Namespace, ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs

from components.access import ClusterAccess
from components.charts import EXTERNAL_SECRETS, resolve
from components.cluster_api import Probe
from components.kubernetes_role import bound_role
from components.placement import SYSTEM_POOL_TOLERATIONS
from components.release import Release, ReleaseArgs, serving_hook
from settings import Charts, merge

NAMESPACE = "external-secrets"
STORE = "vault"
"""Name of the ClusterSecretStore, the same in every environment."""
STORE_SERVICE_ACCOUNT = "vault-reader"
"""Signs in to the vault; the controller itself holds no rights in Azure."""
LOCAL_SECRETS_NAMESPACE = "local-vault"
"""Stands in for the vault on a local cluster: its Secrets are what applications ask for."""

PROBE = Probe(
    addon="External Secrets Operator",
    group="external-secrets.io",
    version="v1",
    plural="secretstores",
    namespace=NAMESPACE,
    body={
        "apiVersion": "external-secrets.io/v1",
        "kind": "SecretStore",
        "metadata": {"name": "aks-bootstrap-probe", "namespace": NAMESPACE},
        "spec": {"provider": {"fake": {"data": [{"key": "probe", "value": "probe"}]}}},
    },
)
"""Taken only when the CRDs are there and the webhook answers."""


@dataclass(frozen=True, kw_only=True)
class Vault:
    """The vault, and who may read it."""

    uri: pulumi.Input[str]
    tenant_id: str
    client_id: pulumi.Input[str]
    """Identity with Key Vault Secrets User on that vault."""


@dataclass(frozen=True, kw_only=True)
class ExternalSecretsArgs:
    """What the operator follows."""

    access: ClusterAccess
    charts: Charts
    production: bool
    vault: Vault | None = None
    """None makes a Kubernetes-backed store."""


class ExternalSecrets(pulumi.ComponentResource):
    """The release, then the ClusterSecretStore and the service account that it signs in with."""

    def __init__(self, name: str, args: ExternalSecretsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install the operator."""
        super().__init__("aks-bootstrap:external_secrets:ExternalSecrets", name, None, opts)
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        release = Release(
            name,
            ReleaseArgs(
                access=args.access,
                chart=resolve(EXTERNAL_SECRETS, args.charts, args.charts.external_secrets),
                namespace=NAMESPACE,
                values=merge(
                    values(production=args.production, keep_crds=args.charts.keep_crds),
                    args.charts.external_secrets.values,
                ),
                timeout_seconds=args.charts.timeout_seconds,
            ),
            opts=self._child,
        )
        account = ServiceAccount(
            args.access.name(STORE_SERVICE_ACCOUNT),
            metadata=ObjectMetaArgs(
                name=STORE_SERVICE_ACCOUNT,
                namespace=release.namespace,
                annotations=(
                    {
                        "azure.workload.identity/client-id": args.vault.client_id,
                        "azure.workload.identity/tenant-id": args.vault.tenant_id,
                    }
                    if args.vault
                    else {}
                ),
            ),
            opts=self._child,
        )
        CustomResource(
            args.access.name("secret-store"),
            api_version="external-secrets.io/v1",
            kind="ClusterSecretStore",
            metadata=ObjectMetaArgs(name=STORE),
            spec={"provider": self._store_provider(account)},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[release.ready, account],
                # the operator reports ready before its webhook serves
                hooks=serving_hook(name, args.access, [PROBE]),
            ),
        )
        self.register_outputs({})

    def _store_provider(self, account: ServiceAccount) -> dict[str, Any]:
        reference = {"name": STORE_SERVICE_ACCOUNT, "namespace": NAMESPACE}
        if self._args.vault is not None:
            return {
                "azurekv": {
                    "authType": "WorkloadIdentity",
                    "tenantId": self._args.vault.tenant_id,
                    "vaultUrl": self._args.vault.uri,
                    "serviceAccountRef": reference,
                }
            }
        self._local_vault(account)
        return {
            "kubernetes": {
                "remoteNamespace": LOCAL_SECRETS_NAMESPACE,
                "server": {
                    "caProvider": {
                        "type": "ConfigMap",
                        "name": "kube-root-ca.crt",
                        "namespace": NAMESPACE,
                        "key": "ca.crt",
                    }
                },
                "auth": {"serviceAccount": reference},
            }
        }

    def _local_vault(self, account: ServiceAccount) -> None:
        """https://external-secrets.io/latest/provider/kubernetes/: read Secrets of one namespace, and say so."""
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


def values(*, production: bool, keep_crds: bool) -> dict[str, Any]:
    """Return the chart's values."""
    replicas = 2 if production else 1
    budget = {"enabled": production, "minAvailable": 1}
    part = {
        "replicaCount": replicas,
        "tolerations": SYSTEM_POOL_TOLERATIONS,
        "podDisruptionBudget": budget,
    }
    return {
        "installCRDs": True,
        # without it, an uninstall collects every Secret that the operator owns
        "crds": {"annotations": {"helm.sh/resource-policy": "keep"} if keep_crds else {}},
        "leaderElect": production,
        **part,
        "webhook": part,
        "certController": part,
    }
