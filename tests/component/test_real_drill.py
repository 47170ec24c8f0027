"""What docs/ci.md changes in a copy of production's stack file: it is built beside production, and can be destroyed."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bootstrap.platform.plan.arm import requests
from tests.component.conftest import Program

ROOT = Path(__file__).resolve().parents[2]


def documented() -> dict[str, Any]:
    [block] = re.findall(r"```yaml\n(# Pulumi\.drill\.yaml\n.*?)```", (ROOT / "docs/ci.md").read_text(), re.DOTALL)
    return {key.removeprefix("aks-bootstrap:"): value for key, value in YAML(typ="safe").load(block).items()}


@pytest.fixture(scope="module")
def drill(program: Callable[..., Program]) -> Program:
    return program("prod", **documented())


def test_no_resource_of_a_real_drill_is_one_of_productions(program: Callable[..., Program], drill: Program) -> None:
    theirs = {each.id.lower() for each in requests(program("prod").evaluation)}
    ours = {each.id.lower() for each in requests(drill.evaluation)}
    assert len(ours) > 30
    assert ours & theirs == set()


def test_what_is_unique_in_the_world_is_another_one_too(program: Callable[..., Program], drill: Program) -> None:
    for type_, key in (("keyvault:Vault", "vaultName"), ("network:PublicIPAddress", "dnsSettings")):
        names = [{str(each.inputs.get(key)) for each in found.several(type_)} for found in (program("prod"), drill)]
        assert not names[0] & names[1] - {"None"}, type_


def test_a_real_drill_can_be_destroyed_and_leaves_nothing_behind(drill: Program) -> None:
    assert [each.name for each in drill.custom if each.protect or each.retain_on_delete] == []
    assert drill.several("authorization:ManagementLockByScope") == []
