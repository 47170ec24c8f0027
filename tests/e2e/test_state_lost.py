"""The state is lost and the resources are not: import files, four commands, and a preview with nothing to do."""

import shlex

import pytest

from bootstrap.platform.adopt import adopt
from bootstrap.platform.plan.evaluate import evaluate


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_what_was_built_is_taken_back_into_an_empty_state(stage, tmp_path, stack):
    on = stage(stack)
    on.project.pulumi("up", "--yes", "--skip-preview")
    before = {r["urn"]: r.get("id") for r in on.project.resources() if not r["type"].startswith("pulumi:providers")}
    there = {r["id"]: r["serial"] for r in on.cloud.resources()}
    on.project.pulumi("stack", "rm", stack, "--yes", "--force", "--preserve-config")
    on.project.pulumi("stack", "init", stack)

    adoption = adopt(evaluate(on.project.folder, stack))
    adoption.write(tmp_path)
    for command in adoption.commands(tmp_path):
        on.project.pulumi(*shlex.split(command)[1:], "--yes", "--skip-preview")

    after = {r["urn"]: r.get("id") for r in on.project.resources() if not r["type"].startswith("pulumi:providers")}
    assert after.keys() == before.keys()
    assert {k: v for k, v in after.items() if "azure-native" in k} == {
        k: v for k, v in before.items() if "azure-native" in k
    }
    assert {r["id"]: r["serial"] for r in on.cloud.resources()} == there, "nothing in Azure was made again"
    assert set(on.project.changes("--expect-no-changes")) == {"same"}
