"""YAML as Helm and Argo CD take it: YAML 1.1, where ``yes`` and ``0644`` are not text.

Both read with sigs.k8s.io/yaml, which stays with 1.1 but takes dates as text.
https://pkg.go.dev/sigs.k8s.io/yaml
"""

import json
import math
import re
import warnings
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MantissaNoDotYAML1_1Warning, YAMLError
from ruamel.yaml.nodes import Node, ScalarNode
from ruamel.yaml.representer import SafeRepresenter
from ruamel.yaml.resolver import VersionedResolver
from ruamel.yaml.tag import Tag

from bootstrap.aliases import refuse_excess
from bootstrap.errors import GitOpsError
from bootstrap.plain import has_command, is_seen, on_part_of_lines

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""What is left of YAML in Helm and Argo CD, which make JSON of it first."""

_HEADER = "%YAML 1.1\n---\n"

_UNREADABLE = (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""How the parser fails: KeyError at ``!!bool maybe``, ValueError at ``!!int x``, RecursionError in a thousand lists."""


# How Go's reader of YAML 1.1 tells numbers, whose underscores it drops first; it knows none to the base of 60, so that
# 22:22 is text, and takes 08 for 8: https://github.com/kubernetes-sigs/yaml/blob/v1.6.0/goyaml.v2/resolve.go
_INTEGER = re.compile(
    r"([-+]?)(?:0[bB](?P<b2>[01]+)|0[oO]?(?P<b8>[0-7]+)|0[xX](?P<b16>[0-9a-fA-F]+)|(?P<b10>0|[1-9]\d*))"
)
_FLOAT = re.compile(r"[-+]?(\.\d+|\d+(\.\d*)?)([eE][-+]?\d+)?")
_NUMBERS_BEGIN = tuple("+-.0123456789")


class _Constructor(SafeConstructor):
    """Makes numbers as Go does, and takes dates as text."""

    def construct_document(self, node: Node) -> object:
        """Return a document, unless its aliases stand for too much."""
        refuse_excess(node)
        document: object = super().construct_document(node)
        return document

    def integer(self, node: ScalarNode) -> int:
        """Return an integer."""
        plain = node.value.replace("_", "")
        found = _INTEGER.fullmatch(plain)
        if not found:
            raise ValueError(f"{node.value!r} is not an integer")
        [(base, digits)] = [(name, digits) for name, digits in found.groupdict().items() if digits is not None]
        return int(found[1] + digits, int(base.removeprefix("b")))

    def number(self, node: ScalarNode) -> float | str:
        """Return a number; a commit such as 12e4567 is none to Go, and 1e3 is the integer in JSON."""
        number = float(self.construct_yaml_float(node))
        if math.isinf(number) and "inf" not in node.value.lower():
            return str(node.value)
        return int(number) if number.is_integer() else number


class _Resolver(VersionedResolver):
    """Stays with 1.1; by itself it does so for the first document only."""

    @property
    def processing_version(self) -> tuple[int, int]:
        """Return the version that every document is read as."""
        return 1, 1

    def resolve(self, kind: object, value: str, implicit: tuple[bool, bool]) -> Tag:
        """Return a node's tag, as Go sees it."""
        tag = self.resolve_by_the_book(kind, value, implicit)
        if kind is not ScalarNode or not implicit[0] or not value.startswith(_NUMBERS_BEGIN):
            return tag
        if str(tag).endswith(":float") and value.lower().endswith(("inf", "nan")):
            return tag
        plain = value.replace("_", "")
        found = "int" if _INTEGER.fullmatch(plain) else "float" if _FLOAT.fullmatch(plain) else "str"
        return Tag(suffix=f"tag:yaml.org,2002:{found}")

    def resolve_by_the_book(self, kind: object, value: str, implicit: tuple[bool, bool]) -> Tag:
        """Return a node's tag, as https://yaml.org/type/ says."""
        tag: Tag = super().resolve(kind, value, implicit)
        return tag


class _Cautious(_Resolver):
    """Takes for text what everybody takes for text, so that all else gets quotes."""

    def resolve(self, kind: object, value: str, implicit: tuple[bool, bool]) -> Tag:
        """Return a node's tag."""
        tag = self.resolve_by_the_book(kind, value, implicit)
        return super().resolve(kind, value, implicit) if str(tag).endswith(":str") else tag


class _Representer(SafeRepresenter):
    """Puts text into double quotes, where it has escapes, if it could be taken for something else."""

    def text(self, value: str) -> ScalarNode:
        """Return the node of a text."""
        style = None if is_seen(value) and not has_command(value) else '"'
        return self.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Representer.add_representer(str, _Representer.text)

for _tag in ("timestamp", "value", "merge"):
    _Constructor.add_constructor(f"tag:yaml.org,2002:{_tag}", SafeConstructor.construct_yaml_str)
_Constructor.add_constructor("tag:yaml.org,2002:int", _Constructor.integer)
_Constructor.add_constructor("tag:yaml.org,2002:float", _Constructor.number)


