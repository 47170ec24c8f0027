"""Writes a preview as the comment of a pull request: losses first, then every change, and never too long."""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from bootstrap.markdown import code, fence, html
from bootstrap.plain import on_lines
from bootstrap.platform.ci.losses import Loss, counted, losses, missing_labels
from bootstrap.platform.ci.markers import LIMIT, digest_marker, marker
from bootstrap.platform.ci.preview import REPLACEMENTS, UNKNOWN, Difference, Operation, Preview
from components.type_tokens import short_type

_SIGNS = {"create": "➕", "update": "✏️", "delete": "❌", "import": "📥"}
_FOR_AN_ERROR, _FOR_LOSSES, _FOR_LABELS, _FOR_NOTES, _FOR_THE_REST = 400, 1200, 900, 600, 150
"""Characters that each of two errors, losses, their labels and notes may take at most, and that the last lines need."""
_IN_COMMENT, _IN_FULL = 60, 2000
"""Characters of a value."""


@dataclass(frozen=True, kw_only=True)
class Review:
    """A preview, with everything else that is known of the change."""

    stack: str
    preview: Preview
    labels: Collection[str] = ()
    """Of the pull request."""
    plan: Mapping[str, Any] = field(default_factory=dict)
    """What ``bootstrap plan --against --format json`` printed; empty where it is not given, as the others are."""
    policy: Mapping[str, Any] = field(default_factory=dict)
    scan: Mapping[str, Any] = field(default_factory=dict)
    doctor: Mapping[str, Any] = field(default_factory=dict)

    @property
    def losses(self) -> list[Loss]:
        """What goes that holds data or serves traffic."""
        return losses(self.preview)

    @property
    def missing(self) -> list[str]:
        """The labels that agree to that, and that the pull request does not have."""
        return missing_labels(self.losses, self.labels)

    @property
    def exit_status(self) -> int:
        """Exit status of the command."""
        if self.preview.errors:
            return 1
        return 3 if self.missing else 0

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return {
            "version": 1,
            "stack": self.stack,
            "digest": self.preview.digest,
            "changes": len([each for each in self.preview.operations if each.custom]),
            "losses": [
                {
                    "urn": loss.operation.urn,
                    "label": loss.label,
                    "what": loss.what,
                    "inside": loss.inside,
                    "protected": loss.operation.protected,
                }
                for loss in self.losses
            ],
            "missingLabels": self.missing,
            "errors": list(self.preview.errors),
            "exitStatus": self.exit_status,
        }


def to_markdown(review: Review) -> str:
    """Return the comment: at most 4,000 characters."""
    head = [*_head(review), *_within(_loss_lines(review), _FOR_LOSSES, "of these")]
    if missing := review.missing:
        words = f"the label{'s' if len(missing) > 1 else ''} {_labels(missing)}"
        head += ["", f"Not agreed to: add {words}, and this is checked again."]
    if notes := _notes(review):
        head += ["", *_within(notes, _FOR_NOTES, "of these")]
    head.append("")
    left = LIMIT - _length(head) - _FOR_THE_REST
    return "\n".join([*head, *_within(_groups(review.preview, _IN_COMMENT), left, "changes"), "", _foot(review), ""])


def in_full(review: Review) -> str:
    """Return all of it, however long: for the summary of a run."""
    notes = [line for line, _ in [*_loss_lines(review), ("", 0), *_notes(review), ("", 0)]]
    changes = [line for line, _ in _groups(review.preview, _IN_FULL)]
    return "\n".join([*_head(review), *notes, *changes, "", _foot(review), ""])


def _labels(names: Sequence[str]) -> str:
    every = [code(name) for name in names]
    ends = accumulate(len(each) + 2 for each in every)
    shown = [each for each, end in zip(every, ends, strict=True) if end <= _FOR_LABELS]
    more = f" and {len(every) - len(shown)} more" if len(shown) < len(every) else ""
    return f"{', '.join(shown)}{more}"


Line = tuple[str, int]
"""A line, and how many things it is of those that are counted where there is no room."""


def _within(lines: Iterable[Line], room: int, what: str) -> list[str]:
    """Return the lines that there is room for; the others are counted."""
    taken: list[str] = []
    left_out = 0
    for line, things in lines:
        room -= len(line) + 1
        if room < 0 or left_out:
            left_out += things
        else:
            taken.append(line)
    # a title over nothing
    while left_out and taken and (taken[-1] == "" or taken[-1].startswith("**")):
        taken.pop()
    return [*taken, "", f"… and {left_out} more {what}"] if left_out else taken


def _length(lines: Iterable[str]) -> int:
    return sum(len(line) + 1 for line in lines)


