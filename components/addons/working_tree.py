"""The working tree's ``gitops/`` and ``tenants/`` as Argo CD's repository, where nobody has pushed anything.

A ConfigMap holds the files, and an init container of the repo-server, the only part of Argo CD that talks to Git,
commits them. Every replica makes the same commit, as its author and date are fixed.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi

from conventions import DEFAULT_REVISION, HALVES, WORKING_TREE_URL
from settings.addon_requests import SMALL

_ROOT = Path(__file__).resolve().parents[2]
_LIMIT = 1_000_000
"""Bytes that a ConfigMap holds, less some for names. https://kubernetes.io/docs/concepts/configuration/configmap/."""
_SOURCE, _REPOSITORIES = "/working-tree-files", str(Path(WORKING_TREE_URL.removeprefix("file://")).parent)

_COMMIT = f"""\
set -eu
git init --quiet --initial-branch={DEFAULT_REVISION} "$REPOSITORY"
for half in {" ".join(HALVES)}; do
  [ ! -e {_SOURCE}/$half ] || cp -rL {_SOURCE}/$half "$REPOSITORY"
done
cd "$REPOSITORY"
git add --all
git commit --quiet --message "The working tree"
"""
_IDENTITY = {
    f"GIT_{who}_{what}": value
    for who in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "aks-bootstrap"), ("EMAIL", "aks-bootstrap"), ("DATE", "2000-01-01T00:00:00Z"))
}
_IMAGE = (
    "{{ default .Values.global.image.repository .Values.repoServer.image.repository }}:"
    '{{ default (include "argo-cd.defaultTag" .) .Values.repoServer.image.tag }}'
)
"""The repo-server's own image, as its chart spells it: it has Git."""


def read_tree(repo_url: str, root: Path = _ROOT) -> dict[str, str]:
    """Return the text of every file in ``gitops/`` and ``tenants/``, by path.

    Args:
        repo_url: what the files call their repository; :data:`conventions.WORKING_TREE_URL` takes its place.
        root: the project.

    Raises:
        pulumi.RunError: a file is not text, a link leads out of its folder, or all are more than a ConfigMap holds.
    """
    # not where it begins a longer one
    url = re.compile(rf"{re.escape(repo_url)}(?![\w/-]|\.\w)")
    found: dict[str, str] = {}
    for path in (path for half in HALVES for path in sorted((root / half).rglob("*"))):
        name = path.relative_to(root).as_posix()
        if path.is_file() and not re.search(r"(^|/)\.", name):
            # whoever writes gitops/ must not choose what else of this machine the cluster gets to see
            half = path.relative_to(root).parts[0]
            if not path.resolve().is_relative_to(root.resolve() / half):
                raise pulumi.RunError(f"{name} is a link out of {half}/: put a file in its place")
            try:
                found[name] = url.sub(WORKING_TREE_URL, path.read_text(encoding="utf-8"))
            except UnicodeDecodeError:
                raise pulumi.RunError(f"{name} is not UTF-8 text, which gitops.source workingTree needs") from None
    size = sum(len(text.encode()) for text in found.values())
    if size > _LIMIT:
        raise pulumi.RunError(
            f"{' and '.join(f'{half}/' for half in HALVES)} have {size:,} bytes; gitops.source workingTree serves "
            f"{_LIMIT:,} at most: use gitops.source git"
        )
    return found


def config_map(files: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return the name and the data of the ConfigMap that holds the files.

    Other files have another name, so that no repo-server ever starts with some of both.
    """
    digest = hashlib.sha256(json.dumps(dict(files), sort_keys=True).encode()).hexdigest()
    return f"working-tree-{digest[:10]}", {_key(path): text for path, text in files.items()}


def repo_server_values(files: Mapping[str, str]) -> dict[str, Any]:
    """Return what the repo-server needs to serve the files: chart values below ``repoServer``."""
    mounts = [{"name": "working-tree", "mountPath": _REPOSITORIES}]
    items = [{"key": _key(path), "path": path} for path in files]
    return {
        "volumes": [
            {"name": "working-tree", "emptyDir": {}},
            {"name": "working-tree-files", "configMap": {"name": config_map(files)[0], "items": items}},
        ],
        "volumeMounts": mounts,
        "initContainers": [
            {
                "name": "working-tree",
                "image": _IMAGE,
                "command": ["sh", "-c", _COMMIT],
                "env": [
                    {"name": name, "value": value}
                    for name, value in {
                        "HOME": _REPOSITORIES,
                        "REPOSITORY": WORKING_TREE_URL.removeprefix("file://"),
                        **_IDENTITY,
                    }.items()
                ],
                "volumeMounts": [*mounts, {"name": "working-tree-files", "mountPath": _SOURCE, "readOnly": True}],
                "resources": SMALL.resources,
                "securityContext": {
                    "allowPrivilegeEscalation": False,
                    "capabilities": {"drop": ["ALL"]},
                    "readOnlyRootFilesystem": True,
                    "runAsNonRoot": True,
                    "seccompProfile": {"type": "RuntimeDefault"},
                },
            }
        ],
    }


def _key(path: str) -> str:
    """Return the key of a file: letters, digits, dots, hyphens and underscores."""
    return re.sub(r"[^A-Za-z0-9.-]", lambda found: "__" if found[0] == "/" else f"_{ord(found[0]):x}_", path)
