"""The little of GitHub's REST API that the workflows use. Needs nothing but Python: no package gets the token.

https://docs.github.com/en/rest?apiVersion=2022-11-28
"""

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


class GitHubError(BootstrapError):
    """GitHub did not do what was asked for; the text is its own."""


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
        return cls(url=url, repository=repository, token=found["GITHUB_TOKEN"])

    def every(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield all of a list, page after page."""
        url: str | None = self._at(f"{path}{'&' if '?' in path else '?'}per_page=100")
        while url is not None:
            page, links = self._ask("GET", url)
            yield from page
            found = _NEXT.search(links)
            # the token is for this API, wherever a link leads
            url = found[1] if found and found[1].startswith(f"{self.url}/") else None

    def send(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Change something, and return the answer; empty where there is none."""
        return self._ask(method, self._at(path), body)[0] or {}

    def _at(self, path: str) -> str:
        return f"{self.url}/repos/{self.repository}{path}"

    def _ask(self, method: str, url: str, body: Mapping[str, Any] | None = None) -> tuple[Any, str]:
        for left in reversed(range(_TRIES)):
            try:
                return self._once(method, url, body)
            except urllib.error.HTTPError as error:
                said = error.read(2000).decode(errors="replace")
                # a POST that was answered may have been done
                again = error.code in {429, 502, 503, 504} and method != "POST"
                if not (again and left):
                    raise GitHubError(f"{method} {url}: {error.code} {_message(said)}") from None
            except (urllib.error.URLError, TimeoutError, ConnectionError, ValueError) as error:
                if method == "POST" or not left:
                    raise GitHubError(f"{method} {url}: {error}") from None
            self.sleep(2.0 ** (_TRIES - left))
        raise AssertionError("the last try returns or raises")

    def _once(self, method: str, url: str, body: Mapping[str, Any] | None) -> tuple[Any, str]:
        headers = {
            "Accept": "application/vnd.github+json",
            "Authorization": f"Bearer {self.token}",
            "User-Agent": "aks-bootstrap",
            "X-GitHub-Api-Version": "2022-11-28",
        }
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, method=method, headers=headers, data=data)  # noqa: S310 - http(s): of_run
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310 - as above
            text = answer.read()
            return (json.loads(text) if text else None), answer.headers.get("Link") or ""


def is_ours(found: Mapping[str, Any], first_line: str) -> bool:
    """Return whether a comment or an issue is this repository's workflows' own, and begins with a marker."""
    user = found.get("user") or {}
    lines = str(found.get("body") or "").replace("\r\n", "\n").split("\n", 1)
    return user.get("login") == BOT and user.get("type") == "Bot" and lines[0] == first_line


def _message(text: str) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
