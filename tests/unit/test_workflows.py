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
ACTIONS = sorted((ROOT / ".github/actions").glob("*/action.yml"))
PINNED = re.compile(r"uses: ([\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+(\.\d+)?|\./\.github/actions/[a-z-]+)")
STACKS = ("dev", "prod")


def workflow(path):
    return YAML(typ="safe").load(path.read_text())


def jobs(path):
    return workflow(path)["jobs"]


def scripts(job):
    return "\n".join(step.get("run", "") for step in job["steps"])


def steps(path):
    """Return the steps of a workflow, or of an action, each once: jobs may share them by an alias of YAML."""
    document = workflow(path)
    every = [step for job in document.get("jobs", {"": document.get("runs")}).values() for step in job["steps"]]
    return list({id(step): step for step in every}.values())


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_only_read_unless_a_job_says_what_more(path):
    assert workflow(path)["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        more = set((job.get("permissions") or {}).items()) - {("contents", "read")}
        if "gh pr create" in scripts(job):
            more -= {("contents", "write"), ("pull-requests", "write")}
        if "gh release create" in scripts(job):
            more -= {("contents", "write"), ("attestations", "write")}
        if "ci.publish comment" in scripts(job):
            more -= {("pull-requests", "write")}
        if "ci.publish issue" in scripts(job):
            more -= {("issues", "write")}
        if re.search(r"ci\.publish (reviewed|labels)", scripts(job)):
            more -= {("pull-requests", "read")}
        assert more <= {("id-token", "write")}, name
        if re.search(r"gh (pr|release) create|ci\.publish (?!labels)", scripts(job)):
            assert not re.search(r"make setup|\.venv/", scripts(job)), "no package's code has a token that may write"
            assert not [step for step in job["steps"] if step.get("uses", "").startswith("./")]
        assert job["timeout-minutes"] <= (60 if "pulumi up" in scripts(job) else 30) * (
            1 + ("pulumi destroy" in scripts(job))
        )


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_workflow_has_a_way_into_a_cluster_but_into_one_of_its_own_and_what_pulumi_takes(path):
    text = path.read_text()
    ways = r"kubelogin|get-credentials|helm (upgrade|install)|pull_request_target"
    if "kind create cluster" in text:
        assert "secrets." not in text and "id-token" not in text
    else:
        ways += "|kubeconfig|kubectl"
    assert not re.search(ways, text)


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_an_action_is_pinned_by_its_commit_and_names_the_version_beside_it(path):
    used = [line.strip().removeprefix("- ") for line in path.read_text().splitlines() if "uses:" in line]
    assert len(used) == len([step for step in steps(path) if "uses" in step])
    assert [line for line in used if not PINNED.fullmatch(line)] == []


def test_an_action_has_one_version_in_all_workflows():
    used = {step["uses"] for path in (*WORKFLOWS, *ACTIONS) for step in steps(path) if "uses" in step}
    pins = {tuple(each.split("@")) for each in used if not each.startswith("./")}
    assert len(pins) == len({action for action, _ in pins}), sorted(pins)


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}")
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


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: f"{path.parent.name}/{path.name}")
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
    made += ["setup"] if "./.github/actions/platform" in path.read_text() else []
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


# --- what runs Pulumi: what a runner in host mode does not have is held to here ---

PLATFORM = ("preview", "deploy", "drift", "real-drill", "rebuild")


def signing_in():
    """Every job that signs in to Azure as somebody who may see or change a stack."""
    return [
        pytest.param(name, job, id=f"{path}/{name}")
        for path in PLATFORM
        for name, job in jobs(FOLDER / f"{path}.yml").items()
        if any(step.get("uses") == "./.github/actions/platform" for step in job["steps"])
    ]


@pytest.mark.parametrize(("name", "job"), signing_in())
def test_who_signs_in_is_the_identity_of_an_environment_and_has_no_secret(name, job):
    assert job["environment"]
    reads = {"pull-requests": "read"} if "ci.publish labels" in scripts(job) else {}
    assert job["permissions"] == {"contents": "read", "id-token": "write", **reads}
    [platform] = [step for step in job["steps"] if step.get("uses") == "./.github/actions/platform"]
    assert platform["with"] == {
        "client-id": "${{ vars.AZURE_CLIENT_ID }}",
        "tenant-id": "${{ vars.AZURE_TENANT_ID }}",
        "subscription-id": "${{ vars.AZURE_SUBSCRIPTION_ID }}",
    }
    assert "secrets." not in str(job)
    for step in job["steps"]:
        assert "github.token" not in str(step) or step["run"].startswith(
            "python3 -m bootstrap.platform.ci.publish labels"
        )


def test_nobody_signs_in_but_in_a_job_that_is_meant_to():
    found = {param.id for param in signing_in()}
    assert found == {
        *(f"preview/{stack}" for stack in STACKS),
        *(f"deploy/{stack}" for stack in STACKS),
        *(f"drift/{stack}" for stack in STACKS),
        "rebuild/ask",
        "rebuild/rebuild",
        "real-drill/drill",
    }
    for path in PLATFORM:
        for name, job in jobs(FOLDER / f"{path}.yml").items():
            signs_in = f"{path}/{name}" in found
            assert (job.get("permissions", {}).get("id-token") == "write") is signs_in, name
            assert ("environment" in job) is signs_in, name


