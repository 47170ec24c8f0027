"""Rules that tie sections of the configuration together; each yields every mistake it finds.

A rule is a function of sections: its parameters are fields of :class:`settings.Settings`. It runs when there is such a
section, and ends where it reads a field that is not valid.
"""

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from ipaddress import IPv4Network
from typing import NamedTuple, TypeVar

from settings.addon_requests import room, total
from settings.addons import ArgoCd, Certificates, Charts, GitOps, Ingress, RepositoryCredential
from settings.azure_facts import REGIONS_WITHOUT_ZONES, active_vcpus, is_documentation
from settings.cluster import Cluster
from settings.foundation import Azure, Dns, KeyVault, Registry, Tags
from settings.network import Network
from settings.placeholders import is_placeholder
from settings.pools import NodePool, Pool, SystemPool
from settings.report import UNREAD, Path, Problem, UnreadError, guarded
from settings.repositories import fitting, github_api, over_ssh, unknown_server
from settings.types import DataPlane, Exposure, Issuer, PodAddressing, Target
from settings.words import show

Check = TypeVar("Check", bound=Callable[..., Iterator[Problem]])


class Rule(NamedTuple):
    """A check of several sections, and the names of those that it reads."""

    sections: tuple[str, ...]
    check: Callable[..., Iterator[Problem]]


RULES: list[Rule] = []
"""Every rule that a module declared with :func:`rule`."""
RULES_OF_DEPLOYED: list[Rule] = []
"""Every rule that a module declared with :func:`rule_of_deployed`."""


def rule(check: Check) -> Check:
    """Declare a rule; what it reads is what its parameters are called."""
    RULES.append(Rule(tuple(inspect.signature(check).parameters), check))
    return check


def rule_of_deployed(check: Check) -> Check:
    """Declare a rule, as with :func:`rule`, for a stack that is deployed; one that is looked at need not meet it."""
    RULES_OF_DEPLOYED.append(Rule(tuple(inspect.signature(check).parameters), check))
    return check


