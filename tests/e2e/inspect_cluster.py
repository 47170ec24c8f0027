"""Reads what tests check inside a cluster."""

import json
import time
from typing import Any

from kubernetes import client


def namespaces(api: Any) -> set[str]:
    items: Any = client.CoreV1Api(api).list_namespace().items
    return {found.metadata.name for found in items}


COMING_AND_GOING = {"endpoints", "endpointslices", "events", "leases", "nodes", "controllerrevisions"}
"""What a cluster makes for itself, at any time."""


def everything(api: Any) -> set[str]:
    """Name every object in the cluster but those that come and go by themselves."""
    listed = [("api/v1", client.CoreV1Api(api).get_api_resources())]
    groups: Any = client.ApisApi(api).get_api_versions().groups
    for group in groups:
        version = group.preferred_version.group_version
        listed.append((f"apis/{version}", client.CustomObjectsApi(api).get_api_resources(*version.split("/"))))
    found = set()
    for path, answer in listed:
        for kind in answer.resources:
            if "list" in kind.verbs and "/" not in kind.name and kind.name not in COMING_AND_GOING:
                answered = api.rest_client.request("GET", f"{api.configuration.host}/{path}/{kind.name}")
                for item in json.loads(answered.read())["items"]:
                    metadata = item["metadata"]
                    found.add(f"{kind.name} {metadata.get('namespace', '')}/{metadata['name']}")
    return found


def has_settled(api: Any) -> bool:
    """Whether a new cluster has made what it makes for itself in its own namespaces."""
    core = client.CoreV1Api(api)
    accounts: Any = core.list_service_account_for_all_namespaces(field_selector="metadata.name=default").items
    bundles: Any = core.list_config_map_for_all_namespaces(field_selector="metadata.name=kube-root-ca.crt").items
    own = {"default", "kube-system", "kube-public", "kube-node-lease"}
    return all(own <= {item.metadata.namespace for item in found} for found in (accounts, bundles))


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
