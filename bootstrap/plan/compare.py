"""What changes between two evaluations of the program. It compares programs; it does not read the cloud."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Any

from bootstrap.plan.registration import Evaluation, Registration


class Kind(StrEnum):
    """What becomes of a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REPLACED = "replaced"
    REMOVED = "removed"


class ExitStatus(IntEnum):
    """How ``bootstrap plan --against`` ends, so that a script can decide."""

    SAME = 0
    CHANGED = 2
    DESTRUCTIVE = 3


@dataclass(frozen=True, kw_only=True)
class PropertyChange:
    """One input that differs; None where a side has none."""

    path: str
    before: Any
    after: Any
    replaces: bool


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of one resource."""

    urn: str
    type: str
    name: str
    kind: Kind
    properties: tuple[PropertyChange, ...] = ()
    destructive: bool = False
    """Whether something is lost that no later run brings back by itself."""


DESTRUCTIVE_TYPES = frozenset({
    "azure-native:containerservice:ManagedCluster",
    "azure-native:containerservice:AgentPool",
    "azure-native:keyvault:Vault",
    "azure-native:containerregistry:Registry",
    "azure-native:dns:Zone",
    "azure-native:network:PublicIPPrefix",
    "azure-native:network:PublicIPAddress",
    "azure-native:network:VirtualNetwork",
    "azure-native:operationalinsights:Workspace",
    "azure-native:monitor:AzureMonitorWorkspace",
    "azure-native:managedidentity:UserAssignedIdentity",
    "azure-native:dns:RecordSet",
    "azure-native:resources:ResourceGroup",
    "kubernetes:helm.sh/v3:Release",
    "kubernetes:core/v1:Namespace",
    # its finalizer takes every application along
    "kubernetes:argoproj.io/v1alpha1:Application",
    # everything behind a replaced provider is replaced
    "pulumi:providers:kubernetes",
})  # fmt: skip
"""Types whose removal or replacement interrupts somebody or loses data."""

_ANY_AZURE = frozenset({"location", "resourceGroupName"})

REPLACING: Mapping[str, frozenset[str]] = {
    # design of AKS: https://learn.microsoft.com/azure/templates/microsoft.containerservice/managedclusters
    "azure-native:containerservice:ManagedCluster": frozenset({
        "resourceName", "dnsPrefix", "fqdnSubdomain", "nodeResourceGroup", "linuxProfile", "diskEncryptionSetID",
        "networkProfile.networkPlugin", "networkProfile.networkPluginMode", "networkProfile.networkDataplane",
        "networkProfile.networkPolicy", "networkProfile.outboundType", "networkProfile.podCidr",
        "networkProfile.serviceCidr", "networkProfile.dnsServiceIP", "networkProfile.loadBalancerSku",
    }),
    "azure-native:containerservice:AgentPool": frozenset({
        "agentPoolName", "resourceName", "vmSize", "osType", "osSKU", "osDiskType", "osDiskSizeGB", "maxPods",
        "vnetSubnetID", "podSubnetID", "availabilityZones", "scaleSetPriority", "scaleSetEvictionPolicy", "type",
        "spotMaxPrice",
    }),
    "azure-native:keyvault:Vault": frozenset({"vaultName", "properties.tenantId"}),
    "azure-native:containerregistry:Registry": frozenset({"registryName"}),
    "azure-native:dns:Zone": frozenset({"zoneName", "zoneType"}),
    "azure-native:dns:RecordSet": frozenset({"relativeRecordSetName", "recordType", "zoneName"}),
    "azure-native:network:PublicIPPrefix": frozenset({"publicIpPrefixName", "prefixLength", "sku", "zones"}),
    "azure-native:network:PublicIPAddress": frozenset({
        "publicIpAddressName", "publicIPPrefix", "publicIPAllocationMethod", "sku", "zones",
    }),
    "azure-native:network:VirtualNetwork": frozenset({"virtualNetworkName"}),
    "azure-native:network:Subnet": frozenset({"subnetName", "virtualNetworkName"}),
    "azure-native:network:NatGateway": frozenset({"natGatewayName", "sku", "zones"}),
    "azure-native:operationalinsights:Workspace": frozenset({"workspaceName"}),
    "azure-native:managedidentity:UserAssignedIdentity": frozenset({"resourceName"}),
    "azure-native:authorization:RoleAssignment": frozenset({
        "roleAssignmentName", "scope", "roleDefinitionId", "principalId", "principalType",
    }),
    "kubernetes:helm.sh/v3:Release": frozenset({"name", "namespace"}),
    "pulumi:providers:kubernetes": frozenset({"clusterIdentifier"}),
}  # fmt: skip
"""Inputs whose change replaces the resource. For types of Kubernetes: a changed name or namespace."""


def compare(before: Evaluation, after: Evaluation) -> list[Change]:
    """Return what changes, destructive changes first, then in the program's order."""
    old, new = before.by_urn(), after.by_urn()
    changes = [_one(Kind.ADDED, registration) for urn, registration in new.items() if urn not in old]
    changes += [_one(Kind.REMOVED, registration) for urn, registration in old.items() if urn not in new]
    for urn, registration in new.items():
        if urn in old and (properties := tuple(_properties(old[urn], registration))):
            kind = Kind.REPLACED if any(change.replaces for change in properties) else Kind.CHANGED
            changes.append(_one(kind, registration, properties))
    order = {urn: position for position, urn in enumerate([*old, *new])}
    return sorted(changes, key=lambda change: (not change.destructive, order[change.urn]))


