"""Imports run downward only, and every module is in a room that has a place in the order."""

import ast
import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# what a room's modules may import of this project besides their own room, which is the longest prefix that fits
BOTTOM = {"application_sources", "application_template", "conventions", "startup"}
ROOMS: dict[str, set[str]] = {
    "conventions": set(),
    "startup": set(),
    "application_sources": {"conventions"},
    "application_template": {"conventions"},
    "settings": BOTTOM,
    # the joints between the rooms of components/
    "components.access": BOTTOM | {"settings"},
    "components.platform": BOTTOM | {"settings", "components.access"},
    "components.scraping": BOTTOM,
    "components.release": BOTTOM | {"settings", "components.access"},
    # what is known of every chart is asked for above the addons, too
    "components.addons.charts": BOTTOM | {"settings", "components.release"},
    "components.addons": BOTTOM
    | {
        "settings",
        "components.access",
        "components.platform",
        "components.release",
        "components.scraping",
        "components.addons.charts",
    },
    "components.azure.resource_types": set(),
    "components.azure": BOTTOM
    | {
        "components.azure.resource_types",
        "settings",
        "components.access",
        "components.platform",
        "components.scraping",
    },
    "components.restore": BOTTOM | {"components.access", "components.release", "components.addons.charts"},
    "components.tenancy": BOTTOM | {"components.access", "components.platform"},
    "components.existing_cluster": BOTTOM | {"settings", "components.access"},
    "components": BOTTOM | {"settings", "components.*"},
    "rehearsal": BOTTOM | {"settings", "components.*"},
    # the engine runs it in an environment of its own, without the SDKs of the program
    "policy": {"components.azure.resource_types"},
    # what both products share is a module of bootstrap/ itself
    "bootstrap.platform": BOTTOM
    | {"settings", "components.*", "rehearsal", "policy", "bootstrap", "bootstrap.stackfile"},
    "bootstrap.delivery": BOTTOM | {"bootstrap", "bootstrap.stackfile"},
    # a wrong stack file is told with what is wrong in its settings; a right one does not load them
    "bootstrap.stackfile": BOTTOM | {"settings", "bootstrap"},
    "bootstrap.cli": {"bootstrap", "bootstrap.platform", "bootstrap.delivery"},
    "bootstrap": BOTTOM | {"settings"},
    "bench": BOTTOM | {"settings", "components.*", "rehearsal", "bootstrap.*"},
}


def modules() -> dict[str, Path]:
    found = {}
    for top in {name.partition(".")[0] for name in ROOMS}:
        files = [ROOT / f"{top}.py"] if (ROOT / f"{top}.py").exists() else sorted((ROOT / top).rglob("*.py"))
        for file in files:
            parts = file.relative_to(ROOT).with_suffix("").parts
            found[".".join(part for part in parts if part != "__init__")] = file
    return found


def room_of(module: str) -> str:
    fitting = [room for room in ROOMS if module == room or module.startswith(f"{room}.")]
    return max(fitting, key=len)


def allows(room: str, target: str) -> bool:
    return any(
        target in (name, name.removesuffix(".*")) or (name.endswith(".*") and target.startswith(name[:-1]))
        for name in ROOMS[room]
    )


def imported(file: Path) -> Iterator[str]:
    """Yield what a module imports, on demand or at once."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide where they lead"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and getattr(node.func, "id", "") == "on_demand":
            argument = node.args[0]
            assert isinstance(argument, ast.Constant)
            yield str(argument.value)


MODULES = modules()


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_is_below_it(module: str) -> None:
    room = room_of(module)
    for name in imported(MODULES[module]):
        assert name != "__main__"
        if name in MODULES:
            target = room_of(name)
            assert target == room or allows(room, target), f"{module} is in {room} and imports {name}, of {target}"


def test_the_rooms_themselves_are_in_an_order() -> None:
    """No two rooms allow each other, so that there is no circle to be found."""
    for room, other in itertools.combinations(ROOMS, 2):
        assert not (allows(room, other) and allows(other, room)), f"{room} and {other}"


@pytest.mark.parametrize("module", [name for name in MODULES if "." not in name and name.startswith("conv")])
def test_what_commands_share_with_the_program_imports_next_to_nothing(module: str) -> None:
    assert set(imported(MODULES[module])) <= {"typing", "typing.NamedTuple"}


def test_every_on_demand_module_is_there() -> None:
    """A name in quotes is not seen by the type checker."""
    for file in MODULES.values():
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "on_demand":
                argument = node.args[0]
                assert isinstance(argument, ast.Constant)
                name = str(argument.value)
                assert name in MODULES or name.partition(".")[0] not in {m.partition(".")[0] for m in MODULES}, name


def test_the_order_of_a_deployment_is_read_on_one_screen() -> None:
    assert len((ROOT / "__main__.py").read_text(encoding="utf-8").splitlines()) < 60
