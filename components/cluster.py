"""One generation of the AKS cluster: the cluster, its maintenance windows, its monitoring and the way in."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes
from pulumi_azure_native import containerservice as aks
from pulumi_azure_native import resources

from components.access import ClusterAccess
from components.cluster_monitoring import ClusterMonitoring, ClusterMonitoringArgs
from components.foundation import Foundation
from components.kubeconfig import exec_kubeconfig
from components.naming import Names
from components.network import Network
from components.role_propagation import retry_hook
from components.system_pool import SystemPoolArgs, SystemPoolUpdate, SystemPoolUpdateArgs, inline_profile
from components.workload_identity import Identity
from settings import Azure, MaintenanceWindow, Observability, SystemPool
from settings import Cluster as ClusterSettings
from settings import Network as NetworkSettings
from stackconfig.types import DataPlane, Exposure, PodAddressing


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """What the cluster follows."""

    names: Names
    azure: Azure
    location: str
    tags: Mapping[str, str]
    settings: ClusterSettings
    system_pool: SystemPool
    network_settings: NetworkSettings
    observability: Observability
    network: Network
    foundation: Foundation
    control_plane: Identity
    """Identity that the cluster manages Azure with."""
    kubelet: Identity
    """Identity that nodes pull images with."""


class Cluster(pulumi.ComponentResource):
    """An AKS cluster that Entra ID guards. All of it is disposable: a higher generation replaces it."""

    access: ClusterAccess
    """The way in."""
    name: pulumi.Output[str]
    resource_group_name: pulumi.Output[str]
    resource: aks.ManagedCluster
    """What takes the rest along when it is deleted."""
    fqdn: pulumi.Output[str]
    """Host name of the API server."""
    oidc_issuer: pulumi.Output[str]
    """Issuer of service account tokens, which federated credentials trust."""

    def __init__(self, name: str, args: ClusterArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the cluster."""
        super().__init__("aks-bootstrap:cluster:Cluster", name, None, opts)
        suffix = f"-g{args.settings.generation}"
        group = resources.ResourceGroup(
            f"cluster{suffix}",
            resource_group_name=args.names.cluster_group,
            location=args.location,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        fingerprint = cluster_fingerprint(args.location, args.network_settings, args.settings, args.system_pool)
        system_pool = SystemPoolArgs(
            settings=args.system_pool,
            kubernetes_version=args.settings.kubernetes_version,
            zones=args.settings.zones,
            subnet_id=args.network.node_subnet_id,
            pod_subnet_id=args.network.pod_subnet_id,
            tags=args.tags,
        )
        cluster = self._managed_cluster(f"aks{suffix}-{fingerprint}", args, group, system_pool)
        self.resource = cluster
        self.name = cluster.name
        self.resource_group_name = group.name
        self.fqdn = pulumi.Output.all(cluster.private_fqdn, cluster.fqdn).apply(
            lambda names: names[0] or names[1] or ""
        )
        self.oidc_issuer = cluster.oidc_issuer_profile.apply(lambda profile: profile.issuer_url if profile else "")

        child = pulumi.ResourceOptions(parent=self, deleted_with=cluster)
        SystemPoolUpdate(
            f"system-pool{suffix}",
            SystemPoolUpdateArgs(pool=system_pool, cluster_name=cluster.name, resource_group_name=group.name),
            opts=child,
        )
        windows = {
            # the names are Azure's. https://learn.microsoft.com/azure/aks/planned-maintenance#schedule-configuration-types
            "aksManagedAutoUpgradeSchedule": args.settings.maintenance.cluster,
            "aksManagedNodeOSUpgradeSchedule": args.settings.maintenance.node_os,
        }
        for config_name, window in windows.items():
            if window is not None:
                aks.MaintenanceConfiguration(
                    f"{'nodes' if 'NodeOS' in config_name else 'cluster'}-maintenance{suffix}",
                    config_name=config_name,
                    resource_name_=cluster.name,
                    resource_group_name=group.name,
                    maintenance_window=maintenance_window(window),
                    opts=child,
                )
        ClusterMonitoring(
            f"monitoring{suffix}",
            ClusterMonitoringArgs(
                names=args.names,
                location=args.azure.location,
                tags=args.tags,
                resource_group_name=group.name,
                cluster_id=cluster.id,
                log_analytics_id=args.foundation.log_analytics_id if args.observability.container_insights else None,
                monitor_workspace_id=args.foundation.monitor_workspace_id,
            ),
            opts=child,
        )
        self.access = self._way_in(f"cluster{suffix}", args, cluster, group, suffix)
        self.register_outputs({"name": self.name, "oidcIssuer": self.oidc_issuer})

    def _managed_cluster(
        self, name: str, args: ClusterArgs, group: resources.ResourceGroup, system_pool: SystemPoolArgs
    ) -> aks.ManagedCluster:
        settings = args.settings
        return aks.ManagedCluster(
            name,
            resource_name_=args.names.cluster,
            resource_group_name=group.name,
            location=args.location,
            tags=args.tags,
            dns_prefix=args.names.cluster,
            node_resource_group=args.names.cluster_nodes_group,
            kubernetes_version=settings.kubernetes_version,
            sku=aks.ManagedClusterSKUArgs(
                name=aks.ManagedClusterSKUName.BASE, tier=aks.ManagedClusterSKUTier(settings.tier)
            ),
            support_plan=(
                aks.KubernetesSupportPlan.AKS_LONG_TERM_SUPPORT
                if settings.long_term_support
                else aks.KubernetesSupportPlan.KUBERNETES_OFFICIAL
            ),
            identity=aks.ManagedClusterIdentityArgs(
                type=aks.ResourceIdentityType.USER_ASSIGNED, user_assigned_identities=[args.control_plane.id]
            ),
            identity_profile={
                "kubeletidentity": aks.UserAssignedIdentityArgs(
                    resource_id=args.kubelet.id,
                    client_id=args.kubelet.client_id,
                    object_id=args.kubelet.principal_id,
                )
            },
            agent_pool_profiles=[inline_profile(system_pool)],
            network_profile=network_profile(args.network_settings),
            api_server_access_profile=_api_server_access(settings, args.network),
            enable_rbac=True,
            disable_local_accounts=not settings.local_accounts,
            aad_profile=aks.ManagedClusterAADProfileArgs(
                managed=True,
                enable_azure_rbac=True,
                tenant_id=args.azure.tenant_id,
                admin_group_object_ids=list(settings.admin_group_object_ids) or None,
            ),
            oidc_issuer_profile=aks.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
            security_profile=_security_profile(settings, args),
            auto_upgrade_profile=aks.ManagedClusterAutoUpgradeProfileArgs(
                upgrade_channel=aks.UpgradeChannel(settings.upgrade_channel),
                node_os_upgrade_channel=aks.NodeOSUpgradeChannel(settings.node_os_upgrade_channel),
            ),
            auto_scaler_profile=None if settings.node_auto_provisioning else _autoscaler_profile(settings),
            workload_auto_scaler_profile=aks.ManagedClusterWorkloadAutoScalerProfileArgs(
                keda=aks.ManagedClusterWorkloadAutoScalerProfileKedaArgs(enabled=settings.keda),
                vertical_pod_autoscaler=aks.ManagedClusterWorkloadAutoScalerProfileVerticalPodAutoscalerArgs(
                    enabled=settings.vertical_pod_autoscaler
                ),
            ),
            node_provisioning_profile=aks.ManagedClusterNodeProvisioningProfileArgs(
                mode=(
                    aks.NodeProvisioningMode.AUTO
                    if settings.node_auto_provisioning
                    else aks.NodeProvisioningMode.MANUAL
                )
            ),
            addon_profiles=_addons(args),
            azure_monitor_profile=aks.ManagedClusterAzureMonitorProfileArgs(
                metrics=aks.ManagedClusterAzureMonitorProfileMetricsArgs(enabled=args.observability.managed_prometheus)
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                # the control plane must be allowed to join the subnet, and nodes to pull, before they try
                depends_on=[args.control_plane, args.kubelet, args.network],
                # read at creation only: Azure lists every pool here, with counts that the autoscaler moves
                ignore_changes=["agentPoolProfiles"],
                hooks=retry_hook(f"{name}-roles"),
            ),
        )

    def _way_in(
        self, name: str, args: ClusterArgs, cluster: aks.ManagedCluster, group: resources.ResourceGroup, suffix: str
    ) -> ClusterAccess:
        asked = pulumi.InvokeOutputOptions(parent=self, depends_on=[cluster])
        credentials = aks.list_managed_cluster_user_credentials_output(
            resource_group_name=group.name, resource_name=cluster.name, opts=asked
        )
        live = aks.get_managed_cluster_output(resource_group_name=group.name, resource_name=cluster.name, opts=asked)
        kubeconfig: pulumi.Output[str] = pulumi.Output.secret(
            credentials.apply(
                lambda answer: exec_kubeconfig(
                    answer.kubeconfigs[0].value,
                    cluster_name=args.names.cluster,
                    tenant_id=args.azure.tenant_id,
                    login=args.settings.kubelogin,
                )
            )
        )
        provider = kubernetes.Provider(
            name,
            kubeconfig=kubeconfig,
            # changes exactly when the cluster is another one: not with a rotated certificate authority, but with a
            # cluster that was deleted and created again under its name behind our back, which only Azure's live
            # answer tells
            cluster_identifier=live.apply(lambda answer: cluster_identifier(answer.id, answer.resource_uid)),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[cluster]),
        )
        return ClusterAccess(provider=provider, kubeconfig=kubeconfig, suffix=suffix, cluster=cluster)


