"""`make up` and `make down` on a fresh clone with a kubeconfig, and no other configuration."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from tests.e2e.clone import Clone
from tests.e2e.inspect_cluster import everything, root_application


@pytest.fixture
def clone(cluster: Any, tmp_path: Path) -> Clone:
    made = Clone.create(tmp_path / "clone", cluster.plane.kubeconfig)
    made.configure("charts", mirror=cluster.charts, timeoutSeconds=60)
    return made


def test_up_prints_its_choices_and_down_undoes_it(clone, cluster):
    simulator = cluster.simulate()
    tracked = clone.stack_file.read_bytes()
    api = config.new_client_from_config(str(cluster.plane.kubeconfig))
    before = everything(api)

    done = clone.bootstrap("up", "--yes", "--no-verify")
    assert done.returncode == 0, done.stdout + done.stderr
    for words in ("pulumi   ", "from PATH", "cluster  ", str(cluster.plane.kubeconfig), "as no backend is configured"):
        assert words in done.stdout
    root = root_application(api)
    assert root and root["spec"]["source"]["path"] == "tenants"
    assert clone.stack_file.read_bytes() == tracked, "the stack file belongs to Git"
    state = clone.folder / ".pulumi-state"
    assert (state / "passphrase").stat().st_mode & 0o077 == 0

    same = clone.bootstrap("drift")
    assert (same.returncode, same.stdout.splitlines()[-1]) == (0, "no drift"), same.stdout + same.stderr
    core: Any = client.CoreV1Api(api)
    core.patch_namespaced_secret("in-cluster", "argocd", {"metadata": {"labels": {"environment": "other"}}})
    drifted = clone.bootstrap("drift")
    assert (drifted.returncode, drifted.stdout.splitlines()[-1]) == (2, "drift: see above"), drifted.stdout
    assert "environment" in drifted.stdout
    mended = clone.bootstrap("up", "--yes", "--no-verify")
    assert mended.returncode == 0, mended.stdout + mended.stderr
    assert core.read_namespaced_secret("in-cluster", "argocd").metadata.labels["environment"] == "local"

    known = state / "local.cluster"
    uid = known.read_text()
    known.write_text("another cluster's")
    for command in ("up", "down"):
        refused = clone.bootstrap(command, "--yes")
        assert refused.returncode == 1
        assert "is of another cluster than" in refused.stderr and "Traceback" not in refused.stderr
    known.write_text(uid)

    gone = clone.bootstrap("down", "--yes")
    assert gone.returncode == 0, gone.stdout + gone.stderr
    assert everything(api) - before == set()
    again = clone.bootstrap("down", "--yes")
    assert again.returncode == 0 and "nothing to destroy" in again.stdout
    simulator.stop()
