"""Runs ``kustomize build`` as Argo CD's repository server does by default: without plugins, Helm or other options.

What is built comes from the repository alone. Argo CD would also fetch remote bases, whose change would deploy
something else without a commit here, and read bases beside the repository; both are refused.
https://github.com/argoproj/argo-cd/blob/v3.4.4/util/kustomize/kustomize.go
"""

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootstrap.delivery.gitops import inside, is_there, kustomization_in
from bootstrap.delivery.manifests import entries, load_mapping
from bootstrap.errors import GitOpsError, KustomizeError, MissingToolError

_SECONDS = 60
_FOLDERS = ("resources", "bases", "components")
"""Fields whose entries may be folders with a kustomization of their own.

https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/
"""
_FILES = ("configurations", "crds", "generators", "transformers", "validators", "patchesStrategicMerge")
"""Fields that list files."""
_REMOTE = re.compile(r"(git::|git@|[a-z0-9+.-]+://|github\.com[:/])|.*(//|[?&]ref=)", re.IGNORECASE | re.DOTALL)

_LOGGED = re.compile(r'E\d{4} [^\]]*\] "command failed" err="(?P<error>.*)"', re.DOTALL)
"""An error as some builds of kubectl, such as Google Cloud's, log it."""


def build(root: Path, folder: Path) -> str:
    """Return what Kustomize writes for a folder.

    Args:
        root: the project.
        folder: where the kustomization is.

    Raises:
        MissingToolError: neither Kustomize nor kubectl is on PATH.
        GitOpsError: it reads something that is not in the repository.
        KustomizeError: Kustomize refuses; the text is its own.
    """
    command = find_kustomize()
    if mistakes := list(_foreign(root.resolve(), folder.resolve(), set())):
        raise GitOpsError("\n".join(mistakes))
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-kustomize-") as home:
        try:
            done = subprocess.run(
                [*command, str(folder)],
                check=False,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_SECONDS,
                cwd=root,
                # a line of an envs file without = takes a variable's value; and nothing is to be fetched
                env={"PATH": os.environ.get("PATH", ""), "HOME": home, "GIT_ALLOW_PROTOCOL": "none"},
            )
        except subprocess.TimeoutExpired:
            raise KustomizeError(f"Kustomize did not end within {_SECONDS} s") from None
    if done.returncode != 0:
        reason = done.stderr.strip().removeprefix("Error: ").removeprefix("error: ")
        if logged := _LOGGED.fullmatch(reason):
            reason = logged["error"].replace('\\"', '"')
        raise KustomizeError(reason.replace(f"{root}/", "") or "Kustomize failed and said nothing")
    return done.stdout


def find_kustomize() -> list[str]:
    """Return the command that builds: Kustomize's own, or kubectl's.

    Raises:
        MissingToolError: neither is there.
    """
    if found := shutil.which("kustomize"):
        return [found, "build"]
    if found := shutil.which("kubectl"):
        return [found, "kustomize"]
    raise MissingToolError(
        "Kustomize is not on PATH, nor is kubectl, which has it too: install version 5 "
        "(https://kubectl.docs.kubernetes.io/installation/kustomize/)"
    )


def _foreign(root: Path, folder: Path, seen: set[Path]) -> Iterator[str]:
    """Yield what a kustomization, or one that it names, would read from elsewhere than the repository."""
    seen.add(folder)
    name = kustomization_in(folder)
    if name is None:
        # Kustomize tells
        return
    shown = (folder / name).relative_to(root)
    try:
        inside(root, folder / name)
        kustomization = load_mapping(folder / name, shown)
    except GitOpsError as error:
        message = str(error)
        yield message if message.startswith(str(shown)) else f"{shown} {message}"
        return
    for field, entry in _named(kustomization):
        path = folder / entry
        if "\n" in entry:
            # written out in the place of a file
            continue
        if not is_there(path):
            if _REMOTE.match(entry):
                yield f"{shown}: {field}: {entry} is not in this repository; allowed: paths of it, such as a copy"
            continue
        try:
            resolved = inside(root, path)
        except GitOpsError as error:
            yield f"{shown}: {field}: {entry} {error}"
            continue
        if field in _FOLDERS and resolved.is_dir() and resolved not in seen:
            yield from _foreign(root, resolved, seen)


def _named(kustomization: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every path of a kustomization, with its field."""
    for field in (*_FOLDERS, *_FILES):
        yield from ((field, entry) for entry in entries(kustomization.get(field)) if isinstance(entry, str))
    for field in ("patches", "patchesJson6902", "replacements"):
        for item in entries(kustomization.get(field)):
            yield from _text(item, "path", f"{field}.path")
    yield from _text(kustomization.get("openapi"), "path", "openapi.path")
    for field in ("configMapGenerator", "secretGenerator"):
        for item in entries(kustomization.get(field)):
            for key in ("files", "envs"):
                listed = entries(item.get(key)) if isinstance(item, dict) else []
                # a key of the ConfigMap may stand before the file
                texts = (text.partition("=") for text in listed if isinstance(text, str))
                yield from ((f"{field}.{key}", path or text) for text, _, path in texts)
            yield from _text(item, "env", f"{field}.env")


def _text(item: object, key: str, field: str) -> Iterator[tuple[str, str]]:
    if isinstance(item, dict) and isinstance(item.get(key), str):
        yield field, item[key]
