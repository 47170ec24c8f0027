"""A real drill: built under another name, asked whether it serves, destroyed whatever came of it, and recorded."""

import datetime as dt
import json
from collections.abc import Sequence

import pytest

from bootstrap.platform.drills import FILE, Drill, record
from tests.workflows.world import Ran, World

INPUTS = {"stack": "prod", "region": "westeurope", "zone": "drill.example.org", "zone-group": "rg-drill-dns"}
VAULT = "kv-platform-drill-x1"


@pytest.fixture(autouse=True)
def recorded(world: World) -> None:
    """Give the repository a drill of last year, and the stack that is built a vault."""
    record(world.folder, Drill(date=dt.date(2025, 12, 2), stack="dev", commit="c" * 40, real=True, seconds=2412))
    world.change(str(FILE), (world.folder / FILE).read_text(), branch="main")
    vault = {"type": "azure-native:keyvault:Vault", "outputs": {"name": VAULT}}
    state = {"deployment": {"resources": [{"type": "pulumi:pulumi:Stack", "outputs": {}}, vault]}}
    (world.folder / "state" / "drill.json").write_text(json.dumps(state))


def drill(world: World, **inputs: str) -> Ran:
    return world.run("real-drill", "workflow_dispatch", {"inputs": {**INPUTS, **inputs}})


def done_after(world: World, first: str) -> Sequence[str]:
    """Return what changed something, in order, from a call on."""
    calls = [line for line in world.log if not line.startswith(("bootstrap ci", "login", "az account"))]
    start = next(at for at, line in enumerate(calls) if line.startswith(first))
    return [line for line in calls[start:] if not line.startswith(("gh", "pulumi stack export"))]


DESTROYED = [
    "bootstrap recover --stack drill",
    "pulumi destroy --stack drill --yes --skip-preview --non-interactive",
    f"az keyvault purge --name {VAULT} --output none",
    "pulumi stack rm drill --yes --non-interactive",
]


def row(world: World) -> list[str]:
    """Return what was pushed: date, stack, what, measured and outcome of the one row that was added."""
    refs = world.git("ls-remote", "origin").splitlines()
    [branch] = [ref.split("refs/heads/")[1] for ref in refs if "refs/heads/drill-" in ref]
    world.git("fetch", "--quiet", "origin", branch)
    changed = world.git("diff", "--unified=0", "main", "FETCH_HEAD").splitlines()
    [added] = [line for line in changed if line.startswith("+|")]
    cells = added.strip("+| ").split(" | ")
    return [cells[0], cells[1], cells[3], cells[5], cells[6]]


def test_one_that_serves_is_destroyed_and_leaves_its_time(world: World) -> None:
    ran = drill(world)
    assert ran.status == 0, ran.output[-4000:]
    assert ran.jobs == {"drill": True, "propose": True}
    assert done_after(world, "pulumi stack init") == [
        "pulumi stack init drill --secrets-provider default --non-interactive",
        "pulumi up --stack drill --yes --skip-preview --non-interactive",
        "bootstrap verify --stack drill",
        *DESTROYED,
    ]
    date, stack, what, measured, outcome = row(world)
    assert (date, stack, what, outcome) == (f"{dt.datetime.now(dt.UTC):%Y-%m-%d}", "prod", "real", "succeeded")
    assert measured.endswith(" s")
    [made] = world.called("gh pr create")
    assert "--base main" in made


def test_the_doctor_is_asked_about_what_would_be_built_before_it_is(world: World) -> None:
    drill(world)
    [made] = world.called("bootstrap ci drill-stack")
    assert "--region westeurope --zone drill.example.org --zone-group rg-drill-dns" in made
    calls = [line for line in world.log if line.startswith(("bootstrap doctor", "pulumi"))]
    assert calls[0] == "bootstrap doctor --stack drill"


@pytest.mark.parametrize("at", ["up", "verify"])
def test_one_that_fails_is_destroyed_too_and_is_a_row(world: World, at: str) -> None:
    if at == "up":
        (world.folder / "state" / "drill.up").write_text("error: no room for a cluster | in westeurope\n")
        (world.folder / "state" / "drill.status").write_text("255")
    else:
        world.answers("verify", "certificate  failed\n", 2)
    ran = drill(world)
    assert ran.jobs == {"drill": False, "propose": True}
    assert list(done_after(world, "bootstrap recover")) == DESTROYED
    _, stack, what, _, outcome = row(world)
    assert (stack, what) == ("prod", "real")
    assert "no room for a cluster" in outcome if at == "up" else "it is up, and does not serve" in outcome


def test_it_signs_in_anew_before_it_destroys(world: World) -> None:
    drill(world)
    signs_in = [at for at, line in enumerate(world.log) if line.startswith("login")]
    built, destroyed = (
        next(at for at, line in enumerate(world.log) if line.startswith(f"pulumi {verb}")) for verb in ("up", "destroy")
    )
    assert len(signs_in) == 2 and signs_in[0] < built < signs_in[1] < destroyed


def test_what_cannot_be_recovered_is_destroyed_all_the_same(world: World) -> None:
    world.answers("recover", "error: an import failed\n", 1)
    assert drill(world).jobs == {"drill": True, "propose": True}
    assert world.called("pulumi cancel drill") and world.called("pulumi destroy") and world.called("pulumi stack rm")


def test_one_that_is_not_destroyed_says_so_and_keeps_its_state(world: World) -> None:
    (world.folder / "state" / "drill.destroy").write_text("1")
    assert drill(world).jobs == {"drill": False, "propose": True}
    assert len(world.called("pulumi destroy")) == 2 and not world.called("pulumi stack rm")
    assert "NOT DESTROYED" in row(world)[-1]


def test_one_that_the_doctor_refuses_builds_and_records_nothing(world: World) -> None:
    world.answers("doctor", "blocked\n", 2)
    ran = drill(world)
    assert ran.jobs == {"drill": False}
    assert world.called("pulumi") == []
    assert str(FILE) not in world.git("status", "--porcelain")


@pytest.mark.parametrize(
    "wrong",
    [{"region": "atlantis"}, {"zone": "$(touch pwned)"}, {"zone-group": "a/b"}, {"zone": "example.com"}],
    ids=str,
)
def test_inputs_that_cannot_be_are_told_before_anything_is_built(world: World, wrong: dict[str, str]) -> None:
    ran = drill(world, **wrong)
    assert ran.jobs == {"drill": False}
    assert world.called("pulumi") == [] and not list(world.folder.rglob("pwned"))
