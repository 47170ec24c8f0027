"""Ids of objects inside a cluster, as the Kubernetes provider spells them."""

from collections.abc import Mapping
from typing import Any

RELEASE = "kubernetes:helm.sh/v3:Release"


def kubernetes_id(type_: str, inputs: Mapping[str, Any]) -> str:
    """Return an object's id: its name, after its namespace where it has one.

    https://www.pulumi.com/registry/packages/kubernetes/how-to-guides/import-kubernetes-resources/
    """
    place = inputs if type_ == RELEASE else inputs["metadata"]
    namespace = place.get("namespace")
    return f"{namespace}/{place['name']}" if namespace else str(place["name"])
