"""Which kinds of objects a cluster has, and whether they live in a namespace.

Kubernetes' own come from its Python client; those of the addons from ``gitops/cluster/kinds.yaml``.
"""

from startup import on_demand

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.delivery.manifests import load_all, read_text
from bootstrap.errors import GitOpsError
from conventions import GITOPS_FOLDER

if TYPE_CHECKING:
    from kubernetes import client
else:
    client = on_demand("kubernetes.client")  # a third of a second that other commands do not need

FILE = Path(GITOPS_FOLDER) / "cluster" / "kinds.yaml"

# Helm is told both on its command line: https://kubernetes.io/docs/reference/using-api/#api-groups
_API_VERSION = re.compile(r"([a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[a-z0-9]+")
_KIND = re.compile(r"[A-Z][A-Za-z0-9]*")
_STABLE = ("v1", "v2")
"""Versions that are served in every cluster; others a cluster has to be asked for."""
_OWN_GROUPS = (
    *("", "apps", "autoscaling", "batch", "policy"),
    *(
        f"{name}.k8s.io"
        for name in (
            *("admissionregistration", "apiextensions", "apiregistration", "certificates", "coordination", "discovery"),
            *("events", "flowcontrol.apiserver", "networking", "node", "rbac.authorization", "resource", "scheduling"),
            "storage",
        )
    ),
)
"""Groups of Kubernetes' own kinds that can be listed. https://kubernetes.io/docs/reference/kubernetes-api/."""
_YOUNG = frozenset(
    {
        *("ClusterTrustBundle", "DeviceTaintRule", "PodCertificateRequest"),
        *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding"),
    }
)
"""Kinds that the client has in a stable version, and the oldest Kubernetes that is supported has not (1.35)."""
_KEYS = ("from", "apiVersion", "namespaced", "cluster")


class Kinds:
    """The kinds of a cluster that the bootstrap built."""

    def __init__(self, root: Path) -> None:
        """Read the addons' kinds.

        Raises:
            GitOpsError: the file is not what it has to be; all mistakes at once.
        """
        self._namespaced: dict[tuple[str, str], bool] = {}
        path = root / FILE
        documents = load_all(read_text(path, FILE), FILE) if path.exists() or path.is_symlink() else []
        if mistakes := list(_mistakes(documents)):
            raise GitOpsError("\n".join(f"{FILE}: {mistake}" for mistake in mistakes))
        for entry in documents[0] if documents else []:
            for scope in ("namespaced", "cluster"):
                for kind in entry.get(scope) or []:
                    self._namespaced[entry["apiVersion"], kind] = scope == "namespaced"

    @property
    def api_versions(self) -> list[str]:
        """What ``helm template`` is told of: ``group/version`` and ``group/version/Kind``, of which it knows few.

        https://argo-cd.readthedocs.io/en/stable/user-guide/helm/#kubernetes-capabilities
        """
        served = {*self._namespaced, *_own_kinds()}
        return sorted({version for version, _ in served} | {"/".join(both) for both in served})

    def namespaced(self, api_version: str, kind: str) -> bool | None:
        """Whether objects of this kind live in a namespace; None where the cluster has no such kind."""
        known = self._namespaced.get((api_version, kind))
        if known is not None:
            return known
        method = create_method(api_version, kind)
        return None if method is None else "_namespaced_" in method.__name__


def _mistakes(documents: list[object]) -> Iterator[str]:
    if len(documents) > 1:
        yield f"got {len(documents)} documents; allowed: one"
        return
    listed = documents[0] if documents else []
    if not isinstance(listed, list):
        yield f"got a {type(listed).__name__}; allowed: a list, an entry for each apiVersion"
        return
    for index, entry in enumerate(listed):
        if not isinstance(entry, dict):
            yield f"[{index}]: got {entry!r}; allowed: a mapping with {', '.join(_KEYS)}"
            continue
        for key in sorted(set(entry) - set(_KEYS)):
            yield f"[{index}].{key}: unknown key; allowed: {', '.join(_KEYS)}"
        version = entry.get("apiVersion")
        if not (isinstance(version, str) and _API_VERSION.fullmatch(version)):
            yield f"[{index}].apiVersion: got {version!r}; allowed: text such as cert-manager.io/v1"
        for scope in ("namespaced", "cluster"):
            kinds = entry.get(scope) or []
            if not isinstance(kinds, list) or not all(_is_kind(kind) for kind in kinds):
                yield f"[{index}].{scope}: got {kinds!r}; allowed: a list of kinds such as Certificate"


def _is_kind(kind: object) -> bool:
    return isinstance(kind, str) and _KIND.fullmatch(kind) is not None


@cache
def _own_kinds() -> frozenset[tuple[str, str]]:
    """Return Kubernetes' own kinds that can be listed, as Argo CD finds them in the cluster, each with its version."""
    # CoreV1Event and EventsV1Event, as several groups have the kind
    models = [found for name in client.__all__ if (found := re.fullmatch(r"(?:[A-Z][a-z]+)?(V[0-9])([A-Z]\w*)", name))]
    return frozenset(
        (api_version, kind)
        for group in _OWN_GROUPS
        for version in _STABLE
        for api_version in [f"{group}/{version}".lstrip("/")]
        for kind in {model[2] for model in models if model[1] == version.capitalize()}
        if kind not in _YOUNG and _is_listed(api_version, kind)
    )


def _is_listed(api_version: str, kind: str) -> bool:
    method = create_method(api_version, kind)
    if method is None:
        return False
    owner = getattr(client, method.__qualname__.partition(".")[0])
    return hasattr(owner, method.__name__.replace("create_", "list_", 1))


@cache
def create_method(api_version: str, kind: str) -> Callable[..., object] | None:
    """Return the client's function that creates objects of one of Kubernetes' own kinds; None where it has none."""
    group, _, version = api_version.rpartition("/")
    if group.count(".") and not group.endswith(".k8s.io"):
        return None
    parts = (group or "core").removesuffix(".k8s.io").split(".")
    api = getattr(client, "".join(map(str.capitalize, parts)) + version.capitalize() + "Api", None)
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    names = (f"create_namespaced_{snake}", f"create_{snake}")
    return next((getattr(api, name) for name in names if hasattr(api, name)), None)
