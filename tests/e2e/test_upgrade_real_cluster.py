"""Argo CD's chart is upgraded where its Pods are real, and the run dies in the middle: every application outlives it.

The cluster is that of ``test_real_cluster.py``; the folder of charts has to hold an earlier version of argo-cd too. The
tests are chapters, in order.
"""

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from components.addons.charts import ARGO_CD
from conventions import ARGO_CD_NAMESPACE
from rehearsal.project import Project
from tests.chart_versions import versions
from tests.e2e.inspect_cluster import helm_records, wait_for
from tests.e2e.story import APPLICATIONS, Story
from tests.published_charts import helm_repository


@pytest.fixture(scope="module")
def earlier(story: Story, real_charts: Path | None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve every version of the charts, and return Argo CD's before the pinned one."""
    found = versions(real_charts, ARGO_CD.name) if real_charts is not None else []
    if real_charts is None or found.index(ARGO_CD.version) == 0:
        pytest.skip("AKS_BOOTSTRAP_CHARTS names no folder with a version of argo-cd before the pinned one")
    folder = tmp_path_factory.mktemp("repository")
    for archive in real_charts.glob("*.tgz"):
        shutil.copy(archive, folder)
    with helm_repository(folder / "index.yaml") as url:
        story.clone.configure("charts", mirror=url)
        yield found[found.index(ARGO_CD.version) - 1]


def identities(story: Story) -> dict[str, str]:
    """Return who every application is, and what hello has deployed."""
    apps: Any = client.CustomObjectsApi(story.api).list_namespaced_custom_object(*APPLICATIONS)
    deployed: Any = client.AppsV1Api(story.api).list_namespaced_deployment("app-hello")
    return {found["metadata"]["name"]: found["metadata"]["uid"] for found in apps["items"]} | {
        f"deployment {found.metadata.name}": found.metadata.uid for found in deployed.items
    }


def settled(story: Story) -> bool:
    return story.healthy("root") and story.healthy("hello")


def test_the_earlier_version_is_up_and_the_step_is_told(story: Story, earlier: str) -> None:
    story.clone.configure("charts", argoCd={"version": earlier})
    story.up()
    wait_for(lambda: settled(story), 300)
    story.clone.configure("charts", argoCd={})

    done = story.clone.bootstrap("upgrade", "--check", "--format", "json")

    assert done.returncode == 0, done.stdout + done.stderr
    findings = json.loads(done.stdout)["findings"]
    [step] = [each for each in findings if each["check"] == "charts" and each["subject"] == ARGO_CD.name]
    assert step["detail"] == f"{earlier} → {ARGO_CD.version}"
    assert {each["verdict"] for each in findings} == {"fine"}


def test_a_run_that_dies_in_the_upgrade_deletes_no_application(story: Story, earlier: str) -> None:
    before = identities(story)
    assert {"root", "hello"} < set(before)
    process = story.clone.start("up", "--yes", "--skip-preview", "--no-verify")

    def in_the_middle() -> bool:
        return "pending-upgrade" in helm_records(story.api, ARGO_CD_NAMESPACE).values()

    wait_for(in_the_middle, 240)
    Project.kill(process)
    assert in_the_middle(), f"the upgrade from {earlier} had ended before the run was killed"
    until = time.monotonic() + 30
    while time.monotonic() < until:
        assert identities(story) == before
        time.sleep(1)


def test_the_next_run_completes_it(story: Story, earlier: str) -> None:
    before = identities(story)
    story.clone.bootstrap("recover")
    story.up()
    wait_for(lambda: settled(story), 300)
    assert identities(story) == before
    assert "pending-upgrade" not in helm_records(story.api, ARGO_CD_NAMESPACE).values()
    done = story.clone.bootstrap("upgrade", "--check", "--format", "json")
    told = {each["subject"]: each["detail"] for each in json.loads(done.stdout)["findings"]}
    assert told[ARGO_CD.name] == f"{ARGO_CD.version} is installed", f"it was {earlier}"
