"""What the shipped stack files hold in place of a user's own values: fit to look at, not to deploy."""

import re
from collections.abc import Iterator

from settings.addons import GitOps
from settings.report import Problem

_REPOSITORY = re.compile(
    r"https?://(?:(?:github\.com|gitlab\.com|bitbucket\.org|dev\.azure\.com)/example/|(?:[^/]+\.)?example\.(?:com|net|org)(?:[:/]|$))",
    re.IGNORECASE,
)
"""The account ``example``, or a name of RFC 2606."""


def is_placeholder(repo_url: str) -> bool:
    """Return whether nobody's repository can be meant."""
    return _REPOSITORY.match(repo_url) is not None


def placeholders(gitops: GitOps) -> Iterator[Problem]:
    """Yield what has to be replaced before anything is deployed; Argo CD would wait for it in vain, and ``up`` not."""
    if gitops.source == "git" and is_placeholder(gitops.repo_url):
        yield Problem(
            ("gitops", "repoUrl"),
            f"got {gitops.repo_url!r}, a placeholder; allowed: your own repository, where gitops/ is",
        )
