"""Gathers everything that is wrong with the values of all applications, and mends what can be mended."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bootstrap.delivery.gitops import applications, require_folder
from bootstrap.delivery.links import refuse_links_out
from bootstrap.delivery.overlay.findings import Finding, common, redundant, unexpected
from bootstrap.delivery.overlay.fix import Step, fix, write
from bootstrap.delivery.overlay.history import never_ran
from bootstrap.delivery.overlay.paths import spell
from bootstrap.delivery.overlay.rules import Rules, read_rules
from bootstrap.delivery.overlay.unread import unread
from bootstrap.delivery.overlay.values import Values, read_values
from bootstrap.delivery.tenants import read_tenants
from bootstrap.errors import GitOpsError


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


def check(
    root: Path,
    apps: Sequence[str] | None = None,
    *,
    mend: bool = False,
    history: str = "HEAD",
    progress: Console | None = None,
) -> Report:
    """Check applications, all of them unless named; with ``mend`` first mend what can be mended.

    Args:
        root: the project.
        apps: their names.
        mend: whether files may be changed.
        history: the revision whose history says what ran.
        progress: where to say how far a long search is.

    Raises:
        GitOpsError: files are not what they have to be; all of them at once, and nothing was written.
        HelmError: a chart does not render; nothing was written.
        RevisionError: what ran before cannot be determined.
    """
    require_folder(root)
    refuse_links_out(root)
    # None is every application that has values; a name that is none is told by read_values
    names = list(_with_values(root) if apps is None else apps)
    steps: list[Step] = []
    written: list[str] = []
    findings: list[Finding] = []
    for app, (rules, read) in _read(root, names).items():
        values = read

        def say(text: str, app: str = app) -> None:
            if progress is not None:
                progress.print(f"{app}: {text}")

        if mend:
            values, tried = fix(read, rules, say)
            steps += tried
            written += [layer.shown for layer in write(read, values)]
        findings += redundant(values, rules)
        findings += common(values, rules)
        findings += unread(values, say, rules.read_elsewhere)
        findings += unexpected(values, rules)
        findings += never_ran(root, values, rules, history)
    return Report(apps=names, findings=findings, steps=steps, written=written)


def _with_values(root: Path) -> Iterator[str]:
    """Yield the applications that have a chart, or whose file cannot be read, which is told with the others."""
    tenants, _ = read_tenants(root)
    yield from (app for app in applications(root) if app not in tenants or tenants[app].manifests is None)


def _read(root: Path, names: Sequence[str]) -> dict[str, tuple[Rules, Values]]:
    """Read all applications before anything is done to the first."""
    found: dict[str, tuple[Rules, Values]] = {}
    mistakes: dict[str, None] = {}
    for app in names:
        try:
            found[app] = read_rules(root, app), read_values(root, app)
        except GitOpsError as error:
            mistakes.update(dict.fromkeys(str(error).splitlines()))
    if mistakes:
        raise GitOpsError("\n".join(mistakes))
    return found


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
