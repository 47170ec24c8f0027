"""Reads a folder of manifests as Argo CD's repository server does.

https://argo-cd.readthedocs.io/en/stable/user-guide/directory/
https://github.com/argoproj/argo-cd/blob/v3.4.4/reposerver/repository/repository.go, findManifests
"""

import codecs
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from bootstrap.delivery.gitops import inside
from bootstrap.delivery.manifests import load_all
from bootstrap.errors import GitOpsError

MOST_BYTES = 10_000_000
"""Of all manifests of a folder: ``reposerver.max.combined.directory.manifests.size``, 10M where nobody sets it."""
SKIPPED = "+argocd:skip-file-rendering"
"""A file that has this anywhere is none of the manifests."""

_JSONNET = ".jsonnet"
_SUFFIXES = (".yaml", ".yml", ".json", _JSONNET)
_SEPARATOR = re.compile(r"---\s*(#.*)?")
_OF_A_MANIFEST = ("apiVersion:", "kind:", "metadata:")
"""Words without which a file that cannot be read is taken for something else, and left out."""


def read_directory(root: Path, folder: Path, *, recurse: bool) -> list[object]:
    """Return what a folder's manifests hold: objects, and lists of them.

    Args:
        root: the project, out of which no link may lead.
        folder: the folder.
        recurse: whether the manifests of its folders count too.

    Raises:
        GitOpsError: Argo CD would refuse a file, or evaluate it as Jsonnet, which is not done here.
    """
    found: list[object] = []
    size = 0
    for path in _files(folder, recurse=recurse):
        shown = path.relative_to(root.resolve())
        text = _text(root, path, shown)
        if text is None or SKIPPED in text:
            continue
        if path.suffix == _JSONNET:
            raise GitOpsError(f"{shown} is Jsonnet, which is not rendered here; allowed: YAML and JSON")
        size += path.stat().st_size
        if size > MOST_BYTES:
            raise GitOpsError(f"{folder.relative_to(root.resolve())} has manifests of more than {MOST_BYTES:,} bytes")
        found += [_of_json(text, shown)] if path.suffix == ".json" else _of_yaml(text, shown)
    return found


def _files(folder: Path, *, recurse: bool) -> Iterator[Path]:
    """Yield the files that may be manifests, in the order of Go's filepath.Walk; a link to a folder is none."""
    for entry in sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name)):
        if entry.is_dir(follow_symlinks=False):
            if recurse:
                yield from _files(Path(entry.path), recurse=recurse)
        elif entry.name.endswith(_SUFFIXES):
            yield Path(entry.path)


def _text(root: Path, path: Path, shown: Path) -> str | None:
    """Return a file's text; None of a link that leads to nothing, or to no file."""
    try:
        inside(root, path)
    except GitOpsError as error:
        raise GitOpsError(f"{shown} {error}") from None
    if not path.is_file():
        return None
    try:
        content = path.read_bytes()
        marked = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        return content.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise GitOpsError(f"{shown} is not UTF-8: {error.reason} at byte {error.start}") from None
    except OSError as error:
        raise GitOpsError(f"{shown} cannot be read: {error.strerror}") from None


def _of_json(text: str, shown: Path) -> object:
    try:
        document, end = json.JSONDecoder(parse_constant=_no_number).raw_decode(text.lstrip())
    except RecursionError:
        raise GitOpsError(f"{shown} is not JSON that anybody reads: it is nested too deep") from None
    except ValueError as error:
        raise GitOpsError(f"{shown} is not JSON: {error}") from None
    if text.lstrip()[end:].strip():
        raise GitOpsError(f"{shown} holds something behind the first object; allowed: one object")
    if not _is_object(document):
        raise GitOpsError(f"{shown} holds no object: kind is missing")
    return document


def _no_number(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _of_yaml(text: str, shown: Path) -> list[object]:
    """Return the objects of a file; none of one that looks like something else than manifests.

    Raises:
        GitOpsError: a document is no object, behind one that is or in a file that looks like a manifest.
    """
    found: list[object] = []
    try:
        for document in map(_document, _split(text)):
            if document is None:
                continue
            if not _is_object(document):
                raise GitOpsError("a document is no object: kind is missing")
            found.append(document)
    except GitOpsError as error:
        if found or all(word in text for word in _OF_A_MANIFEST):
            raise GitOpsError(f"{shown}: {error}") from None
        return []
    return found


def _document(text: str) -> object:
    documents = load_all(text, "a document")
    return documents[0] if documents else None


def _split(text: str) -> Iterator[str]:
    """Yield the texts between separators.

    https://github.com/kubernetes/apimachinery/blob/v0.36.0/pkg/util/yaml/decoder.go, YAMLReader
    """
    lines: list[str] = []
    for line in text.splitlines(keepends=True):
        if not line.startswith("---"):
            lines.append(line)
            continue
        if not _SEPARATOR.fullmatch(line.rstrip()):
            raise GitOpsError(f"{line.strip()!r} begins a document; allowed: --- alone on its line")
        yield "".join(lines)
        lines = []
    yield "".join(lines)


def _is_object(document: object) -> bool:
    return isinstance(document, dict) and isinstance(document.get("kind"), str) and document["kind"] != ""
