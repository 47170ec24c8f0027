"""The Azure side, one method for each step, in the order in which ``__main__`` takes them.

Every method turns settings into one component's arguments; what a component builds stands in its own file.
"""

from dataclasses import dataclass

import pulumi
import pulumi_azure_native as azure_native

from components import argocd, cert_manager, external_secrets, image_updater
from components.cluster import Cluster, ClusterArgs
from components.dns_records import DnsRecords, DnsRecordsArgs
from components.foundation import INGRESS_SLOTS, Foundation, FoundationArgs, IngressAddresses, IngressAddressesArgs
from components.ingress import INGRESS_CLASS, PublicAddress
from components.naming import Names
from components.network import Network, NetworkArgs
from components.node_pool import NodePool, NodePoolArgs
from components.platform import Platform
from components.roles import Role
from components.workload_identity import (
    FederatedCredential,
    FederatedCredentialArgs,
    Grant,
    Identity,
    IdentityArgs,
)
from settings import Settings, Tags
from stackconfig.rules import REGIONS_WITHOUT_ZONES
from stackconfig.types import Exposure


@dataclass(frozen=True, kw_only=True)
class Identities:
    """One identity for each consumer."""

    control_plane: Identity
    kubelet: Identity
    cert_manager: Identity
    external_secrets: Identity
    argocd: Identity | None
    """Only where a repository is read with it."""
    image_updater: Identity | None
    """Only where Image Updater reads the environment's registry with it."""


