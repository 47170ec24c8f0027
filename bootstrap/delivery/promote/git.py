"""Reads and writes a remote's branches through a clone, which is only read itself.

A commit is made of the objects at the remote's tip, with Git's plumbing, in a repository of its own (``workspace.py``):
no file, ref or setting of the clone is written, so that uncommitted work, a detached HEAD, a bare clone and a branch
that lags behind do not matter, and no line ending is converted.
"""

import re
import subprocess
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from bootstrap.delivery.promote.answer import Answer, Pushed, read_answer
from bootstrap.delivery.promote.command import redact
from bootstrap.delivery.promote.fetched import NETWORK_SECONDS, Fetched
from bootstrap.delivery.promote.settings import unsigned
from bootstrap.errors import GitError, RefusedError
from bootstrap.revision import read_batch


class File(NamedTuple):
    """A file in a Git tree."""

    mode: str
    blob: str


class Repository(Fetched):
    """One remote of a clone, with what is read of its commits and written to it."""

    def changes(self, path: PurePosixPath, commits: Sequence[str]) -> dict[str, tuple[bytes, bytes]]:
        """Return a file's bytes before and after each of those commits that change it; merges are left out."""
        self.need_trees(commits, path)
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
        self.need_objects(blobs)
        texts = {blob: content or b"" for blob, content in zip(blobs, self.blobs(blobs), strict=True)}
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
        """Return the bytes of several files, each named by its blob or ``<commit>:<path>``; None of a missing one."""
        return read_batch(self._git.read("cat-file", "--batch", given="".join(f"{name}\n" for name in names).encode()))

    def content(self, blob: str) -> bytes:
        """Return a file's bytes."""
        return self._git.read("cat-file", "blob", blob)

    def contents(self, path: PurePosixPath, commits: Sequence[str]) -> list[bytes | None]:
        """Return a file's bytes at each commit; None where it was not there."""
        return self.blobs([f"{commit}:{path}" for commit in commits])

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


def text_of(repository: Repository, path: PurePosixPath, file: File) -> str:
    """Return a file's text, line endings and byte order mark included.

    Raises:
        RefusedError: it is a link, or no UTF-8.
    """
    if not file.mode.startswith("100"):
        raise RefusedError(f"{path} is not a plain file")
    try:
        return repository.content(file.blob).decode()
    except UnicodeDecodeError:
        raise RefusedError(f"{path} is not UTF-8") from None
