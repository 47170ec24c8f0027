"""Addresses in the region's network for the vault and the registry, and the names that lead to them there."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import network, privatedns

from components.azure.naming import Names


@dataclass(frozen=True, kw_only=True)
class Service:
    """A kind of service that is reached by a private endpoint.

    https://learn.microsoft.com/azure/private-link/private-endpoint-dns: group and zone are Azure's.
    """

    group: str
    """Sub-resource of the service that the endpoint leads to."""
    zone: str
    """Zone in which public DNS looks for a service with private endpoints."""


VAULT = Service(group="vault", zone="privatelink.vaultcore.azure.net")
REGISTRY = Service(group="registry", zone="privatelink.azurecr.io")


@dataclass(frozen=True, kw_only=True)
class PrivateEndpointsArgs:
    """Inputs of the endpoints."""

    names: Names
    location: str
    """The network's region; the services may be in another."""
    tags: Mapping[str, str]
    resource_group_name: pulumi.Input[str]
    """The network's resource group."""
    network_id: pulumi.Input[str]
    """Network in which the services' names lead to the endpoints."""
    subnet_id: pulumi.Input[str]
    targets: Mapping[str, tuple[Service, pulumi.Input[str]]]
    """The kind and the ARM id of each service, by a short name that is part of logical names."""


class PrivateEndpoints(pulumi.ComponentResource):
    """For each service an endpoint, and a private zone that the network asks first.

    They belong to the region's network, and outlive clusters as it does.
    https://learn.microsoft.com/azure/key-vault/general/private-link-service and
    https://learn.microsoft.com/azure/container-registry/container-registry-private-link
    """

    def __init__(self, name: str, args: PrivateEndpointsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the endpoints, one after the other: each writes to the subnet."""
        super().__init__("aks-bootstrap:private_endpoints:PrivateEndpoints", name, None, opts)
        last: list[pulumi.Resource] = []
        for target, (service, id_) in args.targets.items():
            last = [self._endpoint(f"{target}-{args.location}", target, service, id_, args, after=last)]
        self.register_outputs({})

    def _endpoint(
        self,
        name: str,
        target: str,
        service: Service,
        id_: pulumi.Input[str],
        args: PrivateEndpointsArgs,
        *,
        after: list[pulumi.Resource],
    ) -> network.PrivateEndpoint:
        child = pulumi.ResourceOptions(parent=self)
        zone = privatedns.PrivateZone(
            f"zone-{name}",
            private_zone_name=service.zone,
            resource_group_name=args.resource_group_name,
            location="Global",
            tags=args.tags,
            opts=child,
        )
        privatedns.VirtualNetworkLink(
            f"zone-link-{name}",
            virtual_network_link_name=args.names.zone_link,
            private_zone_name=zone.name,
            resource_group_name=args.resource_group_name,
            location="Global",
            registration_enabled=False,
            virtual_network=privatedns.SubResourceArgs(id=args.network_id),
            tags=args.tags,
            opts=child,
        )
        endpoint = network.PrivateEndpoint(
            f"endpoint-{name}",
            private_endpoint_name=args.names.private_endpoint(target),
            resource_group_name=args.resource_group_name,
            location=args.location,
            # SubnetArgs would add what only the subnet itself has
            subnet={"id": args.subnet_id},
            private_link_service_connections=[
                network.PrivateLinkServiceConnectionArgs(
                    name=target, private_link_service_id=id_, group_ids=[service.group]
                )
            ],
            tags=args.tags,
            opts=pulumi.ResourceOptions.merge(child, pulumi.ResourceOptions(depends_on=after)),
        )
        network.PrivateDnsZoneGroup(
            f"endpoint-names-{name}",
            private_dns_zone_group_name="default",
            private_endpoint_name=endpoint.name,
            resource_group_name=args.resource_group_name,
            private_dns_zone_configs=[network.PrivateDnsZoneConfigArgs(name=target, private_dns_zone_id=zone.id)],
            opts=child,
        )
        return endpoint
