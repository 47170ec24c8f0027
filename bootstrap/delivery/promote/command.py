"""Runs Git in one folder, with one environment; what it prints and how it fails."""

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from bootstrap.errors import GitError
from bootstrap.plain import without_credentials

# git/http.c, remote-curl.c and credential.c, and GitHub's own answer to a push
_REFUSED = re.compile(
    r"Authentication failed for|could not read (Username|Password) for|returned error: 40[13]|Permission to \S+ denied"
)


class Git:
    """Git in a folder."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        """Name the folder in which Git runs, and its environment."""
        self.folder = folder
        self.environment = dict(environment)

    def run(self, *command: str, given: bytes = b"", seconds: float | None = None) -> str:
        """Return what a command prints.

        Raises:
            GitError: it fails; the text is Git's own.
        """
        return self.read(*command, given=given, seconds=seconds).decode(errors="surrogateescape")

    def ask(self, *command: str) -> str | None:
        """Return what a command prints, stripped; None where it fails."""
        done = self.start(*command)
        return done.stdout.decode(errors="surrogateescape").strip() if done.returncode == 0 else None

    def read(
        self, *command: str, given: bytes = b"", more: Mapping[str, str] | None = None, seconds: float | None = None
    ) -> bytes:
        """Return the bytes that a command prints; ``more`` is added to its environment.

        Raises:
            GitError: it fails; the text is Git's own.
        """
        try:
            done = self.start(*command, given=given, more=more, seconds=seconds)
        except subprocess.TimeoutExpired:
            raise GitError(f"no answer after {seconds:.0f} s") from None
        if done.returncode != 0:
            said = redact(done.stderr.decode(errors="replace")).strip()
            raise GitError(said or f"`git {command[0]}` failed with exit status {done.returncode}")
        return done.stdout

    def start(
        self, *command: str, given: bytes = b"", more: Mapping[str, str] | None = None, seconds: float | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end, whatever that is.

        Raises:
            GitError: Git is not there.
            TimeoutExpired: it took longer than ``seconds``.
        """
        try:
            return subprocess.run(
                ["git", "-C", str(self.folder), *command],
                input=given,
                env={**self.environment, **(more or {})},
                capture_output=True,
                check=False,
                timeout=seconds,
            )
        except FileNotFoundError:
            raise GitError("Git is not on PATH") from None


def redact(text: str) -> str:
    """Take user names and passwords out of the URLs in what Git says."""
    return without_credentials(text)


def credential_refused(said: str) -> bool:
    """Whether Git says that a host does not take its credential, so that nothing was read or written there."""
    return _REFUSED.search(said) is not None


def explained(said: str) -> str:
    """Add to what Git says what helps, where it is the credential."""
    if not credential_refused(said):
        return said
    return (
        f"{said}; the host refuses the credential: it has expired (that of a GitHub App after an hour), may not do "
        "this, or there is none; run this again with another"
    )
