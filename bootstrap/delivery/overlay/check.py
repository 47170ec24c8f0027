"""Gathers everything that is wrong with the values of all applications, and mends what can be mended."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bootstrap.delivery.gitops import applications
from bootstrap.delivery.overlay.findings import Finding, common, redundant, unexpected
from bootstrap.delivery.overlay.fix import Step, fix, write
from bootstrap.delivery.overlay.history import never_ran
from bootstrap.delivery.overlay.paths import spell
from bootstrap.delivery.overlay.rules import read_rules
from bootstrap.delivery.overlay.unread import unread
from bootstrap.delivery.overlay.values import read_values


@dataclass(frozen=True, kw_only=True)
class Report:
    """What a run of ``bootstrap overlay`` found and did."""

    apps: Sequence[str]
    findings: Sequence[Finding]
    """What is wrong; after a fix, what is left."""
    steps: Sequence[Step] = ()
    """What a fix tried."""
    written: Sequence[str] = ()
    """Files that a fix wrote."""

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read; keys are only ever added."""
        return {
            "version": 1,
            "apps": list(self.apps),
            "findings": [finding.to_json() for finding in self.findings],
            "fixed": [step.finding.to_json() for step in self.steps if step.done],
            "notFixed": [{**step.finding.to_json(), "why": step.why_not} for step in self.steps if not step.done],
            "written": list(self.written),
        }


def check(root: Path, apps: Sequence[str] | None = None, *, mend: bool = False, history: str = "HEAD") -> Report:
    """Check applications, all of them unless named; with ``mend`` first mend what can be mended.

    Raises:
        GitOpsError: files are not what they have to be; nothing was written.
        HelmError: a chart does not render; nothing was written.
        RevisionError: what ran before cannot be told.
    """
    # None is every application; a name that is none is told by read_values
    names = list(applications(root) if apps is None else apps)
    steps: list[Step] = []
    written: list[str] = []
    findings: list[Finding] = []
    for app in names:
        rules = read_rules(root, app)
        values = read_values(root, app)
        if mend:
            mended, tried = fix(values, rules)
            steps += tried
            written += [layer.shown for layer in write(values, mended)]
            values = mended
        findings += redundant(values, rules)
        findings += common(values, rules)
        findings += unread(values)
        findings += unexpected(values, rules)
        findings += never_ran(root, values, rules, history)
    return Report(apps=names, findings=findings, steps=steps, written=written)


def print_report(report: Report, console: Console) -> None:
    """Print for people."""
    for step in report.steps:
        if step.done:
            where = ", ".join(step.finding.files)
            console.print(
                Text(f"fixed    {step.finding.app}: {spell(step.finding.path)} in {where}", style="green"),
                soft_wrap=True,
            )
        else:
            console.print(
                Text(f"left     {step.finding.app}: {spell(step.finding.path)}: {step.why_not}", style="yellow"),
                soft_wrap=True,
            )
    for finding in report.findings:
        console.print(
            Text.assemble(
                (f"{finding.rule.value:11}", "bold red"),
                f"{finding.app}: ",
                (spell(finding.path), "bold"),
                f" {finding.message}",
                (f"  [{', '.join(finding.files)}]", "dim"),
            ),
            soft_wrap=True,
        )
    if not report.findings:
        console.print(f"{', '.join(report.apps) or 'no application'}: environments differ only where they should")
