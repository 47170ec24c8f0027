"""Whether volumes and objects of the cluster are backed up, and what a rebuild takes of that."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.forms import Form
from settings.report import Problem, Section, check
from settings.types import Clock, Flag, Unique

NamespaceName = Annotated[
    str,
    Form(
        "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", "1-63 lower-case letters, digits and hyphens, first and last no hyphen"
    ),
]


_LATEST, _NONE = "latest", "none"


def _no_time(value: str) -> str | None:
    if value in {_LATEST, _NONE}:
        return None
    try:
        dt.datetime.fromisoformat(value)
    except ValueError as error:
        return str(error)
    return None


RestorePoint = Annotated[
    str,
    Form(
        f"{_LATEST}|{_NONE}|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}T[0-9]{{2}}:[0-9]{{2}}Z",
        "latest, none, or a time in UTC such as 2026-11-28T01:00Z",
        refused=(_no_time,),
    ),
]


class Backup(Section):
    """Azure Backup for AKS: objects of the cluster, and snapshots of its disks, in the cluster's region.

    https://learn.microsoft.com/azure/backup/azure-kubernetes-service-backup-overview
    """

    enabled: Flag = False
    """Back the cluster up; what is in volumes is lost with the cluster otherwise."""
    every_hours: Literal[4, 6, 8, 12, 24] = 24
    """Hours from one backup to the next."""
    start_time: Clock = "01:00"
    """Time of day, UTC, that one starts at, HH:MM."""
    retention_days: Annotated[int, Field(strict=True, ge=1, le=360)] = 14
    """Days that each is kept. https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-support-matrix"""
    restore: RestorePoint = _LATEST
    """What a new generation's applications are restored from before Argo CD deploys them: the latest backup of another
    cluster, the latest by a time, or none."""
    excluded_namespaces: Annotated[tuple[NamespaceName, ...], Unique] = ()
    """Namespaces that are left out."""

    @property
    def restores(self) -> bool:
        """Whether a new generation's applications are restored."""
        return self.enabled and self.restore != _NONE

    @property
    def restored_at(self) -> dt.datetime | None:
        """The time by which the backup has to be; None for the latest."""
        return None if self.restore in {_LATEST, _NONE} else dt.datetime.fromisoformat(self.restore)

    @check
    def settings_of_something(self) -> Iterator[Problem]:
        """A schedule without backups would be dropped in silence."""
        if not self.enabled and (given := sorted(self.model_fields_set - {"enabled"})):
            keys = [type(self).model_fields[name].alias or name for name in given]
            yield Problem(("enabled",), f"got false with {', '.join(keys)}; allowed: true, or leave those out")


def warning_of(backup: Backup) -> str | None:
    """Return what production is warned of; None where backups are on, or turned off in so many words."""
    if backup.enabled or "enabled" in backup.model_fields_set:
        return None
    return (
        "NO BACKUP: what applications keep in volumes of this cluster is lost with it, and a rebuild starts empty; "
        "set backup.enabled: true, or false where nothing in the cluster has to be kept"
    )
