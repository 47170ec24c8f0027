"""``docs/drills.md``: how each stack's rebuilds went that were done for practice, written row by row and read again."""

import datetime as dt
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.errors import BootstrapError
from bootstrap.markdown import code
from bootstrap.plain import on_one_line
from bootstrap.platform.ci.markers import is_stack

FILE = Path("docs/drills.md")
WARNING_DAYS = 45
"""Days after which a drill is old: one of the monthly ones has been missed."""

SUCCEEDED, FAILED = "succeeded", "failed"
REHEARSED, REAL = "rehearsed", "real"

_COLUMNS = ("date", "stack", "commit", "what", "critical path, p50 / p90", "measured", "outcome")
_HEAD, _RULE = f"| {' | '.join(_COLUMNS)} |", f"|{'---|' * len(_COLUMNS)}"
_HEADER = f"""# Drills

Rebuilds of stacks for practice, newest first. `bootstrap ci drill` writes the rows ([the columns](ci.md#drills));
[disaster recovery](runbooks/disaster-recovery.md#how-long-and-how-much) has what follows from them.

{_HEAD}
{_RULE}
"""
_FAILURE_LIMIT = 200
"""Characters of a failure that a row shows; the issue has more."""


class DrillsError(BootstrapError):
    """The record of drills cannot be read, or a drill cannot stand in it; nothing was written."""


@dataclass(frozen=True, kw_only=True)
class Drill:
    """One drill, as it is recorded."""

    date: dt.date
    """In UTC."""
    stack: str
    commit: str
    """What was rebuilt, in full or in part."""
    real: bool
    """Whether it was built in Azure."""
    typical: int | None = None
    """Seconds of the critical path where everything takes its typical time; None where nobody knows."""
    slow: int | None = None
    """The same, where everything is as slow as nine of ten."""
    seconds: int | None = None
    """Measured."""
    failure: str | None = None
    """What failed; None where nothing did."""

    def row(self) -> str:
        """Return its row of the table."""
        outcome = SUCCEEDED
        if self.failure is not None:
            detail = on_one_line(self.failure.strip())
            detail = detail if len(detail) <= _FAILURE_LIMIT else f"{detail[:_FAILURE_LIMIT]}…"
            outcome = f"{FAILED}: {code(detail)}"
        cells = (
            self.date.isoformat(),
            self.stack,
            self.commit[:12],
            REAL if self.real else REHEARSED,
            f"{_minutes(self.typical)} / {_minutes(self.slow)}",
            "–" if self.seconds is None else f"{self.seconds} s",
            outcome,
        )
        return f"| {' | '.join(cells)} |"


@dataclass(frozen=True, kw_only=True)
class LastDrill:
    """What is known of a stack's last drill; nothing where there never was one."""

    date: dt.date | None = None
    days: int | None = None
    """Its age; negative where the date is yet to come."""
    what: str | None = None
    outcome: str | None = None
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class _Row:
    line: str
    date: dt.date
    stack: str
    commit: str
    what: str
    failure: str | None

    @property
    def key(self) -> tuple[object, ...]:
        return (self.date, self.stack, self.commit, self.what)


@dataclass(frozen=True, kw_only=True)
class _Record:
    before: Sequence[str]
    rows: Sequence[_Row]
    after: Sequence[str]


def record(root: Path, drill: Drill) -> bool:
    """Write a drill into the record, and return whether that changed anything.

    It replaces a row of the same day, stack, commit and kind. Of two on one day, the one recorded last is on top.

    Raises:
        DrillsError: a part of the drill or of the record is malformed.
    """
    row = _row(drill.row(), "the drill")
    found = _read(root)
    if any(each.line == row.line for each in found.rows):
        return False
    rows = [each for each in found.rows if each.key != row.key]
    rows.insert(next((at for at, each in enumerate(rows) if each.date <= row.date), len(rows)), row)
    path = root / FILE
    path.parent.mkdir(exist_ok=True)
    lines = [*found.before, *(each.line for each in rows), *found.after]
    path.write_text("\n".join(lines), encoding="utf-8", newline="\n")
    return True


