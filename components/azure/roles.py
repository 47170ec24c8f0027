"""The roles that the program gives: Azure's built-in ones, by the id that every tenant has, and one of its own.

https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import pulumi
from pulumi_azure_native import authorization

from components.azure.naming import Names


class Role(StrEnum):
    """A built-in role's id."""

    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    CONTRIBUTOR = "b24988ac-6180-42a0-ab88-20f7382dd24c"
    KEY_VAULT_CONTRIBUTOR = "f25e0fa2-a7c8-4377-a976-54943a77a395"
    KEY_VAULT_CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
    KEY_VAULT_SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
    KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
    MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
    NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"
    READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    STORAGE_BLOB_DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"

    @property
    def key(self) -> str:
        """What the role is called in logical names."""
        return self.name.lower().replace("_", "-")

    def definition(self, subscription_id: str) -> str:
        """Return the role definition's ARM id, in the form that Azure gives back."""
        return _definition(subscription_id, self.value)


@dataclass(frozen=True, kw_only=True)
class CustomRole:
    """A role that the program defines."""

    key: str
    """What the role is called in logical names."""
    value: str
    """The definition's name, a GUID."""
    resource: authorization.RoleDefinition
    """The definition, which assignments come after."""

    def definition(self, subscription_id: str) -> str:
        """Return the role definition's ARM id, in the form that Azure gives back."""
        return _definition(subscription_id, self.value)


TXT_RECORD_ACTIONS: Sequence[str] = (
    "Microsoft.Network/dnsZones/read",
    "Microsoft.Network/dnsZones/TXT/read",
    "Microsoft.Network/dnsZones/TXT/write",
    "Microsoft.Network/dnsZones/TXT/delete",
)
"""What cert-manager calls to answer a DNS-01 challenge, and nothing that moves a host name.

https://github.com/cert-manager/cert-manager/blob/v1.21.1/pkg/issuer/acme/dns/azuredns/azuredns.go and
https://learn.microsoft.com/azure/role-based-access-control/permissions/networking#microsoftnetwork
"""


def txt_record_role(names: Names, group_id: pulumi.Input[str], opts: pulumi.ResourceOptions) -> CustomRole:
    """Define the role that writes TXT records of a zone.

    Args:
        names: names of the environment.
        group_id: ARM id of the zone's resource group, where alone the role can be given.
        opts: options of the definition.
    """
    value = names.role_definition("dns-txt-records")
    resource = authorization.RoleDefinition(
        "dns-txt-records",
        role_definition_id=value,
        role_name=names.role_name("dns-txt-records"),
        role_type="CustomRole",
        description="Reads a DNS zone, and writes its TXT records: answers to DNS-01 challenges.",
        scope=f"/subscriptions/{names.subscription_id}",
        assignable_scopes=[group_id],
        permissions=[authorization.PermissionArgs(actions=list(TXT_RECORD_ACTIONS))],
        opts=opts,
    )
    return CustomRole(key="dns-txt-records", value=value, resource=resource)


def _definition(subscription_id: str, value: str) -> str:
    return f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{value}"
