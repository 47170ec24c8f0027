"""Compares the applications of two clusters: is any worse where names are about to lead?"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

WELL = "Synced, Healthy"


def state_of(application: Mapping[str, Any]) -> tuple[str, str]:
    """Return the sync status and the health of an object of kind Application.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/health/
    """
    status = application.get("status") or {}
    sync, health = status.get("sync") or {}, status.get("health") or {}
    return str(sync.get("status") or "Unknown"), str(health.get("status") or "Unknown")


@dataclass(frozen=True, kw_only=True)
class Applications:
    """What Argo CD says of the applications of one cluster."""

    states: Mapping[str, str]
    """Of each application by name: sync status and health, such as ``Synced, Healthy``."""

    @classmethod
    def of(cls, objects: Iterable[Mapping[str, Any]]) -> "Applications":
        """Read objects of kind Application."""
        return cls(states={str(found["metadata"]["name"]): ", ".join(state_of(found)) for found in objects})


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What the new side lacks, and what the old one lacks as well."""

    worse: tuple[str, ...] = ()
    """Applications that names have to wait for, each with its state."""
    unhealthy: tuple[str, ...] = ()
    """Applications that are unhealthy on the old side too, or that have no old side to be compared with; none waits."""


def compare(new: Applications, old: Applications | None) -> Comparison:
    """Compare the applications of a new cluster with those of the one that names lead to.

    Args:
        new: of the new cluster.
        old: of the old one; None where it does not answer, and nothing could be worse than there.
    """
    worse, unhealthy = [], []
    for name in sorted({*new.states, *(old.states if old else ())}):
        state = new.states.get(name, "not there")
        if state == WELL:
            continue
        before = old.states.get(name, WELL) if old else state
        if before == WELL:
            worse.append(f"{name} ({state})")
        else:
            unhealthy.append(f"{name} ({state})")
    return Comparison(worse=tuple(worse), unhealthy=tuple(unhealthy))
