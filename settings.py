"""What a stack may say: every key of ``Pulumi.<stack>.yaml``, its default and its rules.

A stack file holds only what its environment differs in; defaults live here. Every rule that Azure or Kubernetes would
enforce minutes into an update is enforced here in the first second, with its source beside it. ``load`` is the only
reader of ``pulumi.Config``.
"""

import datetime as dt
import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import Field, TypeAdapter, ValidationError

from components.vm_sizes import ephemeral_disk_gib, is_burstable, vcpus
from stackconfig.errors import NAMESPACE, Problem, Section, problems_of, refuse, unknown_key
from stackconfig.rules import CROSS_SECTION_RULES
from stackconfig.types import (
    Cidr,
    DataPlane,
    Day,
    DnsName,
    Email,
    Exposure,
    Guid,
    Ipv4,
    Issuer,
    Location,
    Minutes,
    PodAddressing,
    Surge,
    Target,
    Unique,
    Url,
    VmSize,
    Zones,
)

_net = ipaddress.IPv4Network


class Tags(Section):
    """Tags that every Azure resource carries, beside ``environment`` and ``managed-by``."""

    owner: Annotated[str, Field(min_length=1, max_length=256)]
    """Who answers for this cluster: a team or an address."""
    cost_centre: Annotated[str, Field(min_length=1, max_length=256)]
    """Who pays."""
    extra: dict[str, str] = {}
    """Further tags, name to value."""

    def problems(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations."""
        if len(self.extra) > 46:
            yield Problem(("extra",), f"got {len(self.extra)} tags; allowed: 46, as Azure takes 50 and 4 are ours")
        for name, value in self.extra.items():
            if name.lower() in {"environment", "owner", "cost-centre", "managed-by"}:
                yield Problem(("extra", name), "this tag is set by the program; allowed: another name")
            if len(name) > 512 or set(name) & set("<>%&\\?/"):
                yield Problem(("extra", name), "allowed: a name of at most 512 characters without < > % & \\ ? /")
            if name.lower().startswith(("microsoft", "azure", "windows")):
                yield Problem(("extra", name), "allowed: a name that does not begin with microsoft, azure or windows")
            if len(value) > 256:
                yield Problem(("extra", name), f"got {len(value)} characters; allowed: at most 256")


class Azure(Section):
    """The subscription that the stack lives in; no environment variable can point it elsewhere."""

    subscription_id: Guid
    """The subscription's id."""
    tenant_id: Guid
    """The Entra tenant that the subscription trusts."""
    location: Location
    """Region of the foundation, and of the cluster unless ``cluster.location`` says otherwise."""


class NatGateway(Section):
    """The static way out of the cluster (outbound type userAssignedNATGateway)."""

    public_ip_count: Annotated[int, Field(ge=1, le=16)] = 1
    """Egress addresses; each gives 64,512 SNAT ports. https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource"""
    idle_timeout_minutes: Annotated[int, Field(ge=4, le=120)] = 4
    """Minutes after which an idle TCP flow is dropped."""


# https://learn.microsoft.com/azure/aks/concepts-network-cni-overlay#ip-address-planning
_RESERVED_BY_AKS = tuple(
    ipaddress.IPv4Network(cidr) for cidr in ("169.254.0.0/16", "172.30.0.0/16", "172.31.0.0/16", "192.0.2.0/24")
)


class Network(Section):
    """Addresses of the virtual network, and of what only the cluster sees."""

    vnet_cidr: Cidr = "10.20.0.0/16"
    """The virtual network."""
    node_subnet_cidr: Cidr = "10.20.0.0/20"
    """The subnet that nodes live in."""
    api_server_subnet_cidr: Cidr | None = None
    """A subnet delegated to the API server; needed for ``cluster.apiServer.exposure: vnetIntegrated``."""
    pod_subnet_cidr: Cidr | None = None
    """A subnet for pods; needed for ``podAddressing: podSubnet``."""
    pod_addressing: PodAddressing = PodAddressing.OVERLAY
    """Where pods get their addresses from."""
    data_plane: DataPlane = DataPlane.CILIUM
    """``cilium`` also enforces network policy; ``azure`` uses Calico for that, and is what Windows pools need."""
    pod_cidr: Cidr = "10.244.0.0/16"
    """Overlay addresses of pods; every node takes a /24 of it."""
    service_cidr: Cidr = "172.16.0.0/16"
    """Virtual addresses of services."""
    dns_service_ip: Ipv4 = "172.16.0.10"
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
                ("podSubnetCidr",), f"got {self.pod_subnet_cidr!r}; allowed only with podAddressing 'podSubnet'"
            )
        if self.pod_addressing is PodAddressing.OVERLAY and _net(self.pod_cidr).prefixlen > 24:
            yield Problem(("podCidr",), f"got {self.pod_cidr!r}; allowed: /24 or larger, as every node takes a /24")

    def _ranges(self) -> dict[str, str]:
        ranges = {"vnetCidr": self.vnet_cidr, "serviceCidr": self.service_cidr}
        if self.pod_addressing is PodAddressing.OVERLAY:
            ranges["podCidr"] = self.pod_cidr
        return ranges

    def _reserved_ranges(self) -> Iterator[Problem]:
        for key, cidr in self._ranges().items():
            for reserved in _RESERVED_BY_AKS:
                if _net(cidr).overlaps(reserved):
                    yield Problem((key,), f"got {cidr!r}, which overlaps {reserved}; AKS keeps that range for itself")

    def _overlaps(self) -> Iterator[Problem]:
        ranges = list(self._ranges().items())
        for index, (key, cidr) in enumerate(ranges):
            for other_key, other in ranges[:index]:
                if _net(cidr).overlaps(_net(other)):
                    yield Problem(
                        (key,), f"got {cidr!r}, which overlaps {other_key} {other!r}; allowed: disjoint ranges"
                    )

    def _subnets(self) -> Iterator[Problem]:
        subnets = {
            "nodeSubnetCidr": self.node_subnet_cidr,
            "apiServerSubnetCidr": self.api_server_subnet_cidr,
            "podSubnetCidr": self.pod_subnet_cidr,
        }
        given = [(key, cidr) for key, cidr in subnets.items() if cidr is not None]
        for index, (key, cidr) in enumerate(given):
            if not _net(cidr).subnet_of(_net(self.vnet_cidr)):
                yield Problem((key,), f"got {cidr!r}; allowed: a range inside vnetCidr {self.vnet_cidr!r}")
            for other_key, other in given[:index]:
                if _net(cidr).overlaps(_net(other)):
                    yield Problem(
                        (key,), f"got {cidr!r}, which overlaps {other_key} {other!r}; allowed: disjoint subnets"
                    )
        # https://learn.microsoft.com/azure/aks/api-server-vnet-integration: a cluster keeps 9 addresses, and two
        # generations share the subnet while one takes over from the other
        if self.api_server_subnet_cidr and _net(self.api_server_subnet_cidr).prefixlen > 27:
            yield Problem(
                ("apiServerSubnetCidr",),
                f"got {self.api_server_subnet_cidr!r}; allowed: /27 or larger, as a rebuild has two clusters in it",
            )

    def _services(self) -> Iterator[Problem]:
        services, address = _net(self.service_cidr), ipaddress.IPv4Address(self.dns_service_ip)
        if services.prefixlen < 12:
            yield Problem(("serviceCidr",), f"got {self.service_cidr!r}; allowed: /12 or smaller")
        if address not in services:
            yield Problem(
                ("dnsServiceIp",), f"got {self.dns_service_ip!r}; allowed: inside serviceCidr {self.service_cidr!r}"
            )
        elif address in (services[0], services[1], services[-1]):
            yield Problem(
                ("dnsServiceIp",),
                f"got {self.dns_service_ip!r}; "
                "allowed: not the range's network address, its first (the API server's) or its last",
            )


