"""Image Updater: not there unless it is asked for, and then able to change nothing that runs."""

import os
import subprocess

import pytest

from components.addons.image_updater import SIGN_IN

GIT = {
    "imageUpdaterWriteBack": "git",
    "repositories": [{"name": "apps", "url": "https://github.com/example", "vaultSecret": "token"}],
}


@pytest.fixture(scope="module")
def updating(program):
    return program("dev", argocd=GIT, registry={"mode": "create"})


def values(program):
    return program.release("argocd-image-updater").inputs["values"]


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_it_is_off_by_default(program, stack):
    assert [r.name for r in program(stack).all if "image-updater" in r.name] == []
    kinds = program(stack).one("argoproj.io/v1alpha1:AppProject").inputs["spec"]["namespaceResourceWhitelist"]
    assert "ImageUpdater" not in {kind["kind"] for kind in kinds}


def test_it_stands_between_argo_cd_and_the_root_application(updating):
    release = updating.release("argocd-image-updater")
    assert updating.waits_for(release, updating.release("argo-cd"))
    assert updating.waits_for(updating.one("argoproj.io/v1alpha1:Application"), release)


def test_its_namespace_is_its_own_and_the_applications_are_argo_cds(updating):
    # the chart's role for its lease may write every ConfigMap of its namespace, and Argo CD's say who is administrator
    assert updating.release("argocd-image-updater").inputs["namespace"] == "argocd-image-updater"
    config = values(updating)["config"]
    assert (config["argocd.namespace"], config["watch.namespaces"]) == ("argocd", "argocd")
    assert updating.one("Role", "image-updater-g1").inputs["metadata"]["namespace"] == "argocd"


def test_its_commits_do_not_keep_checks_from_running(updating):
    assert "skip ci" not in values(updating)["config"]["git.commit-message-template"]


def test_nothing_that_it_is_given_lets_it_change_an_application(updating):
    assert values(updating)["rbac"] == {"enabled": False}, "the chart's own role may patch Applications"
    assert values(updating)["createClusterRoles"] is False
    role = updating.one("rbac.authorization.k8s.io/v1:Role", "image-updater-g1").inputs
    on_applications = [rule for rule in role["rules"] if "applications" in rule["resources"]]
    assert [rule["verbs"] for rule in on_applications] == [["get", "list", "watch"]]
    assert not any("*" in part for rule in role["rules"] for part in rule.values())
    (subject,) = updating.one("rbac.authorization.k8s.io/v1:RoleBinding", "image-updater-g1").inputs["subjects"]
    assert subject["name"] == values(updating)["serviceAccount"]["name"]
    assert subject["namespace"] == updating.release("argocd-image-updater").inputs["namespace"]
    assert updating.waits_for(updating.release("argocd-image-updater"), updating.one("RoleBinding", "image-updater-g1"))


OWN = {"kind": "githubApp", "githubAppId": 1, "githubAppInstallationId": 2, "vaultSecret": "pushes"}


@pytest.mark.parametrize("stack", ["dev", "local"])
def test_with_a_credential_of_its_own_it_reads_that_secret_and_no_other(program, stack):
    settings = {"imageUpdaterWriteBack": "git", "imageUpdaterCredential": OWN}
    p = program(stack, argocd=settings, **({"gitops": {"source": "git"}} if stack == "local" else {}))
    (secret,) = [r for r in p.several(":ExternalSecret") if r.name.startswith("image-updater-git")]
    spec = secret.inputs["spec"]
    assert spec["target"]["template"]["metadata"]["labels"] == {}, "Argo CD must not read with what writes"
    assert spec["target"]["template"]["data"] == {
        "githubAppID": "1",
        "githubAppInstallationID": "2",
        "githubAppPrivateKey": "{{ .value }}",
    }
    assert spec["data"][0]["remoteRef"]["key"] == "pushes"
    (role,) = [r for r in p.several(":Role") if r.name.startswith("image-updater")]
    of_core = [rule for rule in role.inputs["rules"] if rule["apiGroups"] == [""]]
    name = spec["target"]["name"]
    assert of_core == [{"apiGroups": [""], "resources": ["secrets"], "resourceNames": [name], "verbs": ["get"]}]


