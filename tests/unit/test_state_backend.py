"""Where the state is, as the Pulumi CLI finds it, and which stacks may have it there."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from ruamel.yaml import YAML

from bootstrap.stackfile import read_stack
from settings import LOOKED_AT, REHEARSAL, load, read
from settings.report import SettingsError
from settings.state import configured_backend

ROOT = Path(__file__).resolve().parents[2]
AZURE = "azblob://state?storage_account=platformstate"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    return tmp_path


def found(project: Path, **environment: str) -> tuple[str, ...] | None:
    return configured_backend(project, {"PULUMI_HOME": str(project / "home"), **environment})


def login(project: Path, content: str) -> None:
    (project / "home").mkdir()
    (project / "home" / "credentials.json").write_text(content)


def test_the_environment_comes_before_the_project_and_that_before_the_login(project: Path) -> None:
    assert found(project) is None
    login(project, json.dumps({"current": "https://api.pulumi.com"}))
    assert found(project) == ("https://api.pulumi.com", "where Pulumi is logged in")
    (project / "Pulumi.yaml").write_text(f"name: p\nbackend: {{url: '{AZURE}'}}\n")
    assert found(project) == (AZURE, "from Pulumi.yaml")
    assert found(project, PULUMI_BACKEND_URL="file://~") == ("file://~", "from PULUMI_BACKEND_URL")


@pytest.mark.parametrize("content", ["", "{", "{}", '{"current": ""}'])
def test_credentials_that_name_nothing_are_none(project: Path, content: str) -> None:
    login(project, content)
    assert found(project) is None


def values(stack: str) -> Mapping[str, Any]:
    return read_stack(ROOT, stack).values


@pytest.mark.parametrize("url", ["file://~", "file:///srv/state?metadata=skip"])
def test_only_production_must_not_have_its_state_on_a_disk(url: str) -> None:
    with pytest.raises(SettingsError, match=r"aks-bootstrap:production: got true with the state in file:.* allowed"):
        read(values("prod"), stack="prod", backend=url)
    assert read(values("dev"), stack="dev", backend=url).environment == "dev"


@pytest.mark.parametrize("url", [AZURE, "s3://bucket", "https://api.pulumi.com", "gs://bucket", None])
def test_production_may_have_it_wherever_it_is_shared(url: str | None) -> None:
    assert read(values("prod"), stack="prod", backend=url).production


def test_a_password_in_the_backends_address_is_not_repeated() -> None:
    with pytest.raises(SettingsError) as refused:
        read(values("prod"), stack="prod", backend="file://me:hunter2@host/state")
    assert "hunter2" not in str(refused.value)


def deployable() -> dict[str, str]:
    """Return prod's configuration without what stands for something of one's own."""
    given = dict(values("prod"))
    own = {
        "cluster": ("apiServer", {"authorizedIpRanges": ["20.1.2.0/24"]}),
        "gitops": ("repoUrl", "https://github.com/a/b"),
    }
    for section, (key, value) in own.items():
        whole = json.loads(given[f"aks-bootstrap:{section}"])
        whole[key] = {**whole[key], **value} if isinstance(value, dict) else value
        given[f"aks-bootstrap:{section}"] = json.dumps(whole)
    vault = json.loads(given["aks-bootstrap:keyVault"])
    vault.pop("allowedIpRanges", None)
    return given | {"aks-bootstrap:keyVault": json.dumps(vault)}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, project: Path) -> Iterator[Path]:
    """The folder in which the engine runs the program of prod."""
    pulumi.runtime.set_all_config(deployable())
    monkeypatch.setattr(pulumi, "get_stack", lambda: "prod")
    monkeypatch.setenv("PULUMI_HOME", str(project / "home"))
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    monkeypatch.delenv(LOOKED_AT, raising=False)
    monkeypatch.chdir(project)
    yield project
    pulumi.runtime.set_all_config({})


def test_plain_pulumi_refuses_productions_state_on_a_disk_too(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load().production, "nobody names a backend here: the engine has one all the same"
    for name_it in (
        lambda: login(engine, json.dumps({"current": "file://~"})),
        lambda: (engine / "Pulumi.yaml").write_text("name: p\nbackend: {url: 'file:///srv'}\n"),
        lambda: monkeypatch.setenv("PULUMI_BACKEND_URL", "file:///srv/state"),
    ):
        name_it()
        with pytest.raises(SettingsError, match="with the state in file:"):
            load()
    monkeypatch.setenv("PULUMI_BACKEND_URL", AZURE)
    assert load().production


def test_a_rehearsal_keeps_its_state_where_it_likes(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_BACKEND_URL", f"file://{engine}")
    monkeypatch.setenv(LOOKED_AT, REHEARSAL)
    assert load().production


def test_the_project_names_no_backend() -> None:
    assert "backend" not in YAML(typ="safe").load(ROOT / "Pulumi.yaml"), "a clone has whatever its user logs in to"
