"""GitHub's REST API on loopback: comments, issues and pull requests of one repository, as its documentation has them.

https://docs.github.com/en/rest/issues/comments, /issues/issues, /commits/commits
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.loopback import serving

BOT = {"login": "github-actions[bot]", "type": "Bot"}
REPOSITORY = "example/aks-bootstrap"


class GitHubServer:
    """The repository's state, and every request."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.comments: dict[int, dict[str, Any]] = {}
        self.issues: dict[int, dict[str, Any]] = {}
        self.labels: dict[int, list[str]] = {}
        """Of each pull request."""
        self.pulls: list[dict[str, Any]] = []
        """Each with ``commits``, the commits that it is a part of."""
        self.requests: list[tuple[str, str]] = []
        self.tokens: set[str] = set()
        self.failures: list[int] = []
        """Statuses of the next answers, first to last."""
        self.page = 100
        self._last = 0

    def number(self) -> int:
        self._last += 1
        return self._last

    def comment(self, issue: int, body: str, user: dict[str, str] = BOT) -> dict[str, Any]:
        made: dict[str, Any] = {"id": self.number(), "issue": issue, "body": body, "user": user}
        self.comments[made["id"]] = made
        return made

    def environment(self) -> dict[str, str]:
        return {"GITHUB_API_URL": self.url, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": "token-of-the-run"}

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        found = re.fullmatch(rf"/repos/{REPOSITORY}/(.*)", path)
        status: int = 404
        answer: Any = {"message": "Not Found"}
        match method, (found[1] if found else "").split("/"):
            case "GET", ["issues", number, "comments"]:
                status, answer = 200, [each for each in self.comments.values() if each["issue"] == int(number)]
            case "GET", ["issues", number, "labels"]:
                status, answer = 200, [{"name": name} for name in self.labels.get(int(number), [])]
            case "POST", ["issues", number, "comments"]:
                status, answer = 201, self.comment(int(number), body["body"])
            case "PATCH", ["issues", "comments", id_] if int(id_) in self.comments:
                self.comments[int(id_)] |= body
                status, answer = 200, self.comments[int(id_)]
            case "DELETE", ["issues", "comments", id_] if int(id_) in self.comments:
                del self.comments[int(id_)]
                status, answer = 204, None
            case "GET", ["issues"]:
                state = query.get("state", ["open"])[0]
                creator = query.get("creator", [""])[0]
                status, answer = (
                    200,
                    [
                        each
                        for each in self.issues.values()
                        if each["state"] == state and creator in {"", each["user"]["login"]}
                    ],
                )
            case "POST", ["issues"]:
                made = {"number": self.number(), "state": "open", "user": BOT, **body}
                self.issues[made["number"]] = made
                status, answer = 201, made
            case "PATCH", ["issues", number] if int(number) in self.issues:
                self.issues[int(number)] |= body
                status, answer = 200, self.issues[int(number)]
            case "GET", ["commits", commit, "pulls"]:
                status, answer = 200, [each for each in self.pulls if commit in each["commits"]]
        return status, answer


@contextmanager
def github() -> Iterator[GitHubServer]:
    """Serve an empty repository while the context is open."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            split = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            state.requests.append((self.command, self.path))
            state.tokens.add(self.headers.get("Authorization", ""))
            links = ""
            answer: Any
            if state.failures:
                status, answer = state.failures.pop(0), {"message": "try again"}
            else:
                query = parse_qs(split.query)
                status, answer = state.answer(self.command, split.path, query, body)
                if isinstance(answer, list):
                    at = int(query.get("page", ["1"])[0])
                    size = min(state.page, int(query.get("per_page", ["30"])[0]))
                    if len(answer) > at * size:
                        base = re.sub(r"&page=\d+", "", self.path)
                        links = f'<{state.url}{base}&page={at + 1}>; rel="next"'
                    answer = answer[(at - 1) * size : at * size]
            data = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            if links:
                self.send_header("Link", links)
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = GitHubServer(server.server_port)
    with serving(server):
        yield state
