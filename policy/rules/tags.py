"""Rules about tags."""

from collections.abc import Iterator, Mapping

from policy.allowed import allowed
from policy.resource import Resource
from policy.rule import rule

_UNTAGGED = (
    "authorization:ManagementLockByScope",
    "authorization:RoleAssignment",
    "authorization:RoleDefinition",
    "containerservice:MaintenanceConfiguration",
    "containerservice:TrustedAccessRoleBinding",
    "dataprotection:BackupPolicy",
    "dns:RecordSet",
    "kubernetesconfiguration:Extension",
    "managedidentity:FederatedIdentityCredential",
    "monitor:DataCollectionRuleAssociation",
    "monitor:DiagnosticSetting",
    "network:Subnet",
    "resources:Deployment",
    "storage:BlobContainer",
)
"""Types that Azure gives no tags, or that are gone when they are done.

https://learn.microsoft.com/azure/azure-resource-manager/management/tag-support
"""


@rule(
    "tags",
    "A resource names its owner, who pays, its environment and what manages it.",
    "https://learn.microsoft.com/azure/cloud-adoption-framework/ready/azure-best-practices/resource-tagging",
)
def tags(resource: Resource) -> Iterator[str]:
    """A type that is new here has tags, or is one of those that cannot."""
    if not resource.type.startswith("azure-native:") or resource.is_a(*_UNTAGGED):
        return
    given = resource.get("tags")
    given = given if isinstance(given, Mapping) else {}
    for name in allowed().tags:
        if not str(given.get(name) or "").strip():
            yield f"tags.{name}: got none; allowed: some text"
