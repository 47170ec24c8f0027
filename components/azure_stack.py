"""The Azure side, one method for each step, in the order in which ``__main__`` takes them.

Every method turns settings into one component's arguments; what a component builds is in its own file.
"""

from startup import on_demand

import datetime as dt
from typing import TYPE_CHECKING

import pulumi
import pulumi_azure_native as azure_native

from components.addons import argocd, cert_manager, external_secrets, image_updater
from components.azure.alerts import Alerts, AlertsArgs
from components.azure.cluster import Cluster, ClusterArgs
from components.azure.dns_records import DnsRecords, DnsRecordsArgs
from components.azure.foundation import Foundation, FoundationArgs
from components.azure.identities import Identities, IdentitiesArgs, create_identities
from components.azure.ingress_addresses import IngressAddresses, IngressAddressesArgs
from components.azure.naming import Names
from components.azure.network import STORAGE_ENDPOINT, VAULT_ENDPOINT, Network, NetworkArgs
from components.azure.node_pool import NodePool, NodePoolArgs
from components.azure.private_endpoints import REGISTRY, VAULT, PrivateEndpoints, PrivateEndpointsArgs
from components.azure.role_propagation import RolePropagation
from components.azure.workload_identity import FederatedCredential, FederatedCredentialArgs, Identity
from components.azure_outputs import outputs
from components.cutover.in_azure import cutover_hooks, metadata
from components.platform import AzureDns, Platform, Prerequisite, RegistrySignIn, Vault
from components.restore.hook import RestoreArgs, restore_hook
from conventions import ARGO_CD_NAMESPACE, INGRESS_CLASS, SECRET_STORE
from settings import Settings
from settings.azure_facts import REGIONS_WITHOUT_ZONES
from settings.foundation import Tags
from settings.types import Cutover

if TYPE_CHECKING:
    from components.azure import backup_vault, cluster_backup, metric_alerts
else:  # parts of the SDK that only some stacks need
    backup_vault = on_demand("components.azure.backup_vault")
    cluster_backup = on_demand("components.azure.cluster_backup")
    metric_alerts = on_demand("components.azure.metric_alerts")


