"""Reads and writes a remote's branches through a clone, without its checkout.

A commit is made of the objects at the remote's tip, with Git's plumbing and an index of its own: no file of the
checkout, its index, its branches or its HEAD is read or written, so that uncommitted work, a detached HEAD and a branch
that lags behind do not matter, and no line ending is converted. The clone's own configuration stays in force: CI keeps
the remote's credential there. As after any push, the remote-tracking branch follows; a shallow clone gets its history;
what a killed run leaves behind is one ref under ``refs/bootstrap/``.
"""

import os
import re
import secrets
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Self

from bootstrap.delivery.promote.answer import Answer, Pushed, read_answer
from bootstrap.errors import GitError
from bootstrap.revision import environment, read_batch

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
        self.folder, self.remote = folder, remote
        self._environment = environment()
        # messages are read below
        self._environment |= {"LC_ALL": "C", "GIT_OPTIONAL_LOCKS": "0"}
        self._refs = f"refs/bootstrap/promote/{os.getpid()}-{secrets.token_hex(4)}"
        if remote.startswith("-"):
            raise GitError(f"{remote!r} is no remote")
        there = self.run("rev-parse", "--show-prefix", "--is-shallow-repository").splitlines()
        self.prefix, self._shallow = PurePosixPath(there[0]), there[1] == "true"
        self._sign = self.ask("config", "--type=bool", "commit.gpgSign") == "true"
        if self.ask("var", "GIT_COMMITTER_IDENT") is None or self.ask("var", "GIT_AUTHOR_IDENT") is None:
            # a fresh CI runner knows no name, and its address would be the machine's
            for role in ("AUTHOR", "COMMITTER"):
                self._environment.setdefault(f"GIT_{role}_NAME", "bootstrap promote")
                self._environment.setdefault(f"GIT_{role}_EMAIL", "promote@aks-bootstrap.invalid")

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Drop the refs that kept what was fetched."""
        for ref in (self.ask("for-each-ref", "--format=%(refname)", self._refs) or "").split():
            self.ask("update-ref", "-d", ref)

    def fetch(self, branch: str) -> str | None:
        """Fetch a branch of the remote and return its tip; None where there is no such branch.

        Raises:
            GitError: the remote cannot be read.
        """
        source, kept = f"refs/heads/{branch}", f"{self._refs}/{branch}"
        if self.ask("check-ref-format", source) is None:
            raise GitError(f"{branch!r} is no name of a branch")
        try:
            self.run(
                "-c",
                "maintenance.auto=false",
                "fetch",
                "--quiet",
                "--no-tags",
                "--no-write-fetch-head",
                "--no-prune",
                "--no-recurse-submodules",
                # only our own ref: processes that share a clone would get in each other's way at refs/remotes/
                "--refmap=",
                # CI clones one commit deep; what was reverted before is in the history
                *(["--unshallow"] if self._shallow else []),
                self.remote,
                f"+{source}:{kept}",
                seconds=NETWORK_SECONDS,
            )
        except GitError as error:
            if "couldn't find remote ref" in str(error):
                return None
            raise GitError(f"{branch} of {redact(self.remote)} cannot be fetched: {error}") from None
        self._shallow = False
        return self.run("rev-parse", kept).strip()

    def files(self, commit: str, folder: PurePosixPath) -> dict[PurePosixPath, File]:
        """Return the files below a folder, by their path from the top of the tree."""
        listed = self.run("ls-tree", "-r", "-z", "--full-tree", commit, "--", str(folder))
        found = {}
        for line in listed.split("\0")[:-1]:
            about, path = line.split("\t", 1)
            mode, _, blob = about.split()
            found[PurePosixPath(path)] = File(mode, blob)
        return found

    def content(self, blob: str) -> bytes:
        """Return a file's bytes."""
        return self._git("cat-file", "blob", blob)

    def contents(self, path: PurePosixPath, commits: Sequence[str]) -> list[bytes | None]:
        """Return a file's bytes at each commit; None where it was not there."""
        return read_batch(self._git("cat-file", "--batch", given="".join(f"{c}:{path}\n" for c in commits).encode()))

    def commit(self, parent: str, path: PurePosixPath, mode: str, content: bytes, message: str) -> str:
        """Make a commit on top of another, in which one file differs; nothing points to it yet."""
        blob = self._git("hash-object", "-w", "--no-filters", "--stdin", given=content).decode().strip()
        with tempfile.TemporaryDirectory(prefix="aks-bootstrap-promote-") as folder:
            index = {"GIT_INDEX_FILE": f"{folder}/index"}
            self._git("read-tree", parent, more=index)
            self._git("update-index", "-z", "--index-info", given=f"{mode} {blob}\t{path}\0".encode(), more=index)
            # in a partial clone the other files' contents are not there, and are not needed
            tree = self._git("write-tree", "--missing-ok", more=index).decode().strip()
        sign = ["-S"] if self._sign else []
        made = self._git("commit-tree", tree, "-p", parent, *sign, "-F", "-", given=message.encode())
        return made.decode().strip()

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
        command = [
            # the clone's pre-push hook is about the checkout, which is not what is pushed
            "push",
            "--porcelain",
            "--no-verify",
            "--no-follow-tags",
            "--recurse-submodules=no",
            *lease,
            self.remote,
            f"{commit}:{target}",
        ]
        try:
            done = self._start(*command, seconds=NETWORK_SECONDS)
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
        return redact((self.ask("remote", "get-url", self.remote) or self.remote).strip())

    def run(self, *command: str, seconds: float | None = None) -> str:
        """Return what a Git command prints.

        Raises:
            GitError: it fails; the text is its own.
        """
        return self._git(*command, seconds=seconds).decode(errors="surrogateescape")

    def ask(self, *command: str) -> str | None:
        """Return what a Git command prints, stripped; None where it fails."""
        done = self._start(*command)
        return done.stdout.decode(errors="surrogateescape").strip() if done.returncode == 0 else None

    def _git(
        self, *command: str, given: bytes = b"", more: Mapping[str, str] | None = None, seconds: float | None = None
    ) -> bytes:
        try:
            done = self._start(*command, given=given, more=more, seconds=seconds)
        except subprocess.TimeoutExpired:
            raise GitError(f"no answer after {seconds:.0f} s") from None
        if done.returncode != 0:
            said = redact(done.stderr.decode(errors="replace")).strip()
            raise GitError(said or f"`git {command[0]}` failed with exit status {done.returncode}")
        return done.stdout

    def _start(
        self, *command: str, given: bytes = b"", more: Mapping[str, str] | None = None, seconds: float | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        try:
            return subprocess.run(
                ["git", "-C", str(self.folder), *command],
                input=given,
                env={**self._environment, **(more or {})},
                capture_output=True,
                check=False,
                timeout=seconds,
            )
        except FileNotFoundError:
            raise GitError("Git is not on PATH") from None


def redact(text: str) -> str:
    """Take user names and passwords out of the URLs in a text; a password may have an @ in it."""
    return re.sub(r"(?<=://)[^/\s'\"?#]*@", "", text)
