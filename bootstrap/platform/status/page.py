"""What stands on the page: the data, and its stable JSON form."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from bootstrap.platform.drills import LastDrill


@dataclass(frozen=True, kw_only=True)
class Version:
    """What runs in some version, and how long Azure supports it."""

    what: str
    version: str
    supported_until: dt.date | None = None
    """None where nothing is known to end."""
    days: int | None = None
    """Days that are left of it."""


@dataclass(frozen=True, kw_only=True)
class Addon:
    """A Helm release, as Helm has it."""

    name: str
    namespace: str
    version: str | None
    """Version of the chart; None where there is no release."""
    pinned: str
    """Version that the program would install."""
    status: str
    revision: int | None = None
    updated: str | None = None


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """A certificate in the cluster."""

    namespace: str
    name: str
    ready: bool
    expires: str | None
    renews: str | None
    days: int | None
    """Days until it expires."""
    message: str = ""
    """Why it is not Ready."""


@dataclass(frozen=True, kw_only=True)
class Application:
    """An application, as Argo CD has it."""

    name: str
    revision: str
    """Short, where it is a commit."""
    sync: str
    health: str
    message: str = ""


@dataclass(frozen=True, kw_only=True)
class Backups:
    """The cluster's place in the backup vault."""

    enabled: bool
    state: str | None = None
    last: str | None = None
    """When the last backup was taken that can be restored."""
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class Unread:
    """What could not be read, and why."""

    what: str
    why: str


@dataclass(kw_only=True)
class Page:
    """One stack; a part that was not asked for or could not be read is None."""

    stack: str
    target: str
    at: dt.datetime
    generation: int | None = None
    """What the stack file asks for; None for a local stack."""
    deployed_generation: int | None = None
    """What the last update deployed."""
    cluster: str | None = None
    versions: Sequence[Version] | None = None
    addons: Sequence[Addon] | None = None
    certificates: Sequence[Certificate] | None = None
    applications: Sequence[Application] | None = None
    backup: Backups | None = None
    drill: LastDrill | None = None
    drift: bool | None = None
    """None where it was not asked for."""
    unread: list[Unread] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""

        def all_of(items: Sequence[Any] | None) -> list[dict[str, Any]] | None:
            return None if items is None else [_plain(asdict(item)) for item in items]

        return {
            "version": 1,
            "stack": self.stack,
            "target": self.target,
            "at": self.at.isoformat(timespec="seconds"),
            "cluster": self.cluster,
            "generation": {"asked": self.generation, "deployed": self.deployed_generation},
            "versions": all_of(self.versions),
            "addons": all_of(self.addons),
            "certificates": all_of(self.certificates),
            "applications": all_of(self.applications),
            "backup": None if self.backup is None else _plain(asdict(self.backup)),
            "drill": None if self.drill is None else _plain(asdict(self.drill)),
            "drift": self.drift,
            "unread": all_of(self.unread),
        }


def _plain(item: dict[str, Any]) -> dict[str, Any]:
    return {
        "".join([first, *(word.title() for word in rest)]): value.isoformat() if isinstance(value, dt.date) else value
        for key, value in item.items()
        for first, *rest in [key.split("_")]
    }
