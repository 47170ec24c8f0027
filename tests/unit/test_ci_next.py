"""A rebuild begins with the next generation in the stack file, and nothing else is changed there."""

import difflib
import json
import shutil
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bootstrap.errors import BootstrapError
from bootstrap.platform.ci.generation import next_generation

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path):
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.prod.yaml", "Pulumi.local.yaml", "supply.lock.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def changed(project, stack):
    before, after = ((folder / f"Pulumi.{stack}.yaml").read_text().splitlines() for folder in (ROOT, project))
    lines = list(difflib.unified_diff(before, after, n=0, lineterm=""))[2:]
    return [line for line in lines if not line.startswith("@@")]


def test_a_generation_that_stands_there_is_raised_by_one(project):
    assert next_generation(project, "prod") == 2
    comment = "# raise it to rebuild: docs/runbooks/disaster-recovery.md"
    assert changed(project, "prod") == [f"-    generation: 1 {comment}", f"+    generation: 2 {comment}"]
    assert next_generation(project, "prod") == 3


def test_one_that_does_not_and_a_region_are_added(project):
    assert next_generation(project, "dev", "westeurope") == 2
    assert changed(project, "dev") == ["+    generation: 2", "+    location: westeurope"]


def test_line_ends_stay_what_they_are(project):
    file = project / "Pulumi.dev.yaml"
    before = file.read_bytes().replace(b"\n", b"\r\n")
    file.write_bytes(before)
    next_generation(project, "dev")
    after = file.read_bytes()
    assert after.count(b"\n") == after.count(b"\r\n") == before.count(b"\n") + 1


def test_a_cluster_in_one_line_of_json_is_told(project):
    file = project / "Pulumi.dev.yaml"
    document = YAML(typ="safe").load(file)
    key = "aks-bootstrap:cluster"
    document["config"][key] = json.dumps(document["config"][key])
    YAML().dump(document, file)
    before = file.read_text()
    with pytest.raises(BootstrapError, match=r"aks-bootstrap:cluster: .* allowed: a mapping"):
        next_generation(project, "dev")
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("stack", "region", "message"),
    [
        ("dev", "Mars", "cluster.location: got 'Mars'"),
        ("local", "", "nothing of it can be rebuilt"),
        ("x", "", "no Pulumi.x"),
    ],
)
def test_what_cannot_be_leaves_the_file_as_it_was(project, stack, region, message):
    with pytest.raises(BootstrapError, match=message):
        next_generation(project, stack, region)
    assert {name for name in ("dev", "prod", "local") if changed(project, name)} == set()
