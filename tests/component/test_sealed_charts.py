"""Helm takes every addon's real chart from a mirror on loopback, while a proxy refuses, and records, everything else.

Needs Helm, crane, and a folder with the charts' archives in AKS_BOOTSTRAP_CHARTS.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import HelmError
from bootstrap.platform.images.helm import Source
from bootstrap.platform.images.references import references
from bootstrap.platform.plan.evaluate import evaluate
from components.addons.charts import PINNED
from components.release.lock import Lock, LockedChart
from components.release.supply import LOCK
from tests.component.conftest import ROOT, UPDATING, Program, configured
from tests.oci_registry import crane_registry, push_chart, refusing_proxy

CHARTS = os.environ.get("AKS_BOOTSTRAP_CHARTS", "")
pytestmark = pytest.mark.skipif(
    not (CHARTS and shutil.which("helm") and shutil.which("crane")),
    reason="needs helm and crane on PATH and the charts' archives in AKS_BOOTSTRAP_CHARTS",
)


def test_every_chart_comes_from_the_mirror_and_nothing_else_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with crane_registry() as host, refusing_proxy() as proxy:
        digests = {}
        for chart in PINNED:
            archive = (Path(CHARTS) / f"{chart.name}-{chart.version}.tgz").read_bytes()
            digests[chart.name] = push_chart(f"{host}/mirror/charts/{chart.name}", chart.version, archive)
        for name, value in {"HELM_CACHE_HOME": str(tmp_path), **proxy.environment}.items():
            monkeypatch.setenv(name, value)
        # of the lock only what is needed to find the charts: digests of images are nothing that Helm asks for
        lock = Lock(charts={chart.key: LockedChart(manifest=digests[chart.name]) for chart in PINNED})
        changes: dict[str, Any] = {**UPDATING, "images": {"mirror": f"{host}/mirror"}}
        token = LOCK.set(lock)
        try:
            sealed = Program(evaluate(ROOT, "prod", configured("prod", changes)))
        finally:
            LOCK.reset(token)

        assert {release.inputs["name"] for release in sealed.releases} == set(digests)
        for release in sealed.releases:
            assert release.inputs["chart"].endswith(f"@{digests[release.inputs['name']]}")
            objects = list(Source(inputs=release.inputs).objects("1.35.0"))
            assert any(list(references(item)) for item in objects), release.name
        assert proxy.asked == []

        # the record is one that sees what it has to see
        [away] = [c for c in PINNED if c.name == "cert-manager"]
        inputs = {**sealed.release("cert-manager").inputs, "chart": away.place}
        with pytest.raises(HelmError):
            list(Source(inputs=inputs).objects("1.35.0"))
        assert any("quay.io" in asked for asked in proxy.asked), proxy.asked
