"""Prints a plan in a terminal."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from rich.console import Console, Group, RenderableType
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text
from rich.tree import Tree
from ruamel.yaml import YAML
from ruamel.yaml.compat import StringIO
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from bootstrap.platform.plan.compare import Change, Kind
from bootstrap.platform.plan.graph import Step
from bootstrap.platform.plan.registration import Registration
from bootstrap.platform.plan.view import LIMITS, PlanView, duration
from components.type_tokens import short_type

_STYLE = {Kind.ADDED: "green", Kind.CHANGED: "yellow", Kind.REPLACED: "bold magenta", Kind.REMOVED: "bold red"}
_SIGN = {Kind.ADDED: "+", Kind.CHANGED: "~", Kind.REPLACED: "±", Kind.REMOVED: "-"}


def print_plan(plan: PlanView, console: Console, *, values: bool) -> None:
    """Print a plan.

    Args:
        plan: the plan.
        console: where it is printed.
        values: whether to print each release's final values in full.
    """
    evaluation = plan.evaluation
    custom = sum(registration.custom for registration in evaluation.registrations)
    console.print(Text(f"{evaluation.project}, stack {evaluation.stack}: {custom} resources", style="bold"))
    console.print(_tree(plan))
    console.print()
    total = plan.path[-1].ends if plan.path else 0
    title = f"critical path: {duration(total)} if everything takes its typical time"
    if plan.slow > total:
        title += f", {duration(plan.slow)} if as long as nine of ten do at most"
    console.print(_timeline(title, plan.path, total))
    console.print()
    console.print(_timeline("each part, from its first resource to its last", plan.parts, total))
    console.print()
    for table in _releases(plan, console):
        console.print(table)
    if not values:
        console.print(Text("their final values: --values (make plan VALUES=1)", style="dim"))
    else:
        for chart in plan.charts:
            console.print(Text(f"\nvalues of {chart.namespace}/{chart.release}", style="bold"))
            console.print(Syntax(to_yaml(chart.values), "yaml", background_color="default"))
    if evaluation.outputs:
        console.print()
        console.print(_outputs(evaluation.outputs))
    if plan.against is not None:
        console.print()
        console.print(changes_table(plan))
    console.print(Text(f"\n{LIMITS}", style="dim"))


def changes_table(plan: PlanView) -> RenderableType:
    """Return the changes against the other revision, with a warning about destructive ones."""
    if not plan.changes:
        return Text(f"no change against {plan.against}", style="green")
    table = Table(title=f"changes against {plan.against}", title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    table.add_column("resource", overflow="fold")
    table.add_column("what", overflow="fold")
    for change in plan.changes:
        table.add_row(
            Text(_SIGN[change.kind], style=_STYLE[change.kind]),
            Text(f"{change.name} ({short_type(change.type)})", style=_STYLE[change.kind]),
            _what(change),
        )
    warnings = [f"REFUSED: {change.name}: {change.refused}" for change in plan.changes if change.refused]
    if lost := [change for change in plan.changes if change.destructive]:
        warnings.append(
            f"DESTRUCTIVE: {len(lost)} resource(s) are replaced or removed: "
            + ", ".join(f"{change.name} ({short_type(change.type)})" for change in lost)
        )
    return Group(table, *(Text(warning, style="bold white on red") for warning in warnings))


def to_yaml(value: object) -> str:
    """Return a value as YAML: keys in their original order, multi-line strings as blocks."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    yaml.representer.add_representer(str, _block_text)
    stream = StringIO()
    yaml.dump(value, stream)
    return str(stream.getvalue())


def shown(value: object) -> str:
    """Return a property's value on one line, shortened to 120 characters."""
    text = "(none)" if value is None else value if isinstance(value, str) else json.dumps(value)
    first, *rest = text.splitlines() or [""]
    return first[:117] + "..." if len(first) > 120 or rest else first


