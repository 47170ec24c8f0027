"""Runs the real engine against a real API server; deselected, with a line that names what is missing, without them."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config

from rehearsal.azure.cloud import Behaviour
from rehearsal.cluster_simulator import ClusterSimulator
from rehearsal.control_plane import ControlPlane, missing_binaries
from rehearsal.project import Project, missing_programs
from rehearsal.sandbox import Sandbox, served_charts, simulating
from tests.e2e.inspect_cluster import has_settled, wait_for

ROOT = Path(__file__).resolve().parents[2]
REAL = {Path(__file__).resolve().parent / name for name in ("test_real_cluster.py", "test_verify.py")}
KUBECONFIG, CHARTS = "AKS_BOOTSTRAP_E2E_KUBECONFIG", "AKS_BOOTSTRAP_CHARTS"
DESELECTED = pytest.StashKey[list[str]]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    told: list[str] = []
    real = [item for item in items if item.path in REAL]
    ours = [item for item in items if "e2e" in item.path.parts and item not in real]
    deselected: list[pytest.Item] = []
    if missing := [*missing_programs(), *missing_binaries()]:
        told.append(f"end-to-end tests were left out: they need on PATH {', '.join(missing)}")
        deselected += ours
    elif config.getoption("--e2e") == "smoke":
        deselected += [item for item in ours if not item.get_closest_marker("smoke")]
        told.append(f"{len(deselected)} end-to-end tests were left out: `make e2e` runs all of them")
    # the CLI downloads the provider, where it is not on PATH
    needed = [program for program in ("pulumi", "pulumi-language-python") if shutil.which(program) is None]
    needed += [] if os.environ.get(KUBECONFIG) else [f"{KUBECONFIG}, an empty cluster's"]
    if real and needed:
        told.append(f"the story on a real cluster was left out: it needs {', '.join(needed)}")
        deselected += real
    config.stash[DESELECTED] = told
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    for line in config.stash.get(DESELECTED, []):
        terminalreporter.write_line(line, yellow=True)


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """A throwaway cluster, and a chart repository."""

    plane: ControlPlane
    charts: str

    def simulate(self, **options: bool) -> ClusterSimulator:
        simulator = ClusterSimulator(self.plane.kubeconfig, **options)
        simulator.start()
        return simulator


@pytest.fixture(scope="session")
def charts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_charts(tmp_path_factory.mktemp("charts")) as url:
        yield url


@pytest.fixture(scope="session")
def real_kubeconfig() -> Path:
    return Path(os.environ[KUBECONFIG]).resolve()


@pytest.fixture(scope="session")
def real_charts() -> Path | None:
    folder = os.environ.get(CHARTS)
    return Path(folder) if folder else None


@pytest.fixture
def cluster(tmp_path: Path, charts: str) -> Iterator[Cluster]:
    plane = ControlPlane(name="e2e", folder=tmp_path / "kwok")
    plane.start()
    wait_for(lambda: has_settled(config.new_client_from_config(str(plane.kubeconfig))))
    yield Cluster(plane=plane, charts=charts)
    plane.stop()


@pytest.fixture
def local(cluster: Cluster, tmp_path: Path) -> Project:
    """The local stack, with charts from the loopback repository."""
    project = Project.copy(ROOT, tmp_path / "pulumi", "local", {"KUBECONFIG": str(cluster.plane.kubeconfig)})
    project.configure({"charts": {"mirror": cluster.charts, "timeoutSeconds": 60}})
    return project


@pytest.fixture
def make_sandbox(tmp_path: Path, charts: str, request: pytest.FixtureRequest) -> Iterator[Callable[..., Sandbox]]:
    """Create a sandbox of an Azure stack, with an empty cloud and empty clusters: ``make_sandbox("dev", planes=2)``."""
    with contextlib.ExitStack() as contexts:

        def create(
            stack: str,
            *,
            planes: int = 1,
            behaviour: Behaviour | None = None,
            simulate: bool = True,
            audit: bool = False,
            role_seconds: float = 0,
            **changes: Any,
        ) -> Sandbox:
            started = [ControlPlane(name=f"e2e-{n}", folder=tmp_path / f"kwok-{n}", audit=audit) for n in range(planes)]
            for plane in started:
                plane.start()
                contexts.callback(plane.stop)
            if simulate:
                contexts.enter_context(simulating(started))
            sandbox = Sandbox.create(
                ROOT,
                tmp_path / stack,
                stack,
                started,
                charts=charts,
                behaviour=behaviour,
                changes=changes,
                role_seconds=role_seconds,
            )
            if request.config.getoption("--no-refresh"):
                file = sandbox.project.folder / "Pulumi.yaml"
                assert "refresh: always" in file.read_text()
                file.write_text(file.read_text().replace("refresh: always", "{}"))
            return sandbox

        yield create


@pytest.fixture
def client_of() -> Callable[[ControlPlane], Any]:
    def sign_in(plane: ControlPlane) -> Any:
        return config.new_client_from_config(str(plane.kubeconfig))

    return sign_in
