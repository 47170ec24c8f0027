"""The system pool: inline at the cluster's creation, and from then on an agent pool that changes like any other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_azure_native import containerservice as aks
from pulumi_azure_native import resources
from pulumi_azure_native.containerservice.outputs import ManagedClusterAgentPoolProfileResponse

from components.azure.node_pool import SYSTEM_TAINT, os_disk_type, security_profile, upgrade_settings
from settings.pools import SystemPool as SystemPoolSettings

NAME = "system"
OS_SKU = aks.OSSKU.AZURE_LINUX
"""What nodes run: Azure Linux 3, whatever Kubernetes' version; ``AzureLinux3`` ends with 1.36.

https://learn.microsoft.com/azure/aks/use-azure-linux
"""

_API_VERSION = "2025-09-01"
"""Of agent pools, as in the pinned SDK."""


@dataclass(frozen=True, kw_only=True)
class SystemPoolArgs:
    """Inputs of the system pool."""

    settings: SystemPoolSettings
    kubernetes_version: str
    zones: tuple[str, ...]
    ssh: bool | None
    """Whether the cluster's nodes run SSH, where the pool does not say it; None leaves it to AKS."""
    subnet_id: pulumi.Input[str]
    pod_subnet_id: pulumi.Input[str] | None
    tags: Mapping[str, str]


def inline_profile(args: SystemPoolArgs) -> aks.ManagedClusterAgentPoolProfileArgs:
    """Return the one inline pool, which AKS asks for at creation and which stays for the cluster's life.

    A pool that leaves the inline list is not deleted (azure-native issues 579, 1686) and one that joins it later is
    refused (2719), so every other pool is a :class:`~components.azure.node_pool.NodePool`.
    """
    pool = args.settings
    return aks.ManagedClusterAgentPoolProfileArgs(
        name=NAME,
        mode=aks.AgentPoolMode.SYSTEM,
        type=aks.AgentPoolType.VIRTUAL_MACHINE_SCALE_SETS,
        vm_size=pool.vm_size,
        count=pool.min_count,
        enable_auto_scaling=pool.autoscaled,
        min_count=pool.min_count if pool.autoscaled else None,
        max_count=pool.max_count if pool.autoscaled else None,
        availability_zones=list(args.zones) or None,
        os_type=aks.OSType.LINUX,
        os_sku=OS_SKU,
        os_disk_size_gb=pool.os_disk_gib,
        os_disk_type=os_disk_type(pool),
        max_pods=pool.max_pods,
        node_taints=[SYSTEM_TAINT],
        upgrade_settings=upgrade_settings(pool),
        vnet_subnet_id=args.subnet_id,
        pod_subnet_id=args.pod_subnet_id,
        security_profile=security_profile(pool, ssh=args.ssh),
        enable_encryption_at_host=pool.encryption_at_host or None,
        enable_fips=pool.fips,
        tags=args.tags,
    )


def os_sku(profiles: Sequence[ManagedClusterAgentPoolProfileResponse] | None) -> str:
    """Return what the system pool of a cluster was made with, from the profiles that Azure lists."""
    return next((pool.os_sku for pool in profiles or () if pool.name == NAME and pool.os_sku), OS_SKU.value)


@dataclass(frozen=True, kw_only=True)
class SystemPoolUpdateArgs:
    """Which cluster's system pool, and what it is to be."""

    pool: SystemPoolArgs
    os_sku: pulumi.Input[str]
    """What its nodes were made with, which stays."""
    cluster_name: pulumi.Input[str]
    resource_group_name: pulumi.Input[str]


class SystemPoolUpdate(pulumi.ComponentResource):
    """Keeps a running cluster's system pool as the stack file has it: bounds, version, upgrade settings.

    azure-native would not take an ``AgentPool`` that exists, and the cluster's inline list is ignored once the cluster
    is there: Azure lists every pool in it, with counts that the autoscaler moves. A deployment writes the one pool.
    docs/decisions/0009-system-pool.md
    """

    def __init__(self, name: str, args: SystemPoolUpdateArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Write the pool; on a cluster that was just made, it is what it is already."""
        super().__init__("aks-bootstrap:system_pool:SystemPoolUpdate", name, None, opts)
        resources.Deployment(
            name,
            deployment_name=name,
            resource_group_name=args.resource_group_name,
            properties=resources.DeploymentPropertiesArgs(
                mode=resources.DeploymentMode.INCREMENTAL,
                template=pulumi.Output.all(
                    cluster=args.cluster_name,
                    os_sku=args.os_sku,
                    subnet_id=args.pool.subnet_id,
                    pod_subnet_id=args.pool.pod_subnet_id,
                ).apply(lambda known: template(args.pool, known)),
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def _plain(security: aks.AgentPoolSecurityProfileArgs) -> dict[str, Any]:
    found = {
        "enableSecureBoot": security.enable_secure_boot,
        "enableVTPM": security.enable_vtpm,
        "sshAccess": security.ssh_access,
    }
    return {key: value for key, value in found.items() if value is not None}


def template(args: SystemPoolArgs, known: Mapping[str, Any]) -> dict[str, Any]:
    """Return the ARM template of the pool, with the properties of :func:`inline_profile` under Azure's names.

    Args:
        args: what the pool is to be.
        known: ``cluster``, ``os_sku``, ``subnet_id`` and ``pod_subnet_id`` as they are.

    https://learn.microsoft.com/azure/templates/microsoft.containerservice/managedclusters/agentpools
    """
    pool, security = args.settings, security_profile(args.settings, ssh=args.ssh)
    properties = {
        "mode": "System",
        "type": "VirtualMachineScaleSets",
        "vmSize": pool.vm_size,
        "count": pool.min_count,
        "enableAutoScaling": pool.autoscaled,
        "minCount": pool.min_count if pool.autoscaled else None,
        "maxCount": pool.max_count if pool.autoscaled else None,
        "availabilityZones": list(args.zones) or None,
        "osType": "Linux",
        "osSKU": known["os_sku"],
        "osDiskSizeGB": pool.os_disk_gib,
        "osDiskType": os_disk_type(pool).value,
        "maxPods": pool.max_pods,
        "orchestratorVersion": args.kubernetes_version,
        "nodeTaints": [SYSTEM_TAINT],
        "upgradeSettings": {
            "maxSurge": pool.max_surge,
            "drainTimeoutInMinutes": pool.drain_timeout_minutes,
            "nodeSoakDurationInMinutes": pool.node_soak_minutes,
            "undrainableNodeBehavior": pool.undrainable_node_behavior,
        },
        "vnetSubnetID": known["subnet_id"],
        "podSubnetID": known["pod_subnet_id"],
        "securityProfile": None if security is None else _plain(security),
        "enableEncryptionAtHost": pool.encryption_at_host or None,
        "enableFIPS": pool.fips,
        "tags": dict(args.tags),
    }
    return {
        "$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
        "contentVersion": "1.0.0.0",
        "resources": [
            {
                "type": "Microsoft.ContainerService/managedClusters/agentPools",
                "apiVersion": _API_VERSION,
                "name": f"{known['cluster']}/{NAME}",
                "properties": {key: value for key, value in properties.items() if value is not None},
            }
        ],
    }