def test_the_environments_are_those_that_the_documentation_makes():
    found = {
        f"{path}/{name}": job["environment"]
        for path in PLATFORM
        for name, job in jobs(FOLDER / f"{path}.yml").items()
        if "environment" in job
    }
    assert found == {
        **{f"preview/{stack}": f"preview-{stack}" for stack in STACKS},
        **{f"deploy/{stack}": stack for stack in STACKS},
        **{f"drift/{stack}": f"drift-{stack}" for stack in STACKS},
        "rebuild/ask": "drift-${{ inputs.stack }}",
        "rebuild/rebuild": "rebuild-${{ inputs.stack }}",
        "real-drill/drill": "rebuild-${{ inputs.stack }}",
    }


@pytest.mark.parametrize("stack", STACKS)
def test_two_runs_never_change_a_stack_at_once_and_none_is_killed_for_the_next(stack):
    group = {"group": f"stack-{stack}", "cancel-in-progress": False}
    assert jobs(FOLDER / "deploy.yml")[stack]["concurrency"] == group
    rebuild = jobs(FOLDER / "rebuild.yml")["rebuild"]["concurrency"]
    assert rebuild == {"group": "stack-${{ inputs.stack }}", "cancel-in-progress": False}
    changing = [
        (path.name, name) for path in WORKFLOWS for name, job in jobs(path).items() if "pulumi up" in scripts(job)
    ]
    drilled = ("real-drill.yml", "drill")
    assert changing == [("deploy.yml", "dev"), ("deploy.yml", "prod"), drilled, ("rebuild.yml", "rebuild")]
    for path in ("deploy", "rebuild"):
        assert "concurrency" not in workflow(FOLDER / f"{path}.yml"), "a group of the workflow would hold all stacks"


@pytest.mark.parametrize(("path", "name", "id_"), [("deploy", "dev", "deploy"), ("rebuild", "rebuild", "rebuild")])
def test_a_run_that_is_cancelled_gives_up_its_own_lock_and_no_other(path, name, id_):
    every = jobs(FOLDER / f"{path}.yml")[name]["steps"]
    [unlocks] = [step for step in every if "pulumi cancel" in step.get("run", "")]
    assert unlocks["if"] == f"cancelled() && steps.{id_}.outcome == 'cancelled'"
    before = every[every.index(unlocks) - 1]
    assert (before["id"], "pulumi up" in before["run"]) == (id_, True)


@pytest.mark.parametrize("path", PLATFORM)
def test_a_program_that_fails_in_front_of_a_pipe_fails_its_step(path):
    assert workflow(FOLDER / f"{path}.yml")["defaults"] == {"run": {"shell": "bash"}}
    # which would end the program in front of it
    assert not re.search(r"\| *(grep -\w*q|head)", (FOLDER / f"{path}.yml").read_text())


def test_a_fork_gets_no_identity_and_no_token_that_writes():
    found = jobs(FOLDER / "preview.yml")
    for name, job in found.items():
        if job.get("permissions", {}).keys() & {"id-token", "pull-requests"}:
            ours = job["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
            # what writes runs only after what a fork does not get
            assert ours or f"needs.{job['needs']}.result != 'skipped'" in job["if"], name
    assert "permissions" not in found["plan"]
    assert "environment" not in found["plan"]


def test_prod_comes_after_dev():
    assert jobs(FOLDER / "deploy.yml")["prod"]["needs"] == ["reviewed", "dev"]
    assert "needs.dev.result == 'success'" in jobs(FOLDER / "deploy.yml")["prod"]["if"]


@pytest.mark.parametrize("path", ["preview", "deploy"])
def test_every_stack_has_the_same_steps(path):
    found = jobs(FOLDER / f"{path}.yml")
    for stack in STACKS:
        assert found[stack]["steps"] == found[STACKS[0]]["steps"]
        assert found[stack]["env"]["STACK"] == stack


def test_what_publishes_a_comment_is_not_the_change():
    for name in ("comment-dev", "comment-prod"):
        checkout = jobs(FOLDER / "preview.yml")[name]["steps"][0]
        assert checkout["with"]["ref"] == "${{ github.event.pull_request.base.sha }}"


def test_a_drill_needs_no_identity_and_leaves_every_stack_alone():
    found = jobs(FOLDER / "drill.yml")
    assert not re.search(r"id-token|environment:|secrets\.|actions/platform|pulumi (up|destroy)", text_of("drill"))
    assert found["rehearse"]["if"] == "vars.REHEARSAL_RUNNER != ''", "a month without a runner is no failure"
    assert "permissions" not in found["rehearse"], "what runs packages' code may read the repository"
    for stack in STACKS:
        assert found[f"issue-{stack}"]["env"] == {
            "STACK": stack,
            "FAILED": f"${{{{ needs.rehearse.outputs.{stack} }}}}",
        }
    assert f"for stack in {' '.join(STACKS)}; do" in scripts(found["rehearse"])


def test_a_real_drill_touches_no_stack_but_its_own_and_always_destroys_it():
    found = jobs(FOLDER / "real-drill.yml")["drill"]
    assert workflow(FOLDER / "real-drill.yml")["concurrency"] == {"group": "real-drill", "cancel-in-progress": False}
    commands = re.findall(r"(?:pulumi|bootstrap) (?!ci )[^\n|)]*", scripts(found))
    assert commands and all(re.search(r"(--stack|init|rm|cancel) drill\b", command) for command in commands), commands
    [destroys] = [step for step in found["steps"] if "pulumi destroy" in step.get("run", "")]
    assert destroys["if"] == "always() && steps.stack.outcome == 'success'"


def text_of(name):
    return (FOLDER / f"{name}.yml").read_text()


def test_a_rebuild_waits_for_the_doctor_and_a_second_person():
    found = jobs(FOLDER / "rebuild.yml")
    asked = scripts(found["ask"])
    assert "bootstrap doctor" in asked
    assert "pulumi up" not in asked
    assert found["rebuild"]["needs"] == "ask"
