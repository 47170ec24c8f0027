"""A consumer's sign-in to Azure with no stored credential: managed identity, roles, federated credential."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, managedidentity

from components.azure.naming import Names
from components.azure.retries import ROLES, retry_hook
from components.azure.role_propagation import RolePropagation
from components.azure.roles import CustomRole, Role


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A role on one scope."""

    role: Role | CustomRole
    """The role."""
    scope: pulumi.Input[str]
    """ARM id of the narrowest resource that serves."""
    scope_key: str
    """A name of that scope that is known before Azure answers; the assignment's own name is derived from it."""
    protect: bool = False
    """Refuse to delete it: a lock on the scope is inherited by the assignments on it, and Azure would refuse too."""


@dataclass(frozen=True, kw_only=True)
class IdentityArgs:
    """What an identity is made of."""

    names: Names
    """Names of the environment."""
    consumer: str
    """Who uses it, such as ``cert-manager``."""
    resource_group_name: pulumi.Input[str]
    """The foundation's resource group."""
    location: str
    """Region."""
    tags: Mapping[str, str]
    """Tags."""
    grants: tuple[Grant, ...] = ()
    """What it may do."""
    protect: bool = False
    """Refuse to delete the identity: everything that names its ids would be stranded."""
    propagation: RolePropagation | None = None
    """What remembers new assignments, for a creation that fails where they come too late."""


class Identity(pulumi.ComponentResource):
    """A user-assigned identity and its role assignments. It outlives clusters, so that roles need no time to propagate.

    Role assignments take minutes to reach every replica of Azure Resource Manager; Key Vault's take up to ten.
    https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
    """

    id: pulumi.Output[str]
    """ARM id."""
    client_id: pulumi.Output[str]
    """Client id, which workloads name."""
    principal_id: pulumi.Output[str]
    """Object id in Entra, which roles name."""
    name: pulumi.Output[str]
    """Azure name."""

    def __init__(self, name: str, args: IdentityArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the identity, then its role assignments."""
        super().__init__("aks-bootstrap:workload_identity:Identity", name, None, opts)
        identity = managedidentity.UserAssignedIdentity(
            name,
            resource_name_=args.names.identity(args.consumer),
            resource_group_name=args.resource_group_name,
            location=args.location,
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self, protect=args.protect),
        )
        for grant in args.grants:
            role = f"{name}-{grant.role.key}-{grant.scope_key}"
            authorization.RoleAssignment(
                role,
                role_assignment_name=args.names.role_assignment(
                    scope=grant.scope_key, role=grant.role.value, consumer=args.consumer
                ),
                scope=grant.scope,
                role_definition_id=grant.role.definition(args.names.subscription_id),
                principal_id=identity.principal_id,
                # without it, Azure looks the new principal up in a directory that may not have it yet, and refuses
                principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
                opts=pulumi.ResourceOptions(
                    parent=self,
                    protect=grant.protect,
                    depends_on=[grant.role.resource] if isinstance(grant.role, CustomRole) else None,
                    hooks=_hooks(role, grant, args.propagation),
                ),
            )
        self.id = identity.id
        self.client_id = identity.client_id
        self.principal_id = identity.principal_id
        self.name = identity.name
        self.register_outputs({"clientId": self.client_id})


def _hooks(name: str, grant: Grant, propagation: RolePropagation | None) -> pulumi.ResourceHookBinding | None:
    """Return the hooks of an assignment: a role that was just defined may not be found at once."""
    if isinstance(grant.role, CustomRole):
        return retry_hook(f"{name}-defined", ROLES)
    return propagation.assigned(f"{name}-assigned") if propagation else None


@dataclass(frozen=True, kw_only=True)
class FederatedCredentialArgs:
    """Which service account may act as which identity."""

    credential_name: str
    """Azure name."""
    identity_name: pulumi.Input[str]
    """Azure name of the identity."""
    resource_group_name: pulumi.Input[str]
    """The identity's resource group."""
    issuer: pulumi.Input[str]
    """The cluster's OIDC issuer, which is another one in every generation."""
    namespace: str
    """Namespace of the service account."""
    service_account: str
    """Its name."""


class FederatedCredential(pulumi.ComponentResource):
    """Lets one service account of one cluster act as an identity. It belongs to the cluster generation.

    It has to exist before the workload starts, or sign-in fails with AADSTS70021.
    https://learn.microsoft.com/azure/aks/workload-identity-overview
    """

    def __init__(self, name: str, args: FederatedCredentialArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the credential."""
        super().__init__("aks-bootstrap:workload_identity:FederatedCredential", name, None, opts)
        managedidentity.FederatedIdentityCredential(
            name,
            federated_identity_credential_resource_name=args.credential_name,
            resource_name_=args.identity_name,
            resource_group_name=args.resource_group_name,
            issuer=args.issuer,
            subject=f"system:serviceaccount:{args.namespace}:{args.service_account}",
            audiences=["api://AzureADTokenExchange"],
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
