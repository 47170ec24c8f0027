"""What Azure adds to a resource's own properties in its answers: defaults, identifiers, states, what refers to it.

Which properties these are comes from recorded answers of Azure; `make fidelity` says how many of them are here.
"""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from components.azure.resource_types import name_of
from rehearsal.azure.cloud import Cloud
from rehearsal.azure.identifiers import stable_uuid
from settings.merge import merge


def add_server_properties(
    cloud: Cloud, resource: Mapping[str, Any], response: dict[str, Any], subscription: str
) -> None:
    """Add to a resource's own properties what Azure adds, as the SDK has it.

    Args:
        cloud: the cloud that holds the resource.
        resource: its entry there.
        response: its own properties; those that Azure adds are put in.
        subscription: the subscription's id.
    """
    type_ = resource["type"]
    # a template's content is no property of its deployment
    _add_defaults(response, _DEFAULTS.get(type_, {}))
    for special, names in ((_add_system_data, _WITH_SYSTEM_DATA), (_etag, _WITH_ETAG), (_guid, _WITH_GUID)):
        if type_ in names:
            special(resource, response)
    add = _GENERATED.get(type_)
    if add is not None:
        add(_Request(cloud, resource, subscription), response)
    response["name"] = name_of(resource["id"])
    if type_ not in _WITHOUT_STATE:
        _set_state(type_, response, _state(cloud, resource))


class _Request:
    """What is asked about."""

    def __init__(self, cloud: Cloud, resource: Mapping[str, Any], subscription: str) -> None:
        self.cloud, self.resource, self.subscription = cloud, resource, subscription
        self.id: str = resource["id"]
        self.inputs: Mapping[str, Any] = resource["inputs"]

    @property
    def done(self) -> bool:
        """Whether its last operation has ended."""
        return bool(self.resource["ready"] <= self.cloud.now())

    @property
    def existed(self) -> bool:
        """Whether it is there for longer than its last operation."""
        return self.done or not self.resource.get("created")

    def uuid(self, purpose: str) -> str:
        return stable_uuid(self.resource, purpose)

    @property
    def tenant(self) -> str:
        return stable_uuid({"id": self.subscription, "serial": 0}, "tenant")


def _state(cloud: Cloud, resource: Mapping[str, Any]) -> str:
    if resource.get("deleting"):
        return "Deleting"
    if resource["ready"] > cloud.now():
        return "Creating" if resource.get("created") else "Updating"
    return "Failed" if resource.get("failure") else "Succeeded"


def _set_state(type_: str, response: dict[str, Any], state: str) -> None:
    if type_.startswith(("keyvault:", "dataprotection:")):
        response["properties"]["provisioningState"] = state
    elif type_.startswith("network:"):
        # networks are "Updating" from the first
        response["provisioningState"] = "Updating" if state == "Creating" else state
    else:
        response["provisioningState"] = state


_WITHOUT_STATE = frozenset(
    {
        "authorization:RoleAssignment",
        "authorization:RoleDefinition",
        "authorization:ManagementLockByScope",
        "managedidentity:UserAssignedIdentity",
        "managedidentity:FederatedIdentityCredential",
        "containerservice:MaintenanceConfiguration",
        "monitor:ActionGroup",
        "monitor:ActivityLogAlert",
        "monitor:DiagnosticSetting",
        "monitor:DataCollectionRuleAssociation",
        "alertsmanagement:AlertProcessingRuleByName",
        "alertsmanagement:PrometheusRuleGroup",
        "dataprotection:BackupPolicy",
        "storage:BlobContainer",
        "dns:Zone",
    }
)
"""Types whose answers name no provisioning state."""

_WITH_SYSTEM_DATA = frozenset(
    {
        "containerregistry:Registry",
        "keyvault:Vault",
        "monitor:AzureMonitorWorkspace",
        "monitor:DataCollectionEndpoint",
        "monitor:DataCollectionRule",
        "monitor:DataCollectionRuleAssociation",
    }
)
_WITH_ETAG = frozenset(
    {
        "dns:RecordSet",
        "dns:Zone",
        "monitor:AzureMonitorWorkspace",
        "monitor:DataCollectionEndpoint",
        "monitor:DataCollectionRule",
        "monitor:DataCollectionRuleAssociation",
        "network:NatGateway",
        "network:PublicIPAddress",
        "network:PublicIPPrefix",
        "network:Subnet",
        "network:VirtualNetwork",
        "operationalinsights:Workspace",
    }
)
_WITH_GUID = frozenset(
    {"network:NatGateway", "network:PublicIPAddress", "network:PublicIPPrefix", "network:VirtualNetwork"}
)

