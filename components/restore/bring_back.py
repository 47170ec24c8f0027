"""Brings applications back from the backups of the cluster that they ran in, volumes included.

Whole namespaces come back, with what is in them and whatever of the cluster belongs to that: a claim alone would wait
for a snapshot that was left out. What is there already stays as it is, even an empty volume, so that this comes before
Argo CD deploys. https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-restore
"""

import datetime as dt
import os
import time
from collections.abc import Callable, Iterable

from components.restore.vault import Backups, Cluster, Job, Point, RestoreError

SECONDS = 7200.0
"""How long one may take. Recorded in Azure is one of a small cluster, 3 min 36 s; disks come from snapshots."""
SECONDS_OVERRIDE = "AKS_BOOTSTRAP_VOLUMES_SECONDS"
"""Environment variable with other seconds."""
POLL_SECONDS = 10.0


def chosen(points: Iterable[Point], *, into: Cluster, at: dt.datetime | None = None) -> Point | None:
    """Return the latest backup of another cluster; None where there is none.

    Args:
        points: all backups.
        into: the cluster that is restored into, whose own do not count.
        at: the time that it may not be after.
    """
    others = [point for point in points if point.cluster != into.name and (at is None or point.at <= at)]
    return max(others, key=lambda point: point.at, default=None)


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
    began, told = clock(), ""
    while not (job := backups.job(id_)).over:
        minutes = int((clock() - began) // 60)
        if clock() - began > limit:
            raise RestoreError(f"restore {id_} is {job.status} after {minutes} minutes, and goes on in Azure")
        if (line := f"restore {id_}: {job.status}, {minutes - minutes % 5} min") != told:
            say(line)
            told = line
        sleep(POLL_SECONDS)
    if not job.done:
        raise RestoreError(f"restore {id_} {job.status.lower()}: {'; '.join(job.notes) or 'Azure does not say why'}")
    return job


def bring_back(
    backups: Backups, cluster: Cluster, say: Callable[[str], None], *, now: dt.datetime, at: dt.datetime | None = None
) -> Job | None:
    """Bring a new cluster's applications back before anything deploys them; run again, it goes on where it was.

    Args:
        backups: the vault.
        cluster: the new cluster.
        say: told what is done.
        now: the time.
        at: what is restored is of this time, or the latest before; the latest of all when None.

    Returns:
        How it ended; None where there is nothing to restore.

    Raises:
        RestoreError: nothing was restored, or not all of it.
    """
    earlier = backups.restores_into(cluster.id, now=now)
    done = next((job for job in earlier if job.done), None)
    if done is not None:
        say(f"{cluster.name} was restored before ({done.status}), and is not again")
        return done
    going = next((job for job in earlier if not job.over), None)
    if going is None:
        point = chosen(backups.points(), into=cluster, at=at)
        if point is None and at is not None:
            raise RestoreError(f"no cluster was backed up by {at:%Y-%m-%d %H:%M} UTC: nothing to restore")
        if point is None:
            return None
        say(f"restoring {point} into {cluster.name}")
        return await_job(backups, backups.begin(point, cluster), say)
    say(f"a restore into {cluster.name} goes on")
    return await_job(backups, going.id, say)
