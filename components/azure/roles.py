"""Azure's built-in roles that the program gives, by the id that is the same in every tenant.

https://learn.microsoft.com/azure/role-based-access-control/built-in-roles
"""

from enum import StrEnum


class Role(StrEnum):
    """A built-in role's id."""

    ACR_PULL = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
    DNS_ZONE_CONTRIBUTOR = "befefa01-2a29-4197-83a8-272ff33ce314"
    KEY_VAULT_CONTRIBUTOR = "f25e0fa2-a7c8-4377-a976-54943a77a395"
    KEY_VAULT_CRYPTO_USER = "12338af0-0e69-4776-bea7-57ae8d297424"
    KEY_VAULT_SECRETS_OFFICER = "b86a8fe4-44ce-4948-aee5-eccb2c155cd7"
    KEY_VAULT_SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
    MANAGED_IDENTITY_OPERATOR = "f1a07417-d97a-45cb-824c-7a7467783830"
    NETWORK_CONTRIBUTOR = "4d97b98b-1d4f-4787-a291-c67834d212e7"

    def definition(self, subscription_id: str) -> str:
        """Return the role definition's ARM id, in the form that Azure gives back."""
        return f"/subscriptions/{subscription_id}/providers/Microsoft.Authorization/roleDefinitions/{self.value}"
