"""Helm, for every command that calls it."""

import shutil

from bootstrap.errors import MissingToolError


def find_helm() -> str:
    """Return Helm's path.

    Raises:
        MissingToolError: it is not there.
    """
    found = shutil.which("helm")
    if found is None:
        raise MissingToolError("Helm is not on PATH: install version 3 (https://helm.sh/docs/intro/install/)")
    return found
