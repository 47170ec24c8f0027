"""Pulumi.yaml, the stack files and the schema agree with the models."""

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from bootstrap.errors import StackFileError
from bootstrap.platform.schema import FILE, stack_schema
from bootstrap.stackfile import read_stack
from settings import Settings, parse

ROOT = Path(__file__).resolve().parents[2]
STACKS = ["dev", "prod", "local"]


def yaml(path):
    return YAML(typ="safe").load(path.read_text())


def keys_of(stack):
    return {key.removeprefix("aks-bootstrap:"): v for key, v in read_stack(ROOT, stack).values.items() if "aks-" in key}


def test_the_project_declares_every_section_with_its_type():
    declared = {
        key.removeprefix("aks-bootstrap:"): value for key, value in yaml(ROOT / "Pulumi.yaml")["config"].items()
    }
    models = {field.alias or name: field for name, field in Settings.model_fields.items()}
    assert set(declared) == set(models)
    kinds = {"environment": "string", "platform": "string", "target": "string", "production": "boolean"}
    for key, entry in declared.items():
        assert entry["type"] == kinds.get(key, "array" if key == "nodePools" else "object")
        assert entry["description"]


def test_the_projects_plain_defaults_are_the_models():
    for key, entry in yaml(ROOT / "Pulumi.yaml")["config"].items():
        default = entry.get("default")
        if default not in (None, {}, []):
            name = key.removeprefix("aks-bootstrap:")
            assert str(Settings.model_fields[name].default).lower() == str(default).lower()


@pytest.mark.parametrize("stack", STACKS)
def test_the_stack_files_are_valid_and_name_the_schema(stack):
    assert parse(keys_of(stack)).environment == stack
    text = (ROOT / f"Pulumi.{stack}.yaml").read_text()
    assert text.startswith(f"# yaml-language-server: $schema={FILE}\n")


def test_the_committed_schema_is_the_models():
    committed = json.loads((ROOT / FILE).read_text())
    assert committed == stack_schema(), "run `make schema`"


@pytest.mark.parametrize("stack", STACKS)
def test_the_schema_takes_the_stack_files(stack):
    jsonschema.validate(yaml(ROOT / f"Pulumi.{stack}.yaml"), stack_schema())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aks-bootstrap:clustr", {}),
        ("aks-bootstrap:environment", "Production"),
        ("aks-bootstrap:target", "aws"),
        ("aks-bootstrap:nodePools", [{"name": "apps", "vmSize": "Standard_D4ds_v5", "minCount": 1}]),
        ("aks-bootstrap:ingress", {"replicas": 0}),
        ("aks-bootstrap:argocd", {"signin": {}}),
    ],
)
def test_the_schema_flags_what_an_editor_should(key, value):
    stack = yaml(ROOT / "Pulumi.dev.yaml")
    stack["config"][key] = value
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(stack, stack_schema())


def test_the_schema_leaves_other_namespaces_to_their_owners():
    stack = yaml(ROOT / "Pulumi.dev.yaml")
    stack["config"]["azure-native:location"] = "norwayeast"
    stack["encryptionsalt"] = "v1:abc"
    jsonschema.validate(stack, stack_schema())


@pytest.fixture
def project(tmp_path):
    (tmp_path / "Pulumi.yaml").write_text(
        "name: demo\nruntime: python\nconfig:\n"
        "  demo:size: {type: object, default: {}}\n  demo:colour: {type: string, default: red}\n"
    )
    return tmp_path


def test_a_stack_is_read_as_pulumi_would_hand_it_over(project):
    (project / "Pulumi.dev.yaml").write_text("config:\n  demo:size: {width: 3}\n  flag: true\n")
    config = read_stack(project, "dev")
    assert config.project == "demo"
    assert config.values == {"demo:size": '{"width": 3}', "demo:colour": "red", "demo:flag": "true"}
    assert config.secret_keys == []


def test_an_encrypted_value_stays_closed_wherever_it_is(project):
    (project / "Pulumi.dev.yaml").write_text("config:\n  demo:size: {deep: [{secure: AAAB}]}\n  demo:colour: blue\n")
    config = read_stack(project, "dev")
    assert config.secret_keys == ["demo:size"]
    assert "AAAB" not in str(config)


def test_a_stack_that_is_not_there_is_told_with_those_that_are(project):
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")
    with pytest.raises(StackFileError, match=r"no Pulumi\.prd\.yaml in .*; stacks: dev"):
        read_stack(project, "prd")


@pytest.mark.parametrize(("text", "words"), [("a: [", "is not YAML"), ("- a\n", "holds no mapping")])
def test_a_file_that_is_no_stack_file_is_told(project, text, words):
    (project / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(StackFileError, match=words):
        read_stack(project, "dev")
