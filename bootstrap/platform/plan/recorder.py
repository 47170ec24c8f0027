"""Takes the engine's place, and records the resources that the program registers.

It is the SDK's own test monitor, which receives every request. Properties that only a provider can generate get a
placeholder that names their origin, such as ``<aks-g1.fqdn>``, so that a plan shows which output feeds which input.
"""

import base64
import json
from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks
from pulumi.runtime.proto.alias_pb2 import Alias
from pulumi.runtime.proto.resource_pb2 import RegisterResourceRequest, RegisterResourceResponse

from bootstrap.platform.plan.registration import SECRET, STACK, Registration
from components.azure.resource_types import PREFIX, resource_type

_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"
_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"


class PlanMocks(Mocks):
    """Outputs of resources and functions, in the form that Azure and Kubernetes return."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Return a created resource: an id, its inputs, and placeholders for generated properties."""
        state = dict(args.inputs)
        if not args.typ.startswith(PREFIX):
            return f"<{args.name}.id>", state
        known = resource_type(args.typ)
        state["name"] = known.name(args.inputs) or args.name
        for key, value in known.fills_in.items():
            if value is None:
                continue
            filled = _placeholders(value, args.name)
            below = state.get(key)
            state[key] = {**below, **filled} if isinstance(below, dict) and isinstance(filled, dict) else filled
        return f"<{args.name}.id>", state

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Return the result of a function: the two that give access to a cluster, and an empty one for any other."""
        name = args.args.get("resourceName", "cluster")
        if args.token.endswith(":listManagedClusterUserCredentials"):
            kubeconfig = {
                "clusters": [{"cluster": {"server": f"https://{name}", "certificate-authority-data": "<ca>"}}]
            }
            encoded = base64.b64encode(json.dumps(kubeconfig).encode()).decode()
            return {"kubeconfigs": [{"name": "clusterUser", "value": encoded}]}, []
        if args.token.endswith(":getManagedCluster"):
            return {"id": f"<{name}.id>", "resourceUID": f"<{name}.resourceUID>", "name": name}, []
        return {}, []


class Recorder(MockMonitor):
    """Stores every registration, in order of arrival."""

    def __init__(self) -> None:
        """Start without registrations."""
        super().__init__(PlanMocks())
        self.registrations: list[Registration] = []

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """Return the URN that the engine gives; the test monitor's own names the stack, and one parent only.

        https://www.pulumi.com/docs/iac/concepts/resources/names/#urns
        """
        above = parent.split("::")[2] if parent else STACK
        qualified = type_ if above == STACK else f"{above}${type_}"
        return f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}::{qualified}::{name}"

    def RegisterResource(self, request: RegisterResourceRequest) -> RegisterResourceResponse:  # noqa: N802 - the SDK's
        """Record a registration, and return the test monitor's response."""
        response: RegisterResourceResponse = super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK's mocks are not typed
        if request.type != STACK:
            self.registrations.append(self._registration(request, response.urn))
        return response

    def _registration(self, request: RegisterResourceRequest, urn: str) -> Registration:
        parent = self._find(request.parent)
        own: dict[str, Any] = {
            "protect": request.protect if request.HasField("protect") else None,
            "retain_on_delete": request.retainOnDelete if request.HasField("retainOnDelete") else None,
            "deleted_with": request.deletedWith or None,
        }
        # the engine lets children inherit these three options from their parent
        own = {key: getattr(parent, key, None) if value is None else value for key, value in own.items()}
        hooks = request.hooks
        return Registration(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent or None,
            inputs=_plain_mapping(rpc.deserialize_properties(request.object)),
            dependencies=sorted(
                set(request.dependencies)
                | {urn for entry in request.propertyDependencies.values() for urn in entry.urns}
            ),
            property_dependencies={
                key: sorted(entry.urns) for key, entry in sorted(request.propertyDependencies.items()) if entry.urns
            },
            provider=request.provider.rsplit("::", 1)[0] if request.provider else None,
            deleted_with=own["deleted_with"],
            protect=bool(own["protect"]),
            retain_on_delete=bool(own["retain_on_delete"]),
            delete_before_replace=request.deleteBeforeReplace,
            ignore_changes=list(request.ignoreChanges),
            timeouts={
                key: value for key in ("create", "update", "delete") if (value := getattr(request.customTimeouts, key))
            },
            hooks={field.name: list(value) for field, value in hooks.ListFields()} if request.HasField("hooks") else {},
            aliases=[*request.aliasURNs, *(self._alias(alias, request) for alias in request.aliases)],
        )

    def _alias(self, alias: Alias, request: RegisterResourceRequest) -> str:
        """Return the URN that an alias stands for.

        https://www.pulumi.com/docs/iac/concepts/resources/options/aliases/
        """
        if alias.urn:
            return alias.urn
        spec = alias.spec
        parent = "" if spec.noParent else spec.parentUrn or request.parent
        return self.make_urn(parent, spec.type or request.type, spec.name or request.name)

    def _find(self, urn: str) -> Registration | None:
        return next((registration for registration in self.registrations if registration.urn == urn), None)


def _placeholders(value: object, name: str) -> object:
    if isinstance(value, dict):
        return {key: _placeholders(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_placeholders(item, name) for item in value]
    return f"<{value.format(name)}>" if isinstance(value, str) else value


def _plain_mapping(values: Mapping[str, object]) -> dict[str, object]:
    # the order of keys in a protobuf message is undefined
    return {key: _plain(values[key]) for key in sorted(values) if values[key] is not None}


def _plain(value: object) -> object:
    if isinstance(value, dict):
        if value.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE:
            return SECRET
        return _plain_mapping(value)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
