"""Rules that tie sections of the configuration together; each yields every mistake it finds.

A rule is a function of sections: its parameters are fields of :class:`settings.Settings`, and it runs when all of them
are valid by themselves.
"""

import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from settings.addons import ArgoCd, Certificates, GitOps
from settings.azure_facts import REGIONS_WITHOUT_ZONES
from settings.cluster import Cluster
from settings.foundation import Azure, Dns
from settings.network import Network
from settings.pools import NodePool, Pool, SystemPool
from settings.report import Problem
from settings.types import DataPlane, Exposure, Issuer, PodAddressing

Check = TypeVar("Check", bound=Callable[..., Iterator[Problem]])


class Rule(NamedTuple):
    """A check of several sections, and the names of those that it reads."""

    sections: tuple[str, ...]
    check: Callable[..., Iterator[Problem]]


RULES: list[Rule] = []
"""Every rule that a module declared with :func:`rule`."""


def rule(check: Check) -> Check:
    """Declare a rule; what it reads is what its parameters are called."""
    RULES.append(Rule(tuple(inspect.signature(check).parameters), check))
    return check


@rule
def zones_of_the_region(azure: Azure, cluster: Cluster, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/reliability/regions-list."""
    location = cluster.location or azure.location
    if location not in REGIONS_WITHOUT_ZONES:
        return
    pools = [(("nodePools", index, "zones"), pool.zones) for index, pool in enumerate(node_pools)]
    zoned = [(("cluster", "zones"), cluster.zones), *pools]
    for path, zones in zoned:
        if zones:
            yield Problem(path, f"got {', '.join(zones)}; allowed in {location}: none, as the region has no zones")


@rule
def api_server(network: Network, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/api-server-vnet-integration."""
    integrated = cluster.api_server.exposure is Exposure.VNET_INTEGRATED
    if integrated and network.api_server_subnet_cidr is None:
        yield Problem(("network", "apiServerSubnetCidr"), "missing; exposure 'vnetIntegrated' needs it")
    if not integrated and network.api_server_subnet_cidr is not None:
        yield Problem(
            ("network", "apiServerSubnetCidr"),
            f"got '{network.api_server_subnet_cidr}'; allowed only with cluster.apiServer.exposure 'vnetIntegrated'",
        )


@rule
def pool_names(node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/create-node-pools: a name is unique in its cluster."""
    names = [pool.name for pool in node_pools]
    for index, name in enumerate(names):
        if name in names[:index]:
            yield Problem(("nodePools", index, "name"), f"got {name!r} again; allowed: each name once")


@rule
def windows(network: Network, cluster: Cluster, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium#limitations: Linux only.

    https://learn.microsoft.com/azure/aks/upgrade-windows-os: Windows Server 2022, the newest that the pinned API knows,
    ends with Kubernetes 1.34.
    """
    for index, pool in enumerate(node_pools):
        if pool.os == "windows" and int(cluster.kubernetes_version.split(".")[1]) > 34:
            yield Problem(
                ("nodePools", index, "os"),
                f"got 'windows' with cluster.kubernetesVersion {cluster.kubernetes_version!r}; "
                "allowed: linux, or version 1.34, the last with Windows Server 2022",
            )
        if pool.os == "windows" and network.data_plane is DataPlane.CILIUM:
            yield Problem(
                ("nodePools", index, "os"),
                "got 'windows' with network.dataPlane 'cilium'; allowed: linux, or dataPlane 'azure'",
            )


@rule
def provisioning(cluster: Cluster, system_pool: SystemPool, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
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


@rule
def provisioning_network(network: Network, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/node-auto-provisioning-networking: overlay."""
    if cluster.node_auto_provisioning and network.pod_addressing is not PodAddressing.OVERLAY:
        yield Problem(
            ("cluster", "nodeAutoProvisioning"),
            f"got true with podAddressing {network.pod_addressing.value!r}; allowed with it: overlay",
        )


@rule
def address_space(network: Network, system_pool: SystemPool, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """Every node, surge nodes included, needs an address in the node subnet and a /24 of the overlay.

    Subnets outlive generations and hold two of them while one takes over from the other; an overlay belongs to one.
    https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq: Azure keeps 5 addresses of a subnet.
    https://learn.microsoft.com/azure/aks/concepts-network-legacy-cni: without overlay, every pod takes one too.
    """
    pools = (system_pool, *node_pools)
    nodes = sum(most_nodes(pool) for pool in pools)
    pods = sum(most_nodes(pool) * pool.max_pods for pool in pools)
    why = "which is every pool at its most, with surge, in two generations"
    addresses = 2 * (nodes + (pods if network.pod_addressing is PodAddressing.NODE_SUBNET else 0))
    room = network.node_subnet_cidr.num_addresses - 5
    if addresses > room:
        yield Problem(
            ("network", "nodeSubnetCidr"),
            f"got '{network.node_subnet_cidr}', room for {room} addresses; allowed: room for {addresses}, {why}",
        )
    if network.pod_addressing is PodAddressing.POD_SUBNET and network.pod_subnet_cidr is not None:
        room = network.pod_subnet_cidr.num_addresses - 5
        if 2 * pods > room:
            yield Problem(
                ("network", "podSubnetCidr"),
                f"got '{network.pod_subnet_cidr}', room for {room} pods; allowed: room for {2 * pods}, {why}",
            )
    slices = 2 ** max(0, 24 - network.pod_cidr.prefixlen)
    if network.pod_addressing is PodAddressing.OVERLAY and nodes > slices:
        yield Problem(
            ("network", "podCidr"),
            f"got '{network.pod_cidr}', room for {slices} nodes of a /24 each; "
            f"allowed: room for {nodes}, which is every pool at its most, with surge",
        )


def most_nodes(pool: Pool) -> int:
    """Return how many nodes a pool has at its most: all that it may grow to, and those that an upgrade adds."""
    if getattr(pool, "spot", False):
        return pool.max_count
    if pool.max_surge.endswith("%"):
        return pool.max_count - (-pool.max_count * int(pool.max_surge[:-1]) // 100)
    return pool.max_count + int(pool.max_surge)


@rule
def certificate_email(certificates: Certificates) -> Iterator[Problem]:
    """https://cert-manager.io/docs/configuration/acme/: an ACME account has a contact."""
    if certificates.email is None and certificates.issuer is not Issuer.SELF_SIGNED:
        yield Problem(("certificates", "email"), f"missing; issuer {certificates.issuer.value!r} needs it")


@rule
def argocd_host(dns: Dns, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/ingress/: the host needs a record of ours."""
    if argocd.host and argocd.host != dns.zone and not argocd.host.endswith(f".{dns.zone}"):
        yield Problem(("argocd", "host"), f"got {argocd.host!r}; allowed: a name in dns.zone {dns.zone!r}")


@rule
def argocd_record(dns: Dns, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/ingress/: the host needs a record of ours."""
    host = argocd.host or f"argocd.{dns.zone}"
    label = "@" if host == dns.zone else host.removesuffix(f".{dns.zone}")
    if host.endswith(dns.zone) and label not in dns.records and (label == "@" or "*" not in dns.records):
        yield Problem(
            ("dns", "records"),
            f"got {', '.join(dns.records) or 'none'}, which does not lead to Argo CD's {host}; "
            f"allowed: with {label!r}" + ("" if label == "@" else " or '*'"),
        )


@rule
def image_updater(argocd: ArgoCd, gitops: GitOps) -> Iterator[Problem]:
    """https://argocd-image-updater.readthedocs.io/en/stable/basics/update-methods/#method-git-credentials."""
    if argocd.image_updater_write_back == "none":
        return
    # Argo CD takes the longest prefix that fits
    fitting = [repository for repository in argocd.repositories if gitops.repo_url.startswith(repository.url)]
    kind = max(fitting, key=lambda repository: len(repository.url)).kind if fitting else None
    # neither a key nor Entra's token opens the pull requests that change production
    if kind not in ("password", "githubApp"):
        yield Problem(
            ("argocd", "imageUpdaterWriteBack"),
            f"got 'git', and {gitops.repo_url} has {f'a credential of kind {kind!r}' if kind else 'no credential'} in "
            "argocd.repositories; allowed: one of kind 'password' or 'githubApp'",
        )


@rule
def argocd_nodes(system_pool: SystemPool, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/high_availability/: three nodes."""
    if argocd.high_availability and system_pool.max_count < 3:
        yield Problem(
            ("argocd", "highAvailability"),
            f"got true with systemPool.maxCount {system_pool.max_count}; its Redis quorum needs three nodes",
        )
