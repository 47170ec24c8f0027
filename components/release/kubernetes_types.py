"""What is known of the types inside a cluster, as the Kubernetes provider spells them."""

from collections.abc import Mapping
from typing import Any

PREFIX = "kubernetes:"
"""Begins the tokens of the Kubernetes provider's types."""
RELEASE = "kubernetes:helm.sh/v3:Release"
PROVIDER = "pulumi:providers:kubernetes"

RELEASE_SECONDS, OBJECT_SECONDS = 60, 3
"""Typical seconds of a release and of any other object, for the critical path only."""

DESTRUCTIVE = frozenset(
    {
        RELEASE,
        "kubernetes:core/v1:Namespace",
        # its finalizer takes every application along
        "kubernetes:argoproj.io/v1alpha1:Application",
        # everything behind a replaced provider is replaced
        PROVIDER,
    }
)
"""Types whose removal or replacement interrupts traffic or loses data."""

_REPLACED_BY = {RELEASE: frozenset({"name", "namespace"}), PROVIDER: frozenset({"clusterIdentifier"})}


def kubernetes_id(token: str, inputs: Mapping[str, Any]) -> str:
    """Return an object's id: its name, after its namespace where it has one.

    https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/import-kubernetes-resources/
    """
    place = inputs if token == RELEASE else inputs["metadata"]
    namespace = place.get("namespace")
    return f"{namespace}/{place['name']}" if namespace else str(place["name"])


def replaces(token: str, path: str) -> bool:
    """Return whether a changed input replaces its object or provider: for any object, its name and namespace."""
    if token.startswith(PREFIX) and path in {"metadata.name", "metadata.namespace"}:
        return True
    return path in _REPLACED_BY.get(token, ())