def test_the_root_application_may_say_what_it_follows(updating):
    kinds = updating.one("argoproj.io/v1alpha1:AppProject").inputs["spec"]["namespaceResourceWhitelist"]
    assert {"group": "argocd-image-updater.argoproj.io", "kind": "ImageUpdater"} in kinds


def test_it_reads_the_environments_registry_with_an_identity_of_its_own(updating):
    role = updating.one("authorization:RoleAssignment", "image-updater-acr-pull-registry").inputs
    assert role["scope"] == "<registry.id>" and role["principalId"] == "<image-updater.principalId>"
    credential = updating.one("FederatedIdentityCredential", "federated-image-updater-g1")
    assert credential.inputs["subject"] == "system:serviceaccount:argocd-image-updater:argocd-image-updater"
    assert updating.waits_for(updating.release("argocd-image-updater"), credential)
    given = values(updating)
    assert given["serviceAccount"]["annotations"] == {"azure.workload.identity/client-id": "<image-updater.clientId>"}
    assert given["extraEnv"] == [{"name": "REGISTRY_HOST", "value": "<registry.loginServer>"}]
    registry = given["config"]["registries"][0]
    assert (registry["prefix"], registry["api_url"]) == ("<registry.loginServer>", "https://<registry.loginServer>")


def test_a_registry_that_was_there_is_named_by_its_id(program):
    group = "/subscriptions/5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51/resourceGroups/rg"
    id_ = f"{group}/providers/Microsoft.ContainerRegistry/registries/CorpImages"
    p = program("dev", argocd=GIT, registry={"mode": "existing", "resourceId": id_})
    assert values(p)["config"]["registries"][0]["prefix"] == "corpimages.azurecr.io"
    labelled = program(
        "dev",
        argocd=GIT,
        registry={
            "mode": "existing",
            "resourceId": id_,
            "loginServer": "corp-a1b2c3.azurecr.io",
        },
    )
    assert values(labelled)["config"]["registries"][0]["prefix"] == "corp-a1b2c3.azurecr.io"


@pytest.mark.parametrize("stack", ["dev", "local"])
def test_without_a_registry_of_the_environment_there_is_no_identity(program, stack):
    changes = {"registry": {"mode": "none"}} if stack == "dev" else {"gitops": {"source": "git"}}
    p = program(stack, argocd=GIT, **changes)
    assert p.several("UserAssignedIdentity", "image-updater") == []
    assert "authScripts" not in values(p) and "registries" not in values(p)["config"]


ANSWERS = {
    "https://login.example/tenant/oauth2/v2.0/token": '{"token_type":"Bearer","access_token":"of-entra"}',
    "https://corp.azurecr.io/oauth2/exchange": '{"refresh_token": "of-the-registry"}',
}


def sign_in(tmp_path, answers):
    """Run the script with a wget that answers, and writes down what it was asked."""
    (tmp_path / "token").write_text("of-the-pod")
    cases = "".join(f"""{url}) echo '{answer}';;\n""" for url, answer in answers.items())
    wget = tmp_path / "wget"
    wget.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\nfor url; do :; done\ncase "$url" in\n{cases}esac\n')
    wget.chmod(0o755)
    script = tmp_path / "registry.sh"
    script.write_text(SIGN_IN)
    given = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "token"),
        "AZURE_AUTHORITY_HOST": "https://login.example/",
        "AZURE_TENANT_ID": "tenant",
        "AZURE_CLIENT_ID": "client",
        "REGISTRY_HOST": "corp.azurecr.io",
    }
    done = subprocess.run(["sh", str(script)], env=given, capture_output=True, text=True, check=False)
    return done, (tmp_path / "asked").read_text()


def test_its_sign_in_exchanges_the_pods_token_for_the_registrys(tmp_path):
    done, asked = sign_in(tmp_path, ANSWERS)
    assert done.stdout == "00000000-0000-0000-0000-000000000000:of-the-registry\n", done.stderr
    assert "client_id=client" in asked and "client_assertion=of-the-pod" in asked
    assert "service=corp.azurecr.io&access_token=of-entra" in asked


def test_its_sign_in_fails_where_the_registry_refuses(tmp_path):
    done, _ = sign_in(tmp_path, {**ANSWERS, "https://corp.azurecr.io/oauth2/exchange": '{"errors":[]}'})
    assert done.returncode != 0 and done.stdout == ""
