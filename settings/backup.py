"""Whether volumes and objects of the cluster are backed up."""

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
    excluded_namespaces: Annotated[tuple[NamespaceName, ...], Unique] = ()
    """Namespaces that are left out."""

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
