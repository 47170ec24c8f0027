"""Rules about what holds data: vault, registry, logs, addresses that customers know."""

from collections.abc import Iterator

from policy.resource import Resource, Stack, flag, is_too_wide
from policy.rule import rule, stack_rule
from policy.rules.cluster import logged_categories

_VAULT, _REGISTRY = "keyvault:Vault", "containerregistry:Registry"
_HARDENED = "https://learn.microsoft.com/azure/key-vault/general/secure-key-vault"


@rule(
    "vault-rbac",
    "Azure RBAC decides who reads a vault.",
    "https://learn.microsoft.com/azure/key-vault/general/rbac-guide",
    _VAULT,
)
def vault_rbac(vault: Resource) -> Iterator[str]:
    """With access policies whoever may write the vault gives themselves access to its secrets."""
    if not flag(vault.get("properties.enableRbacAuthorization")):
        yield "properties.enableRbacAuthorization: got false; allowed: true"
    if vault.get("properties.accessPolicies"):
        yield "properties.accessPolicies: got some; allowed: none"


@rule(
    "vault-purge-protection",
    "Nobody purges a vault before its time.",
    "https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview#purge-protection",
    _VAULT,
)
def vault_purge_protection(vault: Resource) -> Iterator[str]:
    """As settings/production.py has it."""
    if not flag(vault.get("properties.enablePurgeProtection")):
        yield f"properties.enablePurgeProtection: got {vault.get('properties.enablePurgeProtection')}; allowed: true"


@rule(
    "vault-soft-delete",
    "What is deleted in a vault can be had back.",
    "https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview",
    _VAULT,
)
def vault_soft_delete(vault: Resource) -> Iterator[str]:
    """Azure takes 7 to 90 days; without a number it is 90."""
    # off only where it says so: https://learn.microsoft.com/azure/key-vault/general/soft-delete-change
    if vault.get("properties.enableSoftDelete") is False:
        yield "properties.enableSoftDelete: got false; allowed: true"
    days = vault.get("properties.softDeleteRetentionInDays")
    if days is not None and days < 30:
        yield f"properties.softDeleteRetentionInDays: got {days:g}; allowed: 30-90"


@rule(
    "vault-no-deployment",
    "Azure Resource Manager, virtual machines and disk encryption take nothing out of a vault.",
    _HARDENED,
    _VAULT,
)
def vault_no_deployment(vault: Resource) -> Iterator[str]:
    """Each of these lets whoever deploys read secrets, past Azure RBAC."""
    for key in ("enabledForDeployment", "enabledForDiskEncryption", "enabledForTemplateDeployment"):
        if flag(vault.get(f"properties.{key}")):
            yield f"properties.{key}: got true; allowed: false"


@rule(
    "vault-firewall",
    "A vault answers networks of ours only.",
    "https://learn.microsoft.com/azure/key-vault/general/network-security",
    _VAULT,
)
def vault_firewall(vault: Resource) -> Iterator[str]:
    """Who asks has to sign in all the same; this is the second door."""
    closed = vault.get("properties.publicNetworkAccess") == "Disabled"
    if not closed and vault.get("properties.networkAcls.defaultAction") != "Deny":
        given = vault.get("properties.networkAcls.defaultAction")
        yield f"properties.networkAcls.defaultAction: got {given}; allowed: Deny, or publicNetworkAccess Disabled"
    for index, entry in enumerate([] if closed else vault.get("properties.networkAcls.ipRules") or []):
        # the NAT gateway's address is not known before Azure answers
        value = str(entry.get("value"))
        if is_too_wide(value):
            yield f"properties.networkAcls.ipRules[{index}].value: got {value}; allowed: /8 and smaller"


@rule(
    "registry-no-admin",
    "A registry has no user with a password.",
    "https://learn.microsoft.com/azure/container-registry/container-registry-authentication#admin-account",
    _REGISTRY,
)
def registry_no_admin(registry: Resource) -> Iterator[str]:
    """All who have it are one user."""
    if flag(registry.get("adminUserEnabled")):
        yield "adminUserEnabled: got true; allowed: false"


@rule(
    "registry-no-anonymous-pull",
    "A registry gives nothing to strangers.",
    "https://learn.microsoft.com/azure/container-registry/anonymous-pull-access",
    _REGISTRY,
)
def registry_no_anonymous_pull(registry: Resource) -> Iterator[str]:
    """Images hold source code more often than one would like."""
    if flag(registry.get("anonymousPullEnabled")):
        yield "anonymousPullEnabled: got true; allowed: false"


@rule(
    "registry-firewall",
    "A registry answers networks of ours only.",
    "https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks",
    _REGISTRY,
)
def registry_firewall(registry: Resource) -> Iterator[str]:
    """It takes the SKU Premium."""
    closed = registry.get("publicNetworkAccess") == "Disabled"
    if not closed and registry.get("networkRuleSet.defaultAction") != "Deny":
        given = registry.get("networkRuleSet.defaultAction")
        yield f"networkRuleSet.defaultAction: got {given}; allowed: Deny, or publicNetworkAccess Disabled"


_LOCKED = (_VAULT, _REGISTRY, "operationalinsights:Workspace", "network:PublicIPPrefix")
"""docs/decisions/0008-locks-on-what-holds-data.md"""


@stack_rule(
    "locks",
    "What cannot be had back is locked in Azure.",
    "https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources",
)
def locks(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """A lock stands on the resource itself: on its group it would hold what has to be deleted in a rebuild."""
    locked = {
        each.urn
        for lock in stack.of_type("authorization:ManagementLockByScope")
        if lock.get("level") in ("CanNotDelete", "ReadOnly")
        for each in stack.referred(lock, "scope")
    }
    for resource in stack.of_type(*_LOCKED):
        if resource.urn not in locked:
            yield resource, "got no ManagementLockByScope whose scope it is; allowed: CanNotDelete, ReadOnly"


_LOGS = {_VAULT: "AuditEvent", _REGISTRY: "ContainerRegistryLoginEvents"}


@stack_rule(
    "data-audit-logs",
    "Who asked a vault or a registry for what is logged.",
    "https://learn.microsoft.com/azure/key-vault/general/logging",
)
def data_audit_logs(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """A secret that somebody read is not one any more, and only the log tells."""
    for type_, category in _LOGS.items():
        for resource in stack.of_type(type_):
            if category not in logged_categories(stack, resource):
                yield resource, f"got no DiagnosticSetting with {category}; allowed: one"
