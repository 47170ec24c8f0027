"""The provider that replaces azure-native: handles the engine's requests with the stand-in's cloud."""

import asyncio
import copy
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from pulumi.provider.experimental import provider as protocol
from pulumi.provider.experimental.property_value import PropertyValue
from pulumi.runtime import rpc

from components.azure.resource_types import name_of, resource_type
from rehearsal.azure import responses, sdk_inputs
from rehearsal.azure.cloud import Cloud
from rehearsal.azure.refusals import RETRIED, RETRIED_STATUSES, AzureError
from settings.merge import differences

CLOUD_FILE = "AKS_BOOTSTRAP_REHEARSAL_CLOUD"
"""Environment variable with the path of the cloud's file."""

_INPUTS = "__inputs"
"""Property of the state in which azure-native, too, keeps the inputs of the last operation."""

_CLIENT_ATTEMPTS = 5
_UPDATE_SHARE, _DELETE_SHARE = 0.25, 0.4
"""Duration of an update and of a deletion, as a share of the creation's."""

_SUB_RESOURCES = frozenset({"subnets", "agentPoolProfiles"})
"""Properties that list resources which may also be managed as resources of their own."""

UNKNOWN = rpc.UNKNOWN
"""The engine's placeholder for a value that is not known yet; the SDK's property values leave it a string."""

_T = TypeVar("_T")
_Json: TypeAlias = "str | float | bool | list[_Json] | Mapping[str, _Json] | None"


class RejectedError(NotImplementedError):
    """An operation failed; the engine prints the text as it is.

    It is a NotImplementedError because the SDK's server adds a traceback to every other exception.
    """


class AcceptedError(RejectedError):
    """An operation failed that Azure had accepted: the resource exists, and belongs into the state."""

    def __init__(
        self, text: str, id_: str, properties: dict[str, PropertyValue], inputs: dict[str, PropertyValue]
    ) -> None:
        """Describe the resource as it is now."""
        super().__init__(text)
        self.id, self.properties, self.inputs = id_, properties, inputs


