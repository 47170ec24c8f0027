"""Fifty applications' pipelines at once: each runs the step of the workflow's own file that promotes into dev."""

import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.git.remotes import git, make_remote
from tests.workflow_steps import step

ROOT = Path(__file__).resolve().parents[2]
APPS = [f"app-{number:02}" for number in range(50)]
BOOTSTRAP = f"""#!/bin/bash
exec {sys.executable} -c 'import sys; sys.path.insert(0, "{ROOT}"); from bootstrap.cli import main; main()' \\
  "$@" --repository "$PWD"
"""


@pytest.fixture(autouse=True)
def somebody(monkeypatch: pytest.MonkeyPatch) -> None:
    """No configuration of the machine's or the user's; an identity by environment."""
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{role}_NAME", "Ann")
        monkeypatch.setenv(f"GIT_{role}_EMAIL", "ann@example.com")


def test_fifty_applications_promote_at_once_and_all_of_them_land(tmp_path: Path) -> None:
    promotes = step("promote", "promote", "Into dev, by a commit")
    remote = make_remote(tmp_path, APPS)
    (tmp_path / "bootstrap").write_text(BOOTSTRAP)
    (tmp_path / "bootstrap").chmod(0o755)

    def pipeline(number: int) -> "subprocess.CompletedProcess[str]":
        clone = remote.clone(f"clone-{number}", "--shared")
        (clone / ".venv/bin").mkdir(parents=True)
        (clone / ".venv/bin/bootstrap").symlink_to(tmp_path / "bootstrap")
        given = {
            "APP": APPS[number],
            "DIGEST": f"sha256:{number:064x}",
            "GITHUB_SHA": f"{number:040x}",
            "GITHUB_SERVER_URL": "https://git.example.com",
            "GITHUB_REPOSITORY": f"example/{APPS[number]}",
            "GITHUB_RUN_ID": "7",
        }
        command = promotes.command(clone)
        return subprocess.run(
            command, cwd=clone, env={**os.environ, **given}, capture_output=True, text=True, check=False
        )

    begun = time.monotonic()
    with ThreadPoolExecutor(len(APPS)) as pool:
        ran = list(pool.map(pipeline, range(len(APPS))))
    print(f"{len(APPS)} pipelines in {time.monotonic() - begun:.0f} s")  # noqa: T201 - shown by -rP
    assert [done.stderr for done in ran if done.returncode != 0] == []
    assert len(remote.subjects()) == 1 + len(APPS)
    for number, app in enumerate(APPS):
        assert f"tag: {number:040x}@sha256:{number:064x} " in remote.text(app, "dev")
        assert "tag: 0000000a " in remote.text(app, "prod")
    assert git(remote.folder, "rev-list", "--min-parents=2", "main") == ""
    changes = [
        line.split("\t")[:2] for line in git(remote.folder, "log", "--format=", "--numstat", "-50").splitlines() if line
    ]
    assert changes == [["1", "1"]] * len(APPS), "nobody's line was undone on the way"
    again = sum("at attempt" in done.stdout for done in ran)
    assert again > 0, "they did not meet at all"
