"""The check of gitops/: the validator is that of the branch that is merged into, and nothing that fails passes."""

import shutil
from collections.abc import Mapping
from typing import Any

import pytest

from tests.workflows.world import World

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on PATH")

EVENTS = ("pull_request", "merge_group", "push")
CHECKED = ("Every Application and every rendered object", "Environments differ only where they should")
LAST = "What this changes, object by object"

# code of the change that would let everything pass, and leave a trace
HOSTILE = """
import os
from pathlib import Path
Path(os.environ["WORLD"], "pwned").touch()
raise SystemExit(0)
"""


def event(world: World, on: str) -> Mapping[str, Any]:
    """Return the event of the branch that is checked out: it asks to be merged into main, or is there already."""
    tip = world.git("rev-parse", "origin/main")
    return {
        "pull_request": world.pull_request(),
        "merge_group": {
            "merge_group": {
                "base_sha": tip,
                "base_ref": "refs/heads/main",
                "head_sha": world.git("rev-parse", "HEAD"),
                "head_ref": "refs/heads/gh-readonly-queue/main/pr-7",
            }
        },
        "push": {"ref": "refs/heads/main"},
    }[on]


@pytest.mark.parametrize("on", EVENTS)
def test_what_is_in_order_passes_whoever_asks(world: World, on: str) -> None:
    world.change("gitops/README.md", "changed\n")
    if on == "push":
        world.merge()
    ran = world.run("gitops", on, event(world, on))
    assert ran.status == 0, ran.output[-4000:]
    assert {ran.steps[name] for name in (*CHECKED, LAST)} == {True}
    base = "origin/main" if on == "pull_request" else world.git("rev-parse", "origin/main")
    assert world.called("bootstrap") == [
        "bootstrap validate --project ../head",
        f"bootstrap overlay --project ../head --check --history {base}",
        f"bootstrap render --project ../head --all --against {base} --format markdown",
    ]


@pytest.mark.parametrize("on", ["pull_request", "merge_group"])
def test_a_change_that_brings_its_own_validator_is_checked_by_the_one_that_was_there(world: World, on: str) -> None:
    for name in (
        "bootstrap/__init__.py",
        "bootstrap/cli.py",
        "bootstrap/delivery/validate/validate.py",
        "conventions.py",
    ):
        world.change(name, HOSTILE)
    world.change("Makefile", "setup:\n\ttouch $(WORLD)/pwned\n")
    file = "gitops/apps/hello/dev.yaml"
    allowed, foreign = "ghcr.io/stefanprodan/podinfo", "registry.example.org/evil"
    world.change(file, (world.clone / file).read_text().replace(allowed, foreign))
    ran = world.run("gitops", on, event(world, on))
    assert ran.jobs == {"check": False}
    assert ran.steps[CHECKED[0]] is False
    assert foreign in ran.output
    assert not (world.folder / "pwned").exists()
    # one answer does not hide the others
    assert ran.steps[LAST] is True


def test_on_the_branch_itself_its_own_validator_is_what_runs(world: World) -> None:
    """It would find the change of the test above: that test is none that finds nothing."""
    world.change("bootstrap/cli.py", HOSTILE)
    world.merge()
    assert world.run("gitops", "push", event(world, "push")).status == 0
    assert (world.folder / "pwned").exists()


@pytest.mark.parametrize(
    ("status", "passes"), [(0, True), (2, True), (1, False), (3, False), (126, False), (127, False), (137, False)]
)
def test_the_comparison_passes_when_it_was_made_and_only_then(world: World, status: int, passes: bool) -> None:
    for command in ("validate", "overlay"):
        world.answers(command, "")
    world.answers("render", "", status)
    world.change("gitops/README.md", "changed\n")
    ran = world.run("gitops", "pull_request", event(world, "pull_request"))
    assert ran.steps[LAST] is passes
    assert ran.jobs == {"check": passes}


def test_where_the_command_is_missing_no_step_passes(world: World) -> None:
    (world.folder / "bin/make").write_text("#!/bin/bash\n")
    world.change("gitops/README.md", "changed\n")
    ran = world.run("gitops", "pull_request", event(world, "pull_request"))
    assert {ran.steps[name] for name in (*CHECKED, LAST)} == {False}
