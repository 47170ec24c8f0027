"""Every Azure resource type that the program uses, and what is known of it: the one table.

``plan``, ``adopt``, ``recover`` and the rehearsal ask it for ids, typical times, what a change does and what Azure
fills in. A new type is one entry here; a test fails for a type that the program registers and the table lacks.
"""

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

PREFIX = "azure-native:"
"""Begins the tokens of azure-native's types."""

_ANY = frozenset({"location", "resourceGroupName"})
"""Inputs whose change replaces a resource of any type, besides those that its id names."""


@dataclass(frozen=True, kw_only=True)
class ResourceType:
    """What is known of one resource type."""

    pulumi_type: str
    """Pulumi's token without ``azure-native:``, such as ``keyvault:Vault``."""
    arm_type: str
    """Azure Resource Manager's name for it."""
    api_version: str
    """Version of its API that the pinned SDK uses."""
    id: str
    """Its ARM id in terms of its inputs and ``subscription``; the last input is its own name.

    https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules
    """
    seconds: int = 3
    """Typical seconds of a creation: half of those recorded took less. Orders of magnitude where nothing is cited."""
    slow_seconds: int | None = None
    """Seconds that nine of ten recorded creations took at most; None where nothing is recorded."""
    replaced_by: frozenset[str] = frozenset()
    """Inputs whose change replaces the resource, besides its location, its name and what it is in (``places``)."""
    destructive: bool = False
    """Whether its removal or replacement loses data or interrupts traffic."""
    inner: frozenset[str] = frozenset()
    """Inputs that Azure has under ``properties``, and not beside it as other types do: ``sku``, ``tags``."""
    nested: bool = False
    """Whether the SDK, too, has its inputs under ``properties``."""
    fills_in: Mapping[str, Any] = field(default_factory=dict)
    """Properties that Azure adds and a preview cannot know, with what a plan shows for them.

    ``{}`` stands for the logical name; None where a plan shows nothing.
    """

    @property
    def places(self) -> tuple[str, ...]:
        """Inputs that name the resource and what it is in, outermost first; the last is its own name."""
        fields = [name for _, name, _, _ in string.Formatter().parse(self.id) if name]
        return tuple(name for name in fields if name != "subscription")

    def arm_id(self, inputs: Mapping[str, Any], subscription: str) -> str:
        """Return the ARM id of a resource: the one that Azure gives, known before Azure answers.

        Args:
            inputs: the resource's inputs; all that name it are known.
            subscription: id of the subscription.

        Raises:
            KeyError: an input that names the resource is missing.
        """
        return self.id.format_map({"subscription": subscription, **inputs})

    def name(self, inputs: Mapping[str, Any]) -> str | None:
        """Return the Azure name that inputs give a resource; None where Azure would make one up."""
        found = inputs.get(self.places[-1])
        return None if found is None else str(found)

    def replaces(self, path: str) -> bool:
        """Return whether a changed input, such as ``networkProfile.podCidr``, replaces the resource."""
        top = path.split(".", maxsplit=1)[0].split("[", maxsplit=1)[0]
        return (
            top in _ANY
            or top in self.places
            or any(path == key or path.startswith((f"{key}.", f"{key}[")) for key in self.replaced_by)
        )


def resource_type(token: str) -> ResourceType:
    """Return what is known of a type.

    Args:
        token: with or without ``azure-native:``.

    Raises:
        KeyError: the program does not use the type.
    """
    return _TABLE[token.removeprefix(PREFIX)]


def name_of(arm_id: str) -> str:
    """Return a resource's own name: the last part of its id."""
    return arm_id.rsplit("/", 1)[-1]


_GROUP = "/subscriptions/{subscription}/resourceGroups/{resourceGroupName}"
_NETWORK = f"{_GROUP}/providers/Microsoft.Network"
_IDENTITY = f"{_GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{{resourceName}}"
_CLUSTER = f"{_GROUP}/providers/Microsoft.ContainerService/managedClusters/{{resourceName}}"
_BACKUP_VAULT = f"{_GROUP}/providers/Microsoft.DataProtection/backupVaults/{{vaultName}}"

