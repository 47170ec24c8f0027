"""The profiles of a managed cluster, from the settings: pure, so that they are tested without Pulumi."""

import hashlib
from ipaddress import IPv4Network

import pulumi
from pulumi_azure_native import containerservice as aks

from components.azure.network import Network
from settings.cluster import AutoscalerProfile, MaintenanceWindow
from settings.cluster import Cluster as ClusterSettings
from settings.foundation import Observability
from settings.network import Network as NetworkSettings
from settings.pools import SystemPool
from settings.types import DataPlane, Exposure, PodAddressing


def cluster_fingerprint(
    location: str, network: NetworkSettings, settings: ClusterSettings, system_pool: SystemPool
) -> str:
    """Return four characters that follow what an AKS cluster cannot change in place; they end its logical name.

    Without them, such a change in a running generation would delete the cluster and make another under its name. With
    them it asks for a second cluster under a name that is taken: Azure refuses, and nothing has been touched. The way
    is a new generation. docs/decisions/0004-cluster-generations.md
    """
    fixed = (
        location,
        network.pod_addressing,
        network.data_plane,
        network.pod_cidr,
        network.service_cidr,
        network.dns_service_ip,
        system_pool.vm_size,
        system_pool.ephemeral,
        system_pool.os_disk_gib,
        system_pool.max_pods,
        *settings.zones,
        # clusters from before these settings keep their names
        *(["trustedLaunch"] if system_pool.trusted_launch else []),
        *(["encryptionAtHost"] if system_pool.encryption_at_host else []),
    )
    return hashlib.sha256(repr([str(value) for value in fixed]).encode()).hexdigest()[:4]


def network_profile(settings: NetworkSettings) -> aks.ContainerServiceNetworkProfileArgs:
    """Return how pods, services and the way out are connected."""
    overlay = settings.pod_addressing is PodAddressing.OVERLAY
    cilium = settings.data_plane is DataPlane.CILIUM
    return aks.ContainerServiceNetworkProfileArgs(
        network_plugin=aks.NetworkPlugin.AZURE,
        network_plugin_mode=aks.NetworkPluginMode.OVERLAY if overlay else None,
        network_dataplane=aks.NetworkDataplane.CILIUM if cilium else aks.NetworkDataplane.AZURE,
        network_policy=aks.NetworkPolicy.CILIUM if cilium else aks.NetworkPolicy.CALICO,
        outbound_type=aks.OutboundType.USER_ASSIGNED_NAT_GATEWAY,
        load_balancer_sku=aks.LoadBalancerSku.STANDARD,
        pod_cidr=str(settings.pod_cidr) if overlay else None,
        service_cidr=str(settings.service_cidr),
        dns_service_ip=str(settings.dns_service_ip),
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


def authorized_ranges(configured: tuple[IPv4Network, ...], egress_addresses: tuple[str, ...]) -> list[str]:
    """Return the ranges that may reach the API server: nodes come from the NAT gateway and must be among them.

    https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges
    """
    return [*map(str, configured), *(f"{address}/32" for address in egress_addresses)]


def api_server_access(settings: ClusterSettings, network: Network) -> aks.ManagedClusterAPIServerAccessProfileArgs:
    """Return who may reach the API server, and how."""
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
        # `az aks command invoke` is the last resort for a private cluster, and needless elsewhere
        disable_run_command=not private,
    )


def node_resource_group_profile(settings: ClusterSettings) -> aks.ManagedClusterNodeResourceGroupProfileArgs | None:
    """Return who may change what AKS manages in the nodes' group; None leaves it to AKS, which lets everybody."""
    if settings.node_resource_group_read_only is None:
        return None
    read_only = settings.node_resource_group_read_only
    return aks.ManagedClusterNodeResourceGroupProfileArgs(
        restriction_level=aks.RestrictionLevel.READ_ONLY if read_only else aks.RestrictionLevel.UNRESTRICTED
    )


def security_profile(
    settings: ClusterSettings, defender_workspace_id: pulumi.Input[str] | None
) -> aks.ManagedClusterSecurityProfileArgs:
    """Return what guards the cluster; Defender reports to a workspace, and is off where there is none."""
    return aks.ManagedClusterSecurityProfileArgs(
        workload_identity=aks.ManagedClusterSecurityProfileWorkloadIdentityArgs(enabled=True),
        image_cleaner=aks.ManagedClusterSecurityProfileImageCleanerArgs(
            enabled=True, interval_hours=settings.image_cleaner_interval_hours
        ),
        azure_key_vault_kms=_etcd_encryption(settings),
        defender=(
            aks.ManagedClusterSecurityProfileDefenderArgs(
                log_analytics_workspace_resource_id=defender_workspace_id,
                security_monitoring=aks.ManagedClusterSecurityProfileDefenderSecurityMonitoringArgs(enabled=True),
            )
            if defender_workspace_id is not None
            else None
        ),
    )


def _etcd_encryption(settings: ClusterSettings) -> aks.AzureKeyVaultKmsArgs | None:
    encryption = settings.etcd_encryption
    if encryption is None:
        return None
    private = encryption.network_access == "Private"
    return aks.AzureKeyVaultKmsArgs(
        enabled=True,
        key_id=encryption.key_id,
        key_vault_network_access=aks.KeyVaultNetworkAccessTypes(encryption.network_access),
        # Azure takes it for a private vault only
        key_vault_resource_id=encryption.vault_resource_id if private else None,
    )


def autoscaler_profile(profile: AutoscalerProfile) -> aks.ManagedClusterPropertiesAutoScalerProfileArgs:
    """Return how the cluster autoscaler behaves."""
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


def addon_profiles(
    observability: Observability, log_analytics_id: pulumi.Input[str] | None
) -> dict[str, aks.ManagedClusterAddonProfileArgs]:
    """Return AKS's own add-ons."""
    insights = observability.container_insights
    return {
        "omsagent": aks.ManagedClusterAddonProfileArgs(
            enabled=insights,
            config=(
                {"logAnalyticsWorkspaceResourceID": log_analytics_id or "", "useAADAuth": "true"} if insights else None
            ),
        ),
        "azurepolicy": aks.ManagedClusterAddonProfileArgs(enabled=observability.azure_policy),
    }
