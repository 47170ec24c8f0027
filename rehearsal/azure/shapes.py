"""What azure-native takes: unknown properties and wrong enum values are refused, by the SDK's own types.

The real provider hands an unknown property on and Azure refuses it minutes later, or drops it without a word. Here a
typo fails at once.
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

_OPEN = ("streams",)
"""Properties whose enum lists only what the SDK's authors knew: every data source may bring streams of its own."""


class Mistake(typing.NamedTuple):
    """One input that Azure would not take."""

    path: str
    reason: str


_IMPORTING = threading.Lock()


def inputs_of(token: str) -> type:
    """Return the SDK's class of a type's inputs.

    Raises:
        LookupError: the SDK has no such type.
    """
    # a module that another thread is importing lacks its names
    with _IMPORTING:
        return _inputs_of(token)


@cache
def _inputs_of(token: str) -> type:
    _, module, name = token.split(":")
    try:
        sdk = importlib.import_module(f"pulumi_azure_native.{module}")
        # where a nested type has the resource's name, the resource's own inputs have another
        leaf = importlib.import_module(getattr(sdk, name).__module__)
        found: type = getattr(leaf, f"{name}InitArgs", None) or getattr(sdk, f"{name}Args")
    except (ImportError, AttributeError):
        raise LookupError(f"azure-native has no type {token}") from None
    return found


def mistakes(token: str, inputs: Mapping[str, Any], *, unknown: object = None) -> list[Mistake]:
    """Return what is wrong with the inputs of a type.

    Args:
        token: such as ``azure-native:keyvault:Vault``.
        inputs: plain data.
        unknown: stands where a value is not known yet; such places are not judged.
    """
    return list(_object(inputs_of(token), inputs, "", unknown))


def project(token: str, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of an answer that has a place in a type's inputs: read-only properties drop out."""
    return _projected(inputs_of(token), answer)


def _projected(model: type, answer: Mapping[str, Any]) -> dict[str, Any]:
    known = _types.input_type_types(model)
    names = set(_types.input_type_py_to_pulumi_names(model).values())
    return {key: _part(known.get(key, Any), value) for key, value in answer.items() if key in names}


def _part(annotation: Any, value: Any) -> Any:  # noqa: ANN401 - any type
    options = _alternatives(annotation)
    models = [option for option in options if isinstance(option, type) and _types.is_input_type(option)]
    lists = [option for option in options if typing.get_origin(option) in (list, Sequence)]
    maps = [option for option in options if typing.get_origin(option) in (dict, Mapping)]
    if isinstance(value, dict) and models:
        return _projected(models[0], value)
    if isinstance(value, dict) and lists:
        return list(value)  # Azure gives identities back as a mapping
    if isinstance(value, dict) and maps:
        return {key: _part(typing.get_args(maps[0])[1], item) for key, item in value.items()}
    if isinstance(value, list) and lists:
        return [_part(typing.get_args(lists[0])[0], item) for item in value]
    return value


def _object(model: type, value: Mapping[str, Any], path: str, unknown: object) -> Iterator[Mistake]:
    known = _types.input_type_types(model)
    names = set(_types.input_type_py_to_pulumi_names(model).values())
    for key, item in value.items():
        below = f"{path}.{key}" if path else key
        if key not in names:
            yield Mistake(
                below, f"{model.__name__.removesuffix('Args')} has no such property: {', '.join(sorted(names))}"
            )
        elif item not in (unknown, None) and key in known:
            yield from _value(known[key], item, below, unknown)


def _value(annotation: Any, value: Any, path: str, unknown: object) -> Iterator[Mistake]:  # noqa: ANN401 - any type
    if value in (unknown, None):
        return
    options = [option for option in _alternatives(annotation) if option not in (type(None), Any)]
    enums = [option for option in options if isinstance(option, type) and issubclass(option, enum.Enum)]
    models = [option for option in options if isinstance(option, type) and _types.is_input_type(option)]
    lists = [option for option in options if typing.get_origin(option) in (list, Sequence)]
    maps = [option for option in options if typing.get_origin(option) in (dict, Mapping)]
    if isinstance(value, dict) and models:
        yield from _object(models[0], value, path, unknown)
    elif isinstance(value, dict) and maps:
        for key, item in value.items():
            yield from _value(typing.get_args(maps[0])[1], item, f"{path}.{key}", unknown)
    elif isinstance(value, list) and lists:
        for index, item in enumerate(value):
            yield from _value(typing.get_args(lists[0])[0], item, f"{path}[{index}]", unknown)
    elif enums:
        allowed = [member.value for option in enums for member in option]
        if value not in allowed and not path.rsplit(".", maxsplit=1)[-1].startswith(_OPEN):
            yield Mistake(path, f"got {value!r}; allowed: {', '.join(map(str, allowed))}")
    elif (models or maps or lists) and not any(option is str for option in options):
        yield Mistake(path, f"got {value!r}; allowed: {'a list' if lists else 'an object'}")
    elif options and not any(_fits(option, value) for option in options):
        yield Mistake(path, f"got {value!r}; allowed: {' or '.join(getattr(o, '__name__', str(o)) for o in options)}")


def _fits(option: Any, value: Any) -> bool:  # noqa: ANN401 - any type
    if not isinstance(option, type):
        return True
    if option in (int, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return isinstance(value, option)


def _alternatives(annotation: Any) -> list[Any]:  # noqa: ANN401 - any type
    """Return a union's members without what only the SDK's inputs may be: outputs and awaitables."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [found for member in typing.get_args(annotation) for found in _alternatives(member)]
    origin = typing.get_origin(annotation)
    if origin in (Awaitable, Output) or annotation in (Awaitable, Output):
        return []
    return [annotation]