class StandIn(protocol.Provider):
    """Manages the resources of a :class:`Cloud` with the behaviour of azure-native."""

    def __init__(self, cloud: Cloud) -> None:
        """Manage a cloud's resources."""
        self._cloud = cloud
        self._subscription = ""
        self._cancelled = asyncio.Event()

    async def configure(self, request: protocol.ConfigureRequest) -> protocol.ConfigureResponse:
        """Store the subscription's id."""
        self._subscription = str(_plain(request.args).get("subscriptionId") or "")
        return protocol.ConfigureResponse(
            accept_secrets=False, supports_preview=True, accept_outputs=False, accept_resources=False
        )

    async def cancel(self) -> None:
        """Stop waiting; operations that Azure has accepted continue."""
        self._cancelled.set()

    async def check(self, request: protocol.CheckRequest) -> protocol.CheckResponse:
        """Reject inputs that do not fit the SDK's types."""
        inputs = _plain(request.new_inputs)
        found = await asyncio.to_thread(sdk_inputs.invalid_inputs, _type_of(request.urn), inputs, unknown=UNKNOWN)
        return protocol.CheckResponse(
            inputs=request.new_inputs,
            failures=[protocol.CheckFailure(property=path, reason=reason) for path, reason in found],
        )

    async def diff(self, request: protocol.DiffRequest) -> protocol.DiffResponse:
        """Compare the last operation's inputs with the new ones."""
        before = _plain(request.old_state).get(_INPUTS) or {}
        found = {
            path: (old, new, resource_type(_type_of(request.urn)).replaces(path))
            for path, old, new in differences(before, _plain(request.new_inputs))
        }
        kinds = protocol.PropertyDiffKind
        detailed = {
            path: protocol.PropertyDiff(
                kind=(
                    (kinds.ADD_REPLACE if replacing else kinds.ADD)
                    if old is None
                    else (kinds.DELETE_REPLACE if replacing else kinds.DELETE)
                    if new is None
                    else (kinds.UPDATE_REPLACE if replacing else kinds.UPDATE)
                ),
                input_diff=True,
            )
            for path, (old, new, replacing) in found.items()
        }
        replacing = [path for path, (_, _, replaced) in found.items() if replaced]
        return protocol.DiffResponse(
            changes=bool(found),
            replaces=replacing,
            # names are fixed: azure-native, too, deletes before it creates
            delete_before_replace=bool(replacing),
            diffs=list(found),
            detailed_diff=detailed,
        )

    async def create(self, request: protocol.CreateRequest) -> protocol.CreateResponse:
        """Create a resource, and wait for as long as its type typically takes."""
        inputs, type_ = _plain(request.properties), _short_type(_type_of(request.urn))
        if request.preview:
            unknown = {key: PropertyValue(UNKNOWN) for key in resource_type(type_).fills_in}
            name = {"name": PropertyValue(name_of(_id_if_known(_type_of(request.urn), inputs, self._subscription)))}
            return protocol.CreateResponse(properties={**request.properties, **name, **unknown})
        id_ = resource_type(type_).arm_id(inputs, self._subscription)
        if await self._call(type_, "read", lambda: self._cloud.get(id_)):
            raise RejectedError(f"cannot create already existing resource '{id_}'")
        seconds = self._seconds(_type_of(request.urn), 1)
        resource = await self._call(type_, "create", lambda: self._cloud.put(id_, type_, inputs, seconds))
        return protocol.CreateResponse(resource_id=id_, properties=await self._completed(resource, inputs))

    async def update(self, request: protocol.UpdateRequest) -> protocol.UpdateResponse:
        """Change a resource in place."""
        inputs, type_ = _plain(request.news), _short_type(_type_of(request.urn))
        if request.preview:
            # as in azure-native: generated properties may change, except for name and location
            kept: dict[str, PropertyValue] = {
                key: request.olds[key] for key in ("name", "location") if key in request.olds
            }
            unknown = {key: PropertyValue(UNKNOWN) for key in resource_type(type_).fills_in}
            return protocol.UpdateResponse(properties={**request.news, **unknown, **kept})
        if type_ == "containerservice:ManagedCluster":
            self._keep_inline_pools(request.resource_id, inputs)
        id_, seconds = request.resource_id, self._seconds(_type_of(request.urn), _UPDATE_SHARE)
        resource = await self._call(type_, "update", lambda: self._cloud.put(id_, type_, inputs, seconds))
        return protocol.UpdateResponse(properties=await self._completed(resource, inputs))

    async def delete(self, request: protocol.DeleteRequest) -> None:
        """Delete a resource; no error if it no longer exists."""
        type_ = _short_type(_type_of(request.urn))
        seconds = self._seconds(_type_of(request.urn), _DELETE_SHARE)
        await self._call(type_, "delete", lambda: self._cloud.delete(request.resource_id, seconds))
        await self._wait(seconds)

    async def read(self, request: protocol.ReadRequest) -> protocol.ReadResponse:
        """Return a resource's properties; drift is copied into the inputs, as azure-native does."""
        token = _type_of(request.urn)
        resource = await self._call(_short_type(token), "read", lambda: self._cloud.get(request.resource_id))
        if resource is None:
            return protocol.ReadResponse(resource_id="")
        response = responses.outputs(self._cloud, resource, self._subscription)
        inputs = _plain(request.inputs) or copy.deepcopy(resource["inputs"])
        before = {key: value for key, value in _plain(request.properties).items() if key != _INPUTS}
        if before:
            was, now = sdk_inputs.input_properties(token, before), sdk_inputs.input_properties(token, response)
            for key in {**was, **now}:
                # azure-native copies a whole top-level property if anything in it has drifted, except for lists of
                # sub-resources that were not specified inline
                if was.get(key) != now.get(key) and not (key in _SUB_RESOURCES and key not in inputs):
                    _set_or_remove(inputs, key, now.get(key))
        return protocol.ReadResponse(
            resource_id=resource["id"],
            properties=_property_values({**response, _INPUTS: inputs}),
            inputs=_property_values(inputs),
        )

    async def invoke(self, request: protocol.InvokeRequest) -> protocol.InvokeResponse:
        """Call one of the functions that give access: two to a cluster, and one to Azure itself."""
        args, function = _plain(request.args), request.tok.rsplit(":", 1)[-1]
        if function == "getClientToken":
            return protocol.InvokeResponse(return_value=_property_values({"token": "of the rehearsal"}))
        id_ = resource_type("containerservice:ManagedCluster").arm_id(args, self._subscription)
        cluster = self._cloud.get(id_)
        if cluster is None:
            raise RejectedError(str(AzureError("ResourceNotFound", f"{id_} was not found", 404)))
        if function == "getManagedCluster":
            found = {"id": id_, **responses.outputs(self._cloud, cluster, self._subscription)}
        else:
            found = {"kubeconfigs": [{"name": "clusterUser", "value": responses.kubeconfig(self._cloud, cluster)}]}
        return protocol.InvokeResponse(return_value=_property_values(found))

    async def _completed(self, resource: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, PropertyValue]:
        """Wait for an accepted operation, and return the resource's state.

        Raises:
            AcceptedError: the operation failed, or was cancelled.
        """
        try:
            await self._wait(resource["ready"] - self._cloud.now())
        except RejectedError as cancelled:
            # azure-native cannot read it any more, and hands over its id alone: crud.go, HandleErrorWithCheckpoint
            raise AcceptedError(str(cancelled), resource["id"], {}, _property_values(dict(inputs))) from None
        state = self._state(resource, inputs)
        if resource["failure"]:
            error = AzureError(resource["failure"]["code"], resource["failure"]["message"], 200)
            raise AcceptedError(str(error), resource["id"], state, _property_values(dict(inputs)))
        return state

    def _state(self, resource: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, PropertyValue]:
        return _property_values({**responses.outputs(self._cloud, resource, self._subscription), _INPUTS: inputs})

    def _keep_inline_pools(self, id_: str, inputs: dict[str, Any]) -> None:
        """Drop pools that are resources of their own, and reject unknown ones (azure-native issue 2719)."""
        own = {name_of(pool["id"]) for pool in self._cloud.descendants(id_)}
        cluster = self._cloud.get(id_) or {"inputs": {"agentPoolProfiles": []}}
        inline = {profile["name"] for profile in cluster["inputs"]["agentPoolProfiles"]}
        for profile in inputs["agentPoolProfiles"]:
            if profile["name"] not in own | inline:
                raise RejectedError(f"a new agent pool was introduced: {profile['name']}")
        inputs["agentPoolProfiles"] = [p for p in inputs["agentPoolProfiles"] if p["name"] in inline]

    def _seconds(self, token: str, share: float) -> float:
        return resource_type(token).seconds / 60 * share * self._cloud.behaviour.seconds_per_minute

    async def _wait(self, seconds: float) -> None:
        if seconds <= 0:
            return
        try:
            await asyncio.wait_for(self._cancelled.wait(), timeout=seconds)
        except TimeoutError:
            return
        raise RejectedError("the operation was cancelled; whatever Azure has accepted continues")

    async def _call(self, type_: str, operation: str, call: Callable[[], _T]) -> _T:
        """Call the cloud as azure-native's client does: throttled requests are retried."""
        for attempt in range(1, _CLIENT_ATTEMPTS + 1):
            try:
                self._cloud.count(type_, operation)
                return call()
            except AzureError as error:
                retried = error.status in RETRIED_STATUSES or error.code in RETRIED
                if not retried or attempt == _CLIENT_ATTEMPTS:
                    raise RejectedError(str(error)) from None
                await asyncio.sleep(0.05 * 2**attempt)
        raise AssertionError("the last attempt returns or raises")


