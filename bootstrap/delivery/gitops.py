"""How ``gitops/`` is laid out: the one place that says where an application's files are.

``gitops/apps/<application>/`` has the values of a chart in ``gitops/charts/``: ``values.yaml`` holds what every
environment has in common. Laid over it, each with its differences only, are ``<class>.yaml`` (a class of environments),
``<environment>.yaml`` and ``<environment>-<region>.yaml``, as far as they are there. Helm reads them in this order.

An application without a chart has ``overlays/<environment>/`` for Kustomize, or ``manifests/<environment>/``, in the
place of values.
"""

import re
from collections.abc import Container, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from application_sources import NAME_PATTERN, OVERLAYS
from bootstrap.errors import GitOpsError
from conventions import GITOPS_FOLDER

APPLICATIONS = "apps"
BASE = "values.yaml"

P = TypeVar("P", bound=PurePath)

NAME = re.compile(NAME_PATTERN)
"""What an application, and an environment, may be called."""
NAMES = "lower-case letters, digits, and hyphens between them"
NOT_BUILT = "0" * 40
"""The tag of an application that was never built: Git's name for no commit."""
KUSTOMIZATIONS = ("kustomization.yaml", "kustomization.yml", "Kustomization")
"""Names by which Kustomize finds its file.

https://github.com/argoproj/argo-cd/blob/v3.4.4/util/kustomize/kustomize.go, IsKustomization
"""
OVERRIDES = ".argocd-source*.yaml"
"""Files with which Argo CD would override an Application's source, in the source's own folder.

https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/#store-overrides-in-git
"""


def apps_folder(root: P) -> P:
    """Return the folder of all applications; ``root`` may be a path in a working tree or in a Git tree."""
    return root / GITOPS_FOLDER / APPLICATIONS


def app_folder(root: P, app: str) -> P:
    """Return an application's folder."""
    return apps_folder(root) / app


def charts_folder(root: P) -> P:
    """Return the folder of the charts that are ours."""
    return root / GITOPS_FOLDER / "charts"


def values_files(root: P, app: str, env: str) -> list[P]:
    """Return the base and the environment's file, in the order in which Helm reads them."""
    folder = app_folder(root, app)
    return [folder / BASE, folder / f"{env}.yaml"]


def image_file(root: P, there: Container[P], app: str, env: str) -> P:
    """Return the file that says which image an environment runs: its overlay's, or its values.

    Args:
        root: the project.
        there: the files that there are.
        app: the application.
        env: the environment.
    """
    folder = app_folder(root, app) / OVERLAYS / env
    overlays = (folder / name for name in KUSTOMIZATIONS)
    return next((file for file in overlays if file in there), values_files(root, app, env)[1])


def environment_of(parts: Sequence[str]) -> str | None:
    """Return the class, environment or region whose image a file of an application says; None of other files.

    Args:
        parts: the file's path in the application's folder.
    """
    if len(parts) == 1:
        return layer_of(parts[0])
    is_overlay = len(parts) == 3 and parts[0] == OVERLAYS and parts[2] in KUSTOMIZATIONS
    return parts[1] if is_overlay and NAME.fullmatch(parts[1]) else None


def require_folder(root: Path) -> None:
    """Refuse a project without applications: of it every check would say that nothing is wrong.

    Raises:
        GitOpsError: there is no ``gitops/``.
    """
    if not (root / GITOPS_FOLDER).is_dir():
        raise GitOpsError(f"there is no folder {GITOPS_FOLDER}/ in {root}")


def inside(root: Path, path: Path) -> Path:
    """Return where a path leads, through links.

    Argo CD refuses what leads out of the repository, and so does this: it would be another file there.

    Raises:
        GitOpsError: it leads out of the repository, or nowhere; the text is for the end of a sentence about the path.
    """
    try:
        resolved = path.resolve()
    except (OSError, RuntimeError, ValueError):
        # RuntimeError is a circle of links, ValueError a character that no path has
        raise GitOpsError(f"leads nowhere: {str(path)!r}") from None
    if not resolved.is_relative_to(root.resolve()):
        raise GitOpsError(f"leads out of the repository: {path}")
    return resolved


def is_file(path: Path) -> bool:
    """Whether a path is a file's; a name that no file can have is none."""
    try:
        return path.is_file()
    except OSError:
        return False


def is_there(path: Path) -> bool:
    """Whether there is anything at a path; a name that nothing can have is none."""
    try:
        return path.exists()
    except OSError:
        return False


def kustomization_in(folder: Path) -> str | None:
    """Return the name of a folder's kustomization; None where it has none."""
    return next((name for name in KUSTOMIZATIONS if is_file(folder / name)), None)


def applications(root: Path) -> list[str]:
    """Return the applications that have a folder."""
    return sorted(path.name for path in apps_folder(root).glob("*") if path.is_dir() and NAME.fullmatch(path.name))


def layers_of(root: Path, app: str) -> list[str]:
    """Return the names of the files that an application has besides its base."""
    found = (layer_of(path.name) for path in app_folder(root, app).glob("*.yaml"))
    return sorted(name for name in found if name is not None)


def layer_of(file: str) -> str | None:
    """Return the class, environment or region that a file of an application's folder is of; None for others."""
    name = file.removesuffix(".yaml")
    return name if file not in (name, BASE) and NAME.fullmatch(name) else None
