"""The little of GitHub's REST API that the workflows use. Needs nothing but Python: no package gets the token.

https://docs.github.com/en/rest?apiVersion=2022-11-28
"""

import http.client
import json
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bootstrap.errors import BootstrapError

BOT = "github-actions[bot]"
"""Whose a comment or an issue has to be: anybody may write one with the same marker in it."""

_TRIES = 4
_NEXT = re.compile(r'<([^<>]+)>;\s*rel="next"')
_BROKEN = (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError)


class GitHubError(BootstrapError):
    """GitHub did not do what was asked for; the text is its own."""


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Follow none: the token would go along, to whatever host the answer names."""


_OPENER = urllib.request.build_opener(_NoRedirects)


@dataclass(frozen=True, kw_only=True)
class GitHub:
    """One repository."""

    url: str
    """Of the API."""
    repository: str
    """``owner/name``."""
    token: str = field(repr=False)
    sleep: Callable[[float], None] = time.sleep

    @classmethod
    def of_run(cls, environment: Mapping[str, str] = os.environ) -> "GitHub":
        """Return the repository of the workflow's run.

        Raises:
            GitHubError: this is no run of a workflow, or it was given no token.
        """
        found = {name: environment.get(name, "") for name in ("GITHUB_API_URL", "GITHUB_REPOSITORY", "GITHUB_TOKEN")}
        if lacking := [name for name, value in found.items() if not value]:
            raise GitHubError(
                f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not set; a workflow's run has them"
            )
        url, repository = found["GITHUB_API_URL"].rstrip("/"), found["GITHUB_REPOSITORY"]
        if not re.match(r"https?://", url) or not re.fullmatch(r"[\w.-]+/[\w.-]+", repository):
            raise GitHubError(
                f"GITHUB_API_URL is {url!r}, GITHUB_REPOSITORY {repository!r}; allowed: https://…, owner/name"
            )
        if not re.fullmatch(r"[!-~]+", found["GITHUB_TOKEN"]):
            raise GitHubError("GITHUB_TOKEN has a blank, a line end or another character that no token has")
        return cls(url=url, repository=repository, token=found["GITHUB_TOKEN"])

    def every(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield all of a list, page after page."""
        url: str | None = self._at(f"{path}{'&' if '?' in path else '?'}per_page=100")
        while url is not None:
            page, links = self._ask("GET", url)
            if not isinstance(page, list) or not all(isinstance(each, dict) for each in page):
                raise GitHubError(f"GET {url}: the answer is not a list of objects")
            yield from page
            found = _NEXT.search(links)
            # the token is for this API, wherever a link leads
            url = found[1] if found and found[1].startswith(f"{self.url}/") else None

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Change something, and return the answer; empty where there is none."""
        answer, _ = self._ask(method, self._at(path), body)
        return answer if isinstance(answer, dict) else {}

    def _at(self, path: str) -> str:
        return f"{self.url}/repos/{self.repository}{path}"

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> tuple[Any, str]:
        for left in reversed(range(_TRIES)):
            try:
                status, text, links = self._once(method, url, body)
            except _BROKEN as error:
                if method == "POST" or not left:
                    raise GitHubError(f"{method} {url}: {error}") from None
            else:
                if 200 <= status < 300:
                    return _json(f"{method} {url}", text), links
                # a POST that was answered may have been done
                if status not in {429, 502, 503, 504} or method == "POST" or not left:
                    raise GitHubError(f"{method} {url}: {status} {_message(text)}")
            self.sleep(2.0 ** (_TRIES - left))
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, url: str, body: Mapping[str, Any] | None) -> tuple[int, bytes, str]:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "aks-bootstrap",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, method=method, headers=headers, data=data)  # noqa: S310 - http(s): of_run
        try:
            with _OPENER.open(request, timeout=30) as answer:
                return answer.status, answer.read(), answer.headers.get("Link") or ""
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read(2000), ""


def number_of(found: Mapping[str, Any], key: str) -> int:
    """Return a number by which GitHub calls something, which becomes a part of a path.

    Raises:
        GitHubError: there is none.
    """
    if not isinstance(number := found.get(key), int):
        raise GitHubError(f"GitHub's answer: {key}: got {found.get(key)!r}; allowed: a whole number")
    return number


def is_ours(found: Mapping[str, Any], first_line: str) -> bool:
    """Return whether a comment or an issue is this repository's workflows' own, and begins with a marker."""
    user = found.get("user")
    if not isinstance(user, Mapping) or user.get("login") != BOT or user.get("type") != "Bot":
        return False
    return str(found.get("body") or "").replace("\r\n", "\n").split("\n", 1)[0] == first_line


def _json(asked: str, text: bytes) -> object:
    try:
        return json.loads(text) if text else None
    except (ValueError, RecursionError):
        shown = text[:60].decode(errors="replace")
        raise GitHubError(f"{asked}: what it answers is not JSON, and begins with {shown!r}") from None


def _message(text: bytes) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return text[:200].decode(errors="replace")
