"""Where the Application of a tenant gets its objects from, written once, as the Application itself.

A tenant names one of four: a chart of ``gitops/charts``, a chart of a repository, a Kustomize overlay, a folder of
manifests. The type is always given: Argo CD would otherwise tell it by the files that are there, and apply nothing, or
something else, where one is missing.
https://argo-cd.readthedocs.io/en/stable/user-guide/application_sources/
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conventions import GITOPS_FOLDER

KUSTOMIZE, PLAIN = "kustomize", "plain"
OVERLAYS, PLAIN_FOLDER = "overlays", "manifests"
"""Folders of an application with one folder for each environment: of overlays, and of manifests."""
MANIFESTS = {KUSTOMIZE: OVERLAYS, PLAIN: PLAIN_FOLDER}
"""What a tenant may have in the place of a chart, and the folder where each is."""

NAME_PATTERN = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?"
"""What an application, an environment and a folder of ``gitops/charts`` may be called."""

_PATH = r"(:[0-9]+)?(/[A-Za-z0-9._~-]+)*"
CHART_REPOSITORY_PATTERN = rf"(https|oci)://[A-Za-z0-9.-]+{_PATH}|(http|oci)://(localhost|127\.0\.0\.1){_PATH}"
"""Repositories of charts: no user name, which would be in Git, and no slash at the end. Both Python and Go read it."""
CHART_NAME_PATTERN = r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?"
"""https://helm.sh/docs/chart_best_practices/conventions/#chart-names, and what older charts are called."""
CHART_VERSION_PATTERN = (
    r"v?(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)"
    r"(-[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?(\+[0-9A-Za-z-]+(\.[0-9A-Za-z-]+)*)?"
)
"""One version of https://semver.org. Helm takes anything shorter for a range, and resolves it anew each time."""

OCI = "oci://"
"""Begins the URL of a registry that holds charts."""

_VALUES_REF = "values"


def argo_cd_url(repository: str) -> str:
    """Return how Argo CD names a repository of charts: a registry has no scheme there.

    https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#helm-oci-repositories
    """
    return repository.removeprefix(OCI)


@dataclass(frozen=True, kw_only=True)
class Sources:
    """The sources that an application may have in one cluster."""

    app: str
    repo_url: str
    """Repository of the applications' half."""
    revision: str
    """What Argo CD follows there."""
    folder: str
    """Where ``gitops/`` is in the repository; empty for its top."""
    environment: str
    """The environment of the cluster's applications."""
    layers: Sequence[str]
    """Names of the values files that are laid over ``values.yaml`` where they exist, in this order."""
    facts: Mapping[str, str]
    """Facts of the infrastructure by name (``dns-zone``), which charts read as ``global.platform.dnsZone``."""

    def local_chart(self, chart: str) -> dict[str, Any]:
        """Return the source that renders a folder of ``gitops/charts``."""
        return {"source": {**self._git(f"charts/{chart}"), "helm": self._helm("../../apps")}}

    def repository_chart(self, *, url: str, name: str, version: str) -> dict[str, Any]:
        """Return the sources that render a chart of a repository with the values of ours.

        https://argo-cd.readthedocs.io/en/stable/user-guide/multiple_sources/#helm-value-files-from-external-git-repository

        Args:
            url: the repository, as :func:`argo_cd_url` spells it.
            name: the chart.
            version: its exact version.
        """
        chart = {
            "repoURL": url,
            "chart": name,
            "targetRevision": version,
            "helm": self._helm(f"${_VALUES_REF}/{self._in_repository('apps')}"),
        }
        values = {"repoURL": self.repo_url, "targetRevision": self.revision, "ref": _VALUES_REF}
        return {"sources": [chart, values]}

    def manifests(self, kind: str) -> dict[str, Any]:
        """Return the source of an application without a chart: one of :data:`MANIFESTS`."""
        if kind == KUSTOMIZE:
            # adds nothing, as there are no components beside the overlay's own, and makes the type explicit: an empty
            # section would be dropped
            options: dict[str, Any] = {"kustomize": {"ignoreMissingComponents": True}}
        else:
            options = {"directory": {"recurse": True}}
        return {"source": {**self._git(f"apps/{self.app}/{MANIFESTS[kind]}/{self.environment}"), **options}}

    def _git(self, path: str) -> dict[str, Any]:
        return {"repoURL": self.repo_url, "targetRevision": self.revision, "path": self._in_repository(path)}

    def _in_repository(self, path: str) -> str:
        return f"{self.folder}/{GITOPS_FOLDER}/{path}".lstrip("/")

    def _helm(self, apps: str) -> dict[str, Any]:
        return {
            "releaseName": self.app,
            "valueFiles": [f"{apps}/{self.app}/{layer}.yaml" for layer in ("values", *self.layers)],
            "ignoreMissingValueFiles": True,
            "valuesObject": {"global": {"platform": {camel_case(key): self.facts[key] for key in sorted(self.facts)}}},
        }


def camel_case(fact: str) -> str:
    """Return a fact's name as charts read it: ``dns-zone`` is ``dnsZone``."""
    first, *others = fact.split("-")
    return first + "".join(word.capitalize() for word in others)
