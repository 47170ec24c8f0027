"""Everything that a pull request to ``gitops/`` has to pass, in one call that needs no cluster and no network."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bootstrap.delivery.gitops import applications, environments
from bootstrap.delivery.render.application import Manifest, all_environments, application_names, manifests
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.objects import Object, images
from bootstrap.delivery.render.render import render
from bootstrap.delivery.validate import house, plain_secrets
from bootstrap.delivery.validate.findings import Finding
from bootstrap.delivery.validate.schemas import Schemas, resolve
from bootstrap.delivery.validate.structure import mistakes
from bootstrap.errors import GitOpsError, HelmError
from conventions import GITOPS_FOLDER


@dataclass(frozen=True, kw_only=True)
class Report:
    """What was looked at, and what is wrong with it."""

    environments: Sequence[str]
    applications: int
    objects: int
    findings: Sequence[Finding]

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read; keys are only ever added."""
        return {
            "version": 1,
            "environments": list(self.environments),
            "applications": self.applications,
            "objects": self.objects,
            "findings": [finding.to_json() for finding in self.findings],
        }


def validate(root: Path) -> Report:
    """Check every file of ``gitops/`` and every object that it renders.

    Raises:
        GitOpsError: an environment's files cannot be read at all.
        MissingToolError: Helm is not there.
    """
    names = all_environments(root)
    kinds = Kinds(root)
    schemas = Schemas(root, kinds)
    findings = [*plain_secrets.in_files(root), *_unused(root)]
    by_environment = {name: manifests(root, name) for name in names}
    for name, found in by_environment.items():
        well_formed = []
        for manifest in found:
            mistaken = list(_manifest(manifest, schemas, str(manifest.file.relative_to(root))))
            findings += mistaken
            # what is said of a field needs the field to be one
            well_formed += [] if mistaken else [manifest]
        findings += house.check_manifests(root, name, well_formed)
    pairs = [(app, name) for name in names for app in application_names(root, name)]
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        answers = list(pool.map(lambda pair: _rendered(root, *pair), pairs))
    count = 0
    for (app, name), (objects, problems) in zip(pairs, answers, strict=True):
        count += len(objects)
        findings += problems
        findings += _objects(objects, schemas, f"{app} in {name}")
        project = house.project_of(by_environment[name], app)
        findings += house.permitted(objects, project, f"{app} in {name}") if project else []
    return Report(environments=names, applications=len(pairs), objects=count, findings=list(dict.fromkeys(findings)))


def print_report(report: Report, console: Console) -> None:
    """Print for people."""
    for finding in report.findings:
        path = f" {finding.path}:" if finding.path else ""
        console.print(Text.assemble((f"{finding.where}:", "bold"), f"{path} {finding.message}"), soft_wrap=True)
    if not report.findings:
        console.print(
            f"{report.applications} applications in {', '.join(report.environments)}: "
            f"{report.objects} objects would be taken",
            highlight=False,
        )


def _rendered(root: Path, app: str, environment: str) -> tuple[list[Object], list[Finding]]:
    try:
        return render(root, app, environment).objects, []
    except (GitOpsError, HelmError) as error:
        where = f"{app} in {environment}"
        return [], [Finding(where=where, path="", message=str(error).removeprefix(f"{where}: "))]


def _objects(objects: Sequence[Object], schemas: Schemas, where: str) -> Iterator[Finding]:
    yield from plain_secrets.in_objects(list(objects), where)
    seen = set()
    for item in objects:
        if item.key in seen:
            yield Finding(where=where, path="", message=f"{item.label} is rendered twice")
        seen.add(item.key)
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
        message = f"{item.api_version} {item.kind}: the cluster has no such kind ({GITOPS_FOLDER}/cluster/kinds.yaml)"
        yield Finding(where=where, path="kind", message=message)
        return
    for mistake in mistakes(item.document, schema, resolve):
        yield Finding(where=where, path=mistake.path, message=mistake.text)


def _manifest(manifest: Manifest, schemas: Schemas, where: str) -> Iterator[Finding]:
    for key in ("apiVersion", "kind"):
        if not isinstance(manifest.document.get(key), str):
            yield Finding(where=where, path=key, message="is missing")
            return
    yield from _structure(Object(document=manifest.document), schemas, where)


def _unused(root: Path) -> Iterator[Finding]:
    """Yield values files that no environment's Application could read: most of the time a half-made addition."""
    for app in applications(root):
        for environment in environments(root, app):
            if environment not in all_environments(root) or app not in application_names(root, environment):
                where = f"{GITOPS_FOLDER}/apps/{app}/{environment}.yaml"
                message = f"no Application reads it: there is no {GITOPS_FOLDER}/environments/{environment}/{app}.yaml"
                yield Finding(where=where, path="", message=message)
