"""Azure's own type tables, as the Bicep compiler has them, and what in a body does not fit them."""

import gzip
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

REQUIRED, READ_ONLY, DEPLOY_TIME = 1, 2, 8
UNKNOWN = re.compile(r"<[\w-]+\.\w+>")

Table = list[dict[str, Any]]


@dataclass(frozen=True)
class Types:
    """The tables of some types and API versions."""

    bodies: dict[str, tuple[Table, dict[str, Any]]]
    """Table and type of the body, by ``<type>@<version>`` in lower case."""

    @classmethod
    @cache
    def load(cls, folder: Path) -> "Types":
        bodies = {}
        for table in json.loads(gzip.decompress((folder / "types.json.gz").read_bytes())).values():
            for entry in table:
                if entry["$type"] == "ResourceType":
                    bodies[entry["name"].lower()] = (table, at(table, entry["body"]))
        return cls(bodies)

    def has(self, type_: str, version: str) -> bool:
        return f"{type_}@{version}".lower() in self.bodies

    def wrong(self, type_: str, version: str, body: Any) -> list[str]:
        """Return what Azure's tables refuse in a body; what is unknown may be anything."""
        table, expected = self.bodies[f"{type_}@{version}".lower()]
        return list(_object(table, expected, body, "", outermost=True))


def at(table: Table, reference: dict[str, str]) -> dict[str, Any]:
    return table[int(reference["$ref"].removeprefix("#/"))]


def _wrong(table: Table, expected: dict[str, Any], value: Any, path: str) -> Iterator[str]:
    kind = expected["$type"]
    if isinstance(value, str) and UNKNOWN.search(value) and not kind.endswith("ObjectType"):
        return
    if kind.endswith("ObjectType"):
        yield from _object(table, expected, value, path)
    elif kind == "ArrayType" and isinstance(value, list):
        for index, item in enumerate(value):
            yield from _wrong(table, at(table, expected["itemType"]), item, f"{path}[{index}]")
    elif kind == "UnionType":
        options = [at(table, element) for element in expected["elements"]]
        if "streams" not in path:  # which the extension that collects them defines
            # an enum that Azure may add to: ours are among those that it has
            options = [option for option in options if option["$type"] == "StringLiteralType"] or options
        if all(next(_wrong(table, option, value, path), None) is not None for option in options):
            yield f"{path}: {value!r} is none of {[option.get('value', option['$type']) for option in options]}"
    elif kind != "AnyType" and (why := _scalar(kind, expected, value)):
        yield f"{path}: {value!r} {why}"


def _scalar(kind: str, expected: dict[str, Any], value: Any) -> str | None:
    """Return why a value is not what a type without parts asks for."""
    fits: dict[str, Callable[[], bool]] = {
        "StringLiteralType": lambda: value == expected["value"],
        "StringType": lambda: isinstance(value, str),
        # Bicep has no type for fractions
        "IntegerType": lambda: isinstance(value, (int, float)) and not isinstance(value, bool),
        "BooleanType": lambda: isinstance(value, bool),
        "ArrayType": lambda: False,
    }
    if not fits[kind]():
        return f"is no {kind} {expected.get('value', '')}"
    if kind == "StringType":
        if not expected.get("minLength", 0) <= len(value) <= expected.get("maxLength", len(value)):
            return "has the wrong length"
        if "pattern" in expected and not re.search(expected["pattern"], value):
            return f"does not match {expected['pattern']}"
    if kind == "IntegerType" and not expected.get("minValue", value) <= value <= expected.get("maxValue", value):
        return "is out of bounds"
    return None


def _object(table: Table, expected: dict[str, Any], value: Any, path: str, *, outermost: bool = False) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{path}: {value!r} is no object"
        return
    known = dict(expected.get("properties") or expected.get("baseProperties") or {})
    if "discriminator" in expected:
        chosen = expected["elements"].get(value.get(expected["discriminator"]))
        if chosen is None:
            yield f"{path}.{expected['discriminator']}: {value.get(expected['discriminator'])!r} is no variant"
            return
        known |= at(table, chosen)["properties"]
    more = expected.get("additionalProperties")
    for key, item in value.items():
        here = f"{path}.{key}" if path else key
        if key in known:
            flags = known[key].get("flags", 0)
            if flags & READ_ONLY:
                yield f"{here}: only Azure sets it"
            yield from _wrong(table, at(table, known[key]["type"]), item, here)
        elif more is not None:
            yield from _wrong(table, at(table, more), item, here)
        else:
            yield f"{here}: there is no such property"
    for key, entry in known.items():
        # the address has the name and the type
        if entry.get("flags", 0) & REQUIRED and key not in value and not (outermost and entry["flags"] & DEPLOY_TIME):
            yield f"{path}.{key}: missing"
