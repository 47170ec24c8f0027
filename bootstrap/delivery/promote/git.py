"""Reads and writes a remote's branches through a clone, which is only read itself.

A commit is made of the objects at the remote's tip, with Git's plumbing, in a repository of its own (``workspace.py``):
no file, ref or setting of the clone is written, so that uncommitted work, a detached HEAD, a bare clone and a branch
that lags behind do not matter, and no line ending is converted.

From a shallow clone the branch's commits are fetched without their files, which is a small part of a history
(https://git-scm.com/docs/git-rev-list, --filter=tree:0). Files of single commits are fetched when a rule needs them,
and all of them when it cannot be decided otherwise. A server without filters sends everything at once.
"""

import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Self

from bootstrap.delivery.promote.answer import Answer, Pushed, read_answer
from bootstrap.delivery.promote.command import Git, redact
from bootstrap.delivery.promote.settings import address_to_write, unsigned
from bootstrap.delivery.promote.workspace import Workspace
from bootstrap.errors import GitError
from bootstrap.revision import read_batch

NETWORK_SECONDS = 120
"""How long one fetch or push may take."""


class File(NamedTuple):
    """A file in a Git tree."""

    mode: str
    blob: str


class Repository:
    """One remote of a clone, for the time of one command."""

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
        self._need_objects(self.run("log", "--no-walk", "--stdin", "--format=%T", given=both).split())

    def changes(self, path: PurePosixPath, commits: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
        """Return a file's bytes before and after each of those commits that change it; merges are left out."""
        self.need_trees(commits)
        printed = self.run(
            *("diff-tree", "--stdin", "-r", "--root", "--no-renames", "--no-ext-diff", "--no-abbrev"),
            *("--", f":(top,literal){path}"),
            given="".join(f"{commit}\n" for commit in commits).encode(),
        )
        found: dict[str, tuple[str, str]] = {}
        commit = ""
        for line in printed.splitlines():
            if line.startswith(":"):
                found[commit] = (line.split()[2], line.split()[3])
            else:
                commit = line
        blobs = sorted({blob for pair in found.values() for blob in pair if blob.strip("0")})
        self._need_objects(blobs)
        contents = read_batch(self._git.read("cat-file", "--batch", given="".join(f"{b}\n" for b in blobs).encode()))
        texts = {blob: content or b"" for blob, content in zip(blobs, contents, strict=True)}
        return {commit: (texts.get(old, b""), texts.get(new, b"")) for commit, (old, new) in found.items()}

    def files(self, commit: str, folder: PurePosixPath) -> dict[PurePosixPath, File]:
        """Return the files below a folder, by their path from the top of the tree."""
        listed = self.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", str(folder))
        found = {}
        for line in listed.split("\0")[:-1]:
            about, path = line.split("\t", 1)
            mode, _, blob = about.split()
            found[PurePosixPath(path)] = File(mode, blob)
        return found

    def stack_files(self, commit: str) -> list[PurePosixPath]:
        """Return the project's stack files, and its own."""
        where = [f"{self.prefix}/"] if self.prefix.parts else []
        listed = self.run("ls-tree", "--full-tree", "--name-only", "-z", commit, "--", *where).split("\0")
        paths = [PurePosixPath(name) for name in listed[:-1]]
        return [path for path in paths if re.fullmatch(r"Pulumi(\..+)?\.ya?ml", path.name)]

    def blobs(self, names: Sequence[str]) -> list[bytes | None]:
        """Return the bytes of several files at once."""
        return read_batch(self._git.read("cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode()))

    def content(self, blob: str) -> bytes:
        """Return a file's bytes."""
        return self._git.read("cat-file", "blob", blob)

    def contents(self, path: PurePosixPath, commits: Sequence[str]) -> list[bytes | None]:
        """Return a file's bytes at each commit; None where it was not there."""
        return read_batch(
            self._git.read("cat-file", "--batch", given="".join(f"{commit}:{path}\n" for commit in commits).encode())
        )

    def commit(self, parent: str, path: PurePosixPath, mode: str, content: bytes, message: str) -> str:
        """Make a commit on top of another, in which one file differs; nothing points to it yet."""
        blob = self.run("hash-object", "-w", "--no-filters", "--stdin", given=content).strip()
        self.run("read-tree", parent)
        self.run("update-index", "-z", "--index-info", given=f"{mode} {blob}\t{path}\0".encode())
        # in a partial clone the other files' contents are not there, and are not needed
        tree = self.run("write-tree", "--missing-ok").strip()
        sign = self.ask("config", "--type=bool", "commit.gpgSign") == "true"
        command = ("commit-tree", tree, "-p", parent, *(["-S"] if sign else []), "-F", "-")
        try:
            return self.run(*command, given=message.encode()).strip()
        except GitError as error:
            raise (unsigned(error, self._git, self._workspace.clone) if sign else error) from None

    def push(self, commit: str, branch: str, *, replaces: str | None = None) -> Answer:
        """Push a commit as the tip of a branch.

        Args:
            commit: the commit.
            branch: the branch.
            replaces: the tip that may be thrown away for it, "" where the branch must not exist yet. Without it nothing
                is ever thrown away.
        """
        target = f"refs/heads/{branch}"
        lease = [] if replaces is None else [f"--force-with-lease={target}:{replaces}"]
        try:
            done = self._git.start(
                *("push", "--porcelain", "--no-verify", "--no-follow-tags", "--recurse-submodules=no"),
                *lease,
                self.remote,
                f"{commit}:{target}",
                seconds=NETWORK_SECONDS,
            )
        except subprocess.TimeoutExpired:
            return Answer(Pushed.UNKNOWN, f"no answer after {NETWORK_SECONDS} s")
        said = redact(done.stderr.decode(errors="replace"))
        return read_answer(target, done.stdout.decode(errors="replace"), said)

    def contains(self, tip: str, commit: str) -> bool:
        """Whether a commit is in a tip's history."""
        return self.ask("merge-base", "--is-ancestor", commit, tip) is not None

    def touched(self, since: str, tip: str, path: PurePosixPath) -> bool:
        """Whether a commit that is new at a tip concerns a file, even where the file is as it was in the end."""
        return bool(self.run("rev-list", "-1", tip, f"^{since}", "--", f":(top,literal){path}"))

    @property
    def url(self) -> str:
        """The remote's address, with no credential in it."""
        return redact((self._workspace.clone.ask("remote", "get-url", self.remote) or self.remote).strip())

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
            self._need_objects(self.run("log", "-1", "--format=%T", tip).split())

    def _need_objects(self, objects: Iterable[str]) -> None:
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
