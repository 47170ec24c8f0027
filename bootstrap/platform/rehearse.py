"""``bootstrap rehearse``: deploys or rebuilds a user's stack with the real engine, in a sandbox that costs nothing."""

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
from bootstrap.platform.plan.graph import critical_path, length, schedule, slow_seconds
from bootstrap.platform.recover import recover
from bootstrap.platform.run import settings_of
from bootstrap.private import private_files
from rehearsal.azure.cloud import Behaviour
from rehearsal.control_plane import ControlPlane, missing_binaries
from rehearsal.errors import RehearsalError
from rehearsal.events import Span
from rehearsal.project import missing_programs
from rehearsal.sandbox import Sandbox, existing_resources, served_charts, simulating
from settings import Settings
from settings.types import Target


class RehearseError(BootstrapError):
    """The rehearsal failed, as the real run would have; the text ends with Pulumi's output."""


@dataclass(frozen=True, kw_only=True)
class EngineRun:
    """One run of the engine."""

    title: str
    spans: Sequence[Span]
    """Its operations, in the order in which they began."""
    seconds: float
    """Duration, including the kill and the recovery before it."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """The result of a rehearsal: the runs, and the resources that would have been created."""

    stack: str
    runs: Sequence[EngineRun]
    resources: Sequence[str]
    """ARM ids of the resources in the cloud at the end."""
    critical_path: Sequence[str]
    """Logical names, first to last, if every step takes its typical time."""
    critical_path_seconds: int
    critical_path_slow_seconds: int
    """As above, where everything takes as long as nine of ten creations do at most."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return {
            "version": 1,
            "stack": self.stack,
            "acts": [
                {
                    "title": run.title,
                    "seconds": round(run.seconds, 3),
                    "steps": [
                        {
                            "urn": span.urn,
                            "operation": span.operation,
                            "beginsSeconds": round(span.begins, 3),
                            "endsSeconds": None if span.ends is None else round(span.ends, 3),
                            "failed": span.failed,
                        }
                        for span in run.spans
                    ],
                }
                for run in self.runs
            ],
            "resources": list(self.resources),
            "criticalPath": list(self.critical_path),
            "criticalPathSeconds": self.critical_path_seconds,
            "criticalPathSlowSeconds": self.critical_path_slow_seconds,
        }


@private_files()
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
        root: the user's project, which is not changed.
        stack: the stack.
        rebuild: raise the generation afterwards, and deploy that too.
        kill_at: kill the run and its plugins when the n-th step begins, recover, and continue.
        seconds_per_minute: real seconds for each minute that Azure typically takes.
        charts: folder with the real charts' archives; small charts of this package when None.
        console: where progress is shown.

    Raises:
        BootstrapError: a program is missing, the stack's target is not ``azure``, or a run fails.
    """
    if missing := [*missing_programs(), *missing_binaries()]:
        raise MissingToolError(f"a rehearsal runs the real engine and a real API server; missing: {', '.join(missing)}")
    settings = settings_of(root, stack)
    if settings.target is Target.LOCAL or settings.cluster is None:
        raise RehearseError(f"stack {stack} has nothing in Azure to rehearse; run `make up STACK={stack}` instead")
    evaluation = evaluate(root, stack)
    path = critical_path(schedule(evaluation))
    try:
        with _sandbox(
            root,
            stack,
            settings=settings,
            count=2 if rebuild else 1,
            charts=charts,
            behaviour=Behaviour(seconds_per_minute=seconds_per_minute),
            console=console,
        ) as sandbox:
            runs = [_run(sandbox, f"pulumi up ({stack}, from nothing)", console, kill_at)]
            if rebuild:
                sandbox.project.configure({"cluster": {"generation": settings.cluster.generation + 1}})
                runs.append(_run(sandbox, f"pulumi up (generation {settings.cluster.generation + 1})", console, None))
            with _progress(console, "a preview, which should find nothing to do"):
                sandbox.project.changes("--expect-no-changes")
            resources = [resource["id"] for resource in sandbox.cloud.resources()]
    except RehearsalError as error:
        raise RehearseError(str(error)) from None
    return Rehearsal(
        stack=stack,
        runs=runs,
        resources=resources,
        critical_path=[step.registration.name for step in path],
        critical_path_seconds=round(path[-1].ends) if path else 0,
        critical_path_slow_seconds=round(length(schedule(evaluation, seconds=slow_seconds))),
    )


@contextlib.contextmanager
def _sandbox(
    root: Path,
    stack: str,
    *,
    settings: Settings,
    count: int,
    charts: Path | None,
    behaviour: Behaviour,
    console: Console,
) -> Iterator[Sandbox]:
    """Start control planes and a chart repository, and create a sandbox that uses them; all are removed at the end."""
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-rehearsal-") as name, contextlib.ExitStack() as contexts:
        folder = Path(name)
        planes = [ControlPlane(name=f"rehearsal-{number}", folder=folder / f"kwok-{number}") for number in range(count)]
        with _progress(console, "starting control planes"):
            for plane in planes:
                plane.start()
                contexts.callback(plane.stop)
        url = contexts.enter_context(served_charts(folder / "charts", charts))
        contexts.enter_context(simulating(planes))
        sandbox = Sandbox.create(root, folder / "sandbox", stack, planes, charts=url, behaviour=behaviour)
        for type_, id_, inputs in existing_resources(settings):
            sandbox.cloud.put(id_, type_, inputs, 0)
        yield sandbox


def _run(sandbox: Sandbox, title: str, console: Console, kill_at: int | None) -> EngineRun:
    began = time.monotonic()
    if kill_at is not None:
        with _progress(console, f"{title}, killed at step {kill_at}"):
            _up_until_step(sandbox, kill_at)
        recover(sandbox.project.pulumi, report=lambda text: console.print(f"  {text}", style="dim"))
    with _live(console, title) as show:
        run = sandbox.project.run_recorded("up", "--yes", "--skip-preview", on_change=show)
    if run.done.returncode != 0:
        raise RehearseError(f"{title} failed:\n{run.done.stdout[-4000:]}")
    return EngineRun(title=title, spans=run.log.spans(), seconds=time.monotonic() - began)


def _up_until_step(sandbox: Sandbox, step: int) -> None:
    begun: set[str] = set()

    def kill_after(span: Span) -> float | None:
        begun.add(span.urn)
        return 0.0 if len(begun) >= step else None

    sandbox.project.up_until_killed(kill_after)


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
