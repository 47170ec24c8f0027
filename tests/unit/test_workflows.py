"""The workflows: little may be done by them, and what they call is there."""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import typer
from ruamel.yaml import YAML

from bootstrap.cli import app

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github/workflows"
WORKFLOWS = sorted(path for path in FOLDER.iterdir() if path.suffix in {".yml", ".yaml"})
PINNED = re.compile(r"uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def workflow(path):
    return YAML(typ="safe").load(path.read_text())


def jobs(path):
    return workflow(path)["jobs"]


def scripts(job):
    return "\n".join(step.get("run", "") for step in job["steps"])


def steps(path):
    return [step for job in jobs(path).values() for step in job["steps"]]


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_what_more(path):
    assert workflow(path)["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        more = set((job.get("permissions") or {}).items()) - {("contents", "read")}
        if "gh pr create" in scripts(job):
            more -= {("contents", "write"), ("pull-requests", "write")}
        if "gh release create" in scripts(job):
            more -= {("contents", "write"), ("attestations", "write")}
        assert more <= {("id-token", "write")}, name
        if re.search("gh (pr|release) create", scripts(job)):
            assert not re.search(r"make setup|\.venv/", scripts(job)), "no package's code has a token that may write"
        assert job["timeout-minutes"] <= 30


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_has_a_way_into_a_cluster_but_into_one_of_its_own(path):
    text = path.read_text()
    ways = r"kubelogin|get-credentials|helm (upgrade|install)|pull_request_target"
    if "kind create cluster" in text:
        assert "secrets." not in text and "id-token" not in text
    else:
        ways += "|kubeconfig|kubectl"
    assert not re.search(ways, text)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_pinned_by_its_commit_and_names_the_version_beside_it(path):
    used = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert len(used) == len([step for step in steps(path) if "uses" in step])
    assert [line for line in used if not PINNED.fullmatch(line)] == []


def test_an_action_has_one_version_in_all_workflows():
    pins = {tuple(step["uses"].split("@")) for path in WORKFLOWS for step in steps(path) if "uses" in step}
    assert len(pins) == len({action for action, _ in pins}), sorted(pins)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nobody_elses_text_is_run(path):
    # what an expression becomes would be part of the script
    assert [step["run"] for step in steps(path) if "${{" in step.get("run", "")] == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_job_keeps_the_credential_that_it_checked_out_with(path):
    for name, job in jobs(path).items():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_token_is_given_to_steps_that_need_it_and_to_no_script(path):
    given = [step for step in steps(path) if re.search(r"secrets\.|outputs\.token", str(step)) and "run" in step]
    for step in given:
        assert "bootstrap promote" in step["run"], step
    for job in jobs(path).values():
        assert "secrets." not in str(job.get("env"))
    assert "secrets." not in str(workflow(path).get("env"))


def test_a_promotions_token_is_for_one_repository_and_for_what_it_writes():
    [minted] = [step for path in WORKFLOWS for step in steps(path) if "create-github-app-token" in step.get("uses", "")]
    given = minted["with"]
    assert {given["owner"], given["repositories"]} == {
        "${{ steps.repository.outputs.owner }}",
        "${{ steps.repository.outputs.name }}",
    }
    assert {key: text for key, text in given.items() if key.startswith("permission-")} == {
        "permission-contents": "write",
        "permission-pull-requests": "write",
    }
    assert "skip-token-revoke" not in given


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_tool_is_fetched_that_nothing_locks(path):
    script = "\n".join(step.get("run", "") for step in steps(path))
    assert not re.search(r"curl|wget|pip install|pipx|npx|npm |go install|uvx|apt|brew", script)


def test_what_git_is_asked_for_by_a_promotion_comes_from_the_steps_environment(tmp_path):
    pushing = [step for step in steps(FOLDER / "promote.yml") if "bootstrap promote" in step.get("run", "")]
    assert len(pushing) == 2
    for step in pushing:
        given = step["env"] | {"GITOPS_TOKEN": "hunter2"}
        given["GIT_CONFIG_KEY_0"] = given["GIT_CONFIG_KEY_0"].replace(
            "${{ github.server_url }}", "https://git.example.com"
        )
        done = subprocess.run(
            ["git", "credential", "fill"],
            input="protocol=https\nhost=git.example.com\n\n",
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0", **given},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=True,
        )
        assert "username=x-access-token\npassword=hunter2\n" in done.stdout
        other = subprocess.run(
            ["git", "credential", "fill"],
            input="protocol=https\nhost=elsewhere.example.com\n\n",
            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "GIT_TERMINAL_PROMPT": "0", **given},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert "hunter2" not in other.stdout + other.stderr
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_the_commands_that_are_called_are_there_with_their_options(path):
    script = "\n".join(step.get("run", "").replace("\\\n", " ") for step in steps(path))
    made = re.findall(r"^make ([a-z0-9-]+)", script, re.M)
    called = re.findall(r"\.venv/bin/bootstrap ([^|>\n]*)", script)
    assert made
    assert set(made) <= set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    group: Any = typer.main.get_command(app)
    for line in called:
        command, words = group, line.split()
        while hasattr(command, "commands"):
            command = command.commands[words.pop(0)]
        known = {option for parameter in command.params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", line)) <= known, line


def test_the_check_of_gitops_sees_the_history_that_it_asks_for():
    checkouts = [step for step in steps(FOLDER / "gitops.yml") if step.get("uses", "").startswith("actions/checkout@")]
    assert {step["with"]["path"]: step["with"].get("fetch-depth") for step in checkouts} == {"base": None, "head": 0}


def test_every_python_from_the_oldest_that_is_supported_is_checked():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    oldest = project["project"]["requires-python"].removeprefix(">=")
    minors = [int(python.removeprefix("3.")) for python in matrix()]
    assert f"3.{minors[0]}" == oldest == project["tool"]["mypy"]["python_version"]
    assert project["tool"]["ruff"]["target-version"] == f"py3{minors[0]}"
    assert minors == list(range(minors[0], minors[-1] + 1)), "none is left out in between"


def test_the_workflows_of_gitops_run_on_a_python_that_is_checked():
    for path in WORKFLOWS:
        for step in steps(path):
            python = step.get("with", {}).get("python-version")
            assert python in {None, "${{ matrix.python }}", *matrix()}, path.name


def matrix():
    return jobs(FOLDER / "check.yml")["check"]["strategy"]["matrix"]["python"]


def test_what_decides_over_production_has_owners():
    lines = [line.split() for line in (ROOT / ".github/CODEOWNERS").read_text().splitlines()]
    owned = {words[0]: words[1:] for words in lines if words and not words[0].startswith("#")}
    # the last pattern that fits counts
    assert next(iter(owned)) == "*"
    for folder in ("bootstrap", "components", "settings", "tenants", ".github", "policy"):
        path = f"/{folder}/"
        assert owned[path], path
    for path, owners in owned.items():
        assert owners == [] or all(owner.startswith("@example/") for owner in owners), path
        assert path == "*" or list(ROOT.glob(path.strip("/"))), f"{path} is there"
