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
        return self.begin(*command, more=more).read(given=given, seconds=seconds)

    def start(
        self, *command: str, given: bytes = b"", more: Mapping[str, str] | None = None, seconds: float | None = None
    ) -> "subprocess.CompletedProcess[bytes]":
        """Run a command to its end, whatever that is.

        Raises:
            GitError: Git is not there.
            TimeoutExpired: it took longer than ``seconds``.
        """
        return self.begin(*command, more=more).end(given=given, seconds=seconds)

    def begin(self, *command: str, more: Mapping[str, str] | None = None) -> "Running":
        """Start a command, and leave it running until its end is asked for.

        Raises:
            GitError: Git is not there.
        """
        try:
            process = subprocess.Popen(
                ["git", "-C", str(self.folder), *command],
                env={**self.environment, **(more or {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        except FileNotFoundError:
            raise GitError("Git is not on PATH") from None
        return Running(command[0], process)


class Running:
    """A command that runs; what it prints before its end is waited for has to be little."""

    def __init__(self, name: str, process: "subprocess.Popen[bytes]") -> None:
        """Name the command, and hold its process."""
        self._name, self._process = name, process

    def read(self, *, given: bytes = b"", seconds: float | None = None) -> bytes:
        """Wait for its end and return the bytes that it prints.

        Raises:
            GitError: it fails, or took longer than ``seconds`` from now; the text is Git's own.
        """
        try:
            done = self.end(given=given, seconds=seconds)
        except subprocess.TimeoutExpired:
            raise GitError(f"no answer after {seconds:.0f} s") from None
        if done.returncode != 0:
            said = redact(done.stderr.decode(errors="replace")).strip()
            raise GitError(said or f"`git {self._name}` failed with exit status {done.returncode}")
        return done.stdout

    def end(self, *, given: bytes = b"", seconds: float | None = None) -> "subprocess.CompletedProcess[bytes]":
        """Wait for its end, whatever that is.

        Raises:
            TimeoutExpired: it took longer than ``seconds`` from now.
        """
        with self._process as process:
            try:
                printed, said = process.communicate(given, timeout=seconds)
            except BaseException:
                process.kill()
                raise
        return subprocess.CompletedProcess(process.args, process.returncode, printed, said)

    def stop(self) -> None:
        """End it, whatever it does; what it started by itself may go on for a moment."""
        with self._process as process:
            process.kill()


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