def _tree(plan: PlanView) -> Tree:
    changes = {change.urn: change.kind for change in plan.changes}
    root = Tree(f"{plan.evaluation.project}-{plan.evaluation.stack}", guide_style="dim")
    nodes: dict[str | None, Tree] = {}
    for registration in plan.evaluation.registrations:
        parent = nodes.get(registration.parent, root)
        nodes[registration.urn] = parent.add(_line(registration, changes.get(registration.urn)))
    return root


def _line(registration: Registration, kind: Kind | None) -> Text:
    line = Text()
    if kind is not None:
        line.append(f"{_SIGN[kind]} ", style=_STYLE[kind])
    line.append(registration.name, style="bold" if not registration.custom else "")
    line.append(f"  {short_type(registration.type)}", style="cyan")
    marks = [
        *(["protected"] if registration.protect and registration.custom else []),
        *(["retained"] if registration.retain_on_delete and registration.custom else []),
        *(["goes with the cluster"] if registration.deleted_with and registration.custom else []),
        *([f"ignores {', '.join(registration.ignore_changes)}"] if registration.ignore_changes else []),
        *(["self-healing"] if len(registration.hooks) > 2 else []),
    ]
    if marks:
        line.append(f"  {', '.join(marks)}", style="dim")
    return line


def _timeline(title: str, steps: Sequence[Step], total: float) -> Table:
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("begins", justify="right")
    table.add_column("takes", justify="right")
    table.add_column("resource")
    table.add_column("")
    width = 30
    for step in steps:
        left = round(width * step.begins / max(total, 1))
        bar = max(1, round(width * (step.ends - step.begins) / max(total, 1)))
        table.add_row(
            duration(step.begins),
            duration(step.ends - step.begins),
            f"{step.registration.name} [cyan]{short_type(step.registration.type)}[/]",
            " " * left + "█" * bar,
        )
    return table


def _releases(plan: PlanView, console: Console) -> Iterator[Table]:
    """Yield the table of releases; where it is wider than the console, the charts follow in one of their own."""
    charts = [f"{chart.repository} {chart.chart}" if chart.repository else chart.chart for chart in plan.charts]
    rows = [(c.release, c.namespace, c.version, c.chart_by, c.images_by) for c in plan.charts]
    columns = ("release", "namespace", "version", "chart by", "images by")

    def table(title: str, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> Table:
        made = Table(title=title, title_justify="left", box=None, pad_edge=False)
        for column in columns:
            made.add_column(column, overflow="fold")
        for row in rows:
            made.add_row(*row)
        return made

    whole = table(
        "releases, in order",
        (*columns[:2], "chart", *columns[2:]),
        [(*row[:2], chart, *row[2:]) for row, chart in zip(rows, charts, strict=True)],
    )
    if console.measure(whole, options=console.options.update(max_width=1000)).maximum <= console.width:
        yield whole
    else:
        yield table("releases, in order", columns, rows)
        yield table("\ntheir charts", ("release", "chart"), zip((row[0] for row in rows), charts, strict=True))


def _outputs(outputs: dict[str, Any]) -> Table:
    table = Table(title="outputs", title_justify="left", box=None, pad_edge=False, show_header=False)
    table.add_column("name", style="bold")
    table.add_column("value", overflow="fold")
    for name, value in outputs.items():
        table.add_row(name, str(value))
    return table


def _what(change: Change) -> Text:
    if not change.properties:
        return Text(change.kind.value, style=_STYLE[change.kind])
    lines = Text()
    for index, prop in enumerate(change.properties):
        if index:
            lines.append("\n")
        lines.append(f"{prop.path}: {shown(prop.before)} → {shown(prop.after)}")
        if prop.replaces:
            lines.append("  forces replacement", style="bold magenta")
    return lines


def _block_text(representer: RoundTripRepresenter, text: str) -> ScalarNode:
    style = "|" if "\n" in text else None
    node: ScalarNode = representer.represent_scalar("tag:yaml.org,2002:str", text, style=style)
    return node
