"""What several commands share."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
"""The project: its folder, wherever the command is called from."""


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"


def result_console() -> "Console":
    """Return where a result is printed for people: as wide as the terminal, and of one width where there is none."""
    from rich.console import Console  # noqa: PLC0415 - a tenth of a second that JSON does not need

    return Console(width=None if sys.stdout.isatty() else 140)
