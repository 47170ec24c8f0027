"""Takes out what is redundant and moves to the file below what is common, where no rendered object changes by it.

Every step is tried on copies: each cluster's objects are rendered before and after and compared to the byte. A step
after which one of them differs, or whose files would not mean what they should, is left for a person, with the reason.
Nothing in the working tree is touched until all steps are decided.
"""

import os
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bootstrap.delivery.manifests import same
from bootstrap.delivery.overlay.edit import lines_of, put_in, take_out
from bootstrap.delivery.overlay.findings import Finding, Rule, common, redundant
from bootstrap.delivery.overlay.paths import lookup, with_value, without
from bootstrap.delivery.overlay.rules import Rules
from bootstrap.delivery.overlay.unread import SECONDS_BETWEEN
from bootstrap.delivery.overlay.values import Layer, Values
from bootstrap.errors import GitOpsError, HelmError


@dataclass(frozen=True, kw_only=True)
class Step:
    """One finding, and what came of it."""

    finding: Finding
    done: bool
    why_not: str = ""


def fix(values: Values, rules: Rules, say: Callable[[str], None] = lambda _: None) -> tuple[Values, list[Step]]:
    """Return the values as they should be, and every step; writes nothing.

    Args:
        values: an application's.
        rules: what holds for it.
        say: is called with how far it is, now and then.

    Raises:
        HelmError: the chart does not render with the values as they are.
    """
    steps: list[Step] = []
    before = {name: _render(values, name) for name in values.clusters}
    said = time.monotonic()
    while True:
        tried = {(step.finding.rule, step.finding.environments, step.finding.path) for step in steps}
        pending = [
            finding
            # in this order: what an environment repeats of today's base may be what it needs over tomorrow's
            for finding in [*common(values, rules), *redundant(values, rules)]
            if finding.fixable and (finding.rule, finding.environments, finding.path) not in tried
        ]
        if not pending:
            return values, steps
        if time.monotonic() - said > SECONDS_BETWEEN:
            said = time.monotonic()
            say(f"{len(steps)} values are tried, {len(pending)} are left")
        finding = pending[0]
        try:
            changed = _apply(values, finding)
            for name in values.clusters:
                if _render(changed, name) != before[name]:
                    raise GitOpsError(f"{name} would not render the same")
        except (GitOpsError, HelmError) as error:
            steps.append(Step(finding=finding, done=False, why_not=str(error)))
        else:
            values = changed
            steps.append(Step(finding=finding, done=True))


def write(before: Values, after: Values) -> list[Layer]:
    """Write the files that differ, each in one go once all of them are there, and return them."""
    # parents first: until an environment's file says nothing of a value, it says what it said
    changed = [after.layer(name) for name in (None, *after.layers) if after.layer(name).text != before.layer(name).text]
    beside: list[Path] = []
    try:
        for layer in changed:
            handle, name = tempfile.mkstemp(dir=layer.path.parent, prefix=f".{layer.path.name}.")
            beside.append(Path(name))
            with os.fdopen(handle, "wb") as stream:
                stream.write(layer.text.encode("utf-8"))
            beside[-1].chmod(layer.path.stat().st_mode)
        for layer, file in zip(changed, beside, strict=True):
            file.replace(layer.path)
    finally:
        for file in beside:
            file.unlink(missing_ok=True)
    return changed


def _apply(values: Values, finding: Finding) -> Values:
    path = finding.path
    changed: dict[str | None, Layer] = {}
    if finding.rule is Rule.COMMON:
        source = values.layers[finding.environments[0]]
        parent = values.parent(finding.environments[0])
        target = values.layer(parent)
        changed[parent] = _checked(
            target.changed(put_in(target.text, path, lines_of(source.text, path))),
            with_value(target.data, path, lookup(source.data, path)),
        )
    for name in finding.environments:
        layer = values.layers[name]
        changed[name] = _checked(layer.changed(take_out(layer.text, path)), without(layer.data, path))
    return values.with_layers(changed)


def _checked(layer: Layer, expected: object) -> Layer:
    if not same(layer.data, expected):
        raise GitOpsError(f"{layer.shown}: the lines cannot be told apart; do it by hand")
    return layer


def _render(values: Values, cluster: str) -> str:
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-overlay-") as folder:
        files = _written(Path(folder), values.files(cluster))
        return replace(values.templates[cluster], values=files).render()


def _written(folder: Path, layers: Iterable[Layer]) -> Sequence[Path]:
    files = []
    for layer in layers:
        file = folder / layer.path.name
        file.write_bytes(layer.text.encode("utf-8"))
        files.append(file)
    return files
