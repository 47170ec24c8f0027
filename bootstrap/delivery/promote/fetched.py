"""Fetches a remote's branches through a clone, which is only read itself.

From a shallow clone the branch's commits are fetched without their files, which is a small part of a history
(https://git-scm.com/docs/git-rev-list, --filter=tree:0). Files of single commits are fetched when a rule needs them,
and all of them when it cannot be decided otherwise. A server without filters sends everything at once. The first fetch
can be begun early, and goes on while the caller does something else.
"""

import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import Self

from bootstrap.delivery.promote.command import Git, Running, explained, redact
from bootstrap.delivery.promote.settings import address_to_write
from bootstrap.delivery.promote.workspace import Workspace
from bootstrap.errors import GitError
from bootstrap.revision import read_batch

NETWORK_SECONDS = 120
"""How long one fetch or push may take."""


_NO_WALK = ("log", "--no-walk", "--stdin")
_NO_NETWORK = {"GIT_ALLOW_PROTOCOL": "none"}
"""Fails where Git would fetch an object that is missing."""


class Fetched:
    """What was fetched of one remote of a clone, for the time of one command."""

    def __init__(self, folder: Path, remote: str) -> None:
        """Open a clone.

        Args:
            folder: the project's folder in the clone, which may be below the clone's own.
            remote: a remote's name, or its URL.

        Raises:
            GitError: the folder is in no clone, or Git is not there.
        """
        if remote.startswith("-"):
            raise GitError(f"--remote: got {remote!r}; allowed: a remote of the clone, or a URL")
        self._workspace = Workspace(folder)
        self.prefix, self._git = self._workspace.prefix, self._workspace.git
        self._started = self._whole = not self._workspace.shallow
        self._begun = dict[str, Running]()
        try:
            self.remote = address_to_write(self._workspace.clone, remote)
        except BaseException:
            self._workspace.close()
            raise
        if self.ask("var", "GIT_COMMITTER_IDENT") is None or self.ask("var", "GIT_AUTHOR_IDENT") is None:
            # a fresh CI runner has no name, and its address would be the machine's
            for role in ("AUTHOR", "COMMITTER"):
                self._git.environment.setdefault(f"GIT_{role}_NAME", "bootstrap promote")
                self._git.environment.setdefault(f"GIT_{role}_EMAIL", "promote@aks-bootstrap.invalid")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what was fetched."""
        for running in self._begun.values():
            running.stop()
        self._workspace.close()

    def begin_fetch(self, branch: str) -> None:
        """Begin to fetch a branch, for which :meth:`fetch` then waits.

        Raises:
            GitError: that is no name of a branch.
        """
        if branch in self._begun:
            return
        ref = _ref(branch)
        if self.ask("check-ref-format", ref) is None:
            raise GitError(f"--branch: got {branch!r}; allowed: the name of a branch")
        first = "--no-filter" if self._started else "--filter=tree:0"
        self._begun[branch] = self._git.begin(*self._fetching(first, f"+{ref}:{ref}"))

    def fetch(self, branch: str) -> str | None:
        """Fetch a branch of the remote and return its tip; None where there is no such branch.

        Raises:
            GitError: the remote cannot be read.
        """
        self.begin_fetch(branch)
        source = _ref(branch)
        try:
            self._end_fetch(source, self._begun.pop(branch))
        except GitError as error:
            if "couldn't find remote ref" in str(error):
                return None
            raise GitError(f"{branch} of {redact(self.remote)} cannot be fetched: {explained(str(error))}") from None
        tip = self.run("rev-parse", source).strip()
        if not self._started:
            self._start_from(tip)
        return tip

    def need_history(self) -> None:
        """Fetch every file of the branch's history, where it is not there."""
        if self._whole:
            return
        beside = self._workspace.new_repository("whole")
        for branch in self.run("for-each-ref", "--format=%(refname)", "refs/heads").split():
            self._fetch("--no-filter", f"+{branch}:{branch}", git=beside)
        self._workspace.add_objects(self._workspace.objects_of("whole"))
        self._whole = True

    def need_trees(self, commits: Sequence[str], path: PurePosixPath | None = None) -> None:
        """Fetch which files there are at commits and at their parents, all at once, where that is not known.

        Args:
            commits: the commits.
            path: a file, where only commits that change it matter. Its folder is fetched where it changed, and
                otherwise only what tells that: most commits change the folder of another application.
        """
        if self._whole or not commits:
            return
        given = "\n".join(commits).encode()
        parents = dict(line.split(" ", 1) for line in self.run(*_NO_WALK, "--format=%H %P", given=given).splitlines())
        both = "\n".join({*commits, *" ".join(parents.values()).split()}).encode()
        tops = self.run(*_NO_WALK, "--format=%T", given=both).split()
        if path is None or len(path.parts) < 3:
            self.need_objects(tops)
            return
        try:
            # Git does not count the tree that is asked for
            self.need_objects(tops, filtered=f"tree:{len(path.parts) - 2}")
            folders = self._entries(both.decode().split(), path.parent)
        except GitError:
            # the server refuses the filter, or counts otherwise
            self.need_objects(tops)
            return
        # before a first commit there is nothing
        pairs = [(folders[commit], folders.get(line.partition(" ")[0])) for commit, line in parents.items()]
        self.need_objects(name for pair in pairs if len(set(pair)) > 1 for name in pair if name)

    def _entries(self, commits: Sequence[str], path: PurePosixPath) -> dict[str, str | None]:
        """Return what a path is called at each commit, of which the folder that it is in has to be there.

        Raises:
            GitError: that folder is not there. It is not fetched, which takes minutes for many commits one by one.
        """
        given = "".join(f"{commit}:{path.parent}\n" for commit in commits).encode()
        trees = read_batch(self._git.read("cat-file", "--batch", given=given, more=_NO_NETWORK))
        return {
            commit: entry_of(tree or b"", os.fsencode(path.name), len(commit) // 2)
            for commit, tree in zip(commits, trees, strict=True)
        }

    def run(self, *command: str, given: bytes = b"") -> str:
        """Return what a Git command prints.

        Raises:
            GitError: it fails; the text is its own.
        """
        return self._git.run(*command, given=given)

    def ask(self, *command: str) -> str | None:
        """Return what a Git command prints, stripped; None where it fails."""
        return self._git.ask(*command)

    def _end_fetch(self, ref: str, begun: Running) -> None:
        try:
            begun.read(seconds=NETWORK_SECONDS)
        except GitError as error:
            # a server may take some filters only: git/upload-pack.c, "filter '%s' not supported"
            if self._started or not re.search(r"filter .*not (supported|allowed)|max(imum)? depth", str(error)):
                raise
            self._fetch("--no-filter", f"+{ref}:{ref}")

    def _start_from(self, tip: str) -> None:
        """Complete the first fetch from a shallow clone by the files at the tip."""
        self._started = True
        self._whole = "\n?" not in self.run("rev-list", "--objects", "--missing=print", "-1", tip)
        # only now: of the commits that the clone has, Git would not fetch the history
        self._workspace.add_objects()
        if self._workspace.clone.ask("cat-file", "-t", tip) is None:
            self.need_objects(self.run("log", "-1", "--format=%T", tip).split())

    def need_objects(self, objects: Iterable[str], *, filtered: str = "blob:none") -> None:
        """Fetch trees, with those below them that a filter lets through, or contents."""
        names = sorted(set(objects))
        if self._whole or not names:
            return
        self._fetch(f"--filter={filtered}", "--stdin", given="".join(f"{name}\n" for name in names).encode())

    def _fetch(self, *what: str, git: Git | None = None, given: bytes = b"") -> None:
        # what is asked for by its name is not there, whatever else is
        asked = ["-c", "fetch.negotiationAlgorithm=noop"] if given else []
        (git or self._git).run(*asked, *self._fetching(*what), given=given, seconds=NETWORK_SECONDS)

    def _fetching(self, *what: str) -> list[str]:
        """Return the command that fetches something, which are options and refspecs."""
        options, refspecs = [word for word in what if word.startswith("-")], [w for w in what if not w.startswith("-")]
        return [
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-prune", "--no-recurse-submodules"),
            # only the refs that are named
            "--refmap=",
            *options,
            self.remote,
            *refspecs,
        ]


def _ref(branch: str) -> str:
    return f"refs/heads/{branch}"


def entry_of(tree: bytes, name: bytes, size: int) -> str | None:
    """Return the object of an entry of a tree, as Git keeps it: mode, space, name, NUL and the object's bytes.

    Args:
        tree: the tree.
        name: the entry's name.
        size: how many bytes name an object.
    """
    start = 0
    while start < len(tree):
        end = tree.index(b"\0", start)
        if tree[start:end].partition(b" ")[2] == name:
            return tree[end + 1 : end + 1 + size].hex()
        start = end + 1 + size
    return None
