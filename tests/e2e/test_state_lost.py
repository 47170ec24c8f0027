"""The state is lost and the resources are not: import files, four commands, and a preview without changes."""

import shlex

import pytest

from bootstrap.platform.adopt import adopt
from bootstrap.platform.plan.evaluate import evaluate


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_all_resources_are_imported_into_an_empty_state(make_sandbox, tmp_path, stack):
    sandbox = make_sandbox(stack)
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    before = {
        r["urn"]: r.get("id") for r in sandbox.project.resources() if not r["type"].startswith("pulumi:providers")
    }
    there = {r["id"]: r["serial"] for r in sandbox.cloud.resources()}
    sandbox.project.pulumi("stack", "rm", stack, "--yes", "--force", "--preserve-config")
    sandbox.project.pulumi("stack", "init", stack)

    adoption = adopt(evaluate(sandbox.project.folder, stack))
    adoption.write(tmp_path)
    for command in adoption.commands(tmp_path):
        sandbox.project.pulumi(*shlex.split(command)[1:], "--yes", "--skip-preview")

    after = {r["urn"]: r.get("id") for r in sandbox.project.resources() if not r["type"].startswith("pulumi:providers")}
    assert after.keys() == before.keys()
    assert {k: v for k, v in after.items() if "azure-native" in k} == {
        k: v for k, v in before.items() if "azure-native" in k
    }
    assert {r["id"]: r["serial"] for r in sandbox.cloud.resources()} == there, "no resource in Azure was recreated"
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}
