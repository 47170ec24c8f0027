"""What the real charts render from the program's values.

Needs Helm, and a folder with the charts' archives in AKS_BOOTSTRAP_CHARTS (`helm pull` each pinned chart).
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from tests.component.conftest import Program

CHARTS = os.environ.get("AKS_BOOTSTRAP_CHARTS", "")
NEEDS_CHARTS = pytest.mark.skipif(
    not (CHARTS and shutil.which("helm")),
    reason="needs helm on PATH and the charts' archives in AKS_BOOTSTRAP_CHARTS",
)
PERMANENT = {"Deployment", "StatefulSet", "DaemonSet"}
PARTS = {*PERMANENT, "Job"}


@cache
def rendered(release: str, version: str, namespace: str, values: str) -> list[dict[str, Any]]:
    found = sorted(Path(CHARTS).glob(f"{release}-{version}.tgz"))
    assert found, f"{CHARTS} has no {release}-{version}.tgz"
    done = subprocess.run(
        ["helm", "template", release, str(found[0]), "-n", namespace, "--kube-version", "1.35.0", "-f", "-"],
        input=values,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{release}: {done.stderr}"
    return [document for document in YAML(typ="safe", pure=True).load_all(done.stdout) if document]


def objects(p: Program) -> Iterator[tuple[str, dict[str, Any]]]:
    for release in p.several("helm.sh/v3:Release"):
        inputs = release.inputs
        for item in rendered(inputs["name"], inputs["version"], inputs["namespace"], json.dumps(inputs["values"])):
            yield inputs["name"], item


def pods(p: Program, kinds: set[str] = PARTS) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for release, item in objects(p):
        if item["kind"] in kinds:
            yield f"{release} {item['kind']} {item['metadata']['name']}", item, item["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*(pod.get("initContainers") or []), *pod["containers"]]
