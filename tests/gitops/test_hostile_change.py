"""The check of a pull request judges it by the checks of the branch that it goes to, and runs nothing of it."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.gitops.conftest import ROOT, Project

WORKFLOW = ROOT / ".github/workflows/gitops.yml"

CODE = "import pathlib; pathlib.Path({canary!r}).touch()\n"
PYTHON = (
    "bootstrap/__init__.py",
    "bootstrap/cli.py",
    "bootstrap/delivery/validate/validate.py",
    "settings/__init__.py",
    "components/__init__.py",
    "startup.py",
    "conventions.py",
    "application_template.py",
    "sitecustomize.py",
    "usercustomize.py",
    "conftest.py",
    "setup.py",
    "backend.py",
    "typer.py",
    "ruamel/__init__.py",
    "rich/__init__.py",
    "gitops/__init__.py",
    "gitops/conftest.py",
)
SHELL = (
    ".venv/bin/bootstrap",
    ".venv/bin/python",
    ".tools/bin/uv",
    "helm",
    "git",
    ".helm/plugins/x/run.sh",
    "gitops/charts/web/post-render.sh",
    ".githooks/post-checkout",
)


def steps():
    return YAML(typ="safe").load(WORKFLOW.read_text())["jobs"]["check"]["steps"]


def scripts():
    return [step for step in steps() if "run" in step]


@pytest.fixture
def workspace(project, tmp_path):
    """A runner's workspace: our checks in ``base``, and in ``head`` a change that wants its own code to be run."""
    root, canary = tmp_path / "workspace", tmp_path / "canary"
    (root / "base").mkdir(parents=True)
    (root / "base/.venv").symlink_to(sys.prefix)
    project.git("branch", "-m", "main")
    project.git("branch", "origin/main")
    for name in PYTHON:
        project.write(name, CODE.format(canary=str(canary)) + "def main():\n    raise SystemExit(0)\n")
    for name in SHELL:
        project.write(name, f"#!/bin/sh\ntouch {canary}\n").chmod(0o755)
    project.write("Makefile", f"%:\n\ttouch {canary}\n$(shell touch {canary})\n")
    project.write("pyproject.toml", '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n')
    project.write("uv.toml", 'index-url = "https://evil.example.com"\n')
    project.write(".helm/plugins/x/plugin.yaml", 'name: x\nversion: 1\ncommand: "$HELM_PLUGIN_DIR/run.sh"\n')
    project.write(".env", "HELM_PLUGINS=.helm/plugins\n")
    project.write(".gitattributes", "* filter=x diff=x merge=x\n")
    project.write(".gitconfig", f'[filter "x"]\n\tsmudge = touch {canary}\n\tclean = touch {canary}\n')
    project.write(".gitmodules", '[submodule "x"]\n\tpath = x\n\turl = ../elsewhere\n\tupdate = !touch canary\n')
    project.write("gitops/charts/web/.helmignore", "templates/\n")
    (root / "head").symlink_to(project.root, target_is_directory=True)
    return Project(root), project, canary


def run(workspace, step):
    root = workspace.root
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        cwd=root / "base",
        capture_output=True,
        text=True,
        check=False,
        env={
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(root),
            "BASE": "origin/main",
            "GITHUB_STEP_SUMMARY": str(root / "summary.md"),
        },
    )


def test_of_a_change_only_files_are_read(workspace):
    here, project, canary = workspace
    project.write("gitops/secret.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: x}\ndata: {a: b}\n")
    project.git("add", "-Af")
    project.git("commit", "-qm", "a change that judges itself")
    validate, overlay, render = (step for step in scripts() if "make" not in step["run"])
    done = run(here, validate)
    assert done.returncode == 2, done.stderr
    assert "gitops/secret.yaml: data: a Secret's text would be in Git" in done.stdout
    assert run(here, overlay).returncode in {0, 2}
    shown = run(here, render)
    assert shown.returncode == 0, shown.stderr
    assert not canary.exists()
    # .helmignore is Helm's to read, also in the cluster
    assert "| `hello` | `dev` |" in (here.root / "summary.md").read_text()


def test_the_canary_sings_where_the_changes_own_code_is_run(workspace):
    _, project, canary = workspace
    subprocess.run([sys.executable, "-c", "import bootstrap.cli"], cwd=project.root, check=False, env={})
    assert canary.exists()
    canary.unlink()
    subprocess.run(["make", "setup"], cwd=project.root, check=False, capture_output=True)
    assert canary.exists()


def test_the_checks_are_of_the_branch_that_is_merged_into():
    workflow = YAML(typ="safe").load(WORKFLOW.read_text())
    job = workflow["jobs"]["check"]
    assert set(workflow["on"]) == {"pull_request", "push", "merge_group"}
    assert workflow["permissions"] == {"contents": "read"} and "permissions" not in job
    checkouts = {step["with"]["path"]: step["with"] for step in steps() if "checkout" in step.get("uses", "")}
    assert checkouts["base"]["ref"].startswith("${{ github.base_ref ||")
    assert "ref" not in checkouts["head"], "it is the change, merged"
    assert all(given["persist-credentials"] is False for given in checkouts.values())
    assert job["defaults"]["run"]["working-directory"] == "base"
    for step in scripts():
        assert "working-directory" not in step and "shell" not in step
        # of the change, what is named is an argument
        assert all(word in {"--project ../head"} for word in named(step["run"])), step["run"]
    assert "secrets." not in WORKFLOW.read_text()


def named(script):
    """Return what a script says of the change's folder, each with the word before it."""
    words = script.split()
    return [f"{words[n - 1]} {word}" for n, word in enumerate(words) if "head" in word]


def test_helm_is_not_handed_a_pipelines_tokens(project, tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    real = shutil.which("helm")
    (folder / "helm").write_text(f'#!/bin/sh\nenv > "{tmp_path}/seen"\nexec {real} "$@"\n')
    (folder / "helm").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    for name in (
        "GITOPS_TOKEN",
        "GH_TOKEN",
        "GIT_CONFIG_VALUE_0",
        "HELM_PLUGINS",
        "KUBECONFIG",
        "ACTIONS_RUNTIME_TOKEN",
    ):
        monkeypatch.setenv(name, "hunter2")
    assert project.render("hello", "dev")
    seen = (tmp_path / "seen").read_text()
    assert "hunter2" not in seen and "XDG_DATA_HOME=" in seen
