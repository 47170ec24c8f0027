"""Looks at every file of ``gitops/`` by itself, before anything is made of several: all that are broken, in one run."""

import os
from collections.abc import Iterator
from pathlib import Path

from application_sources import PLAIN_FOLDER
from bootstrap.delivery.clusters import cluster_names
from bootstrap.delivery.gitops import (
    APPLICATIONS,
    BASE,
    KUSTOMIZATIONS,
    NAME,
    NAMES,
    OVERRIDES,
    layer_of,
)
from bootstrap.delivery.links import describe_link, leads_out, links_elsewhere
from bootstrap.delivery.manifests import load_all, load_mapping, read_text
from bootstrap.delivery.overlay import rules
from bootstrap.delivery.render.kinds import FILE as KINDS
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.tenants import CHART_FILES, tenant_names
from bootstrap.delivery.validate.findings import Finding
from bootstrap.delivery.validate.schemas import SCHEMAS, read_schema
from bootstrap.errors import GitOpsError
from conventions import GITOPS_FOLDER, HALVES, TENANTS_FOLDER

_APPS = Path(GITOPS_FOLDER) / APPLICATIONS
_ENVIRONMENTS = Path(GITOPS_FOLDER) / "environments"
_CHARTS = Path(GITOPS_FOLDER) / "charts"


def check_files(root: Path) -> Iterator[Finding]:
    """Yield what is wrong with a file or a folder, whatever the others hold."""
    for path in _all(root):
        file = path.relative_to(root)
        wrong = list(_link(root, path))
        yield from (Finding(where=str(file), path="", message=message) for message in (*wrong, *_name(root, file)))
        if wrong or path.is_dir():
            continue
        try:
            _read(root, file)
        except GitOpsError as error:
            for line in str(error).splitlines():
                yield Finding(where=str(file), path="", message=line.removeprefix(str(file)).lstrip(": "))
        except OSError as error:
            yield Finding(where=str(file), path="", message=f"cannot be read: {error.strerror}")
    yield from _alike(root)
    yield from _links_elsewhere(root)


def _links_elsewhere(root: Path) -> Iterator[Finding]:
    """Yield links out of the repository wherever they are in it: Argo CD renders nothing of such a repository."""
    for path, shown in links_elsewhere(root):
        yield Finding(where=shown, path="", message=describe_link(path, shown).removeprefix(f"{shown} "))


def _all(root: Path) -> Iterator[Path]:
    for half in HALVES:
        yield from _everything(root / half)


def _everything(folder: Path) -> Iterator[Path]:
    """Yield files and folders; a link to a folder is one thing, whatever is in it."""
    for parent, folders, files in os.walk(folder):
        folders.sort()
        yield from (Path(parent) / name for name in sorted([*folders, *files]))


def _link(root: Path, path: Path) -> Iterator[str]:
    if not path.is_symlink():
        return
    target = path.readlink()
    if target.is_absolute():
        yield f"is a link to {target}; allowed: a path from where the link is to something in this repository"
    elif leads_out(root, path):
        yield f"is a link to {target}, which leads in a circle or out of the repository"
    elif not path.exists():
        yield f"is a link to {target}, which is not there"


def _name(root: Path, file: Path) -> Iterator[str]:
    """Yield why nothing reads what looks like an application, an environment or its values."""
    name, folder = file.name, file.parent
    if file.match(OVERRIDES):
        yield "overrides an Application's source, where nobody looks; allowed: the values files of gitops/apps"
    is_manifest = folder.is_relative_to(_APPS) and len(file.parts) > 5 and file.parts[3] == PLAIN_FOLDER
    # https://github.com/argoproj/argo-cd/blob/v3.4.4/reposerver/repository/repository.go, GetAppSourceType
    if is_manifest and name in {"Chart.yaml", *KUSTOMIZATIONS}:
        yield "is read as a manifest, or by nothing: this folder's files are applied as they are"
    if name.startswith("."):
        return
    if folder == _APPS and (root / file).is_dir() and not NAME.fullmatch(name):
        yield f"is no name of an application, and nothing reads it; allowed: {NAMES}"
    if file == _ENVIRONMENTS and not tenant_names(root):
        yield f"is read by nothing: applications are files of {TENANTS_FOLDER}/ (`bootstrap app migrate` makes them)"
    if folder.parent == _APPS and name != BASE and layer_of(name) is None:
        meant = f"{file.stem.lower()}.yaml"
        if file.suffix.lower() in {".yaml", ".yml"} and (
            meant == BASE or meant.removesuffix(".yaml") in cluster_names(root)
        ):
            yield f"is read by nothing; did you mean {meant}?"


def _read(root: Path, file: Path) -> None:
    """Read a file as those do that use it.

    Raises:
        GitOpsError: it is not what it has to be.
    """
    suffix = file.suffix
    if file == KINDS:
        Kinds(root)
    elif file == rules.FILE:
        rules.read_file(root)
    elif file.parent == SCHEMAS and suffix == ".yaml":
        read_schema(root, file)
    elif (file.parent.parent == _APPS and (file.name == BASE or layer_of(file.name))) or (
        file.parent.parent == _CHARTS and file.name in {"Chart.yaml", BASE, "values.schema.json"}
    ):
        load_mapping(root / file, file)
    elif file.parent == Path(TENANTS_FOLDER) and suffix == ".yaml":
        # what is in a tenant's file is checked beside the others
        load_mapping(root / file, file) if file.name in CHART_FILES else None
    elif suffix in {".yaml", ".yml", ".json"} and not _is_of_a_chart(file):
        load_all(read_text(root / file, file), file)


def _is_of_a_chart(file: Path) -> bool:
    return any(file.is_relative_to(folder) for folder in (_CHARTS, Path(TENANTS_FOLDER)))


def _alike(root: Path) -> Iterator[Finding]:
    """Yield names that are one name on macOS and Windows, where the clone has only one of the files."""
    seen: dict[str, Path] = {}
    for path in _all(root):
        file = path.relative_to(root)
        other = seen.setdefault(str(file).casefold(), file)
        if other != file and other.parent == file.parent:
            message = f"and {other.name} are one file where upper and lower case are the same (macOS, Windows)"
            yield Finding(where=str(file), path="", message=message)
