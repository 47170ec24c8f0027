"""The requests that Azure gets: every azure-native resource as the body of its PUT, and all of them as one template."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bootstrap.platform.plan.registration import SECRET, Evaluation, Registration
from components.azure.arm_bodies import to_body
from components.azure.resource_types import PREFIX, RESOURCE_TYPES, ResourceType, name_of, resource_type

PROVIDER = "pulumi:providers:azure-native"

_UNKNOWN = re.compile(r"<([\w-]+)\.(\w+)>")


@dataclass(frozen=True, kw_only=True)
class Request:
    """The PUT that creates one resource."""

    name: str
    """Logical name in the program."""
    type: str
    """Azure Resource Manager's, such as ``Microsoft.KeyVault/vaults``."""
    api_version: str
    id: str
    """ARM id, below ``https://management.azure.com``."""
    body: dict[str, Any]
    """What is not known before Azure answers reads ``<resource.property>``, what is secret ``[secret]``."""
    depends_on: Sequence[str] = ()
    """ARM ids of the resources that come before it."""

    @cached_property
    def unknown(self) -> list[str]:
        """Paths of values that Azure makes up."""
        return [path for path, text in _texts(self.body) if _UNKNOWN.search(text)]

    @cached_property
    def secret(self) -> list[str]:
        """Paths of values that the program marked secret."""
        return [path for path, text in _texts(self.body) if text == SECRET]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return {
            "name": self.name,
            "type": self.type,
            "apiVersion": self.api_version,
            "id": self.id,
            "body": self.body,
            "dependsOn": list(self.depends_on),
            "unknown": self.unknown,
            "secret": self.secret,
        }


