"""``bootstrap rehearse``: a user's own stack file, brought up or rebuilt for real, against nothing that costs money."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from bootstrap.errors import BootstrapError, MissingToolError
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.plan.graph import critical_path, schedule
from bootstrap.platform.recover import recover
from bootstrap.platform.up import settings_of
from rehearsal.azure.cloud import Manners
from rehearsal.control_plane import ControlPlane, missing_binaries
from rehearsal.errors import RehearsalError
from rehearsal.events import Span
from rehearsal.project import missing_programs
from rehearsal.stage import Stage, playing, serving_charts, what_exists
from settings import Settings
from settings.types import Target


class RehearseError(BootstrapError):
    """The rehearsal failed, as the real run would have; the text ends with what Pulumi said."""


@dataclass(frozen=True, kw_only=True)
class Act:
    """One run of the engine."""

    title: str
    spans: Sequence[Span]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """What happened, and what would have been created."""

    stack: str
    acts: Sequence[Act]
    resources: Sequence[str]
    """ARM ids in the cloud at the end."""
    critical_path: Sequence[str]
    """Logical names, first to last, if everything takes its typical time."""
    critical_path_seconds: int

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read; keys are only ever added."""
        return {
            "version": 1,
            "stack": self.stack,
            "acts": [
                {
                    "title": act.title,
                    "seconds": round(act.seconds, 3),
                    "steps": [
                        {
                            "urn": span.urn,
                            "operation": span.operation,
                            "beginsSeconds": round(span.begins, 3),
                            "endsSeconds": None if span.ends is None else round(span.ends, 3),
                            "failed": span.failed,
                        }
                        for span in act.spans
                    ],
                }
                for act in self.acts
            ],
            "resources": list(self.resources),
            "criticalPath": list(self.critical_path),
            "criticalPathSeconds": self.critical_path_seconds,
        }


def rehearse(
    root: Path,
    stack: str,
    *,
    rebuild: bool,
    kill_at: int | None,
    seconds_per_minute: float,
    charts: Path | None,
    console: Console,
) -> Rehearsal:
    """Rehearse a stack of target ``azure`` from nothing, on throwaway control planes.

    Args:
        root: the user's project; it stays as it is.
        stack: the stack.
        rebuild: raise the generation afterwards, and bring that up too.
        kill_at: kill everything when the n-th step begins, recover, and go on.
        seconds_per_minute: real seconds that stand for a minute in Azure.
        charts: folder with the real charts' archives; small charts of ours when None.
        console: where progress is shown.

    Raises:
        BootstrapError: a program is missing, the stack is not one of Azure, or the run fails.
    """
    if missing := [*missing_programs(), *missing_binaries()]:
        raise MissingToolError(f"a rehearsal runs the real engine and a real API server; missing: {', '.join(missing)}")
    settings = settings_of(root, stack)
    if settings.target is Target.LOCAL or settings.cluster is None:
        raise RehearseError(
            f"stack {stack} has nothing in Azure to rehearse; `make up STACK={stack}` is the real thing"
        )
    path = critical_path(schedule(evaluate(root, stack)))
    try:
        with _stage(
            root,
            stack,
            settings=settings,
            count=2 if rebuild else 1,
            charts=charts,
            manners=Manners(seconds_per_minute=seconds_per_minute),
            console=console,
        ) as on:
            acts = [_act(on, f"pulumi up ({stack}, from nothing)", console, kill_at)]
            if rebuild:
                on.project.configure({"cluster": {"generation": settings.cluster.generation + 1}})
                acts.append(_act(on, f"pulumi up (generation {settings.cluster.generation + 1})", console, None))
            with _progress(console, "a preview, which should find nothing to do"):
                on.project.changes("--expect-no-changes")
            resources = [resource["id"] for resource in on.cloud.resources()]
    except RehearsalError as error:
        raise RehearseError(str(error)) from None
    return Rehearsal(
        stack=stack,
        acts=acts,
        resources=resources,
        critical_path=[step.registration.name for step in path],
        critical_path_seconds=round(path[-1].ends) if path else 0,
    )


@contextlib.contextmanager
def _stage(
    root: Path,
    stack: str,
    *,
    settings: Settings,
    count: int,
    charts: Path | None,
    manners: Manners,
    console: Console,
) -> Iterator[Stage]:
    """Set the stage: control planes, charts, an empty cloud and a copy of the project; nothing of it is left."""
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-rehearsal-") as name, contextlib.ExitStack() as over:
        folder = Path(name)
        planes = [ControlPlane(name=f"rehearsal-{number}", folder=folder / f"kwok-{number}") for number in range(count)]
        with _progress(console, "starting control planes"):
            for plane in planes:
                plane.start()
                over.callback(plane.stop)
        url = over.enter_context(serving_charts(folder / "charts", charts))
        over.enter_context(playing(planes))
        on = Stage.set(root, folder / "stage", stack, planes, charts=url, manners=manners)
        for type_, id_, inputs in what_exists(settings):
            on.cloud.put(id_, type_, inputs, 0)
        yield on


def _act(on: Stage, title: str, console: Console, kill_at: int | None) -> Act:
    began = time.monotonic()
    if kill_at is not None:
        with _progress(console, f"{title}, killed at step {kill_at}"):
            _killed(on, kill_at)
        recover(on.project.pulumi, say=lambda text: console.print(f"  {text}", style="dim"))
    with _live(console, title) as show:
        run = on.project.watched("up", "--yes", "--skip-preview", on_change=show)
    if run.done.returncode != 0:
        raise RehearseError(f"{title} failed:\n{run.done.stdout[-4000:]}")
    return Act(title=title, spans=run.log.spans(), seconds=time.monotonic() - began)


def _killed(on: Stage, step: int) -> None:
    begun: set[str] = set()

    def aim(span: Span) -> float | None:
        begun.add(span.urn)
        return 0.0 if len(begun) >= step else None

    on.project.killed_up(aim)


@contextlib.contextmanager
def _progress(console: Console, text: str) -> Iterator[None]:
    with console.status(text):
        yield
    console.print(f"[green]✓[/] {text}")


@contextlib.contextmanager
def _live(console: Console, title: str) -> Iterator[Any]:
    under_way: dict[str, str] = {}
    done = 0
    progress = Progress(
        SpinnerColumn(), TimeElapsedColumn(), TextColumn("{task.description}"), console=console, transient=True
    )
    with progress:
        task = progress.add_task(title)

        def show(span: Span) -> None:
            nonlocal done
            if span.type.startswith(("aks-bootstrap:", "pulumi:")):
                return
            if span.ends is None:
                under_way[span.urn] = f"{span.operation} {span.name}"
            else:
                under_way.pop(span.urn, None)
                done += 1
            now = ", ".join(under_way.values())
            progress.update(task, description=f"{title}: {done} done, now {now}"[: max(20, console.width - 12)])

        yield show
    console.print(f"[green]✓[/] {title}: {done} steps")