def cluster_identifier(cluster_id: str | None, resource_uid: str | None) -> str:
    """Return what tells this cluster from any other: its ARM id, and the uid that a cluster never shares with another.

    https://learn.microsoft.com/rest/api/aks/managed-clusters/get (properties.resourceUID)
    """
    return f"{cluster_id or ''}#{resource_uid or ''}".lower()


def cluster_fingerprint(
    location: str, network: NetworkSettings, settings: ClusterSettings, system_pool: SystemPool
) -> str:
    """Return four characters that follow what an AKS cluster cannot change in place; they end its logical name.

    Without them, such a change in a running generation would delete the cluster and make another under its name. With
    them it asks for a second cluster under a name that is taken: Azure refuses, and nothing has been touched. The way
    is a new generation. docs/decisions/0004-cluster-generations.md
    """
    fixed = (
        location, network.pod_addressing, network.data_plane, network.pod_cidr, network.service_cidr,
        network.dns_service_ip, system_pool.vm_size, system_pool.ephemeral, system_pool.os_disk_gib,
        system_pool.max_pods, *settings.zones,
    )  # fmt: skip
    return hashlib.sha256(repr([str(value) for value in fixed]).encode()).hexdigest()[:4]


def network_profile(settings: NetworkSettings) -> aks.ContainerServiceNetworkProfileArgs:
    """Return how pods, services and the way out are wired."""
    overlay = settings.pod_addressing is PodAddressing.OVERLAY
    cilium = settings.data_plane is DataPlane.CILIUM
    return aks.ContainerServiceNetworkProfileArgs(
        network_plugin=aks.NetworkPlugin.AZURE,
        network_plugin_mode=aks.NetworkPluginMode.OVERLAY if overlay else None,
        network_dataplane=aks.NetworkDataplane.CILIUM if cilium else aks.NetworkDataplane.AZURE,
        network_policy=aks.NetworkPolicy.CILIUM if cilium else aks.NetworkPolicy.CALICO,
        outbound_type=aks.OutboundType.USER_ASSIGNED_NAT_GATEWAY,
        load_balancer_sku=aks.LoadBalancerSku.STANDARD,
        pod_cidr=settings.pod_cidr if overlay else None,
        service_cidr=settings.service_cidr,
        dns_service_ip=settings.dns_service_ip,
    )


