"""What Argo CD takes for a line of policy.csv. One bad line voids all of them.

https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/#rbac-model-structure, as of Argo CD 3.4
"""

import csv
import re
from typing import Annotated

from settings.forms import Form
from settings.words import nearest

_CRUD = ("get", "create", "update", "delete")
ACTIONS: dict[str, tuple[str, ...]] = {
    "applications": (*_CRUD, "sync", "rollback", "action", "override"),
    "applicationsets": _CRUD,
    "clusters": _CRUD,
    "projects": _CRUD,
    "repositories": _CRUD,
    "write-repositories": _CRUD,
    "accounts": ("get", "update"),
    "certificates": ("get", "create", "delete"),
    "gpgkeys": ("get", "create", "delete"),
    "logs": ("get",),
    "exec": ("create",),
    "extensions": ("invoke",),
}
"""Resources, and what may be done with each."""

_WITH_PATH = ("update", "delete", "action")
"""Actions on applications that may name what is in them: ``action/apps/Deployment/restart``."""

_GLOB = re.compile(r"[*?\[\]{}]")
_NO_LETTER = re.compile(r"[*?\[\]{}\\]")
"""What does not stand for itself in a glob: https://pkg.go.dev/github.com/gobwas/glob#Compile."""
_MOST_ALTERNATIVES = 64
"""How many alternatives of a glob are looked at; one with more is taken for any text."""


def fields_of(line: str) -> list[str]:
    """Take a line apart as Argo CD does: comma-separated, blanks in front of a field dropped."""
    return next(csv.reader([line.strip()], skipinitialspace=True), [])


def _why_not(line: str) -> str | None:
    if "\n" in line.strip():
        return "make each line an entry of the list"
    try:
        fields = fields_of(line)
    except csv.Error:
        return "its quotes do not pair"
    wanted = 6 if fields[0] == "p" else 3
    if len(fields) != wanted:
        parts = "p, subject, resource, action, object, effect" if wanted == 6 else "g, user or group, role"
        return f"this has {len(fields)} fields, not {wanted}: {parts}"
    for field in fields:
        if not field.strip():
            return "a field is empty"
        if field != field.strip():
            return f"the field {field!r} ends with a blank"
    return _why_no_permission(*fields[2:]) if wanted == 6 else None


def _why_no_permission(resource: str, action: str, _: str, effect: str) -> str | None:
    if effect not in ("allow", "deny"):
        return f"{effect!r} is no effect: allow, deny"
    if _GLOB.search(resource):
        return None
    if resource not in ACTIONS:
        near = nearest(resource, ACTIONS)
        return f"{resource!r} is no resource: " + (f"did you mean {near}?" if near else ", ".join(ACTIONS))
    verb, path, _ = action.partition("/")
    if _GLOB.search(verb) or (verb in ACTIONS[resource] and (not path or _takes_path(resource, verb))):
        return None
    return f"{action!r} is no action on {resource}: {', '.join(ACTIONS[resource])}"


def _takes_path(resource: str, verb: str) -> bool:
    return resource == "applications" and verb in _WITH_PATH


RESTARTS = ("action/apps/DaemonSet/restart", "action/apps/Deployment/restart", "action/apps/StatefulSet/restart")
"""What users who are no administrators may do with a live object from the page: what a rolling update does too."""


def beyond_restart(line: str) -> str | None:
    """Say why a line allows more than restarts on the page; None where it does not.

    Globs have no separator: ``*`` is any text. https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/#glob-matching
    """
    try:
        fields = fields_of(line)
    except csv.Error:
        return "got a line that cannot be taken apart; allowed in production: lines with quotes that pair"
    if len(fields) != 6 or fields[0] != "p" or fields[5] != "allow" or fields[1] == "role:admin":
        return None
    of_applications = any(_may_match(resource, "applications") for resource in _alternatives(fields[2]))
    actions = [action for action in _alternatives(fields[3]) if action not in RESTARTS]
    if not of_applications or not any(_may_match(action, "action/") for action in actions):
        return None
    return (
        f"got {line!r}, which lets {fields[1]} run actions on live objects with Argo CD's own rights; allowed in "
        f"production: {', '.join(RESTARTS)}, and what changes the spec through Git"
    )


def _may_match(pattern: str, text: str) -> bool:
    """Tell whether a glob may match what begins with a text: none does whose letters before a wildcard differ."""
    fixed = _NO_LETTER.split(pattern, maxsplit=1)[0]
    if fixed == pattern:
        return pattern.startswith(text)
    return fixed.startswith(text) or text.startswith(fixed)


def _alternatives(pattern: str) -> list[str]:
    """Return a glob once for each of the alternatives in its braces; ``*`` for one with too many."""
    whole: list[str] = []
    left = [pattern]
    while left:
        if len(whole) + len(left) > _MOST_ALTERNATIVES:
            return ["*"]
        glob = left.pop()
        if (found := re.search(r"\{([^{}]*)\}", glob)) is None:
            whole.append(glob)
        else:
            left += [f"{glob[: found.start()]}{part}{glob[found.end() :]}" for part in found[1].split(",")]
    return whole


def _hint(line: str) -> str | None:
    if line.lstrip().startswith("#"):
        return "a comment belongs into the YAML file, behind #"
    if re.match(r"[pg]\s", line):
        return "a comma belongs behind the first letter"
    return "it begins with p, or g,"


Policy = Annotated[
    str,
    Form(
        r"[pg],[\s\S]*\S[\s\S]*",
        "a line such as 'p, role:dev, applications, sync, */*, allow' or 'g, <group>, role:dev'",
        hints=(_hint,),
        refused=(_why_not,),
    ),
]
