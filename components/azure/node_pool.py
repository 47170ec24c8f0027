"""User pools, each a resource of its own, and what all pools share."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import containerservice as aks

from components.azure.naming import pool_name
from components.azure.retries import BUSY, retry_hook
from settings.pools import NodePool as NodePoolSettings
from settings.pools import Pool

SYSTEM_TAINT = "CriticalAddonsOnly=true:NoSchedule"
"""Keeps workloads off the system pool; the addons tolerate it. https://learn.microsoft.com/azure/aks/use-system-pools"""

_SPOT = "kubernetes.azure.com/scalesetpriority"


def upgrade_settings(pool: Pool) -> aks.AgentPoolUpgradeSettingsArgs:
    """Return how a pool of regular nodes is upgraded."""
    return aks.AgentPoolUpgradeSettingsArgs(
        max_surge=pool.max_surge,
        drain_timeout_in_minutes=pool.drain_timeout_minutes,
        node_soak_duration_in_minutes=pool.node_soak_minutes,
        undrainable_node_behavior=aks.UndrainableNodeBehavior(pool.undrainable_node_behavior),
    )


def security_profile(pool: Pool, *, ssh: bool | None) -> aks.AgentPoolSecurityProfileArgs | None:
    """Return how a pool's nodes boot, and whether they run SSH; None where all of that is left to AKS.

    Args:
        pool: the pool.
        ssh: what the cluster says for pools that say nothing.
    """
    wanted = ssh if pool.ssh is None else pool.ssh
    if wanted is None and not pool.trusted_launch:
        return None
    access = aks.AgentPoolSSHAccess.LOCAL_USER if wanted else aks.AgentPoolSSHAccess.DISABLED
    return aks.AgentPoolSecurityProfileArgs(
        enable_secure_boot=pool.trusted_launch or None,
        enable_vtpm=pool.trusted_launch or None,
        ssh_access=None if wanted is None else access,
    )


def os_disk_type(pool: Pool) -> aks.OSDiskType:
    """Return where a pool's OS disk lives."""
    return aks.OSDiskType.EPHEMERAL if pool.ephemeral else aks.OSDiskType.MANAGED


@dataclass(frozen=True, kw_only=True)
class NodePoolArgs:
    """Inputs of a user pool."""

    settings: NodePoolSettings
    kubernetes_version: str
    zones: tuple[str, ...]
    """The cluster's zones, for a pool that names none."""
    ssh: bool | None
    """Whether the cluster's nodes run SSH, for a pool that does not say it; None leaves it to AKS."""
    cluster_group_name: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    subnet_id: pulumi.Input[str]
    pod_subnet_id: pulumi.Input[str] | None
    tags: Mapping[str, str]


class NodePool(pulumi.ComponentResource):
    """A user pool. The cluster resource neither lists nor reverts it."""

    def __init__(self, name: str, args: NodePoolArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the pool."""
        super().__init__("aks-bootstrap:node_pool:NodePool", name, None, opts)
        pool = args.settings
        zones = args.zones if pool.zones is None else pool.zones
        windows = pool.os == "windows"
        # AKS puts this label and taint on spot nodes by itself; declared here, they are no drift
        labels = {**pool.labels, _SPOT: "spot"} if pool.spot else pool.labels
        taints = [*pool.taints, f"{_SPOT}=spot:NoSchedule"] if pool.spot else list(pool.taints)
        aks.AgentPool(
            name,
            agent_pool_name=pool_name(pool, zones),
            resource_name_=args.cluster_name,
            resource_group_name=args.cluster_group_name,
            mode=aks.AgentPoolMode.USER,
            type=aks.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
            vm_size=pool.vm_size,
            count=pool.min_count,
            enable_auto_scaling=pool.autoscaled,
            min_count=pool.min_count if pool.autoscaled else None,
            max_count=pool.max_count if pool.autoscaled else None,
            availability_zones=list(zones) or None,
            os_type=aks.OSType.WINDOWS if windows else aks.OSType.LINUX,
            os_sku=aks.OSSKU.WINDOWS2022 if windows else aks.OSSKU.AZURE_LINUX,
            os_disk_size_gb=pool.os_disk_gib,
            os_disk_type=os_disk_type(pool),
            max_pods=pool.max_pods,
            orchestrator_version=args.kubernetes_version,
            node_labels=labels,
            node_taints=taints,
            scale_set_priority=aks.ScaleSetPriority.SPOT if pool.spot else aks.ScaleSetPriority.REGULAR,
            scale_set_eviction_policy=aks.ScaleSetEvictionPolicy.DELETE if pool.spot else None,
            spot_max_price=(-1 if pool.spot_max_price is None else pool.spot_max_price) if pool.spot else None,
            # AKS refuses a surge on spot nodes. https://learn.microsoft.com/azure/aks/spot-node-pool#limitations
            upgrade_settings=None if pool.spot else upgrade_settings(pool),
            vnet_subnet_id=args.subnet_id,
            pod_subnet_id=args.pod_subnet_id,
            # AKS turns SSH off on Linux only
            security_profile=security_profile(pool, ssh=None if windows else args.ssh),
            enable_encryption_at_host=pool.encryption_at_host or None,
            enable_fips=pool.fips,
            tags=args.tags,
            opts=pulumi.ResourceOptions(
                parent=self,
                # the name follows what replaces a pool, so that the new one takes over before AKS drains the old one
                delete_before_replace=False,
                # the autoscaler owns the count, between bounds that stay ours; a pool keeps the system it was made with
                ignore_changes=["osSKU", *(["count"] if pool.autoscaled else [])],
                hooks=retry_hook(f"{name}-busy", BUSY),
            ),
        )
        self.register_outputs({})
