"""How ``gitops/`` is laid out: the one place that says where an application's files are.

``gitops/apps/<application>/`` has the values of a chart in ``gitops/charts/``: ``values.yaml`` holds what every
environment has in common, ``<environment>.yaml`` only what that environment differs in; Helm reads them in this order.
"""

import re
from pathlib import Path, PurePath
from typing import TypeVar

from conventions import GITOPS_FOLDER

APPLICATIONS = "apps"
BASE = "values.yaml"

P = TypeVar("P", bound=PurePath)

_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")


def apps_folder(root: P) -> P:
    """Return the folder of all applications; ``root`` may be a path in a working tree or in a Git tree."""
    return root / GITOPS_FOLDER / APPLICATIONS


def app_folder(root: P, app: str) -> P:
    """Return an application's folder."""
    return apps_folder(root) / app


def values_files(root: P, app: str, env: str) -> list[P]:
    """Return the base and the environment's file, in the order in which Helm reads them."""
    folder = app_folder(root, app)
    return [folder / BASE, folder / f"{env}.yaml"]


def applications(root: Path) -> list[str]:
    """Return the applications that have a folder."""
    return sorted(path.name for path in apps_folder(root).glob("*") if path.is_dir() and _NAME.fullmatch(path.name))


def environments(root: Path, app: str) -> list[str]:
    """Return the environments that an application has a file of."""
    found = (environment_of(path.name) for path in app_folder(root, app).glob("*.yaml"))
    return sorted(name for name in found if name is not None)


def environment_of(file: str) -> str | None:
    """Return the environment that a file of an application's folder is of; None for the chart's other files."""
    name = file.removesuffix(".yaml")
    return name if file not in (name, BASE) and _NAME.fullmatch(name) else None
