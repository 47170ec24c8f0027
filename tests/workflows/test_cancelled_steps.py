"""Who cancels a run on GitHub signals a step's first process: it has to be Pulumi, not a shell that waits for it."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.workflow_steps import step

# as the CLI does: it stops at the first signal, gives up its lock, and says so by its exit status
PULUMI = """#!/bin/bash
trap 'exit 7' INT
echo "started $*"
for ((n = 0; n < 600; n++)); do sleep 0.1; done
"""


@pytest.mark.parametrize(
    ("workflow", "job", "name"),
    [("deploy", "dev", "Deploy"), ("deploy", "prod", "Deploy"), ("rebuild", "rebuild", "Rebuild")],
)
def test_pulumi_hears_of_a_cancellation(tmp_path: Path, workflow: str, job: str, name: str) -> None:
    (tmp_path / "pulumi").write_text(PULUMI)
    (tmp_path / "pulumi").chmod(0o755)
    with subprocess.Popen(
        step(workflow, job, name).command(tmp_path),
        env={"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "STACK": "dev"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "started up --stack dev --yes --skip-preview --non-interactive\n"
            process.send_signal(signal.SIGINT)
            assert process.wait(5) == 7
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
