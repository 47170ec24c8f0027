"""The engine itself asks the policy pack, in a preview of the real program."""

from pathlib import Path

import pytest

from policy.rules import every_rule

ROOT = Path(__file__).resolve().parents[2]
PACK = ROOT / "policy" / "pack"

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.skipif(
        not (ROOT / ".tools" / "pack" / "bin" / "python").exists(),
        reason="the policy pack is not set up: `make pack` does it",
    ),
]


def violated(done) -> set[str]:
    """Return the rules that a preview names with a mandatory violation."""
    assert "can't run policy" not in done.stdout, done.stdout
    return {each.name for each in every_rule() if f" {each.name} " in done.stdout}


def test_a_preview_of_the_local_stack_is_refused_for_its_chart_repository_and_for_nothing_else(local):
    done = local.pulumi("preview", "--policy-pack", str(PACK), check=False)
    assert done.returncode != 0
    assert violated(done) == {"chart-repositories"}, done.stdout + done.stderr


def test_a_preview_of_production_is_refused_for_what_is_changed(make_sandbox):
    sandbox = make_sandbox("prod", tags={"costCentre": "cc-1"}, keyVault={"softDeleteRetentionDays": 7})
    done = sandbox.project.pulumi("preview", "--policy-pack", str(PACK), check=False)
    assert done.returncode != 0
    assert violated(done) == {"chart-repositories", "vault-soft-delete"}, done.stdout
