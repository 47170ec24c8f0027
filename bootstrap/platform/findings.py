"""What a command finds when it asks: verdicts, each with what was seen and the command that fixes it."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table


class Verdict(StrEnum):
    """What is known of one thing that was asked."""

    FINE = "fine"
    BLOCKED = "blocked"
    """The deployment would fail, or could not be repeated as a rebuild."""
    FAILED = "failed"
    """What is up does not do what it is for."""
    UNKNOWN = "cannot be known"
    """It could not be asked, or nobody answers that."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was asked, and its answer."""

    check: str
    """Which check it is of, such as ``roles``."""
    subject: str
    """What it is about, such as a VM size in a region."""
    verdict: Verdict
    detail: str
    """What was seen."""
    remedy: str = ""
    """The command that fixes it, or that shows what could not be known."""
    warning: bool = False
    """Whether it is fine, and will not be for long."""
    asked: str = ""
    """What was done to see it, where that is not plain from the subject."""
    cause: str = ""
    """Why it is so, most likely."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Answers:
    """Everything that was found of one stack."""

    stack: str
    findings: Sequence[Finding]

    def of(self, verdict: Verdict) -> list[Finding]:
        """Return the findings with a verdict."""
        return [found for found in self.findings if found.verdict is verdict]


def fine(check: str, subject: str, detail: str, *, remedy: str = "", warning: bool = False, cause: str = "") -> Finding:
    """Return the finding that something is as it has to be."""
    return Finding(
        check=check,
        subject=subject,
        verdict=Verdict.FINE,
        detail=detail,
        remedy=remedy,
        warning=warning,
        cause=cause,
    )


def blocked(check: str, subject: str, detail: str, remedy: str) -> Finding:
    """Return the finding that something stops the deployment, with the command that fixes it."""
    return Finding(check=check, subject=subject, verdict=Verdict.BLOCKED, detail=detail, remedy=remedy)


def failed(check: str, subject: str, detail: str, *, cause: str, remedy: str) -> Finding:
    """Return the finding that something does not work, with its likely cause and the command that fixes it."""
    return Finding(check=check, subject=subject, verdict=Verdict.FAILED, detail=detail, cause=cause, remedy=remedy)


def unknown(check: str, subject: str, detail: str, remedy: str = "") -> Finding:
    """Return the finding that something cannot be known, with the command that would show it, where there is one."""
    return Finding(check=check, subject=subject, verdict=Verdict.UNKNOWN, detail=detail, remedy=remedy)


def first_line(error: Exception) -> str:
    """Return the first line of an error's text; its type where it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]


_MARKS = {
    Verdict.FINE: "[green]✓[/]",
    Verdict.BLOCKED: "[bold red]✗[/]",
    Verdict.FAILED: "[bold red]✗[/]",
    Verdict.UNKNOWN: "[yellow]?[/]",
}


def print_findings(findings: Sequence[Finding], console: Console, *, good: Callable[[list[Finding]], str]) -> None:
    """Print findings as a table: passed checks on one line each, the rest in full.

    Args:
        findings: those of one check stand together.
        console: where they are printed.
        good: the text of what is fine in one check.
    """
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for check in dict.fromkeys(each.check for each in findings):
        ours = [each for each in findings if each.check == check]
        plain = [each for each in ours if each.verdict is Verdict.FINE and not each.warning]
        if plain:
            table.add_row(_MARKS[Verdict.FINE], check, escape(good(plain)))
        last_asked = ""
        for each in ours:
            if each not in plain:
                mark = "[yellow]![/]" if each.warning else _MARKS[each.verdict]
                table.add_row(mark, check, _in_full(each, asked=each.asked if each.asked != last_asked else ""))
                last_asked = each.asked
    console.print(table)


def _in_full(found: Finding, *, asked: str) -> str:
    lines = [f"{escape(found.subject)}: {escape(found.detail)}"]
    if asked:
        lines.append(f"[dim]asked:[/] {escape(asked)}")
    if found.cause:
        lines.append(f"[dim]cause:[/] {escape(found.cause)}")
    if found.remedy:
        lines.append(f"[dim]→[/] {escape(found.remedy)}")
    return "\n".join(lines)


def counted(findings: Sequence[Finding]) -> str:
    """Return how many findings have each verdict."""
    counts = {verdict: sum(1 for each in findings if each.verdict is verdict) for verdict in Verdict}
    return ", ".join(f"{count} {verdict}" for verdict, count in counts.items() if count)
