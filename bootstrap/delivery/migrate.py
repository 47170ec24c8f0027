"""Makes tenants of the Applications that earlier versions kept in ``gitops/environments/``, one file for each.

Nothing is written unless every application renders the same objects afterwards as before.
"""

import shutil
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bootstrap.delivery.claims import hosts_of, vault_keys_of
from bootstrap.delivery.clusters import cluster_names, read_cluster
from bootstrap.delivery.gitops import NAME, app_folder, inside, require_folder, values_files
from bootstrap.delivery.manifests import dump, entries, load_all, read_text, section
from bootstrap.delivery.new_app import Made, write
from bootstrap.delivery.render.application import Application, Manifest, parse_application, platform_objects
from bootstrap.delivery.render.compare import compare
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.objects import Object, image_repository, images
from bootstrap.delivery.render.render import render, render_application
from bootstrap.delivery.render.sources import HelmSource
from bootstrap.delivery.tenants import tenant_file, tenant_text
from bootstrap.errors import GitOpsError, HelmError
from conventions import DEFAULT_PROJECT, GITOPS_FOLDER, HALVES, TENANTS_FOLDER

_ENVIRONMENTS = Path(GITOPS_FOLDER) / "environments"
_PROJECTS = "_tenants.yaml"
"""Holds the new projects in the old folder, so that they are there before an Application names them."""


@dataclass(kw_only=True)
class _Found:
    """An application, gathered from its environments."""

    chart: str
    registries: set[str] = field(default_factory=set)
    keys: set[str] = field(default_factory=set)
    hosts: dict[str, list[str]] = field(default_factory=dict)
    objects: dict[str, list[Object]] = field(default_factory=dict)


def migrate(root: Path) -> Made:
    """Write a tenant's file for each application of ``gitops/environments/``, and their projects for the way there.

    Raises:
        GitOpsError: there is nothing to migrate, or an Application is none that a tenant's would be equal to; all of
            them at once, and nothing was written.
        HelmError: something does not render.
    """
    require_folder(root)
    folders = sorted(path for path in (root / _ENVIRONMENTS).glob("*") if path.is_dir() and NAME.fullmatch(path.name))
    if not folders:
        raise GitOpsError(f"there is nothing to migrate: {_ENVIRONMENTS} has no environments")
    if not (root / TENANTS_FOLDER / "Chart.yaml").is_file():
        raise GitOpsError(f"{TENANTS_FOLDER}/Chart.yaml is missing: take {TENANTS_FOLDER}/ from this version first")
    found: dict[str, _Found] = {}
    mistakes: list[str] = []
    others: list[str] = []
    for folder in folders:
        for manifest in _manifests(root, folder):
            where = manifest.file.relative_to(root)
            if manifest.kind == "Application":
                try:
                    _take(root, folder.name, manifest, found)
                except (GitOpsError, HelmError) as error:
                    mistakes.append(f"{where}: {str(error).removeprefix(f'{where}: ')}")
            elif manifest.kind != "AppProject":
                others.append(f"{where}: {manifest.kind} {manifest.name} goes to {TENANTS_FOLDER}/templates")
    if mistakes:
        raise GitOpsError("\n".join(mistakes))
    files = {
        tenant_file(root, app): tenant_text(
            app, chart=one.chart, registries=sorted(one.registries), keys=sorted(one.keys), environments=one.hosts
        )
        for app, one in found.items()
    }
    files |= _tried(root, files, found)
    write(root, files, {})
    return Made(
        files=[str(path.relative_to(root)) for path in files],
        next_steps=[
            f"say in {TENANTS_FOLDER}/*.yaml who owns each application",
            *others,
            *_kinds(root, folders),
            "bootstrap validate; commit, merge, and wait until Argo CD has made the projects",
            "bring the commit to the revision of the platform's half: git push origin <commit>:refs/heads/platform",
            "make up, for each stack: the ApplicationSet takes over the applications, which go on running",
            f"git rm -r {_ENVIRONMENTS}",
        ],
    )


def _manifests(root: Path, folder: Path) -> list[Manifest]:
    read = []
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml", ".json"}):
        where = file.relative_to(root)
        if file.name == _PROJECTS:
            continue
        inside(root, file)
        for document in load_all(read_text(file, where), where):
            if not isinstance(document, dict):
                raise GitOpsError(f"{where} holds something else than objects")
            read.append(Manifest(file=file, document=document))
    return read


