"""Compares two evaluations of the program. It compares programs; it does not read the cloud."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import IntEnum, StrEnum
from typing import Any

from bootstrap.platform.plan.registration import Evaluation, Registration
from components.azure.resource_types import PREFIX, resource_type
from components.azure.version_upgrade import why_not_in_place
from components.release import kubernetes_types
from settings.merge import differences


class Kind(StrEnum):
    """What happens to a resource."""

    ADDED = "added"
    CHANGED = "changed"
    REPLACED = "replaced"
    REMOVED = "removed"


class ExitStatus(IntEnum):
    """Exit statuses of ``bootstrap plan --against``, for scripts."""

    SAME = 0
    CHANGED = 2
    DESTRUCTIVE = 3


@dataclass(frozen=True, kw_only=True)
class PropertyChange:
    """An input or resource option that differs; a side without a value has None."""

    path: str
    """Dotted path of an input, or ``options.<name>``."""
    before: Any
    after: Any
    replaces: bool
    """Whether the change replaces the resource."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """The change of one resource."""

    urn: str
    type: str
    name: str
    kind: Kind
    properties: tuple[PropertyChange, ...] = ()
    destructive: bool = False
    """Whether the change destroys something that no later run restores."""
    refused: str = ""
    """Why an update would refuse the change, and what to do instead; empty where it would not."""


def compare(before: Evaluation, after: Evaluation) -> list[Change]:
    """Return the changes in the program's order, destructive ones first."""
    old, new = before.by_urn(), after.by_urn()
    for urn, registration in new.items():
        earlier = [alias for alias in registration.aliases if alias in old and alias not in new]
        if urn not in old and earlier:
            old[urn] = old.pop(earlier[0])
    changes = [_one(Kind.ADDED, registration) for urn, registration in new.items() if urn not in old]
    changes += [_one(Kind.REMOVED, registration) for urn, registration in old.items() if urn not in new]
    for urn, registration in new.items():
        if urn in old and (properties := tuple(_properties(old[urn], registration))):
            kind = Kind.REPLACED if any(change.replaces for change in properties) else Kind.CHANGED
            changes.append(replace(_one(kind, registration, properties), refused=_refused(old[urn], registration)))
    order = {urn: position for position, urn in enumerate([*old, *new])}
    return sorted(changes, key=lambda change: (not change.destructive, order[change.urn]))


def exit_status(changes: list[Change]) -> ExitStatus:
    """Return the exit status of the command."""
    if any(change.destructive for change in changes):
        return ExitStatus.DESTRUCTIVE
    return ExitStatus.CHANGED if changes else ExitStatus.SAME


def _one(kind: Kind, registration: Registration, properties: tuple[PropertyChange, ...] = ()) -> Change:
    lost = kind in {Kind.REPLACED, Kind.REMOVED} and is_destructive(registration.type)
    return Change(
        urn=registration.urn,
        type=registration.type,
        name=registration.name,
        kind=kind,
        properties=properties,
        destructive=lost,
    )


def _refused(before: Registration, after: Registration) -> str:
    if not after.type.endswith(":ManagedCluster"):
        return ""
    return why_not_in_place(before.inputs, after.inputs) or ""


def _properties(before: Registration, after: Registration) -> Iterator[PropertyChange]:
    for path, old, new in differences(before.inputs, after.inputs):
        if not any(path == ignored or path.startswith(f"{ignored}.") for ignored in after.ignore_changes):
            yield PropertyChange(path=path, before=old, after=new, replaces=replaces(after.type, path))
    for option in ("protect", "retain_on_delete", "deleted_with", "provider", "ignore_changes", "hooks"):
        old, new = getattr(before, option), getattr(after, option)
        if old != new:
            yield PropertyChange(path=f"options.{option}", before=old, after=new, replaces=False)


def replaces(token: str, path: str) -> bool:
    """Return whether a changed input replaces its resource."""
    if token.startswith(PREFIX):
        return resource_type(token).replaces(path)
    return kubernetes_types.replaces(token, path)


def is_destructive(token: str) -> bool:
    """Return whether the removal or replacement of a resource loses data or interrupts traffic.

    Raises:
        KeyError: it is a type of Azure's that the program does not use.
    """
    if token.startswith(PREFIX):
        return resource_type(token).destructive
    return token in kubernetes_types.DESTRUCTIVE