_POOL_DEFAULTS: Mapping[str, Any] = {
    "enableAutoScaling": False,
    "enableFIPS": False,
    "enableNodePublicIP": False,
    "kubeletDiskType": "OS",
    "osDiskSizeGB": 128,
    "osDiskType": "Managed",
    "osSKU": "Ubuntu",
    "powerState": {"code": "Running"},
    "scaleDownMode": "Delete",
    "securityProfile": {"enableSecureBoot": False, "enableVTPM": False, "sshAccess": "LocalUser"},
    "type": "VirtualMachineScaleSets",
    "upgradeSettings": {"maxSurge": "10%", "maxUnavailable": "0"},
}
"""Properties of every pool, inline or not."""

_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "containerregistry:Registry": {
        "adminUserEnabled": False,
        "anonymousPullEnabled": False,
        "dataEndpointEnabled": False,
        "dataEndpointHostNames": [],
        "encryption": {"status": "disabled"},
        "networkRuleBypassOptions": "AzureServices",
        "networkRuleSet": {"defaultAction": "Allow", "ipRules": []},
        "policies": {
            "azureADAuthenticationAsArmPolicy": {"status": "enabled"},
            "exportPolicy": {"status": "enabled"},
            "quarantinePolicy": {"status": "disabled"},
            "retentionPolicy": {"days": 7, "status": "disabled"},
            "softDeletePolicy": {"retentionDays": 7, "status": "disabled"},
            "trustPolicy": {"status": "disabled", "type": "Notary"},
        },
        "privateEndpointConnections": [],
        "tags": {},
        "zoneRedundancy": "Disabled",
    },
    "containerservice:AgentPool": _POOL_DEFAULTS,
    "containerservice:ManagedCluster": {
        "autoUpgradeProfile": {"nodeOSUpgradeChannel": "NodeImage"},
        "bootstrapProfile": {"artifactSource": "Direct"},
        "enableRBAC": True,
        "kind": "Base",
        "maxAgentPools": 100,
        "metricsProfile": {"costAnalysis": {"enabled": False}},
        "networkProfile": {
            "dnsServiceIP": "10.0.0.10",
            "ipFamilies": ["IPv4"],
            "loadBalancerSku": "standard",
            "networkDataplane": "azure",
            "networkPlugin": "azure",
            "networkPolicy": "none",
            "outboundType": "loadBalancer",
            "serviceCidr": "10.0.0.0/16",
        },
        "nodeProvisioningProfile": {"defaultNodePools": "Auto", "mode": "Manual"},
        "oidcIssuerProfile": {"enabled": False},
        "powerState": {"code": "Running"},
        "securityProfile": {},
        "servicePrincipalProfile": {"clientId": "msi"},
        "sku": {"name": "Base", "tier": "Free"},
        "storageProfile": {
            "diskCSIDriver": {"enabled": True},
            "fileCSIDriver": {"enabled": True},
            "snapshotController": {"enabled": True},
        },
        "supportPlan": "KubernetesOfficial",
        "workloadAutoScalerProfile": {},
    },
    "dns:RecordSet": {"targetResource": {}},
    "dns:Zone": {"maxNumberOfRecordSets": 10000, "numberOfRecordSets": 2, "tags": {}, "zoneType": "Public"},
    "keyvault:Vault": {
        "properties": {
            "enableRbacAuthorization": False,
            "enableSoftDelete": True,
            "enabledForDeployment": False,
            "publicNetworkAccess": "Enabled",
            "softDeleteRetentionInDays": 90,
        },
        "tags": {},
    },
    "managedidentity:UserAssignedIdentity": {"tags": {}},
    "monitor:AzureMonitorWorkspace": {"publicNetworkAccess": "Enabled"},
    "monitor:DataCollectionEndpoint": {"networkAcls": {"publicNetworkAccess": "Enabled"}},
    "monitor:DiagnosticSetting": {"metrics": []},
    "network:NatGateway": {"idleTimeoutInMinutes": 4, "sku": {"tier": "Regional"}},
    "network:PublicIPAddress": {
        "ddosSettings": {"protectionMode": "VirtualNetworkInherited"},
        "idleTimeoutInMinutes": 4,
        "ipTags": [],
        "publicIPAddressVersion": "IPv4",
        "publicIPAllocationMethod": "Dynamic",
        "sku": {"name": "Basic", "tier": "Regional"},
    },
    "network:PublicIPPrefix": {"ipTags": [], "publicIPAddressVersion": "IPv4", "sku": {"tier": "Regional"}},
    "network:Subnet": {
        "delegations": [],
        "privateEndpointNetworkPolicies": "Disabled",
        "privateLinkServiceNetworkPolicies": "Enabled",
    },
    "network:VirtualNetwork": {
        "enableDdosProtection": False,
        "privateEndpointVNetPolicies": "Disabled",
        "virtualNetworkPeerings": [],
    },
    "operationalinsights:Workspace": {
        "features": {"enableLogAccessUsingOnlyResourcePermissions": True, "legacy": 0, "searchVersion": 1},
        "publicNetworkAccessForIngestion": "Enabled",
        "publicNetworkAccessForQuery": "Enabled",
        "retentionInDays": 30,
        "workspaceCapping": {"dailyQuotaGb": -1.0, "dataIngestionStatus": "RespectQuota"},
    },
}
"""What Azure puts in where nothing is asked for, as the SDK has it."""


