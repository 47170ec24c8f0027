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
    """Say in every environment what belongs in the base."""
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
    """Whose files it is in; none for the base."""
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
    """Yield what an environment's file repeats of the base or of the chart's defaults."""
    below = values.below()
    for environment, layer in values.environments.items():
        for path, value in leaves(layer.data):
            there = lookup(below, path)
            if rules.stays(path) or not (same(value, there) if there is not MISSING else value is None):
                continue
            where = "the base" if lookup(values.base.data, path) is not MISSING else "the chart's default"
            yield Finding(
                rule=Rule.REDUNDANT,
                app=values.app,
                environments=(environment,),
                path=path,
                files=(layer.shown,),
                message=f"repeats {where}: {shown(value)}",
                fixable=True,
            )


def common(values: Values, rules: Rules) -> Iterator[Finding]:
    """Yield what all environments set alike: all that there are, or at least those that follow one another.

    With dev, prod and local, what dev and prod set alike belongs in the base, whatever a local cluster needs.
    """
    below = values.below()
    groups: list[tuple[str, ...]] = [pair for pair in rules.follows.items() if set(pair) <= set(values.environments)]
    if not groups and len(values.environments) > 1:
        groups = [tuple(values.environments)]
    found: dict[KeyPath, tuple[str, ...]] = {}
    for group in groups:
        first = values.environments[group[0]].data
        for path, value in leaves(first):
            others = [lookup(values.environments[name].data, path) for name in group]
            if all(other is not MISSING and same(value, other) for other in others):
                found.setdefault(path, group)
    for path, group in found.items():
        value = lookup(values.environments[group[0]].data, path)
        there = lookup(below, path)
        if rules.stays(path) or (there is not MISSING and same(value, there)) or value is None:
            continue
        alike = tuple(
            name
            for name, layer in values.environments.items()
            if (other := lookup(layer.data, path)) is not MISSING and same(value, other)
        )
        unset = [name for name, layer in values.environments.items() if lookup(layer.data, path) is MISSING]
        yield Finding(
            rule=Rule.COMMON,
            app=values.app,
            environments=alike,
            path=path,
            files=tuple(values.environments[name].shown for name in alike),
            message=f"{' and '.join(alike)} set {shown(value)}: belongs in {values.base.shown}"
            + (f" ({', '.join(unset)} would get it too)" if unset else ""),
            fixable=not unset,
        )


def unexpected(values: Values, rules: Rules) -> Iterator[Finding]:
    """Yield what differs between environments outside the paths that are meant to."""
    effective = {name: values.effective(name) for name in values.environments}
    paths = dict.fromkeys(path for layer in values.environments.values() for path, _ in leaves(layer.data))
    for path in paths:
        seen = {name: lookup(data, path) for name, data in effective.items()}
        first = next(iter(seen.values()))
        if rules.may_differ(path) or all(_alike(first, other) for other in seen.values()):
            continue
        setting = tuple(name for name, layer in values.environments.items() if lookup(layer.data, path) is not MISSING)
        yield Finding(
            rule=Rule.UNEXPECTED,
            app=values.app,
            environments=setting,
            path=path,
            files=tuple(values.environments[name].shown for name in setting),
            message="differs: " + ", ".join(f"{name} {shown(value)}" for name, value in seen.items()),
        )


def shown(value: object) -> str:
    """Spell a value on one short line."""
    text = repr(value) if value is MISSING else json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else text[:57] + "..."


def _alike(one: object, other: object) -> bool:
    return one is other if MISSING in (one, other) else same(one, other)
