"""The cluster that a stack has deployed: another than its stack file asks for, until that is applied."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from conventions import CLUSTER_ARM_TYPE

if TYPE_CHECKING:
    from bootstrap.platform.doctor.needs import Needs


def cluster_id(needs: "Needs", outputs: Mapping[str, Any]) -> str:
    """Return the ARM id of the cluster that the stack's outputs name; the planned one's where they name none."""
    group, name = outputs.get("resourceGroup"), outputs.get("clusterName")
    if not group or not name:
        return needs.cluster.id
    return f"{needs.subscription}/resourceGroups/{group}/providers/{CLUSTER_ARM_TYPE}/{name}"


def cluster_name(cluster: str) -> str:
    """Return the name in a cluster's ARM id."""
    return cluster.rpartition("/")[2]


def generation_of(name: str) -> int | None:
    """Return the generation in a cluster's name; None where it has none."""
    found = re.search(r"-g(\d+)$", name)
    return int(found[1]) if found else None
