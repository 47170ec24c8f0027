"""Real Argo CD; what needs it is deselected without it, with a line that names what is missing."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.argocd.argo_cd import ArgoCD, argo_cd, missing
from tests.argocd.git_repository import GitRepository

MISSING = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    needing = [item for item in items if isinstance(item, pytest.Function) and "argo" in item.fixturenames]
    config.stash[MISSING] = missing() if needing else []
    if config.stash[MISSING]:
        config.hook.pytest_deselected(items=needing)
        items[:] = [item for item in items if item not in needing]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if absent := config.stash.get(MISSING, []):
        terminalreporter.write_line(f"tests of real Argo CD were left out: they need {', '.join(absent)}", yellow=True)


@pytest.fixture(scope="module")
def argo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArgoCD]:
    with argo_cd(tmp_path_factory.mktemp("argocd")) as started:
        yield started


@pytest.fixture
def repository(tmp_path: Path) -> GitRepository:
    return GitRepository(folder=tmp_path / "repository")
