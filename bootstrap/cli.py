"""The ``bootstrap`` command: what is around ``pulumi``, and what is around ``gitops/``, under one name."""

import sys

import typer

from bootstrap.delivery.commands import commands as delivery
from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT
from bootstrap.platform.commands import commands as platform

app = typer.Typer(
    name="bootstrap",
    help="The command line around `pulumi` for this project.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(platform)
app.add_typer(delivery)


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
