"""What this house asks of the Applications and the project of an environment, beyond what Argo CD asks."""

from collections.abc import Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from bootstrap.delivery.gitops import values_files
from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.render.application import Application, Manifest, parse_application
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.render.render import stack_section
from bootstrap.delivery.validate import image_updater
from bootstrap.delivery.validate.findings import Finding
from bootstrap.errors import BootstrapError, GitOpsError
from conventions import (
    ARGO_CD_NAMESPACE,
    DEFAULT_REVISION,
    ENVIRONMENTS_FOLDER,
    IMAGE_UPDATER_KINDS,
    IN_CLUSTER,
    ROOT_APPLICATION,
    ROOT_KINDS,
)

FINALIZERS = frozenset(
    {
        "resources-finalizer.argocd.argoproj.io",
        "resources-finalizer.argocd.argoproj.io/foreground",
        "resources-finalizer.argocd.argoproj.io/background",
    }
)
SYNC_OPTIONS = ("CreateNamespace=true", "ServerSideApply=true")
ALLOWED = {(f"{group}/v1alpha1", kind) for group, kind in (*ROOT_KINDS, *IMAGE_UPDATER_KINDS)}
"""What the root project may create."""


def check_manifests(root: Path, environment: str, manifests: Sequence[Manifest]) -> Iterator[Finding]:
    """Yield what is wrong with the objects that the root Application applies.

    What is of another type than its kind's schema has it counts as not there.
    """
    seen: dict[tuple[str, str], Path] = {}
    projects = {manifest.name: manifest.document for manifest in manifests if manifest.kind == "AppProject"}
    applications = {manifest.name for manifest in manifests if manifest.kind == "Application"}
    try:
        source = _source(root, environment)
    except BootstrapError as error:
        yield Finding(where=f"Pulumi.{environment}.yaml", path="", message=str(error))
        return
    if (path := source.get("path", expected := f"{ENVIRONMENTS_FOLDER}/{environment}")) != expected:
        yield Finding(
            where=f"Pulumi.{environment}.yaml", path="gitops.path", message=f"got {path}; allowed: {expected}"
        )
    for manifest in manifests:
        where = str(manifest.file.relative_to(root))
        if (manifest.document.get("apiVersion"), manifest.kind) not in ALLOWED:
            yield Finding(
                where=where,
                path="kind",
                message=f"got {manifest.kind!r}; allowed: {', '.join(sorted(kind for _, kind in ALLOWED))}",
            )
            continue
        if section(manifest.document, "metadata").get("namespace") != ARGO_CD_NAMESPACE:
            yield Finding(where=where, path="metadata.namespace", message=f"allowed: {ARGO_CD_NAMESPACE}")
        if (before := seen.setdefault((manifest.kind, manifest.name), manifest.file)) is not manifest.file:
            yield Finding(
                where=where, path="metadata.name", message=f"{manifest.name!r} is in {before.relative_to(root)} too"
            )
        if manifest.kind == "AppProject":
            yield from _project(manifest, where, source)
        elif manifest.kind == image_updater.KIND:
            yield from image_updater.check(root, environment, manifest, applications=applications, source=source)
        else:
            yield from _application(root, environment, manifest, projects, source)


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


def _source(root: Path, environment: str) -> dict[str, Any]:
    """Return what the environment's stack file says of the repository."""
    return {"revision": DEFAULT_REVISION, **stack_section(root, environment, "gitops")}


def _project(manifest: Manifest, where: str, source: dict[str, Any]) -> Iterator[Finding]:
    spec = section(manifest.document, "spec")
    if manifest.name in {"default", ROOT_APPLICATION}:
        yield Finding(where=where, path="metadata.name", message=f"{manifest.name!r} is not yours to define")
    if spec.get("sourceRepos") != [source.get("repoUrl")]:
        yield Finding(where=where, path="spec.sourceRepos", message=f"allowed: {source.get('repoUrl')} and no other")
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


def _application(
    root: Path,
    environment: str,
    manifest: Manifest,
    projects: dict[str, dict[str, Any]],
    stack: dict[str, Any],
) -> Iterator[Finding]:
    where = str(manifest.file.relative_to(root))
    metadata, spec = section(manifest.document, "metadata"), section(manifest.document, "spec")
    source = section(spec, "source")
    project = projects.get(str(spec.get("project")))

    def wrong(path: str, message: str) -> Finding:
        return Finding(where=where, path=path, message=message)

    if manifest.name == ROOT_APPLICATION:
        yield wrong("metadata.name", f"{ROOT_APPLICATION!r} is the Application that applies this one")
    if manifest.file.name != f"{manifest.name}.yaml":
        yield wrong("metadata.name", f"got {manifest.name!r}; allowed: the file's name")
    for key in section(metadata, "annotations"):
        if key.startswith(image_updater.ANNOTATIONS):
            yield wrong("metadata.annotations", f"{key} is not read; an image's source stands in an ImageUpdater")
    if not any(finalizer in FINALIZERS for finalizer in map(str, entries(metadata.get("finalizers")))):
        message = "resources-finalizer.argocd.argoproj.io is missing: what it deployed would stay when the file goes"
        yield wrong("metadata.finalizers", message)
    if project is None:
        allowed = ", ".join(sorted(projects)) or "an AppProject in this folder"
        yield wrong("spec.project", f"got {spec.get('project')!r}; allowed: {allowed}")
    for key, said in (("repoURL", stack.get("repoUrl")), ("targetRevision", stack["revision"])):
        if source.get(key) != said:
            message = f"got {source.get(key)!r}; Pulumi.{environment}.yaml says {said}"
            yield wrong(f"spec.source.{key}", message)
    if section(spec, "destination").get("server") != IN_CLUSTER:
        yield wrong("spec.destination.server", f"allowed: {IN_CLUSTER}")
    yield from _sync_policy(section(spec, "syncPolicy"), where)
    try:
        application = parse_application(root, environment, manifest)
    except GitOpsError as error:
        yield wrong("", str(error).removeprefix(f"{where}: "))
        return
    yield from _files(root, application, where)
    if project is not None and not _destination(section(project, "spec"), application.namespace):
        yield wrong("spec.destination.namespace", f"the project does not allow {application.namespace!r}")


def _sync_policy(policy: dict[str, Any], where: str) -> Iterator[Finding]:
    automated = section(policy, "automated")
    for key in ("prune", "selfHeal"):
        if automated.get(key) is not True or automated.get("enabled") is False:
            yield Finding(where=where, path=f"spec.syncPolicy.automated.{key}", message="allowed: true")
    for option in SYNC_OPTIONS:
        if option not in entries(policy.get("syncOptions")):
            yield Finding(where=where, path="spec.syncPolicy.syncOptions", message=f"{option} is missing")
    retry = section(policy, "retry")
    if not isinstance(retry.get("limit"), int) or retry["limit"] == 0 or not retry.get("backoff"):
        yield Finding(where=where, path="spec.syncPolicy.retry", message="limit (not 0) and backoff have to be said")


def _files(root: Path, application: Application, where: str) -> Iterator[Finding]:
    expected = [path.resolve() for path in values_files(root, application.name, application.environment)]
    if application.value_files != expected:
        names = " then ".join(str(path.relative_to(root.resolve())) for path in expected)
        yield Finding(where=where, path="spec.source.helm.valueFiles", message=f"allowed: {names}")


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
