"""Many promotions at once into one repository, and processes that die in the middle: none is lost, none is twice."""

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from tests.git.remotes import git, make_remote

ROOT = Path(__file__).resolve().parents[2]
SHA = "4f2a9c1d"
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bootstrap.cli import main; main()"


def command(clone, *arguments):
    return [sys.executable, "-c", START, "promote", *arguments, "--repository", str(clone)]


def test_of_fifty_promotions_at_once_every_one_lands_in_one_line(tmp_path):
    apps = [f"app-{number:02}" for number in range(25)]
    remote = make_remote(tmp_path, apps)
    wanted = [
        (app, env, f"{number:02}aaaaa{env[0]}".replace("p", "f"))
        for number, app in enumerate(apps)
        for env in ("dev", "prod")
    ]
    clones = [remote.clone(f"clone-{number}", "--bare", "--shared") for number in range(len(wanted))]

    def one(clone, app, env, value):
        return promote(clone, Request(app=app, environment=env, value=value))

    begun = time.monotonic()
    with ThreadPoolExecutor(len(wanted)) as pool:
        results = list(pool.map(one, clones, *zip(*wanted, strict=True)))
    seconds = time.monotonic() - begun
    tries = sorted(result.attempts for result in results)
    print(f"50 promotions in {seconds:.1f} s; attempts: median {tries[25]}, most {tries[-1]}, all {sum(tries)}")  # noqa: T201 - shown by -rP

    assert all(result.pushed for result in results)
    assert len(remote.subjects()) == 51
    assert sorted(remote.subjects()[:-1]) == sorted(
        f"deploy: {app} {env} {value} [skip ci]" for app, env, value in wanted
    )
    assert git(remote.folder, "rev-list", "--min-parents=2", "main") == ""
    assert {remote.text(app, env).split("tag: ")[1].split()[0] for app, env, _ in wanted} == {
        value for *_, value in wanted
    }
    # each commit changed one line of one file: nobody's change was undone on the way
    changes = git(remote.folder, "log", "--format=", "--numstat", "-50", "main").splitlines()
    assert [line.split("\t")[:2] for line in changes if line] == [["1", "1"]] * 50
    assert max(tries) > 1, "they did not meet at all"


def test_processes_sharing_one_clone_all_land(tmp_path):
    apps = [f"app-{number}" for number in range(6)]
    remote = make_remote(tmp_path, apps)
    clone = remote.clone("clone")
    running = [
        subprocess.Popen(command(clone, app, "dev", SHA), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for app in apps
    ]
    said = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0] * 6, "\n".join(said)
    assert sorted(remote.subjects()) == sorted(["start", *(f"deploy: {app} dev {SHA} [skip ci]" for app in apps)])
    assert git(clone, "for-each-ref", "refs/bootstrap") == ""


def test_of_several_values_for_one_place_the_latest_run_is_what_stays(remote):
    """Runs 1 to 8 start together and in any order; earlier ones may land before the last, never after it."""
    numbers = range(1, 9)
    clones = [remote.clone(f"run-{number}", "--bare", "--shared") for number in numbers]

    def one(clone, number):
        asked = Request(
            app="shop",
            environment="dev",
            value=f"{number}aaaaaaa",
            source_repository="example/shop",
            source_run=str(number),
        )
        result = promote(clone, asked)
        assert result.pushed != bool(result.overtaken)
        return result.pushed

    with ThreadPoolExecutor(len(numbers)) as pool:
        landed = list(pool.map(one, clones, numbers))
    assert landed[-1]
    assert "tag: 8aaaaaaa" in remote.text("shop", "dev")
    order = [int(subject.split()[3][0]) for subject in remote.subjects()[:-1]]
    assert order == sorted(order, reverse=True)
    assert len(order) == sum(landed)


@pytest.fixture
def dying(tmp_path, monkeypatch):
    """Kill the promoting process when it comes to the push: before it, or when the remote has just accepted it."""

    def arrange(when):
        push = {"before": "", "after": '"$REAL" "$@" >/dev/null 2>&1;'}[when]
        folder = tmp_path / "dying"
        folder.mkdir()
        script = f'case " $* " in *" push "*) {push} kill -9 $PPID; exit 1;; esac'
        (folder / "git").write_text(f'#!/bin/bash\nREAL={shutil.which("git")}\n{script}\nexec "$REAL" "$@"\n')
        (folder / "git").chmod(0o755)
        return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    return arrange


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_run_killed_around_its_push_is_run_again_and_gives_one_commit(remote, clone, dying, when):
    killed = subprocess.run(
        command(clone, "shop", "dev", SHA), env=dying(when), capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(remote.subjects()) == (1 if when == "before" else 2)
    again = subprocess.run(command(clone, "shop", "dev", SHA), capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert ("already" in again.stdout) == (when == "after")
    assert remote.subjects() == [f"deploy: shop dev {SHA} [skip ci]", "start"]
    assert git(clone, "status", "--porcelain") == ""
