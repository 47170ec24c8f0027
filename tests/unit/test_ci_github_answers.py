"""Whatever GitHub, or a proxy in front of it, answers: one message, no traceback, and no token to anybody else."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from bootstrap.platform.ci import publish
from bootstrap.platform.ci.github import GitHub, GitHubError
from bootstrap.platform.ci.markers import digest_marker, marker
from tests.loopback import serving
from tests.loopback_github import BOT, REPOSITORY, github

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-the-test"
COMMENT = f"{marker('dev')}\n{digest_marker('5d' * 32)}\n### Preview\n"


class Answers:
    """A server that gives the same answer to everything."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.status = 200
        self.body = b""
        self.headers: dict[str, str] = {}
        self.short_by = 0
        """How many bytes of the body are announced and never sent."""
        self.tokens: list[str | None] = []

    def api(self) -> GitHub:
        return GitHub(url=self.url, repository=REPOSITORY, token=TOKEN, sleep=lambda _: None)


@contextmanager
def answering() -> Iterator[Answers]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            state.tokens.append(self.headers.get("Authorization"))
            self.send_response(state.status)
            for name, value in state.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(state.body) + state.short_by))
            self.end_headers()
            self.wfile.write(state.body)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state = Answers(server.server_port)
    with serving(server):
        yield state


@pytest.fixture
def answers() -> Iterator[Answers]:
    with answering() as found:
        yield found


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"<html>Unicorn!</html>", "is not JSON"),
        (b"\xff\xfe", "is not JSON"),
        (b"[" * 100_000, "is not JSON"),
        (b'{"message": "Not Found"}', "is not a list"),
        (b"[1, 2]", "is not a list"),
        (b'"text"', "is not a list"),
        (b"null", "is not a list"),
        (b"", "is not a list"),
    ],
)
def test_an_answer_that_is_something_else_is_one_message(answers: Answers, body: bytes, message: str) -> None:
    answers.body = body
    for ask in (
        lambda: publish.comment(answers.api(), "dev", 7, COMMENT),
        lambda: publish.reviewed(answers.api(), "dev", "c1"),
        lambda: publish.issue(answers.api(), "dev", "~ x"),
    ):
        with pytest.raises(GitHubError, match=rf"GET {answers.url}/repos/.*{message}"):
            ask()


OURS = {"body": f"{marker('dev')}\n", "user": BOT}


@pytest.mark.parametrize("entry", [OURS, {**OURS, "id": "../../../user"}])
def test_a_comment_of_ours_without_a_number_of_its_own_is_one_message(answers: Answers, entry: object) -> None:
    answers.body = json.dumps([entry]).encode()
    with pytest.raises(GitHubError, match="answer: id: got"):
        publish.comment(answers.api(), "dev", 7, COMMENT)


def test_a_pull_request_without_a_number_is_one_message(answers: Answers) -> None:
    answers.body = b'[{"merged_at": "2026-01-01", "merge_commit_sha": "c1"}]'
    with pytest.raises(GitHubError, match="answer: number: got"):
        publish.reviewed(answers.api(), "dev", "c1")


@pytest.mark.parametrize(
    "entry", [{"id": 1, "body": 5, "user": BOT}, {**OURS, "user": "github-actions[bot]"}, {"body": None, "user": None}]
)
def test_what_has_no_text_or_no_author_is_not_ours(answers: Answers, entry: object) -> None:
    answers.body = json.dumps([entry]).encode()
    assert publish.comment(answers.api(), "dev", 7, COMMENT) == "commented"


def test_an_answer_that_breaks_off_is_one_message(answers: Answers) -> None:
    answers.body, answers.short_by = b'[{"id": 1', 10
    with pytest.raises(GitHubError, match=r"GET .*comments"):
        publish.comment(answers.api(), "dev", 7, COMMENT)
    assert len(answers.tokens) == 4, "reading is tried again"
    answers.status = 500
    with pytest.raises(GitHubError, match="500"):
        publish.comment(answers.api(), "dev", 7, COMMENT)


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (403, "API rate limit exceeded for installation ID 1."),
        (403, "Resource not accessible by integration"),
        (404, "Not Found"),
        (429, "You have exceeded a secondary rate limit"),
        (500, "Server Error"),
    ],
)
def test_a_refusal_is_told_in_githubs_own_words(answers: Answers, status: int, said: str) -> None:
    answers.status, answers.body = status, json.dumps({"message": said}).encode()
    for ask in (
        lambda: publish.comment(answers.api(), "dev", 7, COMMENT),
        lambda: publish.reviewed(answers.api(), "dev", "c1"),
        lambda: publish.issue(answers.api(), "dev", None),
    ):
        with pytest.raises(GitHubError, match=f"{status} {said}") as told:
            ask()
        assert TOKEN not in str(told.value)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.parametrize("method", ["GET", "POST", "PATCH"])
def test_a_redirect_takes_the_token_nowhere(answers: Answers, status: int, method: str) -> None:
    with github() as elsewhere:
        answers.status, answers.headers = status, {"Location": f"{elsewhere.url}/repos/{REPOSITORY}/issues"}
        with pytest.raises(GitHubError, match=f"{method} .*: {status}"):
            answers.api().send(method, "/issues", None if method == "GET" else {"title": "x"})
        assert elsewhere.requests == []


def test_a_token_with_a_line_end_is_not_shown(answers: Answers) -> None:
    environment = {"GITHUB_API_URL": answers.url, "GITHUB_REPOSITORY": REPOSITORY, "GITHUB_TOKEN": "ghs_secret\nx"}
    command = [sys.executable, "-S", "-m", "bootstrap.platform.ci.publish", "issue", "--stack", "dev"]
    known = {"PATH": os.environ["PATH"], **environment}
    done = subprocess.run(command, cwd=ROOT, env=known, input="", capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "ghs_secret" not in done.stderr
    assert "GITHUB_TOKEN" in done.stderr
