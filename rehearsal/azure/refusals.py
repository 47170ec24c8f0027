"""What Azure refuses: requests that do not fit what is there, and those that come too early."""

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from components.azure.resource_types import name_of
from components.azure.roles import Role
from rehearsal.azure.identifiers import stable_uuid

RETRIED = frozenset({"AnotherOperationInProgress"})
"""Codes after which azure-native itself tries again, besides the statuses 429 and 503 that its client retries.

https://github.com/pulumi/pulumi-azure-native/blob/v3.29.0/provider/pkg/azure/client_azcore.go
"""
RETRIED_STATUSES = frozenset({429, 503})

Content = Mapping[str, Any]
"""A cloud's file: resources by their ids in lower case, and more."""

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)

NETWORK = frozenset({"network:VirtualNetwork", "network:Subnet"})
CLUSTER = frozenset({"containerservice:ManagedCluster", "containerservice:AgentPool"})


class AzureError(Exception):
    """A request that Azure rejects; ``code`` is Azure's, ``status`` HTTP's."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        """Format the message as azure-native does."""
        super().__init__(f'Status={status} Code="{code}" Message="{text}"')
        self.code, self.text, self.status = code, text, status


def refuse_put(content: Content, id_: str, type_: str, inputs: Mapping[str, Any], now: float) -> None:
    """Refuse a creation or an update.

    Args:
        content: the cloud's.
        id_: ARM id.
        type_: token without ``azure-native:``.
        inputs: the resource's properties, as the SDK has them.
        now: the cloud's time.

    Raises:
        AzureError: Azure would reject it.
    """
    resources = content["resources"]
    group = group_of(id_)
    if type_ != "resources:ResourceGroup" and group is not None and group not in resources:
        raise AzureError("ResourceGroupNotFound", f"Resource group '{group}' could not be found.", 404)
    if group is not None and resources.get(group, {}).get("deleting"):
        raise AzureError("ResourceGroupBeingDeleted", f"The resource group '{group}' is in deprovisioning state.", 409)
    parent = parent_of(id_)
    if parent is not None and parent not in resources:
        raise AzureError("ParentResourceNotFound", f"'{parent}' could not be found.", 404)
    _refuse_references(content, type_, inputs, now)
    _refuse_while_busy(content, id_, type_, inputs, now)
    existing = resources.get(id_.lower())
    if type_ in _NAMED_IN_THE_WORLD and existing is None:
        _refuse_taken_name(content, id_, type_, inputs)
    if type_ == "authorization:RoleAssignment":
        _refuse_assignment(content, id_, inputs, now)
    if type_ == "containerservice:ManagedCluster":
        _refuse_upgrade(existing, inputs)
        _refuse_kubelet_identity(content, inputs, now)


def refuse_delete(content: Content, doomed: Set[str]) -> None:
    """Refuse a deletion.

    Args:
        content: the cloud's.
        doomed: ids in lower case of everything that would go.

    Raises:
        AzureError: a lock forbids it, or something that stays holds what would go.
    """
    for key in doomed:
        if _locked(content, key) and ":ManagementLock" not in content["resources"][key]["type"]:
            raise AzureError("ScopeLocked", f"{key} cannot be deleted: a lock is on it or above it", 409)
    held_by = {held: holder for holder, held in holds(content) if holder not in doomed}
    for key in doomed:
        if key in held_by:
            type_ = content["resources"][key]["type"]
            code = _IN_USE.get(type_, "Conflict")
            raise AzureError(code, f"{key} can not be deleted since it is in use by {held_by[key]}.")


def failure(content: Content, id_: str, type_: str, inputs: Mapping[str, Any], now: float) -> AzureError | None:
    """Return what an operation that Azure accepts fails with later; None where it succeeds.

    A cluster's right to join its subnets is asked by the operation, not by the request.
    """
    if type_ == "resources:Deployment" and (busy := _busy(content["resources"], id_, type_, inputs, now)):
        return _pending(busy, 200)
    if type_ != "containerservice:ManagedCluster":
        return None
    principal = _control_plane(content, inputs)
    subnets = {pool.get("vnetSubnetID") for pool in inputs.get("agentPoolProfiles") or ()} - {None}
    for subnet in subnets if principal is not None else ():
        if not has_role(content, str(principal), Role.NETWORK_CONTRIBUTOR, subnet, now):
            return AzureError(
                "LinkedAuthorizationFailed", f"The client does not have permission to join {subnet}.", 200
            )
    return None


_LATE_SECONDS = 6 * 3600
"""How long what was in a resource may be asked for in vain by its own name, once its group is gone."""


def not_found(content: Content, id_: str, type_: str, now: float) -> AzureError:
    """Return what Azure says of a resource that is not there."""
    group, parent = group_of(id_), parent_of(id_)
    inside = parent is not None or "/providers/" in id_.lower().rpartition("/providers/")[0]
    lately = content["gone"].get(group, -_LATE_SECONDS) + _LATE_SECONDS > now
    if group is not None and group not in content["resources"] and not (inside and lately):
        return AzureError("ResourceGroupNotFound", f"Resource group '{group}' could not be found.", 404)
    code = "ResourceNotFound" if group is not None and lately and inside else _NOT_FOUND.get(type_, "ResourceNotFound")
    if parent is not None and parent not in content["resources"]:
        code = _PARENT_NOT_FOUND.get(type_, "ResourceNotFound")
    return AzureError(code, f"The resource '{id_}' was not found.", 404)


_NOT_FOUND = {
    "authorization:RoleAssignment": "RoleAssignmentNotFound",
    "managedidentity:FederatedIdentityCredential": "NotFound",
}
_PARENT_NOT_FOUND = {
    "dns:RecordSet": "ParentResourceNotFound",
    "managedidentity:FederatedIdentityCredential": "ParentResourceNotFound",
}


def group_of(id_: str) -> str | None:
    """Return the id, in lower case, of the resource group that a resource is in."""
    parts = id_.lower().split("/")
    return "/".join(parts[:5]) if len(parts) > 4 and parts[3] == "resourcegroups" else None


def parent_of(id_: str) -> str | None:
    """Return the id, in lower case, of the resource that a resource is nested in."""
    # an account has its one blob service from the first
    above, _, below = id_.lower().replace("/blobservices/default/", "/").rpartition("/providers/")
    parts = below.split("/")
    return f"{above}/providers/{'/'.join(parts[:-2])}" if above and len(parts) > 3 else None


def has_role(content: Content, principal: str, role: Role, scope: str, now: float) -> bool:
    """Tell whether a principal has a role on a scope, by an assignment that has reached every replica."""
    late = content["behaviour"]["role_seconds"]
    for resource in content["resources"].values():
        inputs = resource["inputs"]
        if (
            resource["type"] == "authorization:RoleAssignment"
            and inputs["principalId"] == principal
            and inputs["roleDefinitionId"].endswith(role)
            and is_within(scope, inputs["scope"])
            and resource["ready"] + late <= now
        ):
            return True
    return False


def is_within(id_: str, scope: str) -> bool:
    """Tell whether a resource is what a scope names, or below it."""
    return id_.lower() == scope.lower() or id_.lower().startswith(f"{scope.lower()}/")


def holds(content: Content) -> Iterator[tuple[str, str]]:
    """Yield every resource that holds another against its deletion, with that other: ids in lower case."""
    for key, resource in content["resources"].items():
        for held in _held(resource):
            yield key, held.lower()
            network, _, subnet = held.lower().rpartition("/subnets/")
            if subnet:
                yield key, network
    for holder, held in content["foreign"]:
        # a resource of a type that this cloud does not have: it goes with its group
        if (group_of(holder) or "") in content["resources"]:
            yield holder, held


_IN_USE = {
    "network:Subnet": "InUseSubnetCannotBeDeleted",
    "network:VirtualNetwork": "InUseSubnetCannotBeDeleted",
    "network:PublicIPAddress": "PublicIPAddressCannotBeDeleted",
    # https://github.com/Azure/kube-egress-gateway/pull/1223
    "network:PublicIPPrefix": "InUsePublicIpPrefixCannotBeDeleted",
    # https://github.com/Azure-Samples/Copilot-Studio-with-Azure-AI-Search/issues/62
    "network:NatGateway": "CannotDeleteNatGatewayAssociatedToSubnet",
}


def _held(resource: Mapping[str, Any]) -> Iterator[str]:
    inputs = resource["inputs"]
    yield from references(resource["type"], inputs)
    if resource["type"] == "network:Subnet" and inputs.get("natGateway"):
        yield inputs["natGateway"]["id"]
    if resource["type"] == "network:PrivateEndpoint":
        yield inputs["subnet"]["id"]
    pools = [inputs] if resource["type"] == "containerservice:AgentPool" else inputs.get("agentPoolProfiles") or []
    for pool in pools:
        yield from (pool[key] for key in ("vnetSubnetID", "podSubnetID") if pool.get(key))
    api_server = (inputs.get("apiServerAccessProfile") or {}).get("subnetId")
    if api_server:
        yield api_server


def references(type_: str, inputs: Mapping[str, Any]) -> Iterator[str]:
    """Yield the ids of the addresses and prefixes that a resource of the network takes."""
    if type_ == "network:NatGateway":
        for key in ("publicIpAddresses", "publicIpPrefixes"):
            yield from (item["id"] for item in inputs.get(key) or ())
    if type_ == "network:PublicIPAddress" and inputs.get("publicIPPrefix"):
        yield inputs["publicIPPrefix"]["id"]


def _refuse_references(content: Content, type_: str, inputs: Mapping[str, Any], now: float) -> None:
    resources = content["resources"]
    for id_ in references(type_, inputs):
        found = resources.get(id_.lower())
        busy = content["occupied"].get(id_.lower(), 0) > now or (found is not None and found["ready"] > now)
        if busy and not id_.lower().rpartition("/")[0].endswith("/publicipprefixes"):
            raise _retryable(f"resource {id_} is not in Succeeded state")
        if busy or found is None:  # a prefix is not found until it is ready
            raise AzureError("NotFound", f"Resource {id_} not found.", 404)
    if type_ == "monitor:DataCollectionRule":
        for destination in (inputs.get("destinations") or {}).get("logAnalytics") or ():
            id_ = destination["workspaceResourceId"]
            if id_.lower() not in resources:
                raise AzureError("WorkspaceNotFound", f"Workspace {id_} was not found.")


def _refuse_while_busy(content: Content, id_: str, type_: str, inputs: Mapping[str, Any], now: float) -> None:
    lane = lane_of(id_, type_, inputs)
    if lane is not None and content["occupied"].get(lane, 0) > now:
        raise _retryable(f"another operation is updating resource {lane}")
    # a deployment is accepted, and fails
    busy = None if type_ == "resources:Deployment" else _busy(content["resources"], id_, type_, inputs, now)
    if busy is not None and type_ in NETWORK:
        raise AzureError("AnotherOperationInProgress", f"Another operation on {busy} is in progress.", 409)
    if busy is not None:
        raise _pending(busy, 409)


def _busy(resources: Content, id_: str, type_: str, inputs: Mapping[str, Any], now: float) -> str | None:
    """Return what is being changed in the network or cluster that a request is about; None where nothing is."""
    lane = lane_of(id_, type_, inputs)
    for key, other in resources.items():
        same = lane is not None and lane_of(other["id"], other["type"], other["inputs"]) == lane
        if same and key != id_.lower() and other["ready"] > now:
            return str(key)
    return None


def _retryable(detail: str) -> AzureError:
    return AzureError("RetryableError", f"A retryable error occurred: {detail}. The call can be retried.", 429)


def _pending(busy: str, status: int) -> AzureError:
    # https://aka.ms/aks-pending-operation
    return AzureError(
        "OperationNotAllowed",
        f"Operation is not allowed: Another operation ({name_of(busy)}) is in progress, please wait for it to finish "
        "before starting a new operation.",
        status,
    )


def lane_of(id_: str, type_: str, inputs: Mapping[str, Any]) -> str | None:
    """Return the id of the network or cluster that takes one operation at a time; None where nothing does."""
    if type_ in NETWORK:
        return id_.lower().split("/subnets/")[0]
    if type_ in CLUSTER:
        return id_.lower().split("/agentpools/")[0]
    if type_ == "resources:Deployment":
        # the only deployments of the program write a pool
        [pool] = inputs["properties"]["template"]["resources"]
        return f"{group_of(id_)}/providers/{pool['type'].rsplit('/', 1)[0]}/{pool['name'].split('/')[0]}".lower()
    return None


_NAMED_IN_THE_WORLD = frozenset({"keyvault:Vault", "containerregistry:Registry"})


def _refuse_taken_name(content: Content, id_: str, type_: str, inputs: Mapping[str, Any]) -> None:
    name = name_of(id_)
    if type_ == "keyvault:Vault":
        deleted = content["softDeleted"].get(name)
        recover = (inputs.get("properties") or {}).get("createMode") == "recover"
        if deleted and not recover:
            raise AzureError("ConflictError", f"A vault with the name '{name}' exists in deleted state.", 409)
        if recover and not deleted:
            raise AzureError("VaultNotFound", f"There is no deleted vault '{name}' to recover.", 404)
    if any(found["type"] == type_ and name_of(found["id"]) == name for found in content["resources"].values()):
        raise AzureError("NameUnavailable", f"The name '{name}' is already in use.", 409)


def _refuse_upgrade(existing: Mapping[str, Any] | None, inputs: Mapping[str, Any]) -> None:
    if existing is None:
        return
    before, after = (each.get("kubernetesVersion") for each in (existing["inputs"], inputs))
    channel = (inputs.get("autoUpgradeProfile") or {}).get("upgradeChannel", "none")
    if before and after and _minor(before) != _minor(after) and channel != "none":
        # https://github.com/hashicorp/terraform-provider-azurerm/issues/17839
        raise AzureError(
            "NotAllAgentPoolOrchestratorVersionSpecifiedAndUnchanged",
            "Using managed cluster api, all Agent pools' OrchestratorVersion must be all specified or all unspecified.",
        )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def _refuse_kubelet_identity(content: Content, inputs: Mapping[str, Any], now: float) -> None:
    kubelet = ((inputs.get("identityProfile") or {}).get("kubeletidentity") or {}).get("resourceId")
    principal = _control_plane(content, inputs)
    if kubelet and principal and not has_role(content, principal, Role.MANAGED_IDENTITY_OPERATOR, kubelet, now):
        raise AzureError(
            "CustomKubeletIdentityMissingPermissionError",
            f"The cluster user assigned identity must be given permission to assign kubelet identity {kubelet}.",
        )


def _control_plane(content: Content, inputs: Mapping[str, Any]) -> str | None:
    """Return the principal of a cluster's own identity; None where it is not one of this cloud's."""
    ids = (inputs.get("identity") or {}).get("userAssignedIdentities") or []
    found = [content["resources"][id_.lower()] for id_ in ids if id_.lower() in content["resources"]]
    return stable_uuid(found[0], "principal") if found else None


def _refuse_assignment(content: Content, id_: str, inputs: Mapping[str, Any], now: float) -> None:
    principal = inputs["principalId"]
    if not _GUID.fullmatch(principal):
        raise AzureError(
            "InvalidPrincipalId", f"A valid principal ID must be provided for role assignment: {principal}"
        )
    existing = content["resources"].get(id_.lower())
    if existing is not None:
        fixed = ("principalId", "roleDefinitionId", "scope")
        if any(existing["inputs"][key] != inputs[key] for key in fixed):
            raise AzureError(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID and scope are not allowed to be updated.",
            )
        return
    # whoever names the type vouches for the principal, which may not have reached the directory's every replica
    # https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---assigning-a-role-to-a-new-principal-sometimes-fails
    if inputs.get("principalType") not in {"ServicePrincipal", "Group"} and not _is_in_directory(
        content, principal, now
    ):
        raise AzureError("PrincipalNotFound", f"Principal {principal} does not exist in the directory.")
    for resource in content["resources"].values():
        if resource["type"] != "authorization:RoleAssignment":
            continue
        if all(resource["inputs"][key] == inputs[key] for key in ("principalId", "roleDefinitionId", "scope")):
            raise AzureError("RoleAssignmentExists", "The role assignment already exists.", 409)


def _is_in_directory(content: Content, principal: str, now: float) -> bool:
    late = content["behaviour"]["directory_seconds"]
    since = content["principals"].get(principal)
    if since is not None:
        return bool(since + late <= now)
    for resource in content["resources"].values():
        identity = resource["type"] == "managedidentity:UserAssignedIdentity"
        if identity and stable_uuid(resource, "principal") == principal:
            return bool(resource["ready"] + late <= now)
    return False


def _locked(content: Content, key: str) -> bool:
    return any(
        is_within(key, resource["inputs"]["scope"])
        for resource in content["resources"].values()
        if resource["type"] == "authorization:ManagementLockByScope"
    )
