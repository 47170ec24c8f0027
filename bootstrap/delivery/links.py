"""Finds symbolic links that lead out of the repository, before somebody follows them.

Helm follows every link of a chart that it loads, and would render a file of the machine that it runs on. Argo CD
renders nothing of a repository that has such a link anywhere:
https://github.com/argoproj/argo-cd/blob/v3.4.4/util/app/path/path.go, CheckOutOfBoundsSymlinks
"""

import os
from collections.abc import Iterator
from pathlib import Path

from bootstrap.delivery.gitops import inside
from bootstrap.errors import GitOpsError, MissingToolError, RevisionError
from bootstrap.revision import git, git_bytes
from conventions import HALVES

_LEFT_OUT = {".git", ".venv", ".tools"}
"""Folders at the top that no Git has: its own, and those that `make setup` makes, with links to a Python."""


def leads_out(top: Path, path: Path) -> bool:
    """Whether a link leads out of a folder, as Argo CD sees it: an absolute one does, wherever it leads."""
    try:
        inside(top, path)
    except GitOpsError:
        return True
    return path.readlink().is_absolute()


def links_elsewhere(root: Path) -> Iterator[tuple[Path, str]]:
    """Yield the links out of the repository that are in neither half, each with its path in the repository.

    In a clone these are links that Git has; a folder that is none, such as an unpacked revision, is looked through.
    """
    try:
        top = Path(git(root, "rev-parse", "--show-toplevel"))
        listed = os.fsdecode(git_bytes(top, "ls-files", "-z", "--stage")).split("\0")
        found = [top / name for about, _, name in (e.partition("\t") for e in listed) if about.startswith("120000 ")]
    except (RevisionError, MissingToolError):
        top, found = root, list(_links(root))
    halves = [root.resolve() / half for half in HALVES]
    for path in found:
        if path.is_symlink() and not any(path.is_relative_to(half) for half in halves) and leads_out(top, path):
            yield path, str(path.relative_to(top))


def refuse_links_out(root: Path) -> None:
    """Return where no link leads out of the repository.

    Raises:
        GitOpsError: some do; all of them at once.
    """
    found = {
        path: str(path.relative_to(root)) for half in HALVES for path in _links(root / half) if leads_out(root, path)
    }
    found |= dict(links_elsewhere(root))
    if found:
        raise GitOpsError("\n".join(describe_link(path, shown) for path, shown in sorted(found.items())))


def refuse_links_of_chart(root: Path, chart: Path) -> None:
    """Return where everything that Helm reads of a chart, through links too, is in the repository.

    Raises:
        GitOpsError: something is elsewhere; all of it at once.
    """
    found: dict[str, str] = {}
    seen: set[Path] = set()
    todo = [chart]
    while todo:
        folder = todo.pop()
        if folder.resolve() in seen:
            continue
        seen.add(folder.resolve())
        with os.scandir(folder) as listed:
            for entry in listed:
                path = Path(entry.path)
                if entry.is_symlink() and leads_out(root, path):
                    found[str(path)] = describe_link(path, str(path.relative_to(root)))
                elif entry.is_dir():
                    todo.append(path)
    if found:
        raise GitOpsError("\n".join(found[path] for path in sorted(found)))


def describe_link(path: Path, shown: str) -> str:
    """Say of a link where it leads."""
    return f"{shown} is a link to {path.readlink()}, out of the repository: Argo CD would render nothing of it"


def _links(folder: Path) -> Iterator[Path]:
    """Yield every link below a folder, through none of them."""
    for parent, folders, files in os.walk(folder):
        if parent == str(folder):
            folders[:] = [name for name in folders if name not in _LEFT_OUT]
        yield from (path for name in sorted([*folders, *files]) if (path := Path(parent) / name).is_symlink())