RESOURCE_TYPES = (
    ResourceType(
        pulumi_type="resources:ResourceGroup",
        arm_type="Microsoft.Resources/resourceGroups",
        api_version="2024-03-01",
        id=_GROUP,
        destructive=True,
    ),
    ResourceType(
        pulumi_type="resources:Deployment",
        arm_type="Microsoft.Resources/deployments",
        api_version="2024-03-01",
        id=f"{_GROUP}/providers/Microsoft.Resources/deployments/{{deploymentName}}",
        seconds=60,
        nested=True,
    ),
    ResourceType(
        pulumi_type="network:VirtualNetwork",
        arm_type="Microsoft.Network/virtualNetworks",
        api_version="2024-05-01",
        id=f"{_NETWORK}/virtualNetworks/{{virtualNetworkName}}",
        seconds=10,
        destructive=True,
    ),
    ResourceType(
        pulumi_type="network:Subnet",
        arm_type="Microsoft.Network/virtualNetworks/subnets",
        api_version="2024-05-01",
        id=f"{_NETWORK}/virtualNetworks/{{virtualNetworkName}}/subnets/{{subnetName}}",
        seconds=10,
    ),
    ResourceType(
        pulumi_type="network:NatGateway",
        arm_type="Microsoft.Network/natGateways",
        api_version="2024-05-01",
        id=f"{_NETWORK}/natGateways/{{natGatewayName}}",
        seconds=20,
        replaced_by=frozenset({"sku", "zones"}),
    ),
    ResourceType(
        pulumi_type="network:PublicIPAddress",
        arm_type="Microsoft.Network/publicIPAddresses",
        api_version="2024-05-01",
        id=f"{_NETWORK}/publicIPAddresses/{{publicIpAddressName}}",
        seconds=8,
        replaced_by=frozenset({"publicIPPrefix", "publicIPAllocationMethod", "sku", "zones"}),
        destructive=True,
        fills_in={"ipAddress": "{}.ipAddress"},
    ),
    ResourceType(
        pulumi_type="network:PublicIPPrefix",
        arm_type="Microsoft.Network/publicIPPrefixes",
        api_version="2024-05-01",
        id=f"{_NETWORK}/publicIPPrefixes/{{publicIpPrefixName}}",
        seconds=8,
        replaced_by=frozenset({"prefixLength", "sku", "zones"}),
        destructive=True,
        fills_in={"ipPrefix": "{}.ipPrefix"},
    ),
    ResourceType(
        pulumi_type="network:PrivateEndpoint",
        arm_type="Microsoft.Network/privateEndpoints",
        api_version="2024-05-01",
        id=f"{_NETWORK}/privateEndpoints/{{privateEndpointName}}",
        seconds=60,
        replaced_by=frozenset({"subnet"}),
        destructive=True,
    ),
    ResourceType(
        pulumi_type="network:PrivateDnsZoneGroup",
        arm_type="Microsoft.Network/privateEndpoints/privateDnsZoneGroups",
        api_version="2024-05-01",
        id=f"{_NETWORK}/privateEndpoints/{{privateEndpointName}}/privateDnsZoneGroups/{{privateDnsZoneGroupName}}",
        seconds=10,
        destructive=True,
    ),
    ResourceType(
        pulumi_type="privatedns:PrivateZone",
        arm_type="Microsoft.Network/privateDnsZones",
        api_version="2024-06-01",
        id=f"{_NETWORK}/privateDnsZones/{{privateZoneName}}",
        seconds=30,
        destructive=True,
    ),
    ResourceType(
        pulumi_type="privatedns:VirtualNetworkLink",
        arm_type="Microsoft.Network/privateDnsZones/virtualNetworkLinks",
        api_version="2024-06-01",
        id=f"{_NETWORK}/privateDnsZones/{{privateZoneName}}/virtualNetworkLinks/{{virtualNetworkLinkName}}",
        seconds=30,
        replaced_by=frozenset({"virtualNetwork"}),
        destructive=True,
    ),
    ResourceType(
        pulumi_type="dns:Zone",
        arm_type="Microsoft.Network/dnsZones",
        api_version="2023-07-01-preview",
        id=f"{_NETWORK}/dnsZones/{{zoneName}}",
        seconds=5,
        replaced_by=frozenset({"zoneType"}),
        destructive=True,
        fills_in={"nameServers": ["{}.nameServers"]},
    ),
    ResourceType(
        pulumi_type="dns:RecordSet",
        arm_type="Microsoft.Network/dnsZones/A",
        api_version="2023-07-01-preview",
        id=f"{_NETWORK}/dnsZones/{{zoneName}}/{{recordType}}/{{relativeRecordSetName}}",
        destructive=True,
    ),
    ResourceType(
        pulumi_type="keyvault:Vault",
        arm_type="Microsoft.KeyVault/vaults",
        api_version="2024-11-01",
        id=f"{_GROUP}/providers/Microsoft.KeyVault/vaults/{{vaultName}}",
        seconds=45,
        replaced_by=frozenset({"properties.tenantId"}),
        destructive=True,
        nested=True,
        fills_in={"properties": {"vaultUri": "{}.vaultUri"}},
    ),
    ResourceType(
        pulumi_type="containerregistry:Registry",
        arm_type="Microsoft.ContainerRegistry/registries",
        api_version="2023-01-01-preview",
        id=f"{_GROUP}/providers/Microsoft.ContainerRegistry/registries/{{registryName}}",
        seconds=20,
        destructive=True,
        fills_in={"loginServer": "{}.loginServer"},
    ),
    ResourceType(
        pulumi_type="operationalinsights:Workspace",
        arm_type="Microsoft.OperationalInsights/workspaces",
        inner=frozenset({"sku"}),
        api_version="2023-09-01",
        id=f"{_GROUP}/providers/Microsoft.OperationalInsights/workspaces/{{workspaceName}}",
        seconds=30,
        destructive=True,
    ),
    ResourceType(
        pulumi_type="monitor:AzureMonitorWorkspace",
        arm_type="Microsoft.Monitor/accounts",
        api_version="2023-04-03",
        id=f"{_GROUP}/providers/Microsoft.Monitor/accounts/{{azureMonitorWorkspaceName}}",
        seconds=40,
        destructive=True,
    ),
    ResourceType(
        pulumi_type="monitor:DataCollectionRule",
        arm_type="Microsoft.Insights/dataCollectionRules",
        api_version="2022-06-01",
        id=f"{_GROUP}/providers/Microsoft.Insights/dataCollectionRules/{{dataCollectionRuleName}}",
    ),
    ResourceType(
        pulumi_type="monitor:DataCollectionEndpoint",
        arm_type="Microsoft.Insights/dataCollectionEndpoints",
        api_version="2022-06-01",
        id=f"{_GROUP}/providers/Microsoft.Insights/dataCollectionEndpoints/{{dataCollectionEndpointName}}",
    ),
    ResourceType(
        pulumi_type="monitor:DiagnosticSetting",
        arm_type="Microsoft.Insights/diagnosticSettings",
        api_version="2021-05-01-preview",
        id="{resourceUri}/providers/Microsoft.Insights/diagnosticSettings/{name}",
    ),
    ResourceType(
        pulumi_type="monitor:ActionGroup",
        arm_type="Microsoft.Insights/actionGroups",
        api_version="2024-10-01-preview",
        id=f"{_GROUP}/providers/Microsoft.Insights/actionGroups/{{actionGroupName}}",
    ),
    ResourceType(
        pulumi_type="monitor:ActivityLogAlert",
        arm_type="Microsoft.Insights/activityLogAlerts",
        api_version="2020-10-01",
        id=f"{_GROUP}/providers/Microsoft.Insights/activityLogAlerts/{{activityLogAlertName}}",
    ),
    ResourceType(
        pulumi_type="alertsmanagement:PrometheusRuleGroup",
        arm_type="Microsoft.AlertsManagement/prometheusRuleGroups",
        api_version="2023-03-01",
        id=f"{_GROUP}/providers/Microsoft.AlertsManagement/prometheusRuleGroups/{{ruleGroupName}}",
    ),
    ResourceType(
        pulumi_type="monitor:DataCollectionRuleAssociation",
        arm_type="Microsoft.Insights/dataCollectionRuleAssociations",
        api_version="2022-06-01",
        id="{resourceUri}/providers/Microsoft.Insights/dataCollectionRuleAssociations/{associationName}",
    ),
    ResourceType(
        pulumi_type="alertsmanagement:AlertProcessingRuleByName",
        arm_type="Microsoft.AlertsManagement/actionRules",
        api_version="2021-08-08",
        id=f"{_GROUP}/providers/Microsoft.AlertsManagement/actionRules/{{alertProcessingRuleName}}",
        nested=True,
    ),
    ResourceType(
        pulumi_type="dataprotection:BackupVault",
        arm_type="Microsoft.DataProtection/backupVaults",
        api_version="2025-01-01",
        id=_BACKUP_VAULT,
        seconds=30,
        destructive=True,
        nested=True,
        fills_in={"identity": {"principalId": "{}.principalId"}},
    ),
    ResourceType(
        pulumi_type="dataprotection:BackupPolicy",
        arm_type="Microsoft.DataProtection/backupVaults/backupPolicies",
        api_version="2025-01-01",
        id=f"{_BACKUP_VAULT}/backupPolicies/{{backupPolicyName}}",
        nested=True,
    ),
    ResourceType(
        pulumi_type="dataprotection:BackupInstance",
        arm_type="Microsoft.DataProtection/backupVaults/backupInstances",
        api_version="2025-01-01",
        id=f"{_BACKUP_VAULT}/backupInstances/{{backupInstanceName}}",
        seconds=120,
        replaced_by=frozenset({"properties.dataSourceInfo"}),
        destructive=True,
        nested=True,
    ),
    ResourceType(
        pulumi_type="storage:StorageAccount",
        arm_type="Microsoft.Storage/storageAccounts",
        api_version="2024-01-01",
        id=f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{{accountName}}",
        seconds=20,
        replaced_by=frozenset({"kind"}),
        destructive=True,
    ),
    ResourceType(
        pulumi_type="storage:BlobContainer",
        arm_type="Microsoft.Storage/storageAccounts/blobServices/containers",
        api_version="2024-01-01",
        id=f"{_GROUP}/providers/Microsoft.Storage/storageAccounts/{{accountName}}/blobServices/default/containers/{{containerName}}",
        destructive=True,
    ),
    ResourceType(
        pulumi_type="kubernetesconfiguration:Extension",
        arm_type="Microsoft.KubernetesConfiguration/extensions",
        api_version="2023-05-01",
        id=f"{_GROUP}/providers/{{clusterRp}}/{{clusterResourceName}}/{{clusterName}}"
        "/providers/Microsoft.KubernetesConfiguration/extensions/{extensionName}",
        seconds=180,
        replaced_by=frozenset({"extensionType"}),
        fills_in={"aksAssignedIdentity": {"principalId": "{}.principalId"}},
    ),
    ResourceType(
        pulumi_type="containerservice:TrustedAccessRoleBinding",
        arm_type="Microsoft.ContainerService/managedClusters/trustedAccessRoleBindings",
        api_version="2025-09-01",
        id=f"{_CLUSTER}/trustedAccessRoleBindings/{{trustedAccessRoleBindingName}}",
        seconds=30,
    ),
    ResourceType(
        pulumi_type="managedidentity:UserAssignedIdentity",
        arm_type="Microsoft.ManagedIdentity/userAssignedIdentities",
        api_version="2023-01-31",
        id=_IDENTITY,
        seconds=5,
        destructive=True,
        fills_in={"clientId": "{}.clientId", "principalId": "{}.principalId", "tenantId": None},
    ),
    ResourceType(
        pulumi_type="managedidentity:FederatedIdentityCredential",
        arm_type="Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials",
        api_version="2023-01-31",
        id=f"{_IDENTITY}/federatedIdentityCredentials/{{federatedIdentityCredentialResourceName}}",
    ),
    ResourceType(
        pulumi_type="authorization:RoleDefinition",
        arm_type="Microsoft.Authorization/roleDefinitions",
        api_version="2022-05-01-preview",
        id="{scope}/providers/Microsoft.Authorization/roleDefinitions/{roleDefinitionId}",
    ),
    ResourceType(
        pulumi_type="authorization:RoleAssignment",
        arm_type="Microsoft.Authorization/roleAssignments",
        api_version="2022-04-01",
        id="{scope}/providers/Microsoft.Authorization/roleAssignments/{roleAssignmentName}",
        seconds=5,
        replaced_by=frozenset({"roleDefinitionId", "principalId", "principalType"}),
    ),
    ResourceType(
        pulumi_type="authorization:ManagementLockByScope",
        arm_type="Microsoft.Authorization/locks",
        api_version="2020-05-01",
        id="{scope}/providers/Microsoft.Authorization/locks/{lockName}",
    ),
    ResourceType(
        pulumi_type="containerservice:ManagedCluster",
        arm_type="Microsoft.ContainerService/managedClusters",
        api_version="2025-09-01",
        id=_CLUSTER,
        # of 120 creations that Azure Service Operator's tests recorded; the longest took 826 s
        # https://github.com/Azure/azure-service-operator/tree/main/v2/internal/controllers/recordings
        seconds=315,
        slow_seconds=428,
        # https://learn.microsoft.com/azure/templates/microsoft.containerservice/managedclusters
        replaced_by=frozenset(
            {
                "dnsPrefix",
                "fqdnSubdomain",
                "nodeResourceGroup",
                "linuxProfile",
                "diskEncryptionSetID",
                "networkProfile.networkPlugin",
                "networkProfile.networkPluginMode",
                "networkProfile.networkDataplane",
                "networkProfile.networkPolicy",
                "networkProfile.outboundType",
                "networkProfile.podCidr",
                "networkProfile.serviceCidr",
                "networkProfile.dnsServiceIP",
                "networkProfile.loadBalancerSku",
            }
        ),
        destructive=True,
        fills_in={
            "fqdn": "{}.fqdn",
            "privateFQDN": None,
            "resourceUID": None,
            # Azure takes a list of identities and gives a mapping back
            "identity": {"userAssignedIdentities": {}},
            "oidcIssuerProfile": {"enabled": True, "issuerURL": "{}.oidcIssuer"},
        },
    ),
    ResourceType(
        pulumi_type="containerservice:AgentPool",
        arm_type="Microsoft.ContainerService/managedClusters/agentPools",
        inner=frozenset({"tags"}),
        api_version="2025-09-01",
        id=f"{_CLUSTER}/agentPools/{{agentPoolName}}",
        # of 29, recorded beside the cluster's; the longest took 1,554 s
        seconds=240,
        slow_seconds=426,
        replaced_by=frozenset(
            {
                "vmSize",
                "osType",
                "osSKU",
                "osDiskType",
                "osDiskSizeGB",
                "maxPods",
                "vnetSubnetID",
                "podSubnetID",
                "availabilityZones",
                "scaleSetPriority",
                "scaleSetEvictionPolicy",
                "type",
                "spotMaxPrice",
                "enableEncryptionAtHost",
                "securityProfile.enableSecureBoot",
                "securityProfile.enableVTPM",
            }
        ),
        destructive=True,
    ),
    ResourceType(
        pulumi_type="containerservice:MaintenanceConfiguration",
        arm_type="Microsoft.ContainerService/managedClusters/maintenanceConfigurations",
        api_version="2025-09-01",
        id=f"{_CLUSTER}/maintenanceConfigurations/{{configName}}",
        seconds=10,
    ),
)

_TABLE = {entry.pulumi_type: entry for entry in RESOURCE_TYPES}
