"""The workflows around ``gitops/``: little may be done by them, and what they call is there."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from bootstrap.cli import app

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = [ROOT / ".github/workflows/gitops.yml", ROOT / ".github/workflows/promote.yml"]


def workflow(path):
    return YAML(typ="safe").load(path.read_text())


def jobs(path):
    return workflow(path)["jobs"]


def steps(path):
    return [step for job in jobs(path).values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_what_more(path):
    assert workflow(path)["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        more = set((job.get("permissions") or {}).items()) - {("contents", "read")}
        assert more <= {("id-token", "write")}, name
        assert job["timeout-minutes"] <= 30


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_has_a_way_into_a_cluster(path):
    ways = r"kubeconfig|kubectl|kubelogin|get-credentials|helm (upgrade|install)|pull_request_target"
    assert not re.search(ways, path.read_text())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_actions_are_pinned_and_nobody_elses_text_is_run(path):
    for step in steps(path):
        if "uses" in step:
            assert re.search(r"@(v\d+(\.\d+)*|[0-9a-f]{40})$", step["uses"])
        # what an expression becomes would be part of the script
        assert "${{" not in step.get("run", "")


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_commands_that_are_called_are_there_with_their_options(path):
    called = [
        line
        for step in steps(path)
        for line in re.findall(r"\.venv/bin/bootstrap ([^|>\n]*)", step.get("run", "").replace("\\\n", " "))
    ]
    assert called
    group: Any = typer.main.get_command(app)
    for line in called:
        command = group.commands[line.split()[0]]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= known, line


def test_the_check_sees_the_history_that_it_asks_for():
    [checkout] = [step for step in steps(WORKFLOWS[0]) if step.get("uses", "").startswith("actions/checkout")]
    assert checkout["with"]["fetch-depth"] == 0
