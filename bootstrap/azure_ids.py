"""ARM ids from what the program says of a resource: the same that Azure gives, known before Azure answers.

https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
"""

from collections.abc import Mapping
from typing import Any

_GROUP = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"
_NETWORK = f"{_GROUP}/providers/Microsoft.Network"
_IDENTITY = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{{resourceName}}"
_CLUSTER = f"{_GROUP}/providers/Microsoft.ContainerService/managedClusters/{{resourceName}}"

FORMS: Mapping[str, str] = {
    "resources:ResourceGroup": _GROUP,
    "resources:Deployment": f"{_GROUP}/providers/Microsoft.Resources/deployments/{{deploymentName}}",
    "network:VirtualNetwork": f"{_NETWORK}/virtualNetworks/{{virtualNetworkName}}",
    "network:Subnet": f"{_NETWORK}/virtualNetworks/{{virtualNetworkName}}/subnets/{{subnetName}}",
    "network:NatGateway": f"{_NETWORK}/natGateways/{{natGatewayName}}",
    "network:PublicIPAddress": f"{_NETWORK}/publicIPAddresses/{{publicIpAddressName}}",
    "network:PublicIPPrefix": f"{_NETWORK}/publicIPPrefixes/{{publicIpPrefixName}}",
    "dns:Zone": f"{_NETWORK}/dnsZones/{{zoneName}}",
    "dns:RecordSet": f"{_NETWORK}/dnsZones/{{zoneName}}/{{recordType}}/{{relativeRecordSetName}}",
    "keyvault:Vault": f"{_GROUP}/providers/Microsoft.KeyVault/vaults/{{vaultName}}",
    "containerregistry:Registry": f"{_GROUP}/providers/Microsoft.ContainerRegistry/registries/{{registryName}}",
    "operationalinsights:Workspace": f"{_GROUP}/providers/Microsoft.OperationalInsights/workspaces/{{workspaceName}}",
    "monitor:AzureMonitorWorkspace": f"{_GROUP}/providers/Microsoft.Monitor/accounts/{{azureMonitorWorkspaceName}}",
    "monitor:DataCollectionRule": (
        f"{_GROUP}/providers/Microsoft.Insights/dataCollectionRules/{{dataCollectionRuleName}}"
    ),
    "monitor:DataCollectionRuleAssociation": (
        "{resourceUri}/providers/Microsoft.Insights/dataCollectionRuleAssociations/{associationName}"
    ),
    "managedidentity:UserAssignedIdentity": _IDENTITY,
    "managedidentity:FederatedIdentityCredential": (
        f"{_IDENTITY}/federatedIdentityCredentials/{{federatedIdentityCredentialResourceName}}"
    ),
    "authorization:RoleAssignment": "{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
    "authorization:ManagementLockByScope": "{scope}/providers/Microsoft.Authorization/locks/{lockName}",
    "containerservice:ManagedCluster": _CLUSTER,
    "containerservice:AgentPool": f"{_CLUSTER}/agentPools/{{agentPoolName}}",
    "containerservice:MaintenanceConfiguration": f"{_CLUSTER}/maintenanceConfigurations/{{configName}}",
}
"""Every Azure type that the program uses, and its id in terms of its inputs."""


def arm_id(type_: str, inputs: Mapping[str, Any], subscription: str) -> str:
    """Return the ARM id of a resource.

    Args:
        type_: Pulumi's token, such as ``azure-native:keyvault:Vault``.
        inputs: the resource's inputs, all that name it known.
        subscription: id of the subscription.

    Raises:
        KeyError: the type is not one that the program uses, or an input that names the resource is missing.
    """
    form = FORMS[type_.removeprefix("azure-native:")]
    return form.format_map({"subscription": subscription, **inputs})


def name_of(arm_id: str) -> str:
    """Return a resource's own name: the last part of its id."""
    return arm_id.rsplit("/", 1)[-1]
