"""What the workflows need once, printed and made: whom each identity trusts, what it may do, who has to agree."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError, MissingToolError
from bootstrap.platform.ci import setup
from tests.unit.test_workflows import FOLDER, jobs

ROOT = Path(__file__).resolve().parents[2]
SUBSCRIPTION = "/subscriptions/5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51"
BACKEND = "azblob://state?storage_account=stplatformstate"


@pytest.fixture
def project(tmp_path):
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.local.yaml", "supply.lock.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    with (tmp_path / "Pulumi.dev.yaml").open("a") as file:
        file.write("secretsprovider: azurekeyvault://kvplatformstate.vault.azure.net/keys/pulumi\nencryptedkey: x\n")
    return tmp_path


def target(project, stack="dev", **more):
    given = {"repository": "example/aks-bootstrap", "reviewers": "platform", "group": "rg-platform-ci"}
    return setup.target(project, stack, **{**given, "backend": BACKEND, **more})


def lines(to):
    return [line for line in setup.script(to).splitlines() if line and not line.startswith("#")]


def assigned(to, identity):
    found = [line for line in lines(to) if f"${{{identity.upper()}_PRINCIPAL}}" in line and "role assignment" in line]
    return {pair for line in found for pair in re.findall(r"--role ('.+?'|\S+) --scope (\S+)", line)}


def test_who_previews_and_compares_may_only_read(project):
    to = target(project)
    reads = {
        ("Reader", SUBSCRIPTION),
        ("'Azure Kubernetes Service Cluster User Role'", SUBSCRIPTION),
        ("'Azure Kubernetes Service RBAC Reader'", SUBSCRIPTION),
        ("'platform-dev reads Helm records'", SUBSCRIPTION),
        ("'Storage Blob Data Reader'", '"${STATE}"'),
        ("'Key Vault Crypto User'", '"${KEYS}/keys/pulumi"'),
    }
    assert assigned(to, "preview") == reads
    assert assigned(to, "drift") == reads
    [role] = [word for part in setup.parts(to) for c in part.commands for word in c.words if '"DataActions"' in word]
    assert json.loads(role)["DataActions"] == ["Microsoft.ContainerService/managedClusters/secrets/read"]
    assert json.loads(role)["Actions"] == []


def test_who_deploys_owns_the_subscription_and_writes_the_state(project):
    assert assigned(target(project), "deploy") == {
        ("Owner", SUBSCRIPTION),
        ("'Storage Blob Data Contributor'", '"${STATE}"'),
        ("'Key Vault Crypto User'", '"${KEYS}/keys/pulumi"'),
    }
    [member] = [line for line in lines(target(project)) if "ad group member add" in line]
    assert "--group 9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12 " in member
    assert '"${DEPLOY_PRINCIPAL}"' in member


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_environments_are_those_of_the_workflows(project, stack):
    used = {
        job["environment"].replace("${{ inputs.stack }}", stack)
        for path in ("preview", "deploy", "drift", "rebuild")
        for job in jobs(FOLDER / f"{path}.yml").values()
        if "environment" in job
    }
    ours = {each for each in used if each.endswith(stack)}
    printed = setup.script(target(project, stack))
    assert set(re.findall(r"--subject repo:example/aks-bootstrap:environment:(\S+)", printed)) == ours
    assert set(re.findall(r"PUT repos/example/aks-bootstrap/environments/(\S+)", printed)) == ours
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_SUBSCRIPTION_ID", "PULUMI_BACKEND_URL"):
        assert set(re.findall(rf"variable set {name} --repo example/aks-bootstrap --env (\S+)", printed)) == ours


def test_the_variables_are_those_that_the_workflows_read(project):
    read = {name for path in FOLDER.glob("*.yml") for name in re.findall(r"vars\.([A-Z_]+)", path.read_text())}
    assert set(re.findall(r"variable set ([A-Z_]+)", setup.script(target(project)))) == read - {
        "PLATFORM_RUNNER",
        "REHEARSAL_RUNNER",
    }


def test_somebody_else_has_to_agree_and_only_main_is_deployed(project):
    bodies = {
        command.words[4].rsplit("/", 1)[-1]: json.loads(command.given.replace("${TEAM}", "42"))
        for part in setup.parts(target(project))
        for command in part.commands
        if command.given
    }
    for environment in ("preview-dev", "dev", "rebuild-dev"):
        assert bodies[environment]["reviewers"] == [{"type": "Team", "id": 42}]
        assert bodies[environment]["prevent_self_review"] is True
    assert "reviewers" not in bodies["drift-dev"], "nobody is awake"
    branches = {name for name, body in bodies.items() if body["deployment_branch_policy"]}
    assert branches == {"dev", "drift-dev", "rebuild-dev"}
    assert set(re.findall(r"environments/(\S+)/deployment-branch-policies", setup.script(target(project)))) == branches


def test_a_state_elsewhere_needs_no_role_of_azures(project):
    printed = setup.script(target(project, "prod", backend="s3://state"))
    assert "STATE" not in printed
    assert "KEYS" not in printed
    assert "--body s3://state" in printed
    assert "PULUMI_BACKEND_URL" not in setup.script(target(project, "prod", backend=""))


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"repository": "example"}, "--repository: got 'example'"),
        ({"repository": "a/b; rm -rf /"}, "--repository"),
        ({"reviewers": "$(id)"}, "--reviewers"),
        ({"group": "a b"}, "--group"),
        ({"backend": "azblob://x' ; id"}, "--backend"),
        ({"stack": "local"}, "is not in Azure"),
    ],
)
def test_what_cannot_be_is_refused(project, more, message):
    with pytest.raises(BootstrapError, match=re.escape(message)):
        target(project, **more)


def test_the_script_is_one_of_bash_and_does_what_apply_does(project, tmp_path, monkeypatch):
    log = stand_ins(tmp_path, monkeypatch)
    subprocess.run(["bash", "-eu"], input=setup.script(target(project)), text=True, check=True)
    by_bash = log.read_text()
    log.unlink()
    setup.apply(setup.parts(target(project)), lambda _: None)
    assert log.read_text() == by_bash
    assert "${" not in by_bash
    assert "--assignee-object-id printed-by-principalId" in by_bash
    assert '"id": 42' in by_bash


def stand_ins(folder, monkeypatch, fails="nothing", says=""):
    programs, log = folder / "bin", folder / "log"
    programs.mkdir()
    script = f"""#!/bin/bash
