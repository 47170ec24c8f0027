"""The commands around ``gitops/`` as a user or a workflow runs them: exit status, formats, one message for an error."""

import json
import os
import shutil
import subprocess
import sys

import pytest

from tests.gitops.conftest import ROOT, SHA, Project


@pytest.fixture
def copy(example, tmp_path):
    """A clone of the project with its commands."""
    root = tmp_path / "project"
    shutil.copytree(example.root, root)
    for folder in ("bootstrap", "settings"):
        shutil.copytree(ROOT / folder, root / folder)
    for module in ("startup.py", "conventions.py", "application_sources.py", "application_template.py"):
        shutil.copy(ROOT / module, root)
    return Project(root.resolve())


def run(copy, *arguments, **environment):
    code = f"import sys; sys.path.insert(0, {str(copy.root)!r}); from bootstrap.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=copy.root.parent,
        capture_output=True,
        text=True,
        check=False,
        # byte code is kept, as the Makefile has it: compiling takes longer than most commands
        env={**os.environ, "COLUMNS": "140", "PYTHONDONTWRITEBYTECODE": "", **environment},
    )
    assert "Traceback" not in done.stderr
    return done


def test_render_prints_yaml_that_kubectl_takes_and_ends_with_0(copy):
    done = run(copy, "render", "hello", "prod")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(
        "---\n# hello in prod, Sync, wave -1\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n"
    )
    assert f"image: example.azurecr.io/hello:{SHA}\n" in done.stdout


def test_render_ends_with_2_when_something_differs(copy):
    same = run(copy, "render", "--all", "--against", "HEAD")
    assert (same.returncode, same.stdout) == (0, "no change against HEAD\n")
    copy.edit("gitops/apps/hello/dev.yaml", SHA, "b" * 40)
    done = run(copy, "render", "--all", "--against", "HEAD", "--format", "json")
    assert done.returncode == 2
    shown = json.loads(done.stdout)
    [change] = shown["changes"]
    assert (shown["version"], shown["exitStatus"], change["objectKind"]) == (1, 2, "Deployment")
    assert f"+        image: example.azurecr.io/hello:{'b' * 40}" in change["diff"]
    markdown = run(copy, "render", "hello", "dev", "--against", "HEAD", "--format", "markdown")
    assert markdown.returncode == 2 and "```diff" in markdown.stdout
    text = run(copy, "render", "hello", "dev", "--against", "HEAD")
    assert "~ hello in dev: Deployment app-hello/hello changed" in text.stdout


def test_overlay_ends_with_2_only_when_asked(copy):
    assert run(copy, "overlay", "--check").returncode == 0
    copy.edit("gitops/apps/hello/dev.yaml", "replicas: 1", "port: 9898\nreplicas: 1")
    assert run(copy, "overlay").returncode == 0
    done = run(copy, "overlay", "--check")
    assert done.returncode == 2
    assert "redundant" in done.stdout and "port repeats the base: 9898" in done.stdout
    report = json.loads(run(copy, "overlay", "--check", "--format", "json").stdout)
    assert report["findings"][0]["path"] == "port" and report["findings"][0]["fixable"] is True
    fixed = run(copy, "overlay", "--fix", "--check")
    assert (fixed.returncode, fixed.stdout.split()[0]) == (0, "fixed")
    assert copy.git("status", "--porcelain", "gitops", "tenants") == ""


def test_validate_ends_with_2_when_something_is_wrong(copy):
    assert run(copy, "validate").returncode == 0
    copy.edit("tenants/hello.yaml", "hello.dev.example.com", "hello.test.example.com")
    done = run(copy, "validate", "--format", "json")
    assert done.returncode == 2
    assert json.loads(done.stdout)["findings"][0]["path"] == "spec.rules[0].host"


def test_app_new_says_what_it_wrote_and_what_to_do_next(copy):
    done = run(copy, "app", "new", "shop", "--env", "dev")
    assert done.returncode == 0
    assert "wrote tenants/shop.yaml" in done.stdout
    assert "bootstrap promote shop dev <commit SHA>" in done.stdout
    again = run(copy, "app", "new", "shop", "--env", "dev")
    assert again.returncode == 1 and "nothing was written" in again.stderr
    assert run(copy, "app", "new-environment", "stage", "--like", "dev").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["render"], "name an application and an environment, or say --all"),
        (["render", "hello"], "name an application and an environment, or say --all"),
        (["render", "hello", "dev", "--all"], "name an application and an environment, or say --all"),
        (["render", "--all", "--live"], "--live compares with one cluster"),
        (["render", "helo", "dev"], "there is no application 'helo': tenants/helo.yaml is missing; there are: hello"),
        (["render", "hello", "stage"], "there is no environment 'stage'"),
        (["render", "hello", "dev", "--against", "nowhere"], "'nowhere' is not a revision"),
        (["render", "hello", "dev", "--live"], "set KUBECONFIG, or say --kubeconfig"),
        (["overlay", "--format", "markdown"], "--format: got 'markdown'; allowed for overlay: text, json"),
        (["overlay", "helo"], "there is no application 'helo'"),
        (["validate", "--nope"], "No such option: --nope"),
        (["app", "new", "Shop"], "got 'Shop' for an application's name"),
    ],
)
def test_a_mistake_is_one_message_and_ends_with_1(copy, arguments, told):
    done = run(copy, *arguments, KUBECONFIG="")
    assert done.returncode == 1
    assert told in done.stderr and done.stdout == ""
    assert copy.git("status", "--porcelain", "gitops", "tenants") == ""


def test_without_helm_it_is_one_message(copy):
    done = run(copy, "render", "hello", "dev", PATH="/nowhere")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Helm is not on PATH: install ")
