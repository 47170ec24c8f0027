"""No secret may sit in Git: neither in a file of either half nor in what the charts render."""

import re
from collections.abc import Iterator
from pathlib import Path

from bootstrap.delivery.gitops import inside
from bootstrap.delivery.manifests import load_all
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.validate.findings import Finding
from bootstrap.errors import GitOpsError
from conventions import HALVES

_MESSAGE = "a Secret's text would be in Git; put it in the vault and name it in an ExternalSecret"
# at the left margin: deeper inside, these words are others' fields
_KIND = re.compile(r"^kind\s*:\s*[\"']?Secret[\"']?\s*(?:#|$)", re.MULTILINE)
_DATA = re.compile(r"^(?:data|stringData)\s*:", re.MULTILINE)
_PRIVATE_KEY = re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----")


def in_files(root: Path) -> Iterator[Finding]:
    """Yield the files that hold a Secret or a private key; templates are read as text."""
    for file in (file for half in HALVES for file in sorted((root / half).rglob("*"))):
        where = str(file.relative_to(root))
        try:
            text = inside(root, file).read_bytes().decode("utf-8", errors="replace")
        except (OSError, GitOpsError):
            # a folder, or what the check of every file by itself has something to say of
            continue
        if _PRIVATE_KEY.search(text):
            yield Finding(where=where, path="", message="holds a private key")
        if "Secret" not in text:
            continue
        try:
            documents = load_all(text, where) if file.suffix in {".yaml", ".yml", ".json"} else []
        except GitOpsError:
            # a template: what it renders is looked at too, but not every value turns every line on
            if _KIND.search(text) and _DATA.search(text):
                yield Finding(where=where, path="", message=_MESSAGE)
            continue
        for document in documents:
            yield from (Finding(where=where, path=path, message=_MESSAGE) for path in _secrets(document, ""))


def in_objects(objects: list[Object], where: str) -> Iterator[Finding]:
    """Yield the Secrets among rendered objects."""
    for item in objects:
        for path in _secrets(item.document, ""):
            yield Finding(where=where, path=path, message=f"{item.label}: {_MESSAGE}")


def _secrets(value: object, path: str) -> Iterator[str]:
    """Yield where Secrets with something in them stand, however deep."""
    if isinstance(value, dict):
        if value.get("kind") == "Secret" and value.get("apiVersion") == "v1":
            yield from (f"{path}.{key}".lstrip(".") for key in ("data", "stringData") if value.get(key))
        for key, item in value.items():
            yield from _secrets(item, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secrets(item, f"{path}[{index}]")
