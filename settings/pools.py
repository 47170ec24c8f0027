"""Node pools: the one system pool, and user pools."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.azure_facts import ephemeral_disk_gib, is_burstable, vcpus
from settings.report import Problem, Section
from settings.types import Surge, Unique, VmSize, Zones

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
