"""What the subscription and the region offer: providers, VM sizes, vCPUs, addresses, Kubernetes versions."""

import datetime as dt
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.doctor.azure import Clients
from bootstrap.platform.doctor.needs import Needs, Nodes
from bootstrap.platform.findings import Finding, blocked, fine
from conventions import CLUSTER_ARM_TYPE
from settings.retirements import WARNING_DAYS, Retirement, retirements

_QUOTA = "https://portal.azure.com/#view/Microsoft_Azure_Capacity/QuotaMenuBlade/~/myQuotas"


def provider(needs: Needs, clients: Clients, namespace: str) -> Iterator[Finding]:
    """Ask whether a resource provider is registered, and has what the plan asks for: types, API versions, regions."""
    check = "providers"
    found = clients.resources.providers.get(namespace)
    if found.registration_state != "Registered":
        yield blocked(
            check,
            namespace,
            f"{str(found.registration_state or 'unknown').lower()} in this subscription",
            f"az provider register --namespace {namespace} --subscription {needs.subscription_id} --wait",
        )
        return
    known = {str(each.resource_type).lower(): each for each in found.resource_types or ()}
    lacking = []
    for request in needs.requests:
        space, _, type_ = request.type.partition("/")
        offered = known.get(type_.lower())
        if space == namespace and offered is not None and request.api_version not in (offered.api_versions or ()):
            lacking.append(f"{request.type} has no API version {request.api_version}")
        if space == namespace and offered is not None and (place := request.body.get("location")):
            places = {str(location).replace(" ", "").lower() for location in offered.locations or ()}
            if places and place not in places and "global" not in place:
                lacking.append(f"{request.type} is not offered in {place}")
    for text in sorted(set(lacking)):
        yield blocked(
            check,
            namespace,
            text,
            f'az provider show --namespace {namespace} --query "resourceTypes[].[resourceType,locations]" '
            "(then choose another region, or a newer release of this program)",
        )
    if not lacking:
        yield fine(check, namespace, "registered, with the API versions of the plan in its region")


def sizes_and_quotas(needs: Needs, clients: Clients) -> Iterator[Finding]:
    """Ask whether every VM size is offered in every zone, and whether its vCPUs are left, for a rebuild too."""
    location = needs.location
    skus = {
        str(sku.name): sku
        for sku in clients.compute.resource_skus.list(filter=f"location eq '{location}'")
        if sku.resource_type == "virtualMachines"
    }
    usable: list[tuple[Nodes, Any]] = []
    for nodes in needs.nodes:
        problem = _why_not_offered(nodes, skus.get(nodes.vm_size), location)
        if problem is None:
            usable.append((nodes, skus[nodes.vm_size]))
            yield fine(
                "sizes", f"{nodes.vm_size} in {location}", f"offered in zones {', '.join(nodes.zones) or 'none'}"
            )
        else:
            yield blocked(
                "sizes",
                f"{nodes.vm_size} in {location}, for pool {nodes.pool}",
                problem,
                f"az vm list-skus --location {location} --size {nodes.vm_size} --all --output table "
                "(then choose a size or zones that are offered)",
            )
    yield from _quotas(needs, clients, usable)


def _why_not_offered(nodes: Nodes, sku: Any, location: str) -> str | None:
    if sku is None:
        return f"not offered in {location}"
    zones = {str(zone) for place in sku.location_info or () for zone in place.zones or ()}
    for restriction in sku.restrictions or ():
        if str(restriction.type).rpartition(".")[2].upper() == "LOCATION":
            return f"not for this subscription ({_text(restriction.reason_code)})"
        zones -= {str(zone) for zone in (restriction.restriction_info and restriction.restriction_info.zones) or ()}
    absent = [zone for zone in nodes.zones if zone not in zones]
    return (
        f"not offered in zone {', '.join(absent)}; zones left: {', '.join(sorted(zones)) or 'none'}" if absent else None
    )


def _quotas(needs: Needs, clients: Clients, usable: list[tuple[Nodes, Any]]) -> Iterator[Finding]:
    first: Counter[str] = Counter()
    surge: Counter[str] = Counter()
    for nodes, sku in usable:
        capabilities = {str(each.name): str(each.value) for each in sku.capabilities or ()}
        vcpus = int(capabilities.get("vCPUsAvailable") or capabilities.get("vCPUs") or 0)
        for family in ["lowPriorityCores"] if nodes.spot else [str(sku.family), "cores"]:
            first[family] += vcpus * nodes.fewest
            surge[family] += vcpus * nodes.surge
    usages = {
        str(usage.name.value).lower(): usage for usage in clients.compute.usage.list(needs.location) if usage.name
    }
    running = needs.cluster.id.lower() in clients.existing([CLUSTER_ARM_TYPE])
    for family in sorted(first):
        usage = usages.get(family.lower())
        if usage is None:
            continue
        left = int(usage.limit) - int(usage.current_value)
        # what runs already is counted in what is used
        once = surge[family] + (0 if running else first[family])
        twice = once + first[family]
        subject = f"{family} vCPUs in {needs.location}"
        request = (
            f"az quota update --resource-name {family} --scope {needs.subscription}/providers/Microsoft.Compute/"
            f"locations/{needs.location} --limit-object value={int(usage.current_value) + twice} ({_QUOTA})"
        )
        if left < once:
            yield blocked("quota", subject, f"{left} left of {usage.limit}, {once} needed with surge", request)
        elif left < twice:
            detail = f"{left} left of {usage.limit}: enough for one cluster, a rebuild beside it needs {twice}"
            yield blocked("quota", subject, detail, request)
        else:
            yield fine("quota", subject, f"{left} left of {usage.limit}, {twice} needed for two generations with surge")


