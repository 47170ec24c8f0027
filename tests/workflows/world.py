"""A repository on this machine, GitHub's API on loopback, and `act` in host mode, which runs the workflows in it."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.loopback_github import REPOSITORY, GitHubServer
from tests.workflows.programs import PROGRAMS, scripts

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).parent
PREVIEWS = ROOT / "tests/previews"

STAND_INS = {
    "actions/checkout": "checkout",
    "actions/create-github-app-token": "create-github-app-token",
    "actions/setup-python": "setup-python",
    "actions/upload-artifact": "upload-artifact",
    "azure/login": "login",
    "azure/setup-helm": "setup-helm",
    "azure/use-kubelogin": "use-kubelogin",
    "docker/build-push-action": "build-push",
    "docker/setup-buildx-action": "setup-buildx",
}
"""Actions that need the network, and the folder of what runs in place of each."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A run of a workflow."""

    status: int
    output: str

    @property
    def jobs(self) -> dict[str, bool]:
        """The jobs that ran, and whether each succeeded; those of a matrix as one."""
        found: dict[str, bool] = {}
        for line in self.output.splitlines():
            if "🏁  Job " in line:
                name = line.split("]")[0].split("/")[-1].strip()
                found[name] = found.get(name, True) and line.endswith("succeeded")
        return found

    @property
    def steps(self) -> dict[str, bool]:
        """The steps that ran, by name, and whether each succeeded."""
        found = re.findall(r"(✅|❌)  (?:Success|Failure) - Main (.*?)(?: \[[\d.]+m?s\])?$", self.output, re.MULTILINE)
        return {name: mark == "✅" for mark, name in found}

    @property
    def stand_ins(self) -> set[str]:
        """The actions in whose place something else ran."""
        marks = (line.split("stand-in for ", 1)[1] for line in self.output.splitlines() if "| stand-in for " in line)
        return {mark.split()[0] for mark in marks}


