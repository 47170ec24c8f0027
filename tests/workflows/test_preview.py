"""A pull request: what a fork's may do, what its comment says, and what stops it."""

import json

import pytest

from bootstrap.platform.ci.markers import digest_in, marker
from tests.workflows.world import World

HOSTILE = "$(touch${IFS}pwned)`touch${IFS}pwned`';touch${IFS}pwned;'"


def comments(world: World) -> dict[str, str]:
    found = {}
    for each in world.api.comments.values():
        stack = each["body"].split("\n")[0].removeprefix("<!-- aks-bootstrap preview: ").removesuffix(" -->")
        assert stack not in found, "one comment for each stack"
        found[stack] = each["body"]
    return found


def test_a_forks_pull_request_gets_the_plan_and_no_identity_whatever_it_is_called(world):
    world.really_run("plan")
    branch = f"feature/{HOSTILE}"
    world.change(f"gitops/{HOSTILE}\n.md", "x", branch)
    file = world.clone / "Pulumi.dev.yaml"
    world.change("Pulumi.dev.yaml", file.read_text().replace("maxCount: 5", "maxCount: 7"), branch)
    event = world.pull_request(
        fork=True, title=f'{HOSTILE}"; touch pwned; "', body=f"::set-output name=x::{HOSTILE}", labels=[HOSTILE]
    )
    ran = world.run("preview", "pull_request", event)
    assert ran.status == 0, ran.output[-4000:]
    assert ran.jobs == {"plan-1": True, "plan-2": True}
    assert (world.called("login"), world.called("pulumi"), world.called("az")) == ([], [], [])
    assert world.api.requests == []
    assert not list(world.folder.rglob("pwned"))
    assert len(world.called("bootstrap plan --stack dev --against")) == 1


@pytest.mark.parametrize(
    ("status", "passes"), [(0, True), (2, True), (3, True), (1, False), (4, False), (127, False), (137, False)]
)
def test_a_comparison_that_was_not_made_is_told_to_a_fork(world: World, status: int, passes: bool) -> None:
    world.change()
    world.answers("plan", "", status)
    ran = world.run("preview", "pull_request", world.pull_request(fork=True))
    assert ran.jobs == {"plan-1": passes, "plan-2": passes}


def test_a_pull_request_edited_five_times_has_one_comment_for_each_stack(world):
    for name in ("calm", "pools", "drifted", "same", "calm"):
        world.change(text=f"{name}\n")
        world.previews("dev", name)
        ran = world.run("preview", "pull_request", world.pull_request())
        assert ran.status == 0, ran.output[-4000:]
    assert ran.stand_ins == {
        "actions/checkout",
        "actions/setup-python",
        "actions/upload-artifact",
        "azure/login",
        "azure/use-kubelogin",
        "make",
    }
    found = comments(world)
    assert set(found) == {"dev", "prod"}
    assert "`maxCount` `5` → `7`" in found["dev"]
    assert "124 unchanged" in found["prod"]
    assert set(world.called("login")) == {"login client-of-the-environment"}
    assert world.api.tokens == {"Bearer token-of-the-run"}
    assert not [line for line in world.called("pulumi") if "preview" not in line], "nothing but previews"
    kept = world.folder / "artifacts/preview-dev"
    assert {file.name for file in kept.iterdir()} == {"preview.json", "full.md"}


def test_a_destructive_change_needs_the_label_that_names_it(world):
    world.change()
    world.previews("dev", "pool")
    refused = world.run("preview", "pull_request", world.pull_request(labels=["replace:cluster"]))
    assert refused.status != 0
    assert refused.jobs["dev"] is False
    assert (refused.jobs["prod"], refused.jobs["comment-dev"]) == (True, True)
    assert "add the label `replace:pool`" in comments(world)["dev"]
    agreed = world.run("preview", "pull_request", world.pull_request(labels=["replace:pool"]))
    assert agreed.status == 0, agreed.output[-4000:]
    assert "add the label" not in comments(world)["dev"]


def test_a_preview_that_fails_is_told_in_the_comment(world):
    world.change()
    world.previews("dev", "mistake", status=1)
    ran = world.run("preview", "pull_request", world.pull_request())
    assert (ran.jobs["dev"], ran.jobs["comment-dev"]) == (False, True)
    assert "nodePools[0].minCount" in comments(world)["dev"]
    assert digest_in(comments(world)["dev"]) is None


def test_a_preview_that_ends_with_a_failure_fails_its_check_whatever_it_printed(world):
    world.change()
    world.previews("dev", "calm", status=255)
    ran = world.run("preview", "pull_request", world.pull_request())
    assert (ran.jobs["dev"], ran.jobs["prod"], ran.jobs["comment-dev"]) == (False, True, True)
    assert "maxCount" in comments(world)["dev"]


def test_a_run_that_is_started_again_looks_at_the_labels_of_now(world):
    """Its event is that of its first time: https://docs.github.com/actions/how-tos/manage-workflow-runs/re-run-workflows-and-jobs."""
    world.change()
    world.previews("dev", "pool")
    event = world.pull_request(labels=["replace:pool"])
    assert world.run("preview", "pull_request", event).status == 0
    world.api.labels[7] = ["replace:zone"]
    again = world.run("preview", "pull_request", event)
    assert (again.jobs["dev"], again.jobs["prod"]) == (False, True)
    assert "add the label `replace:pool`" in comments(world)["dev"]


def test_what_publishes_is_the_code_of_the_branch_that_the_change_goes_to(world):
    name = "bootstrap/platform/ci/publish.py"
    trace = """
import os, pathlib, sys
if "comment" in sys.argv:
    pathlib.Path(os.environ["WORLD"], "pwned").touch()
"""
    world.change(name, trace + (world.clone / name).read_text())
    ran = world.run("preview", "pull_request", world.pull_request())
    assert ran.jobs["comment-dev"], ran.output[-4000:]
    assert comments(world)["dev"].startswith(marker("dev"))
    assert not (world.folder / "pwned").exists()


def test_what_the_doctor_and_the_scan_have_against_a_change_is_in_its_comment(world: World) -> None:
    world.change()
    world.previews("dev", "calm")
    blocked = {"findings": [{"verdict": "blocked", "subject": "quota", "detail": "no cores left"}]}
    world.answers("doctor", json.dumps(blocked), 2)
    found = {"findings": [{"check": "CKV_AZURE_1", "resource": "aks", "title": "no logs", "explained": False}]}
    world.answers("scan", json.dumps(found))
    ran = world.run("preview", "pull_request", world.pull_request())
    assert ran.status == 0, ran.output[-4000:]
    text = comments(world)["dev"]
    assert "- doctor: `quota`: no cores left" in text and "- scan: `CKV_AZURE_1` `aks`: no logs" in text
    asked = [line for line in world.log if line.startswith(("bootstrap doctor --stack dev", "pulumi preview"))]
    assert asked[0].startswith("bootstrap doctor --stack dev")
