"""What a stack with a mirror would still take from elsewhere."""

from pathlib import Path

from bootstrap.platform.images.helm import Source
from bootstrap.platform.images.listing import kube_version
from bootstrap.platform.images.references import references
from bootstrap.platform.plan.evaluate import evaluate
from components.release.kubernetes_types import RELEASE
from components.release.supply import section_of


def outside(root: Path, stack: str, mirror: str, charts: Path | None = None) -> list[str]:
    """Return what a stack's releases take from elsewhere: charts, and images of what Helm renders.

    Args:
        root: the project.
        stack: the stack, whose ``images.mirror`` it is.
        mirror: the registry, and a path in it.
        charts: a folder with the charts' archives; they are taken from the mirror when None.

    Raises:
        BootstrapError: the stack's settings are invalid, or Helm does not render a release.
    """
    found: dict[str, None] = {}
    version = kube_version(root, stack)
    for registration in evaluate(root, stack).registrations:
        inputs = registration.inputs
        if registration.type.endswith("yaml/v2:ConfigFile") and "://" in (file := str(inputs.get("file", ""))):
            found[f"{registration.name}: {file} (ingress.gatewayApiManifest)"] = None
        if registration.type != RELEASE:
            continue
        name = inputs["name"]
        if not str(inputs["chart"]).startswith(f"oci://{mirror}/"):
            repository = (inputs.get("repositoryOpts") or {}).get("repo")
            found[f"{name}: the chart {' '.join(filter(None, (repository, inputs['chart'])))}"] = None
        for item in Source(inputs=inputs, charts=charts).objects(version):
            for reference in references(item):
                if not reference.startswith(f"{mirror}/"):
                    where = f"{item.get('kind')} {section_of(item, 'metadata.name')}"
                    found[f"{name}: {where}: {reference} (charts.*.values)"] = None
    return list(found)
