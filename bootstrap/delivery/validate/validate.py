"""Everything that a pull request to ``gitops/`` has to pass, in one call; a cluster is asked on request only."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bootstrap.delivery.clusters import Cluster, cluster_names, read_cluster
from bootstrap.delivery.gitops import applications, require_folder
from bootstrap.delivery.render.application import Manifest, generated, platform_objects, read_application
from bootstrap.delivery.render.kinds import FILE as KINDS
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.objects import Object, images
from bootstrap.delivery.render.render import render_application
from bootstrap.delivery.tenants import Tenant, in_environment, read_tenants
from bootstrap.delivery.validate import claims, house, plain_secrets
from bootstrap.delivery.validate.api.check import broken_rules
from bootstrap.delivery.validate.files import check_files
from bootstrap.delivery.validate.findings import Finding
from bootstrap.delivery.validate.live import Live, NotAsked, ask
from bootstrap.delivery.validate.schemas import Schemas, resolve
from bootstrap.delivery.validate.structure import mistakes
from bootstrap.errors import GitOpsError, HelmError, RenderError, StackFileError
from conventions import ARGO_CD_NAMESPACE, TENANTS_FOLDER

LARGEST_OBJECT = 3 << 19
"""Bytes of the largest request that etcd takes, and so of an object: https://etcd.io/docs/v3.6/dev-guide/limit/. The
API server itself takes bodies of twice that."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was looked at, and what is wrong with it."""

    environments: Sequence[str]
    applications: int
    objects: int
    findings: Sequence[Finding]
    asked: int | None = None
    """How many objects an API server judged; None where none was to be asked."""
    not_asked: Sequence[NotAsked] = ()
    """What it was to be asked about, and has not judged."""

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read; keys are only ever added."""
        return {
            "version": 1,
            "environments": list(self.environments),
            "applications": self.applications,
            "objects": self.objects,
            "findings": [finding.to_json() for finding in self.findings],
            "asked": self.asked,
            "notAsked": [item.to_json() for item in self.not_asked],
        }


def validate(root: Path, live: Live | None = None) -> Report:
    """Check every file of ``gitops/`` and ``tenants/``, and every object that they render.

    Args:
        root: the project.
        live: a cluster whose API server is asked too.

    Raises:
        GitOpsError: there is no ``gitops/``, or no such cluster.
        MissingToolError: Helm is not there.
        ClusterError: the kubeconfig cannot be used.
    """
    require_folder(root)
    if live is not None and live.environment not in (names := cluster_names(root)):
        raise GitOpsError(f"--live: got {live.environment!r}; allowed: {', '.join(names)}")
    by_file = list(check_files(root))
    clusters, unread = _clusters(root)
    tenants, mistaken = read_tenants(root)
    findings = [*by_file, *plain_secrets.in_files(root), *unread]
    findings += [_of_line(line) for line in mistaken]
    findings += claims.check_tenants(root, tenants, clusters, applications(root), complete=not unread)
    try:
        kinds = Kinds(root)
    except GitOpsError:
        # told by file already; what an object lives in and may be cannot be determined without
        kinds = None
    schemas = Schemas(root, kinds)
    by_cluster: dict[str, list[Manifest]] = {}
    questions: list[tuple[str, Object]] = []
    for cluster in clusters:
        by_cluster[cluster.name], problems = _well_formed(root, cluster, tenants, schemas)
        findings += problems
        if live is not None and cluster.name == live.environment:
            questions += [
                (house.where_of(root, cluster, manifest), _placed(manifest, kinds))
                for manifest in by_cluster[cluster.name]
            ]
        findings += house.check_manifests(root, cluster, by_cluster[cluster.name])
    pairs = [(app, cluster) for cluster in clusters for app in in_environment(tenants, cluster.environment)]
    broken = [root / finding.where for finding in by_file]
    count = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        answers = list(pool.map(lambda pair: _rendered(root, broken, kinds, *pair), pairs)) if kinds is not None else []
    for (app, cluster), (objects, problems) in zip(pairs, answers, strict=False):
        count += len(objects)
        where = f"{app} in {cluster.name}"
        findings += problems
        findings += _objects(objects, schemas, where)
        findings += claims.check_objects(objects, app, tenants[app], cluster.environment, where)
        project = house.project_of(by_cluster[cluster.name], app)
        findings += house.permitted(objects, project, where) if project else []
        if live is not None and cluster.name == live.environment:
            questions += [(f"{where}: {item.label}", item) for item in objects]
    detail = None if live is None else ask(live, questions)
    return Report(
        environments=[cluster.name for cluster in clusters],
        applications=len(pairs),
        objects=count,
        findings=list(dict.fromkeys([*findings, *(detail.findings if detail else [])])),
        asked=detail.asked if detail else None,
        not_asked=detail.not_asked if detail else [],
    )


def print_report(report: Report, console: Console) -> None:
    """Print for people."""
    for finding in report.findings:
        path = f" {finding.path}:" if finding.path else ""
        console.print(Text.assemble((f"{finding.where}:", "bold"), f"{path} {finding.message}"), soft_wrap=True)
    for item in report.not_asked:
        console.print(Text.assemble((f"{item.where}:", "bold"), f" not asked: {item.reason}"), soft_wrap=True)
    if report.asked is not None:
        console.print(
            f"the API server was asked about {report.asked} of {report.asked + len(report.not_asked)} objects"
        )
    if not report.findings:
        console.print(
            f"{report.applications} applications in {', '.join(report.environments)}: "
            f"{report.objects} objects would be taken",
            highlight=False,
        )


def _placed(manifest: Manifest, kinds: Kinds | None) -> Object:
    """Return a manifest as the root Application applies it: where it names no namespace, in Argo CD's."""
    item = Object(document=manifest.document)
    if item.namespace or kinds is None or not kinds.namespaced(item.api_version, item.kind):
        return item
    metadata = {**manifest.document["metadata"], "namespace": ARGO_CD_NAMESPACE}
    return Object(document={**manifest.document, "metadata": metadata})


