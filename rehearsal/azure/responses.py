"""Responses about a resource: its inputs, drift, and the properties that Azure adds."""

import base64
import copy
import json
from collections.abc import Mapping
from typing import Any

from components.azure.resource_types import name_of, resource_type
from rehearsal.azure.cloud import Cloud
from rehearsal.azure.server_properties import add_server_properties


def outputs(cloud: Cloud, resource: Mapping[str, Any], subscription: str) -> dict[str, Any]:
    """Return a resource's properties as Azure would return them now, as the SDK has them.

    Args:
        cloud: the cloud that holds the resource.
        resource: its entry there.
        subscription: the subscription's id.
    """
    # names of the resource and of its parents are part of its id, and not of Azure's response
    places = resource_type(resource["type"]).places
    response = copy.deepcopy({k: v for k, v in resource["inputs"].items() if k not in places})
    add_server_properties(cloud, resource, response, subscription)
    for path, value in resource["drift"].items():
        _set(response, path, value)
    return response


def kubeconfig(cloud: Cloud, cluster: Mapping[str, Any]) -> str:
    """Return the response of listClusterUserCredential: the control plane's address, with a sign-in that cannot work.

    The program replaces the sign-in by kubelogin.
    """
    plane = cloud.control_plane(cluster["controlPlane"])
    name = name_of(cluster["id"])
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {
                "name": name,
                "cluster": {
                    "server": plane.server,
                    "certificate-authority-data": plane.certificate_authority,
                },
            }
        ],
        "users": [{"name": name, "user": {"auth-provider": {"name": "azure"}}}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    return base64.b64encode(json.dumps(document).encode()).decode()


def _set(response: dict[str, Any], path: str, value: object) -> None:
    *above, last = path.split(".")
    place: Any = response
    for part in above:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    place[int(last) if last.isdigit() else last] = value