@rule
def zones_of_the_region(azure: Azure, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/reliability/regions-list."""
    yield from _zones_there(azure, cluster, ("cluster", "zones"), cluster.zones)


@rule
def zones_of_pools(azure: Azure, cluster: Cluster, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/reliability/regions-list."""
    for index, pool in enumerate(node_pools):
        yield from guarded(_zones_of_pool(azure, cluster, index, pool))


def _zones_of_pool(azure: Azure, cluster: Cluster, index: int, pool: NodePool) -> Iterator[Problem]:
    yield from _zones_there(azure, cluster, ("nodePools", index, "zones"), pool.zones)


def _zones_there(azure: Azure, cluster: Cluster, path: Path, zones: Sequence[str] | None) -> Iterator[Problem]:
    location = cluster.location or azure.location
    if zones and location in REGIONS_WITHOUT_ZONES:
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
def ranges_beside_private_endpoints(network: Network, key_vault: KeyVault) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/key-vault/general/private-link-service: nobody else gets in."""
    if network.private_only and key_vault.allowed_ip_ranges:
        yield Problem(
            ("keyVault", "allowedIpRanges"),
            "got ranges with network.privateEndpointSubnetCidr, which closes the vault to all of them; allowed: none, "
            "or network.privateEndpointsOnly: false",
        )


@rule
def registry_of_private_endpoints(network: Network, registry: Registry) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/container-registry/container-registry-private-link: Premium has them."""
    with_endpoints = network.private_endpoint_subnet_cidr is not None
    if with_endpoints and registry.mode == "create" and registry.sku != "Premium":
        yield Problem(
            ("registry", "sku"), f"got {registry.sku!r} with network.privateEndpointSubnetCidr; allowed: Premium"
        )


@rule
def pool_names(node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/create-node-pools: a name is unique in its cluster."""
    seen: set[str] = set()
    for index, pool in enumerate(node_pools):
        yield from guarded(_named_once(index, pool, seen))


def _named_once(index: int, pool: NodePool, seen: set[str]) -> Iterator[Problem]:
    if pool.name in seen:
        yield Problem(("nodePools", index, "name"), f"got {pool.name!r} again; allowed: each name once")
    seen.add(pool.name)


@rule
def windows_version(cluster: Cluster, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/upgrade-windows-os.

    Windows Server 2022, the newest that the pinned API knows, ends with Kubernetes 1.36.
    """
    for index in _windows_pools(node_pools):
        if cluster.minor > 36:
            yield Problem(
                ("nodePools", index, "os"),
                f"got 'windows' with cluster.kubernetesVersion {cluster.kubernetes_version!r}; "
                "allowed: linux, or version 1.36, the last with Windows Server 2022",
            )


@rule
def windows_data_plane(network: Network, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium#limitations: Linux only."""
    for index in _windows_pools(node_pools):
        if network.data_plane is DataPlane.CILIUM:
            yield Problem(
                ("nodePools", index, "os"),
                "got 'windows' with network.dataPlane 'cilium'; allowed: linux, or dataPlane 'azure'",
            )


@rule
def windows_provisioning(cluster: Cluster, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/node-auto-provisioning#limitations: no Windows pools."""
    if cluster.node_auto_provisioning:
        for index in _windows_pools(node_pools):
            yield Problem(
                ("cluster", "nodeAutoProvisioning"),
                f"got true with os 'windows' of nodePools[{index}]; allowed: false, or Linux pools only",
            )


def _windows_pools(node_pools: Sequence[NodePool]) -> list[int]:
    found = []
    for index, pool in enumerate(node_pools):
        with suppress(UnreadError):
            if pool.os == "windows":
                found.append(index)
    return found


@rule
def provisioning(cluster: Cluster, system_pool: SystemPool) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/node-auto-provisioning#limitations: not beside the cluster autoscaler."""
    yield from _fixed_count(cluster, ("systemPool",), system_pool)


@rule
def provisioning_of_pools(cluster: Cluster, node_pools: Sequence[NodePool]) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/node-auto-provisioning#limitations: not beside the cluster autoscaler."""
    for index, pool in enumerate(node_pools):
        yield from guarded(_fixed_count(cluster, ("nodePools", index), pool))


def _fixed_count(cluster: Cluster, path: Path, pool: Pool) -> Iterator[Problem]:
    if cluster.node_auto_provisioning and pool.autoscaled:
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
def provisioning_policy(network: Network, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/node-auto-provisioning#limitations: no Calico, as ``azure`` has it."""
    if cluster.node_auto_provisioning and network.data_plane is not DataPlane.CILIUM:
        yield Problem(
            ("cluster", "nodeAutoProvisioning"),
            f"got true with network.dataPlane {network.data_plane.value!r}; allowed with it: cilium",
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


@rule
def tags_of_the_zone(tags: Tags, dns: Dns) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations.

    A DNS zone takes 15 tags, and names of letters, digits, hyphens, underscores and dots, first a letter.
    """
    if dns.mode != "create":
        return
    if len(tags.extra) > 11:
        yield Problem(
            ("tags", "extra"),
            f"got {len(tags.extra)} tags; allowed: 11, as a DNS zone takes 15 and 4 are ours; or dns.mode: existing",
        )
    for name, value in tags.extra.items():
        if value is not UNREAD and not re.fullmatch("[A-Za-z_][A-Za-z0-9_.-]*", name):
            yield Problem(
                ("tags", "extra", name),
                f"got {show(name)}; allowed: ASCII letters, digits, - _ and dots, first a letter, as the DNS zone "
                "has it too; or dns.mode: existing",
            )


@rule
def ids_differ(azure: Azure) -> Iterator[Problem]:
    """A subscription, the tenant that it trusts and whatever is in it have ids of their own."""
    if azure.tenant_id == azure.subscription_id:
        yield Problem(
            ("azure", "tenantId"),
            f"got {azure.tenant_id!r}, which is subscriptionId too; "
            "allowed: the tenant's: az account show --query tenantId",
        )


@rule
def ids_of_groups(azure: Azure, cluster: Cluster) -> Iterator[Problem]:
    """A group's object id is none of the subscription's and tenant's."""
    yield from _no_other_ids(azure, ("cluster", "adminGroupObjectIds"), cluster.admin_group_object_ids)


@rule
def ids_of_writers(azure: Azure, key_vault: KeyVault) -> Iterator[Problem]:
    """A group's object id is none of the subscription's and tenant's."""
    yield from _no_other_ids(azure, ("keyVault", "writerGroupObjectIds"), key_vault.writer_group_object_ids)


@rule
def ids_of_sign_in(azure: Azure, argocd: ArgoCd) -> Iterator[Problem]:
    """An application's and a group's id are none of the subscription's and tenant's."""
    if argocd.sign_in is None:
        return
    path = ("argocd", "signIn")
    yield from guarded(_no_other_id(azure, (*path, "applicationClientId"), argocd.sign_in.application_client_id))
    for key, groups in (
        ("adminGroups", argocd.sign_in.admin_groups),
        ("readonlyGroups", argocd.sign_in.readonly_groups),
    ):
        for index, group in enumerate(groups):
            yield from guarded(_no_other_id(azure, (*path, key, index), group))
            if group is not UNREAD and group == argocd.sign_in.application_client_id:
                yield Problem(
                    (*path, key, index), f"got {group!r}, which is applicationClientId; allowed: a group's id"
                )


def _no_other_ids(azure: Azure, path: Path, groups: Sequence[str]) -> Iterator[Problem]:
    for index, group in enumerate(groups):
        yield from guarded(_no_other_id(azure, (*path, index), group))


def _no_other_id(azure: Azure, path: Path, given: str) -> Iterator[Problem]:
    for name, known in (("subscriptionId", azure.subscription_id), ("tenantId", azure.tenant_id)):
        if given == known:
            yield Problem(path, f"got {given!r}, which is azure.{name}; allowed: an id of its own")


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
def load_balancer(target: Target, ingress: Ingress) -> Iterator[Problem]:
    """Records lead to the load balancer's address. https://learn.microsoft.com/azure/aks/load-balancer-standard."""
    if target is Target.AZURE and ingress.service_type != "LoadBalancer":
        yield Problem(
            ("ingress", "serviceType"),
            f"got {ingress.service_type!r}; allowed with target 'azure': LoadBalancer, whose address DNS records name",
        )


@rule
def class_of_the_environment(environment: str, gitops: GitOps) -> Iterator[Problem]:
    """Each layer of values is a file of its own: the class's, the environment's and the region's."""
    own = gitops.environment or environment
    if gitops.environment_class == own:
        yield Problem(
            ("gitops", "environmentClass"),
            f"got {own!r}, which is the environment; allowed: another name, such as production",
        )


@rule
def working_tree(target: Target, gitops: GitOps) -> Iterator[Problem]:
    """What an Azure cluster runs stands in Git; https://opengitops.dev: versioned and immutable."""
    if target is Target.AZURE and gitops.source == "workingTree":
        yield Problem(("gitops", "source"), "got 'workingTree'; allowed with target 'azure': git")


@rule_of_deployed
def placeholder_of_repository(gitops: GitOps) -> Iterator[Problem]:
    """Argo CD would wait for it in vain, and ``up`` would not. https://www.rfc-editor.org/rfc/rfc2606."""
    if gitops.source == "git" and is_placeholder(gitops.repo_url):
        yield Problem(
            ("gitops", "repoUrl"),
            f"got {gitops.repo_url!r}, a placeholder; allowed: your own repository, where gitops/ is",
        )


@rule
def room_for_addons(production: bool, system_pool: SystemPool, ingress: Ingress, argocd: ArgoCd) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/use-system-pools: what the cluster needs fits its fewest system nodes."""
    asked = total(
        production=production,
        ingress_replicas=ingress.replicas,
        high_availability=argocd.high_availability,
        image_updater=argocd.image_updater,
        notifications=argocd.notifications is not None,
    ).cpu_millis
    of_each = room(active_vcpus(system_pool.vm_size))
    if asked > of_each * system_pool.min_count:
        yield Problem(
            ("systemPool", "minCount"),
            f"got {system_pool.min_count} of {system_pool.vm_size}, with room for {of_each * system_pool.min_count} m "
            f"of CPU; the addons request {asked} m; allowed: {-(-asked // of_each)} or more, a larger vmSize, "
            "or fewer ingress.replicas",
        )


@rule_of_deployed
def placeholders_of_api_server(cluster: Cluster) -> Iterator[Problem]:
    """https://www.rfc-editor.org/rfc/rfc5737."""
    yield from _placeholders(("cluster", "apiServer", "authorizedIpRanges"), cluster.api_server.authorized_ip_ranges)


@rule_of_deployed
def placeholders_of_vault(key_vault: KeyVault) -> Iterator[Problem]:
    """https://www.rfc-editor.org/rfc/rfc5737."""
    yield from _placeholders(("keyVault", "allowedIpRanges"), key_vault.allowed_ip_ranges)


def _placeholders(path: Path, ranges: Sequence[IPv4Network]) -> Iterator[Problem]:
    for index, cidr in enumerate(ranges):
        if is_documentation(cidr):
            yield Problem(
                (*path, index),
                f"got '{cidr}', a placeholder; allowed: your own public range (curl https://ifconfig.me)",
            )


@rule
def argocd_host(dns: Dns, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/ingress/: the host needs a record of ours."""
    if argocd.host and argocd.host != dns.zone and not argocd.host.endswith(f".{dns.zone}"):
        yield Problem(("argocd", "host"), f"got {argocd.host!r}; allowed: a name in dns.zone {dns.zone!r}")


@rule
def argocd_record(target: Target, dns: Dns, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/ingress/: the host needs a record of ours."""
    if target is Target.LOCAL:
        return  # records are Azure's
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
    if not argocd.image_updater:
        if argocd.image_updater_credential is not None:
            yield Problem(
                ("argocd", "imageUpdaterCredential"), "got a value; allowed only with argocd.imageUpdaterWriteBack: git"
            )
        return
    if gitops.source == "workingTree":
        yield Problem(
            ("argocd", "imageUpdaterWriteBack"), "got 'git' with gitops.source 'workingTree'; allowed with it: none"
        )
        return
    if argocd.image_updater_credential is not None:
        if over_ssh(gitops.repo_url):
            yield Problem(
                ("argocd", "imageUpdaterCredential"),
                f"got a value with gitops.repoUrl {gitops.repo_url!r}; allowed: a repository over https",
            )
        return
    credential = fitting(gitops.repo_url, argocd.repositories)
    kind = credential.kind if credential is not None else None
    # neither a key nor Entra's token opens the pull requests that change production
    if kind not in ("password", "githubApp"):
        yield Problem(
            ("argocd", "imageUpdaterWriteBack"),
            f"got 'git', and {gitops.repo_url} has {f'a credential of kind {kind!r}' if kind else 'no credential'} in "
            "argocd.repositories; allowed: one of kind 'password' or 'githubApp'",
        )


@rule
def notifications(argocd: ArgoCd, gitops: GitOps) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/notifications/services/github/."""
    if argocd.notifications is None:
        return
    if gitops.source == "workingTree":
        yield Problem(
            ("argocd", "notifications"),
            "got a value with gitops.source 'workingTree', which has no commits on GitHub; allowed with source: git",
        )
    elif github_api(gitops.repo_url) is None:
        yield Problem(
            ("argocd", "notifications"),
            f"got a value with gitops.repoUrl {gitops.repo_url!r}; allowed: a repository on github.com, or on a host "
            "of GitHub Enterprise",
        )


@rule
def key_of_repository(argocd: ArgoCd, gitops: GitOps) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#ssh-private-key-credential.

    Unlike over https, nobody reads over SSH without a key.
    """
    if over_ssh(gitops.repo_url) and fitting(gitops.repo_url, argocd.repositories) is None:
        yield Problem(
            ("gitops", "repoUrl"),
            f"got {gitops.repo_url!r}, which none of argocd.repositories fits; "
            "allowed: with one of kind 'sshKey' there, or https://",
        )


@rule
def host_keys(argocd: ArgoCd, charts: Charts) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#unknown-ssh-hosts.

    A stack that overrides the chart's own list of hosts knows which ones are in it.
    """
    configs = charts.argo_cd.values.get("configs")
    if isinstance(configs, dict) and "ssh" in configs:
        return
    for index, repository in enumerate(argocd.repositories):
        yield from guarded(_host_key(argocd, index, repository))


def _host_key(argocd: ArgoCd, index: int, repository: RepositoryCredential) -> Iterator[Problem]:
    if (name := unknown_server(repository.url, argocd.ssh_known_hosts)) is not None:
        host, _, port = name.strip("[").partition("]:")
        yield Problem(
            ("argocd", "repositories", index, "url"),
            f"got {repository.url!r}, a server whose key Argo CD does not know; allowed: with the key of {name} in "
            f"argocd.sshKnownHosts: ssh-keyscan {f'-p {port} ' if port else ''}{host}",
        )


@rule
def argocd_nodes(system_pool: SystemPool, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/high_availability/: three nodes."""
    if argocd.high_availability and system_pool.max_count < 3:
        yield Problem(
            ("argocd", "highAvailability"),
            f"got true with systemPool.maxCount {system_pool.max_count}; its Redis quorum needs three nodes",
        )


@rule
def somebody_gets_in(target: Target, production: bool, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/user-management/: one of the two, or nobody gets in."""
    if argocd.sign_in is not None or argocd.admin_enabled:
        return
    given = "adminEnabled: false" if "admin_enabled" in argocd.model_fields_set else "no adminEnabled"
    account = "adminEnabled: true, the account whose first password is in Secret argocd-initial-admin-secret"
    ways = ["signIn, with Entra ID"] if target is Target.AZURE else []
    ways += [] if production and target is Target.AZURE else [account]
    yield Problem(("argocd",), f"nobody gets in: got {given} and no signIn; allowed: {', or '.join(ways)}")


@rule
def only_azure_signs_in(target: Target, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/user-management/microsoft/: Entra trusts AKS' issuer."""
    if target is Target.LOCAL and argocd.sign_in is not None:
        yield Problem(("argocd", "signIn"), "has no meaning with target 'local'; allowed: adminEnabled: true")


@rule
def only_azure_has_identities(target: Target, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#azure-workload-identity."""
    if target is Target.LOCAL:
        for index, repository in enumerate(argocd.repositories):
            yield from guarded(_stored(index, repository))


def _stored(index: int, repository: RepositoryCredential) -> Iterator[Problem]:
    if repository.kind == "workloadIdentity":
        yield Problem(
            ("argocd", "repositories", index, "kind"),
            "got 'workloadIdentity' with target 'local'; allowed: password, sshKey, githubApp",
        )


@rule
def only_azure_has_records(target: Target, dns: Dns) -> Iterator[Problem]:
    """A local stack writes no records; its zone only names hosts."""
    if target is Target.LOCAL:
        for name in ("mode", "resource_group", "records", "ttl_seconds"):
            if name in dns.model_fields_set:
                key = type(dns).model_fields[name].alias or name
                yield Problem(("dns", key), "has no meaning with target 'local'; allowed: leave it out")


@rule
def only_azure_is_protected(target: Target, production: bool) -> Iterator[Problem]:
    """Production protects what is built in Azure, and changes its defaults."""
    if target is Target.LOCAL and production:
        yield Problem(
            ("production",), "got true with target 'local'; allowed: false, as it protects what is built in Azure"
        )
