"""``bootstrap restore``: lists a stack's backups, and brings namespaces back from one of them by hand."""

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bootstrap.errors import BootstrapError, UpError
from bootstrap.platform.deployed import cluster_id
from bootstrap.platform.doctor.azure import credential_from_environment
from bootstrap.platform.doctor.needs import Needs
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.run import prepare, settings_of
from bootstrap.platform.verify.connect import outputs_of
from components.restore.bring_back import await_job
from components.restore.vault import PLATFORM_NAMESPACES, Backups, Cluster, Job, Point, RestoreError
from settings.types import Target

T = TypeVar("T")

_VAULTS = "Microsoft.DataProtection/backupVaults"


@dataclass(frozen=True, kw_only=True)
class Stack:
    """A stack's backups, and the cluster that is up."""

    name: str
    vault: str
    backups: Backups
    cluster: Cluster

    def points(self) -> list[Point]:
        """Return all backups, the latest first.

        Raises:
            UpError: Azure does not say.
        """
        return _answered(self.backups.points)

    def restore(self, point: Point, namespaces: Sequence[str], say: Callable[[str], None]) -> Job:
        """Bring namespaces back, and wait for it; what is there already stays as it is.

        Raises:
            UpError: Azure refuses, or the restore fails.
        """

        def run() -> Job:
            return await_job(self.backups, self.backups.begin(point, self.cluster, namespaces), say)

        return _answered(run)

    def to_json(self, points: Sequence[Point]) -> dict[str, Any]:
        """Return what ``--format json`` prints."""
        return {
            "vault": self.vault,
            "cluster": self.cluster.name,
            "backups": [{"id": each.id, "cluster": each.cluster, "time": each.at.isoformat()} for each in points],
        }


def stack_of(root: Path, stack: str, console: Console) -> Stack:
    """Find a stack's vault, and its cluster.

    Args:
        root: the project.
        stack: the stack's name.
        console: where progress is shown.

    Raises:
        BootstrapError: the stack has no backups, was never deployed, or its files cannot be read.
    """
    settings = settings_of(root, stack)
    if settings.target is Target.LOCAL or not settings.backup.enabled:
        raise UpError(f"stack {stack} has no backups: backup.enabled, in Azure alone, turns them on")
    outputs = outputs_of(prepare(root, stack, console))
    needs = Needs(settings, evaluate(root, stack))
    parts = needs.of(_VAULTS)[0].id.split("/")
    credential = credential_from_environment(str(needs.azure.tenant_id))
    cluster = Cluster(id=cluster_id(needs, outputs), location=needs.location)
    return Stack(
        name=stack,
        vault=parts[-1],
        backups=Backups(credential, needs.subscription_id, parts[4], parts[-1]),
        cluster=cluster,
    )


def chosen(points: Sequence[Point], id_: str | None) -> Point:
    """Return the backup of an id, or the latest.

    Raises:
        UpError: there is no such backup, or none at all.
    """
    if not points:
        raise UpError("there is no backup yet")
    if id_ is None:
        return points[0]
    found = next((point for point in points if point.id == id_), None)
    if found is None:
        raise UpError(f"--point: got {id_!r}; `bootstrap restore` lists the ids of {len(points)} backups")
    return found


def check_namespaces(namespaces: Sequence[str]) -> None:
    """Refuse what this program fills, and would only be mixed with another cluster's state.

    Raises:
        BootstrapError: a namespace is the platform's.
    """
    if refused := sorted({each for each in namespaces if each in PLATFORM_NAMESPACES or each.startswith("kube-")}):
        raise BootstrapError(f"--namespace: got {', '.join(refused)}; allowed: namespaces of applications")


def print_points(stack: Stack, points: Sequence[Point], console: Console) -> None:
    """Print the backups as a table, the latest first."""
    now = dt.datetime.now(dt.UTC)
    table = Table("time (UTC)", "age", "of", "id", box=None, title=f"backups in {stack.vault}", title_justify="left")
    for each in points:
        table.add_row(f"{each.at:%Y-%m-%d %H:%M}", _age(now - each.at), each.cluster, each.id)
    if points:
        console.print(table)
        command = f"bootstrap restore --stack {stack.name} --namespace <namespace> [--point <id>]"
        console.print(f"\nInto {stack.cluster.name}: {command}", markup=False)
    else:
        console.print(f"{stack.vault} has no backup yet")


def print_job(job: Job, console: Console) -> None:
    """Print how a restore ended, with what Azure says of it."""
    for note in job.notes:
        console.print(f"[yellow]![/] {escape(note)}")
    mark = "[yellow]![/] restored, with warnings" if job.notes else "[green]✓[/] restored"
    console.print(f"{mark} ({job.status}, job {job.id}); of a namespace that the backup does not have, nothing is")


def _age(age: dt.timedelta) -> str:
    hours = int(age.total_seconds() // 3600)
    return f"{hours} h" if hours < 48 else f"{hours // 24} d"


def _answered(ask: Callable[[], T]) -> T:
    try:
        return ask()
    except RestoreError as error:
        raise UpError(str(error)) from None