def maintenance_window(window: MaintenanceWindow) -> aks.MaintenanceWindowArgs:
    """Return a weekly window."""
    return aks.MaintenanceWindowArgs(
        schedule=aks.ScheduleArgs(
            weekly=aks.WeeklyScheduleArgs(day_of_week=aks.WeekDay(window.day), interval_weeks=window.interval_weeks)
        ),
        start_time=window.start_time,
        utc_offset=window.utc_offset,
        duration_hours=window.duration_hours,
        start_date=window.start_date.isoformat() if window.start_date else None,
    )


def authorized_ranges(configured: tuple[str, ...], egress_addresses: tuple[str, ...]) -> list[str]:
    """Return the ranges that may reach the API server: nodes come from the NAT gateway and must be among them.

    https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges
    """
    return [*configured, *(f"{address}/32" for address in egress_addresses)]


def _api_server_access(settings: ClusterSettings, network: Network) -> aks.ManagedClusterAPIServerAccessProfileArgs:
    exposure = settings.api_server.exposure
    private = exposure in {Exposure.PRIVATE, Exposure.VNET_INTEGRATED}
    ranges = settings.api_server.authorized_ip_ranges
    return aks.ManagedClusterAPIServerAccessProfileArgs(
        enable_private_cluster=private,
        private_dns_zone="system" if private else None,
        enable_private_cluster_public_fqdn=False if private else None,
        enable_vnet_integration=True if exposure is Exposure.VNET_INTEGRATED else None,
        subnet_id=network.api_server_subnet_id if exposure is Exposure.VNET_INTEGRATED else None,
        authorized_ip_ranges=(
            network.egress_addresses.apply(lambda addresses: authorized_ranges(ranges, addresses))
            if exposure is Exposure.AUTHORIZED_RANGES
            else None
        ),
        # `az aks command invoke` is the emergency door of a private cluster, and a needless one elsewhere
        disable_run_command=not private,
    )


