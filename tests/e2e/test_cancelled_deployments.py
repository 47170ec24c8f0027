"""A deployment that somebody cancels on GitHub: the steps of the workflow's file, and signals as its runner sends them.

The runner signals the step's first process, which is the shell, and nobody else: SIGINT, after 7.5 seconds SIGTERM,
after 2.5 more it kills the tree: https://github.com/actions/runner, src/Runner.Sdk/ProcessInvoker.cs.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.azure.cloud import Behaviour
from rehearsal.events import EventLog, Span
from tests.workflow_steps import step

ROOT = Path(__file__).resolve().parents[2]
TO_SIGTERM, TO_SIGKILL = 1.5, 0.5
"""Seconds; a fifth of the runner's."""

POINTS = (
    "",
    "resources:ResourceGroup::network-swedencentral",
    "network:VirtualNetwork::vnet-swedencentral",
    "network:NatGateway::nat-swedencentral",
    "containerservice:ManagedCluster::aks-g1-a895",
    "containerservice:AgentPool::pool-apps-g1",
    "helm.sh/v3:Release::cert-manager-g1",
    "helm.sh/v3:Release::ingress-g1",
    "helm.sh/v3:Release::external-secrets-g1",
    "helm.sh/v3:Release::argocd-g1",
)
"""Ends of URNs, whose operation is under way when a run is cancelled; the first run has not done anything then."""

_PULUMI = """#!/bin/bash
# the CLI itself, which also writes down what it does
case " $* " in *" up "*) set -- "$@" "--event-log=$EVENTS" ;; esac
exec {pulumi} "$@"
"""
_BOOTSTRAP = """#!/bin/bash
exec {python} -c 'import sys; sys.path.insert(0, "."); from bootstrap.cli import main; main()' "$@"
"""


@dataclass(frozen=True, kw_only=True)
class Cancelled:
    """A run that was cancelled."""

    signals: tuple[str, ...]
    """What it took to end it."""
    under_way: tuple[Span, ...]
    """What was in progress at the end."""


class Runner:
    """Runs steps of the workflow in the folder of a sandbox's project."""

    def __init__(self, sandbox: Any, folder: Path) -> None:
        self.sandbox, self.folder = sandbox, folder
        project = sandbox.project.folder
        shutil.copytree(ROOT / "bootstrap", project / "bootstrap", ignore=shutil.ignore_patterns("__pycache__"))
        programs = folder / "programs"
        programs.mkdir()
        pulumi = shutil.which("pulumi", path=sandbox.project.environment["PATH"])
        self._script(programs / "pulumi", _PULUMI.format(pulumi=pulumi))
        self._script(programs / "az", "#!/bin/bash\necho somebody\n")
        self._environment_of_python(project / ".venv")
        environment = sandbox.project.environment
        self.environment = {**environment, "STACK": "dev", "PATH": f"{programs}{os.pathsep}{environment['PATH']}"}

    def run(self, name: str) -> "subprocess.CompletedProcess[str]":
        """Run a step to its end."""
        command = step("deploy", "dev", name).command(self.folder)
        return subprocess.run(
            command,
            cwd=self.sandbox.project.folder,
            env={**self.environment, "EVENTS": str(self.sandbox.project.event_log())},
            capture_output=True,
            text=True,
            check=False,
        )

    def cancel(self, name: str, point: str) -> Cancelled:
        """Start a step, and cancel it when an operation is under way whose URN ends so."""
        log = EventLog(self.sandbox.project.event_log())
        with log, (self.folder / "output").open("w") as output:
            process = subprocess.Popen(
                step("deploy", "dev", name).command(self.folder),
                cwd=self.sandbox.project.folder,
                env={**self.environment, "EVENTS": str(log.path)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            while not _reached(log, point):
                assert process.poll() is None, f"it ended first: {(self.folder / 'output').read_text()[-2000:]}"
                time.sleep(0.02)
            sent = []
            for number, patience in ((signal.SIGINT, TO_SIGTERM), (signal.SIGTERM, TO_SIGKILL)):
                sent.append(number.name)
                process.send_signal(number)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(patience)
                    break
            else:
                sent.append("SIGKILL")
            # the tree of a step that has not ended, or what one has left behind
            subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
            process.wait()
        return Cancelled(signals=tuple(sent), under_way=tuple(s for s in log.spans() if s.ends is None))

    @staticmethod
    def _script(path: Path, text: str) -> None:
        path.write_text(text)
        path.chmod(0o755)

    def _environment_of_python(self, folder: Path) -> None:
        """Make an environment like the one that runs, whose ``bootstrap`` is that of the folder."""
        folder.unlink()
        (folder / "bin").mkdir(parents=True)
        real = Path(sys.prefix)
        for each in (*real.iterdir(), *(real / "bin").iterdir()):
            if each.name not in {"bin", "bootstrap"}:
                (folder / each.relative_to(real)).symlink_to(each)
        self._script(folder / "bin/bootstrap", _BOOTSTRAP.format(python=sys.executable))


def _reached(log: EventLog, point: str) -> bool:
    under_way = [span.urn for span in log.spans() if span.ends is None]
    return any(urn.endswith(point) for urn in under_way) if point else log.path.exists()


def test_a_deployment_that_was_cancelled_at_ten_points_is_continued_by_the_next(make_sandbox, tmp_path):
    sandbox = make_sandbox("dev", behaviour=Behaviour(seconds_per_minute=2.0))
    runner = Runner(sandbox, tmp_path)
    for point in POINTS:
        cancelled = runner.cancel("Deploy", point)
        names = ", ".join(f"{span.operation} {span.name}" for span in cancelled.under_way) or "nothing"
        print(f"{point or 'the start'}: {' '.join(cancelled.signals)}; under way: {names}", flush=True)  # noqa: T201 - shown by -s
        for name in ("A run that was cancelled keeps no lock", "After a run that died"):
            done = runner.run(name)
            assert done.returncode == 0, done.stdout + done.stderr
    done = runner.run("Deploy")
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}
    known = {
        r["id"].lower() for r in sandbox.project.resources() if r["custom"] and r["type"].startswith("azure-native:")
    }
    assert {r["id"].lower() for r in sandbox.cloud.resources()} == known, "nothing is twice, and nothing is forgotten"
