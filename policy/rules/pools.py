"""Rules about node pools, wherever they are written: inline in the cluster, as a resource, or in a deployment."""

from collections.abc import Iterator, Mapping
from typing import Any

from policy.resource import Resource, flag
from policy.rule import rule

_TYPES = ("containerservice:ManagedCluster", "containerservice:AgentPool", "resources:Deployment")
_LEARN = "https://learn.microsoft.com/azure/aks"

Pool = tuple[str, Mapping[str, Any]]


def pools(resource: Resource) -> Iterator[Pool]:
    """Yield the node pools of a resource, each with the path that leads to it."""
    if resource.is_a("containerservice:AgentPool"):
        yield "", resource.properties
    for index, pool in enumerate(resource.get("agentPoolProfiles") or []):
        yield f"agentPoolProfiles[{index}].", pool
    for index, inner in enumerate(resource.get("properties.template.resources") or []):
        if str(inner.get("type", "")).lower() == "microsoft.containerservice/managedclusters/agentpools":
            yield f"properties.template.resources[{index}].properties.", inner.get("properties") or {}


_SYSTEMS = ("AzureLinux", "AzureLinux3", "Ubuntu", "Ubuntu2404", "Windows2022", "Windows2025")


@rule("pool-os", "Nodes run a system that AKS supports.", f"{_LEARN}/node-images", *_TYPES)
def supported_system(resource: Resource) -> Iterator[str]:
    """CBL-Mariner, Windows Server 2019 and Ubuntu 22.04 by name have an end."""
    for path, pool in pools(resource):
        if pool.get("osSKU") not in _SYSTEMS:
            yield f"{path}osSKU: got {pool.get('osSKU')}; allowed: {', '.join(_SYSTEMS)}"


@rule(
    "pool-os-disk",
    "The system's disk is on the host: it does not outlive the node, and cannot be detached from it.",
    f"{_LEARN}/concepts-storage#ephemeral-os-disk",
    *_TYPES,
)
def os_disk(resource: Resource) -> Iterator[str]:
    """Where the size of the machine has no room for it, an exception says so."""
    for path, pool in pools(resource):
        if pool.get("osDiskType") != "Ephemeral":
            yield f"{path}osDiskType: got {pool.get('osDiskType')}; allowed: Ephemeral"


@rule("pool-no-public-ip", "No node has an address of its own.", f"{_LEARN}/use-node-public-ips", *_TYPES)
def no_public_ip(resource: Resource) -> Iterator[str]:
    """Nodes reach out by the NAT gateway, and nothing reaches in."""
    for path, pool in pools(resource):
        if flag(pool.get("enableNodePublicIP")):
            yield f"{path}enableNodePublicIP: got true; allowed: false"


@rule(
    "pool-private-subnet",
    "Nodes are in a subnet of ours.",
    f"{_LEARN}/configure-azure-cni",
    *_TYPES,
)
def private_subnet(resource: Resource) -> Iterator[str]:
    """AKS makes a network of its own for a pool without a subnet, which no rule here has seen."""
    for path, pool in pools(resource):
        if not pool.get("vnetSubnetID"):
            yield f"{path}vnetSubnetID: got none; allowed: a subnet"


@rule(
    "pool-kubelet-defaults",
    "The kubelet and the kernel are configured as AKS hardens them.",
    f"{_LEARN}/custom-node-configuration",
    *_TYPES,
)
def kubelet_defaults(resource: Resource) -> Iterator[str]:
    """What may be changed there includes unsafe sysctls and when the kubelet runs out of process ids."""
    for path, pool in pools(resource):
        for key in ("kubeletConfig", "linuxOSConfig"):
            if pool.get(key):
                yield f"{path}{key}: got some; allowed: none"


@rule(
    "pool-ssh-off",
    "Nodes take no SSH.",
    f"{_LEARN}/manage-ssh-node-access",
    *_TYPES,
)
def ssh_off(resource: Resource) -> Iterator[str]:
    """``kubectl debug node/…`` needs no key, and the audit log has it."""
    for path, pool in pools(resource):
        given = (pool.get("securityProfile") or {}).get("sshAccess")
        if given != "Disabled" and pool.get("osType") != "Windows":
            yield f"{path}securityProfile.sshAccess: got {given}; allowed: Disabled"


@rule(
    "pool-trusted-launch",
    "Nodes boot only what is signed.",
    f"{_LEARN}/use-trusted-launch",
    *_TYPES,
)
def trusted_launch(resource: Resource) -> Iterator[str]:
    """Secure boot and a virtual TPM; sizes of generation 2 have them."""
    for path, pool in pools(resource):
        for key in ("enableSecureBoot", "enableVTPM"):
            given = (pool.get("securityProfile") or {}).get(key)
            if not flag(given) and pool.get("osType") != "Windows":
                yield f"{path}securityProfile.{key}: got {given}; allowed: true"


@rule(
    "pool-encryption-at-host",
    "Temporary disks and caches are encrypted at rest.",
    f"{_LEARN}/enable-host-encryption",
    *_TYPES,
)
def encryption_at_host(resource: Resource) -> Iterator[str]:
    """The subscription has to have the feature EncryptionAtHost."""
    for path, pool in pools(resource):
        if not flag(pool.get("enableEncryptionAtHost")):
            yield f"{path}enableEncryptionAtHost: got {pool.get('enableEncryptionAtHost')}; allowed: true"


@rule(
    "pool-zones",
    "A pool has nodes in two zones or more.",
    f"{_LEARN}/availability-zones-overview",
    *_TYPES,
)
def several_zones(resource: Resource) -> Iterator[str]:
    """As settings/production.py has it."""
    for path, pool in pools(resource):
        zones = pool.get("availabilityZones") or []
        if len(zones) < 2:
            yield f"{path}availabilityZones: got {', '.join(zones) or 'none'}; allowed: two or more"


@rule(
    "pool-system-nodes",
    "The system pool has three nodes at least.",
    f"{_LEARN}/use-system-pools",
    *_TYPES,
)
def system_nodes(resource: Resource) -> Iterator[str]:
    """As settings/production.py has it."""
    for path, pool in pools(resource):
        least = pool.get("minCount") if flag(pool.get("enableAutoScaling")) else pool.get("count")
        if pool.get("mode") == "System" and (least or 0) < 3:
            yield f"{path}minCount: got {least}; allowed: 3 or more"
