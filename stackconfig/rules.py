"""Rules that tie sections of the configuration together; each yields every mistake it finds."""

import ipaddress
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from stackconfig.errors import Problem
from stackconfig.types import DataPlane, Exposure, Issuer, PodAddressing

if TYPE_CHECKING:  # settings imports these rules
    from settings import (
        ArgoCd,
        Azure,
        Certificates,
        Cluster,
        Dns,
        KeyVault,
        Network,
        NodePool,
        Pool,
        SystemPool,
    )

REGIONS_WITHOUT_ZONES = frozenset({
    "australiacentral", "australiacentral2", "australiasoutheast", "brazilsoutheast", "canadaeast", "francesouth",
    "germanynorth", "koreasouth", "northcentralus", "norwaywest", "southafricawest", "southindia", "swedensouth",
    "switzerlandwest", "uaecentral", "ukwest", "westcentralus", "westindia", "westus",
})  # fmt: skip
"""Regions that Azure lists without availability zones.

https://learn.microsoft.com/azure/reliability/regions-list
"""


def _production(
    production: bool, cluster: "Cluster", system_pool: "SystemPool", key_vault: "KeyVault"
) -> Iterator[Problem]:
    if not production:
        return
    if cluster.api_server.exposure is Exposure.OPEN:
        yield Problem(
            ("cluster", "apiServer", "exposure"),
            "got 'openToTheWorld'; allowed in production: private, vnetIntegrated, authorizedRanges",
        )
    if cluster.local_accounts:
        yield Problem(("cluster", "localAccounts"), "got true; allowed in production: false")
    if cluster.tier == "Free":
        yield Problem(("cluster", "tier"), "got 'Free'; allowed in production: Standard, Premium")
    if system_pool.min_count < 3:
        yield Problem(("systemPool", "minCount"), f"got {system_pool.min_count}; allowed in production: 3 or more")
    if not key_vault.purge_protection:
        yield Problem(("keyVault", "purgeProtection"), "got false; allowed in production: true")


def _production_argocd(production: bool, argocd: "ArgoCd") -> Iterator[Problem]:
    if production and argocd.admin_enabled:
        yield Problem(("argocd", "adminEnabled"), "got true; allowed in production: false, with argocd.signIn instead")
    if production and argocd.default_role == "role:admin":
        yield Problem(("argocd", "defaultRole"), "got 'role:admin'; allowed in production: '', role:readonly")


def _production_maintenance(production: bool, cluster: "Cluster") -> Iterator[Problem]:
    windows = {"cluster": cluster.maintenance.cluster, "nodeOs": cluster.maintenance.node_os}
    for key, window in windows.items():
        if production and window is None:
            yield Problem(("cluster", "maintenance", key), "got none; production needs a window")


def _zones(azure: "Azure", cluster: "Cluster", node_pools: "Sequence[NodePool]") -> Iterator[Problem]:
    location = cluster.location or azure.location
    if location not in REGIONS_WITHOUT_ZONES:
        return
    zoned = [(("cluster", "zones"), cluster.zones), *(
        (("nodePools", index, "zones"), pool.zones) for index, pool in enumerate(node_pools)
    )]  # fmt: skip
    for path, zones in zoned:
        if zones:
            yield Problem(path, f"got {', '.join(zones)}; allowed in {location}: none, as the region has no zones")


def _api_server(network: "Network", cluster: "Cluster") -> Iterator[Problem]:
    integrated = cluster.api_server.exposure is Exposure.VNET_INTEGRATED
    if integrated and network.api_server_subnet_cidr is None:
        yield Problem(("network", "apiServerSubnetCidr"), "missing; exposure 'vnetIntegrated' needs it")
    if not integrated and network.api_server_subnet_cidr is not None:
        yield Problem(
            ("network", "apiServerSubnetCidr"),
            f"got {network.api_server_subnet_cidr!r}; allowed only with cluster.apiServer.exposure 'vnetIntegrated'",
        )


def _pool_names(node_pools: "Sequence[NodePool]") -> Iterator[Problem]:
    names = [pool.name for pool in node_pools]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(("nodePools", index, "name"), f"got {name!r} again; allowed: each name once")


def _windows(network: "Network", node_pools: "Sequence[NodePool]") -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium#limitations: Linux only."""
    for index, pool in enumerate(node_pools):
        if pool.os == "windows" and network.data_plane is DataPlane.CILIUM:
            yield Problem(
                ("nodePools", index, "os"),
                "got 'windows' with network.dataPlane 'cilium'; allowed: linux, or dataPlane 'azure'",
            )


