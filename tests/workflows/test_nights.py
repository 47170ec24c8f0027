"""What runs at night: the comparison with the cloud, and a rebuild."""

import pytest

from tests.workflows.world import World


def issues(world: World) -> list[tuple[str, str]]:
    return [(each["title"], each["state"]) for each in world.api.issues.values()]


def test_drift_is_told_in_one_issue_that_is_opened_edited_and_closed(world):
    world.answers("drift", "~ vmSize: a => b\ndrift: see above\n", 2)
    ran = world.run("drift", "schedule")
    assert ran.status == 0, ran.output[-4000:]
    opened = sorted(issues(world))
    assert opened == [("Stack dev has drifted", "open"), ("Stack prod has drifted", "open")]
    world.answers("drift", "~ tags: c => d\ndrift: see above\n", 2)
    assert world.run("drift", "schedule").status == 0
    assert sorted(issues(world)) == opened
    assert all("~ tags: c => d" in each["body"] and "vmSize" not in each["body"] for each in world.api.issues.values())
    # nobody knows: they stay
    world.answers("drift", "error\n", 1)
    assert world.run("drift", "schedule").jobs == {"dev": False, "prod": False}
    assert sorted(issues(world)) == opened
    world.answers("drift", "no drift\n", 0)
    assert world.run("drift", "schedule").status == 0
    assert {state for _, state in issues(world)} == {"closed"}
    assert world.called("pulumi") == []


def test_a_rebuild_asks_the_doctor_and_leaves_a_pull_request_behind(world):
    ran = world.run("rebuild", "workflow_dispatch", {"inputs": {"stack": "dev", "region": "westeurope"}})
    assert ran.status == 0, ran.output[-4000:]
    assert ran.jobs == {"ask": True, "rebuild": True, "propose": True}
    order = [line for line in world.log if line.startswith(("bootstrap doctor", "pulumi up"))]
    assert order == ["bootstrap doctor --stack dev", "pulumi up --stack dev --yes --skip-preview --non-interactive"]
    pushed = world.git("ls-remote", "origin", "rebuild-dev")
    assert pushed
    world.git("fetch", "--quiet", "origin", "rebuild-dev")
    changed = world.git("diff", "--unified=0", "main", "FETCH_HEAD").splitlines()
    assert [line for line in changed if line.startswith("+ ")] == ["+    generation: 2", "+    location: westeurope"]
    assert world.called("gh pr create --head rebuild-dev --base main")


def test_a_drift_of_any_length_is_told(world: World) -> None:
    # a variable of a step may have 131,072 bytes, and base64 makes four of three
    world.answers("drift", "~ tags: c => é\n" * 20_000, 2)
    ran = world.run("drift", "schedule")
    assert ran.status == 0, ran.output[-4000:]
    assert len(issues(world)) == 2
    assert all("~ tags: c => é" in each["body"] for each in world.api.issues.values())


@pytest.mark.parametrize(("status", "begins"), [(0, True), (3, True), (1, False), (127, False)])
def test_a_rebuild_whose_comparison_was_not_made_does_not_begin(world: World, status: int, begins: bool) -> None:
    world.answers("plan", "", status)
    ran = world.run("rebuild", "workflow_dispatch", {"inputs": {"stack": "dev", "region": ""}})
    assert ran.jobs["ask"] is begins
    assert bool(world.called("pulumi up")) is begins


def test_a_rebuild_that_the_doctor_is_against_does_not_begin(world):
    world.answers("doctor", "blocked\n", 2)
    ran = world.run("rebuild", "workflow_dispatch", {"inputs": {"stack": "dev", "region": "$(touch pwned)"}})
    assert ran.jobs == {"ask": False}
    world.forget()
    ran = world.run("rebuild", "workflow_dispatch", {"inputs": {"stack": "prod", "region": ""}})
    assert ran.jobs == {"ask": False}
    assert world.called("bootstrap doctor")
    assert (world.called("pulumi up"), world.called("gh")) == ([], [])
    assert not list(world.folder.rglob("pwned"))
