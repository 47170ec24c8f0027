"""Finds values that no template reads, by changing them and looking whether anything comes out otherwise.

Reading the templates' text instead would have to understand ``with``, ``range``, ``include`` and ``toYaml``: Helm does.

A value is read when the rendered text differs, or Helm fails, once the value is another or is taken out. The chart's
schema is set aside meanwhile: it knows keys that no template reads. Most values show themselves at once, in a rendering
where each is a mark of its own; the rest are tried one by one. A value that only matters while something else is on or
off (``autoscaling.maxReplicas``) is tried in every environment, then with every true and false of the values turned
over, one at a time.
"""

import copy
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.delivery.overlay.findings import Finding, Rule, shown
from bootstrap.delivery.overlay.paths import leaves, merge_values
from bootstrap.delivery.overlay.values import Layer, Values
from bootstrap.delivery.render.helm import Template
from bootstrap.errors import HelmError

Step = str | int
DeepPath = tuple[Step, ...]

_MARKS = 7_390_000
"""Where numbers begin that no values file has."""


def unread(values: Values) -> Iterator[Finding]:
    """Yield every value of the base and of the environments' files that no template reads.

    Raises:
        HelmError: the chart does not render with the values as they are.
    """
    layers: dict[str | None, Layer] = {None: values.base}
    layers.update(values.environments)
    wanted: dict[DeepPath, list[str | None]] = {}
    for name, layer in layers.items():
        for path, value in deep_leaves(layer.data):
            if value is not None:
                wanted.setdefault(path, []).append(name)
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-overlay-") as folder:
        undecided = _Trial(values, Path(folder)).undecided(list(wanted))
    for path in undecided:
        names = wanted[path]
        spelt = tuple(str(step) for step in path)
        yield Finding(
            rule=Rule.UNREAD,
            app=values.app,
            environments=tuple(name for name in names if name is not None),
            path=spelt,
            files=tuple(layers[name].shown for name in names),
            message=f"no template of the chart {values.templates[next(iter(values.templates))].chart.name} reads it"
            f" ({shown(_at(layers[names[0]].data, path))})",
        )


def deep_leaves(data: Any, prefix: DeepPath = ()) -> Iterator[tuple[DeepPath, Any]]:  # noqa: ANN401 - YAML data
    """Yield every leaf, into the mappings that lists hold."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from deep_leaves(value, (*prefix, key))
    elif isinstance(data, list) and any(isinstance(item, dict) for item in data):
        for index, item in enumerate(data):
            yield from deep_leaves(item, (*prefix, index))
    elif prefix:
        yield prefix, data


def other_than(value: Any, number: int = 0) -> tuple[Any, str | None]:  # noqa: ANN401 - YAML data
    """Return another value of the same type, and the mark in it that tells it from all others; booleans have none."""
    mark = f"sentinel{_MARKS + number}"
    if isinstance(value, bool):
        return not value, None
    if isinstance(value, int | float):
        return _MARKS + number, str(_MARKS + number)
    if isinstance(value, list):
        return [*value, mark], mark
    if isinstance(value, dict):
        return {**value, mark: mark}, mark
    return mark, mark


class _Trial:
    """Renders an application's environments with one value changed."""

    def __init__(self, values: Values, folder: Path) -> None:
        self._folder = folder
        self._count = 0
        # each environment's files as one: only the values that Helm merges matter here
        self._data = {name: _merge_files(values, name) for name in values.environments}
        self._templates = values.templates

    def undecided(self, paths: Sequence[DeepPath]) -> list[DeepPath]:
        """Return the paths that nothing shows to be read."""
        if not self._data:
            return []
        left = list(paths)
        for name, data in self._data.items():
            left = self._unaffected(name, data, left, required=True)
        for name, data in self._data.items():
            for switch, state in list(leaves(data)):
                if not left:
                    return []
                if isinstance(state, bool) and (others := [path for path in left if path != switch]):
                    turned = _changed(data, switch, not state)
                    still = self._unaffected(name, turned, others, required=False)
                    left = [path for path in left if path not in others or path in still]
        return left

    def _unaffected(self, name: str, data: dict[str, Any], paths: list[DeepPath], *, required: bool) -> list[DeepPath]:
        """Return the paths whose change leaves the rendered text as it is."""
        there = [path for path in paths if _at(data, path) is not None]
        template = self._templates[name]
        try:
            before = self._render(template, data)
        except HelmError:
            if required:
                raise
            return paths
        marked = self._marked(template, data, there, before)
        there = [path for path in there if path not in marked]
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            answers = list(pool.map(lambda path: self._reads(template, data, path, before), there))
        read = marked | {path for path, answer in zip(there, answers, strict=True) if answer}
        return [path for path in paths if path not in read]

    def _marked(self, template: Template, data: dict[str, Any], paths: list[DeepPath], before: str) -> set[DeepPath]:
        """Return the paths whose mark comes out when all are marked at once."""
        changed, marks = data, {}
        for number, path in enumerate(paths):
            value, mark = other_than(_at(data, path), number)
            if mark is not None and mark not in before:
                changed, marks[path] = _changed(changed, path, value), mark
        try:
            text = self._render(template, changed)
        except HelmError:
            return set()
        return {path for path, mark in marks.items() if mark in text}

    def _reads(self, template: Template, data: dict[str, Any], path: DeepPath, before: str) -> bool:
        for changed in (_changed(data, path, other_than(_at(data, path))[0]), _removed(data, path)):
            try:
                if self._render(template, changed) != before:
                    return True
            except HelmError:
                # only a template can have refused it
                return True
        return False

    def _render(self, template: Template, data: dict[str, Any]) -> str:
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            # JSON is YAML, whatever its texts look like
            json.dump(data, stream, default=str)
        return replace(template, values=[Path(name)], schema=False).render()


def _merge_files(values: Values, environment: str) -> dict[str, Any]:
    return merge_values(values.base.data, values.environments[environment].data, keep_null=True)


def _at(data: Any, path: DeepPath) -> Any:  # noqa: ANN401 - YAML data
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return None
    return data


def _changed(data: dict[str, Any], path: DeepPath, value: Any) -> dict[str, Any]:  # noqa: ANN401 - YAML data
    result = copy.deepcopy(data)
    _at(result, path[:-1])[path[-1]] = value
    return result


def _removed(data: dict[str, Any], path: DeepPath) -> dict[str, Any]:
    result = copy.deepcopy(data)
    del _at(result, path[:-1])[path[-1]]
    return result
