"""Rules about who may do what in Azure."""

import re
from collections.abc import Iterator

from components.azure.resource_types import PREFIX, resource_type
from policy.allowed import AllowedCustomRole, AllowedRole, allowed
from policy.resource import Resource, Stack, is_unknown
from policy.rule import rule, stack_rule

_REFUSED = {
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635": "Owner",
    "b24988ac-6180-42a0-ab88-20f7382dd24c": "Contributor",
    "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9": "User Access Administrator",
    "f58310d9-a9f6-439a-9e8d-f62e7b41a168": "Role Based Access Control Administrator",
}
"""Roles that lead to every other: https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/privileged."""


@stack_rule(
    "roles-allow-listed",
    "Every role is one of policy/allowed.yaml, on a resource of a type that is listed for it.",
    "https://learn.microsoft.com/azure/role-based-access-control/best-practices",
)
def roles_allow_listed(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """A role on a subscription or a group reaches everything that comes to be in it."""
    listed: dict[str, AllowedRole | AllowedCustomRole] = {role.id: role for role in allowed().roles}
    custom = {role.name: role for role in allowed().custom_roles}
    for definition in stack.of_type("authorization:RoleDefinition"):
        if definition.name in custom:
            listed[str(definition.get("roleDefinitionId")).lower()] = custom[definition.name]
    for assignment in stack.of_type("authorization:RoleAssignment"):
        role_id = str(assignment.get("roleDefinitionId") or "").rsplit("/", 1)[-1].lower()
        role = listed.get(role_id)
        if role is None:
            given = _REFUSED.get(role_id, role_id)
            yield assignment, f"roleDefinitionId: got {given}; allowed: {', '.join(r.name for r in listed.values())}"
            continue
        scope = scope_type(stack, assignment)
        if scope.lower() not in {each.lower() for each in role.scopes}:
            yield assignment, f"scope: got {role.name} on {scope}; allowed on: {', '.join(role.scopes)}"
        for group in stack.referred(assignment, "scope"):
            if group.is_a("resources:ResourceGroup") and not any(re.search(each, group.name) for each in role.groups):
                names = ", ".join(role.groups) or "none"
                yield assignment, f"scope: got {role.name} on the group {group.name}; allowed: {names}"


@rule(
    "roles-defined",
    "A role of our own allows what policy/allowed.yaml lists for it, and no wildcard.",
    "https://learn.microsoft.com/azure/role-based-access-control/custom-roles#custom-role-properties",
    "authorization:RoleDefinition",
)
def roles_defined(definition: Resource) -> Iterator[str]:
    """An action that is not listed could lead to others, and so could data actions."""
    listed = {role.name: role.actions for role in allowed().custom_roles}
    if definition.name not in listed:
        yield f"got the role {definition.name}; allowed: {', '.join(listed)}"
        return
    for index, permission in enumerate(definition.get("permissions") or []):
        for key in ("actions", "dataActions"):
            further = set(permission.get(key) or []) - (listed[definition.name] if key == "actions" else set())
            if further:
                yield f"permissions[{index}].{key}: got {', '.join(sorted(further))}; allowed: those of allowed.yaml"


def scope_type(stack: Stack, assignment: Resource) -> str:
    """Return Azure's type of what a role is assigned on; ``unknown`` where that cannot be told."""
    scope = str(assignment.get("scope") or "")
    if scope.startswith("/"):
        return type_of_id(scope)
    found = stack.referred(assignment, "scope")
    above, _, below = scope.partition(">/")
    known = is_unknown(f"{above}>" if below else scope)
    if known and len(found) == 1 and found[0].type.startswith(PREFIX):
        # what is below a resource, such as one secret of a vault
        return "/".join([resource_type(found[0].type).arm_type, *filter(None, below.split("/")[::2])])
    return "unknown"


def type_of_id(arm_id: str) -> str:
    """Return the type in an id of Azure Resource Manager, such as ``Microsoft.KeyVault/vaults``.

    https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-resource#resourceid
    """
    above, found, below = arm_id.rstrip("/").rpartition("/providers/")
    if found:
        parts = below.split("/")
        return "/".join([parts[0], *parts[1::2]])
    kinds = above.split("/") if above else below.split("/")
    if "resourceGroups" in kinds or "resourcegroups" in kinds:
        return "Microsoft.Resources/resourceGroups"
    return "Microsoft.Resources/subscriptions"


_SUBJECT = re.compile(r"system:serviceaccount:[a-z0-9-]+:[a-z0-9.-]+")
_AUDIENCE = "api://AzureADTokenExchange"


@rule(
    "federated-credentials",
    "An identity trusts one service account of one cluster, and tokens that are made for Azure.",
    "https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations",
    "managedidentity:FederatedIdentityCredential",
)
def federated_credentials(credential: Resource) -> Iterator[str]:
    """Any other subject would be somebody else's pipeline."""
    if not _SUBJECT.fullmatch(str(credential.get("subject"))):
        yield f"subject: got {credential.get('subject')}; allowed: system:serviceaccount:<namespace>:<name>"
    if list(credential.get("audiences") or []) != [_AUDIENCE]:
        yield f"audiences: got {credential.get('audiences')}; allowed: {_AUDIENCE}"
