"""Validates a resource's inputs against the SDK's own types: unknown properties and wrong enum values are errors.

The real provider passes an unknown property on, and Azure rejects it minutes later or drops it silently. Here a typo
fails at once.
"""

import enum
import importlib
import threading
import types
import typing
from collections.abc import Awaitable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

from pulumi import Output, _types

_OPEN_ENUMS = ("streams",)
"""Properties whose enum is not complete: a data source may define streams that the SDK does not list."""


class InvalidInput(typing.NamedTuple):
    """An input that Azure would reject."""

    path: str
    """Dotted, with indexes: ``agentPoolProfiles[0].osSku``."""
    reason: str


_IMPORT_LOCK = threading.Lock()


def inputs_of(token: str) -> type:
    """Return the SDK's class of a type's inputs.

    Raises:
        LookupError: the SDK has no such type.
    """
    # while another thread imports a module, some of its names are missing
    with _IMPORT_LOCK:
        return _inputs_of(token)


@cache
def _inputs_of(token: str) -> type:
    _, module, name = token.split(":")
    try:
        sdk = importlib.import_module(f"pulumi_azure_native.{module}")
        # if a nested type has the resource's name, the class of the resource's own inputs is ...InitArgs
        leaf = importlib.import_module(getattr(sdk, name).__module__)
        found: type = getattr(leaf, f"{name}InitArgs", None) or getattr(sdk, f"{name}Args")
    except (ImportError, AttributeError):
        raise LookupError(f"azure-native has no type {token}") from None
    return found


def invalid_inputs(token: str, inputs: Mapping[str, Any], *, unknown: object = None) -> list[InvalidInput]:
    """Return the invalid inputs of a resource.

    Args:
        token: such as ``azure-native:keyvault:Vault``.
        inputs: plain data.
        unknown: placeholder of a value that is not known yet; it is not checked.

    Raises:
        LookupError: the SDK has no such type.
    """
    return list(_check_object(inputs_of(token), inputs, "", unknown))


def input_properties(token: str, response: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties of a response that are also inputs of the type: read-only ones are left out.

    Args:
        token: such as ``azure-native:keyvault:Vault``.
        response: plain data, as Azure returned it.

    Raises:
        LookupError: the SDK has no such type.
    """
    return _known_properties(inputs_of(token), response)


def _known_properties(model: type, response: Mapping[str, Any]) -> dict[str, Any]:
    known = _types.input_type_types(model)
    names = set(_types.input_type_py_to_pulumi_names(model).values())
    return {key: _known_part(known.get(key, Any), value) for key, value in response.items() if key in names}


def _known_part(annotation: object, value: object) -> object:
    options = _alternatives(annotation)
    models = [option for option in options if isinstance(option, type) and _types.is_input_type(option)]
    lists = [option for option in options if typing.get_origin(option) in (list, Sequence)]
    maps = [option for option in options if typing.get_origin(option) in (dict, Mapping)]
    if isinstance(value, dict) and models:
        return _known_properties(_meant(models, value), value)
    if isinstance(value, dict) and lists:
        return list(value)  # Azure returns identities as a mapping
    if isinstance(value, dict) and maps:
        return {key: _known_part(typing.get_args(maps[0])[1], item) for key, item in value.items()}
    if isinstance(value, list) and lists:
        return [_known_part(typing.get_args(lists[0])[0], item) for item in value]
    return value


def _meant(models: Sequence[type], value: Mapping[str, Any]) -> type:
    """Return the model that has most of an object's properties: objects of several kinds may stand in one place."""
    return max(models, key=lambda model: len(value.keys() & _types.input_type_py_to_pulumi_names(model).values()))


def _check_object(model: type, value: Mapping[str, Any], path: str, unknown: object) -> Iterator[InvalidInput]:
    known = _types.input_type_types(model)
    names = set(_types.input_type_py_to_pulumi_names(model).values())
    for key, item in value.items():
        below = f"{path}.{key}" if path else key
        if key not in names:
            yield InvalidInput(
                below, f"{model.__name__.removesuffix('Args')} has no such property: {', '.join(sorted(names))}"
            )
        elif item not in (unknown, None) and key in known:
            yield from _check_value(known[key], item, below, unknown)


def _check_value(annotation: object, value: object, path: str, unknown: object) -> Iterator[InvalidInput]:
    if value in (unknown, None):
        return
    options = [option for option in _alternatives(annotation) if option not in (type(None), Any)]
    enums = [option for option in options if isinstance(option, type) and issubclass(option, enum.Enum)]
    models = [option for option in options if isinstance(option, type) and _types.is_input_type(option)]
    lists = [option for option in options if typing.get_origin(option) in (list, Sequence)]
    maps = [option for option in options if typing.get_origin(option) in (dict, Mapping)]
    if isinstance(value, dict) and models:
        yield from _check_object(_meant(models, value), value, path, unknown)
    elif isinstance(value, dict) and maps:
        for key, item in value.items():
            yield from _check_value(typing.get_args(maps[0])[1], item, f"{path}.{key}", unknown)
    elif isinstance(value, list) and lists:
        for index, item in enumerate(value):
            yield from _check_value(typing.get_args(lists[0])[0], item, f"{path}[{index}]", unknown)
    elif enums:
        allowed = [member.value for option in enums for member in option]
        if value not in allowed and not path.rsplit(".", maxsplit=1)[-1].startswith(_OPEN_ENUMS):
            yield InvalidInput(path, f"got {value!r}; allowed: {', '.join(map(str, allowed))}")
    elif (models or maps or lists) and not any(option is str for option in options):
        yield InvalidInput(path, f"got {value!r}; allowed: {'a list' if lists else 'an object'}")
    elif options and not any(_matches(option, value) for option in options):
        yield InvalidInput(
            path, f"got {value!r}; allowed: {' or '.join(getattr(o, '__name__', str(o)) for o in options)}"
        )


def _matches(option: object, value: object) -> bool:
    if not isinstance(option, type):
        return True
    if option in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, option)


def _alternatives(annotation: object) -> list[Any]:
    """Return the members of a union, without the SDK's outputs and awaitables, which plain data cannot be."""

    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [found for member in typing.get_args(annotation) for found in _alternatives(member)]
    origin = typing.get_origin(annotation)
    if origin in (Awaitable, Output) or annotation in (Awaitable, Output):
        return []
    return [annotation]
