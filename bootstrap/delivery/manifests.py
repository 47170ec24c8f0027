"""YAML as Helm and Argo CD take it: YAML 1.1, where ``yes`` and ``0644`` are not text.

Both read with sigs.k8s.io/yaml, which stays with 1.1 but takes dates as text.
https://pkg.go.dev/sigs.k8s.io/yaml
"""

import json
import warnings
from functools import lru_cache
from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import MantissaNoDotYAML1_1Warning, YAMLError
from ruamel.yaml.resolver import VersionedResolver

from bootstrap.errors import GitOpsError

_HEADER = "%YAML 1.1\n---\n"


class _Constructor(SafeConstructor):
    """Takes dates as text."""


class _Resolver(VersionedResolver):
    """Stays with 1.1; by itself it does so for the first document only."""

    @property
    def processing_version(self) -> tuple[int, int]:
        """Return the version that every document is read as."""
        return 1, 1


_Constructor.add_constructor("tag:yaml.org,2002:timestamp", SafeConstructor.construct_yaml_str)


def load_all(text: str, source: object) -> list[Any]:
    """Return a file's documents, empty ones left out; ``source`` is what a message names.

    Raises:
        GitOpsError: it is not YAML, or a key stands twice.
    """
    try:
        return list(_documents(text))
    except YAMLError as error:
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
    except (OSError, UnicodeDecodeError) as error:
        raise GitOpsError(f"{source} cannot be read: {error}") from None


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
    if not isinstance(document, dict) or not all(isinstance(key, str) for key in document):
        raise GitOpsError(f"{source} holds no mapping with text for keys")
    return document


def dump(value: Any) -> str:  # noqa: ANN401 - YAML data
    """Spell a value as YAML that means the same to readers of 1.1 and 1.2."""
    yaml = YAML(typ="safe", pure=True)
    yaml.version = (1, 1)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment] # its type follows from its default, None
    yaml.width = 4096
    stream = StringIO()
    yaml.dump(value, stream)
    return stream.getvalue().removeprefix(_HEADER)


def same(one: Any, other: Any) -> bool:  # noqa: ANN401 - YAML data
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
        return tuple(document for document in yaml.load_all(text) if document is not None)


def _short(error: YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    return f"line {mark.line + 1}: {problem}" if mark and problem else str(error).splitlines()[0]