class AzureStack:
    """Builds an environment's Azure side in the subscription that the stack file names."""

    def __init__(self, settings: Settings) -> None:
        """Bind settings to names, tags and the explicit provider."""
        if settings.azure is None or settings.cluster is None or settings.tags is None:
            raise TypeError("settings of target 'azure' always have these sections")
        self._settings, self._azure, self._cluster = settings, settings.azure, settings.cluster
        self._location = settings.cluster.location or settings.azure.location
        self._names = Names.of(
            settings, settings.azure, location=self._location, generation=settings.cluster.generation
        )
        self._tags = all_tags(settings.tags, settings.environment)
        # every zone of the region, whatever the nodes' zones are: an address can never change its own
        self._address_zones = () if self._location in REGIONS_WITHOUT_ZONES else ("1", "2", "3")
        provider = azure_native.Provider(
            "azure", subscription_id=self._azure.subscription_id, tenant_id=self._azure.tenant_id
        )
        self._opts = pulumi.ResourceOptions(provider=provider)
        self._propagation = RolePropagation()

    def network(self) -> Network:
        """Build the region's network."""
        args = NetworkArgs(
            names=self._names,
            location=self._location,
            zones=self._address_zones,
            tags=self._tags,
            settings=self._settings.network,
            service_endpoints=(
                *((VAULT_ENDPOINT,) if self._settings.key_vault.closed else ()),
                *((STORAGE_ENDPOINT,) if self._settings.backup.enabled else ()),
            ),
        )
        return Network(f"network-{self._location}", args, self._opts)

    def foundation(self, network: Network) -> Foundation:
        """Build what outlives clusters."""
        args = FoundationArgs(
            names=self._names,
            azure=self._azure,
            tags=self._tags,
            dns=self._settings.dns,
            issuer=self._settings.certificates.issuer,
            key_vault=self._settings.key_vault,
            registry=self._settings.registry,
            observability=self._settings.observability,
            production=self._settings.production,
            egress_addresses=network.egress_addresses,
            cluster_subnet_ids=network.cluster_subnet_ids,
            private_only=self._settings.network.private_only,
        )
        return Foundation("foundation", args, self._opts)

    def private_endpoints(self, network: Network, foundation: Foundation) -> PrivateEndpoints | None:
        """Build the ways from the network to the vault and the registry, where the network has a subnet for them."""
        if network.endpoint_subnet_id is None:
            return None
        targets = {"vault": (VAULT, foundation.vault_id)}
        if foundation.registry_id is not None and self._settings.registry.mode == "create":
            targets["registry"] = (REGISTRY, foundation.registry_id)
        args = PrivateEndpointsArgs(
            names=self._names,
            location=self._location,
            tags=self._tags,
            resource_group_name=network.resource_group_name,
            network_id=network.id,
            subnet_id=network.endpoint_subnet_id,
            targets=targets,
        )
        return PrivateEndpoints(f"private-endpoints-{self._location}", args, self._opts)

    def ingress_addresses(self) -> IngressAddresses:
        """Build the addresses that lead to ingress, one of which is this generation's."""
        args = IngressAddressesArgs(
            names=self._names,
            location=self._location,
            zones=self._address_zones,
            tags=self._tags,
            production=self._settings.production,
            generation=self._cluster.generation,
        )
        return IngressAddresses(f"ingress-addresses-{self._location}", args, self._opts)

    def identities(self, foundation: Foundation, network: Network, ingress: IngressAddresses) -> Identities:
        """Build identities, each with the least that its consumer needs."""
        args = IdentitiesArgs(
            names=self._names,
            settings=self._settings,
            cluster=self._cluster,
            location=self._azure.location,
            cluster_location=self._location,
            tags=self._tags,
            foundation=foundation,
            network=network,
            ingress=ingress,
            propagation=self._propagation,
        )
        return create_identities(args, self._opts)

    def cluster(self, foundation: Foundation, network: Network, identities: Identities) -> Cluster:
        """Build this generation's cluster."""
        args = ClusterArgs(
            names=self._names,
            azure=self._azure,
            location=self._location,
            tags=self._tags,
            settings=self._cluster,
            system_pool=self._settings.system_pool,
            network_settings=self._settings.network,
            observability=self._settings.observability,
            network=network,
            foundation=foundation,
            control_plane=identities.control_plane,
            kubelet=identities.kubelet,
            propagation=self._propagation,
        )
        return Cluster(f"cluster-g{self._cluster.generation}", args, self._opts)

    def backup(self, network: Network, identities: Identities, cluster: Cluster) -> "cluster_backup.Backups | None":
        """Build what keeps backups, and what takes those of this generation, where the stack asks for them."""
        settings = self._settings.backup
        if not settings.enabled:
            return None
        propagation = RolePropagation()
        vault_args = backup_vault.BackupVaultArgs(
            names=self._names,
            location=self._location,
            tags=self._tags,
            settings=settings,
            production=self._settings.production,
            subnet_ids=network.cluster_subnet_ids,
            control_plane_principal=identities.control_plane.principal_id,
            propagation=propagation,
        )
        vault = backup_vault.BackupVault(f"backup-vault-{self._location}", vault_args, self._opts)
        cluster_args = cluster_backup.ClusterBackupArgs(
            names=self._names,
            azure=self._azure,
            location=self._location,
            settings=settings,
            production=self._settings.production,
            generation=self._cluster.generation,
            cluster=cluster,
            vault=vault,
            propagation=propagation,
        )
        taken = cluster_backup.ClusterBackup(cluster.access.name("backup"), cluster_args, self._opts)
        return cluster_backup.Backups(vault, taken)

    def back_up(self, backup: "cluster_backup.Backups | None", after: pulumi.Resource) -> None:
        """Have this generation backed up from now on, where the stack asks for it."""
        if backup is not None:
            backup.cluster.protect(after)

    def alerts(
        self,
        foundation: Foundation,
        network: Network,
        ingress: IngressAddresses,
        cluster: Cluster,
        backup: "cluster_backup.Backups | None",
    ) -> None:
        """Build what tells people of changes that weaken the environment, and of trouble in it, where any are named."""
        if self._settings.observability.alerts is None:
            return
        args = AlertsArgs(
            names=self._names,
            tags=self._tags,
            settings=self._settings.observability.alerts,
            resource_group_name=foundation.resource_group_name,
            lasting_groups=(
                foundation.resource_group_name,
                network.resource_group_name,
                ingress.resource_group_name,
            ),
            cluster_group=cluster.resource_group_name,
        )
        alerts = Alerts("alerts", args, self._opts)
        if backup is not None:
            backup_vault.backup_alerts(self._names, backup.vault, self._location, alerts.receivers_id)
        if not self._settings.observability.alerts_on_metrics or foundation.monitor_workspace_id is None:
            return
        metric_args = metric_alerts.MetricAlertsArgs(
            names=self._names,
            location=self._azure.location,
            tags=self._tags,
            resource_group_name=foundation.resource_group_name,
            workspace_id=foundation.monitor_workspace_id,
            receivers_id=alerts.receivers_id,
            rules=metric_alerts.rules(self._settings.system_pool, self._settings.node_pools, self._cluster.zones),
        )
        metric_alerts.MetricAlerts("metric-alerts", metric_args, self._opts)

    def node_pools(self, cluster: Cluster, network: Network) -> list[NodePool]:
        """Build user pools, one after the other; nothing else waits for them.

        Pools on one subnet that are written at once fail on each other. https://github.com/Azure/AKS/issues/4522
        """
        built: list[NodePool] = []
        for pool in self._settings.node_pools:
            opts = pulumi.ResourceOptions(
                deleted_with=cluster.resource, depends_on=[built[-1] if built else cluster.system_pool]
            )
            built.append(
                NodePool(
                    cluster.access.name(f"pool-{pool.name}"),
                    NodePoolArgs(
                        settings=pool,
                        kubernetes_version=self._cluster.kubernetes_version,
                        zones=self._cluster.zones,
                        ssh=self._cluster.node_ssh,
                        cluster_group_name=cluster.resource_group_name,
                        cluster_name=cluster.name,
                        subnet_id=network.node_subnet_id,
                        pod_subnet_id=network.pod_subnet_id,
                        tags=self._tags,
                    ),
                    pulumi.ResourceOptions.merge(self._opts, opts),
                )
            )
        return built

    def platform(
        self,
        foundation: Foundation,
        ingress: IngressAddresses,
        identities: Identities,
        cluster: Cluster,
        backup: "cluster_backup.Backups | None",
    ) -> Platform:
        """Federate the identities with this cluster, and return what the addons need to know."""
        registry, updater, repositories = foundation.registry_host, identities.image_updater, identities.argocd
        keeper = identities.certificate_keeper
        return Platform(
            access=cluster.access,
            credentials=[
                *self._federated(foundation, identities, cluster),
                *([foundation.dns_caa] if foundation.dns_caa is not None else []),
            ],
            azure_dns=AzureDns(
                subscription_id=self._azure.subscription_id,
                resource_group_name=foundation.dns_resource_group_name,
                zone=foundation.dns_zone_name,
                client_id=identities.cert_manager.client_id,
            ),
            address=ingress.address,
            vault=Vault(
                uri=foundation.vault_uri,
                tenant_id=self._azure.tenant_id,
                client_id=identities.external_secrets.client_id,
                keeper_client_id=keeper.client_id if keeper is not None else None,
            ),
            tenant_id=self._azure.tenant_id,
            repository_client_id=repositories.client_id if repositories is not None else None,
            image_registry=(
                RegistrySignIn(host=registry, client_id=updater.client_id)
                if updater is not None and registry is not None
                else None
            ),
            restore=self._restore(cluster, backup),
            facts={
                "environment": self._settings.environment,
                "subscription-id": self._azure.subscription_id,
                "tenant-id": self._azure.tenant_id,
                "location": self._location,
                "cluster-name": cluster.name,
                "dns-zone": self._settings.dns.zone,
                "ingress-class": INGRESS_CLASS,
                "cluster-issuer": self._settings.certificates.issuer.value,
                "secret-store": SECRET_STORE,
                "vault-uri": foundation.vault_uri,
                "external-secrets-client-id": identities.external_secrets.client_id,
            },
            outputs=outputs(self._settings, self._azure, foundation, ingress, cluster),
        )

    def _restore(self, cluster: Cluster, backup: "cluster_backup.Backups | None") -> Prerequisite | None:
        """Return what brings back the applications of the generation before; the first one has none."""
        if backup is None or not self._settings.backup.restores or self._cluster.generation == 1:
            return None
        args = RestoreArgs(
            access=cluster.access,
            subscription_id=self._azure.subscription_id,
            resource_group_name=self._names.backup_group,
            vault_name=self._names.backup_vault,
            cluster_id=cluster.resource.id,
            location=self._location,
            at=self._settings.backup.restored_at,
            every=dt.timedelta(hours=self._settings.backup.every_hours),
            provider=self._opts.provider,
        )
        return Prerequisite(restore_hook(cluster.access.name("restore"), args), after=backup.cluster.ready)

    def _federated(self, foundation: Foundation, identities: Identities, cluster: Cluster) -> list[FederatedCredential]:
        """Let each consumer's service account in this cluster act as its identity."""
        consumers: dict[str, tuple[Identity | None, str, str]] = {
            "cert-manager": (identities.cert_manager, cert_manager.NAMESPACE, cert_manager.SERVICE_ACCOUNT),
            "external-secrets": (
                identities.external_secrets,
                external_secrets.NAMESPACE,
                external_secrets.STORE_SERVICE_ACCOUNT,
            ),
            "certificate-keeper": (
                identities.certificate_keeper,
                external_secrets.NAMESPACE,
                external_secrets.KEEPER_SERVICE_ACCOUNT,
            ),
            "argocd": (identities.argocd, ARGO_CD_NAMESPACE, argocd.REPO_SERVER_SERVICE_ACCOUNT),
            "image-updater": (identities.image_updater, image_updater.NAMESPACE, image_updater.SERVICE_ACCOUNT),
        }
        return [
            FederatedCredential(
                cluster.access.name(f"federated-{consumer}"),
                FederatedCredentialArgs(
                    credential_name=self._names.federated_credential(consumer),
                    identity_name=identity.name,
                    resource_group_name=foundation.resource_group_name,
                    issuer=cluster.oidc_issuer,
                    namespace=namespace,
                    service_account=service_account,
                ),
                self._opts,
            )
            for consumer, (identity, namespace, service_account) in consumers.items()
            if identity is not None
        ]

    def dns_records(
        self,
        foundation: Foundation,
        ingress: IngressAddresses,
        cluster: Cluster,
        *,
        serving: list[pulumi.Resource],
        immediate: list[pulumi.Resource],
    ) -> DnsRecords:
        """Point the environment's host names at this generation's ingress.

        Args:
            foundation: has the zone.
            ingress: has the address.
            cluster: that the names lead to.
            serving: what has to be there before the new side is asked whether it serves.
            immediate: what has to be there where names move at once.
        """
        dns = self._settings.dns
        args = DnsRecordsArgs(
            zone=dns.zone,
            resource_group_name=foundation.dns_resource_group_name,
            records=dns.records,
            address=ingress.address.ip,
            ttl_seconds=dns.ttl_seconds,
            cluster=metadata(cluster),
            hooks=cutover_hooks(self._settings, cluster, self._opts.provider),
        )
        after = serving if dns.cutover is Cutover.SERVING else immediate
        opts = pulumi.ResourceOptions.merge(self._opts, pulumi.ResourceOptions(depends_on=after))
        return DnsRecords("record", args, opts)


def all_tags(tags: Tags, environment: str) -> dict[str, str]:
    """Return the tags of every Azure resource."""
    return {
        **tags.extra,
        "environment": environment,
        "owner": tags.owner,
        "cost-centre": tags.cost_centre,
        "managed-by": "aks-bootstrap",
    }
