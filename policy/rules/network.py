"""Rules about networks and what is reachable from outside."""

from collections.abc import Iterator, Mapping
from typing import Any

from policy.resource import Resource, Stack, flag
from policy.rule import rule, stack_rule

_PUBLIC_PORTS = ("80", "443")
_ANYWHERE = ("*", "0.0.0.0/0", "internet", "any", "::/0")


@stack_rule(
    "public-addresses",
    "A public address is the NAT gateway's, or the ingress controller's from the prefix that customers know.",
    "https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses",
)
def public_addresses(stack: Stack) -> Iterator[tuple[Resource, str]]:
    """Whatever has one of its own is reachable without going through either."""
    egress = {
        each.urn
        for gateway in stack.of_type("network:NatGateway")
        for each in (*stack.referred(gateway, "publicIpAddresses"), *stack.referred(gateway, "publicIpPrefixes"))
    }
    for address in stack.of_type("network:PublicIPAddress"):
        prefixes = stack.referred(address, "publicIPPrefix")
        if address.urn not in egress and not any(each.is_a("network:PublicIPPrefix") for each in prefixes):
            yield address, "got an address of neither a NatGateway nor a PublicIPPrefix; allowed: one of them"


@rule(
    "public-address-standard",
    "A public address is static and of the SKU Standard, which is closed until somebody opens it.",
    "https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#sku",
    "network:PublicIPAddress",
)
def public_address_standard(address: Resource) -> Iterator[str]:
    """Basic addresses are open by default, and retired."""
    if address.get("sku.name") not in ("Standard", "StandardV2"):
        yield f"sku.name: got {address.get('sku.name')}; allowed: Standard, StandardV2"
    if address.get("publicIPAllocationMethod") != "Static":
        yield f"publicIPAllocationMethod: got {address.get('publicIPAllocationMethod')}; allowed: Static"


@rule(
    "subnet-outbound",
    "Nothing in a subnet reaches out but by the NAT gateway.",
    "https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access",
    "network:Subnet",
)
def subnet_outbound(subnet: Resource) -> Iterator[str]:
    """Azure's default outbound access has addresses that are nobody's."""
    if subnet.get("defaultOutboundAccess") is not False:
        yield f"defaultOutboundAccess: got {subnet.get('defaultOutboundAccess')}; allowed: false"


@rule(
    "security-group-inbound",
    "A network security group lets everybody in on 80 and 443 at most.",
    "https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview",
    "network:NetworkSecurityGroup",
    "network:SecurityRule",
)
def security_group_inbound(group: Resource) -> Iterator[str]:
    """AKS keeps a group of its own for its nodes; one that a stack adds opens no more than it does."""
    whole = group.is_a("network:NetworkSecurityGroup")
    rules = enumerate(group.get("securityRules") or []) if whole else [(0, group.properties)]
    for index, each in rules:
        path = f"securityRules[{index}]." if whole else ""
        if _opens(each) and (wrong := [port for port in _ports(each) if port not in _PUBLIC_PORTS]):
            yield f"{path}destinationPortRange: got {', '.join(wrong)} from everywhere; allowed: 80, 443"


def _opens(rule_: Mapping[str, Any]) -> bool:
    sources = [rule_.get("sourceAddressPrefix"), *(rule_.get("sourceAddressPrefixes") or [])]
    inbound = rule_.get("direction") == "Inbound" and rule_.get("access") == "Allow"
    return inbound and any(str(source).lower() in _ANYWHERE for source in sources)


def _ports(rule_: Mapping[str, Any]) -> list[str]:
    single = rule_.get("destinationPortRange")
    return [*([str(single)] if single else []), *map(str, rule_.get("destinationPortRanges") or [])]


@rule(
    "no-virtual-machines",
    "There is no machine beside the cluster's nodes.",
    "https://learn.microsoft.com/azure/aks/concepts-security#node-security",
    "compute:VirtualMachine",
    "compute:VirtualMachineScaleSet",
    "network:BastionHost",
)
def no_virtual_machines(machine: Resource) -> Iterator[str]:
    """A jump host is a way in that no rule of the cluster sees."""
    yield f"got {machine.type.rsplit(':', 1)[-1]}; allowed: none"


@rule(
    "network-no-peering-gateways",
    "A peering does not let the other network use our gateways, or us theirs.",
    "https://learn.microsoft.com/azure/virtual-network/virtual-network-peering-overview#gateways-and-on-premises-connectivity",
    "network:VirtualNetworkPeering",
)
def no_peering_gateways(peering: Resource) -> Iterator[str]:
    """Forwarded traffic comes from networks that nobody here has named."""
    for key in ("allowGatewayTransit", "allowForwardedTraffic"):
        if flag(peering.get(key)):
            yield f"{key}: got true; allowed: false"
