"""What the objects that the root Application applies have to be, beyond what Argo CD asks."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bootstrap.delivery.clusters import Cluster
from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.render.application import Manifest
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.tenants import TAKEN
from bootstrap.delivery.validate import image_updater
from bootstrap.delivery.validate.findings import Finding
from conventions import (
    ARGO_CD_NAMESPACE,
    DEFAULT_PROJECT,
    IMAGE_UPDATER_KINDS,
    IN_CLUSTER,
    PLATFORM_KINDS_OF_TENANTS,
    ROOT_KINDS,
    TENANT_NAMESPACE_PREFIX,
    TENANT_ROLE,
)

ALLOWED = {("", "Namespace"), *((kind.group, kind.kind) for kind in (*ROOT_KINDS, *IMAGE_UPDATER_KINDS))}
"""What the root project may create, by group and kind."""


def check_manifests(root: Path, cluster: Cluster, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """Yield what is wrong with the objects that the root Application applies.

    What is of another type than its kind's schema has it counts as not there.

    Args:
        root: the project.
        cluster: whose objects they are.
        manifests: the platform's own, and the Applications of tenants.
    """
    seen: set[tuple[str, str, str]] = set()
    applications = {manifest.name for manifest in manifests if manifest.kind == "Application"}
    for manifest in manifests:
        where = where_of(root, cluster, manifest)
        if (manifest.group, manifest.kind) not in ALLOWED:
            yield Finding(
                where=where,
                path="kind",
                message=f"got {manifest.kind!r}; allowed: {', '.join(sorted(kind for _, kind in ALLOWED))}",
            )
            continue
        yield from _place(manifest, where)
        if (key := (manifest.kind, manifest.namespace, manifest.name)) in seen:
            yield Finding(where=where, path="metadata.name", message=f"{manifest.name!r} is there twice")
        seen.add(key)
        if manifest.kind == "AppProject":
            yield from _project(manifest, where, [cluster.repo_url, *_chart_repositories(manifests, manifest.name)])
        elif manifest.kind == "RoleBinding":
            yield from _binding(manifest, where)
        elif manifest.kind == "Application":
            yield from image_updater.check_application(manifest, where)
        elif manifest.kind == image_updater.KIND:
            yield from image_updater.check(root, cluster, manifest, applications=applications, where=where)


def where_of(root: Path, cluster: Cluster, manifest: Manifest) -> str:
    """Return how findings call an object: one chart makes several."""
    named = f"{manifest.kind} {manifest.name}".strip()
    return f"{manifest.file.relative_to(root)} in {cluster.name}" + (f": {named}" if named else "")


def permitted(objects: Iterable[Object], project: dict[str, Any], where: str) -> Iterator[Finding]:
    """Yield what Argo CD would refuse to apply for an Application of a project.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/project-specification/
    """
    spec = section(project, "spec")
    for item in objects:
        group = item.key[0]
        if item.namespace:
            allowed = spec.get("namespaceResourceWhitelist")
            denied = _listed(spec.get("namespaceResourceBlacklist"), group, item.kind, item.name)
            if denied or (allowed is not None and not _listed(allowed, group, item.kind, item.name)):
                yield Finding(where=where, path="", message=f"{item.label}: the project allows no {item.kind}")
            if not _destination(spec, item.namespace):
                message = f"{item.label}: the project allows no namespace {item.namespace}"
                yield Finding(where=where, path="metadata.namespace", message=message)
        elif not _listed(spec.get("clusterResourceWhitelist"), group, item.kind, item.name):
            message = f"{item.label}: the project allows no {item.kind}, which is the whole cluster's"
            yield Finding(where=where, path="", message=message)


def project_of(manifests: Sequence[Manifest], application: str) -> dict[str, Any]:
    """Return the project that an Application names; empty where it is not there, which is told elsewhere."""
    named = next(
        (section(m.document, "spec") for m in manifests if m.kind == "Application" and m.name == application), {}
    ).get("project")
    return next((m.document for m in manifests if m.kind == "AppProject" and m.name == named), {})


def _place(manifest: Manifest, where: str) -> Iterator[Finding]:
    """Yield what is wrong with where an object is: in Argo CD's namespace, or in an application's."""
    if manifest.kind == "Namespace":
        if not manifest.name.startswith(TENANT_NAMESPACE_PREFIX):
            allowed = f"names that begin with {TENANT_NAMESPACE_PREFIX}"
            yield Finding(where=where, path="metadata.name", message=f"got {manifest.name!r}; allowed: {allowed}")
    elif manifest.kind in PLATFORM_KINDS_OF_TENANTS:
        if not manifest.namespace.startswith(TENANT_NAMESPACE_PREFIX):
            allowed = f"those that begin with {TENANT_NAMESPACE_PREFIX}"
            yield Finding(where=where, path="metadata.namespace", message=f"allowed: {allowed}")
    elif manifest.namespace != ARGO_CD_NAMESPACE:
        yield Finding(where=where, path="metadata.namespace", message=f"allowed: {ARGO_CD_NAMESPACE}")


def _binding(manifest: Manifest, where: str) -> Iterator[Finding]:
    """Yield what the account that applies it may not bind."""
    role = section(manifest.document, "roleRef")
    if (role.get("kind"), role.get("name")) != ("ClusterRole", TENANT_ROLE):
        got = f"{role.get('kind')} {role.get('name')}"
        yield Finding(where=where, path="roleRef", message=f"got {got!r}; allowed: ClusterRole {TENANT_ROLE}")


def _chart_repositories(manifests: Iterable[Manifest], project: str) -> Iterator[str]:
    """Yield where the chart of a project's Application comes from, if that is a repository of charts."""
    for manifest in manifests:
        spec = section(manifest.document, "spec")
        if manifest.kind == "Application" and spec.get("project") == project:
            yield from (str(source.get("repoURL")) for source in entries(spec.get("sources")) if "chart" in source)


