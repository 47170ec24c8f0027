"""Findings that stand, each with a reason, an owner and an end: those of checkov, of our own rules, and of controls."""

import datetime as dt
import re
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from policy.checked import Pattern, read

EXCEPTIONS = Path(__file__).parent / "exceptions.yaml"


class ExceptionEntry(BaseModel):
    """A finding that stands."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    check: str
    """The check: checkov's id, the name of a rule of ``policy/rules``, or the id of a control such as ``CIS-5.4.2``."""
    resources: Pattern = ""
    """Regular expression; it has to occur in the resource's type or name. Empty for any resource."""
    stacks: Pattern = ".*"
    """Regular expression of the stacks' names."""
    reason: str
    owner: str
    """Who answers for it."""
    until: dt.date
    """The last day on which it stands."""

    def stands(self, today: dt.date) -> bool:
        """Tell whether its time is not up."""
        return self.until >= today


def read_exceptions(path: Path = EXCEPTIONS) -> list[ExceptionEntry]:
    """Read the exceptions.

    Raises:
        PolicyFileError: an entry lacks something, or has something that nobody knows.
    """
    return read(path, list[ExceptionEntry])


def exception_for(check: str, resource: str, stack: str, exceptions: Sequence[ExceptionEntry]) -> ExceptionEntry | None:
    """Return the exception that a finding is, and of several the one that stands longest; None where it is none.

    Args:
        check: the check that found it.
        resource: type and name of the resource.
        stack: the stack's name.
        exceptions: those to choose from.
    """
    return max(
        (
            each
            for each in exceptions
            if each.check == check and re.search(each.resources, resource) and re.fullmatch(each.stacks, stack)
        ),
        key=lambda each: each.until,
        default=None,
    )