class AzureStack:
    """Builds an environment's Azure side in the subscription that the stack file names."""

    def __init__(self, settings: Settings) -> None:
        """Bind settings to names, tags and the explicit provider."""
        if settings.azure is None or settings.cluster is None or settings.tags is None:
            raise TypeError("settings of target 'azure' always have these sections")
        self._settings, self._azure, self._cluster = settings, settings.azure, settings.cluster
        self._location = settings.cluster.location or settings.azure.location
        self._names = Names.of(
            settings, settings.azure, location=self._location, generation=settings.cluster.generation
        )
        self._tags = all_tags(settings.tags, settings.environment)
        self._slot = settings.cluster.generation % INGRESS_SLOTS
        # every zone of the region, whatever the nodes' zones are: an address can never change its own
        self._address_zones = () if self._location in REGIONS_WITHOUT_ZONES else ("1", "2", "3")
        provider = azure_native.Provider(
            "azure", subscription_id=self._azure.subscription_id, tenant_id=self._azure.tenant_id
        )
        self._opts = pulumi.ResourceOptions(provider=provider)

    def network(self) -> Network:
        """Build the region's network."""
        return Network(
            f"network-{self._location}",
            NetworkArgs(
                names=self._names,
                location=self._location,
                zones=self._address_zones,
                tags=self._tags,
                settings=self._settings.network,
            ),
            self._opts,
        )

    def foundation(self, network: Network) -> Foundation:
        """Build what outlives clusters."""
        return Foundation(
            "foundation",
            FoundationArgs(
                names=self._names,
                azure=self._azure,
                tags=self._tags,
                dns=self._settings.dns,
                key_vault=self._settings.key_vault,
                registry=self._settings.registry,
                observability=self._settings.observability,
                production=self._settings.production,
                egress_addresses=network.egress_addresses,
            ),
            self._opts,
        )

    def ingress_addresses(self) -> IngressAddresses:
        """Build the addresses that lead to ingress."""
        return IngressAddresses(
            f"ingress-addresses-{self._location}",
            IngressAddressesArgs(
                names=self._names,
                location=self._location,
                zones=self._address_zones,
                tags=self._tags,
                production=self._settings.production,
            ),
            self._opts,
        )

    def identities(self, foundation: Foundation, network: Network, addresses: IngressAddresses) -> Identities:
        """Build identities, each with the least that its consumer needs."""

        def identity(consumer: str, *grants: Grant) -> Identity:
            return Identity(
                consumer,
                IdentityArgs(
                    names=self._names,
                    consumer=consumer,
                    resource_group_name=foundation.resource_group_name,
                    location=self._azure.location,
                    tags=self._tags,
                    grants=grants,
                    protect=self._settings.production,
                ),
                self._opts,
            )

        def grant(role: Role, scope: pulumi.Input[str], key: str, *, locked: bool = False) -> Grant:
            return Grant(role=role, scope=scope, scope_key=key, protect=locked and self._settings.production)

        pull = foundation.registry_id
        kubelet = identity(
            "kubelet", *([grant(Role.ACR_PULL, pull, "registry", locked=True)] if pull is not None else [])
        )
        return Identities(
            control_plane=identity(
                "control-plane",
                *(
                    grant(Role.NETWORK_CONTRIBUTOR, scope, f"{key}-{self._location}")
                    for key, scope in self._network_scopes(network).items()
                ),
                # it must be there before Traefik asks for an address: a late grant stalls for 20 minutes
                grant(Role.NETWORK_CONTRIBUTOR, addresses.resource_group_id, f"ingress-{self._location}"),
                grant(Role.MANAGED_IDENTITY_OPERATOR, kubelet.id, "kubelet"),
            ),
            kubelet=kubelet,
            cert_manager=identity("cert-manager", grant(Role.DNS_ZONE_CONTRIBUTOR, foundation.dns_zone_id, "zone")),
            external_secrets=identity(
                "external-secrets", grant(Role.KEY_VAULT_SECRETS_USER, foundation.vault_id, "vault", locked=True)
            ),
            argocd=(
                identity("argocd")
                if any(repository.kind == "workloadIdentity" for repository in self._settings.argocd.repositories)
                else None
            ),
            image_updater=(
                identity("image-updater", grant(Role.ACR_PULL, pull, "registry", locked=True))
                if pull is not None and self._settings.argocd.image_updater_write_back == "git"
                else None
            ),
        )

    def _network_scopes(self, network: Network) -> dict[str, pulumi.Output[str]]:
        """Return what the control plane has to write to: its subnets, or all of the network where AKS asks for that.

        A private cluster links its DNS zone to the network, and node auto-provisioning reads it.
        https://learn.microsoft.com/azure/aks/private-clusters and .../node-auto-provisioning-custom-vnet
        """
        private = self._cluster.api_server.exposure in {Exposure.PRIVATE, Exposure.VNET_INTEGRATED}
        if private or self._cluster.node_auto_provisioning:
            return {"network": network.id}
        subnets = {"nodes": network.node_subnet_id, "pods": network.pod_subnet_id}
        return {key: subnet for key, subnet in subnets.items() if subnet is not None}

    def cluster(self, foundation: Foundation, network: Network, identities: Identities) -> Cluster:
        """Build this generation's cluster."""
        return Cluster(
            f"cluster-g{self._cluster.generation}",
            ClusterArgs(
                names=self._names,
                azure=self._azure,
                location=self._location,
                tags=self._tags,
                settings=self._cluster,
                system_pool=self._settings.system_pool,
                network_settings=self._settings.network,
                observability=self._settings.observability,
                network=network,
                foundation=foundation,
                control_plane=identities.control_plane,
                kubelet=identities.kubelet,
            ),
            self._opts,
        )

    def node_pools(self, cluster: Cluster, network: Network) -> list[NodePool]:
        """Build user pools; nothing waits for them."""
        return [
            NodePool(
                cluster.access.name(f"pool-{pool.name}"),
                NodePoolArgs(
                    settings=pool,
                    kubernetes_version=self._cluster.kubernetes_version,
                    zones=self._cluster.zones,
                    cluster_group_name=cluster.resource_group_name,
                    cluster_name=cluster.name,
                    subnet_id=network.node_subnet_id,
                    pod_subnet_id=network.pod_subnet_id,
                    tags=self._tags,
                ),
                pulumi.ResourceOptions.merge(self._opts, pulumi.ResourceOptions(deleted_with=cluster.resource)),
            )
            for pool in self._settings.node_pools
        ]

    def platform(
        self, foundation: Foundation, addresses: IngressAddresses, identities: Identities, cluster: Cluster
    ) -> Platform:
        """Federate the identities with this cluster, and say what the cluster side needs to know."""
        settings, names = self._settings, self._names
        consumers: list[tuple[str, Identity, str, str]] = [
            ("cert-manager", identities.cert_manager, cert_manager.NAMESPACE, cert_manager.SERVICE_ACCOUNT),
            (
                "external-secrets",
                identities.external_secrets,
                external_secrets.NAMESPACE,
                external_secrets.STORE_SERVICE_ACCOUNT,
            ),
        ]
        if identities.argocd is not None:
            consumers.append(("argocd", identities.argocd, argocd.NAMESPACE, argocd.REPO_SERVER_SERVICE_ACCOUNT))
        if identities.image_updater is not None:
            place = (image_updater.NAMESPACE, image_updater.SERVICE_ACCOUNT)
            consumers.append(("image-updater", identities.image_updater, *place))
        credentials = [
            FederatedCredential(
                cluster.access.name(f"federated-{consumer}"),
                FederatedCredentialArgs(
                    credential_name=names.federated_credential(consumer),
                    identity_name=identity.name,
                    resource_group_name=foundation.resource_group_name,
                    issuer=cluster.oidc_issuer,
                    namespace=namespace,
                    service_account=service_account,
                ),
                self._opts,
            )
            for consumer, identity, namespace, service_account in consumers
        ]
        address = addresses.addresses[self._slot]
        return Platform(
            access=cluster.access,
            credentials=credentials,
            azure_dns=cert_manager.AzureDns(
                subscription_id=self._azure.subscription_id,
                resource_group_name=foundation.dns_resource_group_name,
                zone=foundation.dns_zone_name,
                client_id=identities.cert_manager.client_id,
            ),
            address=PublicAddress(name=addresses.names[self._slot], resource_group_name=addresses.resource_group_name),
            vault=external_secrets.Vault(
                uri=foundation.vault_uri,
                tenant_id=self._azure.tenant_id,
                client_id=identities.external_secrets.client_id,
            ),
            tenant_id=self._azure.tenant_id,
            repository_client_id=identities.argocd.client_id if identities.argocd is not None else None,
            image_registry=(
                image_updater.RegistrySignIn(
                    host=foundation.registry_host, client_id=identities.image_updater.client_id
                )
                if identities.image_updater is not None and foundation.registry_host is not None
                else None
            ),
            facts={
                "environment": settings.environment,
                "subscription-id": self._azure.subscription_id,
                "tenant-id": self._azure.tenant_id,
                "location": self._location,
                "cluster-name": cluster.name,
                "dns-zone": settings.dns.zone,
                "ingress-class": INGRESS_CLASS,
                "cluster-issuer": settings.certificates.issuer.value,
                "secret-store": external_secrets.STORE,
                "vault-uri": foundation.vault_uri,
                "external-secrets-client-id": identities.external_secrets.client_id,
            },
            outputs={
                "clusterName": cluster.name,
                "resourceGroup": cluster.resource_group_name,
                "apiServer": cluster.fqdn.apply(lambda fqdn: f"https://{fqdn}"),
                "oidcIssuer": cluster.oidc_issuer,
                "ingressAddress": address,
                "ingressPrefix": addresses.prefix,
                "vaultUri": foundation.vault_uri,
                "argocdSignInSubject": (f"system:serviceaccount:{argocd.NAMESPACE}:{argocd.SERVER_SERVICE_ACCOUNT}"),
                "kubeconfigCommand": pulumi.Output.all(cluster.resource_group_name, cluster.name).apply(
                    lambda place: kubeconfig_command(self._azure.subscription_id, place[0], place[1])
                ),
            },
        )

    def dns_records(
        self, foundation: Foundation, addresses: IngressAddresses, *, after: list[pulumi.Resource]
    ) -> DnsRecords:
        """Point the environment's host names at this generation's ingress."""
        dns = self._settings.dns
        return DnsRecords(
            "record",
            DnsRecordsArgs(
                zone=dns.zone,
                resource_group_name=foundation.dns_resource_group_name,
                records=dns.records,
                address=addresses.addresses[self._slot],
                ttl_seconds=dns.ttl_seconds,
            ),
            pulumi.ResourceOptions.merge(self._opts, pulumi.ResourceOptions(depends_on=after)),
        )


def all_tags(tags: Tags, environment: str) -> dict[str, str]:
    """Return the tags of every Azure resource."""
    return {
        **tags.extra,
        "environment": environment,
        "owner": tags.owner,
        "cost-centre": tags.cost_centre,
        "managed-by": "aks-bootstrap",
    }


def kubeconfig_command(subscription_id: str, resource_group: str, cluster: str) -> str:
    """Return how a person gets a kubeconfig."""
    return (
        f"az aks get-credentials --subscription {subscription_id} --resource-group {resource_group} --name {cluster}"
        " && kubelogin convert-kubeconfig -l azurecli"
    )
