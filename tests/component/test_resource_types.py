"""The one table of Azure's types, held to the pinned SDK, to Azure's ids, and to what the stand-in answers."""

import ast
import importlib
import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pulumi
import pytest
from pulumi import _types

from bootstrap.platform.plan.registration import Registration
from components.azure.resource_types import PREFIX, RESOURCE_TYPES, ResourceType, resource_type
from rehearsal.azure import responses, sdk_inputs
from rehearsal.azure.cloud import Cloud, ControlPlaneAddress
from tests.component.conftest import ROOT, STACKS, Program

VARIANTS: list[tuple[str, dict[str, Any]]] = [
    *STACKS.values(),
    (
        "dev",
        {
            "cluster": {"apiServer": {"exposure": "vnetIntegrated", "authorizedIpRanges": []}},
            "network": {
                "apiServerSubnetCidr": "10.20.16.0/27",
                "podAddressing": "podSubnet",
                "podSubnetCidr": "10.20.64.0/18",
            },
        },
    ),
]
by_type = pytest.mark.parametrize("entry", RESOURCE_TYPES, ids=lambda entry: entry.pulumi_type)


@pytest.fixture(scope="module")
def registered(program: Callable[..., Program]) -> list[Registration]:
    """Everything in Azure that stacks of every kind register."""
    programs = [program(stack, **changes) for stack, changes in VARIANTS]
    return [r for p in programs for r in p.custom if r.type.startswith(PREFIX)]


def token(entry: ResourceType) -> str:
    return PREFIX + entry.pulumi_type


def sdk_class(entry: ResourceType) -> type[pulumi.CustomResource]:
    module, name = entry.pulumi_type.split(":")
    found: type[pulumi.CustomResource] = getattr(importlib.import_module(f"pulumi_azure_native.{module}"), name)
    return found


def input_names(model: type) -> set[str]:
    return set(_types.input_type_py_to_pulumi_names(model).values())


def test_the_table_has_every_type_that_the_program_registers_and_no_other(registered: list[Registration]) -> None:
    assert {r.type.removeprefix(PREFIX) for r in registered} == {entry.pulumi_type for entry in RESOURCE_TYPES}
    assert len({entry.pulumi_type for entry in RESOURCE_TYPES}) == len(RESOURCE_TYPES)


@by_type
def test_an_entry_is_found_with_and_without_the_providers_name(entry: ResourceType) -> None:
    assert resource_type(token(entry)) is resource_type(entry.pulumi_type) is entry


@by_type
def test_the_api_version_is_the_one_that_the_pinned_sdk_uses(entry: ResourceType) -> None:
    used = re.search(r"Uses Azure REST API version (\S+)\.\s", inspect.getsource(sdk_class(entry)))
    assert used and entry.api_version == used[1]


@by_type
def test_what_is_written_past_the_sdk_uses_the_same_api_version(
    entry: ResourceType, registered: list[Registration]
) -> None:
    for deployment in (r for r in registered if r.type.endswith("resources:Deployment")):
        for resource in deployment.inputs["properties"]["template"]["resources"]:
            if resource["type"] == entry.arm_type:
                assert resource["apiVersion"] == entry.api_version


@by_type
def test_an_id_is_made_of_inputs_and_ends_with_the_resources_own_name(entry: ResourceType) -> None:
    assert entry.places and set(entry.places) <= input_names(sdk_inputs.inputs_of(token(entry)))
    assert entry.id.endswith(f"/{{{entry.places[-1]}}}")


@by_type
def test_an_id_spells_the_type_as_azure_resource_manager_does(entry: ResourceType) -> None:
    if entry.pulumi_type == "resources:ResourceGroup":
        assert entry.id == "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"
        return
    scope, _, last = entry.id.replace("{recordType}", "A").rpartition("/providers/")
    provider, *segments = last.split("/")
    assert "/".join([provider, *segments[::2]]) == entry.arm_type
    group = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"
    cluster = f"{group}/providers/{{clusterRp}}/{{clusterResourceName}}/{{clusterName}}"
    assert scope in {group, "{scope}", "{resourceUri}", cluster}


def reaches(model: Any, path: list[str]) -> bool:
    """Return whether a path of properties leads somewhere in a type of the SDK's inputs."""
    if not path:
        return True
    for option in sdk_inputs._alternatives(model):
        if isinstance(option, type) and _types.is_input_type(option) and path[0] in input_names(option):
            return reaches(_types.input_type_types(option).get(path[0]), path[1:])
    return False


@by_type
def test_every_input_that_replaces_a_resource_is_one(entry: ResourceType) -> None:
    for path in entry.replaced_by:
        assert reaches(sdk_inputs.inputs_of(token(entry)), path.split(".")), path
        assert entry.replaces(path) and entry.replaces(f"{path}.below") and entry.replaces(f"{path}[0]")
        assert not entry.replaces(f"{path}x")