def requests(evaluation: Evaluation) -> list[Request]:
    """Return the requests of a program, in its order.

    Raises:
        KeyError: a resource's type is not in the table of resource types.
    """
    subscription = next(
        (str(found.inputs.get("subscriptionId", "")) for found in evaluation.registrations if found.type == PROVIDER),
        "",
    )
    ours = [found for found in evaluation.registrations if found.custom and found.type.startswith(PREFIX)]
    ids: dict[str, str] = {}
    for found in ours:  # an id in an id, such as the scope of a role, is one of an earlier resource
        inputs = {key: _known(value, ids) for key, value in found.inputs.items()}
        ids[found.name] = resource_type(found.type).arm_id(inputs, subscription)
    by_urn = {found.urn: ids[found.name] for found in ours}
    return [
        Request(
            name=found.name,
            type=_arm_type(found),
            api_version=resource_type(found.type).api_version,
            id=ids[found.name],
            body=_known(to_body(found.type, found.inputs), ids),
            depends_on=tuple(sorted({by_urn[urn] for urn in found.dependencies if urn in by_urn})),
        )
        for found in ours
    ]


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return the requests in JSON form, which is stable: keys may be added, and are never renamed or removed."""
    found = requests(evaluation)
    return {"version": 1, "stack": evaluation.stack, "requests": [request.to_json() for request in found]}


def _arm_type(found: Registration) -> str:
    known = resource_type(found.type).arm_type
    # a record set's type is one of its inputs
    return f"{known.rsplit('/', 1)[0]}/{found.inputs['recordType']}" if found.type.endswith(":RecordSet") else known


def _known(value: Any, ids: Mapping[str, str]) -> Any:
    """Put ids in for what refers to them, in keys too."""
    if isinstance(value, dict):
        return {_known(key, ids): _known(item, ids) for key, item in value.items()}
    if isinstance(value, list):
        return [_known(item, ids) for item in value]
    if not isinstance(value, str):
        return value
    return _UNKNOWN.sub(lambda m: ids[m[1]] if m[2] == "id" and m[1] in ids else m[0], value)


def _texts(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _texts(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, f"{path}[{index}]")
    elif isinstance(value, str):
        yield path, value


# --- the template ----------------------------------------------------------------------------------------------------

_SCHEMA = "https://schema.management.azure.com/schemas/{}#"
_DEPLOYMENTS = "Microsoft.Resources/deployments"
_GROUPS = "Microsoft.Resources/resourceGroups"


def template(evaluation: Evaluation) -> dict[str, Any]:
    """Return one template of all requests, for the scope of a subscription.

    A template deploys into one resource group, so there is one nested deployment for each group and for each time
    that its resources wait for those of another.
    https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-to-subscription
    """
    found = requests(evaluation)
    by_id = {request.id: request for request in found}
    outputs = {request.name: request for request in found}
    stage: dict[str, int] = {}

    def stage_of(request: Request) -> int:
        if request.id not in stage:
            before = [by_id[id_] for id_ in request.depends_on if by_id[id_].type != _GROUPS]
            stage[request.id] = max(
                (stage_of(other) + (_group(other.id) != _group(request.id)) for other in before), default=0
            )
        return stage[request.id]

    parts: dict[tuple[str, int], list[Request]] = {}
    for request in found:
        if request.type != _GROUPS:
            parts.setdefault((_group(request.id), stage_of(request)), []).append(request)
    part_of = {request.id: part for part, members in parts.items() for request in members}
    groups = [_resource(request, [], outputs) for request in found if request.type == _GROUPS]
    return {
        "$schema": _SCHEMA.format("2018-05-01/subscriptionDeploymentTemplate.json"),
        "contentVersion": "1.0.0.0",
        "resources": [
            *groups,
            *(
                {
                    "type": _DEPLOYMENTS,
                    "apiVersion": "2024-03-01",
                    "name": _part_name(part),
                    "resourceGroup": part[0],
                    "dependsOn": _waits(part, members, part_of, by_id),
                    "properties": {
                        "mode": "Incremental",
                        # without it Azure would ask for outputs of resources before they are there
                        "expressionEvaluationOptions": {"scope": "inner"},
                        "template": {
                            "$schema": _SCHEMA.format("2019-04-01/deploymentTemplate.json"),
                            "contentVersion": "1.0.0.0",
                            "resources": [
                                _resource(
                                    request, [id_ for id_ in request.depends_on if part_of.get(id_) == part], outputs
                                )
                                for request in members
                            ],
                        },
                    },
                }
                for part, members in parts.items()
            ),
        ],
    }


def _part_name(part: tuple[str, int]) -> str:
    return f"{part[0]}-{part[1]}"[-64:]


def _waits(
    part: tuple[str, int],
    members: Sequence[Request],
    part_of: Mapping[str, tuple[str, int]],
    by_id: Mapping[str, Request],
) -> list[str]:
    """Return what a nested deployment comes after: its group, and other nested deployments."""
    before = {id_ for request in members for id_ in request.depends_on}
    waits = {id_ for id_ in before if by_id[id_].type == _GROUPS}
    names = {_part_name(other) for id_ in before if (other := part_of.get(id_, part)) != part}
    groups = {id_ for id_, request in by_id.items() if request.type == _GROUPS and _group(id_) == part[0]}
    return sorted([*(_id_of_group(id_) for id_ in waits | groups), *names])


def _id_of_group(id_: str) -> str:
    return f"[subscriptionResourceId('{_GROUPS}', '{_group(id_)}')]"


def _group(id_: str) -> str:
    return id_.split("/")[4]


def _resource(request: Request, before: Sequence[str], outputs: Mapping[str, Request]) -> dict[str, Any]:
    scope, name = _place(request)
    return {
        "type": request.type,
        "apiVersion": request.api_version,
        "name": name,
        **({"scope": scope} if scope else {}),
        **({"dependsOn": list(before)} if before else {}),
        **{_literal(key): _expressions(value, outputs) for key, value in request.body.items()},
    }


def _place(request: Request) -> tuple[str | None, str]:
    """Return what an extension of a resource extends, and the resource's name with those of its parents."""
    above, _, below = request.id.rpartition("/providers/")
    scope = above if "/providers/" in above else None
    parts = below.split("/")
    return scope, "/".join(parts[2::2]) if scope or above else name_of(request.id)


def _expressions(value: Any, outputs: Mapping[str, Request]) -> Any:
    if isinstance(value, dict):
        return {_literal(key): _expressions(item, outputs) for key, item in value.items()}
    if isinstance(value, list):
        return [_expressions(item, outputs) for item in value]
    if not isinstance(value, str):
        return value
    unknown = [match for match in _UNKNOWN.finditer(value) if match[1] in outputs]
    if not unknown:
        return _literal(value)
    references = [_reference(outputs[match[1]], match[2]) for match in unknown]
    if value == unknown[0][0]:
        return f"[{references[0]}]"
    text = value.replace("'", "''").replace("{", "{{").replace("}", "}}")
    for number, match in enumerate(unknown):
        text = text.replace(match[0], f"{{{number}}}", 1)
    return f"[format('{text}', {', '.join(references)})]"


def _literal(text: str) -> str:
    """https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions#escape-characters."""
    return f"[{text}" if text.startswith("[") else text


def _reference(request: Request, output: str) -> str:
    path = next(
        path for path, text in _texts(_filled(request)) if text == f"{{}}.{output}"
    )  # the table says where Azure has it
    return f"reference('{request.id}', '{request.api_version}').{path}"


def _filled(request: Request) -> Mapping[str, Any]:
    known: ResourceType = next(entry for entry in RESOURCE_TYPES if entry.arm_type == request.type)
    properties = known.fills_in.get("properties")
    return properties if isinstance(properties, Mapping) else known.fills_in
