"""A deployment: what was reviewed is deployed, and nothing else."""

import json
import re

from tests.workflows.world import World


def reviewed(world: World, **previews: str) -> None:
    """Open a pull request whose comments show previews, and merge it."""
    world.change()
    for stack, name in previews.items():
        world.previews(stack, name)
    labels = ["replace:pool", "delete:cluster", "replace:zone", "replace:record"]
    ran = world.run("preview", "pull_request", world.pull_request(labels=labels))
    assert ran.status == 0, ran.output[-4000:]
    world.merge()
    world.forget()


def ups(world: World) -> list[str]:
    return [line.split("--stack ")[1].split()[0] for line in world.called("pulumi up")]


def test_what_was_reviewed_is_deployed_to_dev_and_then_to_prod(world):
    reviewed(world, dev="pool", prod="calm")
    ran = world.run("deploy", "push")
    assert ran.status == 0, ran.output[-4000:]
    assert ups(world) == ["dev", "prod"]
    assert world.called("bootstrap recover") == world.called("pulumi cancel") == []
    assert all("--yes" in line for line in world.called("pulumi up"))
    assert world.called("az account get-access-token")


def test_a_preview_that_is_another_one_than_was_reviewed_stops_before_anything_is_changed(world):
    reviewed(world, dev="calm", prod="calm")
    world.previews("dev", "zone")
    ran = world.run("deploy", "push")
    assert ran.status != 0
    assert "somebody has to look again" in ran.output
    assert ups(world) == []
    assert ran.jobs == {"reviewed": True, "dev": False}

    # somebody has read what the run printed
    [digest] = re.findall(r"\| ([0-9a-f]{64})$", ran.output, re.MULTILINE)
    again = world.run("deploy", "workflow_dispatch", {"inputs": {"stack": "dev", "reviewed": digest}})
    assert again.status == 0, again.output[-4000:]
    assert ups(world) == ["dev"]


def test_what_nobody_has_reviewed_is_not_deployed_unless_it_changes_nothing(world):
    world.change()
    world.merge()
    assert world.run("deploy", "push").status == 0
    assert ups(world) == ["dev", "prod"]
    world.forget()
    world.previews("dev", "calm")
    assert world.run("deploy", "push").status != 0
    assert ups(world) == []


def test_the_digest_of_one_stack_lets_no_other_go(world):
    reviewed(world, dev="calm", prod="same")
    world.previews("prod", "rebuild")
    ran = world.run("deploy", "push")
    assert ran.jobs == {"reviewed": True, "dev": True, "prod": False}
    assert ups(world) == ["dev"]


def test_something_else_than_a_digest_is_refused(world):
    given = {"stack": "dev", "reviewed": "$(touch pwned)\nprod=" + "0" * 64}
    ran = world.run("deploy", "workflow_dispatch", {"inputs": given})
    assert ran.jobs == {"reviewed": False}
    assert not list(world.folder.rglob("pwned"))


def test_after_a_run_that_died_the_stack_is_recovered_first(world):
    reviewed(world, dev="calm", prod="same")
    state = {"deployment": {"pending_operations": [{"type": "creating"}]}}
    (world.folder / "state/dev.json").write_text(json.dumps(state))
    assert world.run("deploy", "push").status == 0
    assert world.called("bootstrap recover") == ["bootstrap recover --stack dev"]
    order = [line.split(" --")[0] for line in world.log if line.startswith(("pulumi", "bootstrap recover"))]
    assert order[:4] == ["pulumi stack export", "bootstrap recover", "pulumi preview", "pulumi up"]


def test_after_a_release_that_was_ended_in_the_middle_the_stack_is_recovered_first(world):
    # Helm marks it failed, nothing is pending, and a refresh would take its values for those of the program
    release = {"type": "kubernetes:helm.sh/v3:Release", "initErrors": ["context canceled"]}
    state = {"deployment": {"pending_operations": [], "resources": [{"type": "pulumi:pulumi:Stack"}, release]}}
    (world.folder / "state/dev.json").write_text(json.dumps(state))
    assert world.run("deploy", "workflow_dispatch", {"inputs": {"stack": "dev", "reviewed": "0" * 64}}).status == 0
    assert world.called("bootstrap recover") == ["bootstrap recover --stack dev"]


def test_a_preview_that_fails_stops_a_deployment(world):
    reviewed(world, dev="same", prod="same")
    world.previews("dev", "mistake", status=1)
    assert world.run("deploy", "push").jobs == {"reviewed": True, "dev": False}
    assert ups(world) == []


def test_a_preview_that_ends_with_a_failure_stops_a_deployment_whatever_it_printed(world):
    reviewed(world, dev="calm", prod="same")
    # such as a rule of the organization that is violated
    world.previews("dev", "calm", status=255)
    ran = world.run("deploy", "push")
    assert ran.jobs == {"reviewed": True, "dev": False}
    assert ups(world) == []
    assert "the preview has ended with 255" in ran.output


def test_what_does_not_serve_stops_before_prod(world):
    reviewed(world, dev="calm", prod="calm")
    world.answers("verify", "{}\n", 2)
    assert world.run("deploy", "push").jobs == {"reviewed": True, "dev": False}
    assert ups(world) == ["dev"]
    assert world.called("bootstrap verify") == ["bootstrap verify --stack dev --format json"]
    assert (world.folder / "artifacts/deploy-dev/verify.json").exists()
    world.answers("verify", "{}\n")
    assert world.run("deploy", "push").status == 0


def test_what_the_doctor_refuses_is_not_deployed(world: World) -> None:
    reviewed(world, dev="pool", prod="calm")
    world.answers("doctor", "blocked\n", 2, stack="dev")
    ran = world.run("deploy", "push")
    assert ran.jobs == {"reviewed": True, "dev": False}
    assert ups(world) == []
