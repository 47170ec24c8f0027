"""Paths in values files: ``ingress.host``."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

KeyPath = tuple[str, ...]


class Missing:
    """What stands where nothing is; null is something."""

    def __repr__(self) -> str:
        """Spell it as people read it."""
        return "(not set)"


MISSING = Missing()


def spell(path: Sequence[str]) -> str:
    """Spell a path; a key with a dot in it stands in quotes."""
    return ".".join(f'"{key}"' if "." in key or not key else key for key in path)


def leaves(data: Mapping[str, Any], prefix: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield everything that is set: scalars, lists as a whole (Helm replaces them as a whole) and empty mappings."""
    for key, value in data.items():
        path = (*prefix, str(key))
        if isinstance(value, dict) and value:
            yield from leaves(value, path)
        else:
            yield path, value


def lookup(data: object, path: Sequence[str]) -> object:
    """Return what stands at a path, or :data:`MISSING`."""
    for key in path:
        if not isinstance(data, dict) or key not in data:
            return MISSING
        data = data[key]
    return data


def merge_values(base: Mapping[str, Any], over: Mapping[str, Any], *, keep_null: bool = False) -> dict[str, Any]:
    """Merge as Helm does: mappings deeply, all else is replaced, null takes out.

    https://helm.sh/docs/chart_template_guide/values_files/

    Args:
        base: the values below, such as a chart's defaults.
        over: what is merged over them.
        keep_null: leave null as a value, as Helm does between two files: it takes out the chart's default later.
    """
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        if value is None and not keep_null:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = merge_values(below if isinstance(below, dict) else {}, value, keep_null=keep_null)
        else:
            merged[key] = value
    return merged


def without(data: Mapping[str, Any], path: Sequence[str]) -> dict[str, Any]:
    """Return the data with a path taken out, and what that leaves empty."""
    key, rest = path[0], path[1:]
    result = dict(data)
    if key not in result:
        return result
    if rest:
        result[key] = without(result[key], rest)
        if result[key]:
            return result
    del result[key]
    return result


def with_value(data: Mapping[str, Any], path: Sequence[str], value: object) -> dict[str, Any]:
    """Return the data with a path set."""
    key, rest = path[0], path[1:]
    if not rest:
        return {**data, key: value}
    below = data.get(key)
    return {**data, key: with_value(below if isinstance(below, dict) else {}, rest, value)}


def matches(path: Sequence[str], pattern: str) -> bool:
    """Whether a path is one that a pattern means: ``*`` is any one key, ``**`` any number of them."""
    return _matches(list(path), pattern.split("."))


def _matches(path: list[str], pattern: list[str]) -> bool:
    if not pattern:
        return not path
    if pattern[0] == "**":
        return any(_matches(path[start:], pattern[1:]) for start in range(len(path) + 1))
    return bool(path) and pattern[0] in ("*", path[0]) and _matches(path[1:], pattern[1:])
