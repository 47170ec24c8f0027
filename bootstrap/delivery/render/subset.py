"""Whether a live object holds what was rendered, whatever else the cluster has added to it."""

from startup import on_demand

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bootstrap.delivery.manifests import same

if TYPE_CHECKING:
    from kubernetes.utils import quantity
else:
    quantity = on_demand("kubernetes.utils.quantity")  # loads the whole client

_QUANTITIES = frozenset({"limits", "requests", "capacity", "hard", "sizeLimit", "averageValue", "storage"})
"""Fields whose texts the API server rewrites: 1000m becomes 1."""

_KEYS = ("name", "key", "containerPort", "port", "mountPath", "type", "topologyKey")
"""What tells list items apart, as in Kubernetes' merge keys; the first that every item has, each value once."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """One rendered field that the cluster has otherwise."""

    path: str
    rendered: Any
    live: Any
    """None where it is not there at all."""


def differences(rendered: object, live: object, path: str = "") -> Iterator[Difference]:
    """Yield the rendered fields that are missing or different; fields that only the cluster has are no difference."""
    if isinstance(rendered, dict) and isinstance(live, dict):
        for key, value in rendered.items():
            yield from _field(value, live.get(key), f"{path}.{key}" if path else str(key))
    elif isinstance(rendered, list) and isinstance(live, list):
        yield from _lists(rendered, live, path)
    elif not same(rendered, live) and not _same_quantity(rendered, live, path):
        yield Difference(path=path, rendered=rendered, live=live)


def _field(rendered: object, live: object, path: str) -> Iterator[Difference]:
    # the API server drops null, and empty lists and mappings that say nothing
    if live is None and rendered in (None, [], {}):
        return
    yield from differences(rendered, live, path)


def _lists(rendered: list[Any], live: list[Any], path: str) -> Iterator[Difference]:
    key = _key(rendered, live)
    if key is not None:
        there = {str(item[key]): item for item in live}
        for item in rendered:
            name = str(item[key])
            yield from differences(item, there.get(name), f"{path}[{name}]")
    elif len(rendered) != len(live):
        yield Difference(path=path, rendered=rendered, live=live)
    else:
        for index, (one, other) in enumerate(zip(rendered, live, strict=True)):
            yield from differences(one, other, f"{path}[{index}]")


def _key(*lists: list[Any]) -> str | None:
    """Return what the items of both lists are told apart by; None where they are taken in their order."""
    for key in _KEYS:
        for items in lists:
            values = [str(item.get(key)) if isinstance(item, dict) and key in item else None for item in items]
            if not values or None in values or len(set(values)) != len(values):
                break
        else:
            return key
    return None


def _same_quantity(rendered: object, live: object, path: str) -> bool:
    if not _QUANTITIES & set(path.split(".")) or rendered is None or live is None:
        return False
    try:
        one, other = (Decimal(quantity.parse_quantity(str(value))) for value in (rendered, live))  # type: ignore[no-untyped-call] # not typed
    except ValueError:
        return False
    return one == other
