"""Bare remotes with applications in them, clones of those, and what a test asks of them."""

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from bootstrap.delivery.promote.git import Repository

VALUES = """\
# what every environment has in common
replicas: 2
image:
  repository: registry.example.com/shop
  tag: ""
"""

ENVIRONMENT = """\
# {app} in {env}
replicas: 1   # one is enough
image:
  tag: {tag}   # promote writes this
hosts: [ {env}.example.com, "b" ]
"""


def git(folder: Path, *command: str, check: bool = True, given: str | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *command], capture_output=True, text=True, check=False, input=given
    )
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


class Remote(NamedTuple):
    """A bare repository, with the questions that tests ask of it."""

    folder: Path

    def tip(self, branch: str = "main") -> str:
        return git(self.folder, "rev-parse", "--verify", "--quiet", f"refs/heads/{branch}", check=False)

    def text(self, app: str, env: str, branch: str = "main") -> str:
        done = subprocess.run(
            ["git", "-C", str(self.folder), "cat-file", "blob", f"{branch}:gitops/apps/{app}/{env}.yaml"],
            capture_output=True,
            check=True,
        )
        return done.stdout.decode()

    def subjects(self, branch: str = "main") -> list[str]:
        return git(self.folder, "log", "--format=%s", branch).splitlines()

    def message(self, branch: str = "main") -> str:
        return git(self.folder, "log", "-1", "--format=%B", branch)

    def clone(self, name: str, *options: str) -> Path:
        folder = self.folder.parent / name
        git(self.folder.parent, "clone", "--quiet", *options, str(self.folder), name)
        return folder

    def hook(self, name: str, script: str) -> None:
        path = self.folder / "hooks" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)


def make_remote(folder: Path, apps: list[str]) -> Remote:
    """Make a bare remote whose main branch has applications, each with dev and prod."""
    work = folder / "seed"
    for app in apps:
        path = work / "gitops" / "apps" / app
        path.mkdir(parents=True)
        (path / "Chart.yaml").write_text(f"apiVersion: v2\nname: {app}\nversion: 0.1.0\n")
        (path / "values.yaml").write_text(VALUES)
        for env in ("dev", "prod"):
            (path / f"{env}.yaml").write_text(ENVIRONMENT.format(app=app, env=env, tag="0000000a"))
    git(folder, "init", "--quiet", "--bare", "-b", "main", "remote.git")
    git(work, "init", "--quiet", "-b", "main")
    git(work, "add", ".")
    git(work, "commit", "--quiet", "-m", "start")
    git(work, "push", "--quiet", "../remote.git", "main")
    return Remote(folder / "remote.git")


def change(remote: Remote, app: str, env: str, edit: Callable[[str], str], message: str = "by hand") -> None:
    """Push a change of a file by hand, as somebody else."""
    folder = remote.folder.parent / "someone"
    if not folder.exists():
        remote.clone("someone")
    git(folder, "fetch", "--quiet")
    git(folder, "reset", "--quiet", "--hard", "origin/main")
    path = folder / "gitops" / "apps" / app / f"{env}.yaml"
    path.write_bytes(edit(path.read_bytes().decode()).encode())
    git(folder, "commit", "--quiet", "-am", message)
    git(folder, "push", "--quiet", "origin", "HEAD:main")


def revert(remote: Remote, commit: str, edit: Callable[[str], str] | None = None) -> None:
    """Revert a commit and push that, with another message where one is asked for."""
    folder = remote.clone(f"reverting-{len(remote.subjects())}")
    git(folder, "revert", "--no-edit", commit)
    if edit:
        git(folder, "commit", "--quiet", "--amend", "-m", edit(git(folder, "log", "-1", "--format=%B")))
    git(folder, "push", "--quiet", "origin", "HEAD:main")


def meanwhile(monkeypatch: pytest.MonkeyPatch, *actions: Callable[[], object]) -> None:
    """Let things happen between a promotion's look at the branch and its push, one at each attempt."""
    real, left = Repository.push, list(actions)

    def push(self, *given, **named):
        if left:
            action = left.pop(0)
            with monkeypatch.context() as inside:
                inside.setattr(Repository, "push", real)
                action()
        return real(self, *given, **named)

    monkeypatch.setattr(Repository, "push", push)
    monkeypatch.setattr("bootstrap.delivery.promote.attempts.FIRST_PAUSE", 0.001)
