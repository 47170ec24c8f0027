"""A copy of the project that the real Pulumi CLI runs, with state, plugins and stack file of its own."""

import contextlib
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from rehearsal.errors import RehearsalError
from rehearsal.events import EventLog, Span
from settings.merge import merge

PROGRAMS = ("pulumi", "pulumi-language-python", "pulumi-resource-kubernetes")
"""Programs that have to be on PATH or in the CLI's plugin folder: nothing is downloaded."""

_COPIED = (
    "Pulumi.yaml",
    "__main__.py",
    "startup.py",
    "conventions.py",
    "application_sources.py",
    "application_template.py",
    "stack.schema.json",
    "supply.lock.yaml",
    "settings",
    "components",
    "gitops",
    "tenants",
)


def missing_programs() -> list[str]:
    """Return the programs of :data:`PROGRAMS` that are not installed."""
    plugins = Path(os.environ.get("PULUMI_HOME", "~/.pulumi")).expanduser() / "plugins"
    return [
        name
        for name in PROGRAMS
        if shutil.which(name) is None and not any(plugins.glob(f"{name.removeprefix('pulumi-')}-v*"))
    ]


@dataclass(frozen=True, kw_only=True)
class CompletedRun:
    """A run of the CLI that has ended."""

    done: "subprocess.CompletedProcess[str]"
    log: EventLog
    """Its operations."""


@dataclass(frozen=True, kw_only=True)
class Project:
    """A copy of the project, with one stack."""

    folder: Path
    """The copy."""
    stack: str
    environment: Mapping[str, str]
    """Environment of every command."""

    @classmethod
    def copy(
        cls,
        root: Path,
        folder: Path,
        stack: str,
        environment: Mapping[str, str],
        *,
        plugins: Mapping[str, Path] | None = None,
    ) -> "Project":
        """Copy the program and one stack file into a folder, and create the stack.

        Args:
            root: the project.
            folder: an empty folder.
            stack: the stack's name.
            environment: variables added to the environment of every command.
            plugins: folder of each provider plugin; only the copy's ``Pulumi.yaml`` names them.

        Raises:
            RehearsalError: the stack cannot be created.
        """
        work = folder / "project"
        work.mkdir(parents=True)
        for name in (*_COPIED, f"Pulumi.{stack}.yaml"):
            if (root / name).is_dir():
                shutil.copytree(root / name, work / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(root / name, work / name)
        if plugins:
            _use_plugins(work / "Pulumi.yaml", plugins)
        (work / ".venv").symlink_to(Path(sys.prefix))
        state = folder / "state"
        state.mkdir()
        variables = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # enables --event-log
            "PULUMI_DEBUG_COMMANDS": "true",
            **environment,
        }
        project = cls(folder=work, stack=stack, environment=variables)
        project.pulumi("stack", "init", stack)
        return project

    def section(self, key: str) -> dict[str, Any]:
        """Return a section of the stack file, empty where it is left out; ``key`` is without ``aks-bootstrap:``."""
        document = YAML(typ="safe").load(self.folder / f"Pulumi.{self.stack}.yaml")
        return dict(document["config"].get(f"aks-bootstrap:{key}") or {})

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Merge changes into the stack file; keys are the program's sections, without ``aks-bootstrap:``."""
        path, yaml = self.folder / f"Pulumi.{self.stack}.yaml", YAML()
        document = yaml.load(path)
        for key, value in changes.items():
            full = f"aks-bootstrap:{key}"
            below = document["config"].get(full)
            document["config"][full] = merge(below, value) if isinstance(below, dict) else value
        yaml.dump(document, path)

    def pulumi(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run the CLI, and wait for it.

        Raises:
            RehearsalError: the command failed and ``check`` is set; the text ends with its output.
        """
        done = subprocess.run(
            ["pulumi", "--non-interactive", "--color=never", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            printed = (done.stdout + done.stderr)[-4000:]
            raise RehearsalError(f"`pulumi {' '.join(arguments)}` ended with {done.returncode}:\n{printed}")
        return done

    def up_until_killed(self, kill_after: Callable[[Span], float | None]) -> list[Span] | None:
        """Run ``up``, and kill the CLI and its plugins at a chosen operation.

        Args:
            kill_after: called with every operation as it begins and ends; the first number that it returns is the
                delay before the kill, in seconds.

        Returns:
            The operations that were in progress when the run was killed; None if it ended first.

        Raises:
            RehearsalError: the run failed before it could be killed.
        """
        delays: queue.Queue[float] = queue.Queue()

        def watch(span: Span) -> None:
            if (delay := kill_after(span)) is not None:
                delays.put(delay)

        log = EventLog(self.event_log(), on_change=watch)
        with log:
            run = self.start("up", "--yes", "--skip-preview", f"--event-log={log.path}")
            while run.poll() is None:
                try:
                    delay = delays.get(timeout=0.1)
                except queue.Empty:
                    continue
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(delay)
                    break
                self.kill(run)
                return [span for span in log.spans() if span.ends is None]
        if run.returncode != 0:
            raise RehearsalError(f"`pulumi up` ended with {run.returncode} before it could be killed; see {log.path}")
        return None

    def start(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the CLI in a session of its own, for :meth:`kill`."""
        return subprocess.Popen(
            ["pulumi", "--non-interactive", "--color=never", *arguments],
            cwd=self.folder,
            env=self.environment,
            text=True,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    @staticmethod
    def kill(process: "subprocess.Popen[str]") -> None:
        """Kill the CLI and every plugin in its session, as the death of the machine would."""
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def run_recorded(self, *arguments: str, on_change: Callable[[Span], None] | None = None) -> "CompletedRun":
        """Run the CLI, wait for it, and return its operations with their times.

        Args:
            arguments: a command that writes an event log, such as ``up --yes``.
            on_change: called with every operation as it begins and ends.
        """

        log = EventLog(self.event_log(), on_change=on_change)
        with log:
            done = self.pulumi(*arguments, f"--event-log={log.path}", check=False)
        return CompletedRun(done=done, log=log)

    def event_log(self) -> Path:
        """Return a path for the next run's event log."""
        return self.folder.parent / f"events-{time.monotonic_ns()}.json"

    def changes(self, *arguments: str) -> dict[str, int]:
        """Return how many resources a preview would touch, by operation.

        Raises:
            RehearsalError: the preview fails.
        """
        done = self.pulumi("preview", "--json", *arguments)
        return {str(key): int(value) for key, value in json.loads(done.stdout)["changeSummary"].items()}

    def resources(self) -> list[dict[str, Any]]:
        """Return the resources in the state."""
        exported = json.loads(self.pulumi("stack", "export").stdout)
        return list(exported["deployment"].get("resources", []))


def _use_plugins(project_file: Path, plugins: Mapping[str, Path]) -> None:
    """https://www.pulumi.com/docs/iac/concepts/projects/project-file/#plugins."""
    yaml = YAML()
    document = yaml.load(project_file)
    document["plugins"] = {"providers": [{"name": name, "path": str(path)} for name, path in plugins.items()]}
    yaml.dump(document, project_file)
