"""What the engine does, as it does it: the spans of a run's resources."""

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
    """None while it goes on, or for ever where the run died."""
    failed: bool = False

    @property
    def name(self) -> str:
        """Logical name."""
        return self.urn.rsplit("::", 1)[-1]


class EventLog:
    """Follows the engine's event log while a run writes it. The engine's own times are whole seconds; these are not."""

    def __init__(self, path: Path, *, on_change: Callable[[Span], None] | None = None) -> None:
        """Follow a file that need not be there yet.

        Args:
            path: what ``pulumi --event-log`` is given.
            on_change: called for every span that begins or ends, from the following thread.
        """
        self.path, self._on_change = path, on_change
        self._spans: dict[tuple[str, str], Span] = {}
        self._began = time.monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)
        self.changed = threading.Condition()
        """Notified at every change."""

    def __enter__(self) -> "EventLog":
        """Begin to follow."""
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Read what is left, and stop."""
        self._ended.set()
        self._thread.join()

    def spans(self) -> list[Span]:
        """Return what changed something so far, in order of beginning."""
        return [span for span in self._spans.values() if span.operation not in IDLE]

    def span(self, *, type_: str, name: str | None = None) -> Span:
        """Return the only span of a type's end, and of a name.

        Raises:
            LookupError: there is none, or more than one.
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
                        self._take(json.loads(line))
            if over:
                return
            self._ended.wait(_POLL_SECONDS)

    def _take(self, event: dict[str, Any]) -> None:
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
