"""Where two documents differ, as programs read them."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

Leaf = tuple[Any, ...]


def changed_leaves(before: object, after: object, *, enough: int) -> list[Leaf]:
    """Return the paths of the first differences, at most ``enough``.

    A change of order, of a key or of a type is a difference too: ``1``, ``1.0``, ``True`` and ``"1"`` are four values.
    What contains itself counts as one: no values file does.
    """
    return list(islice(_differences(before, after, (), {}), enough))


def _differences(before: object, after: object, path: Leaf, seen: dict[tuple[int, int], bool]) -> Iterator[Leaf]:
    if type(before) is not type(after):
        yield path
        return
    if not isinstance(before, dict | list):
        # NaN is not equal to itself, and -0.0 is equal to 0.0
        if repr(before) != repr(after):
            yield path
        return
    # aliases make one object stand in several places: a pair that was found equal (True) need not be walked again
    pair = (id(before), id(after))
    if pair in seen:
        if not seen[pair]:
            yield path
        return
    seen[pair] = False
    children = _children(before, after)
    if children is None:
        yield path
        del seen[pair]
        return
    same = True
    for key, one, other in children:
        for difference in _differences(one, other, (*path, key), seen):
            same = False
            yield difference
    if same:
        seen[pair] = True
    else:
        del seen[pair]


def _children(before: object, after: object) -> list[tuple[Any, object, object]] | None:
    """Return what both have under each key; None where they do not have the same keys."""
    if isinstance(before, dict) and isinstance(after, dict):
        if [(type(key), key) for key in before] != [(type(key), key) for key in after]:
            return None
        return [(key, before[key], after[key]) for key in before]
    if not (isinstance(before, list) and isinstance(after, list)) or len(before) != len(after):
        return None
    return [(index, *pair) for index, pair in enumerate(zip(before, after, strict=True))]
