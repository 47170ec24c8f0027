"""Retiring production: the runbook's commands, in its order, against a cloud with locks."""

import re
import shlex
from pathlib import Path
from typing import Any

from rehearsal.azure.cloud import Behaviour

RUNBOOK = Path(__file__).resolve().parents[2] / "docs/runbooks/retire.md"


def commands() -> list[list[str]]:
    """Return the runbook's commands of Pulumi."""
    lines = re.findall(r"^ *\$ (pulumi .*)$", RUNBOOK.read_text(), re.MULTILINE)
    assert len(lines) == 4
    return [shlex.split(line)[1:] for line in lines]


def test_the_runbooks_commands_leave_nothing_but_the_addresses_that_allow_lists_name(make_sandbox: Any) -> None:
    sandbox = make_sandbox("prod", behaviour=Behaviour(seconds_per_minute=0.5))
    project = sandbox.project
    project.pulumi("up", "--yes", "--skip-preview")
    refused = project.pulumi("destroy", "--yes", "--skip-preview", "--stack", "prod", check=False)
    assert refused.returncode != 0 and "it is protected" in refused.stdout
    *steps, forget = commands()
    for step in steps:
        done = project.pulumi(*step, check=False)
        assert done.returncode == 0, f"{step}\n{done.stdout[-3000:]}{done.stderr}"
    assert project.resources() == []
    left = {r["type"] for r in sandbox.cloud.resources()}
    addresses = {"network:PublicIPPrefix", "network:PublicIPAddress", "authorization:ManagementLockByScope"}
    assert left == {"resources:ResourceGroup", *addresses}
    assert all("-ingress" in r["id"] for r in sandbox.cloud.resources())
    assert project.pulumi(*forget, check=False).returncode == 0
