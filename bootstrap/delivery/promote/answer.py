"""What a remote says to a push."""

import re
from enum import Enum, auto
from typing import NamedTuple

from bootstrap.delivery.promote.command import credential_refused

# What a server answers when the branch moved while we pushed; git/builtin/receive-pack.c and refs/files-backend.c.
# "failed to update ref" may also be a full disk: the attempts are bounded, and the last answer is shown.
_MOVED = re.compile(
    r"fetch first|non-fast-forward|stale info|failed to (lock|update ref)"
    r"|cannot lock ref .*(is at .* but expected|reference already exists|is missing but expected|File exists)"
    r"|incorrect old value provided|reference (already exists|does not exist)"
)


class Pushed(Enum):
    """How a push ended."""

    ACCEPTED = auto()
    MOVED = auto()
    """The branch is elsewhere by now: look again."""
    REFUSED = auto()
    """A hook or a protection of the branch says no, whatever the attempt."""
    UNKNOWN = auto()
    """The connection broke: only the remote knows whether it has the commit."""


class Answer(NamedTuple):
    """What the remote said to a push."""

    outcome: Pushed
    text: str


def read_answer(target: str, out: str, err: str) -> Answer:
    """Read what `git push --porcelain` printed about one ref.

    https://git-scm.com/docs/git-push#_output
    """
    said = re.findall(r"^remote: (.*\S)", err, re.MULTILINE)
    for line in out.splitlines():
        fields = line.split("\t")
        if len(fields) < 3 or not fields[1].endswith(f":{target}"):
            continue
        flag, _, reason = fields[:3]
        text = "\n".join([reason, *said])
        if flag != "!":
            return Answer(Pushed.ACCEPTED, text)
        if reason.startswith("[remote failure]"):
            return Answer(Pushed.UNKNOWN, text)
        return Answer(Pushed.MOVED if _MOVED.search(reason) else Pushed.REFUSED, text)
    return Answer(Pushed.REFUSED if credential_refused(err) else Pushed.UNKNOWN, err.strip())
