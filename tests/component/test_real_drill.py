"""What a real drill builds can be destroyed, and leaves nothing behind."""

import shutil
from pathlib import Path

import pytest

from bootstrap.platform.ci.drill_stack import NAME, drill_stack
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.stackfile import read_stack
from tests.component.conftest import ROOT, Program


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_a_real_drill_can_be_destroyed_and_leaves_nothing_behind(tmp_path: Path, stack: str) -> None:
    for file in (*ROOT.glob("Pulumi*.yaml"), ROOT / "supply.lock.yaml"):
        shutil.copy(file, tmp_path)
    drill_stack(tmp_path, stack, region="westeurope", zone="drill.example.org", zone_group="rg-drill-dns")
    built = Program(evaluate(ROOT, stack, read_stack(tmp_path, NAME).values))
    assert len(built.custom) > 60
    assert [each.name for each in built.custom if each.protect or each.retain_on_delete] == []
    assert built.several("authorization:ManagementLockByScope") == []
