"""The real engine against a real API server; skipped, with one line that says why, where it is not there."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config

from rehearsal.azure.cloud import Manners
from rehearsal.control_plane import ControlPlane, missing_binaries
from rehearsal.player import Player
from rehearsal.project import Project, missing_programs
from rehearsal.stage import Stage, playing, serving_charts

ROOT = Path(__file__).resolve().parents[2]
LEFT_OUT = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    ours = [item for item in items if "e2e" in item.path.parts]
    missing = [*missing_programs(), *missing_binaries()]
    if missing:
        config.stash[LEFT_OUT] = [f"end-to-end tests were left out: they need on PATH {', '.join(missing)}"]
        left_out = ours
    elif config.getoption("--e2e") == "smoke":
        left_out = [item for item in ours if not item.get_closest_marker("smoke")]
        config.stash[LEFT_OUT] = [f"{len(left_out)} end-to-end tests were left out: `make e2e` runs all of them"]
    else:
        left_out = []
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(LEFT_OUT, []):
        terminalreporter.write_line(line, yellow=True)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A throwaway cluster and what plays on it."""

    plane: ControlPlane
    charts: str

    def player(self, **options: bool) -> Player:
        player = Player(self.plane.kubeconfig, **options)
        player.start()
        return player


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serving_charts(tmp_path_factory.mktemp("charts")) as url:
        yield url


@pytest.fixture
def cluster(tmp_path: Path, charts: str) -> Iterator[Cluster]:
    plane = ControlPlane(name="e2e", folder=tmp_path / "kwok")
    plane.start()
    yield Cluster(plane=plane, charts=charts)
    plane.stop()


@pytest.fixture
def local(cluster: Cluster, tmp_path: Path) -> Project:
    """The local stack, which draws its charts from loopback."""
    project = Project.copy(ROOT, tmp_path / "pulumi", "local", {"KUBECONFIG": str(cluster.plane.kubeconfig)})
    project.configure({"charts": {"mirror": cluster.charts, "timeoutSeconds": 60}})
    return project


@pytest.fixture
def stage(tmp_path: Path, charts: str) -> Iterator[Callable[..., Stage]]:
    """Set a stack of Azure on a clean cloud with clean control planes: ``stage("dev", planes=2)``."""
    with contextlib.ExitStack() as over:

        def set_up(
            stack: str,
            *,
            planes: int = 1,
            manners: Manners | None = None,
            play: bool = True,
            audit: bool = False,
            **changes: Any,
        ) -> Stage:
            started = [ControlPlane(name=f"e2e-{n}", folder=tmp_path / f"kwok-{n}", audit=audit) for n in range(planes)]
            for plane in started:
                plane.start()
                over.callback(plane.stop)
            if play:
                over.enter_context(playing(started))
            return Stage.set(ROOT, tmp_path / stack, stack, started, charts=charts, manners=manners, changes=changes)

        yield set_up


@pytest.fixture
def client_of() -> Callable[[ControlPlane], Any]:
    def sign_in(plane: ControlPlane) -> Any:
        return config.new_client_from_config(str(plane.kubeconfig))

    return sign_in
