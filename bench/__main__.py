"""One table of measurements, each next to a baseline, taken in one run on one machine."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import deliveries, promotions
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.plan.graph import schedule
from bootstrap.platform.plan.registration import Evaluation
from bootstrap.stackfile import read_stack
from rehearsal.azure.cloud import Behaviour
from rehearsal.control_plane import ControlPlane, missing_binaries
from rehearsal.events import Span
from rehearsal.project import Project, missing_programs
from rehearsal.sandbox import Sandbox, served_charts, simulating
from rehearsal.timeline import makespan, shown

ROOT = Path(__file__).resolve().parents[1]
SECONDS_PER_MINUTE = 4.0
"""Slow enough that the makespan is determined by Azure's times, not by this machine's."""

FEW, MANY = 100, 500
"""Applications."""

MINIMAL = """\
import pulumi_azure_native as azure
from pulumi_azure_native import managedidentity, network, resources
import pulumi

opts = pulumi.ResourceOptions(provider=azure.Provider("azure", subscription_id="5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51"))
group = resources.ResourceGroup("group", resource_group_name="rg-minimal", location="swedencentral", opts=opts)
network.PublicIPAddress("address", public_ip_address_name="pip", resource_group_name=group.name,
                        location="swedencentral", opts=opts)
managedidentity.UserAssignedIdentity("identity", resource_name_="id", resource_group_name=group.name,
                                     location="swedencentral", opts=opts)
"""
"""The baseline of a preview: three resources of azure-native, about the smallest program of this kind."""


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    what: str
    measured: str
    beside: str
    """The baseline."""
    ratio: str


def main() -> int:
    """Measure, and print the table; as Markdown with ``--markdown``."""
    console = Console()
    if missing := [*missing_programs(), *missing_binaries()]:
        console.print(f"the measurements run the real engine and a real API server; missing: {', '.join(missing)}")
        return 1
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-bench-") as name, bench_setup(Path(name)) as setup:
        for measure in (previews, makespans, growth, memory, fifty_promotions, long_histories, many_applications):
            with console.status(measure.__doc__ or ""):
                rows += measure(setup)
    if "--markdown" in sys.argv:
        console.print("| what | measured | beside | ratio |\n|---|---|---|---|", markup=False)
        for row in rows:
            console.print(f"| {row.what} | {row.measured} | {row.beside} | {row.ratio} |", markup=False, soft_wrap=True)
        return 0
    table = Table("what", "measured", "beside", "ratio", box=None)
    for row in rows:
        table.add_row(row.what, row.measured, row.beside, row.ratio)
    console.print(table)
    return 0


@dataclass(frozen=True)
class Setup:
    """Creates sandboxes that share running control planes and a chart repository."""

    folder: Path
    planes: Sequence[ControlPlane]
    charts: str
    """URL of the chart repository."""

    def sandbox(self, name: str, stack: str, **changes: object) -> Sandbox:
        """Create a sandbox.

        Args:
            name: folder of the sandbox.
            stack: the stack.
            changes: sections merged into its stack file.
        """
        behaviour = Behaviour(seconds_per_minute=SECONDS_PER_MINUTE)
        return Sandbox.create(
            ROOT, self.folder / name, stack, self.planes, charts=self.charts, behaviour=behaviour, changes=changes
        )


@contextmanager
def bench_setup(folder: Path) -> Iterator[Setup]:
    """Start two control planes and a chart repository."""
    planes = [ControlPlane(name=f"bench-{number}", folder=folder / f"kwok-{number}") for number in range(2)]
    try:
        for plane in planes:
            plane.start()
        with served_charts(folder / "charts") as charts, simulating(planes):
            yield Setup(folder, planes, charts)
    finally:
        for plane in planes:
            plane.stop()


def previews(setup: Setup) -> list[Row]:
    """Measure a preview of prod against that of a minimal program."""
    sandbox = setup.sandbox("preview", "prod")
    minimal = minimal_project(setup, "minimal")
    # in turns, so that the machine's load affects both alike
    rounds = [[best(partial(one.pulumi, "preview"), tries=1) for one in (sandbox.project, minimal)] for _ in range(5)]
    ours, peer = (min(seconds) for seconds in zip(*rounds, strict=True))
    return [
        Row(
            "`pulumi preview` of prod", f"{ours:.1f} s", f"3 resources of azure-native: {peer:.1f} s", times(ours, peer)
        )
    ]


def minimal_project(setup: Setup, name: str) -> Project:
    """Return a project of the minimal program, in a sandbox of its own."""
    sandbox = setup.sandbox(name, "dev")
    (sandbox.project.folder / "__main__.py").write_text(MINIMAL, encoding="utf-8")
    return sandbox.project


def makespans(setup: Setup) -> list[Row]:
    """Measure an up and a rebuild against the critical path of their own steps."""
    sandbox = setup.sandbox("makespan", "prod")
    first = sandbox.project.run_recorded("up", "--yes", "--skip-preview")
    check(first.done)
    sandbox.project.configure({"cluster": {"generation": 2}})
    second = sandbox.project.run_recorded("up", "--yes", "--skip-preview")
    check(second.done)
    rows = []
    for title, run, generation in (("up", first, 1), ("rebuild", second, 2)):
        program = evaluate(ROOT, "prod", _with_generation(generation))
        created = [s for s in run.log.spans() if s.operation != "delete"]
        implied, measured = critical_seconds(program, created), makespan(created)
        rows.append(
            Row(
                f"makespan of {title}",
                f"{measured:.1f} s",
                f"its critical path: {implied:.1f} s",
                times(measured, implied),
            )
        )
        if generation == 2:
            serving = run.log.span(type_="helm.sh/v3:Release", name="ingress-g2").ends or 0.0
            to_ingress = critical_seconds(program, created, until="ingress-g2")
            began = min(span.begins for span in shown(created))
            rows.append(
                Row(
                    "rebuild until ingress serves",
                    f"{serving - began:.1f} s",
                    f"its critical path: {to_ingress:.1f} s",
                    times(serving - began, to_ingress),
                )
            )
    return rows


def _with_generation(generation: int) -> dict[str, str]:

    key = "aks-bootstrap:cluster"
    return {key: json.dumps({**json.loads(read_stack(ROOT, "prod").values[key]), "generation": generation})}


def critical_seconds(program: Evaluation, spans: Sequence[Span], until: str | None = None) -> float:
    """Return the length of the critical path, in seconds, with the measured duration of every step.

    Args:
        program: the plan, for the dependencies.
        spans: the measured operations.
        until: logical name of the resource at which the path ends; the last one when None.
    """
    # matched by type and name: a plan's URNs contain only the parent's type, the engine's those of all ancestors
    took = {
        (span.type, span.name): (span.ends or span.begins) - span.begins
        for span in spans
        if not span.type.startswith(("aks-bootstrap:", "pulumi:"))
    }
    steps = schedule(program, seconds=lambda registration: took.get((registration.type, registration.name), 0.0))
    ends = [step.ends for step in steps.values() if until in (None, step.registration.name)]
    return max(ends, default=0.0)


def growth(setup: Setup) -> list[Row]:
    """Measure plan and preview with an increasing number of node pools."""
    rows: list[Row] = []
    first: dict[str, float] = {}
    for count in (1, 8, 64):
        pools = [{"name": f"pool{n}", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 2} for n in range(count)]
        sandbox = setup.sandbox(f"pools-{count}", "dev", nodePools=pools)
        plan = best(partial(run_plan, sandbox.project.folder))
        preview = best(partial(sandbox.project.pulumi, "preview"), tries=1)
        first = first or {"plan": plan, "preview": preview}
        for what, seconds in (("plan", plan), ("preview", preview)):
            rows.append(
                Row(
                    f"{what}, {count} node pools",
                    f"{seconds:.1f} s",
                    f"1 pool: {first[what]:.1f} s",
                    times(seconds, first[what]),
                )
            )
    return rows


def run_plan(folder: Path) -> None:
    """Evaluate a project's program in a process of its own."""
    subprocess.run(
        [sys.executable, "-m", "bootstrap.platform.plan.evaluate", str(folder), "dev"],
        check=True,
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )


