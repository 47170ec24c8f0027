"""Stands where the engine stands, and writes down what the program asks for.

It is the SDK's own test monitor, which sees every request, with answers made up for what only a provider knows: an
answer names its origin, such as ``<aks-g1.fqdn>``, so that a plan shows what flows where.
"""

import base64
import json
from typing import Any

from pulumi.runtime import rpc
from pulumi.runtime.mocks import MockCallArgs, MockMonitor, MockResourceArgs, Mocks

from bootstrap.platform.plan.registration import SECRET, STACK, Registration
from components.azure.resource_types import PREFIX, resource_type

_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - Pulumi's public marker of a secret
_SIGNATURE_KEY = "4dabf18193072939515e22adb298388d"


class PlanMocks(Mocks):
    """Answers as Azure and Kubernetes might."""

    def new_resource(self, args: MockResourceArgs) -> tuple[str | None, dict[str, Any]]:
        """Answer a creation: the inputs, an id, and what the provider would fill in."""
        state = dict(args.inputs)
        if not args.typ.startswith(PREFIX):
            return f"<{args.name}.id>", state
        known = resource_type(args.typ)
        state["name"] = known.name(args.inputs) or args.name
        for key, value in known.fills_in.items():
            if value is None:
                continue
            filled = _filled(value, args.name)
            below = state.get(key)
            state[key] = {**below, **filled} if isinstance(below, dict) and isinstance(filled, dict) else filled
        return f"<{args.name}.id>", state

    def call(self, args: MockCallArgs) -> tuple[dict[str, Any], list[tuple[str, str]]]:
        """Answer a function: the two that lead into the cluster."""
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
    """Keeps every registration in the order in which it arrived."""

    def __init__(self) -> None:
        """Start with nothing."""
        super().__init__(PlanMocks())
        self.registrations: list[Registration] = []

    def RegisterResource(self, request: Any) -> Any:  # noqa: ANN401, N802 - the SDK's name, and generated types
        """Write one down, and answer as the test monitor does."""
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call] # the SDK's mocks are not typed
        if request.type != STACK:
            self.registrations.append(self._registration(request, response.urn))
        return response

    def _registration(self, request: Any, urn: str) -> Registration:  # noqa: ANN401 - generated type
        parent = self._find(request.parent)
        own: dict[str, Any] = {
            "protect": request.protect if request.HasField("protect") else None,
            "retain_on_delete": request.retainOnDelete if request.HasField("retainOnDelete") else None,
            "deleted_with": request.deletedWith or None,
        }
        # the engine lets children inherit these three from their parent
        own = {key: getattr(parent, key, None) if value is None else value for key, value in own.items()}
        hooks = request.hooks
        return Registration(
            urn=urn,
            type=request.type,
            name=request.name,
            custom=request.custom,
            parent=request.parent or None,
            inputs=_plain(rpc.deserialize_properties(request.object)),
            dependencies=sorted(
                set(request.dependencies)
                | {urn for entry in request.propertyDependencies.values() for urn in entry.urns}
            ),
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
        )

    def _find(self, urn: str) -> Registration | None:
        return next((registration for registration in self.registrations if registration.urn == urn), None)


def _filled(value: Any, name: str) -> Any:  # noqa: ANN401 - any answer
    if isinstance(value, dict):
        return {key: _filled(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, name) for item in value]
    return f"<{value.format(name)}>" if isinstance(value, str) else value


def _plain(value: Any) -> Any:  # noqa: ANN401 - any input
    if isinstance(value, dict):
        if value.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE:
            return SECRET
        # a message carries its keys in no order
        return {key: _plain(value[key]) for key in sorted(value) if value[key] is not None}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
