"""What Azure gives back of a resource: its inputs, what moved since, and what only Azure knows."""

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
    """Return what Azure answers about a resource now."""
    # what says where a resource is stands in its id, and not in Azure's answer
    places = resource_type(resource["type"]).places
    answer = copy.deepcopy({k: v for k, v in resource["inputs"].items() if k not in places})
    fill = _FILL.get(resource["type"])
    if fill is not None:
        fill(cloud, resource, answer, subscription)
    for path, value in resource["moved"].items():
        _set(answer, path, value)
    answer["name"] = name_of(resource["id"])
    answer["provisioningState"] = "Succeeded" if resource["ready"] <= time.time() else "Creating"
    return answer


def own_uuid(resource: Mapping[str, Any], what: str) -> str:
    """Return a GUID that follows from a resource and its making: another one for one that was made again."""
    return str(uuid.uuid5(_NAMESPACE, f"{resource['id'].lower()}|{resource['serial']}|{what}"))


def kubeconfig(cloud: Cloud, cluster: Mapping[str, Any]) -> str:
    """Return the answer of listClusterUserCredential: the control plane's address, and a sign-in of no use here."""
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
    """Return an address of a range kept for documents (RFC 5737)."""
    return f"198.51.100.{number % 250 + 2}"


def _cluster(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    inputs, name = resource["inputs"], name_of(resource["id"])
    location = inputs["location"]
    private = (inputs.get("apiServerAccessProfile") or {}).get("enablePrivateCluster")
    host = f"{inputs['dnsPrefix']}-{own_uuid(resource, 'host')[:8]}"
    answer["privateFQDN" if private else "fqdn"] = f"{host}.{'privatelink.' if private else 'hcp.'}{location}.azmk8s.io"
    answer["resourceUID"] = own_uuid(resource, "uid")
    answer["currentKubernetesVersion"] = f"{inputs['kubernetesVersion']}.{cloud.manners.patch}"
    issuer = f"https://{location}.oic.prod-aks.azure.com/{own_uuid(resource, 'tenant')}/{answer['resourceUID']}/"
    answer["oidcIssuerProfile"] = {**(answer.get("oidcIssuerProfile") or {}), "issuerURL": issuer}
    # Azure takes a list of identities and gives a mapping back
    ids = inputs["identity"].get("userAssignedIdentities") or []
    answer["identity"] = {
        "type": inputs["identity"]["type"],
        "userAssignedIdentities": {id_: _identity_of(cloud, id_) for id_ in ids},
    }
    for profile in answer["agentPoolProfiles"]:
        profile.update(_POOL_DEFAULTS, provisioningState="Succeeded")
        profile["currentOrchestratorVersion"] = f"{profile['orchestratorVersion']}.{cloud.manners.patch}"
    for pool in cloud.below(resource["id"]):
        if pool["type"] == "containerservice:AgentPool":
            answer["agentPoolProfiles"].append(outputs(cloud, pool, subscription))
    answer["maxAgentPools"] = 100
    answer["powerState"] = {"code": "Running"}
    answer["azurePortalFQDN"] = f"{name}.portal.{location}.azmk8s.io"


def _identity_of(cloud: Cloud, id_: str) -> dict[str, str]:
    identity = cloud.get(id_)
    if identity is None:
        return {}
    return {"clientId": own_uuid(identity, "client"), "principalId": own_uuid(identity, "principal")}


_POOL_DEFAULTS = {"enableFIPS": False, "enableNodePublicIP": False, "kubeletDiskType": "OS", "scaleDownMode": "Delete"}
"""What Azure adds to a pool that does not say it."""


def _pool(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    version = resource["inputs"].get("orchestratorVersion", "")
    answer.update(_POOL_DEFAULTS)
    answer["currentOrchestratorVersion"] = f"{version}.{cloud.manners.patch}"
    answer["nodeImageVersion"] = "AKSAzureLinux-V3gen2-202611.04.0"


def _identity(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    answer["clientId"], answer["principalId"] = own_uuid(resource, "client"), own_uuid(resource, "principal")
    answer["tenantId"] = own_uuid({**resource, "id": subscription, "serial": 0}, "tenant")


def _vault(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    answer["properties"].pop("createMode", None)
    answer["properties"]["vaultUri"] = f"https://{name_of(resource['id'])}.vault.azure.net/"
    answer["properties"]["provisioningState"] = "Succeeded"


def _public_address(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    answer["ipAddress"] = _address(resource["serial"])
    answer["resourceGuid"] = own_uuid(resource, "guid")


def _prefix(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    answer["ipPrefix"] = f"{_address(resource['serial'] & ~1)}/{resource['inputs']['prefixLength']}"


def _network(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    answer["subnets"] = [
        {"id": subnet["id"], "name": name_of(subnet["id"]), "addressPrefix": subnet["inputs"]["addressPrefix"]}
        for subnet in cloud.below(resource["id"])
        if subnet["type"] == "network:Subnet"
    ]


def _zone(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    answer["nameServers"] = [f"ns{number}-01.azure-dns.com." for number in (1, 2)]


def _registry(cloud: Cloud, resource: Mapping[str, Any], answer: dict[str, Any], subscription: str) -> None:
    answer["loginServer"] = f"{name_of(resource['id'])}.azurecr.io"


_FILL = {
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


def _set(answer: dict[str, Any], path: str, value: Any) -> None:  # noqa: ANN401 - any property
    *above, last = path.split(".")
    place: Any = answer
    for part in above:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    place[int(last) if last.isdigit() else last] = value
