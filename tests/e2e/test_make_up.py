"""`make up` and `make down` on a fresh clone with a kubeconfig, and no other configuration."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from kubernetes import config
from ruamel.yaml import YAML

from tests.e2e.inspect_cluster import everything, root_application

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def clone(cluster: Any, tmp_path: Path) -> Path:
    folder = tmp_path / "clone"
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    (folder / ".venv").symlink_to(Path(sys.prefix))
    path, yaml = folder / "Pulumi.local.yaml", YAML()
    stack = yaml.load(path)
    stack["config"]["aks-bootstrap:charts"] |= {"mirror": cluster.charts, "timeoutSeconds": 60}
    yaml.dump(stack, path)
    return folder


@pytest.fixture
def bootstrap(clone: Path, cluster: Any, tmp_path: Path):
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PULUMI_")},
        "PULUMI_HOME": str(tmp_path / "home"),
        "KUBECONFIG": str(cluster.plane.kubeconfig),
    }

    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        code = f"import sys; sys.path.insert(0, {str(clone)!r}); from bootstrap.cli import main; main()"
        return subprocess.run(
            [sys.executable, "-c", code, *arguments, "--stack", "local", "--yes"],
            cwd=clone,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_up_prints_its_choices_and_down_undoes_it(bootstrap, clone, cluster):
    simulator = cluster.simulate()
    tracked = (clone / "Pulumi.local.yaml").read_bytes()
    api = config.new_client_from_config(str(cluster.plane.kubeconfig))
    before = everything(api)

    done = bootstrap("up")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("pulumi   ", "from PATH", "cluster  ", str(cluster.plane.kubeconfig), "as no backend is configured"):
        assert words in done.stdout
    root = root_application(api)
    assert root and root["spec"]["source"]["path"] == "gitops/environments/local"
    assert (clone / "Pulumi.local.yaml").read_bytes() == tracked, "the stack file belongs to Git"
    assert (clone / ".pulumi-state" / "passphrase").stat().st_mode & 0o077 == 0

    known = clone / ".pulumi-state" / "local.cluster"
    uid = known.read_text()
    known.write_text("another cluster's")
    for command in ("up", "down"):
        refused = bootstrap(command)
        assert refused.returncode == 1
        assert "is of another cluster than" in refused.stderr and "Traceback" not in refused.stderr
    known.write_text(uid)

    gone = bootstrap("down")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert everything(api) - before == set()
    again = bootstrap("down")
    assert again.returncode == 0 and "nothing to destroy" in again.stdout
    simulator.stop()