def _add_defaults(response: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    response.update(merge(defaults, response))


def _instant(seconds: float) -> str:
    return dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat()


def _add_system_data(resource: Mapping[str, Any], response: dict[str, Any]) -> None:
    who = {"By": stable_uuid({"id": "deployer", "serial": 0}, "object"), "ByType": "Application"}
    response["systemData"] = {
        **{f"created{key}": value for key, value in who.items()},
        **{f"lastModified{key}": value for key, value in who.items()},
        "createdAt": _instant(resource["begun"]),
        "lastModifiedAt": _instant(resource["changed"]),
    }


def _etag(resource: Mapping[str, Any], response: dict[str, Any]) -> None:
    response["etag"] = f'W/"{stable_uuid(resource, str(resource["changed"]))}"'


def _guid(resource: Mapping[str, Any], response: dict[str, Any]) -> None:
    response["resourceGuid"] = stable_uuid(resource, "guid")


def _cluster(request: _Request, response: dict[str, Any]) -> None:
    inputs, location = request.inputs, request.inputs["location"]
    host = f"{inputs['dnsPrefix']}-{request.uuid('host')[:8]}"
    private = (inputs.get("apiServerAccessProfile") or {}).get("enablePrivateCluster")
    response["privateFQDN" if private else "fqdn"] = (
        f"{host}.{'privatelink.' if private else 'hcp.'}{location}.azmk8s.io"
    )
    response["azurePortalFQDN"] = f"{host}.portal.hcp.{location}.azmk8s.io"
    response["resourceUID"] = request.uuid("uid")
    group = request.id.split("/")[4]
    response.setdefault("nodeResourceGroup", f"MC_{group}_{name_of(request.id)}_{location}")
    version = response.setdefault("kubernetesVersion", "1.35")
    response["currentKubernetesVersion"] = f"{version}.{request.cloud.behaviour.patch}"
    _add_network(request, response["networkProfile"])
    if response["oidcIssuerProfile"]["enabled"] and request.existed:
        response["oidcIssuerProfile"]["issuerURL"] = (
            f"https://{location}.oic.prod-aks.azure.com/{request.tenant}/{response['resourceUID']}/"
        )
    _add_identities(request, response)
    maximum = {"overlay": 250}.get(response["networkProfile"].get("networkPluginMode", ""), 30)
    for profile in response.get("agentPoolProfiles") or ():
        _add_defaults(profile, {**_POOL_DEFAULTS, "maxPods": maximum})
        _add_version(request, profile, version)
        profile["provisioningState"] = _state(request.cloud, request.resource)
    for pool in request.cloud.descendants(request.id):
        if pool["type"] == "containerservice:AgentPool":
            profile = {"name": name_of(pool["id"]), **pool["inputs"]}
            add_server_properties(request.cloud, pool, profile, request.subscription)
            for path, value in pool["drift"].items():
                profile[path] = value
            response["agentPoolProfiles"].append(profile)


def _add_network(request: _Request, network: dict[str, Any]) -> None:
    # kubenet is never given a mode; Azure CNI is Overlay unless a subnet for pods says otherwise
    own_subnets = any(pool.get("vnetSubnetID") for pool in request.inputs.get("agentPoolProfiles") or ())
    if network["networkPlugin"] == "azure" and not own_subnets:
        network.setdefault("networkPluginMode", "overlay")
    if network["networkPlugin"] == "kubenet" or network.get("networkPluginMode") == "overlay":
        network.setdefault("podCidr", "10.244.0.0/16")
        network.setdefault("podCidrs", [network["podCidr"]])
    network.setdefault("serviceCidrs", [network["serviceCidr"]])
    if network["outboundType"] == "loadBalancer":
        balancer = network.setdefault("loadBalancerProfile", {})
        _add_defaults(balancer, {"backendPoolType": "nodeIPConfiguration", "managedOutboundIPs": {"count": 1}})
        if request.existed:
            nodes = f"/subscriptions/{request.subscription}/resourceGroups/{request.uuid('nodes')}"
            address = f"{nodes}/providers/Microsoft.Network/publicIPAddresses/{request.uuid('outbound')}"
            balancer.setdefault("effectiveOutboundIPs", [{"id": address}])


def _add_identities(request: _Request, response: dict[str, Any]) -> None:
    identity = response.setdefault("identity", {"type": "SystemAssigned"})
    if identity["type"] == "SystemAssigned":
        identity.update(principalId=request.uuid("principal"), tenantId=request.tenant)
    # Azure accepts a list of identities, and returns a mapping
    if ids := request.inputs.get("identity", {}).get("userAssignedIdentities"):
        identity["userAssignedIdentities"] = {id_: _identity_of(request.cloud, id_) for id_ in ids}
    if request.existed:
        nodes = f"/subscriptions/{request.subscription}/resourcegroups/{response['nodeResourceGroup']}"
        own = f"{nodes}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name_of(request.id)}"
        response.setdefault("identityProfile", {}).setdefault(
            "kubeletidentity", {"resourceId": f"{own}-agentpool", **_made_up(request, "kubelet")}
        )
        for addon, profile in (response.get("addonProfiles") or {}).items():
            if profile.get("enabled"):
                profile.setdefault("identity", {"resourceId": f"{own}-{addon}", **_made_up(request, addon)})


def _made_up(request: _Request, name: str) -> dict[str, str]:
    return {"clientId": request.uuid(f"{name}-client"), "objectId": request.uuid(f"{name}-object")}


def _identity_of(cloud: Cloud, id_: str) -> dict[str, str]:
    identity = cloud.get(id_)
    if identity is None:
        return {}
    return {"clientId": stable_uuid(identity, "client"), "principalId": stable_uuid(identity, "principal")}


def _add_version(request: _Request, pool: dict[str, Any], version: str) -> None:
    asked = pool.setdefault("orchestratorVersion", version)
    pool["currentOrchestratorVersion"] = f"{asked}.{request.cloud.behaviour.patch}"
    pool["nodeImageVersion"] = "AKSAzureLinux-V3gen2-202611.04.0"
    pool["eTag"] = request.uuid(f"etag-{request.resource['changed']}")


def _pool(request: _Request, response: dict[str, Any]) -> None:
    cluster = request.cloud.get(request.id.rsplit("/", 2)[0])
    inputs = cluster["inputs"] if cluster else {}
    network = inputs.get("networkProfile") or {}
    response.setdefault("maxPods", 250 if network.get("networkPluginMode", "overlay") == "overlay" else 30)
    _add_version(request, response, inputs.get("kubernetesVersion", "1.35"))


def _maintenance(request: _Request, response: dict[str, Any]) -> None:
    window = response.get("maintenanceWindow")
    if window is not None:
        _add_defaults(window, {"startDate": _instant(request.resource["begun"])[:10], "utcOffset": "+00:00"})


def _identity(request: _Request, response: dict[str, Any]) -> None:
    response.update(clientId=request.uuid("client"), principalId=request.uuid("principal"), tenantId=request.tenant)


def _vault(request: _Request, response: dict[str, Any]) -> None:
    response["properties"].pop("createMode", None)
    response["properties"]["vaultUri"] = f"https://{name_of(request.id)}.vault.azure.net/"


def _address(number: int) -> str:
    """Return an address from a range reserved for documentation (RFC 5737)."""
    return f"198.51.100.{number % 250 + 2}"


def _public_address(request: _Request, response: dict[str, Any]) -> None:
    if request.existed and response["publicIPAllocationMethod"] == "Static":
        response["ipAddress"] = _address(request.resource["serial"])
    if label := (response.get("dnsSettings") or {}).get("domainNameLabel"):
        response["dnsSettings"]["fqdn"] = f"{label}.{response['location']}.cloudapp.azure.com"
    for holder in request.cloud.holders(request.id):
        if "/natgateways/" in holder:
            response["natGateway"] = {"id": request.cloud.id_as_written(holder)}


def _prefix(request: _Request, response: dict[str, Any]) -> None:
    if request.existed:
        response["ipPrefix"] = f"{_address(request.resource['serial'] & ~1)}/{request.inputs['prefixLength']}"
    held = [holder for holder in request.cloud.holders(request.id) if "/publicipaddresses/" in holder]
    if held:
        response["publicIPAddresses"] = [{"id": request.cloud.id_as_written(holder)} for holder in held]


def _nat_gateway(request: _Request, response: dict[str, Any]) -> None:
    subnets = [holder for holder in request.cloud.holders(request.id) if "/subnets/" in holder]
    if subnets:
        response["subnets"] = [{"id": request.cloud.id_as_written(holder)} for holder in subnets]


def _network(request: _Request, response: dict[str, Any]) -> None:
    listed = {subnet["name"]: subnet for subnet in response.get("subnets") or ()}
    for subnet in request.cloud.descendants(request.id):
        if subnet["type"] == "network:Subnet":
            found = dict(subnet["inputs"])
            add_server_properties(request.cloud, subnet, found, request.subscription)
            places = ("resourceGroupName", "virtualNetworkName", "subnetName")
            listed[name_of(subnet["id"])] = {k: v for k, v in found.items() if k not in places} | {"id": subnet["id"]}
    for name, subnet in listed.items():
        subnet.setdefault("id", f"{request.id}/subnets/{name}")
        subnet.setdefault("etag", response["etag"])
        subnet.setdefault("type", "Microsoft.Network/virtualNetworks/subnets")
        _add_defaults(subnet, {**_DEFAULTS["network:Subnet"], "provisioningState": "Succeeded"})
    response["subnets"] = list(listed.values())


def _subnet(request: _Request, response: dict[str, Any]) -> None:
    for delegation in response["delegations"]:
        name = delegation["name"]
        _add_defaults(
            delegation,
            {
                "id": f"{request.id}/delegations/{name}",
                "etag": response["etag"],
                "type": "Microsoft.Network/virtualNetworks/subnets/delegations",
                "actions": ["Microsoft.Network/virtualNetworks/subnets/join/action"],
                "provisioningState": "Succeeded",
            },
        )
    for endpoint in response.get("serviceEndpoints") or ():
        _add_defaults(endpoint, {"locations": ["*"], "provisioningState": "Succeeded"})


def _zone(request: _Request, response: dict[str, Any]) -> None:
    response["nameServers"] = [f"ns{number}-01.azure-dns.com." for number in (1, 2, 3, 4)]
    # beside the two that every zone has
    response["numberOfRecordSets"] = 2 + len(request.cloud.descendants(request.id))


def _record(request: _Request, response: dict[str, Any]) -> None:
    zone = request.id.split("/dnsZones/")[-1].split("/")[0]
    name = name_of(request.id)
    response["fqdn"] = f"{zone}." if name == "@" else f"{name}.{zone}."


def _registry(request: _Request, response: dict[str, Any]) -> None:
    response["loginServer"] = f"{name_of(request.id)}.azurecr.io"
    response["creationDate"] = _instant(request.resource["begun"])
    for policy in ("retentionPolicy", "softDeletePolicy"):
        response["policies"][policy].setdefault("lastUpdatedTime", response["creationDate"])
    response["sku"].setdefault("tier", response["sku"]["name"])


def _workspace(request: _Request, response: dict[str, Any]) -> None:
    begun, changed = (_instant(request.resource[key]) for key in ("begun", "changed"))
    response.update(customerId=request.uuid("customer"), createdDate=begun, modifiedDate=changed)
    response["workspaceCapping"].setdefault("quotaNextResetTime", begun)
    response.setdefault("sku", {"name": "PerGB2018"}).setdefault("lastSkuUpdate", begun)


def _monitor_workspace(request: _Request, response: dict[str, Any]) -> None:
    account, name = request.uuid("account"), name_of(request.id)
    response["accountId"] = account
    response["metrics"] = {
        "internalId": f"mac_{account}",
        "prometheusQueryEndpoint": f"https://{name}-{account[:4]}.{response['location']}.prometheus.monitor.azure.com",
    }
    managed = f"/subscriptions/{request.subscription}/resourceGroups/MA_{name}_{response['location']}_managed"
    rules = f"{managed}/providers/Microsoft.Insights"
    response["defaultIngestionSettings"] = {
        "dataCollectionEndpointResourceId": f"{rules}/dataCollectionEndpoints/{name}",
        "dataCollectionRuleResourceId": f"{rules}/dataCollectionRules/{name}",
    }


def _collection_endpoint(request: _Request, response: dict[str, Any]) -> None:
    host = f"{name_of(request.id)}-{request.uuid('host')[:4]}.{response['location']}-1"
    response["configurationAccess"] = {"endpoint": f"https://{host}.handler.control.monitor.azure.com"}
    response["logsIngestion"] = {"endpoint": f"https://{host}.ingest.monitor.azure.com"}
    response["metricsIngestion"] = {"endpoint": f"https://{host}.metrics.ingest.monitor.azure.com"}
    response["immutableId"] = f"dce-{request.uuid('immutable').replace('-', '')}"


def _collection_rule(request: _Request, response: dict[str, Any]) -> None:
    response["immutableId"] = f"dcr-{request.uuid('immutable').replace('-', '')}"
    for destination in (response.get("destinations") or {}).get("logAnalytics") or ():
        workspace = request.cloud.get(destination["workspaceResourceId"])
        if workspace is not None:
            destination["workspaceId"] = stable_uuid(workspace, "customer")
    for account in (response.get("destinations") or {}).get("monitoringAccounts") or ():
        workspace = request.cloud.get(account["accountResourceId"])
        if workspace is not None:
            account["accountId"] = stable_uuid(workspace, "account")


def _diagnostics(request: _Request, response: dict[str, Any]) -> None:
    for log in response.get("logs") or ():
        _add_defaults(log, {"retentionPolicy": {"days": 0, "enabled": False}})


def _assignment(request: _Request, response: dict[str, Any]) -> None:
    deployer = stable_uuid({"id": "deployer", "serial": 0}, "object")
    created, changed = (_instant(request.resource[key]) for key in ("begun", "changed"))
    response.update(createdOn=created, updatedOn=changed, updatedBy=deployer)
    if not request.resource.get("created"):
        response["createdBy"] = deployer
    response.setdefault("principalType", "ServicePrincipal")
    response["scope"] = request.inputs["scope"]


def _backup_vault(request: _Request, response: dict[str, Any]) -> None:
    response["identity"].update(principalId=request.uuid("principal"), tenantId=request.tenant)


def _extension(request: _Request, response: dict[str, Any]) -> None:
    response["aksAssignedIdentity"] = {"principalId": request.uuid("principal"), "tenantId": request.tenant}
    response.setdefault("currentVersion", "0.0.3188-598")


_GENERATED: Mapping[str, Callable[[_Request, dict[str, Any]], None]] = {
    "authorization:RoleAssignment": _assignment,
    "containerregistry:Registry": _registry,
    "containerservice:AgentPool": _pool,
    "containerservice:MaintenanceConfiguration": _maintenance,
    "containerservice:ManagedCluster": _cluster,
    "dataprotection:BackupVault": _backup_vault,
    "dns:RecordSet": _record,
    "dns:Zone": _zone,
    "keyvault:Vault": _vault,
    "kubernetesconfiguration:Extension": _extension,
    "managedidentity:UserAssignedIdentity": _identity,
    "monitor:AzureMonitorWorkspace": _monitor_workspace,
    "monitor:DataCollectionEndpoint": _collection_endpoint,
    "monitor:DataCollectionRule": _collection_rule,
    "monitor:DiagnosticSetting": _diagnostics,
    "network:NatGateway": _nat_gateway,
    "network:PublicIPAddress": _public_address,
    "network:PublicIPPrefix": _prefix,
    "network:Subnet": _subnet,
    "network:VirtualNetwork": _network,
    "operationalinsights:Workspace": _workspace,
}
