"""The stand-in as Azure Resource Manager shows itself: requests by method and path, answers by status and body."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from components.azure.arm_bodies import from_body, to_body
from components.azure.resource_types import RESOURCE_TYPES, ResourceType, name_of
from rehearsal.azure.cloud import Cloud
from rehearsal.azure.refusals import AzureError, parent_of
from rehearsal.azure.responses import outputs

CREATED_WITH_200 = frozenset(
    {
        "containerregistry:Registry",
        "containerservice:MaintenanceConfiguration",
        "keyvault:Vault",
        "monitor:AzureMonitorWorkspace",
        "monitor:DataCollectionEndpoint",
        "monitor:DataCollectionRule",
        "monitor:DataCollectionRuleAssociation",
        "monitor:DiagnosticSetting",
    }
)
"""Types whose creation is answered with 200, where others' is with 201."""

_UPDATED_WITH_201 = frozenset({"authorization:RoleAssignment"})

_DELETED_LATER = frozenset(
    {
        "containerservice:AgentPool",
        "containerservice:ManagedCluster",
        "dns:Zone",
        "monitor:AzureMonitorWorkspace",
        "network:NatGateway",
        "network:PublicIPAddress",
        "network:PublicIPPrefix",
        "network:Subnet",
        "network:VirtualNetwork",
        "resources:Deployment",
        "resources:ResourceGroup",
    }
)
"""Types whose deletion is an operation that goes on after its answer, 202."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What Azure answers."""

    status: int
    body: Mapping[str, Any] | None = None

    @property
    def error(self) -> str | None:
        """Azure's code of a refusal."""
        found = (self.body or {}).get("error")
        return str(found["code"]) if isinstance(found, Mapping) else None


class ResourceManager:
    """Answers requests about the resource types that the program uses."""

    def __init__(self, cloud: Cloud, subscription: str) -> None:
        """Answer for a cloud's resources, all of one subscription."""
        self._cloud = cloud
        self._subscription = subscription

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None, version: str = "") -> Answer:
        """Answer a request.

        Args:
            method: GET, HEAD, PUT or DELETE.
            path: the resource's ARM id.
            body: of a PUT.
            version: API version.

        Raises:
            KeyError: the program does not use resources of this type.
        """
        type_ = type_of(path)
        try:
            if method == "PUT":
                return self._put(path, type_, body or {})
            if method == "DELETE":
                return self._delete(path, type_, version)
            return self._get(method, path, type_)
        except AzureError as error:
            return Answer(status=error.status, body={"error": {"code": error.code, "message": error.text}})

    def _get(self, method: str, path: str, type_: ResourceType) -> Answer:
        resource = self._cloud.get(path)
        if resource is None:
            raise self._cloud.not_found(path, type_.pulumi_type)
        return Answer(status=204) if method == "HEAD" else Answer(status=200, body=self._body(resource))

    def _put(self, path: str, type_: ResourceType, body: Mapping[str, Any]) -> Answer:
        created = self._cloud.get(path) is None
        token = type_.pulumi_type
        inputs = {**from_body(token, _without_nulls(body)), **places_of(path, type_)}
        resource = self._cloud.put(path, token, inputs, type_.seconds)
        status = 201 if (token in _UPDATED_WITH_201 or (created and token not in CREATED_WITH_200)) else 200
        return Answer(status=status, body=self._body(resource))

    def _delete(self, path: str, type_: ResourceType, version: str) -> Answer:
        if self._cloud.get(path) is None:
            if self._is_somewhere(path):
                return Answer(status=204)  # there is nothing to do
            raise self._cloud.not_found(path, type_.pulumi_type)
        self._cloud.delete(path, type_.seconds)
        later = type_.pulumi_type in _DELETED_LATER or (
            # https://learn.microsoft.com/rest/api/containerregistry/registries/delete, by versions
            type_.pulumi_type == "containerregistry:Registry" and version >= "2023"
        )
        return Answer(status=202 if later else 200)

    def _is_somewhere(self, path: str) -> bool:
        """Tell whether what a resource would be in, or an extension's scope, is there; scopes above resources are."""
        scope = path.rpartition("/providers/")[0]
        within = parent_of(path) or (scope if "/providers/" in scope else None)
        if within is None and type_of(path).id.startswith("{"):
            return True
        return self._cloud.get(within or scope) is not None

    def _body(self, resource: Mapping[str, Any]) -> dict[str, Any]:
        type_ = resource["type"]
        shown = outputs(self._cloud, resource, self._subscription)
        shown.pop("name")
        body = to_body(type_, shown)
        if type_ == "authorization:RoleAssignment":
            # in the id, and in the answer too
            body["properties"]["scope"] = resource["inputs"]["scope"]
        arm_type = type_of(resource["id"]).arm_type
        return {"id": resource["id"], "name": name_of(resource["id"]), "type": arm_type, **body}


def _without_nulls(value: Any) -> Any:
    """Leave out what a body sets to null, which asks for nothing."""
    if isinstance(value, Mapping):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value


def type_of(path: str) -> ResourceType:
    """Return the type of a resource by its id.

    Raises:
        KeyError: the program does not use the type.
    """
    name = _arm_type(path)
    for entry in RESOURCE_TYPES:
        # a record set's type is one of its inputs
        known = entry.arm_type.lower()
        if known == name or (
            entry.pulumi_type == "dns:RecordSet" and name.rpartition("/")[0] == known.rpartition("/")[0]
        ):
            return entry
    raise KeyError(name)


def _arm_type(path: str) -> str:
    if "/providers/" not in path:
        return "microsoft.resources/resourcegroups"
    namespace, *parts = path.rpartition("/providers/")[2].lower().split("/")
    return "/".join([namespace, *parts[::2]])


def places_of(path: str, type_: ResourceType) -> dict[str, str]:
    """Return the inputs that name a resource and what it is in, by its id."""
    form, given = type_.id.split("/"), path.split("/")
    if form[0].startswith("{"):  # an extension: whatever it extends stands before it
        above = len(given) - len(form) + 1
        given = ["/".join(given[:above]), *given[above:]]
    named = {part.strip("{}"): value for part, value in zip(form, given, strict=True) if part.startswith("{")}
    named.pop("subscription", None)
    return named
