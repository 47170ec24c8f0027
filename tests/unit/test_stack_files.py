"""Pulumi.yaml, the stack files and the schema agree with the models."""

import json
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from bootstrap.errors import BootstrapError, StackFileError
from bootstrap.platform.images.listing import list_images
from bootstrap.platform.schema import FILE, stack_schema
from bootstrap.stackfile import read_stack
from bootstrap.yamlfile import parse as parse_yaml
from settings import Settings, load, parse
from settings.report import SettingsError
from tests.stacks.mistakes import base, mistakes

ROOT = Path(__file__).resolve().parents[2]
STACKS = ["dev", "prod", "local"]


def test_every_run_refreshes_the_state_first() -> None:
    """Without it an update of the cluster would send node counts from before the autoscaler's changes."""
    assert YAML(typ="safe").load(ROOT / "Pulumi.yaml")["options"] == {"refresh": "always"}


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


def test_a_stack_that_is_not_there_is_told_with_all_that_are(tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.dev.yaml", "Pulumi.dev.west.yaml"):
        (tmp_path / name).write_text("name: aks-bootstrap\n")
    with pytest.raises(StackFileError, match=r"there is no Pulumi\.prd\.yaml in .*; stacks: dev, dev\.west$"):
        read_stack(tmp_path, "prd")


def test_a_project_without_stacks_has_no_images_to_list(tmp_path: Path) -> None:
    with pytest.raises(BootstrapError, match=r"there is no Pulumi\.<stack>\.yaml in "):
        list_images(tmp_path)


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


@pytest.mark.parametrize(("text", "words"), [("a: [", "line 1: .*bracket"), ("- a\n", "holds no mapping")])
def test_a_file_that_is_no_stack_file_is_told(project, text, words):
    (project / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(StackFileError, match=words):
        read_stack(project, "dev")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a\n", "holds no mapping"),
        ("name: [\n", "a bracket is not closed"),
        ("name: demo\nconfig: 5\n", "config is not a mapping"),
        ("", "holds no mapping"),
    ],
)
def test_a_project_file_that_is_none_is_told(project, text, words):
    (project / "Pulumi.yaml").write_text(text)
    (project / "Pulumi.dev.yaml").write_text("config: {}\n")
    with pytest.raises(StackFileError, match=words):
        read_stack(project, "dev")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("config: {demo:a: ü}".encode("latin-1"), "not in UTF-8, line 1"),
        ("config: {}".encode("utf-16"), "UTF-16"),
        ("config: {}".encode("utf-32"), "UTF-16"),
        (b"config:\n  demo:a: " + b"[" * 1200, "line 2: "),
        (b"config:\n  demo:a: " + b"[" * 200 + b"]" * 200, "line 2"),
        (b"config:\n  ? [a]\n  : b\n", "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_with_its_line(project, raw, words):
    (project / "Pulumi.dev.yaml").write_bytes(raw)
    with pytest.raises(StackFileError, match=words):
        read_stack(project, "dev")


def test_a_folder_in_place_of_a_file_is_told(project):
    (project / "Pulumi.dev.yaml").mkdir()
    with pytest.raises(StackFileError, match="is a folder; allowed: a file"):
        read_stack(project, "dev")


@pytest.mark.parametrize("stack", ["x" * 300, "a/b", "", "dev\n", "..\x00"])
def test_a_stack_that_no_file_can_be_named_after_is_told(project, stack):
    with pytest.raises(StackFileError, match="allowed: 1-100 letters"):
        read_stack(project, stack)


def test_an_empty_value_is_an_empty_text_as_pulumi_has_it(project):
    (project / "Pulumi.dev.yaml").write_text("config:\n  demo:size:\n  demo:colour: ~\n  demo:deep: {a: }\n")
    assert read_stack(project, "dev").values == {"demo:size": "", "demo:colour": "", "demo:deep": '{"a": null}'}


def test_a_whole_number_is_handed_over_as_pulumi_does_and_keeps_its_spelling(project):
    (project / "Pulumi.dev.yaml").write_text("config:\n  demo:size: {a: 4582e10, b: 1.40, c: 0123456}\n")
    config = read_stack(project, "dev")
    assert config.values["demo:size"] == '{"a": 45820000000000, "b": 1.4, "c": 123456}'
    assert [text for _, text in config.spelling.values()] == ["4582e10", "1.40", "0123456"]


@pytest.mark.parametrize("value", ["{", "[]", "5", '{"aks-bootstrap:dns": {}}', "[" * 100_000])
def test_an_environment_that_is_not_pulumis_is_told(monkeypatch, value):
    monkeypatch.setenv("PULUMI_CONFIG", value)
    with pytest.raises(SettingsError, match=r"PULUMI_CONFIG.*remedy: unset both"):
        load()


def test_the_schema_flags_the_mistakes_that_a_schema_can_see():
    validator = jsonschema.Draft202012Validator(stack_schema())
    for stack in STACKS:
        assert validator.is_valid(YAML(typ="safe").load(base(stack)))
    seen = set()
    for case in mistakes():
        document = parse_yaml(case.text)
        if case.encoding == "utf-8" and not document.flaws and not validator.is_valid(document.data):
            seen.add(case.name)
    # of single values: types, forms, choices, bounds, keys
    for name in ("type-min-bool", "type-label-number", "pool-label-prefix-dots", "cluster-location-upper", "chart-x"):
        assert name in seen
    for name in ("key-namespace-typo", "key-namespace-upper", "dns-record-label-64", "email-two-dots", "revision-dots"):
        assert name in seen
    assert len(seen) >= 80, sorted({case.name for case in mistakes()} - seen)
