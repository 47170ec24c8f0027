"""Node pools: the one system pool, and user pools."""

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from settings.azure_facts import active_vcpus, ephemeral_disk_gib, is_arm, is_burstable, why_no_trusted_launch
from settings.forms import Form
from settings.kubernetes_facts import LabelKey, LabelValue, TaintText, taint_of
from settings.report import Problem, Section, check
from settings.types import Flag, Surge, Unique, VmSize, Zones


def _price(value: float) -> float:
    """https://learn.microsoft.com/azure/aks/spot-node-pool#create-a-node-pool-with-a-spot-price: five decimals."""
    if value != -1 and value <= 0:
        raise ValueError("allowed: -1, or a price above 0")
    if round(value, 5) != value:
        raise ValueError(f"allowed: a price with at most 5 decimals; write {round(value, 5) or 0.00001}")
    return value


def _one_of_a_kind(taints: tuple[str, ...]) -> tuple[str, ...]:
    """https://kubernetes.io/docs/concepts/scheduling-eviction/taint-and-toleration/: a key and effect stand once."""
    counts = Counter((taint.key, taint.effect) for taint in map(taint_of, taints))
    for key, effect in (pair for pair, count in counts.items() if count > 1):
        alike = ", ".join(repr(text) for text in taints if taint_of(text)[::2] == (key, effect))
        raise ValueError(f"got {alike}; allowed: each key and effect once")
    return taints


PoolName = Annotated[
    str,
    Form(
        "[a-z][a-z0-9]{0,9}",
        "1-10 lower-case letters and digits, first a letter; 1-4 for Windows",
        refused=(lambda name: "the system pool has it" if name == "system" else None,),
    ),
]