def _plain(values: Mapping[str, PropertyValue]) -> dict[str, Any]:
    return {key: _plain_value(value) for key, value in values.items()}


def _plain_value(value: PropertyValue) -> object:
    content = value.value
    if isinstance(content, Mapping):
        return {key: _plain_value(item) for key, item in content.items() if _plain_value(item) is not None}
    if isinstance(content, list | tuple):
        return [_plain_value(item) for item in content]
    if isinstance(content, float) and content.is_integer():
        return int(content)
    return content


def _property_values(data: Mapping[str, Any]) -> dict[str, PropertyValue]:
    return {key: _property_value(value) for key, value in data.items()}


def _property_value(data: _Json) -> PropertyValue:
    if isinstance(data, Mapping):
        return PropertyValue({key: _property_value(value) for key, value in data.items()})
    if isinstance(data, list):
        return PropertyValue([_property_value(value) for value in data])
    if isinstance(data, int) and not isinstance(data, bool):
        return PropertyValue(float(data))
    return PropertyValue(data)


def _short_type(token: str) -> str:
    return token.removeprefix("azure-native:")


def _type_of(urn: str) -> str:
    return urn.split("::")[-2].rsplit("$", 1)[-1]


def _id_if_known(token: str, inputs: Mapping[str, Any], subscription: str) -> str:
    return resource_type(token).arm_id({k: "" if v == UNKNOWN else v for k, v in inputs.items()}, subscription)


def _set_or_remove(inputs: dict[str, Any], key: str, value: object) -> None:
    if value is None:
        inputs.pop(key, None)
    else:
        inputs[key] = value


def cloud_from_environment() -> Cloud:
    """Return the cloud whose file ``CLOUD_FILE`` names."""

    return Cloud(Path(os.environ[CLOUD_FILE]))
