"""Runs the workflows with `act`; left out, with one line, where it is not on PATH."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.loopback_github import github
from tests.workflows.programs import PROGRAMS
from tests.workflows.world import STAND_INS, World

NEEDED = ("act", "git", "jq")
TOLD = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if "world" in getattr(item, "fixturenames", ()) and "workflows" in item.path.parts]
    missing = [program for program in NEEDED if shutil.which(program) is None]
    told: list[str] = []
    if ours and missing:
        told.append(f"{len(ours)} runs of workflows were left out: they need on PATH {', '.join(missing)}")
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]
    elif ours:
        told.append(f"workflows ran with stand-ins for {', '.join(STAND_INS)}; recorded: {', '.join(PROGRAMS)}")
    config.stash[TOLD] = told


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(TOLD, []):
        terminalreporter.write_line(line, yellow=True)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with github() as api:
        (tmp_path / "world").mkdir()
        yield World(folder=tmp_path / "world", api=api)
