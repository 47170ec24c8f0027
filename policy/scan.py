"""Runs checkov on the requests that Azure would get for a stack, and holds its findings to a list of exceptions.

https://www.checkov.io/5.Policy%20Index/arm.html
"""

import argparse
import datetime as dt
import json
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from policy.checked import PolicyFileError
from policy.exceptions import ExceptionEntry, exception_for, read_exceptions

ROOT = Path(__file__).parent.parent
CHECKOV = ROOT / ".tools" / "policy" / "bin" / "checkov"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A check that a resource does not pass."""

    check: str
    title: str
    resource: str
    exception: ExceptionEntry | None = None

    def explained(self, today: dt.date) -> bool:
        """Tell whether it is an exception whose time is not up."""
        return self.exception is not None and self.exception.stands(today)


def findings(stack: str, results: Mapping[str, Any], exceptions: Sequence[ExceptionEntry]) -> list[Finding]:
    """Return what checkov found, each with the exception that it is, if any.

    Args:
        stack: the stack's name.
        results: checkov's JSON.
        exceptions: findings that stand.
    """
    return [
        Finding(
            check=found["check_id"],
            title=found["check_name"],
            resource=found["resource"],
            exception=exception_for(found["check_id"], found["resource"], stack, exceptions),
        )
        for found in results["results"]["failed_checks"]
    ]


def main(arguments: Sequence[str], today: dt.date | None = None) -> int:
    """Scan a stack's plan; 1 where something is found that is no exception, or one whose time is up.

    Args:
        arguments: those of the command line.
        today: the date that exceptions are held to.
    """
    parser = argparse.ArgumentParser(prog="make scan", description=__doc__.partition("\n")[0])
    parser.add_argument("--stack", required=True)
    parser.add_argument("--format", choices=("text", "json"), default="text")
    asked = parser.parse_args(arguments)
    try:
        exceptions = read_exceptions()
    except PolicyFileError as error:
        sys.stderr.write(f"make scan: {error}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-scan-") as folder:
        template = Path(folder) / f"{asked.stack}.json"
        planned = subprocess.run(
            [ROOT / ".venv" / "bin" / "bootstrap", "plan", "--stack", asked.stack, "--arm-template"],
            stdout=subprocess.PIPE,
            check=False,
        )
        if planned.returncode != 0:
            return planned.returncode
        template.write_bytes(planned.stdout)
        scanned = subprocess.run(
            [CHECKOV, "-f", template, "--framework", "arm", "--output", "json", "--skip-download", "--quiet"],
            capture_output=True,
            text=True,
            check=False,
        )
    try:
        results = json.loads(scanned.stdout)
    except ValueError:
        sys.stderr.write(f"make scan: checkov ended with {scanned.returncode}:\n{scanned.stderr[-2000:]}\n")
        return 2
    if why := why_not_scanned(results):
        sys.stderr.write(f"make scan: {why}\n")
        return 2
    today = today or dt.datetime.now(dt.UTC).date()
    found = findings(asked.stack, results, exceptions)
    wrong = [each for each in found if not each.explained(today)]
    if asked.format == "json":
        sys.stdout.write(json.dumps(to_json(asked.stack, found, today), indent=2) + "\n")
    else:
        show(asked.stack, results["summary"]["passed"], found, today, Console())
    return 1 if wrong else 0


def why_not_scanned(results: Any) -> str:
    """Return why checkov's answer is of no scan; empty where it is of one.

    Of a file that it cannot read, or in which it finds no resource, it says that nothing failed.
    """
    summary = results.get("summary") if isinstance(results, dict) else None
    if not isinstance(summary, dict) or "failed_checks" not in results.get("results", {}):
        return "checkov found nothing to look at in the plan's template"
    if summary.get("parsing_errors") or not summary.get("resource_count"):
        return f"checkov read {summary.get('resource_count')} resources, with {summary.get('parsing_errors')} errors"
    return ""


def to_json(stack: str, found: Sequence[Finding], today: dt.date) -> dict[str, Any]:
    """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
    return {
        "version": 1,
        "stack": stack,
        "findings": [
            {
                "check": each.check,
                "title": each.title,
                "resource": each.resource,
                "explained": each.explained(today),
                "reason": each.exception.reason if each.exception else None,
                "owner": each.exception.owner if each.exception else None,
                "until": each.exception.until.isoformat() if each.exception else None,
            }
            for each in found
        ],
    }


def show(stack: str, passed: int, found: Sequence[Finding], today: dt.date, console: Console) -> None:
    """Print findings, those that are no exceptions first."""
    table = Table(box=None, show_header=False, padding=(0, 1), pad_edge=False)
    table.add_column(width=1)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    groups: dict[tuple[bool, str, str], list[Finding]] = {}
    for each in found:
        reason = each.exception.reason if each.exception else ""
        groups.setdefault((each.explained(today), each.check, reason), []).append(each)
    for (explained, check, _), ours in sorted(groups.items()):
        names = "\n".join(escape(each.resource.removeprefix("Microsoft.")) for each in ours)
        exception = ours[0].exception
        if explained and exception:
            why = f"{names}\n[dim]{escape(exception.reason)} (until {exception.until})[/]"
            table.add_row("[dim]-[/]", check, why)
        else:
            late = f", an exception until {exception.until}" if exception else ""
            table.add_row("[bold red]✗[/]", check, f"{names}\n{escape(ours[0].title)}{late}")
    console.print(table)
    wrong = sum(not each.explained(today) for each in found)
    console.print(f"\n{stack}: {passed} passed, {len(found) - wrong} exceptions, {wrong} unexplained")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
