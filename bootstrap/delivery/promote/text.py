"""Prints a promotion or a history in a terminal."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from bootstrap.delivery.promote.request import Result
from bootstrap.delivery.promote.rollback import Version


def print_result(result: Result, console: Console) -> None:
    """Print what a promotion did, or would do."""
    changed = not (result.edit.nothing or result.overtaken)
    console.print(Text(summary(result), style="green" if changed and not result.request.dry_run else ""))
    if result.pull_request:
        console.print(Text(f"pull request: {result.pull_request}"))
    if result.unrendered and result.request.render:
        console.print(Text(f"not rendered: {result.unrendered}", style="yellow"))
    if result.hint:
        console.print(Text(result.hint, style="yellow"))
    if changed:
        console.print(Syntax(result.diff, "diff", background_color="default"))


def summary(result: Result) -> str:
    """Say in one line what came of a promotion."""
    edit, request = result.edit, result.request
    place = f"{edit.path} of {edit.file}"
    if result.overtaken:
        return f"overtaken, nothing to do for {edit.after}: {result.overtaken}"
    if edit.nothing:
        return f"{request.app} {request.environment} has {edit.after} already ({place}): nothing to do"
    change = f"{place}: {edit.before or '(empty)'} → {edit.after}"
    back = request.takes_back is not None
    if request.dry_run:
        would = f"roll {request.app} back in" if back else f"promote {request.app} to"
        return f"would {would} {request.environment} on {result.branch}, {change}"
    if not result.pushed:
        return f"the branch {result.branch} carries this already: {change}"
    again = f", at attempt {result.attempts}" if result.attempts > 1 else ""
    where = f"{result.branch} ({(result.commit or '')[:10]})"
    did = f"rolled {request.app} back in" if back else f"promoted {request.app} to"
    return f"{did} {request.environment} on {where}{again}: {change}"


def print_history(versions: Sequence[Version], console: Console) -> None:
    """Print what runs, or what ran in one environment."""
    if not versions:
        console.print("nothing runs yet")
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for heading in ("app", "environment"):
        table.add_column(heading, no_wrap=True)
    table.add_column("image", overflow="fold")
    table.add_column("since", no_wrap=True)
    table.add_column("commit", no_wrap=True)
    table.add_column("", overflow="fold")
    for version in versions:
        since = version.since
        table.add_row(
            version.app,
            version.environment,
            Text(version.image),
            since.date[:16].replace("T", " "),
            since.commit[:10],
            Text(_state(version), style="yellow" if version.taken_back else ""),
        )
    console.print(table)


def _state(version: Version) -> str:
    if version.steps == 0:
        return "runs"
    if version.steps is not None:
        return f"--to {version.steps}"
    return "taken back" if version.taken_back else ""
