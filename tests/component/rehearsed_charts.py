"""Where a chart has workloads, read from its rehearsal: the schema of its values and its own values."""

import json
from collections.abc import Iterator
from typing import Any

from ruamel.yaml import YAML

from rehearsal.chart_repository import SOURCES
from settings.merge import merge

Place = tuple[str, ...]
"""Keys that lead to a section of a chart's values; the root is empty."""


def schema(chart: str) -> dict[str, Any]:
    """Return the schema of a chart's values; a chart without a rehearsal has none, and that is a failure."""
    file = SOURCES / chart / "values.schema.json"
    assert file.exists(), f"{chart} has no rehearsal: {file}"
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def own_values(chart: str) -> dict[str, Any]:
    """Return the chart's own values, which the program's are merged over."""
    return dict(YAML(typ="safe").load(SOURCES / chart / "values.yaml") or {})


def parts(chart: str, *keys: str) -> list[Place]:
    """Return every section of the schema that has all of these keys."""
    return list(_parts(schema(chart), set(keys), ()))


def _parts(node: dict[str, Any], keys: set[str], place: Place) -> Iterator[Place]:
    properties: dict[str, Any] = node.get("properties", {})
    if keys <= properties.keys():
        yield place
    for key, below in properties.items():
        yield from _parts(below, keys, (*place, key))


def section(values: dict[str, Any], place: Place) -> dict[str, Any] | None:
    """Return a section of values, or None where it is not there."""
    found: Any = values
    for key in place:
        found = found.get(key) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def is_on(chart: str, values: dict[str, Any], place: Place) -> bool:
    """Return whether the workload of a section runs: no section around it is turned off.

    One that may be turned off, and that neither the chart's own values nor the program's mention, is off.
    """
    whole = merge(own_values(chart), values)
    for depth in range(1, len(place) + 1):
        around = place[:depth]
        can_be_off = around in parts(chart, "enabled")
        if not (section(whole, around) or {}).get("enabled", not can_be_off or section(whole, around) is not None):
            return False
    return True


def tolerations(values: dict[str, Any], place: Place) -> list[dict[str, Any]]:
    """Return what the workload of a section tolerates: its own tolerations, or those of all parts of its chart.

    ``global`` reaches the sections of the chart itself. A key with a hyphen is the name of a chart inside the chart, as
    no template could spell it otherwise; that one has its own.
    """
    own = (section(values, place) or {}).get("tolerations")
    inherits = len(place) == 1 and "-" not in place[0]
    common = (section(values, ("global",)) or {}).get("tolerations") if inherits else None
    return list(own or common or [])
