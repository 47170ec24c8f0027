"""Takes a key out of a YAML text, and puts one in, leaving every other line as it is to the byte.

It works on lines. What is not one key to a line (flow mappings, anchors, several documents) is refused, not guessed.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import AliasEvent
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from bootstrap.delivery.overlay.paths import spell
from bootstrap.errors import GitOpsError


class EditError(GitOpsError):
    """A text cannot be changed line by line; the message says why."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """The lines of one key, with the comment right above it."""

    first: int
    end: int
    """One past the last."""
    column: int


def take_out(text: str, path: Sequence[str]) -> str:
    """Return the text without a key, and without the keys around it that would hold nothing.

    Raises:
        EditError: it cannot be done line by line.
    """
    lines = text.splitlines(keepends=True)
    chain = _chain(_root(text), path)
    if len(chain) != len(path):
        raise EditError(f"there is no {spell(path)}")
    depth = len(chain) - 1
    while depth > 0 and len(chain[depth][0].value) == 1:
        depth -= 1
    block = _block(chain[depth], lines)
    before, after = lines[: block.first], lines[block.end :]
    if (not after or not after[0].strip()) and before and not before[-1].strip():
        # one blank line between neighbours, none at the end
        before.pop()
    elif not before and after and not after[0].strip():
        after.pop(0)
    return "".join([*before, *after])


def lines_of(text: str, path: Sequence[str]) -> list[str]:
    """Return a key's lines as if it stood at the left margin.

    Raises:
        EditError: it cannot be done line by line.
    """
    chain = _chain(_root(text), path)
    if len(chain) != len(path):
        raise EditError(f"there is no {spell(path)}")
    lines = text.splitlines()
    block = _block(chain[-1], text.splitlines(keepends=True))
    return [
        line[block.column :] if line[: block.column].isspace() or not block.column else line.lstrip()
        for line in lines[block.first : block.end]
    ]


def put_in(text: str, path: Sequence[str], new: Sequence[str]) -> str:
    """Return the text with a key's lines put in, in the place of the same key or after its neighbours.

    Raises:
        EditError: it cannot be done line by line.
    """
    lines = text.splitlines(keepends=True)
    ending = "\r\n" if lines and lines[0].endswith("\r\n") else "\n"
    root = _root(text)
    chain = _chain(root, path)
    if len(chain) == len(path):
        block = _block(chain[-1], lines)
        return "".join([*lines[: block.first], *_indented(new, block.column, ending), *lines[block.end :]])
    if chain and not isinstance(chain[-1][1], MappingNode):
        raise EditError(f"{spell(path[: len(chain)])} holds no keys")
    parent: Any = chain[-1][1] if chain else root
    if chain and (parent.flow_style or not parent.value):
        raise EditError(f"{spell(path[: len(chain)])} is written in braces")
    column = parent.value[0][0].start_mark.column if parent is not None and parent.value else 0
    missing = path[len(chain) : -1]
    added = [f"{' ' * (2 * depth)}{_key(key)}:" for depth, key in enumerate(missing)]
    added += [" " * (2 * len(missing)) + line if line.strip() else line for line in new]
    end = _block(chain[-1], lines).end if chain else _end_of_text(lines)
    before = lines[:end]
    if before and not before[-1].endswith("\n"):
        before[-1] += ending
    spaced = [ending] if not chain and before and parent is not None else []
    return "".join([*before, *spaced, *_indented(added, column, ending), *lines[end:]])


Pair = tuple[MappingNode, Node, Node]
"""A mapping, one of its values, and that value's key."""


def _root(text: str) -> MappingNode | None:
    yaml = YAML()
    try:
        if any(isinstance(event, AliasEvent) or getattr(event, "anchor", None) for event in yaml.parse(text)):
            raise EditError("it has anchors, and what one key says another may share")
        root = YAML().compose(text)
    except YAMLError as error:
        raise EditError(f"it is not YAML: {error}") from None
    if root is not None and not isinstance(root, MappingNode):
        raise EditError("it holds no mapping")
    if root is not None and root.flow_style:
        raise EditError("it is written in braces")
    if not text.endswith("\n") and root is not None and _ends_with_block(root):
        raise EditError("the text that it ends with has no line end, and would get one")
    return root


def _ends_with_block(node: Node) -> bool:
    while isinstance(node, MappingNode | SequenceNode) and node.value:
        node = node.value[-1][1] if isinstance(node, MappingNode) else node.value[-1]
    return isinstance(node, ScalarNode) and node.style in ("|", ">")


def _chain(root: MappingNode | None, path: Sequence[str]) -> list[Pair]:
    """Follow a path as far as it goes."""
    chain: list[Pair] = []
    node: Node | None = root
    for key in path:
        if not isinstance(node, MappingNode):
            break
        found = next(((k, v) for k, v in node.value if isinstance(k, ScalarNode) and k.value == key), None)
        if found is None:
            break
        chain.append((node, found[1], found[0]))
        node = found[1]
    return chain


def _block(pair: Pair, lines: Sequence[str]) -> Block:
    parent, value, key = pair
    if parent.flow_style:
        raise EditError("the key stands in braces")
    column, first = key.start_mark.column, key.start_mark.line
    end = max(_last_line(value), key.end_mark.line) + 1
    while end < len(lines) and _comment_column(lines[end]) > column:
        # a comment below the last key inside
        end += 1
    top = first
    while top > 0 and _comment_column(lines[top - 1]) == column:
        top -= 1
    if top == 0 and column == 0 and top != first:
        # the comment that a file begins with is the file's
        top = first
    return Block(first=top, end=end, column=column)


def _last_line(node: Node) -> int:
    if isinstance(node, MappingNode | SequenceNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return max(_last_line(part) for part in (last if isinstance(last, tuple) else (last,)))
    if isinstance(node, ScalarNode) and node.style in ("|", ">"):
        return max(int(node.end_mark.line) - 1, int(node.start_mark.line))
    if isinstance(node, ScalarNode) and not node.value and node.style is None:
        return int(node.start_mark.line)
    return int(node.end_mark.line)


def _comment_column(line: str) -> int:
    stripped = line.lstrip(" ")
    return len(line) - len(stripped) if stripped.startswith("#") else -1


def _end_of_text(lines: Sequence[str]) -> int:
    end = len(lines)
    while end > 0 and not lines[end - 1].strip():
        end -= 1
    return end


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and not key[0].isdigit() else f'"{key}"'


def _indented(lines: Sequence[str], column: int, ending: str) -> list[str]:
    return [(" " * column + line if line.strip() else "") + ending for line in lines]
