"""GitHub's API on loopback, as far as an App needs it that sets commit statuses."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.loopback import send_json, serving

_TOKEN = "installation-token"
_PREFIX = "/api/v3"
"""Of GitHub Enterprise Server. https://docs.github.com/en/enterprise-server@3.17/rest/using-the-rest-api."""


@dataclass(kw_only=True)
class GitHub:
    """The statuses that were set, in their order, and every path that was asked for."""

    port: int
    installation: int
    statuses: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    """Each with ``owner/repository/commit``."""
    paths: list[str] = field(default_factory=list)

    def answer(self, path: str, authorization: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        """Answer a POST. https://docs.github.com/en/rest/commits/statuses#create-a-commit-status."""
        self.paths.append(path)
        if path == f"{_PREFIX}/app/installations/{self.installation}/access_tokens":
            # the App signs in with a token that its key signed
            signed = authorization.startswith("Bearer ey")
            return (201, {"token": _TOKEN, "expires_at": "2099-01-01T00:00:00Z"}) if signed else (401, {})
        match path.removeprefix(f"{_PREFIX}/repos/").split("/"):
            case [owner, repository, "statuses", commit] if authorization == f"token {_TOKEN}":
                self.statuses.append((f"{owner}/{repository}/{commit}", body))
                return 201, body
        return 404, {"message": "Not Found"}


@contextmanager
def github(installation: int) -> Iterator[GitHub]:
    """Run a GitHub that has one installation of one App."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, body = played.answer(self.path, self.headers["Authorization"] or "", json.loads(sent or b"{}"))
            send_json(self, status, body)

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    played = GitHub(port=server.server_port, installation=installation)
    with serving(server):
        yield played
