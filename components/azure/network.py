"""The region's network: virtual network, subnets, and a NAT gateway with addresses that stay."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network

import pulumi
from pulumi_azure_native import network, resources

from components.azure.naming import Names
from conventions import CLUSTER_ARM_TYPE
from settings.network import Network as NetworkSettings
from settings.types import PodAddressing

VAULT_ENDPOINT = "Microsoft.KeyVault"
STORAGE_ENDPOINT = "Microsoft.Storage"
"""Service endpoint by which a vault's firewall sees the subnet that a request comes from.

https://learn.microsoft.com/azure/key-vault/general/overview-vnet-service-endpoints
"""


@dataclass(frozen=True, kw_only=True)
class NetworkArgs:
    """Inputs of the network."""

    names: Names
    location: str
    """The cluster's region."""
    zones: tuple[str, ...]
    """Zones of the egress addresses; empty where the region has none. Azure puts the gateway itself into one zone:
    docs/decisions/0006-nat-gateway-in-one-zone.md."""
    tags: Mapping[str, str]
    settings: NetworkSettings
    service_endpoints: Sequence[str]
    """Services that subnets of nodes and pods reach directly, and not by the NAT gateway."""


class Network(pulumi.ComponentResource):
    """The network that generations of one region share, so that egress addresses survive a rebuild."""

    id: pulumi.Output[str]
    """ARM id of the virtual network."""
    resource_group_name: pulumi.Output[str]
    node_subnet_id: pulumi.Output[str]
    api_server_subnet_id: pulumi.Output[str] | None
    """Subnet of the API server, where it is integrated in the network."""
    pod_subnet_id: pulumi.Output[str] | None
    """Subnet of pods, where they have one."""
    endpoint_subnet_id: pulumi.Output[str] | None
    """Subnet of private endpoints, where there are any."""
    cluster_subnet_ids: list[pulumi.Output[str]]
    """Subnets that requests of nodes and pods come from."""
    egress_addresses: pulumi.Output[tuple[str, ...]]
    """Addresses that the cluster's own traffic comes from."""

    def __init__(self, name: str, args: NetworkArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the network."""
        super().__init__("aks-bootstrap:network:Network", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        names, settings = args.names, args.settings

        group = resources.ResourceGroup(
            f"network-{args.location}",
            resource_group_name=names.network_group,
            location=args.location,
            tags=args.tags,
            opts=child,
        )
        addresses = [
            network.PublicIPAddress(
                f"egress-{index}-{args.location}",
                public_ip_address_name=names.egress_address(index),
                resource_group_name=group.name,
                location=args.location,
                public_ip_allocation_method=network.IPAllocationMethod.STATIC,
                public_ip_address_version=network.IPVersion.I_PV4,
                sku=network.PublicIPAddressSkuArgs(name=network.PublicIPAddressSkuName.STANDARD),
                # a Standard address in several zones is zone-redundant
                zones=list(args.zones) or None,
                tags=args.tags,
                # Azure shows the gateway that holds it, once one does
                opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(ignore_changes=["natGateway"])),
            )
            for index in range(settings.nat_gateway.public_ip_count)
        ]
        nat_gateway = network.NatGateway(
            f"nat-{args.location}",
            nat_gateway_name=names.nat_gateway,
            resource_group_name=group.name,
            location=args.location,
            sku=network.NatGatewaySkuArgs(name=network.NatGatewaySkuName.STANDARD),
            idle_timeout_in_minutes=settings.nat_gateway.idle_timeout_minutes,
            public_ip_addresses=[network.SubResourceArgs(id=address.id) for address in addresses],
            tags=args.tags,
            opts=child,
        )
        virtual_network = network.VirtualNetwork(
            f"vnet-{args.location}",
            virtual_network_name=names.virtual_network,
            resource_group_name=group.name,
            location=args.location,
            address_space=network.AddressSpaceArgs(address_prefixes=[str(settings.vnet_cidr)]),
            tags=args.tags,
            # subnets are resources of their own; the list that Azure gives back is not ours to reset
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(ignore_changes=["subnets"])),
        )

        self.id, self.resource_group_name = virtual_network.id, group.name
        last: list[pulumi.Resource] = []

        def subnet(kind: str, cidr: IPv4Network, *, delegated: bool, egress: bool) -> pulumi.Output[str]:
            created = network.Subnet(
                f"{kind}-{args.location}",
                subnet_name=kind,
                virtual_network_name=virtual_network.name,
                resource_group_name=group.name,
                address_prefix=str(cidr),
                # https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access
                default_outbound_access=False,
                nat_gateway=network.SubResourceArgs(id=nat_gateway.id) if egress else None,
                service_endpoints=(
                    [network.ServiceEndpointPropertiesFormatArgs(service=service) for service in args.service_endpoints]
                    if egress and args.service_endpoints
                    else None
                ),
                # AKS delegates these subnets to itself; declared here, it is no drift
                delegations=[network.DelegationArgs(name="aks", service_name=CLUSTER_ARM_TYPE)] if delegated else None,
                # Azure refuses two writes to one virtual network at a time (AnotherOperationInProgress)
                opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=list(last))),
            )
            last[:] = [created]
            return created.id

        self.node_subnet_id = subnet("nodes", settings.node_subnet_cidr, delegated=False, egress=True)
        self.pod_subnet_id = self.api_server_subnet_id = None
        if settings.pod_addressing is PodAddressing.POD_SUBNET and settings.pod_subnet_cidr:
            self.pod_subnet_id = subnet("pods", settings.pod_subnet_cidr, delegated=True, egress=True)
        if settings.api_server_subnet_cidr:
            self.api_server_subnet_id = subnet(
                "api-server", settings.api_server_subnet_cidr, delegated=True, egress=False
            )
        self.endpoint_subnet_id = None
        if settings.private_endpoint_subnet_cidr:
            self.endpoint_subnet_id = subnet(
                "endpoints", settings.private_endpoint_subnet_cidr, delegated=False, egress=False
            )
        self.cluster_subnet_ids = [id_ for id_ in (self.node_subnet_id, self.pod_subnet_id) if id_ is not None]
        self.egress_addresses = pulumi.Output.all(*(address.ip_address for address in addresses)).apply(
            lambda values: tuple(value or "" for value in values)
        )
        self.register_outputs({"egressAddresses": self.egress_addresses})
