"""What a drill has printed, as its row of ``docs/drills.md``."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from bootstrap.errors import BootstrapError
from bootstrap.platform.drills import Drill

_STYLE = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 7 * 24 * 3600


class DrillError(BootstrapError):
    """What is to be recorded is no drill; the record is as it was."""


def drill(
    stack: str,
    *,
    commit: str,
    date: str | None = None,
    rehearsal: Mapping[str, Any] | None = None,
    log: str | None = None,
    real: bool = False,
    seconds: int | None = None,
) -> Drill:
    """Return a drill.

    Args:
        stack: the stack.
        commit: what was rebuilt.
        date: the day, as 2026-11-29; today, in UTC, where it is None.
        rehearsal: what ``bootstrap rehearse --rebuild --format json`` printed.
        log: what was printed by a drill that failed; None of one that succeeded.
        real: whether it was built in Azure.
        seconds: measured by whoever built it there.

    Raises:
        DrillError: something is missing, or cannot be what it is given as.
    """
    if real and seconds is None and log is None:
        raise DrillError("--real: how long did it take? Give --seconds, or --failed")
    if not real and seconds is not None:
        raise DrillError("--seconds is measured in a real drill; those of a rehearsal are in what it printed")
    if not real and rehearsal is None and log is None:
        raise DrillError("give what `bootstrap rehearse --rebuild --format json` printed, or --failed")
    found = _Rehearsal.of(rehearsal, stack)
    return Drill(
        date=_day(date),
        stack=stack,
        commit=commit,
        real=real,
        typical=found.typical,
        slow=found.slow,
        seconds=seconds if real else found.seconds,
        failure=None if log is None else failure_in(log),
    )


def failure_in(log: str) -> str:
    """Return the line of a log that says what failed: the first that begins with ``error:``, or else the last one."""
    lines = [line for each in _STYLE.sub("", log).split("\n") if (line := each.strip())]
    errors = [line.removeprefix("error:").strip() for line in lines if line.startswith("error:")]
    return next((each.removesuffix(":") for each in errors if each), lines[-1] if lines else "nothing was printed")


class _Rehearsal:
    """The numbers of a rehearsal."""

    def __init__(self, typical: int | None, slow: int | None, seconds: int | None) -> None:
        self.typical, self.slow, self.seconds = typical, slow, seconds

    @classmethod
    def of(cls, document: Mapping[str, Any] | None, stack: str) -> "_Rehearsal":
        if document is None:
            return cls(None, None, None)
        if document.get("version") != 1:
            raise DrillError("the file is not output of `bootstrap rehearse --format json`")
        if document.get("stack") != stack:
            raise DrillError(f"the rehearsal is of stack {document.get('stack')!r}, and --stack is {stack!r}")
        acts = document.get("acts")
        if not isinstance(acts, list) or not all(isinstance(act, dict) for act in acts):
            raise DrillError("acts: got no list of runs; allowed: what `bootstrap rehearse --format json` prints")
        if len(acts) < 2:
            raise DrillError("the rehearsal has rebuilt nothing: run it with --rebuild")
        slow = document.get("criticalPathSlowSeconds")
        return cls(
            round(_seconds("criticalPathSeconds", document.get("criticalPathSeconds"))),
            # rehearsals of older versions have none
            None if slow is None else round(_seconds("criticalPathSlowSeconds", slow)),
            round(sum(_seconds("acts: seconds", act.get("seconds")) for act in acts)),
        )


def _seconds(name: str, given: object) -> float:
    # "not" around the comparison: NaN is neither less nor more
    if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= _LONGEST:
        raise DrillError(f"{name}: got {str(given)[:60]!r}; allowed: 0 to {_LONGEST}")
    return given


def _day(given: str | None) -> dt.date:
    today = dt.datetime.now(dt.UTC).date()
    if given is None:
        return today
    try:
        date = dt.date.fromisoformat(given)
    except ValueError:
        raise DrillError(f"--date: got {given!r}; allowed: a day such as {today}") from None
    if date > today:
        raise DrillError(f"--date: got {given}, which is yet to come; allowed: {today} and before")
    return date
