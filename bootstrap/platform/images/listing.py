"""``bootstrap images list``: the images of every addon, out of what Helm renders with a stack's values."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.errors import BootstrapError, HelmError, RefusedError
from bootstrap.platform.images.helm import Source
from bootstrap.platform.images.references import normal, references
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.run import settings_of
from bootstrap.stackfile import read_stack, stack_names
from components.addons.charts import PINNED
from components.release.kubernetes_types import RELEASE
from components.release.lock import Lock
from components.release.supply import LOCK
from conventions import DEFAULT_KUBERNETES_VERSION, NAMESPACE


@dataclass(frozen=True, kw_only=True)
class ListedChart:
    """A chart that stacks install, at its upstream place."""

    key: str
    """Its place and version, as in the lock file."""
    stacks: set[str] = field(default_factory=set)
    images: dict[str, set[str]] = field(default_factory=dict)
    """Its images by name with tag or digest, and the stacks that use each."""


def list_images(root: Path, stacks: Sequence[str] = (), charts: Path | None = None) -> list[ListedChart]:
    """Return the charts that stacks install, with their images, as their publishers name them.

    Mirrors and the lock are left out of account. All that is wrong is told at once.

    Args:
        root: the project.
        stacks: their names; all that have a file when empty.
        charts: a folder with the charts' archives; they are fetched when None.

    Raises:
        BootstrapError: there is no stack, one's settings are invalid, or Helm does not render a release.
    """
    stacks = stacks or stack_names(root)
    if not stacks:
        raise BootstrapError(f"there is no Pulumi.<stack>.yaml in {root}")
    found: dict[str, ListedChart] = {}
    wrong: dict[str, None] = {}
    for stack in stacks:
        version = kube_version(root, stack)
        for key, inputs in _upstream(root, stack):
            listed = found.setdefault(key, ListedChart(key=key))
            listed.stacks.add(stack)
            try:
                objects = list(Source(inputs=inputs, charts=charts).objects(version))
                images = {normal(reference) for item in objects for reference in references(item)}
            except (HelmError, RefusedError) as error:
                wrong[str(error) if isinstance(error, HelmError) else f"{inputs['name']}: {error}"] = None
                continue
            for image in images:
                listed.images.setdefault(image, set()).add(stack)
    if wrong:
        raise HelmError("\n".join(wrong))
    return [found[key] for key in sorted(found)]


def kube_version(root: Path, stack: str) -> str:
    """Return the Kubernetes version that charts are rendered for."""
    cluster = settings_of(root, stack).cluster
    return f"{cluster.kubernetes_version if cluster is not None else DEFAULT_KUBERNETES_VERSION}.0"


def _upstream(root: Path, stack: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the inputs of a stack's releases without any mirror and lock, by the charts' keys."""
    given = json.loads(read_stack(root, stack).values.get(f"{NAMESPACE}:charts", "{}"))
    given.pop("mirror", None)
    token = LOCK.set(Lock())
    try:
        without = {f"{NAMESPACE}:charts": json.dumps(given), f"{NAMESPACE}:images": "{}"}
        evaluation = evaluate(root, stack, without)
    finally:
        LOCK.reset(token)
    charts = settings_of(root, stack).charts
    keys = {chart.name: chart.upstream(charts).key for chart in PINNED}
    return [(keys[r.inputs["name"]], r.inputs) for r in evaluation.registrations if r.type == RELEASE]
