"""``bootstrap plan`` as a user or a script runs it."""

import json
import os
import shutil
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from bootstrap.platform.plan.text import print_plan
from bootstrap.platform.plan.view import view

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, root=ROOT, seed="0"):
    return subprocess.run(
        [
            sys.executable,
            "-c",
            f"import sys; sys.path.insert(0, {str(root)!r}); from bootstrap.cli import main; main()",
            "plan",
            *arguments,
        ],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONHASHSEED": seed, "COLUMNS": "140"},
    )


def test_the_text_shows_tree_order_releases_and_outputs_and_what_it_is_not():
    done = run("--stack", "prod")
    assert done.returncode == 0, done.stderr
    for words in ("ManagedCluster", "protected", "critical path", "argo-cd", "10.1.1", "vaultUri", "reads no cloud"):
        assert words in done.stdout


@pytest.mark.parametrize("width", [80, 200])
def test_names_and_charts_of_releases_are_whole_at_every_width(prod, width):
    text = StringIO()
    print_plan(view(prod.evaluation), Console(width=width, file=text), values=False)
    shown = text.getvalue().splitlines()
    assert max(map(len, shown)) <= width
    words = [line.split() for line in shown]
    for release in prod.releases:
        assert any(line[:2] == [release.inputs["name"], release.inputs["namespace"]] for line in words)
        assert any(line[0] == release.inputs["name"] and release.inputs["chart"] in line for line in words if line)


def test_json_is_the_same_on_every_run(prod):
    first, second = run("--stack", "prod", "--format", "json"), run("--stack", "prod", "--format", "json", seed="7")
    assert first.stdout == second.stdout
    plan = json.loads(first.stdout)
    assert plan["version"] == 1 and plan["exitStatus"] == 0
    assert [release["release"] for release in plan["releases"]] == [r.inputs["name"] for r in prod.releases]
    assert plan["releases"][0]["values"]["crds"] == {"enabled": True, "keep": True}


def test_markdown_has_a_mermaid_graph():
    done = run("--stack", "local", "--format", "markdown")
    assert done.returncode == 0
    assert "```mermaid" in done.stdout


def test_every_mistake_of_a_stack_is_one_message_without_a_traceback(tmp_path):
    copy = tmp_path / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    stack = (copy / "Pulumi.dev.yaml").read_text()
    (copy / "Pulumi.dev.yaml").write_text(
        stack.replace("environment: dev", "environment: Dev!").replace("minCount", "minCout")
    )
    done = run("--stack", "dev", root=copy)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "aks-bootstrap:environment: got 'Dev!'" in done.stderr
    assert "aks-bootstrap:nodePools[0].minCout: unknown key; did you mean" in done.stderr


def test_a_stack_that_is_not_there_is_told():
    done = run("--stack", "prd")
    assert done.returncode == 1
    assert "stacks: dev, local, prod" in done.stderr and "Traceback" not in done.stderr


@pytest.fixture
def history(tmp_path):
    """A clone of the project with one commit, to change and compare."""
    copy = tmp_path / "project"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for command in (["init", "-q"], ["add", "."], ["commit", "-qm", "before"]):
        subprocess.run(["git", "-c", "user.name=t", "-c", "user.email=t@example.com", *command], cwd=copy, check=True)
    return copy


def against(history, stack, before, after):
    path = history / f"Pulumi.{stack}.yaml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after, 1))
    done = run("--stack", stack, "--against", "HEAD", "--format", "json", root=history)
    return done.returncode, {c["name"]: c for c in json.loads(done.stdout)["changes"]}


def test_nothing_changed_ends_with_0(history):
    done = run("--stack", "dev", "--against", "HEAD", root=history)
    assert done.returncode == 0
    assert "no change against HEAD" in done.stdout


def test_a_larger_pool_ends_with_2(history):
    status, changes = against(history, "dev", "maxCount: 5", "maxCount: 7")
    assert status == 2
    assert {name: c["kind"] for name, c in changes.items()} == {"pool-apps-g1": "changed"}
    assert changes["pool-apps-g1"]["properties"][0]["path"] == "maxCount"


def test_a_rebuild_ends_with_3_and_leaves_the_foundation_alone(history):
    status, changes = against(history, "prod", "generation: 1", "generation: 2")
    assert status == 3
    clusters = {name: c for name, c in changes.items() if c["type"].endswith(":ManagedCluster")}
    assert [(c["kind"], c["destructive"]) for c in clusters.values()] == [("removed", True), ("added", False)]
    assert not {"vault", "zone", "registry", "logs"} & set(changes)


def test_an_unknown_revision_is_told(history):
    done = run("--against", "nowhere", root=history)
    assert done.returncode == 1
    assert "'nowhere' is not a revision" in done.stderr and "Traceback" not in done.stderr


def test_a_wrong_option_is_an_error_and_not_a_change():
    done = run("--nope")
    assert done.returncode == 1
    assert "No such option: --nope" in done.stderr and "Traceback" not in done.stderr


def test_markdown_warns_of_what_is_lost_before_anything_else(history):
    path = history / "Pulumi.prod.yaml"
    path.write_text(path.read_text().replace("generation: 1", "generation: 2"))
    done = run("--stack", "prod", "--against", "HEAD", "--format", "markdown", root=history)
    assert done.returncode == 3
    assert done.stdout.index("> [!CAUTION]") < done.stdout.index("```mermaid")
    assert "`aks-g1" in done.stdout


def test_the_text_can_hold_every_releases_final_values():
    done = run("--stack", "local", "--values")
    assert "values of argocd/argo-cd" in done.stdout and "resource.customizations.health" in done.stdout


def test_json_tells_when_each_part_begins_and_ends():
    plan = json.loads(run("--stack", "prod", "--format", "json").stdout)
    spans = {part["urn"].split("::")[-1]: part for part in plan["parts"]}
    assert spans["cert-manager-g1"]["endsSeconds"] <= spans["ingress-g1"]["beginsSeconds"]
    assert spans["pool-apps-g1"]["beginsSeconds"] < spans["argocd-g1"]["beginsSeconds"]
    assert plan["criticalPathSeconds"] == max(step["endsSeconds"] for step in plan["order"])
