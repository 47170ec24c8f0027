"""The real engine against a real API server; skipped, with one line that says why, where it is not there."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rehearsal.chart_repository import ChartRepository
from rehearsal.control_plane import ControlPlane, missing_binaries
from rehearsal.player import Player
from rehearsal.project import Project, missing_programs

ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    missing = [*missing_programs(), *missing_binaries()]
    if missing:
        skip = pytest.mark.skip(reason=f"end-to-end tests need on PATH: {', '.join(missing)}")
        for item in items:
            if "e2e" in item.path.parts:
                item.add_marker(skip)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A throwaway cluster and what plays on it."""

    plane: ControlPlane
    charts: str

    def player(self, **options: bool) -> Player:
        player = Player(self.plane.kubeconfig, self.plane.pki, **options)
        player.start()
        return player


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    plane = ControlPlane(name="e2e", folder=tmp_path / "kwok")
    (tmp_path / "charts").mkdir()
    charts = ChartRepository(tmp_path / "charts")
    plane.start()
    charts.start()
    yield Cluster(plane=plane, charts=charts.url)
    charts.stop()
    plane.stop()


@pytest.fixture
def local(cluster: Cluster, tmp_path: Path) -> Project:
    """The local stack, which draws its charts from loopback."""
    project = Project.copy(ROOT, tmp_path / "pulumi", "local", {"KUBECONFIG": str(cluster.plane.kubeconfig)})
    project.configure({"charts": {"mirror": cluster.charts, "timeoutSeconds": 60}})
    return project
