"""CustomResourceDefinitions as a chart upgrade changes them, and what becomes of the objects that are there."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from bootstrap.platform.findings import Finding, blocked, fine
from components.release.stored_versions import Definition

CHECK = "definitions"
_SHOWN = 5
"""How many objects a message names."""


Objects = Callable[[Definition], Sequence[Mapping[str, Any]]]
"""Returns all objects of a kind."""


def changes(live: Definition, wanted: Definition | None, objects: Objects, *, chart: str) -> Iterator[Finding]:
    """Yield what a chart would do to a kind that the cluster has, and to its objects.

    Args:
        live: the definition in the cluster, which the addon's release owns or the chart has too.
        wanted: the chart's; None where it no longer has the kind.
        objects: lists what there is of the kind.
        chart: the chart and its version, as messages name it.
    """
    if wanted is None:
        if not live.kept and (there := objects(live)):
            yield blocked(
                CHECK,
                live.name,
                f"{chart} no longer has this kind, and Helm deletes it with all {len(there)} objects: {_names(there)}",
                "leave the version where it is, or move these objects to the kind that follows it, then delete them",
            )
        return
    if lost := sorted(live.stored - wanted.versions):
        yield _lost(live, lost, objects, chart=chart)
    for version in sorted(live.served - wanted.served):
        used = [each for each in objects(live) if version in _written_in(each, live.group)]
        if used:
            yield blocked(
                CHECK,
                live.name,
                f"{chart} no longer serves {version}, in which {len(used)} objects are written: {_names(used)}",
                f"write them as {live.group}/{wanted.storage} where they come from (in gitops/, or the chart of an "
                "application) while both versions are served, and let Argo CD apply that",
            )
        else:
            yield fine(CHECK, live.name, f"{version} is no longer served; nothing is written in it")


def _lost(live: Definition, lost: Sequence[str], objects: Objects, *, chart: str) -> Finding:
    versions = ", ".join(lost)
    if live.storage in lost:
        return blocked(
            CHECK,
            live.name,
            f"objects are stored as {live.storage}, which {chart} no longer has: the API server refuses its definition",
            "raise the chart first to a version that stores another one and still has this one (see its release notes)",
        )
    if live.release is None:
        return blocked(
            CHECK,
            live.name,
            f"objects may be stored as {versions}, which {chart} no longer has: the API server refuses its definition",
            "https://kubernetes.io/docs/tasks/manage-kubernetes-objects/storage-version-migration/",
        )
    return fine(
        CHECK,
        live.name,
        f"objects may be stored as {versions}, which {chart} no longer has: the update first rewrites all "
        f"{len(objects(live))} as {live.storage}",
        warning=True,
    )


def _written_in(found: Mapping[str, Any], group: str) -> set[str]:
    """Return the versions in which somebody writes an object, of each writer the latest.

    https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management
    """
    latest: dict[str, tuple[str, str]] = {}
    for entry in found["metadata"].get("managedFields") or ():
        if entry.get("subresource"):
            continue
        writer, time = str(entry.get("manager")), str(entry.get("time") or "")
        if time >= latest.get(writer, ("", ""))[0]:
            latest[writer] = time, str(entry.get("apiVersion"))
    return {version.removeprefix(f"{group}/") for _, version in latest.values()}


def _names(found: Sequence[Mapping[str, Any]]) -> str:
    names = [
        "/".join(part for part in (each["metadata"].get("namespace"), each["metadata"]["name"]) if part)
        for each in found
    ]
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
