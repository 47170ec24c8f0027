"""The public addresses that lead to ingress, and that customers allow-list."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, network, resources

from components.azure.naming import Names
from components.platform import PublicAddress

INGRESS_SLOTS = 2
"""Ingress addresses: a generation and its successor hold one each while both run."""


@dataclass(frozen=True, kw_only=True)
class IngressAddressesArgs:
    """Where ingress addresses come from."""

    names: Names
    location: str
    """The cluster's region: an address belongs to one."""
    zones: tuple[str, ...]
    """Zones of the addresses; empty where the region has none."""
    tags: Mapping[str, str]
    production: bool
    """Keep the addresses in Azure when they leave the program."""
    generation: int
    """The cluster generation that takes one of them."""


class IngressAddresses(pulumi.ComponentResource):
    """A public prefix, which customers allow-list once, and an address of it for every other generation.

    They have a resource group of their own, as Azure's cloud provider lists the addresses of the group that a Service
    names, and so needs a role on all of it. In production they are locked in Azure and retained rather than protected:
    a rebuild in another region leaves them behind on purpose.
    """

    prefix: pulumi.Output[str]
    """The range, such as 20.1.2.4/31."""
    address: PublicAddress
    """The address of this generation; its neighbours in the count have the other one."""
    resource_group_id: pulumi.Output[str]
    """ARM id of that group: what the cluster may touch to take an address."""
    resource_group_name: pulumi.Output[str]

    def __init__(self, name: str, args: IngressAddressesArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the prefix and its addresses."""
        super().__init__("aks-bootstrap:foundation:IngressAddresses", name, None, opts)
        child = pulumi.ResourceOptions(parent=self, retain_on_delete=args.production)
        group = resources.ResourceGroup(
            f"ingress-{args.location}",
            resource_group_name=args.names.ingress_group,
            location=args.location,
            tags=args.tags,
            opts=child,
        )
        prefix = network.PublicIPPrefix(
            f"ingress-prefix-{args.location}",
            public_ip_prefix_name=args.names.ingress_prefix,
            resource_group_name=group.name,
            location=args.location,
            prefix_length=31,  # two addresses: INGRESS_SLOTS
            public_ip_address_version=network.IPVersion.I_PV4,
            sku=network.PublicIPPrefixSkuArgs(name=network.PublicIPPrefixSkuName.STANDARD),
            zones=list(args.zones) or None,
            tags=args.tags,
            opts=child,
        )
        addresses = [
            network.PublicIPAddress(
                f"ingress-{slot}-{args.location}",
                public_ip_address_name=args.names.ingress_address(slot),
                resource_group_name=group.name,
                location=args.location,
                public_ip_prefix=network.SubResourceArgs(id=prefix.id),
                public_ip_allocation_method=network.IPAllocationMethod.STATIC,
                public_ip_address_version=network.IPVersion.I_PV4,
                sku=network.PublicIPAddressSkuArgs(name=network.PublicIPAddressSkuName.STANDARD),
                zones=list(args.zones) or None,
                tags=args.tags,
                opts=child,
            )
            for slot in range(INGRESS_SLOTS)
        ]
        if args.production:
            # on the prefix, which its addresses hold and its group cannot go without: a lock on the group would be
            # inherited by the control plane's role there, which has to go when the region is left
            authorization.ManagementLockByScope(
                f"ingress-{args.location}-lock",
                lock_name=args.names.lock(f"ingress-{args.location}"),
                scope=prefix.id,
                level=authorization.LockLevel.CAN_NOT_DELETE,
                notes="Customers allow-list these addresses: docs/runbooks/disaster-recovery.md of aks-bootstrap.",
                opts=child,
            )
        self.prefix = prefix.ip_prefix
        mine = addresses[args.generation % INGRESS_SLOTS]
        self.address = PublicAddress(
            name=mine.name, resource_group_name=group.name, ip=mine.ip_address.apply(lambda value: value or "")
        )
        self.resource_group_id, self.resource_group_name = group.id, group.name
        self.register_outputs({"prefix": self.prefix})
