"""Follows the engine's event log: when each operation on a resource began and ended."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

_POLL_SECONDS = 0.02

IDLE = frozenset({"same", "read", "refresh"})
"""Operations that change nothing."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """One operation on one resource; times are seconds from the run's start."""

    urn: str
    type: str
    operation: str
    begins: float
    ends: float | None = None
    """None while the operation is in progress, and for good if the run died in it."""
    failed: bool = False

    @property
    def name(self) -> str:
        """Logical name."""
        return self.urn.rsplit("::", 1)[-1]


class EventLog:
    """Reads the engine's event log while a run writes it.

    Times are taken as events arrive, because the engine's own timestamps are whole seconds.
    """

    def __init__(self, path: Path, *, on_change: Callable[[Span], None] | None = None) -> None:
        """Prepare to read a file, which need not exist yet.

        Args:
            path: the value of ``pulumi --event-log``.
            on_change: called from the reading thread with every span that begins or ends, unless it changes nothing.
        """
        self.path, self._on_change = path, on_change
        self._spans: dict[tuple[str, str], Span] = {}
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self.changed = threading.Condition()
        """Notified at every change."""

    def __enter__(self) -> "EventLog":
        """Start reading."""
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Read the rest, and stop."""
        self._ended.set()
        self._thread.join()

    def spans(self) -> list[Span]:
        """Return the operations so far, in the order in which they began, without those that change nothing."""
        return [span for span in self._spans.values() if span.operation not in IDLE]

    def span(self, *, type_: str, name: str | None = None) -> Span:
        """Return the only span that matches.

        Args:
            type_: end of the type token, such as ``helm.sh/v3:Release``.
            name: logical name; any when None.

        Raises:
            LookupError: no span matches, or more than one does.
        """
        found = [s for s in self.spans() if s.type.endswith(type_) and name in (None, s.name)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} spans of {type_} {name or ''}")
        return found[0]

    def _follow(self) -> None:
        position = 0
        while True:
            over = self._ended.is_set()
            if self.path.exists():
                with self.path.open("rb") as file:
                    file.seek(position)
                    for line in file:
                        if not line.endswith(b"\n"):
                            break
                        position += len(line)
                        self._record(json.loads(line))
            if over:
                return
            self._ended.wait(_POLL_SECONDS)

    def _record(self, event: dict[str, Any]) -> None:

        now = time.monotonic() - self._began
        for kind in ("resourcePreEvent", "resOutputsEvent", "resOpFailedEvent"):
            if kind in event:
                metadata = event[kind]["metadata"]
                key = (metadata["urn"], metadata["op"])
                if kind == "resourcePreEvent":
                    span = Span(urn=key[0], type=metadata["type"], operation=key[1], begins=now)
                elif key in self._spans:
                    span = replace(self._spans[key], ends=now, failed=kind == "resOpFailedEvent")
                else:
                    continue
                with self.changed:
                    self._spans[key] = span
                    self.changed.notify_all()
                if self._on_change is not None and span.operation not in IDLE:
                    self._on_change(span)
