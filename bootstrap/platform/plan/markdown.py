"""Formats a plan for a pull request: the changes first, then the graph and the releases, collapsed."""

from bootstrap.markdown import code, fence, html, label
from bootstrap.platform.plan.compare import Change, Kind
from bootstrap.platform.plan.registration import Registration
from bootstrap.platform.plan.text import shown, to_yaml
from bootstrap.platform.plan.view import LIMITS, PlanView, duration
from components.type_tokens import short_type

_SIGN = {Kind.ADDED: "➕", Kind.CHANGED: "✏️", Kind.REPLACED: "🔁", Kind.REMOVED: "❌"}


def to_markdown(plan: PlanView) -> str:
    """Return the plan as Markdown."""
    parts = [f"### Plan of stack {code(plan.evaluation.stack)}", ""]
    if plan.against is not None:
        parts += _changes(plan)
    total = plan.path[-1].ends if plan.path else 0
    parts += [
        f"<details><summary>Order ({duration(total)} on the critical path, "
        f"{duration(plan.slow)} where all is as slow as nine of ten)</summary>",
        "",
        "```mermaid",
        *mermaid(plan),
        "```",
        "",
        "</details>",
        "",
        "<details><summary>Releases and their values</summary>",
        "",
        "| release | namespace | chart | version | chart by | images by |",
        "|---|---|---|---|---|---|",
        *(
            f"| {html(c.release)} | {html(c.namespace)} | {code(c.chart)} | {html(c.version)} | {c.chart_by} "
            f"| {c.images_by} |"
            for c in plan.charts
        ),
        "",
    ]
    for chart in plan.charts:
        parts += [
            code(f"{chart.namespace}/{chart.release}"),
            "",
            *fence(to_yaml(chart.values).rstrip().split("\n"), "yaml"),
            "",
        ]
    parts += ["</details>", "", f"<sub>{LIMITS}</sub>", ""]
    return "\n".join(parts)


def mermaid(plan: PlanView) -> list[str]:
    """Return a Mermaid graph of the top-level components, with an arrow from each to those that depend on it."""
    evaluation = plan.evaluation
    index = evaluation.by_urn()

    def top(registration: Registration) -> Registration:
        while registration.parent in index:
            registration = index[registration.parent]
        return registration

    tops = [r for r in evaluation.registrations if top(r) is r and not r.type.startswith("pulumi:providers:")]
    ids = {registration.urn: f"n{position}" for position, registration in enumerate(tops)}
    edges: dict[tuple[str, str], None] = {}
    for registration in evaluation.registrations:
        to = top(registration).urn
        for dependency in registration.dependencies:
            if dependency in index:
                source = top(index[dependency]).urn
                if source != to and source in ids and to in ids:
                    edges[ids[source], ids[to]] = None
    changed = {top(index[change.urn]).urn for change in plan.changes if change.urn in index}
    lines = ["graph LR"]
    lines += [f'  {ids[r.urn]}["{label(r.name)}"]' for r in tops]
    lines += [f"  {source} --> {to}" for source, to in edges]
    lines += [f"  style {ids[urn]} stroke-width:4px" for urn in ids if urn in changed]
    return lines


def _changes(plan: PlanView) -> list[str]:
    if not plan.changes:
        return [f"No change against {code(plan.against)}.", ""]
    lost = [change for change in plan.changes if change.destructive]
    lines: list[str] = []
    for change in plan.changes:
        if change.refused:
            lines += ["> [!CAUTION]", f"> **Refused:** {code(change.name)}: {html(change.refused)}", ""]
    if lost:
        lines += [
            "> [!CAUTION]",
            f"> **Destructive:** {len(lost)} resource(s) are replaced or removed: "
            + ", ".join(f"{code(change.name)} ({short_type(change.type)})" for change in lost),
            "",
        ]
    lines += ["| | resource | what |", "|---|---|---|"]
    lines += [_row(change) for change in plan.changes]
    return [*lines, ""]


def _row(change: Change) -> str:
    what = "<br>".join(
        f"{code(prop.path)}: {code(shown(prop.before))} → {code(shown(prop.after))}"
        + (" **forces replacement**" if prop.replaces else "")
        for prop in change.properties
    )
    return f"| {_SIGN[change.kind]} | {code(change.name)} ({short_type(change.type)}) | {what or change.kind.value} |"
