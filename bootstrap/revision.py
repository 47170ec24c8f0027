"""The project as it stood at another Git revision, in a folder of its own."""

import subprocess
import tempfile
from pathlib import Path

from bootstrap.errors import RevisionError


def unpack(root: Path, revision: str) -> "tempfile.TemporaryDirectory[str]":
    """Write the project's files of a revision to a temporary folder, which goes with the returned object.

    Raises:
        RevisionError: Git does not know the revision, or it does not hold the project.
    """
    commit = git(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if commit is None:
        raise RevisionError(f"{revision!r} is no revision of the repository in {root}")
    prefix = (git(root, "rev-parse", "--show-prefix") or "").rstrip("/")
    archive = subprocess.run(  # noqa: S603 - git with a commit that it gave us
        ["git", "-C", str(root), "archive", f"{commit}:{prefix}" if prefix else commit],  # noqa: S607
        check=False,
        capture_output=True,
    )
    if archive.returncode != 0:
        raise RevisionError(f"{revision} cannot be read: {archive.stderr.decode(errors='replace').strip()}")
    folder = tempfile.TemporaryDirectory(prefix="aks-bootstrap-")
    subprocess.run(["tar", "-x", "-C", folder.name], input=archive.stdout, check=True)  # noqa: S603, S607
    return folder


def git(root: Path, *arguments: str) -> str | None:
    """Return what Git answers, without the white space around it; None when it fails."""
    done = subprocess.run(  # noqa: S603 - arguments are ours, and a revision after --verify
        ["git", "-C", str(root), *arguments],  # noqa: S607
        check=False,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip() if done.returncode == 0 else None
