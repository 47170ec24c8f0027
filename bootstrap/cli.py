"""The ``bootstrap`` command: parses, calls one function that returns data, and renders it."""

import json
import sys
from typing import Annotated

import typer

from bootstrap import cli_gitops
from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT, Format

app = typer.Typer(
    name="bootstrap",
    help="The command line around `pulumi` for this project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# the commands around gitops/
app.add_typer(cli_gitops.commands)

StackOption = Annotated[str, typer.Option("--stack", "-s", help="The stack: dev, prod, local, or one of yours.")]

YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask before changing anything.")]


@app.callback()
def main_options() -> None:
    """Group the commands."""


@app.command()
def plan(
    stack: StackOption = "dev",
    against: Annotated[
        str | None, typer.Option(metavar="REF", help="Compare with the program at this Git revision.")
    ] = None,
    output: Annotated[Format, typer.Option("--format", "-f", help="text, markdown (pull requests) or json.")] = (
        Format.TEXT
    ),
    values: Annotated[bool, typer.Option(help="Print every release's final values.")] = False,
) -> None:
    """Show what `pulumi up` would build: no cloud, no credentials, no Pulumi CLI.

    Exit status: 0 nothing changes (or no --against), 2 something changes, 3 something is replaced or removed that
    holds data or serves somebody, 1 an error.
    """
    # the program's modules take a second to import: only for this command
    from bootstrap.plan.against import start  # noqa: PLC0415
    from bootstrap.plan.compare import compare  # noqa: PLC0415
    from bootstrap.plan.evaluate import evaluate  # noqa: PLC0415
    from bootstrap.plan.view import view  # noqa: PLC0415

    pending = start(ROOT, against, stack) if against else None
    now = evaluate(ROOT, stack)
    changes = compare(pending.result(), now) if pending else []
    shown = view(now, against=against, changes=changes)
    if output is Format.JSON:
        typer.echo(json.dumps(shown.to_json(), indent=2))
    elif output is Format.MARKDOWN:
        from bootstrap.plan.markdown import to_markdown  # noqa: PLC0415

        typer.echo(to_markdown(shown), nl=False)
    else:
        from rich.console import Console  # noqa: PLC0415

        from bootstrap.plan.text import print_plan  # noqa: PLC0415

        print_plan(shown, Console(width=None if sys.stdout.isatty() else 140), values=values)
    raise typer.Exit(shown.exit_status)


@app.command()
def up(stack: StackOption = "local", yes: YesOption = False) -> None:
    """Run `pulumi up` with what it needs found and said: CLI, cluster or sign-in, state."""
    from rich.console import Console  # noqa: PLC0415 - as above

    from bootstrap.up import up as run_up  # noqa: PLC0415

    run_up(ROOT, stack, yes=yes, console=Console(highlight=False, soft_wrap=True))


@app.command()
def down(stack: StackOption = "local", yes: YesOption = False) -> None:
    """Undo `up`: destroy the stack, and remove the cluster and the state where `up` made them."""
    from rich.console import Console  # noqa: PLC0415 - as above

    from bootstrap.up import down as run_down  # noqa: PLC0415

    run_down(ROOT, stack, yes=yes, console=Console(highlight=False, soft_wrap=True))


@app.command()
def schema() -> None:
    """Write stack.schema.json, which editors complete and check stack files with, from the settings' models."""
    from bootstrap.schema import write_schema  # noqa: PLC0415 - as above

    typer.echo(f"wrote {write_schema(ROOT).relative_to(ROOT)}")


def main() -> None:
    """Run the command line; an error is one message and an exit status, never a traceback."""
    sys.path.insert(0, str(ROOT))
    try:
        # by itself Typer ends with 2 after a wrong option, which here says that something changes
        status = app(standalone_mode=False)
    except typer.TyperException as error:
        typer.secho(f"error: {error.format_message()} (see `bootstrap --help`)", fg=typer.colors.RED, err=True)
        status = 1
    except typer.Abort:
        status = 1
    except BootstrapError as error:
        typer.secho(f"error: {error}", fg=typer.colors.RED, err=True)
        status = error.exit_code
    raise SystemExit(status or 0)
