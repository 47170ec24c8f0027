"""Schemas of every kind that a cluster has: Kubernetes' own from its Python client, the addons' from files.

The client's classes are generated from Kubernetes' OpenAPI document: every field with its type, and which are required.
Those of the addons are in ``gitops/cluster/schemas/<Kind>.<group>.yaml``; they hold the fields that people use. A kind
that ``kinds.yaml`` lists and no file describes is checked for its metadata only.
"""

from startup import on_demand

import inspect
import re
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.delivery.manifests import load_mapping
from bootstrap.delivery.render.kinds import Kinds, create_method
from bootstrap.delivery.validate.structure import Schema, malformed
from bootstrap.errors import GitOpsError
from conventions import GITOPS_FOLDER

if TYPE_CHECKING:
    from kubernetes import client
else:
    client = on_demand("kubernetes.client")  # a third of a second that other commands do not need

SCHEMAS = Path(GITOPS_FOLDER) / "cluster" / "schemas"

_INT_OR_STRING = frozenset(
    {
        "port",
        "target_port",
        "max_surge",
        "max_unavailable",
        "min_available",
        "number",
        "name_or_number",
    }
)
_QUANTITIES = frozenset(
    {
        "limits",
        "requests",
        "capacity",
        "allocatable",
        "hard",
        "used",
        "overhead",
        "default",
        "default_request",
        "max",
        "min",
        "max_limit_request_ratio",
        "size_limit",
        "divisor",
        "average_value",
    }
)
"""Fields that the client calls text and that take numbers too."""

_SCALARS: dict[str, Schema] = {
    "str": {"type": "string"},
    "datetime": {"type": "string"},
    "bytes": {"type": "string"},
    "int": {"type": "integer"},
    "float": {"type": "number"},
    "bool": {"type": "boolean"},
    "object": {},
}


class Schemas:
    """Finds the schema of a kind."""

    def __init__(self, root: Path, kinds: Kinds | None) -> None:
        """Look in a project; without its kinds, every kind counts as one that the cluster has."""
        self._root, self._kinds = root, kinds
        self._own: dict[tuple[str, str], Schema] = {}

    def of(self, api_version: str, kind: str) -> Schema | None:
        """Return a kind's schema; None where the cluster has no such kind."""
        method = create_method(api_version, kind)
        if method is not None:
            return {"$ref": inspect.signature(method).parameters["body"].annotation.__name__}
        if self._kinds is not None and self._kinds.namespaced(api_version, kind) is None:
            return None
        key = api_version, kind
        if key not in self._own:
            self._own[key] = self._read(api_version, kind)
        return self._own[key]

    def _read(self, api_version: str, kind: str) -> Schema:
        file = SCHEMAS / f"{kind}.{api_version.rpartition('/')[0]}.yaml"
        envelope = {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"$ref": "V1ObjectMeta"},
        }
        try:
            own = read_schema(self._root, file)
        except GitOpsError:
            # there is none, or the check of every file by itself has something to say of it
            return {"type": "object", "properties": envelope, "x-kubernetes-preserve-unknown-fields": True}
        return {**own, "type": "object", "properties": {**envelope, **(own.get("properties") or {})}}


def read_schema(root: Path, file: Path) -> Schema:
    """Return what a schema's file says.

    Raises:
        GitOpsError: it is no schema; all mistakes at once.
    """
    own = load_mapping(root / file, file)
    if found := [f"{file}: {mistake.path}: {mistake.text}" for mistake in malformed(own, _is_class)]:
        raise GitOpsError("\n".join(found))
    return own


def _is_class(name: str) -> bool:
    return hasattr(getattr(client, name, None), "openapi_types")


@cache
def resolve(name: str) -> Schema:
    """Return the schema of one of the client's classes."""
    model = getattr(client, name)
    json_names: dict[str, str] = model.attribute_map
    properties = {json_names[field]: _field(field, type_) for field, type_ in model.openapi_types.items()}
    required = [json_names[field] for field, info in model.model_fields.items() if info.is_required()]
    return {"type": "object", "properties": properties, "required": required}


def _field(field: str, type_: str) -> Schema:
    if field in _QUANTITIES and type_ in {"str", "Dict[str, str]"}:
        either = {"x-kubernetes-int-or-string": True}
        return either if type_ == "str" else {"type": "object", "additionalProperties": either}
    if field in _INT_OR_STRING and type_ == "object":
        return {"x-kubernetes-int-or-string": True}
    return _type(type_)


def _type(text: str) -> Schema:
    if text in _SCALARS:
        return _SCALARS[text]
    if inside := re.fullmatch(r"List\[(.*)\]", text):
        return {"type": "array", "items": _type(inside[1])}
    if inside := re.fullmatch(r"Dict\[str, (.*)\]", text):
        return {"type": "object", "additionalProperties": _type(inside[1])}
    return {"$ref": text}
