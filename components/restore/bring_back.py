"""Brings applications back from the backups of the cluster that they ran in, volumes included.

Whole namespaces come back: a claim alone would wait for a snapshot that was left out. What is there already stays as it
is, even an empty volume, so that this comes before Argo CD deploys.
https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-restore
"""

import datetime as dt
import os
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from components.restore.vault import Backups, Cluster, Job, Point, RestoreError

SECONDS = 7200.0
"""How long one may take. Recorded in Azure is one of a small cluster, 3 min 36 s; disks come from snapshots."""
SECONDS_OVERRIDE = "AKS_BOOTSTRAP_VOLUMES_SECONDS"
"""Environment variable with other seconds."""
POLL_SECONDS = 10.0

NEW = dt.timedelta(days=2)
"""A cluster that is older has applications of its own, into which no other's belong."""

_HARMLESS = "KubernetesBackupGenericWarning"
"""What Azure says of objects that are there already, such as those that the program has installed."""
_OF_VOLUMES = re.compile(r"persistentvolume|volumesnapshot|\bpvc?\b|\bdisk", re.IGNORECASE)


class Memory(Protocol):
    """What the new cluster itself knows, which no other cluster of its name does."""

    def age(self) -> dt.timedelta:
        """Return how old the cluster is."""

    def job(self) -> str | None:
        """Return the id of the restore that an earlier run began."""

    def remember(self, job: str) -> None:
        """Note a restore down."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """Which backup is wanted."""

    at: dt.datetime | None = None
    """It is of this time, or the latest before; the latest of all when None."""
    every: dt.timedelta
    """How often backups are taken: one that is much older than that is not the last state of anything."""

    @property
    def oldest(self) -> dt.timedelta:
        """How much older than what is wanted a backup may be."""
        return max(2 * self.every, dt.timedelta(days=2))


def chosen(backups: Backups, into: Cluster, wish: Wish, *, now: dt.datetime) -> Point | None:
    """Return the backup of another cluster that is wanted; None where the vault has no other cluster.

    Args:
        backups: the vault.
        into: the cluster that is restored into, whose own do not count.
        wish: which one.
        now: the time.

    Raises:
        RestoreError: there are other clusters, and none has a backup that is wanted.
    """
    clusters = sorted(set(backups.clusters()) - {into.name})
    if not clusters:
        return None
    points = [point for point in backups.points() if point.cluster != into.name]
    until = wish.at or now
    latest = max((point for point in points if point.at <= until), key=lambda point: point.at, default=None)
    if latest is None:
        raise RestoreError(f"of {', '.join(clusters)} there is no backup by {until:%Y-%m-%d %H:%M} UTC")
    if until - latest.at > wish.oldest:
        raise RestoreError(
            f"the last backup by {until:%Y-%m-%d %H:%M} UTC, {latest}, is older than one should be; if it is wanted, "
            f'set backup.restore: "{latest.at + dt.timedelta(minutes=1):%Y-%m-%dT%H:%MZ}"'
        )
    return latest


def await_job(
    backups: Backups,
    id_: str,
    say: Callable[[str], None],
    *,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Job:
    """Wait for a restore to end, and return how it did.

    Args:
        backups: the vault.
        id_: the job's id.
        say: told whenever something changes, and every few minutes.
        sleep: waits for a number of seconds; replaced in tests.
        clock: says the time in seconds; replaced in tests.

    Raises:
        RestoreError: it failed, or takes longer than it may; it goes on then, and can be waited for again.
    """
    limit = float(os.environ.get(SECONDS_OVERRIDE) or SECONDS)
    began, reported = clock(), ""
    while not (job := backups.job(id_)).over:
        minutes = int((clock() - began) // 60)
        if clock() - began > limit:
            raise RestoreError(f"restore {id_} is {job.status} after {minutes} minutes; it continues in Azure")
        if (line := f"restore {id_}: {job.status}, {minutes - minutes % 5} min") != reported:
            say(line)
            reported = line
        sleep(POLL_SECONDS)
    if not job.done:
        raise RestoreError(f"restore {id_} {job.status.lower()}: {'; '.join(job.notes) or 'Azure does not say why'}")
    return job


def bring_back(
    backups: Backups, cluster: Cluster, memory: Memory, wish: Wish, say: Callable[[str], None], *, now: dt.datetime
) -> Job | None:
    """Bring a new cluster's applications back before anything deploys them; run again, it goes on where it was.

    Args:
        backups: the vault.
        cluster: the new cluster.
        memory: the cluster's.
        wish: which backup.
        say: told what is done.
        now: the time.

    Returns:
        How it ended; None where there is nothing to restore.

    Raises:
        RestoreError: nothing was restored, or not all of it.
    """
    begun = memory.job()
    before = backups.job(begun) if begun else None
    if before is not None and before.done:
        say(f"{cluster.name} was restored before (job {before.id}, {before.status})")
        return whole(before)
    if before is None and memory.age() > NEW:
        say(f"{cluster.name} is {memory.age().days} days old, and its applications are its own: nothing is restored")
        return Job(id="none", status="Completed", notes=())
    if before is None or before.over:
        # whoever restores by hand meanwhile is waited for: Azure takes one at a time
        for other in backups.going_into(cluster.id, now=now):
            say(f"another restore into {cluster.name} goes on")
            await_job(backups, other, say)
        point = chosen(backups, cluster, wish, now=now)
        if point is None:
            return None
        say(f"restoring {point} into {cluster.name}")
        begun = backups.begin(point, cluster)
        memory.remember(begun)
    else:
        say(f"the restore into {cluster.name} goes on")
    return whole(await_job(backups, str(begun), say))


def whole(job: Job) -> Job:
    """Return a restore of which nothing is missing.

    Raises:
        RestoreError: Azure warns of more than of objects that are there already.
    """
    if missing := [note for note in job.notes if is_loss(note)]:
        raise RestoreError(f"restore {job.id} is incomplete: {'; '.join(missing)}")
    return job


def is_loss(note: str) -> bool:
    """Whether a warning tells of something that did not come back."""
    return not note.startswith(f"{_HARMLESS}:") or _OF_VOLUMES.search(note) is not None
