"""Everything that a pull request to ``gitops/`` has to pass, in one call that needs no cluster and no network."""

import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from bootstrap.delivery.gitops import all_environments, applications, environments, require_folder
from bootstrap.delivery.render.application import Manifest, names_of, read_application, readable_manifests
from bootstrap.delivery.render.kinds import FILE as KINDS
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.objects import Object, images
from bootstrap.delivery.render.render import render
from bootstrap.delivery.validate import house, plain_secrets
from bootstrap.delivery.validate.files import check_files
from bootstrap.delivery.validate.findings import Finding
from bootstrap.delivery.validate.schemas import Schemas, resolve
from bootstrap.delivery.validate.structure import mistakes
from bootstrap.errors import GitOpsError, HelmError, StackFileError
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
        GitOpsError: there is no ``gitops/``.
        MissingToolError: Helm is not there.
    """
    require_folder(root)
    names = all_environments(root)
    by_file = list(check_files(root))
    read = {name: readable_manifests(root, name) for name in names}
    by_environment = {name: found for name, (found, _) in read.items()}
    # what reads a file may stand in one that cannot be read
    whole = {name: found for name, (found, unreadable) in read.items() if not unreadable}
    unused = _unused(root, whole, names)
    findings = [*by_file, *plain_secrets.in_files(root), *unused]
    try:
        kinds = Kinds(root)
    except GitOpsError:
        # told by file already; what an object lives in and may be cannot be told without
        kinds = None
    schemas = Schemas(root, kinds)
    for name, found in by_environment.items():
        well_formed = []
        for manifest in found:
            mistaken = list(_manifest(manifest, schemas, str(manifest.file.relative_to(root))))
            findings += mistaken
            # what is said of a field needs the field to be one
            well_formed += [] if mistaken else [manifest]
        findings += house.check_manifests(root, name, well_formed)
    pairs = [(app, name) for name, found in by_environment.items() for app in names_of(found)]
    broken = [root / finding.where for finding in by_file]
    count = 0
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        answers = list(pool.map(lambda pair: _rendered(root, broken, *pair), pairs if kinds is not None else []))
    for (app, name), (objects, problems) in zip(pairs, answers, strict=False):
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


def _rendered(root: Path, broken: Sequence[Path], app: str, environment: str) -> tuple[list[Object], list[Finding]]:
    """Render, unless a file that is read for it is broken: that is told once, and not for each environment."""
    try:
        application = read_application(root, app, environment)
        read = [application.chart, *application.value_files]
        if any(path.is_relative_to(part) for path in broken for part in read):
            return [], []
        return render(root, app, environment).objects, []
    except StackFileError:
        return [], []
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
        message = f"{item.api_version} {item.kind}: the cluster has no such kind ({KINDS})"
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


def _unused(root: Path, readable: Mapping[str, Sequence[Manifest]], names: Sequence[str]) -> Iterator[Finding]:
    """Yield values files that no environment's Application could read: most of the time a half-made addition."""
    for app in applications(root):
        for environment in environments(root, app):
            if environment not in names or (environment in readable and app not in names_of(readable[environment])):
                where = f"{GITOPS_FOLDER}/apps/{app}/{environment}.yaml"
                message = f"no Application reads it: there is no {GITOPS_FOLDER}/environments/{environment}/{app}.yaml"
                yield Finding(where=where, path="", message=message)
