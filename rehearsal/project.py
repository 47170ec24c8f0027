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
"""What has to be on PATH, or where the CLI keeps its plugins: nothing is downloaded."""

_PARTS = ("Pulumi.yaml", "__main__.py", "startup.py", "conventions.py", "settings", "components", "stack.schema.json")


def missing_programs() -> list[str]:
    """Return what the CLI would have to download."""
    plugins = Path(os.environ.get("PULUMI_HOME", "~/.pulumi")).expanduser() / "plugins"
    return [
        name
        for name in PROGRAMS
        if shutil.which(name) is None and not any(plugins.glob(f"{name.removeprefix('pulumi-')}-v*"))
    ]


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A run that is over."""

    done: "subprocess.CompletedProcess[str]"
    log: EventLog


@dataclass(frozen=True, kw_only=True)
class Project:
    """One stack of the copy."""

    folder: Path
    stack: str
    environment: Mapping[str, str]

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
            environment: what every command's environment gains.
            plugins: providers to their folders; only the copy's ``Pulumi.yaml`` names them.

        Raises:
            RehearsalError: the CLI refuses.
        """
        work = folder / "project"
        work.mkdir(parents=True)
        for part in (*_PARTS, f"Pulumi.{stack}.yaml"):
            if (root / part).is_dir():
                shutil.copytree(root / part, work / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(root / part, work / part)
        if plugins:
            _use_plugins(work / "Pulumi.yaml", plugins)
        (work / ".venv").symlink_to(Path(sys.prefix))
        state = folder / "state"
        state.mkdir()
        given = {
            **os.environ,
            "PULUMI_BACKEND_URL": f"file://{state}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": "rehearsal",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            # the event log's option is one of these
            "PULUMI_DEBUG_COMMANDS": "true",
            **environment,
        }
        project = cls(folder=work, stack=stack, environment=given)
        project.pulumi("stack", "init", stack)
        return project

    def configure(self, changes: Mapping[str, Any]) -> None:
        """Merge changes into the stack file: sections of the program, without their prefix."""
        path, yaml = self.folder / f"Pulumi.{self.stack}.yaml", YAML()
        document = yaml.load(path)
        for key, value in changes.items():
            full = f"aks-bootstrap:{key}"
            below = document["config"].get(full)
            document["config"][full] = merge(below, value) if isinstance(below, dict) else value
        yaml.dump(document, path)

    def pulumi(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run the CLI to its end.

        Raises:
            RehearsalError: it failed and ``check`` is set; the text ends with what it printed.
        """
        done = subprocess.run(  # noqa: S603 - our own arguments
            ["pulumi", "--non-interactive", "--color=never", *arguments],  # noqa: S607
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

    def killed_up(self, aim: Callable[[Span], float | None]) -> list[Span] | None:
        """Run ``up``, and kill it with every plugin at the change that is aimed at.

        Args:
            aim: told of every change as it begins and ends; once it returns a number, the run has that many seconds
                left to live.

        Returns:
            What was under way as the run died; None where it came to its end first.

        Raises:
            RehearsalError: it failed by itself.
        """
        reached: queue.Queue[float] = queue.Queue()

        def look(span: Span) -> None:
            if (left := aim(span)) is not None:
                reached.put(left)

        log = EventLog(self.event_log(), on_change=look)
        with log:
            run = self.begin("up", "--yes", "--skip-preview", f"--event-log={log.path}")
            while run.poll() is None:
                try:
                    left = reached.get(timeout=0.1)
                except queue.Empty:
                    continue
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.wait(left)
                    break
                self.kill(run)
                return [span for span in log.spans() if span.ends is None]
        if run.returncode != 0:
            raise RehearsalError(f"`pulumi up` ended with {run.returncode} before it could be killed; see {log.path}")
        return None

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start the CLI in a session of its own, for :meth:`kill`."""
        return subprocess.Popen(  # noqa: S603 - our own arguments
            ["pulumi", "--non-interactive", "--color=never", *arguments],  # noqa: S607
            cwd=self.folder,
            env=self.environment,
            text=True,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def kill(self, process: "subprocess.Popen[str]") -> None:
        """Kill the CLI and every plugin of its session, as a machine that dies would."""
        subprocess.run(["pkill", "-KILL", "-s", str(process.pid)], check=False)  # noqa: S603, S607 - a number
        process.send_signal(signal.SIGKILL)
        process.wait()

    def watched(self, *arguments: str, on_change: Callable[[Span], None] | None = None) -> "Watched":
        """Run the CLI to its end, and return what it did when.

        Args:
            arguments: an operation, such as ``up --yes``.
            on_change: told of every step as it begins and ends.
        """
        log = EventLog(self.event_log(), on_change=on_change)
        with log:
            done = self.pulumi(*arguments, f"--event-log={log.path}", check=False)
        return Watched(done=done, log=log)

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
