"""Finds values that no template reads, by changing them and looking whether anything comes out otherwise.

Reading the templates' text alone would have to understand ``with``, ``range``, ``include`` and ``toYaml``: Helm does.

A value is read when the rendered text differs, or Helm fails, once the value is another or is taken out. The chart's
schema is set aside meanwhile: it knows keys that no template reads. Most values show themselves at once, in a rendering
where each is a mark of its own; the rest are tried in groups, which are halved until what is read stands alone: of two
thousand values that nothing reads, a handful of renderings tells. A value that only matters while something else is on
or off (``autoscaling.maxReplicas``) is tried in every environment, then with every true and false of the values that
is read turned over, one at a time, and then with all others turned over at once. A condition may still stay as it is
whatever a value is changed to (``eq .Values.mode "fast"``): what is left is read if the templates' text names it.
"""

import copy
import json
import os
import tempfile
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from bootstrap.delivery.overlay.findings import Finding, Rule, shown
from bootstrap.delivery.overlay.mentions import Mentions
from bootstrap.delivery.overlay.paths import MISSING, leaves, merge_values
from bootstrap.delivery.overlay.values import Layer, Values
from bootstrap.delivery.render.helm import Template
from bootstrap.errors import HelmError

Step = str | int
DeepPath = tuple[Step, ...]

_MARKS = 7_390_000
"""Where numbers begin that no values file has."""

SECONDS_BETWEEN = 5.0
"""How often a long search says how far it is."""

_SMALL = 8
"""How many values a group has that is no longer halved where most groups are read."""

_FEW = 16
"""How many truth values are turned over one at a time."""

T = TypeVar("T")
Changes = Mapping[DeepPath, object]
"""Values to put in other ones' places."""


def unread(
    values: Values,
    say: Callable[[str], None] = lambda _: None,
    elsewhere: Callable[[Sequence[str]], bool] = lambda _: False,
) -> Iterator[Finding]:
    """Yield every value of the base and of what is laid over it that no template reads.

    Args:
        values: the application's.
        say: is called with how far it is, now and then.
        elsewhere: whether something other than the templates reads a path.

    Raises:
        HelmError: the chart does not render with the values as they are.
    """
    layers: dict[str | None, Layer] = {None: values.base}
    layers.update(values.layers)
    wanted: dict[DeepPath, list[str | None]] = {}
    for name, layer in layers.items():
        for path, value in deep_leaves(layer.data):
            if value is not None and not elsewhere([str(step) for step in path]):
                wanted.setdefault(path, []).append(name)
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-overlay-") as folder:
        undecided = _Trial(values, Path(folder), say).undecided(list(wanted))
    for path in undecided:
        names = wanted[path]
        spelled = tuple(str(step) for step in path)
        yield Finding(
            rule=Rule.UNREAD,
            app=values.app,
            environments=tuple(name for name in names if name is not None),
            path=spelled,
            files=tuple(layers[name].shown for name in names),
            message=f"no template of the chart {values.templates[next(iter(values.templates))].chart.name} reads it"
            f" ({shown(_at(layers[names[0]].data, path))})",
        )