def _take(root: Path, environment: str, manifest: Manifest, found: dict[str, _Found]) -> None:
    application = parse_application(root, environment, manifest)
    _require_equal(root, application)
    chart = application.helm.chart.name
    one = found.setdefault(application.name, _Found(chart=chart))
    if one.chart != chart:
        raise GitOpsError(f"has the chart {chart}, and {one.chart} elsewhere; a tenant has one")
    objects = render_application(root, application, Kinds(root))
    one.objects[environment] = objects
    one.hosts[environment] = sorted({host for item in objects for _, host in hosts_of(item) if host})
    one.registries |= {image_repository(image) for item in objects for image in images(item.document)}
    one.keys |= {key for item in objects for _, key in vault_keys_of(item) if key}


def _require_equal(root: Path, application: Application) -> None:
    """Refuse what a tenant's Application would have otherwise."""
    name, helm = application.name, application.source
    if not isinstance(helm, HelmSource):
        raise GitOpsError("spec.source.path: a folder without a chart is not taken over; write its tenant by hand")
    if not isinstance(helm.chart, Path):
        # earlier versions rendered none
        raise GitOpsError("spec.source.chart: a chart of a repository is not taken over; write its tenant by hand")
    expected = {
        "spec.source.path": (helm.chart.parent, (root / GITOPS_FOLDER / "charts").resolve()),
        "spec.source.helm.releaseName": (application.release, name),
        "spec.destination.namespace": (application.namespace, f"app-{name}"),
        "spec.source.helm.valueFiles": (
            [*helm.value_files],
            [path.resolve() for path in values_files(root, name, application.environment)],
        ),
    }
    for path, (given, allowed) in expected.items():
        if given != allowed:
            raise GitOpsError(f"{path}: a tenant's is {allowed}")
    if not app_folder(root, name).is_dir():
        raise GitOpsError(f"has no folder {app_folder(Path(), name)}")


def _tried(root: Path, files: Mapping[Path, str], found: Mapping[str, _Found]) -> dict[Path, str]:
    """Render everything from the new files in a copy, and return the projects by the file that they go to."""
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-migrate-") as folder:
        copy = Path(folder).resolve()
        for name in HALVES:
            shutil.copytree(root / name, copy / name, symlinks=True)
        for file in root.glob("Pulumi*.yaml"):
            shutil.copy(file, copy)
        for file, text in files.items():
            (copy / file.relative_to(root)).write_text(text, encoding="utf-8")
        for app, one in found.items():
            for environment, before in one.objects.items():
                after = render(copy, app, environment)
                if changes := compare([replace(after, objects=before)], [after]):
                    first = changes[0]
                    raise GitOpsError(
                        f"{app} in {environment} would not render the same; nothing was written. Its values have "
                        f"to say what is to stay: {first.object.label} would be {first.kind.value}\n"
                        + "\n".join(first.diff)
                    )
        environments = {environment for one in found.values() for environment in one.objects}
        return {
            root / _ENVIRONMENTS / name / _PROJECTS: "---\n".join(map(dump, made))
            for name in cluster_names(copy)
            if name in environments and (made := _projects(copy, name))
        }


def _projects(root: Path, cluster: str) -> list[dict[str, Any]]:
    """Return the projects of a cluster's tenants."""
    made = platform_objects(root, read_cluster(root, cluster))
    # the rest comes with the chart: an old root Application may make no more
    return [
        manifest.document for manifest in made if manifest.kind == "AppProject" and manifest.name != DEFAULT_PROJECT
    ]


def _kinds(root: Path, folders: Iterable[Path]) -> list[str]:
    """Return which kinds the old projects allow and the new ones do not."""

    def allowed(documents: Iterable[Mapping[str, Any]]) -> set[str]:
        specs = [section(document, "spec") for document in documents]
        listed = [map(section, entries(spec.get("namespaceResourceWhitelist"))) for spec in specs]
        return {f"{entry.get('group')}/{entry.get('kind')}".lstrip("/") for one in listed for entry in one}

    old = [m.document for folder in folders for m in _manifests(root, folder) if m.kind == "AppProject"]
    new = [project for name in cluster_names(root) for project in _projects(root, name)]
    missing = sorted(allowed(old) - allowed(new)) if new else []
    if not missing:
        return []
    return [f"applications may not have {', '.join(missing)}: add what is needed to TENANT_KINDS in conventions.py"]
