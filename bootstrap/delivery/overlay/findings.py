"""What is wrong with an application's values, told from the files alone."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bootstrap.delivery.manifests import same
from bootstrap.delivery.overlay.paths import MISSING, KeyPath, leaves, lookup, spell
from bootstrap.delivery.overlay.rules import Rules
from bootstrap.delivery.overlay.values import Values


class Rule(StrEnum):
    """What a values file must not do."""

    REDUNDANT = "redundant"
    """Repeat what it is laid over."""
    COMMON = "common"
    """Say in every environment what belongs in the base, or in all of a class what belongs in the class's file."""
    UNREAD = "unread"
    """Set what no template reads."""
    UNEXPECTED = "unexpected"
    """Differ where environments are not meant to differ."""
    NEVER_RAN = "never-ran"
    """Run an image that never ran in the environment before it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One place that breaks a rule."""

    rule: Rule
    app: str
    environments: tuple[str, ...]
    """Whose files it is in, each by the name of its class, environment or region; none for the base."""
    path: KeyPath
    files: tuple[str, ...]
    message: str
    fixable: bool = False
    """Whether ``--fix`` tries; it does only what leaves every environment's objects as they are."""

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read."""
        return {
            "rule": self.rule.value,
            "app": self.app,
            "environments": list(self.environments),
            "path": spell(self.path),
            "files": list(self.files),
            "message": self.message,
            "fixable": self.fixable,
        }


def redundant(values: Values, rules: Rules) -> Iterator[Finding]:
    """Yield what a file repeats of those that it is laid over, or of the chart's defaults."""
    for name, layer in values.layers.items():
        parent = values.parent(name)
        below = values.down_to(parent)
        for path, value in leaves(layer.data):
            there = lookup(below, path)
            if rules.stays(path) or not (same(value, there) if there is not MISSING else value is None):
                continue
            yield Finding(
                rule=Rule.REDUNDANT,
                app=values.app,
                environments=(name,),
                path=path,
                files=(layer.shown,),
                message=f"repeats {_origin(values, parent, path)}: {shown(value)}",
                fixable=True,
            )


def _origin(values: Values, layer: str | None, path: KeyPath) -> str:
    while lookup(values.layer(layer).data, path) is MISSING:
        if layer is None:
            return "the chart's default"
        layer = values.parent(layer)
    return "the base" if layer is None else values.layer(layer).shown


def common(values: Values, rules: Rules) -> Iterator[Finding]:
    """Yield what all files that lie on one set alike: all that there are, or at least those that follow one another.

    With dev, prod and local, what dev and prod set alike belongs in the base, whatever a local cluster needs.
    """
    for parent in (None, *values.layers):
        yield from _common_of(values, rules, parent)


def _common_of(values: Values, rules: Rules, parent: str | None) -> Iterator[Finding]:
    below = values.down_to(parent)
    children = {name: values.layers[name] for name in values.children(parent)}
    groups: list[tuple[str, ...]] = [pair for pair in rules.follows.items() if set(pair) <= set(children)]
    if not groups and len(children) > 1:
        groups = [tuple(children)]
    found: dict[KeyPath, tuple[str, ...]] = {}
    for group in groups:
        for path, value in leaves(children[group[0]].data):
            others = [lookup(children[name].data, path) for name in group]
            if all(other is not MISSING and same(value, other) for other in others):
                found.setdefault(path, group)
    for path, group in found.items():
        value = lookup(children[group[0]].data, path)
        there = lookup(below, path)
        if rules.stays(path) or (there is not MISSING and same(value, there)) or value is None:
            continue
        alike = tuple(
            name
            for name, layer in children.items()
            if (other := lookup(layer.data, path)) is not MISSING and same(value, other)
        )
        unset = [name for name, layer in children.items() if lookup(layer.data, path) is MISSING]
        yield Finding(
            rule=Rule.COMMON,
            app=values.app,
            environments=alike,
            path=path,
            files=tuple(children[name].shown for name in alike),
            message=f"{' and '.join(alike)} set {shown(value)}: belongs in {values.layer(parent).shown}"
            + (f" ({', '.join(unset)} would get it too)" if unset else ""),
            fixable=not unset,
        )


def unexpected(values: Values, rules: Rules) -> Iterator[Finding]:
    """Yield what differs between clusters outside the paths that are meant to."""
    effective = {name: values.effective(name) for name in values.clusters}
    paths = dict.fromkeys(path for layer in values.layers.values() for path, _ in leaves(layer.data))
    for path in paths:
        seen = {name: lookup(data, path) for name, data in effective.items()}
        first = next(iter(seen.values()))
        if rules.may_differ(path) or all(_alike(first, other) for other in seen.values()):
            continue
        setting = tuple(name for name, layer in values.layers.items() if lookup(layer.data, path) is not MISSING)
        yield Finding(
            rule=Rule.UNEXPECTED,
            app=values.app,
            environments=setting,
            path=path,
            files=tuple(values.layers[name].shown for name in setting),
            message="differs: " + ", ".join(f"{name} {shown(value)}" for name, value in seen.items()),
        )


def shown(value: object) -> str:
    """Spell a value on one short line."""
    text = repr(value) if value is MISSING else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _alike(one: object, other: object) -> bool:
    return one is other if MISSING in (one, other) else same(one, other)