def _clusters(root: Path) -> tuple[list[Cluster], list[Finding]]:
    found: list[Cluster] = []
    problems: list[Finding] = []
    for name in cluster_names(root):
        try:
            found.append(read_cluster(root, name))
        except (GitOpsError, StackFileError) as error:
            where = f"Pulumi.{name}.yaml"
            message = str(error).replace(f"{root}/", "").removeprefix(f"{where}: ")
            problems.append(Finding(where=where, path="", message=message))
    return found, problems


def _well_formed(
    root: Path, cluster: Cluster, tenants: Mapping[str, Tenant], schemas: Schemas
) -> tuple[list[Manifest], list[Finding]]:
    """Return the platform's objects in a cluster, but for those with fields that are none, which are found."""
    made, problems = _platform_objects(root, cluster)
    there = in_environment(tenants, cluster.environment).items()
    found = []
    for manifest in [*made, *(generated(root, cluster, app, tenant) for app, tenant in there)]:
        wrong = list(_manifest(manifest, schemas, house.where_of(root, cluster, manifest)))
        problems += wrong
        # what is said of a field needs the field to be one
        found += [] if wrong else [manifest]
    return found, problems


def _platform_objects(root: Path, cluster: Cluster) -> tuple[list[Manifest], list[Finding]]:
    try:
        return platform_objects(root, cluster), []
    except (GitOpsError, HelmError) as error:
        message = str(error).removeprefix(f"{TENANTS_FOLDER}: ")
        return [], [Finding(where=f"{TENANTS_FOLDER} in {cluster.name}", path="", message=message)]


def _of_line(line: str) -> Finding:
    """Return a mistake that begins with its tenant's file as a finding."""
    where, suffix, message = line.partition(".yaml")
    return Finding(where=where + suffix, path="", message=message.lstrip(": "))


def _rendered(
    root: Path, broken: Sequence[Path], kinds: Kinds, app: str, cluster: Cluster
) -> tuple[list[Object], list[Finding]]:
    """Render, unless a file that is read for it is broken: that is told once, and not for each cluster."""
    try:
        application = read_application(root, app, cluster.name)
        if any(path.is_relative_to(part) for path in broken for part in application.source.reads):
            return [], []
        return render_application(root, application, kinds), []
    except StackFileError:
        return [], []
    except (GitOpsError, RenderError) as error:
        where = f"{app} in {cluster.name}"
        return [], [Finding(where=where, path="", message=str(error).removeprefix(f"{where}: "))]


def _objects(objects: Sequence[Object], schemas: Schemas, where: str) -> Iterator[Finding]:
    yield from plain_secrets.in_objects(list(objects), where)
    seen = set()
    for item in objects:
        if item.key in seen:
            yield Finding(where=where, path="", message=f"{item.label} is rendered twice")
        seen.add(item.key)
        size = len(json.dumps(item.document, separators=(",", ":"), ensure_ascii=False).encode(errors="replace"))
        if size > LARGEST_OBJECT:
            message = f"got an object of {size:,} bytes; allowed: {LARGEST_OBJECT:,}, as etcd takes no more"
            yield Finding(where=f"{where}: {item.label}", path="", message=message)
        yield from _structure(item, schemas, f"{where}: {item.label}")
        for image in images(item.document):
            # a tag stands after the last colon; one before a slash is a port
            tag = image.rpartition(":")[2] if "@" not in image else "by digest"
            if "/" in tag or tag in {image, "", "latest"}:
                message = f"{image}: say which image, by a tag that is never moved or by its digest"
                yield Finding(where=f"{where}: {item.label}", path="image", message=message)


def _structure(item: Object, schemas: Schemas, where: str) -> Iterator[Finding]:
    schema = schemas.of(item.api_version, item.kind)
    if schema is None:
        message = f"{item.api_version} {item.kind}: the cluster has no such kind ({KINDS})"
        yield Finding(where=where, path="kind", message=message)
        return
    wrong = list(mistakes(item.document, schema, resolve))
    # what is said of a value needs its type to be right
    for mistake in wrong or broken_rules(item.document):
        yield Finding(where=where, path=mistake.path, message=mistake.text)


def _manifest(manifest: Manifest, schemas: Schemas, where: str) -> Iterator[Finding]:
    for key in ("apiVersion", "kind"):
        if not isinstance(manifest.document.get(key), str):
            yield Finding(where=where, path=key, message="is missing")
            return
    yield from _structure(Object(document=manifest.document), schemas, where)
