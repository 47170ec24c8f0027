"""Repositories with a long history of promotions, written by `git fast-import` in a few seconds."""

import subprocess
from pathlib import Path
from typing import IO, cast

APPS = 25
VALUES = 'image:\n  repository: registry.example.com/app\n  tag: "{tag}"\n'
FIRST = 1_700_000_000
"""When the history begins, in seconds; a commit a minute."""
REVERT_EVERY = 99
"""Which commits are reverts: of every application some, where there are 2,500 commits or more."""


def write_history(bare: Path, commits: int) -> Path:
    """Make a bare repository in which each commit promotes one application, but for the reverts among them.

    Application n of :data:`APPS` is built from example/app-n, and a commit's place in the history is its run's number.
    """
    git(bare.parent, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    # as the large hosts do
    git(bare, "config", "uploadpack.allowFilter", "true")
    start = [
        (f"gitops/apps/app-{app:02}/{name}.yaml", VALUES.format(tag="0000000a" if name != "values" else ""))
        for app in range(APPS)
        for name in ("values", "dev", "prod")
    ]
    command = ["git", "-C", str(bare), "fast-import", "--quiet"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as importer:
        stream, made = cast("IO[str]", importer.stdin), cast("IO[str]", importer.stdout)
        stream.write(_commit(0, "start", start))
        for number in range(1, commits):
            app, tag = f"app-{number % APPS:02}", f"{number:08x}"
            message = f"deploy: {app} dev {tag} [skip ci]\n\nSource-Repository: example/{app}\nSource-Run: {number}\n"
            if number % REVERT_EVERY == 0:
                stream.write(f"get-mark :{number - APPS + 1}\n")
                stream.flush()
                reverted = made.readline().strip()
                subject = f"deploy: {app} dev {number - APPS:08x} [skip ci]"
                message = f'Revert "{subject}"\n\nThis reverts commit {reverted}.\n'
            stream.write(_commit(number, message, [(f"gitops/apps/{app}/dev.yaml", VALUES.format(tag=tag))]))
    git(bare, "repack", "-a", "-d", "--quiet")
    return bare


def git(folder: Path, *command: str, given: str = "") -> str:
    """Return what a Git command prints."""
    done = subprocess.run(["git", "-C", str(folder), *command], capture_output=True, text=True, check=True, input=given)
    return done.stdout.strip()


def _commit(number: int, message: str, files: list[tuple[str, str]]) -> str:
    changes = "".join(f"M 100644 inline {path}\n{_data(text)}" for path, text in files)
    who = f"Ann <ann@example.com> {FIRST + 60 * number} +0000"
    return f"commit refs/heads/main\nmark :{number + 1}\ncommitter {who}\n{_data(message)}{changes}\n"


def _data(text: str) -> str:
    return f"data {len(text.encode())}\n{text}\n"
