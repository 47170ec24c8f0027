"""What actionlint has to say about the workflows; left out where it is not on PATH."""

import shutil
import subprocess

import pytest

from tests.workflows.world import ROOT


@pytest.mark.skipif(shutil.which("actionlint") is None, reason="actionlint is not on PATH")
def test_actionlint_finds_nothing():
    files = sorted(str(path) for path in (ROOT / ".github/workflows").glob("*.yml"))
    done = subprocess.run(["actionlint", "-no-color", *files], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