def _head(review: Review) -> list[str]:
    preview = review.preview
    outcome = " has failed" if preview.errors else f": {counted(preview)}"
    title = f"### Preview of stack {code(review.stack)}{outcome}"
    # what has failed is nothing that can be agreed to
    digest = [] if preview.errors else [digest_marker(preview.digest)]
    lines = [marker(review.stack), *digest, title, ""]
    for error in preview.errors[:2]:
        lines += [*fence(_shortened(on_lines(error), _FOR_AN_ERROR).split("\n")), ""]
    return lines


def _foot(review: Review) -> str:
    if review.preview.errors:
        return ""
    seen = len(review.preview.seen)
    found = f"{seen} found to differ from the state, and left so. " if seen else ""
    return f"<sub>{found}Deployed is what has the digest {code(review.preview.digest[:12])}, or nothing.</sub>"


def _loss_lines(review: Review) -> list[Line]:
    found = review.losses
    if not found:
        return (
            [] if review.preview.errors else [("Nothing that holds data or serves traffic is replaced or deleted.", 0)]
        )
    lines: list[Line] = [("> [!CAUTION]", 0)]
    for loss in found:
        each = loss.operation
        verb = "replaced" if each.kind in REPLACEMENTS else "deleted"
        inside = f" and {loss.inside} resource{'s' if loss.inside > 1 else ''} with it" if loss.inside else ""
        reasons = [code(found.path) for found in each.differences if found.replaces] if verb == "replaced" else []
        because = f", because of {', '.join(reasons[:4])}" if reasons else ""
        text = f"> **{loss.word} {code(each.name)} is {verb}**{inside}{because}: {loss.what}."
        text += " It is protected: the update will refuse." if each.protected else ""
        text += " The cloud keeps it, and only the state forgets it." if each.kept else ""
        lines.append((f"{text}<br>", 1))
    return lines


def _notes(review: Review) -> list[Line]:
    lines: list[Line] = []
    for change in _listed(review.plan, "changes"):
        if refused := change.get("refused"):
            lines.append((f"- plan: {code(change.get('name'))} would be refused: {html(refused)}", 1))
    for finding in _listed(review.policy, "findings"):
        if not finding.get("explained", True):
            text = f"{code(finding.get('rule'))} {code(finding.get('resource'))}: {html(finding.get('message', ''))}"
            lines.append((f"- policy: {text}", 1))
    for finding in _listed(review.scan, "findings"):
        if not finding.get("explained", True):
            text = f"{code(finding.get('check'))} {code(finding.get('resource'))}: {html(finding.get('title', ''))}"
            lines.append((f"- scan: {text}", 1))
    for finding in _listed(review.doctor, "findings"):
        if finding.get("verdict") == "blocked":
            text = f"{code(finding.get('subject'))}: {html(finding.get('detail', ''))}"
            lines.append((f"- doctor: {text}", 1))
    return lines


def _listed(document: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = document.get(key)
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def _groups(preview: Preview, width: int) -> list[Line]:
    groups: dict[str, list[Operation]] = {}
    for each in sorted(preview.operations, key=lambda each: not each.loses):
        if each.custom:
            own = each.component.startswith("aks-bootstrap:")
            groups.setdefault(short_type(each.component) if own else "", []).append(each)
    lines: list[Line] = []
    for title, operations in groups.items():
        lines += [("", 0), (f"**{html(title) or 'Others'}**", 0), ("", 0)]
        alike: dict[tuple[str, str], list[Operation]] = {}
        for each in operations:
            # what is made or goes as a whole has nothing to show but its name
            key = (each.kind, each.type) if each.kind in _SIGNS.keys() - {"update"} else (each.urn, each.kind)
            alike.setdefault(key, []).append(each)
        lines += [(_together(several, width), len(several)) for several in alike.values()]
    return lines[1:]


def _together(several: Sequence[Operation], width: int) -> str:
    first = several[0]
    sign = "🔁" if first.kind in REPLACEMENTS else _SIGNS.get(first.kind, "❔")
    named = several if width == _IN_FULL else several[:4]
    names = ", ".join(code(each.name) for each in named)
    more = f" and {len(several) - len(named)} more" if len(several) > len(named) else ""
    line = f"- {sign} {names}{more} ({html(short_type(first.type))})"
    if len(several) > 1 or first.kind in {"create", "import"}:
        return line
    shown = [_difference(found, width) for found in first.differences]
    few = shown if width == _IN_FULL else shown[:6]
    more = f"; {len(shown) - len(few)} more" if len(shown) > len(few) else ""
    return f"{line}: {'; '.join(few)}{more}" if shown else line


def _difference(found: Difference, width: int) -> str:
    because = " **(replaces it)**" if found.replaces else ""
    if found.before is None and found.after == UNKNOWN:
        return f"{code(found.path)} changes{because}"
    return f"{code(found.path)} {_value(found.before, width)} → {_value(found.after, width)}{because}"


def _value(value: object, width: int) -> str:
    if value is None:
        return "(none)"
    return code(_shortened(value if isinstance(value, str) else json.dumps(value), width))


def _shortened(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"
