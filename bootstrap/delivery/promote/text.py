"""A promotion for eyes, in a terminal."""

from rich.console import Console
from rich.syntax import Syntax
from rich.text import Text

from bootstrap.delivery.promote.request import Result


def print_result(result: Result, console: Console) -> None:
    """Print what a promotion did, or would do."""
    changed = not result.edit.nothing
    console.print(Text(summary(result), style="green" if changed and not result.request.dry_run else ""))
    if result.pull_request:
        console.print(Text(f"pull request: {result.pull_request}"))
    if result.hint:
        console.print(Text(result.hint, style="yellow"))
    if changed:
        console.print(Syntax(result.diff, "diff", background_color="default"))


def summary(result: Result) -> str:
    """Say in one line what came of a promotion."""
    edit, request = result.edit, result.request
    place = f"{edit.path} of {edit.file}"
    if edit.nothing:
        return f"{request.app} {request.environment} has {edit.after} already ({place}): nothing to do"
    change = f"{place}: {edit.before or '(empty)'} → {edit.after}"
    if request.dry_run:
        return f"would promote {request.app} to {request.environment} on {result.branch}, {change}"
    if not result.pushed:
        return f"the branch {result.branch} carries this already: {change}"
    again = f", at attempt {result.attempts}" if result.attempts > 1 else ""
    where = f"{result.branch} ({(result.commit or '')[:10]})"
    return f"promoted {request.app} to {request.environment} on {where}{again}: {change}"
