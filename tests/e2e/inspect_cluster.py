"""Reads what tests check inside a cluster."""

import time
from typing import Any

from kubernetes import client


def namespaces(api: Any) -> set[str]:
    items: Any = client.CoreV1Api(api).list_namespace().items
    return {found.metadata.name for found in items}


def root_application(api: Any) -> dict[str, Any] | None:
    try:
        found: Any = client.CustomObjectsApi(api).get_namespaced_custom_object(
            "argoproj.io", "v1alpha1", "argocd", "applications", "root"
        )
    except client.ApiException as error:
        if error.status == 404:
            return None
        raise
    return dict(found)


def helm_records(api: Any, namespace: str) -> dict[str, str]:
    """Return the status of each revision in a namespace."""
    secrets: Any = client.CoreV1Api(api).list_namespaced_secret(namespace, label_selector="owner=helm").items
    return {s.metadata.labels["version"]: s.metadata.labels["status"] for s in secrets}


def wait_for(condition: Any, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true in time"
        time.sleep(0.2)
