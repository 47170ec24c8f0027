"""Reads what ``pulumi preview --json`` prints, and reduces it to what a reviewer approves: its digest.

The document is the engine's PreviewDigest: https://github.com/pulumi/pulumi, pkg/backend/display/json.go. The engine
writes ``[secret]`` in place of secrets, and the three markers below in place of values that only an update knows.
"""

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.errors import BootstrapError
from settings.merge import differences

SECRET, UNKNOWN = "[secret]", "[unknown]"

_SIGNATURE = "4dabf18193072939515e22adb298388d"
"""Key of a value with a meaning of its own, such as a secret: sdk/go/common/resource/sig of the engine."""
_ENGINE_SECRET = "1b47061264138c4ac30d75fd1eb44270"
_UNKNOWNS = frozenset(
    {
        # one for each kind of value: sdk/go/common/resource/plugin/rpc.go
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "04da6b54-80e4-46f7-96ec-b56ff0331ba9",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)

_QUIET = frozenset({"same", "refresh", "read", "discard", "discard-replaced", "remove-pending-replace"})
"""Operations that change nothing."""
REPLACEMENTS = frozenset({"replace", "create-replacement", "delete-replaced", "import-replacement", "read-replacement"})
"""Operations of which a replacement consists; a preview shows one of them, or all."""


class PreviewError(BootstrapError):
    """A file is not what ``pulumi preview --json`` prints."""


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A property of a resource that an operation changes; a side without a value has None."""

    path: str
    before: Any
    after: Any
    replaces: bool
    """Whether the change is why the resource is replaced."""


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What an update would do to one resource."""

    kind: str
    """The engine's word: create, update, replace, delete, import."""
    urn: str
    differences: tuple[Difference, ...] = ()
    seen: bool = False
    """Whether it is not of the program: a refresh found the resource to differ from the state."""
    protected: bool = False
    """Whether the engine refuses to delete it."""
    kept: bool = False
    """Whether the cloud keeps it, and only the state forgets it."""
    deleted_with: str = ""
    """URN of the resource whose deletion takes it along; empty where there is none."""
    parent: str = ""

    @property
    def type(self) -> str:
        """Token of its type."""
        return self.urn.split("::")[2].rsplit("$", 1)[-1]

    @property
    def name(self) -> str:
        """Logical name."""
        return self.urn.split("::", 3)[3]

    @property
    def component(self) -> str:
        """Token of the type of the outermost component that it belongs to; its own where it has none."""
        return self.urn.split("::")[2].split("$", 1)[0]

    @property
    def custom(self) -> bool:
        """Whether it exists outside of the state; a component does not."""
        return not self.type.startswith("aks-bootstrap:") and self.type != "pulumi:pulumi:Stack"

    @property
    def loses(self) -> bool:
        """Whether what is there now goes."""
        return not self.seen and (self.kind == "delete" or self.kind in REPLACEMENTS)


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What an update would do."""

    operations: Sequence[Operation]
    """Of the program, in the engine's order."""
    seen: Sequence[Operation]
    """What a refresh found to differ from the state."""
    unchanged: int
    errors: Sequence[str]
    """What the engine or a provider reported as an error."""

    @property
    def digest(self) -> str:
        """The same for two previews whose updates do the same.

        No times, ids of providers, places in the source or values that only an update knows are part of it, and nothing
        that a refresh found, such as the autoscaler's counts, as long as the program does nothing about it.
        """
        parts = sorted(
            json.dumps(
                [each.kind, each.urn, [[d.path, d.before, d.after, d.replaces] for d in each.differences]],
                sort_keys=True,
            )
            for each in self.operations
            if each.custom
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def read_preview(text: str) -> Preview:
    """Read a preview.

    Args:
        text: what ``pulumi preview --json`` printed.

    Raises:
        PreviewError: it is something else, or a preview that did not end.
    """
    try:
        document = json.loads(text)
        steps = document.get("steps") or []
        # without it the engine has stopped in the middle, and what it had not come to is missing
        summary = document["changeSummary"]
        made = {step["urn"] for step in steps if step["op"] == "create"}
        operations = [_operation(step, made) for step in steps if step["op"] not in _QUIET]
        said = [str(d["message"]).strip() for d in document.get("diagnostics") or [] if d.get("severity") == "error"]
        unchanged = int(summary.get("same", 0))
        malformed = [each.urn for each in operations if each.urn.count("::") < 3]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise PreviewError(
            f"this is not what `pulumi preview --json` prints at its end ({type(error).__name__}: {error})"
        ) from None
    if malformed:
        raise PreviewError(f"{malformed[0]!r} is no URN")
    return Preview(
        operations=[each for each in operations if not each.seen],
        seen=[each for each in operations if each.seen],
        unchanged=unchanged,
        errors=said,
    )


def _operation(step: Mapping[str, Any], made: Collection[str]) -> Operation:
    old, new = step.get("oldState") or {}, step.get("newState") or {}
    # The program's side of an update has no id yet; a refresh's has what the cloud answered. What somebody else has
    # deleted is a refresh's deletion, and the program makes it again.
    seen = bool(new.get("id")) if step["op"] == "update" else step["op"] == "delete" and step["urn"] in made
    sides = ("outputs", "outputs") if seen else ("inputs", "inputs")
    return Operation(
        kind=str(step["op"]),
        urn=str(step["urn"]),
        differences=tuple(_differences(step, old.get(sides[0]) or {}, new.get(sides[1]) or {})),
        seen=seen,
        protected=bool(old.get("protect")),
        kept=bool(old.get("retainOnDelete")),
        deleted_with=str(old.get("deletedWith") or ""),
        parent=str((old or new).get("parent") or ""),
    )


def _differences(step: Mapping[str, Any], before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Difference]:
    if step["op"] == "delete":
        return
    reasons = {_dotted(path) for path in step.get("replaceReasons") or []}
    found: set[str] = set()
    for path, old, new in differences(plain(before), plain(after)):
        found.add(path)
        yield Difference(path=path, before=old, after=new, replaces=_is_of(path, reasons))
    # what differs although the program says the same: somebody else changed it, or a provider knows better
    for path in sorted({_dotted(path) for path in step.get("detailedDiff") or {}} | reasons):
        if not path.startswith("__") and not any(_is_of(path, {p}) or _is_of(p, {path}) for p in found):
            yield Difference(path=path, before=None, after=UNKNOWN, replaces=_is_of(path, reasons))


def _dotted(path: str) -> str:
    """Return the engine's ``metadata.annotations["a.b/c"]`` as the paths are that are found here."""
    return re.sub(r'\["([^"]*)"\]', r".\1", path).lstrip(".")


def _is_of(path: str, places: Collection[str]) -> bool:
    return any(path == place or path.startswith((f"{place}.", f"{place}[")) for place in places)


def plain(value: object) -> object:
    """Return a value of a preview without what is secret, not known yet, or the provider's own notes."""
    if isinstance(value, dict):
        # an output's own mark, too: {"4dab...": "d0e6...", "secret": true, "value": ...}
        if value.get(_SIGNATURE) == _ENGINE_SECRET or (_SIGNATURE in value and value.get("secret")):
            return SECRET
        return {str(key): plain(below) for key, below in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [plain(below) for below in value]
    if isinstance(value, str) and value in _UNKNOWNS:
        return UNKNOWN
    return value
