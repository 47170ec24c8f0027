"""One identity for each consumer, with the least that it needs."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi

from components.azure.foundation import Foundation
from components.azure.ingress_addresses import IngressAddresses
from components.azure.naming import Names
from components.azure.network import Network
from components.azure.role_propagation import RolePropagation
from components.azure.roles import CustomRole, Role
from components.azure.workload_identity import Grant, Identity, IdentityArgs
from settings import Settings
from settings.cluster import Cluster
from settings.types import Exposure


@dataclass(frozen=True, kw_only=True)
class Identities:
    """One identity for each consumer."""

    control_plane: Identity
    kubelet: Identity
    cert_manager: Identity
    external_secrets: Identity
    certificate_keeper: Identity | None
    """Only where the vault keeps the default certificate."""
    argocd: Identity | None
    """Only where a repository is read with it."""
    image_updater: Identity | None
    """Only where Image Updater reads the environment's registry with it."""


@dataclass(frozen=True, kw_only=True)
class IdentitiesArgs:
    """Where identities are, and what they are given rights on."""

    names: Names
    settings: Settings
    cluster: Cluster
    location: str
    """Region of the foundation, which the identities are part of."""
    cluster_location: str
    """Region of the network and the ingress addresses."""
    tags: Mapping[str, str]
    foundation: Foundation
    network: Network
    ingress: IngressAddresses
    propagation: RolePropagation
    """Remembers the roles that the cluster's creation needs."""


def create_identities(args: IdentitiesArgs, opts: pulumi.ResourceOptions) -> Identities:
    """Create the identities and their role assignments."""
    settings, foundation, region = args.settings, args.foundation, args.cluster_location

    def identity(consumer: str, *grants: Grant, propagation: RolePropagation | None = None) -> Identity:
        return Identity(
            consumer,
            IdentityArgs(
                names=args.names,
                consumer=consumer,
                resource_group_name=foundation.resource_group_name,
                location=args.location,
                tags=args.tags,
                grants=grants,
                protect=settings.production,
                propagation=propagation,
            ),
            opts,
        )

    def grant(role: Role | CustomRole, scope: pulumi.Input[str], key: str, *, locked: bool = False) -> Grant:
        return Grant(role=role, scope=scope, scope_key=key, protect=locked and settings.production)

    registry = foundation.registry_id
    pull = [grant(Role.ACR_PULL, registry, "registry", locked=True)] if registry is not None else []
    kubelet = identity("kubelet", *pull, propagation=args.propagation)
    joins = [
        grant(Role.NETWORK_CONTRIBUTOR, scope, f"{key}-{region}")
        for key, scope in _network_scopes(args.cluster, args.network).items()
    ]
    encrypts = [grant(role, scope, "etcd-key") for role, scope in _key_scopes(args.cluster)]
    return Identities(
        control_plane=identity(
            "control-plane",
            *joins,
            *encrypts,
            # it must be there before the ingress controller asks for an address: a late grant stalls for 20 minutes
            grant(Role.NETWORK_CONTRIBUTOR, args.ingress.resource_group_id, f"ingress-{region}"),
            grant(Role.MANAGED_IDENTITY_OPERATOR, kubelet.id, "kubelet"),
            propagation=args.propagation,
        ),
        kubelet=kubelet,
        cert_manager=identity("cert-manager", grant(foundation.dns_txt_role, foundation.dns_zone_id, "zone")),
        external_secrets=identity(
            "external-secrets", grant(Role.KEY_VAULT_SECRETS_USER, foundation.vault_id, "vault", locked=True)
        ),
        certificate_keeper=(
            identity(
                "certificate-keeper",
                grant(
                    Role.KEY_VAULT_SECRETS_OFFICER,
                    # https://learn.microsoft.com/azure/key-vault/general/rbac-guide#secret-scope-role-assignment
                    pulumi.Output.concat(foundation.vault_id, "/secrets/", settings.kept_certificate),
                    "certificate",
                    locked=True,
                ),
            )
            if settings.kept_certificate is not None
            else None
        ),
        argocd=(
            identity("argocd", *(pull if _reads_own_registry(settings, args.names) else ()))
            if any(repository.kind == "workloadIdentity" for repository in settings.argocd.repositories)
            else None
        ),
        image_updater=identity("image-updater", *pull) if pull and settings.argocd.image_updater else None,
    )


def _reads_own_registry(settings: Settings, names: Names) -> bool:
    """Tell whether Argo CD reads charts of the environment's registry; another registry gives its own role."""
    created = settings.registry.mode == "create"
    own = names.container_registry_host if created else settings.registry.existing_host
    return own is not None and own in {repository.registry for repository in settings.argocd.repositories}


def _key_scopes(cluster: Cluster) -> list[tuple[Role, str]]:
    """Return what the control plane needs to encrypt etcd; a private vault asks for the right to connect to it.

    https://learn.microsoft.com/azure/aks/use-kms-etcd-encryption#assign-permissions-to-create-a-private-link
    """
    encryption = cluster.etcd_encryption
    if encryption is None:
        return []
    private = encryption.network_access == "Private"
    roles = [Role.KEY_VAULT_CRYPTO_USER, *([Role.KEY_VAULT_CONTRIBUTOR] if private else [])]
    return [(role, encryption.vault_resource_id) for role in roles]


def _network_scopes(cluster: Cluster, network: Network) -> dict[str, pulumi.Output[str]]:
    """Return what the control plane has to write to: its subnets, or all of the network where AKS asks for that.

    A private cluster links its DNS zone to the network, and node auto-provisioning reads it.
    https://learn.microsoft.com/azure/aks/private-clusters and .../node-auto-provisioning-custom-vnet
    """
    private = cluster.api_server.exposure in {Exposure.PRIVATE, Exposure.VNET_INTEGRATED}
    if private or cluster.node_auto_provisioning:
        return {"network": network.id}
    subnets = {"nodes": network.node_subnet_id, "pods": network.pod_subnet_id}
    return {key: subnet for key, subnet in subnets.items() if subnet is not None}
