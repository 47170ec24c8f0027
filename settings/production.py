"""What ``production: true`` means: defaults that it changes, and what it refuses."""

from collections.abc import Iterator, Mapping, Sequence
from ipaddress import IPv4Network
from typing import Any

from settings.addons import ArgoCd
from settings.azure_facts import REGIONS_WITHOUT_ZONES
from settings.cluster import Cluster
from settings.foundation import Azure, KeyVault
from settings.pools import SystemPool
from settings.report import UNREAD, Path, Problem, guarded
from settings.rules import rule
from settings.types import Exposure, Target

PRODUCTION_DEFAULTS: Mapping[str, Any] = {
    "cluster": {
        "tier": "Standard",
        "zones": ["1", "2", "3"],
        "nodeSsh": False,
        "nodeResourceGroupReadOnly": True,
        "maintenance": {
            "cluster": {"day": "Sunday", "startTime": "02:00", "durationHours": 6},
            "nodeOs": {"day": "Saturday", "startTime": "02:00", "durationHours": 6},
        },
    },
    "systemPool": {"vmSize": "Standard_D4ds_v5", "minCount": 3, "maxCount": 6},
    "keyVault": {"softDeleteRetentionDays": 90, "firewall": True},
    "registry": {"mode": "create", "sku": "Premium"},
    "observability": {
        "containerInsights": True,
        "managedPrometheus": True,
        "defender": True,
        "azurePolicy": True,
        "diagnostics": True,
        "retentionDays": 90,
    },
    "certificates": {"issuer": "letsencrypt"},
    "ingress": {"replicas": 3},
    "argocd": {"highAvailability": True},
}
"""Defaults that ``production: true`` changes; what the stack file says is merged over them."""


@rule
def closed_api_server(production: bool, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/best-practices."""
    if production and cluster.api_server.exposure is Exposure.OPEN:
        yield Problem(
            ("cluster", "apiServer", "exposure"),
            "got 'openToTheWorld'; allowed in production: private, vnetIntegrated, authorizedRanges",
        )


@rule
def ranges_of_somebody(production: bool, cluster: Cluster) -> Iterator[Problem]:
    """https://www.iana.org/assignments/ipv4-address-space: nobody holds more than a /8; two of /1 are everybody."""
    if production:
        path = ("cluster", "apiServer", "authorizedIpRanges")
        yield from _nobodys(path, cluster.api_server.authorized_ip_ranges)


@rule
def ranges_of_writers(production: bool, key_vault: KeyVault) -> Iterator[Problem]:
    """https://www.iana.org/assignments/ipv4-address-space: nobody holds more than a /8."""
    if production:
        yield from _nobodys(("keyVault", "allowedIpRanges"), key_vault.allowed_ip_ranges)


def _nobodys(path: Path, ranges: Sequence[IPv4Network]) -> Iterator[Problem]:
    for index, cidr in enumerate(ranges):
        # a range that is everything is told by itself
        if cidr is not UNREAD and 0 < cidr.prefixlen < 8:
            yield Problem((*path, index), f"got '{cidr}'; allowed in production: /8 or smaller, as nobody holds more")


@rule
def no_local_accounts(production: bool, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/manage-local-accounts-managed-azure-ad."""
    if production and cluster.local_accounts:
        yield Problem(("cluster", "localAccounts"), "got true; allowed in production: false")


@rule
def service_level(production: bool, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/free-standard-pricing-tiers."""
    if production and cluster.tier == "Free":
        yield Problem(("cluster", "tier"), "got 'Free'; allowed in production: Standard, Premium")


@rule
def three_system_nodes(production: bool, system_pool: SystemPool) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/use-system-pools."""
    if production and system_pool.min_count < 3:
        yield Problem(("systemPool", "minCount"), f"got {system_pool.min_count}; allowed in production: 3 or more")


@rule
def purge_protection(production: bool, key_vault: KeyVault) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/key-vault/general/best-practices."""
    if production and not key_vault.purge_protection:
        yield Problem(("keyVault", "purgeProtection"), "got false; allowed in production: true")


@rule
def closed_vault(production: bool, key_vault: KeyVault) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/key-vault/general/network-security."""
    if production and not key_vault.closed:
        yield Problem(
            ("keyVault", "firewall"),
            "got false; allowed in production: true, with the ranges of whoever writes secrets in "
            "keyVault.allowedIpRanges",
        )


@rule
def several_zones(production: bool, azure: Azure, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/availability-zones-overview."""
    location = cluster.location or azure.location
    if production and len(cluster.zones) < 2 and location not in REGIONS_WITHOUT_ZONES:
        given = ", ".join(cluster.zones) or "none"
        yield Problem(("cluster", "zones"), f"got {given}; allowed in production: two zones or more")


@rule
def no_admin_account(target: Target, production: bool, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/user-management/#disable-admin-user."""
    # on a local cluster it is the only way in, and production is refused
    if target is Target.AZURE and production and argocd.admin_enabled:
        yield Problem(("argocd", "adminEnabled"), "got true; allowed in production: false, with argocd.signIn instead")


@rule
def not_everybody_is_admin(production: bool, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/#default-policy-for-authenticated-users."""
    if production and argocd.default_role == "role:admin":
        yield Problem(("argocd", "defaultRole"), "got 'role:admin'; allowed in production: '', role:readonly")


@rule
def maintenance_windows(production: bool, cluster: Cluster) -> Iterator[Problem]:
    """https://learn.microsoft.com/azure/aks/planned-maintenance."""
    for key, name in (("cluster", "cluster"), ("nodeOs", "node_os")):
        yield from guarded(_window(production, cluster, key, name))


def _window(production: bool, cluster: Cluster, key: str, name: str) -> Iterator[Problem]:
    if production and getattr(cluster.maintenance, name) is None:
        yield Problem(("cluster", "maintenance", key), "got none; production needs a window")
