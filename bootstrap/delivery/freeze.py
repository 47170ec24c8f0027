"""Keeps Argo CD from changing an environment for a time: a sync window of every project there.

https://argo-cd.readthedocs.io/en/stable/user-guide/sync_windows/
"""

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path

from bootstrap.delivery.clusters import known_environments
from bootstrap.delivery.gitops import is_file
from bootstrap.delivery.manifests import parse_mapping, read_text, section
from bootstrap.delivery.new_app import write
from bootstrap.delivery.overlay.edit import put_in, take_out
from bootstrap.errors import GitOpsError
from conventions import TENANTS_FOLDER

FILE = Path(TENANTS_FOLDER) / "values.yaml"
LONGEST = dt.timedelta(days=60)
"""A window comes back each year, and one that is longer is a pause that nobody lifts."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """A time in which nothing is synced."""

    environment: str
    start: dt.datetime
    until: dt.datetime

    @property
    def schedule(self) -> str:
        """When it starts, as in crontab, in UTC."""
        return f"{self.start.minute} {self.start.hour} {self.start.day} {self.start.month} *"

    @property
    def duration(self) -> str:
        """How long it lasts, in whole minutes."""
        return f"{(self.until - self.start) // dt.timedelta(minutes=1)}m"


def freeze(root: Path, environment: str, *, until: str, start: str | None, now: dt.datetime) -> Window:
    """Write a window into ``tenants/values.yaml``, in the place of the environment's window if it has one.

    Args:
        root: the project.
        environment: whose applications are not synced, nor corrected when they drift.
        until: when it ends, such as ``2026-12-27T08:00Z``; a time without zone is UTC.
        start: when it starts; ``now`` when None.
        now: the time.

    Raises:
        GitOpsError: there is no such environment, a time is none, or the file cannot be changed; nothing was written.
    """
    _require(root, environment)
    begin = _time("--from", start) if start else now.astimezone(dt.UTC).replace(second=0, microsecond=0)
    window = Window(environment=environment, start=begin, until=_time("--until", until))
    if window.until <= max(window.start, now):
        raise GitOpsError(f"--until: got {until!r}; allowed: a time after {max(window.start, now):%Y-%m-%dT%H:%MZ}")
    if window.until - window.start > LONGEST:
        raise GitOpsError(f"--until: got {until!r}; allowed: at most {LONGEST.days} days after it starts")
    lines = [
        f"{environment}: # until {window.until:%Y-%m-%dT%H:%MZ}, and at the same days of each year until it is lifted",
        f'  schedule: "{window.schedule}"',
        f"  duration: {window.duration}",
    ]
    text = read_text(root / FILE, FILE)
    write(root, {}, {root / FILE: put_in(text, ("freeze", environment), lines)})
    return window


def lift(root: Path, environment: str) -> None:
    """Take an environment's window out of ``tenants/values.yaml``.

    Raises:
        GitOpsError: it has none, or the file cannot be changed; nothing was written.
    """
    _require(root, environment)
    text = read_text(root / FILE, FILE)
    frozen = section(parse_mapping(text, FILE), "freeze")
    if environment not in frozen:
        there = ", ".join(frozen) or "none"
        raise GitOpsError(f"{environment} is not frozen by {FILE}; frozen are: {there}")
    write(root, {}, {root / FILE: take_out(text, ("freeze", environment))})


def _require(root: Path, environment: str) -> None:
    if environment not in (known := known_environments(root)):
        raise GitOpsError(f"there is no environment {environment!r}; there are: {', '.join(known) or 'none'}")
    if not is_file(root / FILE):
        raise GitOpsError(f"{FILE} is missing")


def _time(option: str, given: str) -> dt.datetime:
    allowed = "a time such as 2026-12-27T08:00Z, in UTC unless it says otherwise"
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(Z|[+-]\d{2}:\d{2})?", given):
        raise GitOpsError(f"{option}: got {given!r}; allowed: {allowed}")
    try:
        read = dt.datetime.fromisoformat(given)
    except ValueError:
        raise GitOpsError(f"{option}: got {given!r}; allowed: {allowed}") from None
    return read.replace(tzinfo=dt.UTC) if read.tzinfo is None else read.astimezone(dt.UTC)
