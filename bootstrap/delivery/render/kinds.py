"""Which kinds of objects a cluster has, and whether they live in a namespace.

Kubernetes' own come from its Python client; those of the addons from ``gitops/cluster/kinds.yaml``.
"""

import re
from functools import cache
from pathlib import Path
from typing import Any

from bootstrap.delivery.manifests import load_all, read_text
from bootstrap.errors import GitOpsError
from conventions import GITOPS_FOLDER

FILE = Path(GITOPS_FOLDER) / "cluster" / "kinds.yaml"


class Kinds:
    """The kinds of a cluster that the bootstrap built."""

    def __init__(self, root: Path) -> None:
        """Read the addons' kinds.

        Raises:
            GitOpsError: the file is not what it has to be.
        """
        self._namespaced: dict[tuple[str, str], bool] = {}
        path = root / FILE
        documents = load_all(read_text(path, FILE), FILE) if path.is_file() else []
        for entry in documents[0] if documents else []:
            if not isinstance(entry, dict) or set(entry) - {"from", "apiVersion", "namespaced", "cluster"}:
                raise GitOpsError(f"{FILE}: every entry has apiVersion, from, and lists namespaced and cluster")
            for scope in ("namespaced", "cluster"):
                for kind in entry.get(scope) or []:
                    self._namespaced[str(entry.get("apiVersion")), str(kind)] = scope == "namespaced"

    @property
    def api_versions(self) -> list[str]:
        """What ``helm template`` is told of, besides what it knows: ``group/version`` and ``group/version/Kind``.

        https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#kubernetes-capabilities
        """
        return sorted({version for version, _ in self._namespaced} | {"/".join(both) for both in self._namespaced})

    def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Whether objects of this kind live in a namespace; None where the cluster has no such kind."""
        known = self._namespaced.get((api_version, kind))
        if known is not None:
            return known
        method = create_method(api_version, kind)
        return None if method is None else "_namespaced_" in method.__name__


@cache
def create_method(api_version: str, kind: str) -> Any:  # noqa: ANN401 - a function of a generated class
    """Return the client's function that creates objects of one of Kubernetes' own kinds; None where it has none."""
    from kubernetes import client  # noqa: PLC0415 - a third of a second that other commands do not need

    group, _, version = api_version.rpartition("/")
    if group.count(".") and not group.endswith(".k8s.io"):
        return None
    parts = (group or "core").removesuffix(".k8s.io").split(".")
    api = getattr(client, "".join(map(str.capitalize, parts)) + version.capitalize() + "Api", None)
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    names = (f"create_namespaced_{snake}", f"create_{snake}")
    return next((getattr(api, name) for name in names if hasattr(api, name)), None)
