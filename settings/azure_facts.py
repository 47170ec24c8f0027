"""Facts of Azure that rules need and that no API is asked for: virtual machine sizes, and regions without zones."""

import re

_SIZE = re.compile(
    r"^Standard_(?P<family>[A-Z]+)(?P<vcpus>\d+)(?:-\d+)?(?P<features>[a-z]*)(?:_[A-Z]\d+|_[A-Z]\w*?)?(?:_v(?P<version>\d+))?$"
)


def is_vm_size(name: str) -> bool:
    """Tell whether a name has the form of an Azure size, such as ``Standard_D4ds_v5``.

    https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
    """
    return _SIZE.match(name) is not None


def is_burstable(name: str) -> bool:
    """Tell whether a size is of the B series, which AKS advises against for system pools.

    https://learn.microsoft.com/azure/aks/use-system-pools#system-and-user-node-pools
    """
    match = _SIZE.match(name)
    return match is not None and match["family"] == "B"


def vcpus(name: str) -> int:
    """Return the number of vCPUs in a size's name; 0 when the name is not a size."""
    match = _SIZE.match(name)
    return int(match["vcpus"]) if match else 0


def ephemeral_disk_gib(name: str) -> int:
    """Return the largest ephemeral OS disk, in GiB, that a size can hold; 0 when it can hold none that we know of.

    An ephemeral OS disk lives on the size's cache or temporary disk. Known: D and E series with a local disk
    (37.5 GiB per vCPU up to v5, 55 GiB from v6 on) and the v3 series with premium storage (25 GiB of cache per vCPU).
    https://learn.microsoft.com/azure/aks/concepts-storage#ephemeral-os-disk
    """
    match = _SIZE.match(name)
    if match is None or match["family"] not in {"D", "E"}:
        return 0
    cores, features, version = int(match["vcpus"]), match["features"], int(match["version"] or 1)
    if "d" in features and version >= 4:
        return int(cores * (55 if version >= 6 else 37.5))
    if "s" in features and version == 3:
        return cores * 25
    return 0


REGIONS_WITHOUT_ZONES = frozenset(
    {
        "australiacentral",
        "australiacentral2",
        "australiasoutheast",
        "brazilsoutheast",
        "canadaeast",
        "francesouth",
        "germanynorth",
        "koreasouth",
        "northcentralus",
        "norwaywest",
        "southafricawest",
        "southindia",
        "swedensouth",
        "switzerlandwest",
        "uaecentral",
        "ukwest",
        "westcentralus",
        "westindia",
        "westus",
    }
)
"""Regions that Azure lists without availability zones, as of November 2026.

https://learn.microsoft.com/azure/reliability/regions-list
"""
