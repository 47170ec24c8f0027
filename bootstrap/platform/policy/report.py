"""A stack's plan, held to the rules: what is violated, what stands as an exception, and how it is printed."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bootstrap.errors import BootstrapError
from bootstrap.platform.plan.registration import Evaluation
from bootstrap.platform.policy.plan import stack_of
from policy.checked import PolicyFileError
from policy.exceptions import ExceptionEntry, read_exceptions
from policy.finding import PolicyFinding, findings
from policy.resource import Stack
from policy.rule import Rule
from policy.rules import every_rule


class RulesError(BootstrapError):
    """What the rules allow, or the list of exceptions, cannot be read; the text names every place."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the rules have to say about a stack on a day."""

    stack: str
    rules: Sequence[Rule]
    findings: Sequence[PolicyFinding]
    today: dt.date

    @property
    def violated(self) -> list[PolicyFinding]:
        """Findings that are no exception, or one whose time is up."""
        return [each for each in self.findings if not each.explained(self.today)]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return {
            "version": 1,
            "stack": self.stack,
            "rules": [{"name": each.name, "title": each.title, "source": each.source} for each in self.rules],
            "findings": [
                {
                    "rule": each.rule.name,
                    "type": each.resource.type,
                    "resource": each.resource.name,
                    "message": each.message,
                    "explained": each.explained(self.today),
                    "reason": each.exception.reason if each.exception else None,
                    "owner": each.exception.owner if each.exception else None,
                    "until": each.exception.until.isoformat() if each.exception else None,
                }
                for each in self.findings
            ],
        }


def exceptions() -> list[ExceptionEntry]:
    """Return the exceptions of ``policy/exceptions.yaml``.

    Raises:
        RulesError: an entry is not what it has to be.
    """
    try:
        return read_exceptions()
    except PolicyFileError as error:
        raise RulesError(str(error)) from None


def judged(stack: Stack, rules: Sequence[Rule], entries: Sequence[ExceptionEntry]) -> list[PolicyFinding]:
    """Return what violates rules, each with the exception that it is, if any.

    Raises:
        RulesError: ``policy/allowed.yaml`` is not what it has to be.
    """
    try:
        return list(findings(stack, rules, entries))
    except PolicyFileError as error:
        raise RulesError(str(error)) from None


def report(evaluation: Evaluation, today: dt.date | None = None) -> Report:
    """Hold a plan to every rule.

    Args:
        evaluation: what the program registered.
        today: the date that exceptions are held to; today's where it is left out.

    Raises:
        RulesError: a file of rules cannot be read.
    """
    stack, rules = stack_of(evaluation), every_rule()
    return Report(
        stack=stack.name,
        rules=rules,
        findings=judged(stack, rules, exceptions()),
        today=today or dt.datetime.now(dt.UTC).date(),
    )


def print_report(found: Report, console: Console) -> None:
    """Print findings, violations last."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(width=1)
    table.add_column(overflow="fold")
    groups: dict[tuple[bool, str], list[PolicyFinding]] = {}
    for each in found.findings:
        groups.setdefault((not each.explained(found.today), each.rule.name), []).append(each)
    for (wrong, name), ours in sorted(groups.items()):
        exception = ours[0].exception
        if not wrong and exception:
            names = ", ".join(dict.fromkeys(each.resource.name for each in ours))
            why = f"{escape(exception.reason)} ({escape(exception.owner)}, until {exception.until})"
            table.add_row("[dim]-[/]", f"{name}: {escape(names)}\n[dim]{why}[/]")
            continue
        late = f"\nan exception until {exception.until}" if exception else ""
        lines = "\n".join(f"{escape(each.resource.name)}: {escape(each.message)}" for each in ours)
        table.add_row("[bold red]✗[/]", f"[bold]{name}[/]: {escape(ours[0].rule.title)}\n{lines}{late}")
    console.print(table)
    excepted = len({each.rule.name for each in found.findings} - {each.rule.name for each in found.violated})
    kept = len(found.rules) - len({each.rule.name for each in found.findings})
    broken = len({each.rule.name for each in found.violated})
    counted = f"{kept} kept, {excepted} with an exception, {broken} violated"
    console.print(f"\n{found.stack}: {len(found.rules)} rules: {counted}")
