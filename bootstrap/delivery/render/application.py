"""Reads the Applications of an environment: the files that the root Application applies."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bootstrap.delivery.manifests import load_all, read_text
from bootstrap.errors import GitOpsError
from conventions import ENVIRONMENTS_FOLDER

HELM_KEYS = frozenset({"releaseName", "valueFiles"})
"""What an Application may say to Helm. Values stand in files, where ``bootstrap overlay`` sees them."""


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
        metadata = self.document.get("metadata")
        return str(metadata.get("name", "")) if isinstance(metadata, dict) else ""


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


def all_environments(root: Path) -> list[str]:
    """Return the environments that have a folder."""
    return sorted(path.name for path in environment_folder(root, "").glob("[a-z]*") if path.is_dir())


def manifests(root: Path, environment: str) -> list[Manifest]:
    """Return everything that the root Application applies, by file.

    Raises:
        GitOpsError: there is no such environment, or a file is not YAML.
    """
    folder = environment_folder(root, environment)
    if not folder.is_dir():
        there = ", ".join(all_environments(root)) or "none"
        raise GitOpsError(f"there is no environment {environment!r} in {ENVIRONMENTS_FOLDER}; there are: {there}")
    found = []
    # what Argo CD takes of a folder: https://argo-cd.readthedocs.io/en/stable/user-guide/directory/
    for file in sorted(path for path in folder.rglob("*") if path.suffix in {".yaml", ".yml", ".json"}):
        for document in load_all(read_text(file, file.relative_to(root)), file.relative_to(root)):
            if not isinstance(document, dict):
                raise GitOpsError(f"{file.relative_to(root)} holds something else than objects")
            found.append(Manifest(file=file, document=document))
    return found


def application_names(root: Path, environment: str) -> list[str]:
    """Return the names of an environment's Applications."""
    return sorted(manifest.name for manifest in manifests(root, environment) if manifest.kind == "Application")


def read_application(root: Path, name: str, environment: str) -> Application:
    """Find an environment's Application by its name and read it.

    Raises:
        GitOpsError: there is none, or it is none that can be rendered from this repository alone.
    """
    found = [m for m in manifests(root, environment) if m.kind == "Application" and m.name == name]
    if not found:
        there = ", ".join(application_names(root, environment)) or "none"
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
    if not (chart / "Chart.yaml").is_file():
        raise GitOpsError(f"{where}: spec.source.path is {source['path']}, where there is no Chart.yaml")
    namespace = destination.get("namespace")
    if not isinstance(namespace, str) or not namespace:
        raise GitOpsError(f"{where}: spec.destination.namespace is missing")
    files = helm.get("valueFiles") or []
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise GitOpsError(f"{where}: spec.source.helm.valueFiles has to be a list of paths")
    value_files = [_inside(root, chart / file, where, "spec.source.helm.valueFiles") for file in files]
    for given, file in zip(files, value_files, strict=True):
        if not file.is_file():
            raise GitOpsError(f"{where}: spec.source.helm.valueFiles names {given}, which is not there")
    return Application(
        name=manifest.name,
        environment=environment,
        file=manifest.file,
        chart=chart,
        value_files=value_files,
        release=str(helm.get("releaseName") or manifest.name),
        namespace=namespace,
    )


def _mapping(parent: dict[str, Any], key: str, where: Path) -> dict[str, Any]:
    value = parent.get(key) or {}
    if not isinstance(value, dict):
        raise GitOpsError(f"{where}: {key} has to be a mapping")
    return value


def _inside(root: Path, path: Path, where: Path, key: str) -> Path:
    """Argo CD refuses what leads out of the repository, and so does this: it would be another file there."""
    resolved = path.resolve()
    if not resolved.is_relative_to(root.resolve()):
        raise GitOpsError(f"{where}: {key} leads out of the repository: {path}")
    return resolved
