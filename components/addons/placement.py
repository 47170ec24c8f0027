"""Where the addons' pods may run."""

from typing import Any

SYSTEM_POOL_TOLERATIONS: list[dict[str, Any]] = [
    {"key": "CriticalAddonsOnly", "operator": "Equal", "value": "true", "effect": "NoSchedule"}
]
"""Lets addons run on the system pool, so that they need not wait for user pools."""


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
