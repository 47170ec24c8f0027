"""Fetches a remote's branches through a clone, which is only read itself.

From a shallow clone the branch's commits are fetched without their files, which is a small part of a history
(https://git-scm.com/docs/git-rev-list, --filter=tree:0). Files of single commits are fetched when a rule needs them,
and all of them when it cannot be decided otherwise. A server without filters sends everything at once.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

from bootstrap.delivery.promote.command import Git, redact
from bootstrap.delivery.promote.settings import address_to_write
from bootstrap.delivery.promote.workspace import Workspace
from bootstrap.errors import GitError

NETWORK_SECONDS = 120
"""How long one fetch or push may take."""


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
            raise GitError(f"{remote!r} is no remote")
        self._workspace = Workspace(folder)
        self.prefix, self._git = self._workspace.prefix, self._workspace.git
        self._started = self._whole = not self._workspace.shallow
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
        self._workspace.close()

    def fetch(self, branch: str) -> str | None:
        """Fetch a branch of the remote and return its tip; None where there is no such branch.

        Raises:
            GitError: the remote cannot be read.
        """
        source = f"refs/heads/{branch}"
        if self.ask("check-ref-format", source) is None:
            raise GitError(f"{branch!r} is no name of a branch")
        try:
            self._fetch_branch(source)
        except GitError as error:
            if "couldn't find remote ref" in str(error):
                return None
            raise GitError(f"{branch} of {redact(self.remote)} cannot be fetched: {error}") from None
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

    def need_trees(self, commits: Sequence[str]) -> None:
        """Fetch which files there are at commits and at their parents, all at once, where that is not known."""
        if self._whole or not commits:
            return
        given = "\n".join(commits).encode()
        parents = self.run("log", "--no-walk", "--stdin", "--format=%P", given=given).split()
        both = "\n".join({*commits, *parents}).encode()
        self.need_objects(self.run("log", "--no-walk", "--stdin", "--format=%T", given=both).split())

    def run(self, *command: str, given: bytes = b"") -> str:
        """Return what a Git command prints.

        Raises:
            GitError: it fails; the text is its own.
        """
        return self._git.run(*command, given=given)

    def ask(self, *command: str) -> str | None:
        """Return what a Git command prints, stripped; None where it fails."""
        return self._git.ask(*command)

    def _fetch_branch(self, ref: str) -> None:
        if not self._started:
            try:
                return self._fetch("--filter=tree:0", f"+{ref}:{ref}")
            except GitError as error:
                # a server may take some filters only: git/upload-pack.c, "filter '%s' not supported"
                if not re.search(r"filter .*not (supported|allowed)|max(imum)? depth", str(error)):
                    raise
        return self._fetch("--no-filter", f"+{ref}:{ref}")

    def _start_from(self, tip: str) -> None:
        """Complete the first fetch from a shallow clone by the files at the tip."""
        self._started = True
        self._whole = "\n?" not in self.run("rev-list", "--objects", "--missing=print", "-1", tip)
        # only now: of the commits that the clone has, Git would not fetch the history
        self._workspace.add_objects()
        if self._workspace.clone.ask("cat-file", "-t", tip) is None:
            self.need_objects(self.run("log", "-1", "--format=%T", tip).split())

    def need_objects(self, objects: Iterable[str]) -> None:
        """Fetch trees, with those below them and no file's content, or contents."""
        names = sorted(set(objects))
        if self._whole or not names:
            return
        self._fetch("--filter=blob:none", "--stdin", given="".join(f"{name}\n" for name in names).encode())

    def _fetch(self, *what: str, git: Git | None = None, given: bytes = b"") -> None:
        # what is asked for by its name is not there, whatever else is
        asked = ["-c", "fetch.negotiationAlgorithm=noop"] if given else []
        options, refspecs = [word for word in what if word.startswith("-")], [w for w in what if not w.startswith("-")]
        (git or self._git).run(
            *asked,
            *("fetch", "--quiet", "--no-tags", "--no-write-fetch-head", "--no-prune", "--no-recurse-submodules"),
            # only the refs that are named
            "--refmap=",
            *options,
            self.remote,
            *refspecs,
            given=given,
            seconds=NETWORK_SECONDS,
        )
