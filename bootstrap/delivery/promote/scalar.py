"""Changes one scalar of a YAML text and not one character beside it: a pure function of text to text.

Nothing is dumped: the parser only says where the scalar stands. Comments, order, quotes, indentation, line endings, a
byte order mark, a missing last newline are all kept, as they are never written.
"""

import difflib
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bootstrap.delivery.promote.changes import changed_leaves
from bootstrap.delivery.promote.spelling import is_read_as_text, spell
from bootstrap.delivery.promote.yaml_path import Path, ScalarError, format_path


class Scalar(NamedTuple):
    """Where a scalar stands in the text, and what it holds."""

    value: str
    text: bool
    """Whether every parser reads it as this text; otherwise it is a number, a truth value, a date or nothing."""
    start: int
    end: int
    quote: str | None
    lead: str = ""
    """What has to be written before a value where there is none yet."""


def replace_scalar(text: str, path: Path, value: str) -> str:
    """Return the text with the scalar at a path changed to a value, which is read back as text by every parser.

    Its quotes are kept; where there are none and the value needs them, it gets double quotes.

    Raises:
        ScalarError: the path is missing or stands twice, leads to or through an alias or a merge, ends at something
            else than a simple scalar; the text is not one YAML document; or more would change than this one value.
    """
    if not value.isprintable():
        raise ScalarError(f"{value!r} is not one line of printable text")
    scalar = find_scalar(text, path)
    if scalar.text and scalar.value == value:
        return text
    changed = text[: scalar.start] + scalar.lead + spell(value, scalar.quote) + text[scalar.end :]
    leaves = changed_leaves(_load(text), _load(changed), enough=2)
    others = [_dotted(leaf) for leaf in leaves if _dotted(leaf) != _dotted(path)]
    if others:
        raise ScalarError(f"{format_path(path)} cannot be changed alone: {', '.join(others)} would change with it")
    again = find_scalar(changed, path)
    # where the text was there without the quotes that it needs, our own parser may see no change
    if len(leaves) > 1 or not (leaves or scalar.value == value) or (again.value, again.text) != (value, True):
        raise ScalarError(f"{format_path(path)} would not be read back as {value!r}")
    return changed


def find_scalar(text: str, path: Path) -> Scalar:
    """Return the scalar at a path.

    Raises:
        ScalarError: there is none that can be changed by itself; see :func:`replace_scalar`.
    """
    if not path:
        raise ScalarError("the path is empty")
    node = _compose(text)
    key: Node | None = None
    for depth, part in enumerate(path):
        key, node = _step(node, path[: depth + 1], part)
    return _scalar(text, path, key, node)


def _dotted(path: Sequence[Any]) -> str:
    # a key that YAML reads as a number is still written as text in a path
    return ".".join(str(part) for part in path)


def _step(node: Node, path: Path, part: str | int) -> tuple[Node | None, Node]:
    """Return a child, with its key in a mapping."""
    parent = format_path(path[:-1]) or "the document"
    floor = node.start_mark.index
    if isinstance(part, int):
        if not isinstance(node, SequenceNode):
            raise ScalarError(f"{format_path(path)} is not in the file: {parent} is not a list")
        if part >= len(node.value):
            raise ScalarError(f"{format_path(path)} is not in the file: {parent} has {len(node.value)} item(s)")
        key, child = None, node.value[part]
        floor = max([floor, *(item.end_mark.index for item in node.value[:part])])
    else:
        if not isinstance(node, MappingNode):
            raise ScalarError(f"{format_path(path)} is not in the file: {parent} is not a mapping")
        found = [pair for pair in node.value if isinstance(pair[0], ScalarNode) and pair[0].value == part]
        if not found:
            raise ScalarError(_missing(node, path, part, parent))
        if len(found) > 1:
            lines = ", ".join(str(pair[0].start_mark.line + 1) for pair in found)
            raise ScalarError(f"{format_path(path)} stands {len(found)} times, on lines {lines}")
        key, child = found[0]
        floor = key.end_mark.index
    # the composer hands out the anchor's own node for an alias, and an anchor always stands before its aliases
    if child.start_mark.index < floor:
        raise ScalarError(
            f"{format_path(path)} is an alias of line {child.start_mark.line + 1}: what is changed there changes "
            "everywhere; write the value out"
        )
    return key, child


def _missing(node: MappingNode, path: Path, part: str, parent: str) -> str:
    keys = [str(key.value) for key, _ in node.value if isinstance(key, ScalarNode)]
    if "<<" in keys:
        return f"{format_path(path)} is not written out: {parent} has a merge (<<), whose source is not changed"
    near = difflib.get_close_matches(part, keys, n=1)
    hint = f"did you mean {format_path([*path[:-1], near[0]])}? " if near else ""
    return f"{format_path(path)} is not in the file: {hint}{parent} has {', '.join(keys) or 'nothing'}"


def _scalar(text: str, path: Path, key: Node | None, node: Node) -> Scalar:
    if not isinstance(node, ScalarNode):
        kind = "mapping" if isinstance(node, MappingNode) else "list"
        raise ScalarError(f"{format_path(path)} is a {kind}, not a single value")
    start, end = node.start_mark.index, node.end_mark.index
    if text[start:end].startswith(("&", "!")):
        raise ScalarError(f"{format_path(path)} carries an anchor or a tag: write the value plainly")
    if node.style in ("|", ">"):
        raise ScalarError(f"{format_path(path)} is a block of text, not a value of one line")
    if start == end:
        # an empty value's marks are those of whatever follows it
        colon = re.compile(r"[ \t]*:").match(text, key.end_mark.index) if key is not None else None
        if colon is None:
            raise ScalarError(f"{format_path(path)} is empty, with no place for a value")
        return Scalar("", False, colon.end(), colon.end(), None, lead=" ")
    is_text = node.style is not None or is_read_as_text(node.value) or "\n" in text[start:end]
    return Scalar(node.value, is_text, start, end, node.style)


def _compose(text: str) -> Node:
    try:
        node: Node | None = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError) as error:
        raise ScalarError(f"it is not one YAML document: {error}") from None
    if node is None:
        raise ScalarError("it holds nothing")
    return node


def _load(text: str) -> object:
    try:
        return YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError) as error:
        raise ScalarError(f"it cannot be read as YAML: {error}") from None
