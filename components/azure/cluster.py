"""One generation of the AKS cluster: the cluster, its maintenance windows, its monitoring and access to it."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerservice as aks
from pulumi_azure_native import resources

from components.access import ClusterAccess
from components.azure.cluster_access import aks_access
from components.azure.cluster_profiles import (
    addon_profiles,
    api_server_access,
    autoscaler_profile,
    cluster_fingerprint,
    maintenance_window,
    network_profile,
    node_resource_group_profile,
    security_profile,
)
from components.azure.foundation import Foundation
from components.azure.monitoring import ClusterMonitoring, ClusterMonitoringArgs
from components.azure.naming import Names
from components.azure.network import Network
from components.azure.retries import ROLES, retry_hook
from components.azure.role_propagation import RolePropagation
from components.azure.system_pool import SystemPoolArgs, SystemPoolUpdate, SystemPoolUpdateArgs, inline_profile, os_sku
from components.azure.version_upgrade import upgrade_hook
from components.azure.workload_identity import Identity
from settings.cluster import Cluster as ClusterSettings
from settings.foundation import Azure, Observability
from settings.network import Network as NetworkSettings
from settings.pools import SystemPool


@dataclass(frozen=True, kw_only=True)
class ClusterArgs:
    """Inputs of the cluster."""

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
    propagation: RolePropagation
    """Gives their roles the time that they take."""


class Cluster(pulumi.ComponentResource):
    """An AKS cluster that Entra ID guards. All of it is disposable: a higher generation replaces it."""

    access: ClusterAccess
    """Access to it."""
    name: pulumi.Output[str]
    resource_group_name: pulumi.Output[str]
    system_pool: SystemPoolUpdate
    """What writes its system pool; user pools are written after it."""
    resource: aks.ManagedCluster
    """``deleted_with`` of everything in it."""
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
            # a group in another place is another group: the running cluster would be deleted with this one
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["location"]),
        )
        fingerprint = cluster_fingerprint(args.location, args.network_settings, args.settings, args.system_pool)
        system_pool = SystemPoolArgs(
            settings=args.system_pool,
            kubernetes_version=args.settings.kubernetes_version,
            zones=args.settings.zones,
            ssh=args.settings.node_ssh,
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
        self.system_pool = SystemPoolUpdate(
            f"system-pool{suffix}",
            SystemPoolUpdateArgs(
                pool=system_pool,
                os_sku=cluster.agent_pool_profiles.apply(os_sku),
                cluster_name=cluster.name,
                resource_group_name=group.name,
            ),
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
                cluster_location=args.location,
                tags=args.tags,
                resource_group_name=group.name,
                cluster_id=cluster.id,
                log_analytics_id=args.foundation.log_analytics_id if args.observability.container_insights else None,
                diagnostics_id=args.foundation.log_analytics_id if args.observability.diagnostics else None,
                monitor_workspace_id=args.foundation.monitor_workspace_id,
            ),
            # not deleted with the cluster: an association that is left behind holds its rule, and that its group
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.access = aks_access(
            "cluster",
            cluster=cluster,
            resource_group_name=group.name,
            cluster_name=args.names.cluster,
            tenant_id=args.azure.tenant_id,
            login=args.settings.kubelogin,
            exposure=args.settings.api_server.exposure,
            suffix=suffix,
            parent=self,
        )
        self.register_outputs({"name": self.name, "oidcIssuer": self.oidc_issuer})

    def _managed_cluster(
        self, name: str, args: ClusterArgs, group: resources.ResourceGroup, system_pool: SystemPoolArgs
    ) -> aks.ManagedCluster:
        settings = args.settings
        defender_workspace = args.foundation.log_analytics_id if args.observability.defender else None
        return aks.ManagedCluster(
            name,
            resource_name_=args.names.cluster,
            resource_group_name=group.name,
            location=args.location,
            tags=args.tags,
            dns_prefix=args.names.cluster,
            node_resource_group=args.names.cluster_nodes_group,
            node_resource_group_profile=node_resource_group_profile(settings),
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
            api_server_access_profile=api_server_access(settings, args.network),
            enable_rbac=True,
            disable_local_accounts=not settings.local_accounts,
            aad_profile=aks.ManagedClusterAADProfileArgs(
                managed=True,
                enable_azure_rbac=True,
                tenant_id=args.azure.tenant_id,
                admin_group_object_ids=list(settings.admin_group_object_ids) or None,
            ),
            oidc_issuer_profile=aks.ManagedClusterOIDCIssuerProfileArgs(enabled=True),
            security_profile=security_profile(settings, defender_workspace),
            auto_upgrade_profile=aks.ManagedClusterAutoUpgradeProfileArgs(
                upgrade_channel=aks.UpgradeChannel(settings.upgrade_channel),
                node_os_upgrade_channel=aks.NodeOSUpgradeChannel(settings.node_os_upgrade_channel),
            ),
            auto_scaler_profile=None if settings.node_auto_provisioning else autoscaler_profile(settings.autoscaler),
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
            addon_profiles=addon_profiles(args.observability, args.foundation.log_analytics_id),
            azure_monitor_profile=aks.ManagedClusterAzureMonitorProfileArgs(
                metrics=aks.ManagedClusterAzureMonitorProfileMetricsArgs(enabled=args.observability.managed_prometheus)
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                # the control plane must be allowed to join the subnet, and nodes to pull, before they try
                depends_on=[args.control_plane, args.kubelet, args.network],
                # read at creation only: Azure lists every pool here, with counts that the autoscaler moves
                ignore_changes=["agentPoolProfiles"],
                hooks=functools.reduce(
                    pulumi.ResourceHookBinding.merge,
                    [
                        args.propagation.settled(f"{name}-settled"),
                        retry_hook(f"{name}-roles", ROLES),
                        upgrade_hook(f"{name}-version"),
                    ],
                ),
            ),
        )
