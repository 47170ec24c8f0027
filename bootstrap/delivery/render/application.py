"""Reads the Applications of an environment: the files that the root Application applies."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.delivery.gitops import NAME, NAMES, OVERRIDES, all_environments, inside, is_file
from bootstrap.delivery.manifests import load_all, read_text, section
from bootstrap.errors import GitOpsError
from conventions import ENVIRONMENTS_FOLDER

HELM_KEYS = frozenset({"releaseName", "valueFiles"})
"""What an Application may say to Helm. Values stand in files, where ``bootstrap overlay`` sees them."""

_LONGEST_NAME = 63


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One object of an environment's folder."""

    file: Path
    document: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.document.get("kind", ""))

    @property
    def name(self) -> str:
        """Its name."""
        return str(section(self.document, "metadata").get("name", ""))


@dataclass(frozen=True, kw_only=True)
class Application:
    """What an Application asks for, as far as Helm is concerned."""

    name: str
    environment: str
    file: Path
    chart: Path
    value_files: list[Path]
    """In the order in which Helm reads them: the later wins."""
    release: str
    namespace: str


def environment_folder(root: Path, environment: str) -> Path:
    """Return the folder that an environment's root Application reads."""
    return root / ENVIRONMENTS_FOLDER / environment


def manifests(root: Path, environment: str) -> list[Manifest]:
    """Return everything that the root Application applies, by file.

    Raises:
        GitOpsError: there is no such environment, or files are not YAML; all of them at once.
    """
    found, mistakes = readable_manifests(root, environment)
    if mistakes:
        raise GitOpsError("\n".join(mistakes))
    return found


def readable_manifests(root: Path, environment: str) -> tuple[list[Manifest], list[str]]:
    """Return what can be read of what the root Application applies, and what is wrong with the rest.

    Raises:
        GitOpsError: there is no such environment.
    """
    if environment not in all_environments(root):
        there = ", ".join(all_environments(root)) or "none"
        raise GitOpsError(f"there is no environment {environment!r} in {ENVIRONMENTS_FOLDER}; there are: {there}")
    found: list[Manifest] = []
    mistakes: list[str] = []
    # what Argo CD takes of a folder: https://argo-cd.readthedocs.io/en/stable/user-guide/directory/
    folder = environment_folder(root, environment)
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml", ".json"}):
        if file.is_dir():
            continue
        try:
            found += _documents(root, file)
        except GitOpsError as error:
            mistakes.append(str(error))
    return found, mistakes


def _documents(root: Path, file: Path) -> list[Manifest]:
    where = file.relative_to(root)
    try:
        inside(root, file)
    except GitOpsError as error:
        raise GitOpsError(f"{where} {error}") from None
    documents = load_all(read_text(file, where), where)
    if not all(isinstance(document, dict) for document in documents):
        raise GitOpsError(f"{where} holds something else than objects")
    return [Manifest(file=file, document=document) for document in documents]


def application_names(root: Path, environment: str) -> list[str]:
    """Return the names of an environment's Applications."""
    return names_of(manifests(root, environment))


def names_of(manifests: Iterable[Manifest]) -> list[str]:
    """Return the names of the Applications among manifests."""
    return sorted(manifest.name for manifest in manifests if manifest.kind == "Application")


def read_application(root: Path, name: str, environment: str) -> Application:
    """Find an environment's Application by its name and read it.

    Raises:
        GitOpsError: there is none, or it is none that can be rendered from this repository alone.
    """
    readable, mistakes = readable_manifests(root, environment)
    found = [m for m in readable if m.kind == "Application" and m.name == name]
    if not found and mistakes:
        raise GitOpsError("\n".join(mistakes))
    if not found:
        there = ", ".join(names_of(readable)) or "none"
        raise GitOpsError(f"there is no application {name!r} in {environment}; there are: {there}")
    if len(found) > 1:
        files = " and ".join(str(manifest.file.relative_to(root)) for manifest in found)
        raise GitOpsError(f"application {name!r} stands twice in {environment}: {files}")
    return parse_application(root, environment, found[0])


def parse_application(root: Path, environment: str, manifest: Manifest) -> Application:
    """Read an Application.

    Raises:
        GitOpsError: as for :func:`read_application`.
    """
    where = manifest.file.relative_to(root)
    spec = _mapping(manifest.document, "spec", where)
    source = _mapping(spec, "source", where)
    helm = _mapping(source, "helm", where)
    destination = _mapping(spec, "destination", where)
    if further := sorted(set(helm) - HELM_KEYS):
        raise GitOpsError(
            f"{where}: spec.source.helm.{further[0]} is not rendered; allowed: {', '.join(sorted(HELM_KEYS))}. "
            "Values belong in the files of gitops/apps"
        )
    if not isinstance(source.get("path"), str):
        raise GitOpsError(f"{where}: spec.source.path has to be a chart's folder in this repository")
    chart = _inside(root, root / source["path"], where, "spec.source.path")
    if not is_file(chart / "Chart.yaml"):
        raise GitOpsError(f"{where}: spec.source.path is {source['path']}, where there is no Chart.yaml")
    if overriding := sorted(chart.glob(OVERRIDES)):
        raise GitOpsError(
            f"{overriding[0].relative_to(root.resolve())} overrides the Application in {where}, and is not rendered: "
            "values belong in the files of gitops/apps"
        )
    namespace = _name(destination.get("namespace"), where, "spec.destination.namespace")
    release = _name(helm.get("releaseName") or manifest.name, where, "spec.source.helm.releaseName")
    files = helm.get("valueFiles") or []
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise GitOpsError(f"{where}: spec.source.helm.valueFiles has to be a list of paths")
    value_files = [_inside(root, chart / file, where, "spec.source.helm.valueFiles") for file in files]
    for given, file in zip(files, value_files, strict=True):
        if not is_file(file):
            raise GitOpsError(f"{where}: spec.source.helm.valueFiles names {given}, which is not there")
    return Application(
        name=manifest.name,
        environment=environment,
        file=manifest.file,
        chart=chart,
        value_files=value_files,
        release=release,
        namespace=namespace,
    )


def _mapping(parent: dict[str, Any], key: str, where: Path) -> dict[str, Any]:
    value = parent.get(key) or {}
    if not isinstance(value, dict):
        raise GitOpsError(f"{where}: {key} has to be a mapping")
    return value


def _name(value: object, where: Path, key: str) -> str:
    if value is None or value == "":
        raise GitOpsError(f"{where}: {key} is missing")
    if not isinstance(value, str) or not NAME.fullmatch(value) or len(value) > _LONGEST_NAME:
        raise GitOpsError(f"{where}: {key}: got {value!r}; allowed: up to {_LONGEST_NAME} {NAMES}")
    return value


def _inside(root: Path, path: Path, where: Path, key: str) -> Path:
    try:
        return inside(root, path)
    except GitOpsError as error:
        raise GitOpsError(f"{where}: {key} {error}") from None
