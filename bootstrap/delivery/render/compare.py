"""What changes, object by object, between what two revisions render."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bootstrap.delivery.manifests import same
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.render.render import Rendered, everything, render_several
from bootstrap.delivery.tenants import tenants_folder
from bootstrap.errors import GitOpsError, RenderError, RevisionError, StackFileError
from bootstrap.revision import unpack

CONTEXT_LINES = 3


class Kind(StrEnum):
    """What becomes of an object."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What becomes of one object of one application in one environment."""

    app: str
    environment: str
    kind: Kind
    before: Object | None = None
    after: Object | None = None

    @property
    def object(self) -> Object:
        """The object as it will be, or was."""
        found = self.after or self.before
        if found is None:
            raise ValueError("a change is of something")
        return found

    @property
    def diff(self) -> list[str]:
        """Return the lines that differ, marked + and -, with some around them."""
        old, new = (item.text().splitlines() if item else [] for item in (self.before, self.after))
        lines = list(difflib.unified_diff(old, new, lineterm="", n=CONTEXT_LINES))[2:]
        if not lines:
            return ["(the text of a Secret differs, and is not shown)"]
        return [line for line in lines if not (len(lines) == len(old) + len(new) + 1 and line.startswith("@@"))]

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read."""
        return {
            "app": self.app,
            "environment": self.environment,
            "kind": self.kind.value,
            **identity(self.object),
            "diff": self.diff,
        }


def identity(item: Object) -> dict[str, str]:
    """Return what names an object to a program."""
    return {
        "apiVersion": item.api_version,
        "objectKind": item.kind,
        "namespace": item.namespace,
        "name": item.name,
    }


def render_at(root: Path, revision: str, wanted: Sequence[tuple[str, str]] | None) -> list[Rendered]:
    """Render another revision's files; None renders all that it has, a pair that it has not is left out.

    Raises:
        RevisionError: Git does not know the revision, or it does not render.
    """
    with unpack(root, revision) as folder:
        tree = Path(folder).resolve()
        if not tenants_folder(tree).is_dir():
            # from before there were tenants; `bootstrap app migrate` has compared what it rendered
            return []
        try:
            there = everything(tree)
            return render_several(tree, there if wanted is None else [pair for pair in wanted if pair in there])
        except (GitOpsError, RenderError, StackFileError) as error:
            raise RevisionError(f"{revision} does not render: {str(error).replace(f'{tree}/', '')}") from None


def compare(before: Sequence[Rendered], after: Sequence[Rendered]) -> list[Change]:
    """Return what changes, by application and environment, in the order in which Argo CD would apply it."""
    old = {(item.app, item.environment): item for item in before}
    new = {(item.app, item.environment): item for item in after}
    changes: list[Change] = []
    for app, environment in [*new, *(pair for pair in old if pair not in new)]:
        pair = app, environment
        was = {item.key: item for item in (old[pair].objects if pair in old else [])}
        is_ = {item.key: item for item in (new[pair].objects if pair in new else [])}
        for key in [*is_, *(key for key in was if key not in is_)]:
            one, other = was.get(key), is_.get(key)
            if one and other and same(one.document, other.document):
                continue
            kind = Kind.ADDED if one is None else Kind.REMOVED if other is None else Kind.CHANGED
            changes.append(Change(app=app, environment=environment, kind=kind, before=one, after=other))
    return changes
