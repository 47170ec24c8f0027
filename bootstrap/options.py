"""What several commands share."""

from enum import StrEnum
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
"""The project: its folder, wherever the command is called from."""


class Format(StrEnum):
    """How a result is written."""

    TEXT = "text"
    MARKDOWN = "markdown"
    JSON = "json"
