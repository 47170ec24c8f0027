"""A stack whose mirror is all that it reaches: the real engine and provider, and a proxy that refuses the rest."""

import shutil
from typing import Any

import pytest

from bootstrap.platform.images.lock import write
from components.addons.charts import PINNED
from components.release.lock import Lock, LockedChart
from rehearsal.chart_repository import SOURCES, pack
from rehearsal.project import Project
from tests.e2e.conftest import ROOT, Cluster
from tests.oci_registry import crane_registry, push_chart, refusing_proxy

pytestmark = pytest.mark.skipif(shutil.which("crane") is None, reason="needs crane on PATH")


def releases(project: Project) -> dict[str, dict[str, Any]]:
    found = [r for r in project.resources() if r["type"] == "kubernetes:helm.sh/v3:Release"]
    return {r["inputs"]["name"]: r["inputs"] for r in found}


def test_a_stack_comes_up_from_its_mirror_by_digest_and_asks_for_nothing_else(cluster: Cluster, tmp_path: Any) -> None:
    simulator = cluster.simulate()
    with crane_registry() as host, refusing_proxy() as proxy:
        project = Project.copy(
            ROOT,
            tmp_path / "pulumi",
            "local",
            # the helpers of whoever runs the tests are none of this
            {"KUBECONFIG": str(cluster.plane.kubeconfig), "HELM_CACHE_HOME": str(tmp_path), **proxy.environment},
        )
        charts = {}
        for chart in PINNED:
            archive = pack(SOURCES / chart.name, chart.version)
            manifest = push_chart(f"{host}/mirror/charts/{chart.name}", chart.version, archive)
            charts[chart.key] = LockedChart(manifest=manifest)
        write(project.folder, Lock(charts=charts))
        project.configure({"images": {"mirror": f"{host}/mirror"}, "charts": {"timeoutSeconds": 300}})

        project.pulumi("up", "--yes")

        installed = releases(project)
        assert installed
        for chart in PINNED:
            if chart.name in installed:
                wanted = f"oci://{host}/mirror/charts/{chart.name}@{charts[chart.key].manifest}"
                assert installed[chart.name]["chart"] == wanted
        assert set(project.changes("--expect-no-changes")) == {"same"}

        # the tag stands for something else by now, and what is locked is no longer there
        stranger = "sha256:" + "0" * 64
        write(project.folder, Lock(charts={key: LockedChart(manifest=stranger) for key in charts}))
        refused = project.pulumi("up", "--yes", check=False)
        assert refused.returncode != 0 and stranger in refused.stdout + refused.stderr

        assert proxy.asked == []
    simulator.stop()
