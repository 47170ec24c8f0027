"""One table of measurements, each a ratio or beside a peer, taken in one run on one machine."""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from bench import promotions
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.plan.graph import schedule
from bootstrap.platform.plan.registration import Evaluation
from rehearsal.azure.cloud import Manners
from rehearsal.control_plane import ControlPlane, missing_binaries
from rehearsal.events import Span
from rehearsal.project import Project, missing_programs
from rehearsal.stage import Stage, playing, serving_charts
from rehearsal.timeline import makespan, shown

ROOT = Path(__file__).resolve().parents[1]
SECONDS_PER_MINUTE = 4.0
"""Slow enough that Azure's times, not this machine's, make the makespan."""

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
"""The peer of a preview: three resources of azure-native, the least that a program of this kind can be."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    what: str
    measured: str
    beside: str
    ratio: str


def main() -> int:
    """Measure, and print the table as Markdown with ``--markdown``."""
    console = Console()
    if missing := [*missing_programs(), *missing_binaries()]:
        console.print(f"the measurements run the real engine and a real API server; missing: {', '.join(missing)}")
        return 1
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-bench-") as name, stage_hand(Path(name)) as hand:
        for measure in (previews, makespans, growth, memory, fifty_promotions):
            with console.status(measure.__doc__ or ""):
                rows += measure(hand)
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
class Hand:
    """Sets stages on running control planes."""

    folder: Path
    planes: Sequence[ControlPlane]
    charts: str

    def stage(self, name: str, stack: str, **changes: Any) -> Stage:  # noqa: ANN401 - sections of a stack file
        """Set a stage on the control planes that are there."""
        manners = Manners(seconds_per_minute=SECONDS_PER_MINUTE)
        return Stage.set(
            ROOT, self.folder / name, stack, self.planes, charts=self.charts, manners=manners, changes=changes
        )


@contextmanager
def stage_hand(folder: Path) -> Iterator[Hand]:
    """Start two control planes and the charts' repository."""
    planes = [ControlPlane(name=f"bench-{number}", folder=folder / f"kwok-{number}") for number in range(2)]
    try:
        for plane in planes:
            plane.start()
        with serving_charts(folder / "charts") as charts, playing(planes):
            yield Hand(folder, planes, charts)
    finally:
        for plane in planes:
            plane.stop()


def previews(hand: Hand) -> list[Row]:
    """Measure a preview of prod beside a minimal program's."""
    on = hand.stage("preview", "prod")
    minimal = minimal_project(hand, "minimal")
    # in turns, so that both meet the same machine
    rounds = [[best(partial(one.pulumi, "preview"), tries=1) for one in (on.project, minimal)] for _ in range(5)]
    ours, peer = (min(seconds) for seconds in zip(*rounds, strict=True))
    return [
        Row(
            "`pulumi preview` of prod", f"{ours:.1f} s", f"3 resources of azure-native: {peer:.1f} s", times(ours, peer)
        )
    ]


def minimal_project(hand: Hand, name: str) -> Project:
    """Return the peer's project, beside a cloud of its own."""
    on = hand.stage(name, "dev")
    (on.project.folder / "__main__.py").write_text(MINIMAL, encoding="utf-8")
    return on.project


def makespans(hand: Hand) -> list[Row]:
    """Measure an up and a rebuild beside what their own steps imply."""
    on = hand.stage("makespan", "prod")
    first = on.project.watched("up", "--yes", "--skip-preview")
    check(first.done)
    on.project.configure({"cluster": {"generation": 2}})
    second = on.project.watched("up", "--yes", "--skip-preview")
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
    from bootstrap.stackfile import read_stack  # noqa: PLC0415

    key = "aks-bootstrap:cluster"
    return {key: json.dumps({**json.loads(read_stack(ROOT, "prod").values[key]), "generation": generation})}


def critical_seconds(program: Evaluation, spans: Sequence[Span], until: str | None = None) -> float:
    """Return the longest way through the program's graph, every step as long as it was measured."""
    # a plan's URNs name only the parent's type, the engine's every ancestor's
    took = {
        (span.type, span.name): (span.ends or span.begins) - span.begins
        for span in spans
        if not span.type.startswith(("aks-bootstrap:", "pulumi:"))
    }
    steps = schedule(program, seconds=lambda registration: took.get((registration.type, registration.name), 0.0))
    ends = [step.ends for step in steps.values() if until in (None, step.registration.name)]
    return max(ends, default=0.0)


def growth(hand: Hand) -> list[Row]:
    """Measure plan and preview with more and more node pools."""
    rows: list[Row] = []
    first: dict[str, float] = {}
    for count in (1, 8, 64):
        pools = [{"name": f"pool{n}", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 2} for n in range(count)]
        on = hand.stage(f"pools-{count}", "dev", nodePools=pools)
        plan = best(partial(run_plan, on.project.folder))
        preview = best(partial(on.project.pulumi, "preview"), tries=1)
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
    subprocess.run(  # noqa: S603 - our own code
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


def memory(hand: Hand) -> list[Row]:
    """Measure the memory of the program."""

    def peak(folder: Path, stack: str) -> float:
        code = _PEAK.format(root=str(ROOT), folder=str(folder), stack=stack)
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - our own code
        return int(done.stdout) / 1024

    ours, peer = peak(ROOT, "prod"), peak(minimal_project(hand, "memory").folder, "dev")
    beside = f"3 resources of azure-native: {peer:.0f} MiB"
    return [Row("memory of the program, prod", f"{ours:.0f} MiB", beside, times(ours, peer))]


def fifty_promotions(hand: Hand) -> list[Row]:
    """Measure fifty promotions at once."""
    together, alone, landed = promotions.measure(hand.folder / "promotions")
    what = f"{promotions.COUNT} promotions at once, {landed} commits landed"
    return [Row(what, f"{together:.1f} s", f"one after the other: {alone:.1f} s", times(together, alone))]


def best(act: Callable[[], object], tries: int = 3) -> float:
    """Return the seconds of the fastest of several runs."""
    found = []
    for _ in range(tries):
        began = time.monotonic()
        act()
        found.append(time.monotonic() - began)
    return min(found)


def times(measured: float, beside: float) -> str:
    """Spell a ratio."""
    return f"{measured / beside:.2f}" if beside else "-"


def check(done: "subprocess.CompletedProcess[str]") -> None:
    """Stop where a run failed."""
    if done.returncode != 0:
        raise SystemExit(done.stdout[-3000:])


if __name__ == "__main__":
    raise SystemExit(main())
