"""Renders evidence as text, Markdown for auditors, and JSON."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bootstrap.markdown import code, html
from bootstrap.platform.evidence.answers import Answer, Evidence, Shown, Status

_MARKS = {Status.MET: "[green]✓[/]", Status.EXCEPTION: "[dim]-[/]", Status.UNMET: "[bold red]✗[/]"}


def to_json(found: Evidence, answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the JSON form of some of the controls, which is stable: keys are added, and never renamed or removed."""
    return {
        "version": 1,
        "stack": found.stack,
        "date": found.today.isoformat(),
        "benchmarks": [
            {"id": each.id, "name": each.name, "version": each.version, "source": each.source}
            for each in found.benchmarks
        ],
        "controls": [
            {
                "id": each.id,
                "title": each.control.title,
                "status": each.status.value,
                "responsibility": each.control.responsibility,
                "planned": [
                    {
                        "resource": one.resource or None,
                        "path": one.path or None,
                        "value": one.value,
                        "rule": one.rule,
                        "holds": one.holds,
                    }
                    for one in each.shown
                ],
                "live": {"value": each.live.value, "holds": each.live.holds, "note": each.live.note or None},
                "test": each.control.test,
                "exceptions": [
                    {
                        "check": one.check,
                        "reason": one.reason,
                        "owner": one.owner,
                        "until": one.until.isoformat(),
                        "stands": one.stands(found.today),
                    }
                    for one in each.exceptions
                ],
            }
            for each in answers
        ],
    }


def to_markdown(found: Evidence, answers: Sequence[Answer]) -> str:
    """Return the document that an auditor reads, with some of the controls."""
    lines = [f"# Evidence for stack {html(found.stack)}", "", f"As of {found.today}. {_counted(found)}", ""]
    for benchmark in found.benchmarks:
        ours = [each for each in answers if each.benchmark is benchmark]
        if not ours:
            continue
        lines += [f"## {benchmark.name}, version {benchmark.version}", "", f"Controls: <{benchmark.source}>", ""]
        lines += ["| control | status | evidence | live | test |", "|---|---|---|---|---|"]
        for each in ours:
            test = code(each.control.test) if each.control.test else ""
            cells = [f"{each.control.id} {html(each.control.title)}{_by(each)}", each.status.value]
            cells += ["<br>".join(_lines(each, found, html, code)), html(_live(each)), test]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def print_evidence(found: Evidence, answers: Sequence[Answer], console: Console) -> None:
    """Print some of the controls, each benchmark as a table."""
    for benchmark in found.benchmarks:
        ours = [each for each in answers if each.benchmark is benchmark]
        if not ours:
            continue
        console.print(f"[bold]{escape(benchmark.name)}[/], version {benchmark.version}")
        table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
        table.add_column(width=1)
        table.add_column(no_wrap=True)
        table.add_column(overflow="fold")
        for each in ours:
            lines = [f"{escape(each.control.title)}{_by(each)}"]
            lines += [f"[dim]{escape(line)}[/]" for line in _lines(each, found)]
            if each.live.note != "not asked":
                lines.append(f"[dim]live: {escape(_live(each))}[/]")
            table.add_row(_MARKS[each.status], each.control.id, "\n".join(lines))
        console.print(table)
        console.print()
    console.print(f"{found.stack}: {_counted(found)}")


def _counted(found: Evidence) -> str:
    count = {status: sum(each.status is status for each in found.answers) for status in Status}
    met, excepted, unmet = count[Status.MET], count[Status.EXCEPTION], count[Status.UNMET]
    return f"{len(found.answers)} controls: {met} met, {excepted} with an exception, {unmet} unmet."


def _by(answer: Answer) -> str:
    return " (by AKS)" if answer.control.responsibility == "azure" else ""


def _lines(
    answer: Answer, found: Evidence, text: Callable[[str], str] = str, code: Callable[[str], str] = str
) -> Iterable[str]:
    """Yield what the plan has, values that several resources share once, and the exceptions.

    Args:
        answer: of a control.
        found: whose day exceptions are held to.
        text: writes text of somebody else.
        code: writes what is a path and its value.
    """
    groups: dict[tuple[str, str, str | None, bool], list[Shown]] = {}
    for one in answer.shown:
        groups.setdefault((one.path, _text(one.value), one.rule, one.holds), []).append(one)
    for (path, value, rule, holds), members in groups.items():
        names = ", ".join(each.resource for each in members if each.resource)
        place = f"{text(names)}: {code(f'{path} = {value}')}" if names else text(value)
        kept = text(f" (rule {rule})") if rule else ""
        yield f"{place}{kept}{'' if holds else ', which is not as it has to be'}"
    for entry in answer.exceptions:
        late = "" if entry.stands(found.today) else ", which is over"
        yield text(f"exception {entry.check}: {entry.reason} ({entry.owner}, until {entry.until}{late})")
    if answer.status is Status.UNMET and not answer.exceptions:
        yield "nothing answers it: policy/exceptions.yaml has no exception for it"


def _live(answer: Answer) -> str:
    if answer.live.holds is None:
        return answer.live.note
    return f"{_text(answer.live.value)}{'' if answer.live.holds else ', which is not as it has to be'}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)