@dataclass(kw_only=True)
class World:
    """Everything that the workflows see."""

    folder: Path
    api: GitHubServer
    variables: Mapping[str, str] = field(default_factory=lambda: {"AZURE_CLIENT_ID": "client-of-the-environment"})
    secrets: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("bin", "previews", "state", "answers", "artifacts"):
            (self.folder / name).mkdir()
        for name, text in scripts().items():
            (self.folder / "bin" / name).write_text(text)
            (self.folder / "bin" / name).chmod(0o755)
        for command in ("plan", "policy", "doctor", "drift", "recover", "verify"):
            self.answers(command, "{}\n")
        for stack in ("dev", "prod"):
            self.previews(stack, "same")
        self._make_repository()

    @property
    def clone(self) -> Path:
        return self.folder / "clone"

    @property
    def log(self) -> list[str]:
        """What was called, first to last."""
        path = self.folder / "log"
        return path.read_text().splitlines() if path.exists() else []

    def called(self, beginning: str) -> list[str]:
        return [line for line in self.log if line.startswith(beginning)]

    def forget(self) -> None:
        (self.folder / "log").unlink(missing_ok=True)

    def git(self, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *arguments],
            cwd=self.clone,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout.strip()

    def answers(self, command: str, text: str, status: int = 0, *, stack: str = "", errors: str = "") -> None:
        """Let a command of ``bootstrap`` print a text and end with a status, for one stack where that is named."""
        name = f"{command}-{stack}" if stack else command
        (self.folder / "answers" / name).write_text(text)
        (self.folder / "answers" / f"{name}.errors").write_text(errors)
        (self.folder / "answers" / f"{name}.status").write_text(f"{status}\n")

    def really_run(self, command: str) -> None:
        """Let a command of ``bootstrap`` be the clone's own."""
        (self.folder / "answers" / command).unlink()

    def previews(self, stack: str, recorded: str, status: int = 0) -> None:
        """Let ``pulumi preview`` print a recording of ``tests/previews``, as if it were of the stack."""
        text = (PREVIEWS / f"{recorded}.json").read_text().replace("urn:pulumi:dev::", f"urn:pulumi:{stack}::")
        (self.folder / "previews" / f"{stack}.json").write_text(text)
        (self.folder / "previews" / f"{stack}.status").write_text(f"{status}\n")

    def pull_request(self, *, labels: Sequence[str] = (), fork: bool = False, **more: Any) -> dict[str, Any]:
        """Give the pull request of the branch that is checked out its labels, and return its event."""
        self.api.labels[7] = [*labels]
        owner = "mallory/aks-bootstrap" if fork else REPOSITORY
        head = {"ref": self.git("branch", "--show-current"), "sha": self.git("rev-parse", "HEAD")}
        base = {"ref": "main", "sha": self.git("rev-parse", "origin/main"), "repo": {"full_name": REPOSITORY}}
        pull = {
            "number": 7,
            "title": "a change",
            "head": {**head, "repo": {"full_name": owner, "fork": fork}},
            "base": base,
            "labels": [{"name": label} for label in labels],
            **more,
        }
        return {"action": "synchronize", "number": 7, "pull_request": pull}

    def change(self, name: str = "README.md", text: str = "changed\n", branch: str = "change") -> None:
        """Commit a change to a branch, and push it."""
        self.git("checkout", "--quiet", "-B", branch)
        path = self.clone / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "change")
        self.git("push", "--quiet", "--force", "origin", branch)

    def merge(self, branch: str = "change", number: int = 7) -> None:
        """Merge a branch, as GitHub does with a pull request."""
        self.git("checkout", "--quiet", "main")
        self.git("merge", "--quiet", "--no-ff", "--message", f"Merge pull request #{number}", branch)
        self.git("push", "--quiet", "origin", "main")
        commit = self.git("rev-parse", "HEAD")
        self.api.pulls.append(
            {"number": number, "merged_at": "2026-01-01T00:00:00Z", "merge_commit_sha": commit, "commits": [commit]}
        )

    def run(self, workflow: str, on: str, event: Mapping[str, Any] | None = None, **environment: str) -> Ran:
        """Run a workflow of the clone, and print what was no more than a stand-in."""
        file = self.folder / "event.json"
        file.write_text(
            json.dumps({"repository": {"full_name": REPOSITORY, "default_branch": "main"}, **(event or {})})
        )
        given = {**self.api.environment(), "WORLD": str(self.folder), **environment}
        token = given.pop("GITHUB_TOKEN")
        command = ["act", on, "--workflows", f".github/workflows/{workflow}.yml", "--eventpath", str(file)]
        command += ["--platform", "ubuntu-24.04=-self-hosted", "--no-skip-checkout", "--action-offline-mode"]
        command += [
            "--no-cache-server",
            "--action-cache-path",
            str(self.folder / "act"),
            "--secret",
            f"GITHUB_TOKEN={token}",
        ]
        command += [part for name, value in given.items() for part in ("--env", f"{name}={value}")]
        command += [part for name, value in self.secrets.items() for part in ("--secret", f"{name}={value}")]
        command += [part for name, value in self.variables.items() for part in ("--var", f"{name}={value}")]
        command += [
            part for used, stand_in in self._replaced() for part in ("--local-repository", f"{used}={stand_in}")
        ]
        home = self.folder / "home"
        home.mkdir(exist_ok=True)
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(
            command,
            cwd=self.clone,
            env={
                "PATH": path,
                "HOME": str(home),
                "LANG": "C.UTF-8",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_TERMINAL_PROMPT": "0",
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # without a terminal, as on a runner: nobody is asked for a password
            text=True,
            check=False,
            timeout=300,
        )
        ran = Ran(status=done.returncode, output=done.stdout)
        print(  # noqa: T201 - pytest shows it with a failure, and with -s
            f"{workflow}: stand-ins for {', '.join(sorted(ran.stand_ins))}, and for {', '.join(PROGRAMS)}"
        )
        return ran

    def _replaced(self) -> list[tuple[str, Path]]:
        files = [*(self.clone / ".github").rglob("*.yml")]
        used = {
            line.split("uses:")[1].split("#")[0].strip()
            for file in files
            for line in file.read_text().splitlines()
            if "uses:" in line and "./" not in line
        }
        return [
            (each, HERE / "stand_ins" / STAND_INS[each.split("@")[0]])
            for each in used
            if each.split("@")[0] in STAND_INS
        ]

    def _make_repository(self) -> None:
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", ":!tests", ":!docs", ":!bench"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        for name in filter(None, listed.stdout.split("\0")):
            if (ROOT / name).is_file():
                (self.clone / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, self.clone / name)
        origin = self.folder / "origin.git"
        subprocess.run(["git", "init", "--quiet", "--bare", "--initial-branch", "main", origin], check=True)
        self.git("init", "--quiet", "--initial-branch", "main")
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", "the project")
        self.git("remote", "add", "origin", str(origin))
        self.git("push", "--quiet", "--set-upstream", "origin", "main")