@by_type
def test_a_resource_that_moves_is_another_one_and_one_with_other_tags_is_not(entry: ResourceType) -> None:
    assert entry.replaces("location") and entry.replaces("resourceGroupName")
    assert not entry.replaces("tags") and not entry.replaces("tags.owner")


OF_AZURE_ALONE = {
    "Microsoft.DataProtection/backupVaults/backupJobs",
    "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints",
    "Microsoft.Network/virtualNetworks/subnets/delegations",
}
"""Types that Azure makes by itself, and nobody writes."""


def test_the_stand_in_knows_of_no_type_that_the_program_does_not_use() -> None:
    known = {entry.arm_type for entry in RESOURCE_TYPES} | {entry.pulumi_type for entry in RESOURCE_TYPES}
    named = set()
    for file in sorted((ROOT / "rehearsal/azure").glob("*.py")):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                named |= set(re.findall(r"^(?:Microsoft\.\w+(?:/[A-Za-z]+)+(?<!/action)|[a-z]+:[A-Z]\w+)$", node.value))
    assert len(named & known) > 10
    assert named - known == OF_AZURE_ALONE


@by_type
def test_a_resource_with_another_name_or_in_another_place_is_another_one(entry: ResourceType) -> None:
    assert entry.places and all(entry.replaces(place) for place in entry.places)
    assert not entry.replaced_by.intersection(entry.places), "its id names them already"


def outputs(cls: type) -> Mapping[str, Any]:
    if issubclass(cls, pulumi.Resource):
        names = dict(_types.resource_py_to_pulumi_names(cls))
        return {names.get(key, key): kind for key, kind in _types.resource_types(cls).items()} | {
            name: _types.resource_types(cls).get(name) for name in names.values()
        }
    return _types.output_type_types(cls)


def missing(kind: Any, filled: Mapping[str, Any]) -> Iterator[str]:
    """Yield every property that is not an output of a type."""
    classes = [
        option for option in sdk_inputs._alternatives(kind) if isinstance(option, type) and not issubclass(option, dict)
    ] + [
        option
        for option in sdk_inputs._alternatives(kind)
        if isinstance(option, type) and _types.is_output_type(option)
    ]
    known = {name: below for cls in classes for name, below in outputs(cls).items()}
    for key, value in filled.items():
        if key not in known:
            yield key
        elif isinstance(value, Mapping) and value:
            yield from (f"{key}.{below}" for below in missing(known[key], value))


@by_type
def test_what_azure_fills_in_is_an_output_of_the_sdks_type(entry: ResourceType) -> None:
    assert list(missing(sdk_class(entry), entry.fills_in)) == []


def answered(resource: Registration, cloud: Cloud) -> dict[str, Any]:
    """Return the stand-in's answer about a resource."""
    entry = resource_type(resource.type)
    found = {
        "id": entry.arm_id(resource.inputs, "s"),
        "type": entry.pulumi_type,
        "inputs": resource.inputs,
        "drift": {},
        "begun": 0,
        "changed": 0,
        "ready": 0,
        "serial": 1,
    }
    return responses.outputs(cloud, found, "s")


def holes(filled: Mapping[str, Any], answer: Mapping[str, Any]) -> Iterator[str]:
    for key, value in filled.items():
        if key not in answer:
            yield key
        elif isinstance(value, Mapping):
            yield from (f"{key}.{below}" for below in holes(value, answer[key]))


def test_the_stand_in_answers_what_azure_fills_in(registered: list[Registration], tmp_path: Path) -> None:
    plane = ControlPlaneAddress(name="one", server="https://127.0.0.1:1", certificate_authority="Y2E=")
    cloud = Cloud.create(tmp_path / "cloud.json", control_planes=(plane,))
    for entry in RESOURCE_TYPES:
        # a cluster has either a public name or a private one
        left = [set(holes(entry.fills_in, answered(r, cloud))) for r in registered if r.type == token(entry)]
        assert set.intersection(*left) == set(), entry.pulumi_type
        assert all(len(absent) <= 1 for absent in left), entry.pulumi_type


def test_what_a_plan_shows_of_azures_answers_names_where_it_comes_from(prod: Program) -> None:
    for entry in RESOURCE_TYPES:
        for value in leaves(entry.fills_in):
            assert value is None or value is True or value.startswith("{}."), entry.pulumi_type


def leaves(filled: Mapping[str, Any]) -> Iterator[Any]:
    for value in filled.values():
        if isinstance(value, Mapping):
            yield from leaves(value)
        else:
            yield from value if isinstance(value, list) else [value]
