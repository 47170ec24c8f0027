"""Many concurrent promotions into one bare repository, and as many sequential ones."""

import subprocess
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.histories import git, write_history
from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request

ROOT = Path(__file__).resolve().parents[1]
COUNT = 50
VALUES = "image:\n  repository: registry.example.com/app\n  tag: 0000000\n"


def measure(folder: Path) -> tuple[float, float, int]:
    """Return the seconds of :data:`COUNT` concurrent and sequential promotions, and the concurrent ones' commits."""
    at_once, clones = _repository(folder / "at-once")
    began = time.monotonic()
    with ThreadPoolExecutor(COUNT) as pool:
        list(pool.map(_one, range(COUNT), clones))
    together = time.monotonic() - began
    landed = int(git(at_once, "rev-list", "--count", "main")) - 1

    _, clones = _repository(folder / "one-by-one")
    began = time.monotonic()
    for number, clone in enumerate(clones):
        _one(number, clone)
    return together, time.monotonic() - began, landed


def measure_history(folder: Path, commits: int, *clone: str) -> tuple[float, float]:
    """Return the seconds of a promotion, as a command, into a repository of many commits and into one of 25.

    Args:
        folder: where the repositories are made.
        commits: how many commits the larger one has.
        clone: options of `git clone`.
    """
    folder.mkdir(parents=True)
    servers = [write_history(folder / f"{count}.git", count) for count in (commits, 25)]
    best = [float("inf")] * 2
    for turn in range(5):
        # in turns, so that the machine's load affects both alike
        for number, server in enumerate(servers):
            name = f"clone-{turn}-{number}"
            git(folder, "clone", "--quiet", *clone, f"file://{server}", name)
            words = ["promote", "app-03", "dev", f"abcdef{turn}", "--repository", str(folder / name)]
            run = ["--source-repository", "example/app-03", "--source-run", str(10**6 + turn)]
            began = time.monotonic()
            command = [sys.executable, "-c", "from bootstrap.cli import main; main()", *words, *run]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
            best[number] = min(best[number], time.monotonic() - began)
    return best[0], best[1]


def _one(number: int, clone: Path) -> None:
    promote(clone, Request(app=f"app-{number:02}", environment="dev", value=f"{number:02}aaaaa"))


def _repository(folder: Path) -> tuple[Path, Sequence[Path]]:
    work, bare = folder / "work", folder / "origin.git"
    for number in range(COUNT):
        app = work / "gitops" / "apps" / f"app-{number:02}"
        app.mkdir(parents=True)
        for name in ("values.yaml", "dev.yaml"):
            (app / name).write_text(VALUES, encoding="utf-8")
    git(work, "init", "--quiet", "--initial-branch=main")
    git(work, "add", ".")
    git(work, "-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "--quiet", "-m", "start")
    git(folder, "clone", "--quiet", "--bare", str(work), str(bare))
    clones = [folder / f"clone-{number}" for number in range(COUNT)]
    for clone in clones:
        git(folder, "clone", "--quiet", "--bare", "--shared", str(bare), str(clone))
    return bare, clones
