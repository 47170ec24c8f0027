"""A Git host on loopback: bare repositories by HTTP, for whoever has a token, by Git's own server program.

https://git-scm.com/docs/git-http-backend
"""

import base64
import binascii
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from tests.loopback import serving


class GitHost:
    """The host's state, and every request."""

    def __init__(self, port: int, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        """Of the bare repositories: ``owner/name.git``."""
        self.tokens: set[str] = set()
        """Passwords that may read and write."""
        self.requests: list[tuple[str, str]] = []
        self.passwords: set[str] = set()
        """Every password that somebody gave."""
        self.before: Callable[[str, str], None] = lambda method, path: None
        """Called before a request is answered: what happens meanwhile."""

    def pushes(self) -> int:
        """Return how often somebody sent a commit."""
        return len([path for method, path in self.requests if method == "POST" and path.endswith("git-receive-pack")])


@contextmanager
def git_host(folder: Path) -> Iterator[GitHost]:
    """Serve the bare repositories below a folder while the context is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            given = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.requests.append((self.command, self.path))
            state.before(self.command, self.path)
            if not self._may():
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self._answer(self._asked(given))

        do_POST = do_GET

        def _may(self) -> bool:
            try:
                pair = base64.b64decode((self.headers.get("Authorization") or "").removeprefix("Basic ")).decode()
            except (binascii.Error, UnicodeDecodeError):
                return False
            password = pair.partition(":")[2]
            state.passwords |= {password} - {""}
            return password in state.tokens

        def _asked(self, given: bytes) -> bytes:
            split = urlsplit(self.path)
            environment = {
                "PATH": os.environ["PATH"],
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_PROJECT_ROOT": str(state.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "x-access-token",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": split.path,
                "QUERY_STRING": split.query,
                "CONTENT_TYPE": self.headers.get("Content-Type") or "",
                "CONTENT_LENGTH": str(len(given)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "",
            }
            done = subprocess.run(
                ["git", "http-backend"], input=given, env=environment, capture_output=True, check=False
            )
            return done.stdout

        def _answer(self, printed: bytes) -> None:
            head, _, body = printed.partition(b"\r\n\r\n")
            headers = [line.partition(": ") for line in head.decode().split("\r\n") if line]
            status = next((value for name, _, value in headers if name == "Status"), "200")
            self.send_response(int(status.split()[0]))
            for name, _, value in headers:
                if name not in {"Status", "Content-Length"}:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = GitHost(server.server_port, folder)
    with serving(server):
        yield state
