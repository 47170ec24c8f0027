"""The monthly drill: a row for each stack in a pull request, and an issue for one whose rebuild fails."""

import datetime as dt
import json

import pytest

from bootstrap.platform.drills import FILE, Drill, record
from tests.workflows.world import Ran, World

STACKS = ("dev", "prod")


@pytest.fixture(autouse=True)
def recorded(world: World) -> str:
    """Give the repository a runner with a control plane and a drill of last year, and return the record."""
    world.variables = {**world.variables, "REHEARSAL_RUNNER": "ubuntu-24.04"}
    record(world.folder, Drill(date=dt.date(2025, 12, 2), stack="dev", commit="c" * 40, real=True, seconds=2412))
    text = (world.folder / FILE).read_text()
    world.change(str(FILE), text, branch="main")
    return text


def succeeds(world: World, stack: str) -> None:
    acts = [{"title": "from nothing", "seconds": 51.2, "steps": []}, {"title": "next", "seconds": 109.6, "steps": []}]
    rehearsed = {"version": 1, "stack": stack, "acts": acts}
    paths = {"criticalPathSeconds": 664, "criticalPathSlowSeconds": 963}
    world.answers("rehearse", json.dumps({**rehearsed, **paths}), stack=stack, errors="✓ starting control planes\n")


def fails(world: World, stack: str, why: str = "") -> None:
    errors = f"✓ starting control planes\nerror: {why}:\n  ~ vmSize\nerror: update failed\n" if why else ""
    world.answers("rehearse", "", 1, stack=stack, errors=errors)


def drill(world: World) -> Ran:
    return world.run("drill", "schedule")


def rows(world: World) -> list[list[str]]:
    """Return what was pushed: stack, what, critical path, measured and outcome of each row that was added."""
    [branch] = pushed(world)
    world.git("fetch", "--quiet", "origin", branch)
    changed = world.git("diff", "--unified=0", "main", "FETCH_HEAD").splitlines()
    assert [line for line in changed if line.startswith("-")] == ["--- a/docs/drills.md"]
    return [
        [cell for at, cell in enumerate(line.strip("+| ").split(" | ")) if at not in {0, 2}]
        for line in changed
        if line.startswith("+|")
    ]


def pushed(world: World) -> list[str]:
    refs = world.git("ls-remote", "origin").splitlines()
    return [ref.split("refs/heads/")[1] for ref in refs if "refs/heads/drill-" in ref]


def issues(world: World) -> list[tuple[str, str]]:
    return sorted((each["title"], each["state"]) for each in world.api.issues.values())


def test_a_drill_that_succeeds_leaves_a_row_for_each_stack_and_no_issue(world: World) -> None:
    for stack in STACKS:
        succeeds(world, stack)
    ran = drill(world)
    assert ran.status == 0, ran.output[-4000:]
    assert ran.jobs == {"rehearse": True, "issue-dev": True, "issue-prod": True, "propose": True}
    told = ["rehearsed", "11m04s / 16m03s", "161 s", "succeeded"]
    assert rows(world) == [["prod", *told], ["dev", *told]]
    assert issues(world) == []
    [made] = world.called("gh pr create")
    assert "--base main" in made
    assert (world.called("pulumi"), world.called("login"), world.called("az")) == ([], [], [])
    assert world.called("bootstrap rehearse") == [
        f"bootstrap rehearse --stack {stack} --rebuild --format json" for stack in STACKS
    ]


def test_a_drill_that_fails_is_a_row_and_an_issue_which_the_next_one_that_succeeds_closes(world: World) -> None:
    fails(world, "dev", "pulumi up (generation 2) | $(touch pwned) failed")
    succeeds(world, "prod")
    ran = drill(world)
    assert ran.status == 0, ran.output[-4000:]
    prod, dev = rows(world)
    assert (prod[0], prod[-1]) == ("prod", "succeeded")
    assert dev[:4] == ["dev", "rehearsed", "– / –", "–"]
    assert dev[4].startswith("failed: <code>pulumi up &#40;generation 2&#41; &#124;")
    assert issues(world) == [("A drill of stack dev has failed", "open")]
    [issue] = world.api.issues.values()
    assert "error: update failed" in issue["body"] and "make rehearse STACK=dev" in issue["body"]
    assert not list(world.folder.rglob("pwned"))

    succeeds(world, "dev")
    assert drill(world).status == 0
    assert issues(world) == [("A drill of stack dev has failed", "closed")]


def test_a_drill_that_dies_without_a_word_is_one_that_failed(world: World) -> None:
    succeeds(world, "dev")
    fails(world, "prod")
    assert drill(world).status == 0
    assert rows(world)[0] == ["prod", "rehearsed", "– / –", "–", "failed: `nothing was printed`"]
    assert issues(world) == [("A drill of stack prod has failed", "open")]


def test_a_record_that_cannot_be_read_is_left_alone_and_so_are_issues(world: World, recorded: str) -> None:
    world.change(str(FILE), recorded + "<<<<<<< HEAD\n| x |\n", branch="main")
    for stack in STACKS:
        fails(world, stack, "no")
    assert drill(world).jobs == {"rehearse": False}
    assert (pushed(world), issues(world), world.called("gh")) == ([], [], [])


def test_without_a_runner_that_has_a_control_plane_nothing_is_drilled(world: World) -> None:
    world.variables = {}
    assert drill(world).jobs == {}
    assert world.called("bootstrap") == []
