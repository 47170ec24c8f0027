"""Shows what was rendered, what changes and what the cluster has otherwise: for people, pull requests and programs."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from bootstrap.delivery.render.compare import Change, Kind, identity
from bootstrap.delivery.render.live import Drift, State
from bootstrap.delivery.render.render import Rendered
from bootstrap.markdown import code, details, fence

_SIGN = {Kind.ADDED: "+", Kind.CHANGED: "~", Kind.REMOVED: "-"}
_COLOUR = {Kind.ADDED: "green", Kind.CHANGED: "yellow", Kind.REMOVED: "red"}
COMMENT_LIMIT = 60_000
"""GitHub refuses comments over 65,536 characters."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What a run of ``bootstrap render`` found."""

    rendered: Sequence[Rendered]
    against: str | None = None
    changes: Sequence[Change] = ()
    server: str | None = None
    """The API server that was compared with."""
    drift: Sequence[Drift] = ()

    @property
    def exit_status(self) -> int:
        """How the command ends."""
        return 2 if self.changes or self.drift else 0

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read; keys are only ever added."""
        return {
            "version": 1,
            "applications": [
                {
                    "app": part.app,
                    "environment": part.environment,
                    "namespace": part.namespace,
                    "objects": [item.shown() for item in part.objects],
                    "order": [
                        {
                            **identity(item),
                            "steps": [{"phase": step.phase.value, "wave": step.wave} for step in item.steps],
                        }
                        for item in part.objects
                    ],
                }
                for part in self.rendered
            ],
            "against": self.against,
            "changes": [change.to_json() for change in self.changes],
            "server": self.server,
            "drift": [drift.to_json() for drift in self.drift],
            "exitStatus": self.exit_status,
        }


def print_view(view: View, console: Console) -> None:
    """Print for people; objects alone as YAML that ``kubectl`` takes."""
    if view.against is None and view.server is None:
        if not view.rendered:
            console.out("# nothing is rendered: no stack file has an environment", highlight=False)
        for part in view.rendered:
            if not part.objects:
                console.out(f"# nothing is rendered: {part.label} has no object", highlight=False)
            for item in part.objects:
                console.out(f"---\n# {part.label}, {item.when}\n{item.text()}", end="", highlight=False)
        return
    if view.against is not None:
        if not view.changes:
            console.print(f"no change against {view.against}", highlight=False)
        for change in view.changes:
            console.print(Text(_title(change), style=f"bold {_COLOUR[change.kind]}"))
            console.print(Syntax("\n".join(change.diff), "diff", background_color="default", word_wrap=True))
    if view.server is not None:
        if not view.drift:
            count = sum(not item.is_hook for part in view.rendered for item in part.objects)
            console.print(f"{view.server} has all {count} objects as rendered", highlight=False)
        for drift in view.drift:
            console.print(
                Text(_drift_title(drift), style="bold " + ("red" if drift.state is State.MISSING else "yellow"))
            )
            for field in drift.fields:
                console.print(
                    Text(f"    {field.path}: rendered {_value(field.rendered)}, live {_value(field.live)}"),
                    soft_wrap=True,
                )


def to_markdown(view: View) -> str:
    """Return what a pull request's comment says: a table first, then each object's lines."""
    lines = ["### What changes in the clusters" if view.against else "### Rendered", ""]
    if view.against is not None and not view.changes:
        lines += [f"Nothing: every object renders as at {code(view.against)}.", ""]
    elif view.changes:
        lines += [*_table(view.changes), ""]
        lines += [f"<sub>Compared with {code(view.against)}; `+` added, `~` changed, `-` removed.</sub>", ""]
        room = COMMENT_LIMIT - len("\n".join(lines))
        for number, change in enumerate(view.changes):
            block = details(_title(change), fence(change.diff, "diff"))
            room -= len("\n".join(block)) + 1
            if room < 0:
                command = code(f"bootstrap render --all --against {view.against}")
                lines += [f"… and {len(view.changes) - number} more: {command}", ""]
                break
            lines += block
    if view.server is not None:
        lines += [f"### In the cluster: {len(view.drift)} of the objects differ", ""]
        for drift in view.drift:
            shown = [f"{f.path}: rendered {_value(f.rendered)}, live {_value(f.live)}" for f in drift.fields]
            lines += details(_drift_title(drift), fence(shown))
    if view.against is None and view.server is None:
        for part in view.rendered:
            text = "\n---\n".join(f"# {item.when}\n{item.text().rstrip()}" for item in part.objects)
            lines += details(f"{part.label}: {len(part.objects)} objects", fence(text.splitlines(), "yaml"))
    return "\n".join(lines)


def _table(changes: Sequence[Change]) -> list[str]:
    lines = ["| application | environment | objects |", "|---|---|---|"]
    pairs = dict.fromkeys((change.app, change.environment) for change in changes)
    for app, environment in pairs:
        marks = [
            f"{_SIGN[change.kind]} {change.object.label}"
            for change in changes
            if (change.app, change.environment) == (app, environment)
        ]
        shown = "<br>".join(code(mark) for mark in marks[:10]) + (
            f"<br>and {len(marks) - 10} more" if marks[10:] else ""
        )
        lines.append(f"| {code(app)} | {code(environment)} | {shown} |")
    return lines


def _title(change: Change) -> str:
    item = change.object
    hook = f" ({item.when})" if item.is_hook else ""
    return f"{_SIGN[change.kind]} {change.app} in {change.environment}: {item.label}{hook} {change.kind.value}"


def _drift_title(drift: Drift) -> str:
    return f"{drift.app} in {drift.environment}: {drift.object.label} {drift.state.value}"


def _value(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 120 else text[:117] + "..."
