"""The marks in what is published on GitHub, by which a later run finds it again. Needs nothing but Python."""

import re

LIMIT = 4000
"""Characters of a comment: what somebody reads."""

_STACK = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
_DIGEST = re.compile(r"^<!-- aks-bootstrap digest: ([0-9a-f]{64}) -->$", re.MULTILINE)


def is_stack(name: str) -> bool:
    """Return whether a name may be a stack's, and may stand in a marker: https://www.pulumi.com/docs/iac/concepts/stacks/."""
    return bool(_STACK.fullmatch(name))


def marker(stack: str, of: str = "preview") -> str:
    """Return the first line of what is published of a stack: ``preview`` in a pull request, ``drift`` in an issue."""
    return f"<!-- aks-bootstrap {of}: {stack} -->"


def digest_marker(digest: str) -> str:
    """Return the line that carries a preview's digest."""
    return f"<!-- aks-bootstrap digest: {digest} -->"


def digest_in(text: str) -> str | None:
    """Return the digest in a comment: the second line of it, and no other, which may be somebody else's text."""
    lines = text.replace("\r\n", "\n").split("\n", 2)
    found = _DIGEST.fullmatch(lines[1]) if len(lines) > 1 else None
    return found[1] if found else None
