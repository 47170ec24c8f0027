"""Checks a value against a structural schema, as an API server does with strict field validation.

A schema is what OpenAPI knows: type, properties, required, items, additionalProperties, enum, pattern, and Kubernetes'
x-kubernetes-int-or-string and x-kubernetes-preserve-unknown-fields. ``$ref`` names one of Kubernetes' own types.
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

import difflib
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
}


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """One place that breaks the schema."""

    path: str
    text: str


def malformed(schema: object, known: Callable[[str], bool], path: str = "") -> Iterator[Mistake]:
    """Yield what makes a schema none.

    Args:
        schema: what a file says.
        known: whether a name is of one of Kubernetes' own types.
        path: where it is in the file.
    """
    if not isinstance(schema, dict):
        yield Mistake(path=path, text=f"got {_spell(schema)}; allowed: a schema, which is a mapping")
        return
    for key, value in schema.items():
        where = _join(path, key)
        if key in _KEYWORDS and not _KEYWORDS[key][0](value):
            yield Mistake(path=where, text=f"got {_spell(value)}; allowed: {_KEYWORDS[key][1]}")
        elif key == "$ref" and not (isinstance(value, str) and known(value)):
            yield Mistake(path=where, text=f"got {_spell(value)}; allowed: a type of Kubernetes such as V1ObjectMeta")
        elif key == "properties":
            for name, inner in value.items():
                yield from malformed(inner, known, _join(where, name))
        elif key in {"items", "additionalProperties"}:
            yield from malformed(value, known, where)


def _is_pattern(value: object) -> bool:
    try:
        re.compile(value if isinstance(value, str) else "[")
    except (re.error, OverflowError, RecursionError):
        return False
    return True


def _is_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_KEYWORDS: dict[str, tuple[Callable[[object], bool], str]] = {
    "type": (lambda value: isinstance(value, str) and value in _TYPES, ", ".join(_TYPES)),
    "properties": (lambda value: isinstance(value, dict), "a mapping of fields to schemas"),
    "required": (_is_texts, "a list of fields"),
    "enum": (lambda value: isinstance(value, list), "a list of values"),
    "pattern": (_is_pattern, "a regular expression"),
    "x-kubernetes-int-or-string": (lambda value: isinstance(value, bool), "true or false"),
    "x-kubernetes-preserve-unknown-fields": (lambda value: isinstance(value, bool), "true or false"),
}
"""What a keyword has to be, as a test and in words."""


def mistakes(value: object, schema: Schema, resolve: Callable[[str], Schema], path: str = "") -> Iterator[Mistake]:
    """Yield everything that the API server would refuse."""
    if "$ref" in schema:
        schema = resolve(str(schema["$ref"]))
    if schema.get("x-kubernetes-int-or-string"):
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            yield Mistake(path=path, text=f"got {_spell(value)}; allowed: a number or text")
        return
    expected = schema.get("type")
    if expected is not None and not _is(value, str(expected)):
        yield Mistake(path=path, text=f"got {_spell(value)}; allowed: {expected}")
        return
    if "enum" in schema and value not in schema["enum"]:
        yield Mistake(path=path, text=f"got {_spell(value)}; allowed: {', '.join(map(str, schema['enum']))}")
    if "pattern" in schema and isinstance(value, str) and not re.search(schema["pattern"], value):
        yield Mistake(path=path, text=f"got {_spell(value)}; allowed: what matches {schema['pattern']}")
    if isinstance(value, dict):
        yield from _object(value, schema, resolve, path)
    elif isinstance(value, list) and "items" in schema:
        for index, item in enumerate(value):
            yield from mistakes(item, schema["items"], resolve, f"{path}[{index}]")


def _object(value: dict[Any, Any], schema: Schema, resolve: Callable[[str], Schema], path: str) -> Iterator[Mistake]:
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    for key in schema.get("required") or []:
        if value.get(key) is None:
            yield Mistake(path=_join(path, key), text="is missing")
    for key, item in value.items():
        where = _join(path, str(key))
        if key in properties:
            # null is as if it were not there
            if item is not None:
                yield from mistakes(item, properties[key], resolve, where)
        elif "additionalProperties" in schema:
            yield from mistakes(item, schema["additionalProperties"], resolve, where)
        elif properties and not schema.get("x-kubernetes-preserve-unknown-fields"):
            near = difflib.get_close_matches(str(key), properties, n=1)
            yield Mistake(path=where, text="unknown field" + (f"; did you mean {near[0]}?" if near else ""))


def _is(value: object, expected: str) -> bool:
    if isinstance(value, bool) and expected != "boolean":
        return False
    return isinstance(value, _TYPES[expected])


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _spell(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