def _security_profile(settings: ClusterSettings, args: ClusterArgs) -> aks.ManagedClusterSecurityProfileArgs:
    return aks.ManagedClusterSecurityProfileArgs(
        workload_identity=aks.ManagedClusterSecurityProfileWorkloadIdentityArgs(enabled=True),
        image_cleaner=aks.ManagedClusterSecurityProfileImageCleanerArgs(
            enabled=True, interval_hours=settings.image_cleaner_interval_hours
        ),
        defender=(
            aks.ManagedClusterSecurityProfileDefenderArgs(
                log_analytics_workspace_resource_id=args.foundation.log_analytics_id,
                security_monitoring=aks.ManagedClusterSecurityProfileDefenderSecurityMonitoringArgs(enabled=True),
            )
            if args.observability.defender
            else None
        ),
    )


def _autoscaler_profile(settings: ClusterSettings) -> aks.ManagedClusterPropertiesAutoScalerProfileArgs:
    profile = settings.autoscaler
    # Azure takes these as text
    return aks.ManagedClusterPropertiesAutoScalerProfileArgs(
        expander=aks.Expander(profile.expander),
        balance_similar_node_groups=str(profile.balance_similar_node_groups).lower(),
        scan_interval=profile.scan_interval,
        scale_down_delay_after_add=profile.scale_down_delay_after_add,
        scale_down_unneeded_time=profile.scale_down_unneeded_time,
        scale_down_utilization_threshold=str(profile.scale_down_utilization_threshold),
        max_graceful_termination_sec=str(profile.max_graceful_termination_seconds),
        max_node_provision_time=profile.max_node_provision_time,
        skip_nodes_with_local_storage=str(profile.skip_nodes_with_local_storage).lower(),
        skip_nodes_with_system_pods=str(profile.skip_nodes_with_system_pods).lower(),
    )


def _addons(args: ClusterArgs) -> dict[str, aks.ManagedClusterAddonProfileArgs]:
    insights = args.observability.container_insights
    return {
        "omsagent": aks.ManagedClusterAddonProfileArgs(
            enabled=insights,
            config=(
                {"logAnalyticsWorkspaceResourceID": args.foundation.log_analytics_id or "", "useAADAuth": "true"}
                if insights
                else None
            ),
        ),
        "azurepolicy": aks.ManagedClusterAddonProfileArgs(enabled=args.observability.azure_policy),
    }
