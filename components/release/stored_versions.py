"""Brings the objects of a release's own kinds to one stored version before its chart is upgraded.

A chart that no longer has a version of a kind is refused by the API server while any object may be stored in it. What a
definition's ``status.storedVersions`` lists stays there until somebody has rewritten every object:
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#upgrade-existing-objects-to-a-new-stored-version
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from components.release.cluster_api import ClusterApi


class MigrationError(Exception):
    """An object cannot be rewritten; the text names it, and says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class StoredKind:
    """A kind of a release, some of whose objects may be stored in other versions than the one that is written."""

    name: str
    """The definition's."""
    group: str
    plural: str
    namespaced: bool
    storage: str
    """The version that is written."""
    others: tuple[str, ...]
    """Versions besides it in which objects may be stored."""


def kinds_to_migrate(found: Mapping[str, Any], release: str, namespace: str) -> Iterator[StoredKind]:
    """Yield the kind of a definition where it is of a release and its objects may be stored in several versions."""
    notes = found["metadata"].get("annotations") or {}
    owner = (notes.get("meta.helm.sh/release-name"), notes.get("meta.helm.sh/release-namespace"))
    spec, stored = found["spec"], (found.get("status") or {}).get("storedVersions") or ()
    storage = next(version["name"] for version in spec["versions"] if version["storage"])
    others = tuple(version for version in stored if version != storage)
    if owner == (release, namespace) and others:
        yield StoredKind(
            name=found["metadata"]["name"],
            group=spec["group"],
            plural=spec["names"]["plural"],
            namespaced=spec["scope"] == "Namespaced",
            storage=storage,
            others=others,
        )


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
    told = []
    for definition in api.definitions():
        for kind in kinds_to_migrate(definition, release, namespace):
            count = api.rewrite(kind)
            api.keep_stored_version(kind)
            told.append(f"{kind.name}: {count} objects rewritten as {kind.storage}, none is {', '.join(kind.others)}")
    return told
