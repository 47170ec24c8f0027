"""What ``make up`` chooses, and how it says what cannot be had; nothing here runs Pulumi."""

from pathlib import Path

import pytest
from pulumi.automation import PulumiCommand
from rich.console import Console

from bootstrap.errors import BootstrapError, MissingToolError
from bootstrap.platform import run as up
from settings import parse

LOCAL = parse(
    {
        "environment": "local",
        "target": "local",
        "dns": {"zone": "local.example.com"},
        "certificates": {"issuer": "self-signed"},
        "argocd": {"adminEnabled": True},
        "gitops": {"repoUrl": "https://github.com/acme/repo.git"},
    }
)


@pytest.fixture(autouse=True)
def bare(monkeypatch, tmp_path):
    """A machine with nothing on it, and a project that names no backend."""
    for name in ("KUBECONFIG", "PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "ARM_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    return tmp_path


def program(folder: Path, name: str, script: str = "exit 0") -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_without_a_cluster_it_says_the_two_ways_to_one(bare):
    with pytest.raises(MissingToolError, match=r"set KUBECONFIG .* or install kind"):
        up.choose_cluster(bare, LOCAL)


def test_kind_without_a_container_runtime_is_no_cluster(bare):
    program(bare, "kind")
    program(bare, "docker", "exit 1")
    with pytest.raises(MissingToolError):
        up.choose_cluster(bare, LOCAL)


def test_kind_with_a_container_runtime_makes_one(bare):
    program(bare, "kind")
    program(bare, "docker")
    choice = up.choose_cluster(bare, LOCAL)
    assert "kind cluster 'aks-bootstrap'" in choice.description
    assert choice.environment["KUBECONFIG"].startswith(str(bare))


def test_a_kubeconfig_that_is_not_one_is_told(bare, monkeypatch):
    monkeypatch.setenv("KUBECONFIG", str(bare / "nowhere"))
    with pytest.raises(BootstrapError, match="nowhere cannot be used"):
        up.choose_cluster(bare, LOCAL)


def test_an_api_server_that_is_not_there_is_told_before_anything_starts(bare, monkeypatch):
    path = bare / "kubeconfig"
    path.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
        "clusters: [{name: c, cluster: {server: 'http://127.0.0.1:9'}}]\n"
        "users: [{name: c, user: {}}]\ncontexts: [{name: c, context: {cluster: c, user: c}}]\n"
    )
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(BootstrapError, match=r"http://127\.0\.0\.1:9 of .* does not answer"):
        up.choose_cluster(bare, LOCAL)


def test_the_cli_is_taken_from_path(bare):
    program(bare, "pulumi")
    assert up.choose_cli(bare, Console(quiet=True)).description == f"{bare}/bin/pulumi, from PATH"


def test_a_cli_that_cannot_be_installed_is_one_line(bare, monkeypatch):
    def fail(**_):
        raise OSError("no network")

    monkeypatch.setattr(PulumiCommand, "install", fail)
    with pytest.raises(MissingToolError, match=r"could not be installed .*; install it from https://") as told:
        up.choose_cli(bare, Console(quiet=True))
    assert "\n" not in str(told.value)


def test_a_cli_installed_before_is_put_on_path(bare, monkeypatch):
    asked = {}
    monkeypatch.setattr(PulumiCommand, "install", lambda **given: asked.update(given))
    choice = up.choose_cli(bare, Console(quiet=True))
    assert asked == {"root": f"{bare}/.tools/pulumi"}
    assert choice.environment["PATH"].startswith(f"{bare}/.tools/pulumi/bin:")


def test_state_that_the_project_file_names_is_there(bare):
    (bare / "Pulumi.yaml").write_text("name: p\nruntime: python\nbackend: {url: 'azblob://state'}\n")
    choice = up.choose_state(bare)
    assert choice.description == "azblob://state, from Pulumi.yaml" and not choice.managed


def test_state_is_where_pulumi_is_configured_or_in_the_project(bare, monkeypatch):
    own = up.choose_state(bare)
    assert own.environment["PULUMI_BACKEND_URL"] == f"file://{bare}/.pulumi-state?metadata=skip"
    assert own.environment["PULUMI_CONFIG_PASSPHRASE_FILE"] == f"{bare}/.pulumi-state/passphrase"
    (bare / "home").mkdir()
    (bare / "home" / "credentials.json").write_text('{"current": "https://api.pulumi.com"}')
    assert up.choose_state(bare).description == "https://api.pulumi.com, where Pulumi is logged in"
    monkeypatch.setenv("PULUMI_BACKEND_URL", "azblob://state")
    assert up.choose_state(bare).description == "azblob://state, from PULUMI_BACKEND_URL"


def test_a_passphrase_of_the_users_is_not_replaced(bare, monkeypatch):
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE", "mine")
    assert "PULUMI_CONFIG_PASSPHRASE_FILE" not in up.choose_state(bare).environment


AZURE = parse(
    {
        "environment": "dev",
        "tags": {"owner": "o", "costCentre": "c"},
        "azure": {
            "subscriptionId": "5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51",
            "tenantId": "0a6c9be4-41d7-4f0c-8f52-9d3e7b6a2c10",
            "location": "swedencentral",
        },
        "cluster": {
            "adminGroupObjectIds": ["9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12"],
            "apiServer": {"exposure": "private"},
        },
        "dns": {"zone": "dev.example.com"},
        "certificates": {"email": "o@example.com"},
        "argocd": {"adminEnabled": True},
        "gitops": {"repoUrl": "https://github.com/acme/repo.git"},
    }
)


def test_azure_needs_a_sign_in_and_a_way_into_the_cluster(bare, monkeypatch):
    with pytest.raises(MissingToolError, match="install kubelogin"):
        up.choose_sign_in(AZURE)
    program(bare, "kubelogin")
    with pytest.raises(MissingToolError, match=r"cluster\.kubelogin is 'azurecli'"):
        up.choose_sign_in(AZURE)
    program(bare, "az", "exit 1")
    with pytest.raises(MissingToolError, match="not signed in"):
        up.choose_sign_in(AZURE)
    program(bare, "az", "echo someone@example.com")
    assert up.choose_sign_in(AZURE).description == "someone@example.com, signed in with the Azure CLI"
    monkeypatch.setenv("ARM_CLIENT_ID", "x")
    assert "ARM_CLIENT_ID" in up.choose_sign_in(AZURE).description