def exit_status(changes: list[Change]) -> ExitStatus:
    """Return how the command ends."""
    if any(change.destructive for change in changes):
        return ExitStatus.DESTRUCTIVE
    return ExitStatus.CHANGED if changes else ExitStatus.SAME


def _one(kind: Kind, registration: Registration, properties: tuple[PropertyChange, ...] = ()) -> Change:
    lost = kind in {Kind.REPLACED, Kind.REMOVED} and registration.type in DESTRUCTIVE_TYPES
    return Change(
        urn=registration.urn,
        type=registration.type,
        name=registration.name,
        kind=kind,
        properties=properties,
        destructive=lost,
    )


def _properties(before: Registration, after: Registration) -> Iterator[PropertyChange]:
    for path, old, new in differences(before.inputs, after.inputs, ""):
        if not any(path == ignored or path.startswith(f"{ignored}.") for ignored in after.ignore_changes):
            yield PropertyChange(path=path, before=old, after=new, replaces=replaces(after.type, path))
    for option in ("protect", "retain_on_delete", "deleted_with", "provider", "ignore_changes", "hooks"):
        old, new = getattr(before, option), getattr(after, option)
        if old != new:
            yield PropertyChange(path=f"options.{option}", before=old, after=new, replaces=False)


def differences(before: Any, after: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:  # noqa: ANN401 - any input
    """Yield the path of every difference between two inputs, with both sides; None where a side has none."""
    if isinstance(before, dict) and isinstance(after, dict):
        for key in [*before, *(key for key in after if key not in before)]:
            yield from differences(before.get(key), after.get(key), f"{path}.{key}" if path else key)
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for index, (old, new) in enumerate(zip(before, after, strict=True)):
            yield from differences(old, new, f"{path}[{index}]")
    elif before != after:
        yield path, before, after


def replaces(type_: str, path: str) -> bool:
    """Tell whether a changed input replaces its resource."""
    top = path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]
    if type_.startswith("azure-native:") and top in _ANY_AZURE:
        return True
    if type_.startswith("kubernetes:") and path in {"metadata.name", "metadata.namespace"}:
        return True
    return any(path == key or path.startswith((f"{key}.", f"{key}[")) for key in REPLACING.get(type_, ()))
