"""Where the addons' pods may run, and where they would rather."""

from typing import Any

SYSTEM_POOL_TOLERATIONS: list[dict[str, Any]] = [
    {"key": "CriticalAddonsOnly", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
]
"""Lets addons run on the system pool, so that they need not wait for user pools."""

LINUX = {"kubernetes.io/os": "linux"}
"""Keeps addons off Windows nodes, which their images cannot run on."""

SYSTEM_POOL_EXPRESSION: dict[str, Any] = {"key": "kubernetes.azure.com/mode", "operator": "In", "values": ["system"]}
"""Matches nodes of the system pool. https://learn.microsoft.com/azure/aks/use-system-pools"""

PREFER_SYSTEM_POOL: dict[str, Any] = {
    "nodeAffinity": {
        "preferredDuringSchedulingIgnoredDuringExecution": [
            {"weight": 100, "preference": {"matchExpressions": [SYSTEM_POOL_EXPRESSION]}}
        ]
    }
}
"""Keeps addons on the system pool while it has room: a user pool may be spot, or scale in."""

PLACEMENT: dict[str, Any] = {
    "tolerations": SYSTEM_POOL_TOLERATIONS,
    "nodeSelector": LINUX,
    "affinity": PREFER_SYSTEM_POOL,
}
"""All of it, under the keys that charts commonly use."""


def replicated(app: str, *, several: bool) -> dict[str, Any]:
    """Return the values of a part that runs once, or twice with a disruption budget and spread over zones and nodes.

    Args:
        app: the part's label ``app.kubernetes.io/name``.
        several: whether it runs twice. A budget over a single replica would stop every drain.
    """
    return {
        **PLACEMENT,
        "replicaCount": 2 if several else 1,
        "podDisruptionBudget": {"enabled": several, "minAvailable": 1},
        "topologySpreadConstraints": spread({"app.kubernetes.io/name": app}) if several else [],
    }


def spread(labels: dict[str, str]) -> list[dict[str, Any]]:
    """Return constraints that spread pods of these labels over zones and nodes without ever keeping one pending."""
    return [
        {
            "maxSkew": 1,
            "topologyKey": key,
            "whenUnsatisfiable": "ScheduleAnyway",
            "labelSelector": {"matchLabels": labels},
        }
        for key in ("topology.kubernetes.io/zone", "kubernetes.io/hostname")
    ]
