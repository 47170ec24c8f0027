"""The stack file of a real drill: valid, unprotected, and without a name that the drilled stack has."""

import re
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bootstrap.errors import BootstrapError
from bootstrap.options import ROOT
from bootstrap.platform.ci.drill_stack import drill_stack
from bootstrap.platform.plan.arm import requests
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.run import settings_of

GLOBAL = r"/(vaults|registries|storageAccounts)/[^/]+$"
WHERE = {"region": "westeurope", "zone": "drill.example.org", "zone_group": "rg-drill-dns"}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for file in ROOT.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
    shutil.copy(ROOT / "supply.lock.yaml", tmp_path)
    return tmp_path


def test_no_resource_is_called_as_one_of_the_stack_that_is_drilled(project: Path) -> None:
    file = project / "Pulumi.prod.yaml"
    text = file.read_text().replace("  aks-bootstrap:keyVault:\n", "  aks-bootstrap:keyVault:\n    name: kv-of-prod\n")
    text += "  aks-bootstrap:registry: { name: crofprod }\n"
    file.write_text(f"{text}secretsprovider: azurekeyvault://v.vault.azure.net/keys/k\nencryptedkey: abc\n")
    made = drill_stack(project, "prod", **WHERE)
    assert "secretsprovider" not in made.read_text() and "encryptedkey" not in made.read_text()
    shutil.copytree(ROOT, project / "copy", ignore=shutil.ignore_patterns(".*", "tests", "docs", "__pycache__"))
    for name in ("prod", "drill"):
        shutil.copy(project / f"Pulumi.{name}.yaml", project / "copy")
    prod, drill = ({r.id for r in requests(evaluate(project / "copy", stack))} for stack in ("prod", "drill"))
    assert drill and prod and drill.isdisjoint(prod)
    # some names are the world's
    global_ = [{id_.rsplit("/", 1)[-1] for id_ in ids if re.search(GLOBAL, id_)} for ids in (drill, prod)]
    assert all(len(names) == 2 for names in global_) and global_[0].isdisjoint(global_[1])


def test_nothing_in_it_is_protected_and_no_application_is_deployed(project: Path) -> None:
    drill_stack(project, "prod", **WHERE)
    found = settings_of(project, "drill")
    assert not found.production and not found.key_vault.purge_protection
    assert found.applications_environment == "drill"
    assert found.certificates.issuer == "letsencrypt-staging"
    assert found.cluster is not None and (found.cluster.generation, found.cluster.location) == (1, "westeurope")


def test_what_production_turns_on_is_drilled_too(project: Path) -> None:
    drill_stack(project, "prod", **WHERE)
    prod, drill = (settings_of(project, stack) for stack in ("prod", "drill"))
    assert prod.cluster is not None and drill.cluster is not None
    assert (drill.cluster.tier, drill.cluster.zones) == (prod.cluster.tier, prod.cluster.zones)
    assert drill.system_pool == prod.system_pool and drill.ingress.replicas == prod.ingress.replicas
    assert (drill.registry.mode, drill.registry.sku) == (prod.registry.mode, prod.registry.sku)
    assert drill.argocd.high_availability and drill.observability.managed_prometheus
    assert drill.key_vault.soft_delete_retention_days == 7 and drill.observability.alerts is None


def test_a_region_without_zones_has_none(project: Path) -> None:
    drill_stack(project, "prod", **{**WHERE, "region": "westus"})
    found = settings_of(project, "drill").cluster
    assert found is not None and not found.zones


def test_the_stack_that_is_drilled_stays_as_it_is(project: Path) -> None:
    before = (project / "Pulumi.prod.yaml").read_bytes()
    drill_stack(project, "prod", **WHERE)
    assert (project / "Pulumi.prod.yaml").read_bytes() == before


@pytest.mark.parametrize(
    ("stack", "changed", "said"),
    [
        ("local", {}, "is not in Azure"),
        ("prod", {"region": "atlantis"}, "location: got 'atlantis'"),
        ("prod", {"zone": "example.com"}, "--zone: got 'example.com', which Pulumi.prod.yaml uses"),
        ("prod", {"zone": "dev.example.com"}, "which Pulumi.dev.yaml uses"),
        ("prod", {"zone_group": "a/b"}, "resourceGroup"),
    ],
)
def test_what_cannot_be_is_told_and_nothing_is_written(
    project: Path, stack: str, changed: dict[str, str], said: str
) -> None:
    with pytest.raises(BootstrapError, match=said):
        drill_stack(project, stack, **{**WHERE, **changed})
    assert not (project / "Pulumi.drill.yaml").exists()


def test_one_that_is_there_is_left_alone(project: Path) -> None:
    made = drill_stack(project, "dev", **WHERE)
    made.write_text("mine")
    with pytest.raises(BootstrapError, match="make down STACK=drill"):
        drill_stack(project, "dev", **WHERE)
    assert made.read_text() == "mine"
    assert YAML(typ="safe").load(project / "Pulumi.dev.yaml")


@pytest.mark.parametrize("text", ["config: [", "config: []\n", "- a\n", "config:\n  aks-bootstrap:dns: '{broken'\n"])
def test_another_stack_file_that_cannot_be_read_is_told_and_nothing_is_written(project: Path, text: str) -> None:
    (project / "Pulumi.other.yaml").write_text(text)
    with pytest.raises(BootstrapError, match=r"Pulumi\.other\.yaml"):
        drill_stack(project, "prod", **WHERE)
    assert not (project / "Pulumi.drill.yaml").exists()