echo "$(basename "$0") $*" >> {log}
case "$*" in *"--input -"*) tr -d '\\n' >> {log}; echo >> {log} ;; esac
case "$*" in *"{fails}"*) echo "{says}" >&2; exit 1 ;; esac
case "$*" in
  *"--query "*) all="$*"; value="${{all#*--query }}"; echo "printed-by-${{value%% *}}" ;;
  *"--jq .id"*) echo 42 ;;
esac
"""
    for name in ("az", "gh"):
        (programs / name).write_text(script)
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    return log


def test_what_is_there_already_is_no_failure(project, tmp_path, monkeypatch):
    log = stand_ins(tmp_path, monkeypatch, "role definition create", "(RoleDefinitionWithSameNameExists) x")
    setup.apply(setup.parts(target(project)), lambda _: None)
    assert "gh variable set" in log.read_text()


def test_a_command_that_fails_is_the_last(project, tmp_path, monkeypatch):
    log = stand_ins(tmp_path, monkeypatch, "role assignment create", "you may not")
    with pytest.raises(BootstrapError, match=r"`az role assignment create` failed.*\n.*you may not"):
        setup.apply(setup.parts(target(project)), lambda _: None)
    assert "gh " not in log.read_text()


def test_without_its_programs_nothing_is_run(project, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(MissingToolError, match="az is not on PATH"):
        setup.apply(setup.parts(target(project)), lambda _: None)


def command_line(*arguments, given=""):
    command = [Path(sys.executable).parent / "bootstrap", "ci", "setup", "--stack", "dev", *arguments]
    given_always = ["--repository", "example/aks-bootstrap", "--reviewers", "platform", "--backend", BACKEND]
    return subprocess.run([*command, *given_always], input=given, capture_output=True, text=True, check=False)


def test_nothing_is_run_before_somebody_says_yes(tmp_path, monkeypatch):
    log = stand_ins(tmp_path, monkeypatch)
    assert command_line().returncode == 0
    assert command_line("--apply", given="n\n").returncode == 1
    assert not log.exists()
    assert command_line("--apply", given="y\n").returncode == 0
    assert log.exists()


def test_the_documentation_has_the_commands_that_are_printed():
    printed = command_line().stdout.splitlines()
    text = (ROOT / "docs/ci.md").read_text().replace("\\\n", " ")
    shown = [re.sub(r"\s+", " ", line.removeprefix("$ ")) for line in text.splitlines() if line.startswith("$ ")]
    ours = [line for line in shown if re.match(r"(?:[A-Z_]+=\$\()?(az|gh) ", line)]
    assert len(ours) >= 10
    assert [line for line in ours if line not in printed] == []
