"""Objects of the cluster as JSON: where they are, and what their status says."""

from collections.abc import Mapping
from typing import Any


def path_of(group: str, version: str, plural: str, namespace: str | None = None, name: str | None = None) -> str:
    """Return the path of a kind's objects, or of one of them.

    Args:
        group: the API group; empty for the core.
        version: of the group.
        plural: the kind, as RBAC calls it.
        namespace: None for every namespace, and for kinds that have none.
        name: None for all.
    """
    parts = ["/apis", group, version] if group else ["/api", version]
    parts += ["namespaces", namespace] if namespace else []
    parts += [plural] + ([name] if name else [])
    return "/".join(parts)


def condition(found: Mapping[str, Any], type_: str) -> dict[str, Any]:
    """Return a condition of an object's status; empty where it has none of that type."""
    conditions = (found.get("status") or {}).get("conditions") or []
    return next((dict(each) for each in conditions if each.get("type") == type_), {})


def is_true(found: Mapping[str, Any], type_: str) -> bool:
    """Return whether a condition of an object holds."""
    return condition(found, type_).get("status") == "True"


def said(state: Mapping[str, Any]) -> str:
    """Return what a condition says of itself, on one line."""
    text = " ".join(str(state.get("message") or "").split())
    return text or str(state.get("reason") or "nothing is said of it")


def name_of(found: Mapping[str, Any]) -> str:
    """Return an object's name."""
    return str(found["metadata"]["name"])
