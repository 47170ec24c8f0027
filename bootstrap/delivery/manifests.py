"""YAML as Helm and Argo CD take it: YAML 1.1, where ``yes`` and ``0644`` are not text.

Both read with sigs.k8s.io/yaml, which stays with 1.1 but takes dates as text.
https://pkg.go.dev/sigs.k8s.io/yaml
"""

import json
import math
import warnings
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MantissaNoDotYAML1_1Warning, YAMLError
from ruamel.yaml.nodes import ScalarNode
from ruamel.yaml.resolver import VersionedResolver

from bootstrap.errors import GitOpsError

Json: TypeAlias = "dict[str, Json] | list[Json] | str | int | float | bool | None"
"""What is left of YAML in Helm and Argo CD, which make JSON of it first."""

_HEADER = "%YAML 1.1\n---\n"

_MOST = 1_000_000
"""How many values a file may have with its aliases written out: more is an attack on whoever reads it."""

_UNREADABLE = (YAMLError, ValueError, LookupError, TypeError, AttributeError, RecursionError)
"""How the parser fails: KeyError at ``!!bool maybe``, ValueError at ``!!int x``, RecursionError in a thousand lists."""


class _Constructor(SafeConstructor):
    """Takes dates as text, and numbers that no float can hold."""

    def number(self, node: ScalarNode) -> float | str:
        """Return a number; a commit such as 12e4567 is none to Go."""
        number = float(self.construct_yaml_float(node))
        return str(node.value) if math.isinf(number) and "inf" not in node.value.lower() else number


class _Resolver(VersionedResolver):
    """Stays with 1.1; by itself it does so for the first document only."""

    @property
    def processing_version(self) -> tuple[int, int]:
        """Return the version that every document is read as."""
        return 1, 1


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)
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
    documents = load_all(read_text(path, source), source)
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
    """Spell a value as YAML that means the same to readers of 1.1 and 1.2."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # its type follows from its default, None
    yaml.width = 4096
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue().removeprefix(_HEADER)


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
        self._done: dict[int, tuple[Json, int]] = {}
        self._inside: set[int] = set()

    def read(self, document: object) -> Json:
        return self._value(document)[0]

    def _value(self, value: object) -> tuple[Json, int]:
        """Return a value, and of how many it is made."""
        if isinstance(value, float) and not math.isfinite(value):
            raise ValueError(f"{value} is no number of JSON")
        if value is None or isinstance(value, str | int | float):
            return value, 1
        if not isinstance(value, dict | list):
            raise TypeError(f"{type(value).__name__} is no type of JSON")
        # an alias is the anchor's own object
        if id(value) in self._inside:
            raise ValueError("an anchor contains itself")
        if id(value) not in self._done:
            self._inside.add(id(value))
            self._done[id(value)] = self._collection(value)
            self._inside.remove(id(value))
        return self._done[id(value)]

    def _collection(self, value: dict[object, object] | list[object]) -> tuple[Json, int]:
        made: Json
        if isinstance(value, list):
            parts = [self._value(item) for item in value]
            made = [part for part, _ in parts]
        else:
            parts = [self._value(item) for item in value.values()]
            keys = [_key(key) for key in value]
            if len(set(keys)) != len(keys):
                raise ValueError(f"found duplicate key {next(key for key in keys if keys.count(key) > 1)!r}")
            made = dict(zip(keys, (part for part, _ in parts), strict=True))
        size = 1 + sum(count for _, count in parts)
        if size > _MOST:
            raise ValueError(f"its aliases stand for more than {_MOST:,} values")
        return made, size


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
