"""Rules about the AKS cluster itself."""

from collections.abc import Iterator

from policy.resource import Resource, Stack, flag, is_too_wide, is_unknown
from policy.rule import rule, stack_rule

_CLUSTER = "containerservice:ManagedCluster"
_LEARN = "https://learn.microsoft.com/azure/aks"


@rule(
    "aks-local-accounts",
    "The cluster has no local accounts: nobody gets in without Entra ID.",
    f"{_LEARN}/manage-local-accounts-managed-azure-ad",
    _CLUSTER,
)
def local_accounts(cluster: Resource) -> Iterator[str]:
    """The certificate of a local account never expires with its holder's employment."""
    if not flag(cluster.get("disableLocalAccounts")):
        yield f"disableLocalAccounts: got {cluster.get('disableLocalAccounts')}; allowed: true"


@rule(
    "aks-azure-rbac",
    "Entra ID signs in, and Azure RBAC decides.",
    f"{_LEARN}/manage-azure-rbac",
    _CLUSTER,
)
def azure_rbac(cluster: Resource) -> Iterator[str]:
    """Kubernetes' own RBAC is what Azure RBAC is added to."""
    for path in ("enableRBAC", "aadProfile.managed", "aadProfile.enableAzureRBAC"):
        if not flag(cluster.get(path)):
            yield f"{path}: got {cluster.get(path)}; allowed: true"


@rule(
    "aks-closed-api-server",
    "The API server is private, or open to listed ranges only.",
    f"{_LEARN}/api-server-authorized-ip-ranges",
    _CLUSTER,
)
def closed_api_server(cluster: Resource) -> Iterator[str]:
    """A list of ranges that is empty allows everybody."""
    if flag(cluster.get("apiServerAccessProfile.enablePrivateCluster")):
        if flag(cluster.get("apiServerAccessProfile.enablePrivateClusterPublicFQDN")):
            yield "apiServerAccessProfile.enablePrivateClusterPublicFQDN: got true; allowed: false"
        return
    ranges = cluster.get("apiServerAccessProfile.authorizedIPRanges") or []
    if not ranges:
        yield "apiServerAccessProfile.authorizedIPRanges: got none; allowed: some, or enablePrivateCluster"
    for given in [] if is_unknown(ranges) else ranges:
        # the NAT gateway's address is not known before Azure answers
        if is_too_wide(given):
            yield f"apiServerAccessProfile.authorizedIPRanges: got {given}; allowed: /8 and smaller"


@rule(
    "aks-no-run-command",
    "Nobody runs commands in the cluster through Azure's API, except where it is private and that is the last resort.",
    f"{_LEARN}/access-private-cluster#use-aks-run-command",
    _CLUSTER,
)
def no_run_command(cluster: Resource) -> Iterator[str]:
    """Azure's role assignments, and no Kubernetes role, decide who may run commands as cluster-admin."""
    private = flag(cluster.get("apiServerAccessProfile.enablePrivateCluster"))
    if not private and not flag(cluster.get("apiServerAccessProfile.disableRunCommand")):
        yield "apiServerAccessProfile.disableRunCommand: got false; allowed: true where the API server is not private"


@rule(
    "aks-workload-identity",
    "Workloads sign in as federated identities.",
    f"{_LEARN}/workload-identity-overview",
    _CLUSTER,
)
def workload_identity(cluster: Resource) -> Iterator[str]:
    """Without the issuer no credential can be federated."""
    for path in ("oidcIssuerProfile.enabled", "securityProfile.workloadIdentity.enabled"):
        if not flag(cluster.get(path)):
            yield f"{path}: got {cluster.get(path)}; allowed: true"


@rule(
    "aks-managed-identity",
    "The cluster has identities without a password.",
    f"{_LEARN}/use-managed-identity",
    _CLUSTER,
)
def managed_identity(cluster: Resource) -> Iterator[str]:
    """A service principal has a secret that ends, and that somebody keeps."""
    if cluster.get("identity.type") != "UserAssigned":
        yield f"identity.type: got {cluster.get('identity.type')}; allowed: UserAssigned"
    if cluster.get("servicePrincipalProfile") is not None:
        yield "servicePrincipalProfile: got one; allowed: none"


@rule(
    "aks-defender",
    "Microsoft Defender for Containers watches the cluster.",
    "https://learn.microsoft.com/azure/defender-for-cloud/defender-for-containers-azure-overview",
    _CLUSTER,
)
def defender(cluster: Resource) -> Iterator[str]:
    """It also scans the images that run."""
    path = "securityProfile.defender.securityMonitoring.enabled"
    if not flag(cluster.get(path)):
        yield f"{path}: got {cluster.get(path)}; allowed: true"


