"""Rules about charts."""

import re
from collections.abc import Iterator

from policy.allowed import allowed
from policy.resource import Resource
from policy.rule import rule

_TYPES = ("kubernetes:helm.sh/v3:Release", "kubernetes:helm.sh/v3:Chart", "kubernetes:helm.sh/v4:Chart")
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")


@rule(
    "chart-repositories",
    "A chart comes from a repository of policy/allowed.yaml.",
    "https://helm.sh/docs/topics/provenance/",
    *_TYPES,
)
def chart_repositories(release: Resource) -> Iterator[str]:
    """Whoever writes the chart runs as what it asks for."""
    if not seen(release):
        return
    chart, repository = str(release.get("chart") or ""), release.get("repositoryOpts.repo")
    given = chart if chart.startswith("oci://") else str(repository or chart)
    # an OCI reference goes on with the chart's name, a repository's URL does not
    if not any(
        given.startswith(each) if each.endswith("/") else given.rstrip("/") == each
        for each in allowed().chart_repositories
    ):
        yield f"chart: got {given or 'none'}; allowed: {', '.join(allowed().chart_repositories)}"


@rule(
    "chart-versions",
    "A chart has an exact version.",
    "https://helm.sh/docs/chart_best_practices/conventions/#version-numbers",
    *_TYPES,
)
def chart_versions(release: Resource) -> Iterator[str]:
    """A range, or none, is whatever is newest on the day."""
    version = str(release.get("version") or "")
    if seen(release) and not _EXACT.fullmatch(version):
        yield f"version: got {version or 'none'}; allowed: one version, such as 1.2.3"


def seen(release: Resource) -> bool:
    """Tell whether a chart's inputs are there: the engine has none of a component that another program makes.

    The objects of such a chart are resources of their own, and every rule sees them.
    """
    return not release.is_a("helm.sh/v4:Chart") or bool(release.properties)
