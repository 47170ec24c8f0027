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


def test_the_vault_whose_name_is_unique_in_the_world_has_another_one(
    program: Callable[..., Program], drill: Program
) -> None:
    theirs, ours = (found.one("keyvault:Vault").inputs["vaultName"] for found in (program("prod"), drill))
    assert theirs.startswith("kv-") and ours.startswith("kv-")
    assert ours != theirs


def test_a_real_drill_can_be_destroyed_and_leaves_nothing_behind(drill: Program) -> None:
    assert [each.name for each in drill.custom if each.protect or each.retain_on_delete] == []
    assert drill.several("authorization:ManagementLockByScope") == []