_ADDRESSES = {
    "Microsoft.Network/publicIPAddresses": ("StaticPublicIPAddresses", "StandardSkuPublicIpAddresses"),
    "Microsoft.Network/publicIPPrefixes": ("PublicIPPrefixes",),
    "Microsoft.Network/natGateways": ("NatGateways",),
    "Microsoft.Network/virtualNetworks": ("VirtualNetworks",),
}
"""Quotas, by the type that uses one of each. https://learn.microsoft.com/azure/azure-resource-manager/management/azure-subscription-service-limits#azure-networking-limits"""


def addresses(needs: Needs, clients: Clients) -> Iterator[Finding]:
    """Ask whether the region has addresses, prefixes, networks and gateways left for this subscription."""
    needed: dict[str, Counter[str]] = {}
    existing = clients.existing(list(_ADDRESSES))
    for request in needs.requests:
        for quota in _ADDRESSES.get(request.type, ()):
            needed.setdefault(str(request.body["location"]), Counter())[quota] += request.id.lower() not in existing
    for location, quotas in needed.items():
        usages = {str(each.name.value).lower(): each for each in clients.network.usages.list(location) if each.name}
        for quota, number in sorted(quotas.items()):
            usage = usages.get(quota.lower())
            if usage is None:
                continue
            left = int(usage.limit) - int(usage.current_value)
            subject = f"{quota} in {location}"
            if left < number:
                yield blocked(
                    "addresses",
                    subject,
                    f"{left} left of {usage.limit}, {number} needed",
                    f"az quota update --resource-name {quota} --scope {needs.subscription}/providers/Microsoft.Network/"
                    f"locations/{location} --limit-object value={int(usage.limit) + number} ({_QUOTA})",
                )
            else:
                yield fine("addresses", subject, f"{left} left of {usage.limit}, {number} needed")


def kubernetes(needs: Needs, clients: Clients) -> Iterator[Finding]:
    """Ask whether the region offers the Kubernetes version, with the support plan of the stack."""
    check, location = "kubernetes", needs.location
    properties = needs.cluster.body["properties"]
    version, plan = str(properties["kubernetesVersion"]), str(properties.get("supportPlan", "KubernetesOfficial"))
    minor = ".".join(version.split(".")[:2])
    offered: Mapping[str, Any] = {
        str(each.version): each
        for each in clients.kubernetes.managed_clusters.list_kubernetes_versions(location).values_property or ()
    }
    remedy = f"az aks get-versions --location {location} --output table (then set cluster.kubernetesVersion)"
    subject = f"Kubernetes {version} in {location}"
    found = offered.get(minor)
    if found is None:
        yield blocked(check, subject, f"not offered; offered: {', '.join(sorted(offered))}", remedy)
        return
    patches = list(found.patch_versions or ())
    if version.count(".") == 2 and patches and version not in patches:
        yield blocked(check, subject, f"not offered; patch versions: {', '.join(sorted(patches))}", remedy)
        return
    plans = {_text(each) for each in (found.capabilities and found.capabilities.support_plan) or ()}
    if plans and plan.lower() not in {each.lower() for each in plans}:
        detail = f"not with the support plan {plan}, only with {', '.join(sorted(plans))}"
        yield blocked(check, subject, detail, f"{remedy}, or cluster.longTermSupport: true")
        return
    preview = " (a preview)" if found.is_preview else ""
    yield fine(check, subject, f"offered{preview}", warning=bool(found.is_preview), remedy=remedy if preview else "")


def ends(needs: Needs, today: dt.date) -> Iterator[Finding]:
    """Say what of the plan Azure retires soon, or has retired, by a dated table.

    It warns and stops nothing: an emergency rebuild must be able to use whatever Azure still offers.
    """
    found: dict[Retirement, None] = {}
    for request in needs.requests:
        found.update(dict.fromkeys(retirements(request.body)))
    for retirement in sorted(found, key=lambda each: each.on):
        days = (retirement.on - today).days
        near = days <= WARNING_DAYS
        yield fine(
            "ends",
            retirement.name,
            f"support ended on {retirement.on}: Azure may refuse it any day"
            if days < 0
            else f"supported until {retirement.on}" + (f", {days} days from now" if near else ""),
            warning=near,
            remedy=f"{retirement.instead} ({retirement.source})" if near else "",
        )


def _text(value: object) -> str:
    """Return the value of one of the SDK's enums, or a text as it is."""
    return str(getattr(value, "value", value))