def deep_leaves(data: object, prefix: DeepPath = ()) -> Iterator[tuple[DeepPath, object]]:
    """Yield every leaf, into the mappings that lists hold."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from deep_leaves(value, (*prefix, key))
    elif isinstance(data, list) and any(isinstance(item, dict) for item in data):
        for index, item in enumerate(data):
            yield from deep_leaves(item, (*prefix, index))
    elif prefix:
        yield prefix, data


def other_than(value: object, number: int = 0) -> tuple[object, tuple[str, ...]]:
    """Return another value of the same type, and how its mark is printed; booleans have none."""
    mark = f"sentinel{_MARKS + number}"
    if isinstance(value, bool):
        return not value, ()
    if isinstance(value, int | float):
        # Helm's numbers are floats, and Go prints seven digits as 7.39e+06
        exponent = f"{float(_MARKS + number):.6e}".partition("e")[0].rstrip("0").rstrip(".") + "e+06"
        return _MARKS + number, (str(_MARKS + number), exponent)
    if isinstance(value, list):
        return [*value, mark], (mark,)
    if isinstance(value, dict):
        return {**value, mark: mark}, (mark,)
    return mark, (mark,)


class _Trial:
    """Renders an application for its clusters with values changed."""

    def __init__(self, values: Values, folder: Path, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        # each cluster's files as one: only the values that Helm merges matter here
        self._data = {name: _merge_files(values, name) for name in values.clusters}
        self._templates = values.templates
        self._renderings = 0
        self._said = time.monotonic()

    def undecided(self, paths: Sequence[DeepPath]) -> list[DeepPath]:
        """Return the paths that nothing shows to be read."""
        if not self._data:
            return []
        left = list(paths)
        with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
            for name, data in self._data.items():
                left = self._unaffected(pool, name, data, self._render(self._templates[name], data), left)
            for name, data in self._data.items():
                if not left:
                    return []
                for turned, before in self._revealing(pool, name, data, left):
                    others = [path for path in left if path not in turned]
                    still = set(self._unaffected(pool, name, _changed(data, turned), before, others))
                    left = [path for path in left if path in turned or path in still]
        mentions = [Mentions.read(chart) for chart in {template.chart for template in self._templates.values()}]
        return [path for path in left if not any(found.mention(path) for found in mentions)]

    def _revealing(
        self, pool: Executor, name: str, data: dict[str, Any], left: Sequence[DeepPath]
    ) -> Iterator[tuple[Changes, str]]:
        """Yield what to turn over for something of what is left to show, and what is rendered then."""
        pending = list(_turnings(data, left))
        while pending:
            self._tell(name, len(left))
            answers = list(pool.map(lambda turned: self._turn(name, data, turned, left), pending))
            yield from (
                (turned, text)
                for turned, (text, shows) in zip(pending, answers, strict=True)
                if text is not None and shows
            )
            # Helm refuses to render some combinations: each part of them may still be rendered
            failed = [turned for turned, (text, _) in zip(pending, answers, strict=True) if text is None]
            pending = [dict(half) for turned in failed if len(turned) > 1 for half in _halves(list(turned.items()))]

    def _turn(
        self, name: str, data: dict[str, Any], turned: Changes, left: Sequence[DeepPath]
    ) -> tuple[str | None, bool]:
        """Return what is rendered with something turned over, and whether anything else that is left is read then."""
        changed, template = _changed(data, turned), self._templates[name]
        others = [path for path in left if path not in turned and _at(data, path) is not None]
        try:
            before = self._render(template, changed)
        except HelmError:
            return None, False
        return before, bool(others) and self._reads(template, changed, others, before, pairs=False)

    def _unaffected(
        self, pool: Executor, name: str, data: dict[str, Any], before: str, paths: list[DeepPath]
    ) -> list[DeepPath]:
        """Return the paths whose change leaves the rendered text as it is."""
        there = [path for path in paths if _at(data, path) is not None]
        template = self._templates[name]
        read = self._shown(template, data, there, before)
        pending = [[path for path in there if path not in read]]
        # one level of halves after the other, so that there is always something to do for every processor
        while pending := [group for group in pending if group]:
            self._tell(name, sum(map(len, pending)))
            answers = list(pool.map(lambda group: self._reads(template, data, group, before), pending))
            found = [group for group, answer in zip(pending, answers, strict=True) if answer]
            # where most of what is small is read, there is nothing to be had from halves
            part = _single if max(map(len, pending)) <= _SMALL and 2 * len(found) > len(pending) else _halves
            read |= {group[0] for group in found if len(group) == 1}
            pending = [less for group in found if len(group) > 1 for less in part(group)]
        return [path for path in paths if path not in read]

    def _shown(self, template: Template, data: dict[str, Any], paths: list[DeepPath], before: str) -> set[DeepPath]:
        """Return the paths whose mark comes out when all are marked at once, and those that Helm takes no mark at."""
        read = self._printed(template, data, [path for path in paths if isinstance(_at(data, path), bool)])
        pending = [[path for path in paths if not isinstance(_at(data, path), bool)]]
        while pending := [group for group in pending if group]:
            group = pending.pop()
            changes: dict[DeepPath, object] = {}
            marks: dict[DeepPath, tuple[str, ...]] = {}
            for number, path in enumerate(group):
                changes[path], marks[path] = other_than(_at(data, path), number)
            try:
                text = self._render(template, _changed(data, changes))
            except HelmError:
                if len(group) == 1:
                    read.add(group[0])
                pending += _halves(group) if len(group) > 1 else []
                continue
            read |= {path for path in group if any(mark in text and mark not in before for mark in marks[path])}
        return read

    def _printed(self, template: Template, data: dict[str, Any], switches: list[DeepPath]) -> set[DeepPath]:
        """Return the truth values that are printed, as the text that stands in their places is."""
        marks = {path: other_than("", number) for number, path in enumerate(switches)}
        try:
            text = self._render(template, _changed(data, {path: value for path, (value, _) in marks.items()}))
        except HelmError:
            # a template that compares them takes no text, which says nothing of any single one
            return set()
        return {path for path, (_, (mark,)) in marks.items() if mark in text}

    def _reads(
        self, template: Template, data: dict[str, Any], group: list[DeepPath], before: str, *, pairs: bool = True
    ) -> bool:
        """Whether any of a group is read; ``pairs`` is whether two truth values are to be told apart."""
        try:
            return any(self._render(template, trial) != before for trial in _trials(data, group, pairs=pairs))
        except HelmError:
            # only a template can have refused it
            return True

    def _tell(self, name: str, count: int) -> None:
        if time.monotonic() - self._said > SECONDS_BETWEEN:
            self._said = time.monotonic()
            self._say(f"{count} values of {name} are still to be told apart, after {self._renderings} renderings")

    def _render(self, template: Template, data: dict[str, Any]) -> str:
        self._renderings += 1
        handle, name = tempfile.mkstemp(dir=self._folder, suffix=".json")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            # JSON is YAML, whatever its texts look like
            json.dump(data, stream, default=str)
        return replace(template, values=[Path(name)], schema=False).render()


def _turnings(data: dict[str, Any], left: Collection[DeepPath]) -> Iterator[dict[DeepPath, object]]:
    """Yield truth values turned over: those that are read, and all others at once.

    Many are turned over in groups, and not one at a time: of each two one is turned over without the other somewhere.
    """
    undecided = set(left)
    switches: list[tuple[DeepPath, object]] = [
        (path, not state) for path, state in leaves(data) if isinstance(state, bool)
    ]
    read = [switch for switch in switches if switch[0] not in undecided]
    if len(read) <= _FEW:
        yield from ({path: state} for path, state in read)
    else:
        for bit in range((len(read) - 1).bit_length()):
            for wanted in (0, 1):
                yield {path: state for index, (path, state) in enumerate(read) if index >> bit & 1 == wanted}
    if others := {path: state for path, state in switches if path in undecided}:
        yield others


def _trials(data: dict[str, Any], group: Sequence[DeepPath], *, pairs: bool) -> Iterator[dict[str, Any]]:
    """Yield the data with all of a group changed, then taken out.

    Every changed value is like no other one. Of truth values there are only two, and two that are turned over at once
    may still be the same: of each two, one is turned over without the other in a trial of its own.
    """
    changes = {path: other_than(_at(data, path), number)[0] for number, path in enumerate(group)}
    yield _changed(data, changes)
    yield _changed(data, dict.fromkeys(sorted(group, key=_backwards), MISSING))
    switches = [path for path in group if isinstance(changes[path], bool)]
    for bit in range((len(switches) - 1).bit_length() if pairs and switches else 0):
        yield _changed(data, {path: changes[path] for index, path in enumerate(switches) if index >> bit & 1})


def _backwards(path: DeepPath) -> list[tuple[int, str]]:
    """Order paths so that a list's last items come first: those before them stay where they are."""
    return [(-step, "") if isinstance(step, int) else (0, step) for step in path]


def _single(group: list[T]) -> list[list[T]]:
    return [[item] for item in group]


def _halves(group: list[T]) -> list[list[T]]:
    middle = len(group) // 2
    return [group[:middle], group[middle:]]


def _merge_files(values: Values, cluster: str) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in values.files(cluster):
        merged = merge_values(merged, layer.data, keep_null=True)
    return merged


def _at(data: object, path: DeepPath) -> object:
    for step in path:
        if isinstance(data, dict):
            data = data.get(step)
        elif isinstance(data, list) and isinstance(step, int) and step < len(data):
            data = data[step]
        else:
            return None
    return data


def _put(data: dict[str, Any], path: DeepPath, value: object) -> None:
    """Put a value in the place of the one at a path; :data:`MISSING` takes it out."""
    parent: Any = _at(data, path[:-1])
    if value is not MISSING:
        parent[path[-1]] = value
    elif parent is not None:  # what it is in may be gone already: a leaf in one environment is a mapping in another
        del parent[path[-1]]


def _changed(data: dict[str, Any], changes: Changes) -> dict[str, Any]:
    result = copy.deepcopy(data)
    for path, value in changes.items():
        _put(result, path, value)
    return result
