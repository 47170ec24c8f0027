"""Responses about a resource: its inputs, drift, and the properties that Azure generates."""

import base64
import copy
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from components.azure.resource_types import name_of, resource_type
from rehearsal.azure.cloud import Cloud

_NAMESPACE = uuid.UUID("2f4c1a7e-93b0-5d68-8f1e-6c0b7a9d3e52")


def outputs(cloud: Cloud, resource: Mapping[str, Any], subscription: str) -> dict[str, Any]:
    """Return a resource's properties as Azure would return them now.

    Args:
        cloud: the cloud that holds the resource.
        resource: its entry there.
        subscription: the subscription's id.
    """
    # names of the resource and of its parents are part of its id, and not of Azure's response
    places = resource_type(resource["type"]).places
    response = copy.deepcopy({k: v for k, v in resource["inputs"].items() if k not in places})
    add_generated = _GENERATED.get(resource["type"])
    if add_generated is not None:
        add_generated(cloud, resource, response, subscription)
    for path, value in resource["drift"].items():
        _set(response, path, value)
    response["name"] = name_of(resource["id"])
    response["provisioningState"] = "Succeeded" if resource["ready"] <= time.time() else "Creating"
    return response


def stable_uuid(resource: Mapping[str, Any], purpose: str) -> str:
    """Return a GUID that stays the same for the life of a resource, and differs once the resource is recreated."""
    return str(uuid.uuid5(_NAMESPACE, f"{resource['id'].lower()}|{resource['serial']}|{purpose}"))


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


def _address(number: int) -> str:
    """Return an address from a range reserved for documentation (RFC 5737)."""
    return f"198.51.100.{number % 250 + 2}"


def _cluster(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    inputs, name = resource["inputs"], name_of(resource["id"])
    location = inputs["location"]
    private = (inputs.get("apiServerAccessProfile") or {}).get("enablePrivateCluster")
    host = f"{inputs['dnsPrefix']}-{stable_uuid(resource, 'host')[:8]}"
    response["privateFQDN" if private else "fqdn"] = (
        f"{host}.{'privatelink.' if private else 'hcp.'}{location}.azmk8s.io"
    )
    response["resourceUID"] = stable_uuid(resource, "uid")
    response["currentKubernetesVersion"] = f"{inputs['kubernetesVersion']}.{cloud.behaviour.patch}"
    issuer = f"https://{location}.oic.prod-aks.azure.com/{stable_uuid(resource, 'tenant')}/{response['resourceUID']}/"
    response["oidcIssuerProfile"] = {**(response.get("oidcIssuerProfile") or {}), "issuerURL": issuer}
    # Azure accepts a list of identities, and returns a mapping
    ids = inputs["identity"].get("userAssignedIdentities") or []
    response["identity"] = {
        "type": inputs["identity"]["type"],
        "userAssignedIdentities": {id_: _identity_of(cloud, id_) for id_ in ids},
    }
    for profile in response["agentPoolProfiles"]:
        profile.update(_POOL_DEFAULTS, provisioningState="Succeeded")
        profile.setdefault("orchestratorVersion", inputs["kubernetesVersion"])
        profile["currentOrchestratorVersion"] = f"{profile['orchestratorVersion']}.{cloud.behaviour.patch}"
    for pool in cloud.descendants(resource["id"]):
        if pool["type"] == "containerservice:AgentPool":
            response["agentPoolProfiles"].append(outputs(cloud, pool, subscription))
    response["maxAgentPools"] = 100
    response["powerState"] = {"code": "Running"}
    response["azurePortalFQDN"] = f"{name}.portal.{location}.azmk8s.io"


def _identity_of(cloud: Cloud, id_: str) -> dict[str, str]:
    identity = cloud.get(id_)
    if identity is None:
        return {}
    return {"clientId": stable_uuid(identity, "client"), "principalId": stable_uuid(identity, "principal")}


_POOL_DEFAULTS = {"enableFIPS": False, "enableNodePublicIP": False, "kubeletDiskType": "OS", "scaleDownMode": "Delete"}
"""Properties that Azure sets on every pool."""


def _pool(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    version = resource["inputs"].get("orchestratorVersion", "")
    response.update(_POOL_DEFAULTS)
    response["currentOrchestratorVersion"] = f"{version}.{cloud.behaviour.patch}"
    response["nodeImageVersion"] = "AKSAzureLinux-V3gen2-202611.04.0"


def _identity(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    response["clientId"], response["principalId"] = stable_uuid(resource, "client"), stable_uuid(resource, "principal")
    response["tenantId"] = stable_uuid({**resource, "id": subscription, "serial": 0}, "tenant")


def _vault(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    response["properties"].pop("createMode", None)
    response["properties"]["vaultUri"] = f"https://{name_of(resource['id'])}.vault.azure.net/"
    response["properties"]["provisioningState"] = "Succeeded"


def _public_address(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    response["ipAddress"] = _address(resource["serial"])
    response["resourceGuid"] = stable_uuid(resource, "guid")


def _prefix(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    response["ipPrefix"] = f"{_address(resource['serial'] & ~1)}/{resource['inputs']['prefixLength']}"


def _network(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    response["subnets"] = [
        {"id": subnet["id"], "name": name_of(subnet["id"]), "addressPrefix": subnet["inputs"]["addressPrefix"]}
        for subnet in cloud.descendants(resource["id"])
        if subnet["type"] == "network:Subnet"
    ]


def _zone(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    response["nameServers"] = [f"ns{number}-01.azure-dns.com." for number in (1, 2)]


def _registry(cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str) -> None:
    response["loginServer"] = f"{name_of(resource['id'])}.azurecr.io"


_GENERATED = {
    "containerservice:ManagedCluster": _cluster,
    "containerservice:AgentPool": _pool,
    "managedidentity:UserAssignedIdentity": _identity,
    "keyvault:Vault": _vault,
    "network:PublicIPAddress": _public_address,
    "network:PublicIPPrefix": _prefix,
    "network:VirtualNetwork": _network,
    "dns:Zone": _zone,
    "containerregistry:Registry": _registry,
}


def _set(response: dict[str, Any], path: str, value: object) -> None:

    *above, last = path.split(".")
    place: Any = response
    for part in above:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    place[int(last) if last.isdigit() else last] = value