@rule(
    "aks-azure-policy",
    "Azure Policy's add-on is on.",
    "https://learn.microsoft.com/azure/governance/policy/concepts/policy-for-kubernetes",
    _CLUSTER,
)
def azure_policy(cluster: Resource) -> Iterator[str]:
    """What it enforces is up to who assigns policies to the subscription."""
    path = "addonProfiles.azurepolicy.enabled"
    if not flag(cluster.get(path)):
        yield f"{path}: got {cluster.get(path)}; allowed: true"


_RETIRED_ADDONS = {
    "kubeDashboard": "https://github.com/kubernetes-retired/dashboard",
    "httpApplicationRouting": f"{_LEARN}/http-application-routing",
}


@rule(
    "aks-no-retired-addons",
    "No add-on is on that opens the cluster and that Microsoft has retired.",
    f"{_LEARN}/http-application-routing",
    _CLUSTER,
)
def no_retired_addons(cluster: Resource) -> Iterator[str]:
    """The dashboard ran with rights of its own; HTTP application routing was never meant for production."""
    for addon in _RETIRED_ADDONS:
        if flag(cluster.get(f"addonProfiles.{addon}.enabled")):
            yield f"addonProfiles.{addon}.enabled: got true; allowed: false"


@rule(
    "aks-network-policy",
    "The network enforces NetworkPolicies.",
    f"{_LEARN}/use-network-policies",
    _CLUSTER,
)
def network_policy(cluster: Resource) -> Iterator[str]:
    """Where nothing enforces them, the API server takes NetworkPolicies all the same."""
    given = cluster.get("networkProfile.networkPolicy")
    if given not in ("cilium", "calico", "azure"):
        yield f"networkProfile.networkPolicy: got {given}; allowed: cilium, calico, azure"


@rule(
    "aks-service-level",
    "The control plane has a service level agreement.",
    f"{_LEARN}/free-standard-pricing-tiers",
    _CLUSTER,
)
def service_level(cluster: Resource) -> Iterator[str]:
    """As settings/production.py has it."""
    if cluster.get("sku.tier") not in ("Standard", "Premium"):
        yield f"sku.tier: got {cluster.get('sku.tier')}; allowed: Standard, Premium"


@rule(
    "aks-node-image-upgrades",
    "Nodes get security fixes without anybody's doing.",
    f"{_LEARN}/auto-upgrade-node-os-image",
    _CLUSTER,
)
def node_image_upgrades(cluster: Resource) -> Iterator[str]:
    """``Unmanaged`` leaves it to the operating system, and ``None`` to people."""
    given = cluster.get("autoUpgradeProfile.nodeOSUpgradeChannel")
    if given not in ("NodeImage", "SecurityPatch"):
        yield f"autoUpgradeProfile.nodeOSUpgradeChannel: got {given}; allowed: NodeImage, SecurityPatch"


@rule(
    "aks-image-cleaner",
    "Images that nothing uses leave the nodes.",
    f"{_LEARN}/image-cleaner",
    _CLUSTER,
)
def image_cleaner(cluster: Resource) -> Iterator[str]:
    """An image that is there runs without a pull, whatever the registry has found in it since."""
    if not flag(cluster.get("securityProfile.imageCleaner.enabled")):
        yield "securityProfile.imageCleaner.enabled: got false; allowed: true"


_WINDOWS = ("aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule")


@stack_rule(
    "aks-maintenance",
    "Upgrades of the cluster and of nodes come in a window that somebody chose.",
    f"{_LEARN}/planned-maintenance",
)
def maintenance(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """As settings/production.py has it."""
    windows = list(stack.of_type("containerservice:MaintenanceConfiguration"))
    for cluster in stack.of_type(_CLUSTER):
        there = {each.get("configName") for each in windows if each.get("resourceName") == cluster.get("resourceName")}
        for name in _WINDOWS:
            if name not in there:
                yield cluster, f"got no MaintenanceConfiguration {name}; allowed: one"


_AUDIT = ("kube-audit", "kube-audit-admin")


@stack_rule(
    "aks-audit-logs",
    "Who changed the cluster, and who signed in, is logged.",
    f"{_LEARN}/monitor-aks-reference#resource-logs",
)
def audit_logs(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """``kube-audit-admin`` leaves reads out; ``guard`` has the sign-ins."""
    for cluster in stack.of_type(_CLUSTER):
        logged = logged_categories(stack, cluster)
        for wanted in (_AUDIT, ("guard",)):
            if not logged.intersection(wanted):
                yield cluster, f"logs: got {', '.join(sorted(logged)) or 'none'}; allowed: with {' or '.join(wanted)}"


def logged_categories(stack: Stack, resource: Resource) -> set[str]:
    """Return the categories of a resource's logs that diagnostic settings send somewhere."""
    return {
        str(log.get("category") or log.get("categoryGroup"))
        for setting in stack.of_type("monitor:DiagnosticSetting")
        if resource in stack.referred(setting, "resourceUri")
        for log in setting.get("logs") or []
        if flag(log.get("enabled"))
    }
