"""Gantt charts of a run: how long each step took, and what ran in parallel."""

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from components.type_tokens import short_type
from rehearsal.events import Span

_WIDTH = 60
_COMPONENTS = ("aks-bootstrap:", "pulumi:")


def shown(spans: Sequence[Span]) -> list[Span]:
    """Return the spans that a timeline shows: completed operations on real resources, in the order they began."""
    real = [span for span in spans if not span.type.startswith(_COMPONENTS) and span.ends is not None]
    return sorted(real, key=lambda span: (span.begins, span.ends or 0))


def makespan(spans: Sequence[Span]) -> float:
    """Return the seconds from the first operation's beginning to the last one's end."""
    real = shown(spans)
    return max((span.ends or 0 for span in real), default=0) - min((span.begins for span in real), default=0)


def chart(spans: Sequence[Span], *, at_least: float = 0.3) -> RenderableType:
    """Return a Gantt chart for a terminal; steps shorter than ``at_least`` seconds are only counted."""

    real = shown(spans)
    long = [span for span in real if (span.ends or 0) - span.begins >= at_least]
    start, total = min((span.begins for span in real), default=0), max(makespan(spans), 0.001)
    table = Table(box=None, pad_edge=False, title=f"{len(real)} steps in {total:.1f} s", title_justify="left")
    table.add_column("begins", justify="right")
    table.add_column("takes", justify="right")
    table.add_column("step")
    table.add_column("")
    for span in long:
        took = (span.ends or 0) - span.begins
        left, bar = round(_WIDTH * (span.begins - start) / total), max(1, round(_WIDTH * took / total))
        style = "red" if span.failed or span.operation == "delete" else "green"
        table.add_row(
            f"{span.begins - start:.1f}s",
            f"{took:.1f}s",
            f"{span.operation} {span.name} [cyan]{short_type(span.type)}[/]",
            Text(" " * left + "█" * bar, style=style),
        )
    return Group(table, Text(f"and {len(real) - len(long)} steps of less than {at_least} s", style="dim"))


def mermaid(spans: Sequence[Span]) -> str:
    """Return a Mermaid Gantt diagram; https://mermaid.js.org/syntax/gantt.html."""
    real = shown(spans)
    start = min((span.begins for span in real), default=0)
    lines = ["gantt", "  dateFormat x", "  axisFormat %M:%S"]
    section = ""
    for span in real:
        if short_type(span.type).split(":")[0] != section:
            section = short_type(span.type).split(":")[0]
            lines.append(f"  section {section}")
        begins, ends = round((span.begins - start) * 1000), round(((span.ends or 0) - start) * 1000)
        mark = "crit, " if span.failed or span.operation == "delete" else ""
        lines.append(f"  {span.operation} {span.name} :{mark}{begins}, {max(ends, begins + 1)}")
    return "\n".join(lines)
