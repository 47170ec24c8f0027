"""The project as it stood at another Git revision, in a folder of its own."""

import os
import subprocess
import tempfile
from pathlib import Path

from bootstrap.errors import MissingToolError, RevisionError

OF_ANOTHER_REPOSITORY = frozenset(
    {
        "GIT_DIR",
        "GIT_WORK_TREE",
        "GIT_COMMON_DIR",
        "GIT_INDEX_FILE",
        "GIT_OBJECT_DIRECTORY",
        "GIT_NAMESPACE",
        "GIT_PREFIX",
        "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    }
)
"""Set where Git itself runs us (a hook, an alias); they would lead to another repository than the one that is named."""


def environment() -> dict[str, str]:
    """Return the environment in which Git works on the repository that it is pointed at."""
    return {name: text for name, text in os.environ.items() if name not in OF_ANOTHER_REPOSITORY}


def unpack(root: Path, revision: str) -> "tempfile.TemporaryDirectory[str]":
    """Write the project's files of a revision to a temporary folder, which goes with the returned object.

    Raises:
        RevisionError: Git does not know the revision, or it does not hold the project.
        MissingToolError: Git is not there.
    """
    commit = commit_of(root, revision)
    top, prefix = git(root, "rev-parse", "--show-toplevel"), git(root, "rev-parse", "--show-prefix").rstrip("/")
    folder = tempfile.TemporaryDirectory(prefix="aks-bootstrap-")
    try:
        with tempfile.TemporaryDirectory(prefix="aks-bootstrap-index-") as beside:
            # an index of our own, from the repository's top: below it Git would look for its files only
            index = Path(beside) / "index"
            git(Path(top), "read-tree", f"{commit}:{prefix}", index=index)
            git(Path(top), "checkout-index", "--all", f"--prefix={folder.name}/", index=index)
    except RevisionError as error:
        folder.cleanup()
        raise RevisionError(f"{revision} cannot be read: {error}") from None
    except BaseException:
        folder.cleanup()
        raise
    return folder


def commit_of(root: Path, revision: str) -> str:
    """Return the commit that a revision names.

    Raises:
        RevisionError: there is no repository, or it has no such revision.
        MissingToolError: Git is not there.
    """
    # what is wrong with the repository is in Git's own words; of a revision it says nothing that helps
    git(root, "rev-parse", "--git-dir")
    found = _run(root, "rev-parse", "--verify", "--quiet", f"{revision}^{{commit}}")
    if found.returncode != 0:
        raise RevisionError(f"{revision!r} is not a revision of the repository in {root}")
    return found.stdout.decode().strip()


def git(root: Path, *arguments: str, index: Path | None = None) -> str:
    """Return what Git answers, without the line's end.

    Raises:
        RevisionError: it fails; the text is Git's own.
        MissingToolError: it is not there.
    """
    return os.fsdecode(git_bytes(root, *arguments, index=index)).strip("\n")


def git_bytes(root: Path, *arguments: str, index: Path | None = None, given: str = "") -> bytes:
    """Return what Git answers to a text; see :func:`git`."""
    done = _run(root, *arguments, index=index, given=given)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise RevisionError(said or f"`git {arguments[0]}` failed with exit status {done.returncode}")
    return done.stdout


def read_batch(answer: bytes) -> list[bytes | None]:
    """Read what ``git cat-file --batch`` prints: the content of each object that was asked for, None of a missing one.

    https://git-scm.com/docs/git-cat-file#_batch_output: a line with the size, the bytes, a line feed; or a line that
    ends with missing.
    """
    found: list[bytes | None] = []
    position = 0
    while position < len(answer):
        end = answer.index(b"\n", position)
        header = answer[position:end].split()
        position = end + 1
        if header[-1] == b"missing":
            found.append(None)
            continue
        size = int(header[-1])
        found.append(answer[position : position + size])
        position += size + 1
    return found


def _run(
    root: Path, *arguments: str, index: Path | None = None, given: str = ""
) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            ["git", "-C", str(root), *arguments],
            check=False,
            capture_output=True,
            input=os.fsencode(given),
            env={**environment(), **({"GIT_INDEX_FILE": str(index)} if index else {})},
        )
    except FileNotFoundError:
        raise MissingToolError("Git is not on PATH: install it (https://git-scm.com/downloads)") from None
