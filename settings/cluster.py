"""The AKS cluster of a generation: how it is reached, upgraded and scaled; or the cluster that is there already."""

import datetime as dt
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from conventions import DEFAULT_KUBERNETES_VERSION
from settings.report import Problem, Section
from settings.types import Cidr, Day, Exposure, Guid, Location, Minutes, Unique, Zones


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
            if cidr.prefixlen == 0:
                yield Problem((*key, index), f"got '{cidr}'; to open it, say exposure: {Exposure.OPEN.value}")
            elif cidr.is_private:
                yield Problem((*key, index), f"got '{cidr}'; allowed: public ranges, as the endpoint is public")


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
    """How the cluster autoscaler behaves. https://learn.microsoft.com/azure/aks/cluster-autoscaler#cluster-autoscaler-profile-settings."""

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
    kubernetes_version: Annotated[str, Field(pattern=r"^1\.\d{2}$")] = DEFAULT_KUBERNETES_VERSION
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
    """How the cluster autoscaler behaves."""
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


class Local(Section):
    """An existing cluster: kind, k3d, or any other."""

    kubeconfig: str | None = None
    """Path of the kubeconfig; KUBECONFIG or ~/.kube/config when left out."""
    context: str | None = None
    """Context in it; its current one when left out."""
