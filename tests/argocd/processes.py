"""Programs that a test runs beside itself: on ports of their own, with their output in files, ended with the test."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_READY_SECONDS = 60
_END_SECONDS = 10


def free_port() -> int:
    """Return a port of the loopback interface that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@dataclass(kw_only=True)
class Processes:
    """Local programs; :meth:`stop` ends each of them with whatever it started."""

    folder: Path
    """Holds what they write, one file each."""
    _running: dict[str, "subprocess.Popen[bytes]"] = field(default_factory=dict)

    def start(self, name: str, command: list[str], *, port: int, environment: Mapping[str, str] | None = None) -> None:
        """Start a program, and wait until it listens.

        Args:
            name: what its log file is called.
            command: the program and its arguments.
            port: the port on which it is expected to listen.
            environment: variables besides those of the test's own environment.
        """
        # in a session of its own: Ctrl-C reaches pytest alone, whose fixtures then end the programs in order
        with self._log(name).open("wb") as log:
            self._running[name] = subprocess.Popen(
                command,
                stdout=log,
                stderr=subprocess.STDOUT,
                stdin=subprocess.DEVNULL,
                env={**os.environ, **(environment or {})},
                start_new_session=True,
            )
        deadline = time.monotonic() + _READY_SECONDS
        while not _listens(port):
            if self._running[name].poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{name} does not listen on port {port}:\n{self.log(name)[-2000:]}")
            time.sleep(0.1)

    def log(self, name: str) -> str:
        """Return what a program has written so far."""
        return self._log(name).read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """End all programs, the last first."""
        while self._running:
            _, process = self._running.popitem()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


@contextlib.contextmanager
def processes(folder: Path) -> Iterator[Processes]:
    """Yield an empty group of programs, which ends with the context."""
    folder.mkdir(parents=True, exist_ok=True)
    group = Processes(folder=folder)
    try:
        yield group
    finally:
        group.stop()


def _listens(port: int) -> bool:
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0
