"""Addresses of the virtual network, and of what only the cluster sees."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated

from pydantic import Field

from settings.report import Problem, Section
from settings.types import Cidr, DataPlane, Ipv4, PodAddressing


class NatGateway(Section):
    """The static way out of the cluster (outbound type userAssignedNATGateway)."""

    public_ip_count: Annotated[int, Field(ge=1, le=16)] = 1
    """Egress addresses; each gives 64,512 SNAT ports. https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource"""
    idle_timeout_minutes: Annotated[int, Field(ge=4, le=120)] = 4
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

    def problems(self) -> Iterator[Problem]:
        """Ranges nest and do not overlap, as Azure CNI asks.

        https://learn.microsoft.com/azure/aks/concepts-network-cni-overlay#ip-address-planning and
        https://learn.microsoft.com/azure/aks/azure-cni-powered-by-cilium#prerequisites
        """
        yield from self._reserved_ranges()
        yield from self._overlaps()
        yield from self._subnets()
        yield from self._services()
        if self.data_plane is DataPlane.CILIUM and self.pod_addressing is PodAddressing.NODE_SUBNET:
            yield Problem(
                ("podAddressing",), "got 'nodeSubnet' with dataPlane 'cilium'; allowed with it: overlay, podSubnet"
            )
        if self.pod_addressing is PodAddressing.POD_SUBNET and self.pod_subnet_cidr is None:
            yield Problem(("podSubnetCidr",), "missing; podAddressing 'podSubnet' needs it")
        if self.pod_addressing is not PodAddressing.POD_SUBNET and self.pod_subnet_cidr is not None:
            yield Problem(
                ("podSubnetCidr",), f"got '{self.pod_subnet_cidr}'; allowed only with podAddressing 'podSubnet'"
            )
        if self.pod_addressing is PodAddressing.OVERLAY and self.pod_cidr.prefixlen > 24:
            yield Problem(("podCidr",), f"got '{self.pod_cidr}'; allowed: /24 or larger, as every node takes a /24")

    def _ranges(self) -> dict[str, IPv4Network]:
        ranges = {"vnetCidr": self.vnet_cidr, "serviceCidr": self.service_cidr}
        if self.pod_addressing is PodAddressing.OVERLAY:
            ranges["podCidr"] = self.pod_cidr
        return ranges

    def _reserved_ranges(self) -> Iterator[Problem]:
        for key, cidr in self._ranges().items():
            for reserved in _RESERVED_BY_AKS:
                if cidr.overlaps(reserved):
                    yield Problem((key,), f"got '{cidr}', which overlaps {reserved}; AKS keeps that range for itself")

    def _overlaps(self) -> Iterator[Problem]:
        ranges = list(self._ranges().items())
        for index, (key, cidr) in enumerate(ranges):
            for other_key, other in ranges[:index]:
                if cidr.overlaps(other):
                    yield Problem(
                        (key,), f"got '{cidr}', which overlaps {other_key} '{other}'; allowed: disjoint ranges"
                    )

    def _subnets(self) -> Iterator[Problem]:
        subnets = {
            "nodeSubnetCidr": self.node_subnet_cidr,
            "apiServerSubnetCidr": self.api_server_subnet_cidr,
            "podSubnetCidr": self.pod_subnet_cidr,
        }
        given = [(key, cidr) for key, cidr in subnets.items() if cidr is not None]
        for index, (key, cidr) in enumerate(given):
            if not cidr.subnet_of(self.vnet_cidr):
                yield Problem((key,), f"got '{cidr}'; allowed: a range inside vnetCidr '{self.vnet_cidr}'")
            for other_key, other in given[:index]:
                if cidr.overlaps(other):
                    yield Problem(
                        (key,), f"got '{cidr}', which overlaps {other_key} '{other}'; allowed: disjoint subnets"
                    )
        # https://learn.microsoft.com/azure/aks/api-server-vnet-integration: a cluster keeps 9 addresses, and two
        # generations share the subnet while one takes over from the other
        if self.api_server_subnet_cidr and self.api_server_subnet_cidr.prefixlen > 27:
            yield Problem(
                ("apiServerSubnetCidr",),
                f"got '{self.api_server_subnet_cidr}'; allowed: /27 or larger, as a rebuild has two clusters in it",
            )

    def _services(self) -> Iterator[Problem]:
        services, address = self.service_cidr, self.dns_service_ip
        if services.prefixlen < 12:
            yield Problem(("serviceCidr",), f"got '{self.service_cidr}'; allowed: /12 or smaller")
        if address not in services:
            yield Problem(
                ("dnsServiceIp",), f"got '{self.dns_service_ip}'; allowed: inside serviceCidr '{self.service_cidr}'"
            )
        elif address in (services[0], services[1], services[-1]):
            yield Problem(
                ("dnsServiceIp",),
                f"got '{self.dns_service_ip}'; "
                "allowed: not the range's network address, its first (the API server's) or its last",
            )