def load_all(text: str, source: object) -> list[Any]:
    """Return a file's documents, empty ones left out; ``source`` is what a message names.

    Raises:
        GitOpsError: it is not YAML, a key stands twice, or it holds what JSON cannot.
    """
    try:
        return list(_documents(text))
    except _UNREADABLE as error:
        raise GitOpsError(f"{source} is not YAML: {_short(error)}") from None


def read_text(path: Path, source: object) -> str:
    """Return a file's text.

    Raises:
        GitOpsError: it is not there, or is no UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise GitOpsError(f"there is no {source}") from None
    except UnicodeDecodeError as error:
        raise GitOpsError(f"{source} is not UTF-8: {error.reason} at byte {error.start}") from None
    except (OSError, ValueError) as error:
        raise GitOpsError(f"{source} cannot be read: {getattr(error, 'strerror', None) or error}") from None


def load_mapping(path: Path, name: object | None = None) -> dict[str, Any]:
    """Return a file's only document, a mapping; an empty file is an empty one.

    Raises:
        GitOpsError: it cannot be read, or holds something else.
    """
    source = name or path
    return parse_mapping(read_text(path, source), source)


def parse_mapping(text: str, source: object) -> dict[str, Any]:
    """Return a text's only document, a mapping; an empty text is an empty one. ``source`` is what a message names.

    Raises:
        GitOpsError: it holds something else.
    """
    documents = load_all(text, source)
    if len(documents) > 1:
        raise GitOpsError(f"{source} holds {len(documents)} documents; allowed: one")
    document = documents[0] if documents else {}
    if not isinstance(document, dict):
        raise GitOpsError(f"{source} holds no mapping")
    return document


def section(data: object, *keys: str) -> dict[str, Any]:
    """Return the mapping at a path; empty where there is none, which the kind's schema has something to say of."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data if isinstance(data, dict) else {}


def entries(data: object) -> list[Any]:
    """Return a list's items; none where it is no list."""
    return data if isinstance(data, list) else []


def dump(value: object) -> str:
    """Spell a value as YAML that means the same to readers of 1.1 and 1.2, and to Go.

    No character in it is obeyed or not seen, and no line is a command of a workflow: such text is in double quotes,
    with escapes.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.Representer = _Representer
    yaml.version = (1, 1)
    yaml.Resolver = _Cautious
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # its type follows from its default, None
    yaml.width = 4096
    stream = StringIO()
    yaml.dump(value, stream)
    # what is spelled out is in double quotes, where the same escapes mean the same
    return on_part_of_lines(stream.getvalue().removeprefix(_HEADER))


def same(one: object, other: object) -> bool:
    """Whether two values are alike to Kubernetes: 1 is not true, and the order of keys says nothing."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(other, sort_keys=True, default=str)


@lru_cache(maxsize=1024)
def _documents(text: str) -> tuple[Any, ...]:
    """Read once what two revisions, or two commands in one run, have in common; nobody changes what was read."""
    yaml = YAML(typ="safe", pure=True)
    yaml.Constructor = _Constructor
    yaml.Resolver = _Resolver
    with warnings.catch_warnings():
        # 4e5 is a number to Go, too
        warnings.simplefilter("ignore", MantissaNoDotYAML1_1Warning)
        return tuple(_Plain().read(document) for document in yaml.load_all(text) if document is not None)


class _Plain:
    """Makes JSON of a document, as https://pkg.go.dev/sigs.k8s.io/yaml#YAMLToJSON does: keys become text."""

    def __init__(self) -> None:
        self._done: dict[int, Json] = {}
        self._inside: set[int] = set()

    def read(self, value: object) -> Json:
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is not a number of JSON")
        if value is None or isinstance(value, str | int | float):
            return value
        if not isinstance(value, dict | list):
            raise TypeError(f"{type(value).__name__} is not a type of JSON")
        # an alias is the anchor's own object
        if id(value) in self._inside:
            raise ValueError("an anchor contains itself")
        if id(value) not in self._done:
            self._inside.add(id(value))
            self._done[id(value)] = self._collection(value)
            self._inside.remove(id(value))
        return self._done[id(value)]

    def _collection(self, value: dict[object, object] | list[object]) -> Json:
        if isinstance(value, list):
            return [self.read(item) for item in value]
        keys = [_key(key) for key in value]
        if len(set(keys)) != len(keys):
            raise ValueError(f"found duplicate key {next(key for key in keys if keys.count(key) > 1)!r}")
        return dict(zip(keys, (self.read(item) for item in value.values()), strict=True))


def _key(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, int | float):
        return json.dumps(key)
    raise TypeError(f"{key!r} is a key; allowed: text")


def _short(error: Exception) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark and problem:
        return f"line {mark.line + 1}: {problem}"
    if isinstance(error, RecursionError):
        return "it nests too deeply"
    if isinstance(error, LookupError):
        return f"a value is not what its tag says: {error}"
    return (str(error) or type(error).__name__).splitlines()[0]