class ApiServer(Section):
    """How the API server is reached; a choice that has no default."""

    exposure: Exposure
    """``private`` (private link), ``vnetIntegrated``, ``authorizedRanges``, or, spelled out, ``openToTheWorld``."""
    authorized_ip_ranges: Annotated[tuple[Cidr, ...], Unique] = ()
    """Ranges that may reach a public API server. The NAT gateway's own addresses are added by the program."""

    def problems(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges: at most 200 public ranges."""
        key = ("authorizedIpRanges",)
        if self.exposure is Exposure.AUTHORIZED_RANGES:
            if not self.authorized_ip_ranges:
                yield Problem(key, "missing; exposure 'authorizedRanges' needs at least one range")
            if len(self.authorized_ip_ranges) > 184:
                yield Problem(
                    key,
                    f"got {len(self.authorized_ip_ranges)} ranges; allowed: 184, as AKS takes 200 and 16 are for NAT",
                )
        elif self.authorized_ip_ranges:
            yield Problem(
                key, f"got ranges with exposure {self.exposure.value!r}; allowed only with 'authorizedRanges'"
            )
        for index, cidr in enumerate(self.authorized_ip_ranges):
            if _net(cidr).prefixlen == 0:
                yield Problem((*key, index), f"got {cidr!r}; to open it, say exposure: {Exposure.OPEN.value}")
            elif _net(cidr).is_private:
                yield Problem((*key, index), f"got {cidr!r}; allowed: public ranges, as the endpoint is public")


class MaintenanceWindow(Section):
    """A weekly window. https://learn.microsoft.com/azure/aks/planned-maintenance."""

    day: Day
    """Day of the week that it starts on."""
    start_time: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    """Local time that it starts at, HH:MM."""
    utc_offset: Annotated[str, Field(pattern=r"^[+-](0\d|1[0-4]):[0-5]\d$")] = "+00:00"
    """The local time's offset from UTC."""
    duration_hours: Annotated[int, Field(ge=4, le=24)] = 4
    """Hours that it lasts."""
    interval_weeks: Annotated[int, Field(ge=1, le=4)] = 1
    """Weeks from one window to the next."""
    start_date: dt.date | None = None
    """First day that it is in force; today when left out."""


class Maintenance(Section):
    """When AKS may upgrade by itself; without a window, at any time."""

    cluster: MaintenanceWindow | None = None
    """Window for the control plane's and pools' Kubernetes version."""
    node_os: MaintenanceWindow | None = None
    """Window for node images."""


class AutoscalerProfile(Section):
    """The cluster autoscaler's manners. https://learn.microsoft.com/azure/aks/cluster-autoscaler#cluster-autoscaler-profile-settings."""

    expander: Literal["least-waste", "most-pods", "priority", "random"] = "least-waste"
    """How it chooses the pool to grow."""
    balance_similar_node_groups: bool = True
    """Keep pools that differ only in their zone of the same size."""
    scan_interval: Annotated[str, Field(pattern=r"^[1-9]\d*s$")] = "10s"
    """Seconds between two looks, such as "10s"."""
    scale_down_delay_after_add: Minutes = "10m"
    """Minutes after growing before it thinks of shrinking."""
    scale_down_unneeded_time: Minutes = "10m"
    """Minutes that a node must be idle before it goes."""
    scale_down_utilization_threshold: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of a node's requests under which it counts as idle."""
    max_graceful_termination_seconds: Annotated[int, Field(ge=0, le=3600)] = 600
    """Seconds that a pod gets to end when its node goes."""
    max_node_provision_time: Minutes = "15m"
    """Minutes that a node may take to come up."""
    skip_nodes_with_local_storage: bool = False
    """Never remove a node whose pods have local storage."""
    skip_nodes_with_system_pods: bool = True
    """Never remove a node that runs kube-system pods."""


_OLDEST_MINOR, _LTS_ONLY_UNTIL = 33, 33


class Cluster(Section):
    """The AKS cluster of this generation."""

    generation: Annotated[int, Field(ge=1, le=999)] = 1
    """Raise it by one, and the next ``pulumi up`` builds a new cluster beside the old one and moves to it.

    By one, as neighbours in the count take ingress addresses in turn: a new cluster that must be given up is removed
    by going back to the old number.
    """
    location: Location | None = None
    """Region of the cluster and its network; ``azure.location`` when left out."""
    kubernetes_version: Annotated[str, Field(pattern=r"^1\.\d{2}$")] = "1.35"
    """A minor version, in quotes; the patch channel owns the rest."""
    tier: Literal["Free", "Standard", "Premium"] = "Free"
    """Control plane tier; Standard and Premium come with a service level agreement."""
    long_term_support: bool = False
    """AKS long-term support; needs the Premium tier."""
    zones: Zones = ()
    """Availability zones of the system pool and, unless they say otherwise, user pools.

    Public addresses are in every zone that the region has.
    """
    api_server: ApiServer
    """How the API server is reached; a choice that has no default."""
    local_accounts: bool = False
    """Keep the certificate account that bypasses Entra ID."""
    admin_group_object_ids: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups whose members administer the cluster; whoever runs ``pulumi up`` has to be in one."""
    kubelogin: Literal["azurecli", "workloadidentity", "spn", "msi"] = "azurecli"
    """How kubelogin signs in for whoever runs ``pulumi up``."""
    upgrade_channel: Literal["patch", "none"] = "patch"
    """The channels that move the minor version are left out: the stack file owns it."""
    node_os_upgrade_channel: Literal["NodeImage", "SecurityPatch", "Unmanaged", "None"] = "NodeImage"
    """Who patches the nodes' operating system."""
    maintenance: Maintenance = Maintenance()
    """When AKS may upgrade by itself."""
    autoscaler: AutoscalerProfile = AutoscalerProfile()
    """The cluster autoscaler's manners."""
    keda: bool = False
    """Event-driven autoscaling of workloads."""
    vertical_pod_autoscaler: bool = False
    """Requests that follow use."""
    node_auto_provisioning: bool = False
    """Karpenter-style nodes on demand; then no pool may autoscale."""
    image_cleaner_interval_hours: Annotated[int, Field(ge=24, le=2160)] = 168
    """Hours between two rounds of the image cleaner. https://learn.microsoft.com/azure/aks/image-cleaner"""

    def problems(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/supported-kubernetes-versions and .../long-term-support."""
        minor = int(self.kubernetes_version.split(".")[1])
        if minor < _OLDEST_MINOR:
            yield Problem(
                ("kubernetesVersion",),
                f"got {self.kubernetes_version!r}; "
                f"allowed: 1.{_OLDEST_MINOR} or newer, as AKS no longer creates older ones",
            )
        elif minor <= _LTS_ONLY_UNTIL and not self.long_term_support:
            yield Problem(
                ("kubernetesVersion",),
                f"got {self.kubernetes_version!r}, which has long-term support only; "
                "allowed: 1.34 or newer, or longTermSupport: true",
            )
        if self.long_term_support and self.tier != "Premium":
            yield Problem(("tier",), f"got {self.tier!r}; allowed with longTermSupport: Premium")
        if not self.admin_group_object_ids:
            yield Problem(
                ("adminGroupObjectIds",),
                "missing; at least one Entra group has to administer the cluster: this program signs in as its member",
            )


_TAINT = re.compile(
    r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[a-z0-9A-Z]([-a-z0-9A-Z_.]{0,61}[a-z0-9A-Z])?(=[a-z0-9A-Z._-]*)?:(NoSchedule|PreferNoSchedule|NoExecute)$"
)
_LABEL_KEY = re.compile(r"^([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$")
_LABEL_VALUE = re.compile(r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$")


class Pool(Section):
    """What the system pool and user pools share."""

    vm_size: VmSize
    """Azure size of the nodes."""
    min_count: Annotated[int, Field(ge=0, le=1000)]
    """Fewest nodes."""
    max_count: Annotated[int, Field(ge=1, le=1000)]
    """Most nodes; equal to ``minCount`` turns autoscaling off."""
    os_disk_size_gib: Annotated[int, Field(ge=30, le=2048)] | None = None
    """Size of the OS disk, in GiB; 64 for Linux and 128 for Windows when left out."""
    os_disk_type: Literal["auto", "Ephemeral", "Managed"] = "auto"
    """``auto`` is ephemeral where the size's local disk holds it, managed elsewhere."""
    max_pods: Annotated[int, Field(ge=30, le=250)] = 110
    """Pods per node. https://learn.microsoft.com/azure/aks/quotas-skus-regions"""
    max_surge: Surge = "33%"
    """Nodes added during an upgrade."""
    drain_timeout_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    """Minutes that a node may take to drain. https://learn.microsoft.com/azure/aks/upgrade-aks-cluster"""
    node_soak_minutes: Annotated[int, Field(ge=0, le=30)] = 0
    """Minutes to wait after each upgraded node."""
    undrainable_node_behavior: Literal["Cordon", "Schedule"] = "Cordon"
    """What becomes of a node that cannot be drained: left cordoned, or put back."""

    @property
    def autoscaled(self) -> bool:
        """Whether the cluster autoscaler owns the count."""
        return self.min_count < self.max_count

    @property
    def os_disk_gib(self) -> int:
        """Size of the OS disk, in GiB."""
        return self.os_disk_size_gib or 64

    @property
    def ephemeral(self) -> bool:
        """Whether the OS disk is ephemeral."""
        fits = ephemeral_disk_gib(self.vm_size) >= self.os_disk_gib
        return self.os_disk_type == "Ephemeral" or (self.os_disk_type == "auto" and fits)

    def problems(self) -> Iterator[Problem]:
        """Rules of any pool. https://learn.microsoft.com/azure/aks/quotas-skus-regions: no size below 2 vCPUs."""
        if vcpus(self.vm_size) < 2:
            yield Problem(("vmSize",), f"got {self.vm_size!r}; allowed: 2 vCPUs or more")
        if self.min_count > self.max_count:
            yield Problem(("minCount",), f"got {self.min_count}; allowed: at most maxCount ({self.max_count})")
        room = ephemeral_disk_gib(self.vm_size)
        if self.os_disk_type == "Ephemeral" and room < self.os_disk_gib:
            yield Problem(
                ("osDiskType",),
                f"got 'Ephemeral' with {self.os_disk_gib} GiB; {self.vm_size} holds {room} GiB; allowed: auto, Managed",
            )


class SystemPool(Pool):
    """The one inline pool: small, permanent, tainted CriticalAddonsOnly. https://learn.microsoft.com/azure/aks/use-system-pools."""

    vm_size: VmSize = "Standard_D2ds_v5"
    """Azure size of the nodes."""
    min_count: Annotated[int, Field(ge=1, le=1000)] = 1
    """Fewest nodes; at least one, as a cluster needs it."""
    max_count: Annotated[int, Field(ge=1, le=1000)] = 3
    """Most nodes."""

    def problems(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/use-system-pools: steady sizes."""
        yield from super().problems()
        if is_burstable(self.vm_size):
            yield Problem(
                ("vmSize",),
                f"got {self.vm_size!r}; allowed: not the burstable B series: AKS advises against it for system pools",
            )


class NodePool(Pool):
    """A user pool; its Azure name is ``name`` and two characters that change when the pool must be replaced."""

    name: str
    """Lower-case alphanumerics, first a letter; 10 characters at most, 4 for Windows."""
    zones: Zones | None = None
    """Availability zones; the cluster's when left out."""
    labels: dict[str, str] = {}
    """Node labels."""
    taints: Annotated[tuple[str, ...], Unique] = ()
    """Node taints, ``key=value:Effect``."""
    os: Literal["linux", "windows"] = "linux"
    """Operating system: Azure Linux 3, or Windows Server 2022."""
    spot: bool = False
    """Spare capacity that Azure may take back."""
    spot_max_price: Annotated[float, Field(ge=-1)] | None = None
    """Most to pay for an hour of a node, in US dollars; -1 is the regular price."""

    @property
    def os_disk_gib(self) -> int:
        """Size of the OS disk, in GiB."""
        return self.os_disk_size_gib or (128 if self.os == "windows" else 64)

    def problems(self) -> Iterator[Problem]:
        """Names, labels and taints as AKS takes them.

        https://learn.microsoft.com/azure/aks/create-node-pools#limitations: Linux names have 12 characters at most,
        Windows names 6; two are the program's. https://learn.microsoft.com/azure/aks/spot-node-pool#limitations: a spot
        pool has no surge. https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set.
        """
        yield from super().problems()
        limit = 4 if self.os == "windows" else 10
        if not re.fullmatch(rf"[a-z][a-z0-9]{{0,{limit - 1}}}", self.name):
            yield Problem(
                ("name",), f"got {self.name!r}; allowed: 1-{limit} lower-case letters and digits, first a letter"
            )
        if self.name == "system":
            yield Problem(("name",), "got 'system'; allowed: another name, as the system pool has it")
        for key, value in self.labels.items():
            if not _LABEL_KEY.match(key) or not _LABEL_VALUE.match(value):
                yield Problem(("labels", key), f"got {value!r}; allowed: a Kubernetes label, at most 63 characters")
            if key.split("/")[0].endswith(("kubernetes.azure.com", "kubernetes.io", "k8s.io")) and "/" in key:
                yield Problem(("labels", key), "this prefix belongs to AKS or Kubernetes; allowed: your own")
        for index, taint in enumerate(self.taints):
            if not _TAINT.match(taint):
                yield Problem(
                    ("taints", index),
                    f"got {taint!r}; "
                    "allowed: key=value:Effect, where Effect is NoSchedule, PreferNoSchedule or NoExecute",
                )
        if self.spot_max_price is not None and not self.spot:
            yield Problem(("spotMaxPrice",), f"got {self.spot_max_price}; allowed only with spot: true")
        if self.spot_max_price is not None and self.spot_max_price != -1 and self.spot_max_price <= 0:
            yield Problem(("spotMaxPrice",), f"got {self.spot_max_price}; allowed: -1, or a price above 0")
        if self.spot and "max_surge" in self.model_fields_set:
            yield Problem(
                ("maxSurge",), f"got {self.max_surge!r} with spot: true; spot nodes have no surge: leave it out"
            )
        if self.os == "windows" and self.os_disk_gib < 128:
            yield Problem(("osDiskSizeGib",), f"got {self.os_disk_gib}; allowed for Windows: 128 or more")


class KeyVault(Section):
    """The vault that applications' secrets come from. https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview."""

    name: Annotated[str, Field(min_length=3, max_length=24, pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")] | None = None
    """3-24 letters, digits and single hyphens, unique in the world; derived when left out."""
    soft_delete_retention_days: Annotated[int, Field(ge=7, le=90)] = 7
    """Days that a deleted vault can be recovered; it cannot be changed later."""
    purge_protection: bool = True
    """Refuse to purge before that; it cannot be turned off later."""
    sku: Literal["standard", "premium"] = "standard"
    """``premium`` has hardware keys."""
    recover: bool = False
    """Take a soft-deleted vault of this name back instead of creating one: for the ``up`` after a deletion."""
    allowed_ip_ranges: Annotated[tuple[Cidr, ...], Unique] = ()
    """Ranges that may reach the vault; all may when empty. The cluster's egress addresses are added by the program."""


class Registry(Section):
    """The container registry that nodes pull from."""

    mode: Literal["none", "create", "existing"] = "none"
    """Create one, use an existing one, or leave registries to others."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9]{5,50}$")] | None = None
    """Name of a created one; derived when left out."""
    resource_id: str | None = None
    """ARM id of an existing one."""
    login_server: DnsName | None = None
    """Host name of an existing one, where it is not <name>.azurecr.io."""
    sku: Literal["Basic", "Standard", "Premium"] = "Basic"
    """Premium is zone-redundant."""

    def problems(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcontainerregistry."""
        pattern = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerRegistry/registries/[^/]+"
        if self.mode == "existing" and not self.resource_id:
            yield Problem(("resourceId",), "missing; mode 'existing' needs it")
        if self.mode != "existing" and self.resource_id:
            yield Problem(("resourceId",), f"got a value with mode {self.mode!r}; allowed only with 'existing'")
        if self.mode == "existing" and self.resource_id and not re.fullmatch(pattern, self.resource_id, re.IGNORECASE):
            yield Problem(
                ("resourceId",),
                f"got {self.resource_id!r}; allowed: /subscriptions/.../Microsoft.ContainerRegistry/registries/...",
            )
        if self.login_server and self.mode != "existing":
            yield Problem(("loginServer",), f"got {self.login_server!r} with mode {self.mode!r}; allowed: 'existing'")
        if self.name and self.mode != "create":
            yield Problem(("name",), f"got {self.name!r} with mode {self.mode!r}; allowed only with 'create'")


class Dns(Section):
    """The public zone of this environment's host names."""

    zone: DnsName
    """The zone, such as dev.example.com."""
    mode: Literal["create", "existing"] = "create"
    """Create the zone (then delegate to it), or use one that is there."""
    resource_group: Annotated[str, Field(pattern=r"^[\w.()-]{1,89}[\w()-]$")] | None = None
    """Resource group of an existing zone."""
    records: Annotated[
        tuple[Annotated[str, Field(pattern=r"^(@|(\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9-]+)*)$")], ...],
        Unique,
    ] = ("*",)
    """A records that lead to ingress, relative to the zone; ``@`` is the apex, ``*`` the wildcard."""
    ttl_seconds: Annotated[int, Field(ge=30, le=86400)] = 300
    """How long resolvers keep them, which bounds how long a rebuild's move takes to be seen."""

    def problems(self) -> Iterator[Problem]:
        """An existing zone needs its place."""
        if self.mode == "existing" and not self.resource_group:
            yield Problem(("resourceGroup",), "missing; mode 'existing' needs it")
        if self.mode == "create" and self.resource_group:
            yield Problem(("resourceGroup",), f"got {self.resource_group!r}; allowed only with mode 'existing'")


class Observability(Section):
    """What watches the cluster; off unless the stack turns it on (production does)."""

    container_insights: bool = False
    """Logs and events to a Log Analytics workspace."""
    managed_prometheus: bool = False
    """Metrics to an Azure Monitor workspace."""
    defender: bool = False
    """Microsoft Defender for Containers' sensor."""
    azure_policy: bool = False
    """The Azure Policy add-on (Gatekeeper)."""
    retention_days: Annotated[int, Field(ge=30, le=730)] = 30
    """Days that Log Analytics keeps data. https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure"""
    daily_cap_gib: Annotated[float, Field(gt=0)] | None = None
    """Most that Log Analytics takes in a day; without a cap when left out."""

    @property
    def log_analytics(self) -> bool:
        """Whether anything needs the Log Analytics workspace."""
        return self.container_insights or self.defender


class Certificates(Section):
    """cert-manager's issuers."""

    email: Email | None = None
    """Where Let's Encrypt writes to; needed in Azure."""
    issuer: Issuer = Issuer.LETSENCRYPT_STAGING
    """Who signs the default certificate and Argo CD's."""


class Ingress(Section):
    """Traefik, and the address that leads to it."""

    replicas: Annotated[int, Field(ge=1, le=50)] = 1
    """Proxies; two or more get a disruption budget and are spread over nodes and zones."""
    gateway_api: bool = False
    """Serve Gateway API routes too, from listeners with the default certificate; its CRDs have to be in the cluster.

    https://gateway-api.sigs.k8s.io/guides/#installing-gateway-api
    """
    default_certificate: bool = True
    """Hold a wildcard certificate of the zone for hosts that bring none."""
    default_class: bool = True
    """Serve Ingresses that name no class; turn it off where another controller does."""
    service_type: Literal["LoadBalancer", "ClusterIP", "NodePort"] = "LoadBalancer"
    """How the proxies are reached; the local stack may do without a load balancer."""

    def problems(self) -> Iterator[Problem]:
        """A Gateway's HTTPS listener names a certificate. https://gateway-api.sigs.k8s.io/reference/spec/#listener."""
        if self.gateway_api and not self.default_certificate:
            yield Problem(("gatewayApi",), "got true with defaultCertificate: false; its HTTPS listener needs that one")


class EntraSignIn(Section):
    """Sign-in to Argo CD with Entra ID and no stored secret: a federated credential stands for it."""

    application_client_id: Guid
    """The application registration, made by hand (Microsoft Graph is outside this program)."""
    admin_groups: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups that administer Argo CD."""
    readonly_groups: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups that may look."""


class RepositoryCredential(Section):
    """A repository's credential, which an ExternalSecret brings from the vault: it never passes through Pulumi."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$")]
    """Name of the Secret in Argo CD's namespace."""
    url: Url
    """The repository, or the prefix of several."""
    kind: Literal["password", "sshKey", "githubApp", "workloadIdentity"] = "password"
    """What the vault holds: a password or token, a private key, or a GitHub App's key.

    ``workloadIdentity`` (Azure Repos, Azure Container Registry) stores nothing at all: Argo CD signs in as its own
    identity, which the repository trusts.
    """
    username: str = "git"
    """User name that goes with a password."""
    vault_secret: Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]{1,127}$")] | None = None
    """Name of the secret in the vault; needed by every kind but ``workloadIdentity``.

    On a local cluster: name of a Secret in namespace local-vault, whose key ``value`` holds it.
    """
    github_app_id: int | None = None
    """For kind ``githubApp``."""
    github_app_installation_id: int | None = None
    """For kind ``githubApp``."""

    def problems(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories."""
        if self.kind != "workloadIdentity" and self.vault_secret is None:
            yield Problem(("vaultSecret",), f"missing; kind {self.kind!r} needs it")
        if self.kind == "workloadIdentity" and self.vault_secret is not None:
            yield Problem(("vaultSecret",), f"got {self.vault_secret!r}; kind 'workloadIdentity' stores nothing")
        if self.kind == "githubApp":
            for key, value in (
                ("githubAppId", self.github_app_id),
                ("githubAppInstallationId", self.github_app_installation_id),
            ):
                if value is None:
                    yield Problem((key,), "missing; kind 'githubApp' needs it")


class ArgoCd(Section):
    """Argo CD, the owner of applications."""

    host: DnsName | None = None
    """Where its page is; argocd.<zone> when left out."""
    high_availability: bool = False
    """Redis in a quorum of three, two of each server; needs three nodes."""
    admin_enabled: bool = False
    """Keep the built-in admin account."""
    sign_in: EntraSignIn | None = None
    """Sign-in with Entra ID."""
    default_role: Literal["", "role:readonly", "role:admin"] = ""
    """What everyone who signs in may do; nothing when empty."""
    policies: tuple[Annotated[str, Field(pattern=r"^[pg],\s*\S.*$")], ...] = ()
    """Further RBAC lines, as in argocd-rbac-cm's policy.csv."""
    repositories: tuple[RepositoryCredential, ...] = ()
    """Credentials of private repositories."""
    image_updater_write_back: Literal["none", "git"] = "none"
    """``git`` installs Argo CD Image Updater, which may write to Git and not to the cluster.

    What it follows stands in ``gitops/environments/<environment>``, as objects of kind ImageUpdater. It pushes with the
    credential in ``repositories`` that fits ``gitops.repoUrl``, which has to allow it: kind password or githubApp.
    """

    def problems(self) -> Iterator[Problem]:
        """Names are unique, and somebody can get in."""
        names = [repository.name for repository in self.repositories]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(("repositories", index, "name"), f"got {name!r} again; allowed: each name once")


class GitOps(Section):
    """What the root Application points at."""

    repo_url: Url
    """Repository of the applications."""
    revision: Annotated[str, Field(min_length=1)] = "main"
    """Branch, tag or commit."""
    path: Annotated[str, Field(pattern=r"^[^/\s](.*[^/\s])?$")] | None = None
    """Folder in it; gitops/environments/<environment> when left out."""


_SEMVER = r"^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$"


class ChartOverride(Section):
    """What one addon's chart differs in."""

    repository: Annotated[str, Field(pattern=r"^(oci|https?)://\S+$")] | None = None
    """Where the chart is drawn from; for OCI without the chart's name."""
    version: Annotated[str, Field(pattern=_SEMVER)] | None = None
    """Its version."""
    values: dict[str, Any] = {}
    """Values merged over the program's own, last and deeply."""


class Charts(Section):
    """Where charts come from, and what is overridden in them."""

    mirror: Annotated[str, Field(pattern=r"^(oci|https?)://\S+$")] | None = None
    """One place for all charts, for networks that reach nothing else."""
    cert_manager: ChartOverride = ChartOverride()
    """cert-manager."""
    traefik: ChartOverride = ChartOverride()
    """Traefik."""
    external_secrets: ChartOverride = ChartOverride()
    """External Secrets Operator."""
    argo_cd: ChartOverride = ChartOverride()
    """Argo CD."""
    image_updater: ChartOverride = ChartOverride()
    """Argo CD Image Updater, where it is installed."""
    timeout_seconds: Annotated[int, Field(ge=60, le=3600)] = 600
    """How long a release may take to be ready."""
    keep_crds: bool = True
    """Leave CRDs behind when a release is removed; without, everything of their kinds goes with them."""


class Local(Section):
    """An existing cluster: kind, k3d, or any other."""

    kubeconfig: str | None = None
    """Path of the kubeconfig; KUBECONFIG or ~/.kube/config when left out."""
    context: str | None = None
    """Context in it; its current one when left out."""


# --- the whole -------------------------------------------------------------------------------------------------------


class Settings(Section):
    """Everything a stack says. Top-level keys of ``Pulumi.<stack>.yaml`` below ``aks-bootstrap:``."""

    environment: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,7}$")]
    """Short name of the environment, part of every Azure name."""
    platform: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,11}$")] = "platform"
    """Short name of the platform, part of every Azure name."""
    target: Target = Target.AZURE
    """``azure`` builds the cluster; ``local`` uses one that is there."""
    production: bool = False
    """Protects the foundation, changes defaults to PRODUCTION_DEFAULTS and refuses what production must not have."""
    tags: Tags | None = None
    """Tags of every Azure resource."""
    azure: Azure | None = None
    """Subscription, tenant and region."""
    network: Network = Network()
    """Addresses."""
    cluster: Cluster | None = None
    """The AKS cluster."""
    system_pool: SystemPool = SystemPool()
    """The pool that the cluster's own pods and the addons run on."""
    node_pools: tuple[NodePool, ...] = ()
    """Pools for workloads."""
    key_vault: KeyVault = KeyVault()
    """The vault."""
    registry: Registry = Registry()
    """The container registry."""
    dns: Dns
    """The zone of host names."""
    observability: Observability = Observability()
    """What watches."""
    certificates: Certificates = Certificates()
    """Who signs."""
    ingress: Ingress = Ingress()
    """Traefik."""
    argocd: ArgoCd = ArgoCd()
    """Argo CD."""
    gitops: GitOps
    """What the root Application points at."""
    charts: Charts = Charts()
    """Charts."""
    local: Local = Local()
    """The existing cluster of target ``local``."""


PRODUCTION_DEFAULTS: Mapping[str, Any] = {
    "cluster": {
        "tier": "Standard",
        "zones": ["1", "2", "3"],
        "maintenance": {
            "cluster": {"day": "Sunday", "startTime": "02:00", "durationHours": 6},
            "nodeOs": {"day": "Saturday", "startTime": "02:00", "durationHours": 6},
        },
    },
    "systemPool": {"vmSize": "Standard_D4ds_v5", "minCount": 3, "maxCount": 6},
    "keyVault": {"softDeleteRetentionDays": 90},
    "registry": {"mode": "create", "sku": "Premium"},
    "observability": {
        "containerInsights": True,
        "managedPrometheus": True,
        "defender": True,
        "azurePolicy": True,
        "retentionDays": 90,
    },
    "certificates": {"issuer": "letsencrypt"},
    "ingress": {"replicas": 3},
    "argocd": {"highAvailability": True},
}
"""Defaults that ``production: true`` changes; what the stack file says is merged over them."""

_AZURE_ONLY = {
    "tags": "tags", "azure": "azure", "network": "network", "cluster": "cluster", "system_pool": "systemPool",
    "node_pools": "nodePools", "key_vault": "keyVault", "registry": "registry", "observability": "observability",
}  # fmt: skip


def load() -> Settings:
    """Read the running stack's configuration.

    Raises:
        SettingsError: the configuration breaks rules; the text lists every mistake with its full path.
    """
    prefix = f"{NAMESPACE}:"
    config = pulumi.Config(NAMESPACE)
    keys = {key.removeprefix(prefix) for key in {**get_config_env(), **CONFIG.get()} if key.startswith(prefix)}
    secret = sorted(key for key in keys if pulumi.runtime.is_config_secret(prefix + key))
    if secret:
        # a secret must not be quoted in a message, and no section holds one
        refuse([Problem((key,), "is encrypted; allowed: plain values, as no setting is a secret") for key in secret])
    return parse({key: config.get(key) for key in keys})


def parse(raw: Mapping[str, Any]) -> Settings:
    """Turn top-level keys into settings.

    Args:
        raw: camelCase keys to their values; a section may be JSON text, as Pulumi hands it over, or plain data.

    Raises:
        SettingsError: as for :func:`load`.
    """
    by_alias = {field.alias or name: name for name, field in Settings.model_fields.items()}
    problems = [Problem((key,), unknown_key(key, by_alias)) for key in raw if key not in by_alias]
    # an empty section is one that Pulumi.yaml declares and the stack leaves out
    given = {
        by_alias[key]: value
        for key, text in raw.items()
        if key in by_alias and (value := _decoded(text)) not in ({}, [])
    }
    production = str(given.get("production", "")).lower() == "true"
    local = given.get("target") == Target.LOCAL

    valid: dict[str, Any] = {}
    for alias, name in by_alias.items():
        field = Settings.model_fields[name]
        value = given.get(name)
        if production and alias in PRODUCTION_DEFAULTS and (value is None or isinstance(value, dict)):
            value = merge(PRODUCTION_DEFAULTS[alias], value or {})
        if value is None:
            if field.is_required():
                problems.append(Problem((alias,), "missing; it has no default"))
            else:
                valid[name] = field.default
            continue
        try:
            annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
            valid[name] = TypeAdapter(annotation).validate_python(value)
        except ValidationError as error:
            problems += problems_of(error, (alias,), field.annotation)

    if local:
        problems += [
            Problem((alias,), "has no meaning with target 'local'; allowed: leave it out")
            for name, alias in _AZURE_ONLY.items()
            if name in given
        ]
    else:
        problems += [
            Problem((_AZURE_ONLY[name],), "missing; target 'azure' needs it")
            for name in ("tags", "azure", "cluster")
            if name in valid and valid[name] is None
        ]
        for needed, rule in CROSS_SECTION_RULES:
            sections = [valid.get(name) for name in needed]
            if all(section is not None for section in sections):
                problems += rule(*sections)
    if problems:
        refuse(problems)
    return Settings.model_construct(**valid)


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two mappings deeply; where both have a value that is not a mapping, ``over``'s stands."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.get(key)
        merged[key] = merge(below, value) if isinstance(below, Mapping) and isinstance(value, Mapping) else value
    return merged


def _decoded(value: Any) -> Any:  # noqa: ANN401 - a stack file may hold anything
    """Parse JSON text of a section; a scalar stays text."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