def _project(manifest: Manifest, where: str, repositories: Sequence[str]) -> Iterator[Finding]:
    spec = section(manifest.document, "spec")
    if manifest.name == DEFAULT_PROJECT:
        yield from _empty(spec, where)
        return
    if manifest.name in TAKEN:
        yield Finding(where=where, path="metadata.name", message=f"{manifest.name!r} is not yours to define")
    if spec.get("sourceRepos") != repositories:
        message = f"allowed: {' and '.join(repositories)} and no other"
        yield Finding(where=where, path="spec.sourceRepos", message=message)
    for index, given in enumerate(entries(spec.get("destinations")) or [{}]):
        path, destination = f"spec.destinations[{index}]", section(given)
        if destination.get("server") != IN_CLUSTER:
            yield Finding(where=where, path=f"{path}.server", message=f"allowed: {IN_CLUSTER}")
        if str(destination.get("namespace", "*")).strip() in {"*", "", "**"}:
            yield Finding(
                where=where, path=f"{path}.namespace", message="every namespace; allowed: those of applications"
            )
        elif fnmatchcase(ARGO_CD_NAMESPACE, str(destination["namespace"])):
            yield Finding(where=where, path=f"{path}.namespace", message="covers Argo CD's own namespace")


def _empty(spec: dict[str, Any], where: str) -> Iterator[Finding]:
    for key in ("sourceRepos", "destinations", "clusterResourceWhitelist", "namespaceResourceWhitelist"):
        if spec.get(key) != []:
            message = "has to be empty: an Application that names no project is in this one"
            yield Finding(where=where, path=f"spec.{key}", message=message)


def _destination(spec: dict[str, Any], namespace: str) -> bool:
    patterns = [str(section(entry).get("namespace", "")) for entry in entries(spec.get("destinations"))]
    denied = any(fnmatchcase(namespace, pattern[1:]) for pattern in patterns if pattern.startswith("!"))
    return not denied and any(fnmatchcase(namespace, pattern) for pattern in patterns if not pattern.startswith("!"))


def _listed(listed: object, group: str, kind: str, name: str) -> bool:
    return any(
        fnmatchcase(group, str(entry.get("group", "")))
        and fnmatchcase(kind, str(entry.get("kind", "")))
        and fnmatchcase(name, str(entry.get("name") or "*"))
        for entry in map(section, entries(listed))
    )
