"""Addresses of the virtual network, and of what only the cluster sees."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import Field

from settings.azure_facts import UNUSABLE_RANGES
from settings.report import Problem, Section, UnreadError, check, guarded
from settings.types import Cidr, DataPlane, Flag, Ipv4, PodAddressing


class NatGateway(Section):
    """The static way out of the cluster (outbound type userAssignedNATGateway)."""

    public_ip_count: Annotated[int, Field(strict=True, ge=1, le=16)] = 1
    """Egress addresses; each gives 64,512 SNAT ports. https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource"""
    idle_timeout_minutes: Annotated[int, Field(strict=True, ge=4, le=120)] = 4
    """Minutes after which an idle TCP flow is dropped."""


# https://learn.microsoft.com/azure/aks/concepts-network-cni-overlay#ip-address-planning
_RESERVED_BY_AKS = tuple(
    IPv4Network(cidr) for cidr in ("169.254.0.0/16", "172.30.0.0/16", "172.31.0.0/16", "192.0.2.0/24")
)


class Network(Section):
    """Addresses of the virtual network, and of what only the cluster sees."""

    vnet_cidr: Cidr = IPv4Network("10.20.0.0/16")
    """The virtual network."""
    node_subnet_cidr: Cidr = IPv4Network("10.20.0.0/20")
    """The subnet that nodes live in."""
    api_server_subnet_cidr: Cidr | None = None
    """A subnet delegated to the API server; needed for ``cluster.apiServer.exposure: vnetIntegrated``."""
    pod_subnet_cidr: Cidr | None = None
    """A subnet for pods; needed for ``podAddressing: podSubnet``."""
    private_endpoint_subnet_cidr: Cidr | None = None
    """A subnet for private endpoints of the vault and of a registry that is created; there are none when left out.

    Both are then closed to whoever is in no network that leads to them.
    """
    private_endpoints_only: Flag = True
    """Close the vault and the registry to the public once they have private endpoints.

    ``false`` is for the run that gives endpoints to a running environment: they are closed before an endpoint is there.
    """
    pod_addressing: PodAddressing = PodAddressing.OVERLAY
    """Where pods get their addresses from."""
    data_plane: DataPlane = DataPlane.CILIUM
    """``cilium`` also enforces network policy; ``azure`` uses Calico for that, and is what Windows pools need."""
    pod_cidr: Cidr = IPv4Network("10.244.0.0/16")
    """Overlay addresses of pods; every node takes a /24 of it."""
    service_cidr: Cidr = IPv4Network("172.16.0.0/16")
    """Virtual addresses of services."""
    dns_service_ip: Ipv4 = IPv4Address("172.16.0.10")
    """Address of the cluster's DNS service, inside ``serviceCidr``."""
    nat_gateway: NatGateway = NatGateway()
    """The static way out."""

    @check
    def pod_subnet(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/concepts-network-azure-cni-pod-subnet."""
        with_subnet = self.pod_addressing is PodAddressing.POD_SUBNET
        if with_subnet and self.pod_subnet_cidr is None:
            yield Problem(("podSubnetCidr",), "missing; podAddressing 'podSubnet' needs it")
        if not with_subnet and self.pod_subnet_cidr is not None:
            yield Problem(
                ("podSubnetCidr",), f"got '{self.pod_subnet_cidr}'; allowed only with podAddressing 'podSubnet'"
            )

    @check
    def data_plane_and_addresses(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium#prerequisites."""
        if self.data_plane is DataPlane.CILIUM and self.pod_addressing is PodAddressing.NODE_SUBNET:
            yield Problem(
                ("podAddressing",), "got 'nodeSubnet' with dataPlane 'cilium'; allowed with it: overlay, podSubnet"
            )

    @check
    def overlay(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/concepts-network-cni-overlay#ip-address-planning."""
        if self.pod_addressing is not PodAddressing.OVERLAY:
            if "pod_cidr" in self.model_fields_set:
                yield Problem(("podCidr",), f"got '{self.pod_cidr}'; allowed only with podAddressing 'overlay'")
        elif self.pod_cidr.prefixlen > 24:
            yield Problem(("podCidr",), f"got '{self.pod_cidr}'; allowed: /24 or larger, as every node takes a /24")

    @check
    def usable_ranges(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq, and what AKS keeps for itself."""
        for key, name in (("vnetCidr", "vnet_cidr"), ("serviceCidr", "service_cidr"), ("podCidr", "pod_cidr")):
            yield from guarded(self._usable(key, name))

    def _usable(self, key: str, name: str) -> Iterator[Problem]:
        if name == "pod_cidr" and self.pod_addressing is not PodAddressing.OVERLAY:
            return
        cidr: IPv4Network = getattr(self, name)
        for unusable, why in UNUSABLE_RANGES.items():
            if cidr.overlaps(unusable):
                yield Problem(
                    (key,),
                    f"got '{cidr}', which overlaps {unusable}: {why}; allowed: a private range such as {_SUCH_AS[key]}",
                )
                return
        for reserved in _RESERVED_BY_AKS:
            if cidr.overlaps(reserved):
                yield Problem((key,), f"got '{cidr}', which overlaps {reserved}; AKS keeps that range for itself")

    @check
    def services_beside_network(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/concepts-network-cni-overlay#ip-address-planning."""
        yield from _apart("serviceCidr", self.service_cidr, *self._network())

    @check
    def pods_beside_network(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/concepts-network-cni-overlay#ip-address-planning."""
        if self.pod_addressing is PodAddressing.OVERLAY:
            yield from _apart("podCidr", self.pod_cidr, *self._network())

    def _network(self) -> tuple[str, IPv4Network]:
        """Return the network, or where that is not valid, the part of it that nodes are in."""
        try:
            return "vnetCidr", self.vnet_cidr
        except UnreadError:
            return "nodeSubnetCidr", self.node_subnet_cidr

    @check
    def pods_beside_services(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/concepts-network-cni-overlay#ip-address-planning."""
        if self.pod_addressing is PodAddressing.OVERLAY:
            yield from _apart("podCidr", self.pod_cidr, "serviceCidr", self.service_cidr)

    @check
    def subnets(self) -> Iterator[Problem]:
        """Subnets are in the network, and apart."""
        for name in _SUBNETS:
            yield from guarded(self._subnet(name))

    def _subnet(self, name: str) -> Iterator[Problem]:
        key, cidr = _SUBNETS[name], getattr(self, name)
        if cidr is None:
            return
        for other in list(_SUBNETS)[: list(_SUBNETS).index(name)]:
            yield from guarded(self._beside(key, cidr, other))
        if not cidr.subnet_of(self.vnet_cidr):
            yield Problem((key,), f"got '{cidr}'; allowed: a range inside vnetCidr '{self.vnet_cidr}'")

    def _beside(self, key: str, cidr: IPv4Network, other: str) -> Iterator[Problem]:
        if (beside := getattr(self, other)) is not None:
            yield from _apart(key, cidr, _SUBNETS[other], beside)

    @check
    def room_for_api_servers(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/api-server-vnet-integration: a cluster keeps 9 addresses.

        Two generations share the subnet while one takes over from the other.
        """
        if self.api_server_subnet_cidr and self.api_server_subnet_cidr.prefixlen > 27:
            yield Problem(
                ("apiServerSubnetCidr",),
                f"got '{self.api_server_subnet_cidr}'; allowed: /27 or larger, as a rebuild has two clusters in it",
            )

    @check
    def room_for_private_endpoints(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/container-registry/container-registry-private-link: a registry takes two.

        Azure keeps five addresses of a subnet, and the vault takes one.
        """
        cidr = self.private_endpoint_subnet_cidr
        if cidr is not None and cidr.prefixlen > 28:
            yield Problem(
                ("privateEndpointSubnetCidr",), f"got '{cidr}'; allowed: /28 or larger, for the vault and the registry"
            )

    @check
    def only_by_endpoints_that_there_are(self) -> Iterator[Problem]:
        """Without endpoints there is nothing else that the vault could be reached by."""
        if self.private_endpoint_subnet_cidr is None and "private_endpoints_only" in self.model_fields_set:
            yield Problem(
                ("privateEndpointsOnly",),
                f"got {str(self.private_endpoints_only).lower()} without privateEndpointSubnetCidr; "
                "allowed only with it",
            )

    @property
    def private_only(self) -> bool:
        """Whether the vault and the registry are closed to the public."""
        return self.private_endpoint_subnet_cidr is not None and self.private_endpoints_only

    @check
    def room_for_services(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/concepts-network-ip-address-planning: /12 at most.

        A /28 has 13 addresses to give, and the addons alone have some twenty services.
        """
        if self.service_cidr.prefixlen < 12:
            yield Problem(("serviceCidr",), f"got '{self.service_cidr}'; allowed: /12 or smaller")
        if self.service_cidr.prefixlen > 27:
            yield Problem(
                ("serviceCidr",), f"got '{self.service_cidr}'; allowed: /27 or larger, for the addons' twenty services"
            )

    @check
    def dns_service(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/concepts-network-ip-address-planning#kubernetes-dns-service-ip-address."""
        services, address = self.service_cidr, self.dns_service_ip
        if address not in services:
            yield Problem(("dnsServiceIp",), f"got '{address}'; allowed: inside serviceCidr '{services}'")
        elif address in (services[0], services[1], services[-1]):
            yield Problem(
                ("dnsServiceIp",),
                f"got '{address}'; allowed: not the range's network address, its first (the API server's) or its last",
            )


_SUBNETS = {
    "node_subnet_cidr": "nodeSubnetCidr",
    "api_server_subnet_cidr": "apiServerSubnetCidr",
    "pod_subnet_cidr": "podSubnetCidr",
    "private_endpoint_subnet_cidr": "privateEndpointSubnetCidr",
}
_SUCH_AS = {"vnetCidr": "10.20.0.0/16", "serviceCidr": "172.16.0.0/16", "podCidr": "10.244.0.0/16"}


def _apart(key: str, cidr: IPv4Network, other_key: str, other: IPv4Network) -> Iterator[Problem]:
    # a range that is everything is told by itself
    if other.prefixlen and cidr.overlaps(other):
        yield Problem((key,), f"got '{cidr}', which overlaps {other_key} '{other}'; allowed: disjoint ranges")
