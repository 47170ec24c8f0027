"""What a plan needs of Azure, read from the requests that it would send."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bootstrap.errors import UpError
from bootstrap.platform.plan.arm import Request, requests
from bootstrap.platform.plan.registration import Evaluation
from components.release.kubernetes_types import RELEASE
from conventions import CLUSTER_ARM_TYPE
from settings import Settings
from settings.cluster import Cluster
from settings.foundation import Azure

POOLS = f"{CLUSTER_ARM_TYPE}/agentPools"
VAULTS = "Microsoft.KeyVault/vaults"
GROUPS = "Microsoft.Resources/resourceGroups"


@dataclass(frozen=True, kw_only=True)
class Nodes:
    """The virtual machines of one node pool."""

    pool: str
    vm_size: str
    fewest: int
    """How many there are at first."""
    surge: int
    """How many an upgrade adds."""
    zones: tuple[str, ...]
    spot: bool


@dataclass(frozen=True, kw_only=True)
class Chart:
    """The chart of a release."""

    name: str
    version: str
    repository: str
    """URL of the repository; empty where the name is an OCI reference."""


class Needs:
    """What the requests of a plan ask of a subscription."""

    def __init__(self, settings: Settings, evaluation: Evaluation) -> None:
        """Read a plan.

        Args:
            settings: of an Azure stack.
            evaluation: the program's, for that stack.

        Raises:
            UpError: the stack is not in Azure.
        """
        if settings.azure is None or settings.cluster is None:
            raise UpError(f"stack {evaluation.stack} has target local; allowed: a stack with target: azure")
        self.settings = settings
        self.azure: Azure = settings.azure
        self.cluster_settings: Cluster = settings.cluster
        self.evaluation, self.stack = evaluation, evaluation.stack
        self.requests: Sequence[Request] = requests(evaluation)
        self.charts: Sequence[Chart] = tuple(_charts(evaluation))

    @property
    def subscription_id(self) -> str:
        """The subscription."""
        return str(self.azure.subscription_id)

    @property
    def subscription(self) -> str:
        """ARM id of the subscription."""
        return f"/subscriptions/{self.subscription_id}"

    def of(self, type_: str) -> list[Request]:
        """Return the requests of a type."""
        return [request for request in self.requests if request.type == type_]

    @cached_property
    def cluster(self) -> Request:
        """The cluster of this generation."""
        return self.of(CLUSTER_ARM_TYPE)[0]

    @cached_property
    def location(self) -> str:
        """The cluster's region."""
        return str(self.cluster.body["location"])

    @cached_property
    def namespaces(self) -> list[str]:
        """Resource providers that have to be registered.

        Beside those of the requests: what AKS itself creates, and what its addons use.
        """
        found = {request.type.split("/")[0] for request in self.requests} | {"Microsoft.Compute"}
        addons = self.cluster.body["properties"].get("addonProfiles") or {}
        security = self.cluster.body["properties"].get("securityProfile") or {}
        if (addons.get("azurepolicy") or {}).get("enabled"):
            found.add("Microsoft.PolicyInsights")
        if (addons.get("omsagent") or {}).get("enabled"):
            found.add("Microsoft.OperationsManagement")
        if security.get("defender"):
            found.add("Microsoft.Security")
        return sorted(found - {"Microsoft.Resources", "Microsoft.Authorization"})

    @cached_property
    def actions(self) -> dict[str, list[str]]:
        """Actions that the deployment takes, by scope: the subscription, or what is there already outside it."""
        groups = {request.id.lower() for request in self.of(GROUPS)}
        found: dict[str, set[str]] = {}
        for request in self.requests:
            parts = request.id.split("/")
            own = "/".join(parts[:5])
            # what no group holds, such as the definition of a role, is the subscription's own
            inside = own.lower() in groups or parts[3] == "providers"
            scope = self.subscription if inside else own
            found.setdefault(scope, set()).update(f"{request.type}/{verb}" for verb in ("read", "write", "delete"))
            found[scope].update(_LINKED.get(request.type, ()))
            if request.type == VAULTS and (request.body["properties"].get("networkAcls") or {}).get(
                "virtualNetworkRules"
            ):
                found[scope].add("Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action")
        return {scope: sorted(actions) for scope, actions in found.items()}

    @cached_property
    def nodes(self) -> list[Nodes]:
        """The node pools' virtual machines."""
        inline = self.cluster.body["properties"].get("agentPoolProfiles") or []
        own = [{"name": request.id.rpartition("/")[2], **request.body["properties"]} for request in self.of(POOLS)]
        return [_nodes(pool) for pool in [*inline, *own]]


_LINKED = {
    # https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-linked-authorization
    CLUSTER_ARM_TYPE: (
        f"{CLUSTER_ARM_TYPE}/listClusterUserCredential/action",
        "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action",
        "Microsoft.Network/virtualNetworks/subnets/join/action",
    ),
    POOLS: ("Microsoft.Network/virtualNetworks/subnets/join/action",),
    "Microsoft.Network/natGateways": ("Microsoft.Network/publicIPAddresses/join/action",),
    "Microsoft.Network/publicIPAddresses": ("Microsoft.Network/publicIPPrefixes/join/action",),
    "Microsoft.Network/privateEndpoints": (
        "Microsoft.Network/virtualNetworks/subnets/join/action",
        # without a right to approve, an endpoint stays pending. https://learn.microsoft.com/azure/private-link/rbac-permissions
        "Microsoft.KeyVault/vaults/privateEndpointConnectionsApproval/action",
        "Microsoft.ContainerRegistry/registries/privateEndpointConnectionsApproval/action",
    ),
    "Microsoft.Network/privateEndpoints/privateDnsZoneGroups": ("Microsoft.Network/privateDnsZones/join/action",),
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": ("Microsoft.Network/virtualNetworks/join/action",),
    "Microsoft.Network/virtualNetworks/subnets": ("Microsoft.Network/natGateways/join/action",),
}
"""Actions on other resources that writing one of a type takes."""


def _nodes(pool: Mapping[str, Any]) -> Nodes:
    fewest = int(pool.get("minCount") or pool.get("count") or 0)
    surge = str((pool.get("upgradeSettings") or {}).get("maxSurge") or "10%")
    # https://learn.microsoft.com/azure/aks/upgrade-aks-cluster#customize-node-surge-upgrade: rounded up
    extra = math.ceil(fewest * int(surge.rstrip("%")) / 100) if surge.endswith("%") else int(surge)
    return Nodes(
        pool=str(pool["name"]),
        vm_size=str(pool["vmSize"]),
        fewest=fewest,
        surge=extra,
        zones=tuple(pool.get("availabilityZones") or ()),
        spot=pool.get("scaleSetPriority") == "Spot",
    )


def _charts(evaluation: Evaluation) -> Iterator[Chart]:
    for found in evaluation.registrations:
        if found.type == RELEASE:
            name, repository = (
                str(found.inputs["chart"]),
                str((found.inputs.get("repositoryOpts") or {}).get("repo", "")),
            )
            yield Chart(name=name, version=str(found.inputs.get("version", "")), repository=repository)


def grants(pattern: str, action: str) -> bool:
    """Tell whether a pattern of a role, such as ``Microsoft.Network/*``, has an action in it."""
    return re.fullmatch(re.escape(pattern).replace(r"\*", ".*"), action, re.IGNORECASE) is not None