_PEAK = """
import sys
from pathlib import Path
sys.path.insert(0, {root!r})
from bootstrap.platform.plan.evaluate import evaluate
evaluate(Path({folder!r}), {stack!r})
# not getrusage(): after a fork that counts the parent's memory too
print(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


def memory(setup: Setup) -> list[Row]:
    """Measure the peak memory of the program."""

    def peak(folder: Path, stack: str) -> float:
        code = _PEAK.format(root=str(ROOT), folder=str(folder), stack=stack)
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return int(done.stdout) / 1024

    ours, peer = peak(ROOT, "prod"), peak(minimal_project(setup, "memory").folder, "dev")
    beside = f"3 resources of azure-native: {peer:.0f} MiB"
    return [Row("memory of the program, prod", f"{ours:.0f} MiB", beside, times(ours, peer))]


def fifty_promotions(setup: Setup) -> list[Row]:
    """Measure fifty concurrent promotions against fifty sequential ones."""
    together, alone, landed = promotions.measure(setup.folder / "promotions")
    what = f"{promotions.COUNT} promotions at once, {landed} commits landed"
    return [Row(what, f"{together:.1f} s", f"one after the other: {alone:.1f} s", times(together, alone))]


def many_applications(setup: Setup) -> list[Row]:
    """Measure rendering against plain Helm, and the validation of many applications against that of fewer."""
    few, many = (deliveries.project(setup.folder / f"applications-{count}", count) for count in (FEW, MANY))
    ours, plain = deliveries.rendering(few)
    small, large = deliveries.validation(few), deliveries.validation(many)
    expected = small * MANY / FEW
    return [
        Row(f"{FEW} applications rendered", f"{ours:.1f} s", f"by plain Helm: {plain:.1f} s", times(ours, plain)),
        Row(
            f"{MANY} applications validated",
            f"{large:.1f} s",
            f"{MANY // FEW} times {FEW} applications: {expected:.1f} s",
            times(large, expected),
        ),
    ]


def long_histories(setup: Setup) -> list[Row]:
    """Measure a promotion into a repository with a long history against one into a short history."""
    rows = []
    for name, options in (("depth 1", ("--depth=1",)), ("full", ())):
        long, short = promotions.measure_history(setup.folder / f"history-{name}", 20_000, *options)
        what = f"promotion, 20,000 commits, {name} clone"
        rows.append(Row(what, f"{long:.2f} s", f"25 commits: {short:.2f} s", times(long, short)))
    return rows


def best(action: Callable[[], object], tries: int = 3) -> float:
    """Return the duration of the fastest of several runs, in seconds."""
    return min(deliveries.timed(action) for _ in range(tries))


def times(measured: float, beside: float) -> str:
    """Return a ratio as text."""
    return f"{measured / beside:.2f}" if beside else "-"


def check(done: "subprocess.CompletedProcess[str]") -> None:
    """End the measurements if a run failed."""
    if done.returncode != 0:
        raise SystemExit(done.stdout[-3000:])


if __name__ == "__main__":
    raise SystemExit(main())