def _provisioning(cluster: "Cluster", system_pool: "SystemPool", node_pools: "Sequence[NodePool]") -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/node-auto-provisioning#limitations: not beside the cluster autoscaler."""
    if not cluster.node_auto_provisioning:
        return
    pools: list[tuple[tuple[str | int, ...], Pool]] = [(("systemPool",), system_pool)]
    pools += [(("nodePools", index), pool) for index, pool in enumerate(node_pools)]
    for path, pool in pools:
        if pool.autoscaled:
            yield Problem(
                (*path, "maxCount"),
                f"got {pool.max_count} with minCount {pool.min_count}; "
                "allowed with cluster.nodeAutoProvisioning: equal counts, as two autoscalers would fight",
            )


def _provisioning_network(network: "Network", cluster: "Cluster") -> Iterator[Problem]:
    if cluster.node_auto_provisioning and network.pod_addressing is not PodAddressing.OVERLAY:
        yield Problem(
            ("cluster", "nodeAutoProvisioning"),
            f"got true with podAddressing {network.pod_addressing.value!r}; allowed with it: overlay",
        )


def _address_space(
    network: "Network", system_pool: "SystemPool", node_pools: "Sequence[NodePool]"
) -> Iterator[Problem]:
    """Every node, surge nodes included, needs an address in the node subnet and a /24 of the overlay.

    https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq: Azure keeps 5 addresses of a subnet.
    """
    nodes = sum(pool.max_count + surge_nodes(pool) for pool in (system_pool, *node_pools))
    room = ipaddress.IPv4Network(network.node_subnet_cidr).num_addresses - 5
    if nodes > room:
        yield Problem(
            ("network", "nodeSubnetCidr"),
            f"got {network.node_subnet_cidr!r}, room for {room} nodes; "
            f"allowed: room for {nodes}, which is every pool at its most, with surge",
        )
    slices = 2 ** max(0, 24 - ipaddress.IPv4Network(network.pod_cidr).prefixlen)
    if network.pod_addressing is PodAddressing.OVERLAY and nodes > slices:
        yield Problem(
            ("network", "podCidr"),
            f"got {network.pod_cidr!r}, room for {slices} nodes of a /24 each; "
            f"allowed: room for {nodes}, which is every pool at its most, with surge",
        )


def surge_nodes(pool: "Pool") -> int:
    """Return how many nodes an upgrade adds to a pool at its most."""
    if pool.max_surge.endswith("%"):
        return -(-pool.max_count * int(pool.max_surge[:-1]) // 100)
    return int(pool.max_surge)


def _certificate_email(certificates: "Certificates") -> Iterator[Problem]:
    if certificates.email is None and certificates.issuer is not Issuer.SELF_SIGNED:
        yield Problem(("certificates", "email"), f"missing; issuer {certificates.issuer.value!r} needs it")


def _argocd_host(dns: "Dns", argocd: "ArgoCd") -> Iterator[Problem]:
    if argocd.host and argocd.host != dns.zone and not argocd.host.endswith(f".{dns.zone}"):
        yield Problem(("argocd", "host"), f"got {argocd.host!r}; allowed: a name in dns.zone {dns.zone!r}")


def _argocd_nodes(system_pool: "SystemPool", argocd: "ArgoCd") -> Iterator[Problem]:
    if argocd.high_availability and system_pool.max_count < 3:
        yield Problem(
            ("argocd", "highAvailability"),
            f"got true with systemPool.maxCount {system_pool.max_count}; its Redis quorum needs three nodes",
        )


CROSS_SECTION_RULES: tuple[tuple[tuple[str, ...], Callable[..., Iterator[Problem]]], ...] = (
    (("production", "cluster", "system_pool", "key_vault"), _production),
    (("production", "argocd"), _production_argocd),
    (("production", "cluster"), _production_maintenance),
    (("azure", "cluster", "node_pools"), _zones),
    (("network", "cluster"), _api_server),
    (("node_pools",), _pool_names),
    (("network", "node_pools"), _windows),
    (("cluster", "system_pool", "node_pools"), _provisioning),
    (("network", "cluster"), _provisioning_network),
    (("network", "system_pool", "node_pools"), _address_space),
    (("certificates",), _certificate_email),
    (("dns", "argocd"), _argocd_host),
    (("system_pool", "argocd"), _argocd_nodes),
)
"""Rules and the sections they read; a rule runs when all of its sections are valid by themselves."""
