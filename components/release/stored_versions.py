"""Brings the objects of a release's own kinds to one stored version before its chart is upgraded.

A chart that no longer has a version of a kind is refused by the API server while any object may be stored in it. What a
definition's ``status.storedVersions`` lists stays there until somebody has rewritten every object:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#upgrade-existing-objects-to-a-new-stored-version
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.release.cluster_api import ClusterApi


class MigrationError(Exception):
    """An object cannot be rewritten; the text names it, and says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Definition:
    """The versions of a custom resource.

    https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/
    """

    name: str
    group: str
    plural: str
    namespaced: bool
    served: frozenset[str]
    unserved: frozenset[str]
    storage: str
    """The version in which objects are written."""
    stored: frozenset[str] = frozenset()
    """The versions in which some object may be stored; empty for one that is not in a cluster."""
    release: tuple[str, str] | None = None
    """Namespace and name of the Helm release that it is part of."""
    kept: bool = False
    """Whether Helm leaves it in the cluster when the chart no longer has it."""

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> "Definition":
        """Read one, of a cluster or of a chart."""
        spec, notes = found["spec"], found["metadata"].get("annotations") or {}
        versions = spec["versions"]
        owner = notes.get("meta.helm.sh/release-name")
        return cls(
            name=found["metadata"]["name"],
            group=spec["group"],
            plural=spec["names"]["plural"],
            namespaced=spec["scope"] == "Namespaced",
            served=frozenset(each["name"] for each in versions if each["served"]),
            unserved=frozenset(each["name"] for each in versions if not each["served"]),
            storage=next(each["name"] for each in versions if each["storage"]),
            stored=frozenset((found.get("status") or {}).get("storedVersions") or ()),
            release=(notes.get("meta.helm.sh/release-namespace", ""), owner) if owner else None,
            kept=notes.get("helm.sh/resource-policy") == "keep",
        )

    @property
    def versions(self) -> frozenset[str]:
        """All of its versions."""
        return self.served | self.unserved

    @property
    def others(self) -> tuple[str, ...]:
        """Versions besides the one that is written in which some object may be stored."""
        return tuple(sorted(self.stored - {self.storage}))


def migrate(api: "ClusterApi", release: str, namespace: str) -> list[str]:
    """Rewrite every object that may be stored in an earlier version, and return a line for each kind.

    A run that dies in between has changed nothing that a reader sees; the next one rewrites them all again.

    Args:
        api: the cluster.
        release: the Helm release that the kinds are part of.
        namespace: the release's.

    Raises:
        MigrationError: an object is refused, as admission or its schema has it.
    """
    lines = []
    for kind in map(Definition.of, api.definitions()):
        if kind.release == (namespace, release) and kind.others:
            count = api.rewrite(kind)
            api.keep_stored_version(kind)
            lines.append(f"{kind.name}: {count} objects rewritten as {kind.storage}, none is {', '.join(kind.others)}")
    return lines