def last_drill(root: Path, stack: str, today: dt.date) -> LastDrill:
    """Return a stack's last drill.

    Raises:
        DrillsError: the record is malformed.
    """
    # max returns the first of equals, and a day's last drill is on top
    last = max((each for each in _read(root).rows if each.stack == stack), key=lambda each: each.date, default=None)
    if last is None:
        return LastDrill()
    return LastDrill(
        date=last.date,
        days=(today - last.date).days,
        what=last.what,
        outcome=SUCCEEDED if last.failure is None else FAILED,
        failure=last.failure or "",
    )


def _read(root: Path) -> _Record:
    try:
        text = (root / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        text = _HEADER
    except UnicodeDecodeError:
        raise DrillsError(f"{FILE} is not text") from None
    # of Markdown's line ends only: some characters that splitlines() ends a line at may stand in a cell
    lines = text.split("\n")
    heads = [at for at, line in enumerate(lines) if _cells(line) == [*_COLUMNS]]
    if len(heads) != 1 or not re.fullmatch(r"\|(?: *:?-+:? *\|){7} *", "".join(lines[heads[0] + 1 : heads[0] + 2])):
        raise DrillsError(
            f"{FILE} has {len(heads)} tables of drills; allowed: one, which begins with\n{_HEAD}\n{_RULE}"
        )
    first = heads[0] + 2
    end = next((at for at in range(first, len(lines)) if not lines[at].startswith("|")), len(lines))
    for number, line in enumerate(lines[end:], end + 1):
        if line.lstrip().startswith("|"):
            raise DrillsError(f"{FILE}:{number}: a row outside the table; remove what stands between them")
    rows = [_row(line, f"{FILE}:{number}") for number, line in enumerate(lines[first:end], first + 1)]
    return _Record(before=lines[:first], rows=rows, after=lines[end:])


def _row(line: str, where: str) -> _Row:
    cells = _cells(line)
    if cells is None or len(cells) != len(_COLUMNS):
        raise DrillsError(f"{where}: got another number of columns; allowed: {', '.join(_COLUMNS)}")
    day, stack, commit, what, _, _, outcome = cells
    date = _date(day)
    if date is None:
        raise _malformed(where, "date", day, "a day such as 2026-11-29")
    if not is_stack(stack):
        raise _malformed(where, "stack", stack, "a stack's name")
    if not re.fullmatch("[0-9a-f]{7,40}", commit):
        raise _malformed(where, "commit", commit, "7 to 40 digits and letters from a to f")
    if what not in {REHEARSED, REAL}:
        raise _malformed(where, "what", what, f"{REHEARSED}, {REAL}")
    result, colon, failure = outcome.partition(": ")
    if outcome != SUCCEEDED and not (result == FAILED and colon):
        raise _malformed(where, "outcome", outcome, f"{SUCCEEDED}, {FAILED}: and what failed")
    detail = None if outcome == SUCCEEDED else _text_of(failure)
    return _Row(line=line, date=date, stack=stack, commit=commit, what=what, failure=detail)


def _text_of(code_: str) -> str:
    """Return the text that :func:`code` made inline code of."""
    if found := re.fullmatch("<code>(.*)</code>", code_):
        return on_one_line(html.unescape(found[1]))
    return on_one_line(code_.strip("`"))


def _cells(line: str) -> list[str] | None:
    cells = [cell.strip(" ") for cell in line.rstrip(" ").split("|")]
    return cells[1:-1] if len(cells) > 2 and not cells[0] and not cells[-1] else None


def _date(text: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(text) if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None


def _malformed(where: str, column: str, got: str, allowed: str) -> DrillsError:
    return DrillsError(f"{where}: {column}: got {on_one_line(got)[:60]!r}; allowed: {allowed}")


def _minutes(seconds: int | None) -> str:
    return "–" if seconds is None else f"{seconds // 60}m{seconds % 60:02}s"
