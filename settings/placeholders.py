"""What the shipped stack files hold in place of a user's own values: fit to look at, not to deploy."""

import re

_REPOSITORY = re.compile(
    r"https?://(?:(?:github\.com|gitlab\.com|bitbucket\.org|dev\.azure\.com)/example/|(?:[^/]+\.)?example\.(?:com|net|org)(?:[:/]|$))",
    re.IGNORECASE,
)
"""The account ``example``, or a name of RFC 2606."""


def is_placeholder(repo_url: str) -> bool:
    """Return whether nobody's repository can be meant."""
    return _REPOSITORY.match(repo_url) is not None