class Pool(Section):
    """What the system pool and user pools share."""

    vm_size: VmSize
    """Azure size of the nodes."""
    min_count: Annotated[int, Field(strict=True, ge=0, le=1000)]
    """Fewest nodes."""
    max_count: Annotated[int, Field(strict=True, ge=1, le=1000)]
    """Most nodes; equal to ``minCount`` turns autoscaling off."""
    os_disk_size_gib: Annotated[int, Field(strict=True, ge=30, le=2048)] | None = None
    """Size of the OS disk, in GiB; 64 for Linux and 128 for Windows when left out."""
    os_disk_type: Literal["auto", "Ephemeral", "Managed"] = "auto"
    """``auto`` is ephemeral where the size's local disk holds it, managed elsewhere."""
    max_pods: Annotated[int, Field(strict=True, ge=30, le=250)] = 110
    """Pods per node. https://learn.microsoft.com/azure/aks/quotas-skus-regions"""
    max_surge: Surge = "33%"
    """Nodes added during an upgrade: a number in quotes (``"1"``), or 1% to 100% of the pool."""
    drain_timeout_minutes: Annotated[int, Field(strict=True, ge=1, le=1440)] = 30
    """Minutes that a node may take to drain. https://learn.microsoft.com/azure/aks/upgrade-aks-cluster"""
    node_soak_minutes: Annotated[int, Field(strict=True, ge=0, le=30)] = 0
    """Minutes to wait after each upgraded node."""
    undrainable_node_behavior: Literal["Cordon", "Schedule"] = "Cordon"
    """What becomes of a node that cannot be drained: left cordoned, or put back."""
    ssh: Flag | None = None
    """Run the SSH service on the nodes; ``cluster.nodeSsh`` when left out. It takes effect with the next node image."""
    trusted_launch: Flag = False
    """Secure boot and a virtual TPM. A pool gets it when it is created: a change replaces a user pool.

    https://learn.microsoft.com/azure/aks/use-trusted-launch
    """
    encryption_at_host: Flag = False
    """Encrypt temporary disks and caches on the host. A change replaces a user pool.

    https://learn.microsoft.com/azure/aks/enable-host-encryption: the subscription has to register the feature
    ``EncryptionAtHost`` of ``Microsoft.Compute``.
    """
    fips: Flag | None = None
    """Node images with FIPS 140 modules; off when left out. A change renews the nodes of a Linux pool at once.

    https://learn.microsoft.com/azure/aks/enable-fips-nodes; it replaces a Windows pool.
    """

    @property
    def autoscaled(self) -> bool:
        """Whether the cluster autoscaler owns the count."""
        return self.min_count < self.max_count

    @property
    def os_disk_gib(self) -> int:
        """Size of the OS disk, in GiB."""
        return self.os_disk_size_gib or 64

    @property
    def local_disk_gib(self) -> int:
        """What an ephemeral OS disk takes of the size's local disk, in GiB: with a virtual TPM, one more for its state.

        https://learn.microsoft.com/azure/virtual-machines/ephemeral-os-disks#trusted-launch-for-ephemeral-os-disks
        """
        return self.os_disk_gib + (1 if self.trusted_launch else 0)

    @property
    def ephemeral(self) -> bool:
        """Whether the OS disk is ephemeral."""
        fits = ephemeral_disk_gib(self.vm_size) >= self.local_disk_gib
        return self.os_disk_type == "Ephemeral" or (self.os_disk_type == "auto" and fits)

    @check
    def enough_processors(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/quotas-skus-regions: no size below 2 vCPUs."""
        if active_vcpus(self.vm_size) < 2:
            yield Problem(("vmSize",), f"got {self.vm_size!r}; allowed: 2 vCPUs or more")

    @check
    def counts(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/cluster-autoscaler."""
        if self.min_count > self.max_count:
            yield Problem(("minCount",), f"got {self.min_count}; allowed: at most maxCount ({self.max_count})")

    @check
    def ephemeral_disk(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/concepts-storage#ephemeral-os-disk."""
        room = ephemeral_disk_gib(self.vm_size)
        if self.os_disk_type == "Ephemeral" and not room:
            yield Problem(
                ("osDiskType",),
                f"got 'Ephemeral'; {self.vm_size} is not known to have room for it; allowed: auto, Managed",
            )
        elif self.os_disk_type == "Ephemeral" and room < self.local_disk_gib:
            yield Problem(
                ("osDiskType",),
                f"got 'Ephemeral' with {self.local_disk_gib} GiB; {self.vm_size} holds {room} GiB; "
                "allowed: auto, Managed",
            )

    @check
    def size_of_trusted_launch(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/use-trusted-launch#limitations."""
        if self.trusted_launch and (why := why_no_trusted_launch(self.vm_size)):
            yield Problem(("trustedLaunch",), f"got true with {self.vm_size}; {why}; allowed: false, or another vmSize")

    @check
    def fips_beside_trusted_launch(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/use-trusted-launch#limitations: no image has both."""
        if self.trusted_launch and self.fips:
            yield Problem(("fips",), "got true with trustedLaunch: true; allowed: one of the two, as no image has both")


class SystemPool(Pool):
    """The one inline pool: small, permanent, tainted CriticalAddonsOnly. https://learn.microsoft.com/azure/aks/use-system-pools."""

    vm_size: VmSize = "Standard_D2ds_v5"
    """Azure size of the nodes."""
    min_count: Annotated[int, Field(strict=True, ge=1, le=1000)] = 1
    """Fewest nodes; at least one, as a cluster needs it."""
    max_count: Annotated[int, Field(strict=True, ge=1, le=1000)] = 3
    """Most nodes."""

    @check
    def steady_size(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/use-system-pools: steady sizes."""
        if is_burstable(self.vm_size):
            yield Problem(
                ("vmSize",),
                f"got {self.vm_size!r}; allowed: not the burstable B series: AKS advises against it for system pools",
            )


class NodePool(Pool):
    """A user pool; its Azure name is ``name`` and two characters that change when the pool must be replaced."""

    name: PoolName
    """Lower-case alphanumerics, first a letter; 10 characters at most, 4 for Windows."""
    zones: Zones | None = None
    """Availability zones; the cluster's when left out."""
    labels: dict[LabelKey, LabelValue] = {}
    """Node labels."""
    taints: Annotated[tuple[TaintText, ...], Unique, AfterValidator(_one_of_a_kind)] = ()
    """Node taints, ``key=value:Effect``."""
    os: Literal["linux", "windows"] = "linux"
    """Operating system: Azure Linux 3, or Windows Server 2022."""
    spot: Flag = False
    """Spare capacity that Azure may take back."""
    spot_max_price: Annotated[float, Field(strict=True, ge=-1), AfterValidator(_price)] | None = None
    """Most to pay for an hour of a node, in US dollars; -1 is the regular price."""

    @property
    def os_disk_gib(self) -> int:
        """Size of the OS disk, in GiB."""
        return self.os_disk_size_gib or (128 if self.os == "windows" else 64)

    @check
    def windows_name(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/create-node-pools#limitations: 6 characters; two are the program's."""
        if self.os == "windows" and len(self.name) > 4:
            yield Problem(("name",), f"got {self.name!r}; allowed: 1-4 characters for Windows")

    @check
    def windows_processor(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/use-arm64-vms#limitations: Arm64 is for Linux."""
        if self.os == "windows" and is_arm(self.vm_size):
            yield Problem(
                ("vmSize",), f"got {self.vm_size!r} with os 'windows'; allowed: a size without p, as p is Arm64"
            )

    @check
    def windows_disk(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/create-node-pools: Windows has 128 GiB."""
        if self.os == "windows" and self.os_disk_gib < 128:
            yield Problem(("osDiskSizeGib",), f"got {self.os_disk_gib}; allowed for Windows: 128 or more")

    @check
    def windows_security(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/use-trusted-launch#limitations and .../manage-ssh-node-access."""
        if self.os != "windows":
            return
        if self.trusted_launch:
            yield Problem(("trustedLaunch",), "got true with os 'windows'; allowed: false, as AKS has it on Linux only")
        if self.ssh is False:
            yield Problem(
                ("ssh",), "got false with os 'windows'; allowed: leave it out, as AKS turns it off on Linux only"
            )

    @check
    def price_of_spot(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/spot-node-pool."""
        if self.spot_max_price is not None and not self.spot:
            yield Problem(("spotMaxPrice",), f"got {self.spot_max_price}; allowed only with spot: true")

    @check
    def surge_of_spot(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/spot-node-pool#limitations: a spot pool has no surge."""
        if self.spot and "max_surge" in self.model_fields_set:
            yield Problem(
                ("maxSurge",), f"got {self.max_surge!r} with spot: true; spot nodes have no surge: leave it out"
            )
