"""Reads a YAML file into plain data as Pulumi would, and tells every mistake in it by its line.

ruamel finds the file's nodes; what they are read as stands here, so that a mistake has a line, a number keeps its
spelling, and nothing that JSON cannot hold gets past.
"""

import difflib
import math
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from bootstrap.aliases import AliasError, refuse_excess
from bootstrap.errors import StackFileError

Place = tuple[str | int, ...]
"""Where a value stands in the file: keys and indices from its top."""

_DEEPEST = 60
"""Most levels of a file; a stack file has seven."""
_LONGEST_NUMBER = 300
"""Most digits of a number; Python reads no more than 4,300, and nothing here is counted like that."""
_LINE_BREAK = re.compile("\r\n|[\r\x85\u2028\u2029]")
"""What YAML 1.1 takes for the end of a line, besides a line feed. https://yaml.org/spec/1.1/#id872840"""
_PREFIX = "tag:yaml.org,2002:"


class Flaw(NamedTuple):
    """A mistake in a file: the line it is in, the place of the value, and a sentence."""

    line: int
    place: Place
    message: str


class Document(NamedTuple):
    """What a file holds."""

    data: Any
    spelling: dict[Place, tuple[Any, str]]
    """Values that are not read as they are written, with how they are."""
    flaws: list[Flaw]
    """Mistakes; what they are in is missing in the data."""
    broken: list[Place]
    """Places whose value could not be read at all."""
    lost: list[tuple[str, str]] = []
    """Sections of which a line could not be read, each with the key in that line."""


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        StackFileError: it cannot be read; the text says why and what to do.
    """
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise StackFileError(f"there is no {path}") from None
    except IsADirectoryError:
        raise StackFileError(f"{path} is a folder; allowed: a file") from None
    except PermissionError:
        raise StackFileError(f"{path} cannot be read by this user; remedy: chmod u+r {path}") from None
    except (OSError, ValueError) as error:
        raise StackFileError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff") or raw[:64].count(0) > 8:
        raise StackFileError(f"the file {path} is in UTF-16 or UTF-32; allowed: UTF-8, so save it as that")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        around = raw[: error.start].rpartition(b"\n")[2] + raw[error.start :].partition(b"\n")[0]
        raise StackFileError(
            f"the file {path} is not in UTF-8, line {line}: {around.decode('latin-1').strip()!r}, "
            "which Latin-1 or Windows-1252 reads like that; allowed: UTF-8, so save it as that"
        ) from None


def parse(text: str) -> Document:
    """Read a YAML text; where it cannot be read as a whole, everything that can be read section by section."""
    control = [
        Flaw(number, (), f"got the control character U+{ord(found[0]):04X}; allowed: none, so delete it")
        for number, line in enumerate(text.split("\n"), 1)
        if (found := re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f]", line))
    ]
    if control:
        # as it is all that is wrong there, the rest is read without it
        clean = parse(re.sub("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f]", "", text))
        return clean._replace(flaws=control + clean.flaws)
    # what a line is has to be the same here as in the parser
    text = _LINE_BREAK.sub("\n", text)
    try:
        node = _compose(text)
    except (YAMLError, RecursionError, ValueError) as error:
        return _in_parts(text, _flaw_of(error, text))
    return _Reader().document(node)


def _compose(text: str) -> Node | None:
    yaml = YAML(typ="safe", pure=True)
    yaml.composer.warn_double_anchors = (
        False  # https://yaml.org/spec/1.2.2/#3222-anchors-and-aliases: the last one counts
    )
    node: Node | None = yaml.compose(text)
    refuse_excess(node)
    return node


class _Reader:
    """Makes data of nodes."""

    def __init__(self) -> None:
        self._spelling: dict[Place, tuple[Any, str]] = {}
        self._flaws: list[Flaw] = []
        self._broken: list[Place] = []
        self._above: list[Node] = []

    def document(self, node: Node | None) -> Document:
        data = None if node is None else self._value(node, ())
        return Document(data, self._spelling, self._flaws, self._broken)

    def _value(self, node: Node, place: Place) -> Any:
        if node in self._above:
            return self._refuse(node, place, "got an alias of what it is in, which never ends; allowed: plain values")
        if len(self._above) > _DEEPEST:
            return self._refuse(node, place, f"got more than {_DEEPEST} levels; allowed: a stack file has seven")
        tag = str(node.tag or "")
        if isinstance(node, ScalarNode):
            return self._scalar(node, tag.removeprefix(_PREFIX), place)
        if tag not in (f"{_PREFIX}map", f"{_PREFIX}seq"):
            kind = tag.removeprefix(_PREFIX)
            return self._refuse(node, place, f"got a value of type !!{kind}; allowed: text, numbers, lists, mappings")
        self._above.append(node)
        try:
            if isinstance(node, SequenceNode):
                return [self._value(item, (*place, index)) for index, item in enumerate(node.value)]
            return self._mapping(node, place) if isinstance(node, MappingNode) else None
        finally:
            self._above.pop()

    def _mapping(self, node: MappingNode, place: Place) -> dict[str, Any]:
        merged: dict[str, Any] = {}
        data: dict[str, Any] = {}
        lines: dict[str, int] = {}
        for key_node, value_node in node.value:
            if str(key_node.tag) == f"{_PREFIX}merge":
                for source in value_node.value if isinstance(value_node, SequenceNode) else [value_node]:
                    value = self._value(source, place)
                    merged = {**value, **merged} if isinstance(value, dict) else merged
                continue
            key = self._key(key_node, place)
            if key is None:
                continue
            line = key_node.start_mark.line + 1
            if key in data:
                first = f"it stands in line {lines[key]} too"
                self._flaws.append(Flaw(line, (*place, key), f"got the key {key!r} twice; allowed: once; {first}"))
                continue
            lines[key] = line
            data[key] = self._value(value_node, (*place, key))
        return {**merged, **data}

    def _key(self, node: Node, place: Place) -> str | None:
        if isinstance(node, ScalarNode):
            kind = str(node.tag).removeprefix(_PREFIX)
            if kind in ("str", "value") or (kind == "null" and node.value):
                return str(node.value)
            what = {"int": "number", "float": "number", "bool": "value", "timestamp": "date"}.get(kind, f"!!{kind}")
            got = f"the {what} {node.value[:40]}" if node.value else "nothing"
            self._flaws.append(
                Flaw(
                    node.start_mark.line + 1,
                    (*place, node.value[:40]),
                    f'got {got} as a key; allowed: text, so put it in quotes: "{node.value[:40]}"',
                )
            )
            return None
        kind = "list" if isinstance(node, SequenceNode) else "mapping"
        self._refuse(node, place, f"got a {kind} as a key; allowed: text; {{...}} needs quotes to be text")
        return None

    def _scalar(self, node: ScalarNode, kind: str, place: Place) -> Any:  # noqa: PLR0911 - a line for each kind
        text: str = node.value
        if kind in ("str", "value", "merge"):
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind in ("int", "float"):
            value = _number(text)
            if value is None:
                what = f"a number of {len(text)} digits" if len(text) > 40 else text
                return self._refuse(node, place, f"got {what}, {text[:20]}...; allowed: a number that can be counted")
            self._spelling[place] = (value, text)
            return value
        if kind == "timestamp":
            message = f'got the date {text} without quotes; allowed: text, so put it in quotes: "{text}"'
            return self._refuse(node, place, message)
        return self._refuse(node, place, f"got a value of type !!{kind}; allowed: text, numbers, lists, mappings")

    def _refuse(self, node: Node, place: Place, message: str) -> None:
        self._flaws.append(Flaw(node.start_mark.line + 1, place, message))
        self._broken.append(place)


def _number(text: str) -> int | float | None:
    """Read a number of YAML 1.2, and make those whole that Pulumi hands over as whole; None where it is none."""
    plain = text.replace("_", "")
    if len(plain) > _LONGEST_NUMBER:
        return None
    try:
        if re.fullmatch(r"[+-]?0[xob][0-9a-fA-F]+", plain):
            return int(plain, 0)
        if re.fullmatch(r"[+-]?[0-9]+", plain):
            return int(plain)
        value = float(plain.replace(".inf", "inf").replace(".nan", "nan").lower().replace(".inf", "inf"))
    except ValueError:
        return None
    if not math.isfinite(value):
        return None
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _in_parts(text: str, flaw: Flaw) -> Document:
    """Read the sections of ``config`` one by one, and everything else that stands at the top."""
    data: dict[str, Any] = {}
    whole = Document(data, {}, [flaw], [], [])
    lines = text.split("\n")
    for start, end, head in _sections(lines):
        # empty lines keep the numbers
        part = "\n".join([""] * (start - 1) + [head] + lines[start:end] if head else [""] * start + lines[start:end])
        key = _key_of(lines[start])
        try:
            node = _compose(part)
        except (YAMLError, RecursionError, ValueError) as error:
            found = _flaw_of(error, text)
            # an anchor may stand in another section
            if found.line != flaw.line and "which no anchor" not in found.message:
                whole.flaws.append(found)
            node = _without_line(part, found.line) if head else None
            if node is None:
                whole.broken.append(("config", key) if head else (key,))
                continue
            whole.lost.append((key, _key_of(lines[found.line - 1].lstrip(" -"))))
        read = _Reader().document(node)
        if isinstance(read.data, dict):
            for name, value in read.data.items():
                if head and isinstance(value, dict):
                    there = data.get(name)
                    data[name] = {**there, **value} if isinstance(there, dict) else value
                else:
                    data.setdefault(name, value)
        whole.spelling.update(read.spelling)
        whole.flaws.extend(read.flaws)
        whole.broken.extend(read.broken)
    return whole


def _without_line(part: str, line: int) -> Node | None:
    """Read a section without the line that is wrong; None where that does not help, or leaves nothing."""
    lines = part.split("\n")
    lines[line - 1] = ""
    try:
        node = _compose("\n".join(lines))
    except (YAMLError, RecursionError, ValueError):
        return None
    config = node.value[0][1] if isinstance(node, MappingNode) and node.value else None
    section = config.value[0][1] if isinstance(config, MappingNode) and config.value else None
    return node if isinstance(section, MappingNode | SequenceNode) else None


def _sections(lines: list[str]) -> Iterator[tuple[int, int, str]]:
    """Yield first line, end and ``config:`` of every section below ``config``, and of other keys at the top."""
    top = [index for index, line in enumerate(lines) if re.match(r"[^\s#\-]", line)]
    for index, start in enumerate(top):
        end = top[index + 1] if index + 1 < len(top) else len(lines)
        alone = re.match(r"(\w+)\s*:\s*(#.*)?$", lines[start])
        # a misspelled config is told where its keys are known
        if not alone or not difflib.get_close_matches(alone[1].lower(), ["config"], cutoff=0.8):
            yield start, end, ""
            continue
        indented = {
            number: len(line) - len(line.lstrip(" "))
            for number, line in enumerate(lines[start + 1 : end], start + 1)
            if re.match(r" +[^\s#]", line)
        }
        width = min(indented.values(), default=0)
        heads = [number for number, blanks in indented.items() if blanks == width and lines[number][width] not in "-]}"]
        for place, head in enumerate(heads):
            yield head, heads[place + 1] if place + 1 < len(heads) else end, f"{alone[1]}:"


def _key_of(line: str) -> str:
    match = re.match(r"\s*(['\"]?)(.*?)\1\s*:(\s|$)", line)
    return match[2] if match else line.strip()


# what ruamel says, and what it means in a stack file
_MEANINGS = (
    (
        r"maximum depth",
        "got brackets in each other, {near}, deeper than the seven levels of a stack file; allowed: fewer",
    ),
    (r"undefined alias", "got an alias, {near}, which no anchor defines; allowed: text that begins with * in quotes"),
    (r"scanning an alias", "got * without quotes, {near}; allowed: '*' in quotes, as YAML takes it for an alias"),
    (r"scanning an anchor", "got & without quotes, {near}; allowed: '&' in quotes, as YAML takes it for an anchor"),
    (r"'\\t'|tab", "it is indented with a tab, {near}; allowed: blanks"),
    (
        r"mapping values are not allowed",
        "got a second colon, {near}; allowed: a value with a colon and a blank in quotes; or the indentation is wrong",
    ),
    (
        r"expected ',' or '[\]}]'|flow (sequence|mapping|node)",
        "a bracket is not closed, {near}; allowed: as many ] and } as [ and {",
    ),
    (r"quoted scalar|unexpected end of stream", "a quote or bracket is not closed, {near}; allowed: each in a pair"),
    (
        r"expected <block end>|block sequence|sequence entries|expected the node content|block collection",
        "the indentation is wrong, {near}; allowed: keys of one section in one column",
    ),
    (r"could not find expected ':'|simple key", "a colon is missing, {near}; allowed: key: value"),
    (r"cannot start any token", "got a character that begins no value, {near}; allowed: such text in quotes"),
    (r"escape", "got an escape that YAML does not have, {near}; allowed: \\\\ for a backslash, or single quotes"),
    (r"tag", "got a tag that YAML does not have, {near}; allowed: text that begins with ! in quotes"),
    (r"single document|document start", "got a second document, {near}; allowed: one document, without ---"),
    (r"directive", "got a line that begins with %, {near}; allowed: such text in quotes"),
    (r"block scalar|chomping|indentation indicator", "got > or | before text, {near}; allowed: such text in quotes"),
)


def _flaw_of(error: Exception, text: str) -> Flaw:
    if isinstance(error, RecursionError):
        lines = text.split("\n")
        deepest = max(range(len(lines)), key=lambda number: sum(lines[number].count(bracket) for bracket in "[{"))
        return Flaw(deepest + 1, (), "got hundreds of brackets in each other; allowed: a stack file has seven levels")
    if isinstance(error, AliasError):
        return Flaw(error.line, (), error.message)
    if isinstance(error, ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return Flaw(line, (), "got a character that YAML does not take; allowed: printable characters")
    if not isinstance(error, MarkedYAMLError):
        return Flaw(1, (), "it is not YAML")
    mark = error.problem_mark or error.context_mark
    said = f"{error.context or ''} {error.problem or ''}"
    line = (mark.line if mark else 0) + 1
    opened = error.context_mark
    if opened and re.search("flow|quoted", said):
        line = opened.line + 1  # where it was opened, not where the file ends
    lines = text.split("\n")
    near = lines[line - 1].strip() if line <= len(lines) else ""
    meaning = next((meaning for pattern, meaning in _MEANINGS if re.search(pattern, said)), "it is not YAML, {near}")
    shown = near if len(near) <= 60 else f"{near[:60]}..."
    return Flaw(line, (), meaning.replace("{near}", f"in {shown!r}" if near else "at the end"))
