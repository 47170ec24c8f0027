"""What several commands share."""

from startup import on_demand

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import BootstrapError

if TYPE_CHECKING:
    from rich import console

    from bootstrap import consoles
else:
    consoles = on_demand("bootstrap.consoles")  # with Rich, a tenth of a second that JSON does not need

ROOT = Path(__file__).resolve().parents[1]
"""The project: its folder, wherever the command is called from."""


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


class ReportFormat(StrEnum):
    """How a report of checks is written."""

    TEXT = "text"
    JSON = "json"
    JUNIT = "junit"


def text_or_json(command: str, output: Format) -> None:
    """Refuse Markdown for a command that nobody quotes in a pull request.

    Raises:
        BootstrapError: Markdown is asked for.
    """
    if output is Format.MARKDOWN:
        raise BootstrapError(f"--format: got '{output.value}'; allowed for {command}: text, json")


def some_text(given: str) -> str:
    """Take the text of an option that was said; an empty one is most often a variable that is not set.

    Raises:
        ValueError: there is nothing in it.
    """
    if not given.strip():
        raise ValueError(f"got {given!r}, as from a variable that is not set; allowed: text, or leave the option out")
    return given


def some_path(given: str | Path) -> Path:
    """Take the path of an option, or its default; an empty one would be the folder that the command is run in.

    Raises:
        ValueError: there is nothing in it.
    """
    return Path(some_text(str(given)))


def result_console() -> "console.Console":
    """Return where a result is printed for people: as wide as the terminal, and of one width where there is none."""
    return consoles.PlainConsole(width=None if sys.stdout.isatty() else 140)


def progress_console(*, stderr: bool = False, wrap: bool = False) -> "console.Console":
    """Return where a long command tells how far it is.

    Args:
        stderr: leave standard output to the result.
        wrap: cut lines at the terminal's width instead of letting it wrap them.
    """
    return consoles.PlainConsole(stderr=stderr, highlight=False, soft_wrap=not wrap)
