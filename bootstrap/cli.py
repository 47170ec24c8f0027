"""The ``bootstrap`` command: what is around ``pulumi``, and what is around ``gitops/``, under one name."""

import contextlib
import os
import sys
from pathlib import Path

import typer

from bootstrap import streams
from bootstrap.delivery.commands import commands as delivery
from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT
from bootstrap.plain import on_lines
from bootstrap.platform.commands import commands as platform

app = typer.Typer(
    name="bootstrap",
    help="The command line around `pulumi` for this project.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(platform)
app.add_typer(delivery)


def main() -> None:
    """Run the command line; an error is one message and an exit status, never a traceback."""
    sys.path.insert(0, str(ROOT))
    _have_a_home()
    try:
        streams.prepare()
        # by itself Typer ends with 2 after a wrong option, which here says that something changes
        status = app(standalone_mode=False) or 0
        streams.flush()
    except typer.TyperException as error:
        # the words before the comma are those of the library that converts options
        status = _report(f"{error.format_message().replace('Value error, ', '')} (see `bootstrap --help`)")
    except typer.Abort:
        status = 1
    except BootstrapError as error:
        status = _report(str(error), error.exit_code)
    except BrokenPipeError:
        # whoever reads the result has seen enough of it
        status = 1
    except OSError as error:
        status = _report(_place(error))
    except Exception as error:
        # pydantic turns a Ctrl-C that comes while it builds a model into an error of its own
        if type(error).__name__ != "SchemaError" or "KeyboardInterrupt" not in str(error):
            raise
        status = 130
    finally:
        streams.settle()
    raise SystemExit(status)


def _have_a_home() -> None:
    """Do as container runtimes do for a UID without a passwd entry: its home is /."""
    try:
        Path.home()
    except RuntimeError:
        os.environ["HOME"] = "/"


def _report(message: str, status: int = 1) -> int:
    with contextlib.suppress(OSError):
        typer.secho(f"error: {on_lines(message)}", fg=typer.colors.RED, err=True)
    return status


def _place(error: OSError) -> str:
    """Say what the system refused, and where."""
    why = error.strerror or str(error)
    return f"{error.filename}: {why}" if error.filename else why
