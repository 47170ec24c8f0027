"""Facts of Azure that rules need and that no API is asked for, each with its date and source.

Virtual machine sizes are judged by their form and family, so that a size of tomorrow passes; regions and Kubernetes
versions are lists, to which a new one is added here.
"""

import re
from ipaddress import IPv4Network

_FAMILIES = "A|B|DC|DS|D|EC|E|FX|F|GS|G|HB|HC|HX|H|LS|L|M|NCC|NC|ND|NG|NP|NV"
"""Families of sizes, as of November 2026. https://learn.microsoft.com/azure/virtual-machines/sizes/overview"""

VM_SIZE = (
    rf"Standard_(?:{_FAMILIES})[1-9][0-9]{{0,3}}(?:-[1-9][0-9]{{0,3}})?[a-z]{{0,6}}"
    r"(?:_[A-Za-z0-9]*[A-Z][A-Za-z0-9]*|_cc|_[0-9]{1,2}){0,2}(?:_v[1-9])?"
)
"""Form of a size. https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions"""

_SIZE = re.compile(
    rf"Standard_(?P<family>{_FAMILIES})(?P<vcpus>[0-9]+)(?:-(?P<active>[0-9]+))?(?P<features>[a-z]*)"
    r"(?P<extra>(?:_[A-Za-z0-9]*[A-Z][A-Za-z0-9]*|_cc|_[0-9]{1,2}){0,2})(?:_v(?P<version>[0-9]))?"
)
_FEATURES = re.compile("r?i?[ape]?[bclmnotx]*d?m?i?s?r?")
"""Order in which sizes carry their letters, read off the sizes of November 2026: the disk before the storage."""
_FEATURES_SINCE = {"a": 4, "d": 4, "b": 5, "l": 5, "p": 5, "n": 6}
"""First version of the D and E families that has a letter."""
_NUMBERED = {1: 1, 2: 2, 3: 4, 4: 8, 5: 16, 11: 2, 12: 4, 13: 8, 14: 16, 15: 20}
"""vCPUs of the sizes that the first two versions of the D family only number."""


def why_no_vm_size(name: str) -> str | None:  # noqa: PLR0911 - one line for each thing that can be wrong
    """Say what is wrong with the name of an Azure size, such as ``Standard_D4ds_v5``; None where nothing is."""
    match = _SIZE.fullmatch(name)
    if match is None:
        return _spelling(name)
    family, features, version = match["family"], match["features"], int(match["version"] or 1)
    if re.fullmatch(VM_SIZE, name) is None:
        return "no size is counted like that"
    if match["active"] and int(match["active"]) >= int(match["vcpus"]):
        return "a constrained size has fewer vCPUs active than it has"
    if len(set(features)) < len(features) or not _FEATURES.fullmatch(features):
        return f"the letters {features!r} are in no size; their order is as in ads, lds, bds"
    if family in {"D", "DS"} and version < 3:
        if features or int(match["vcpus"]) not in _NUMBERED:
            return f"no {family} size of version {version} is called that; is the version missing?"
        return None
    if family in {"D", "E"}:
        return _why_no_general_size(family, features, int(match["vcpus"]), version)
    if family in {"DC", "EC", "B", "F", "L"} and version >= 2 and int(match["vcpus"]) > 2 and int(match["vcpus"]) % 4:
        return f"no size has {match['vcpus']} vCPUs: 2, 4, 8, 16, ..."
    return None


def _why_no_general_size(family: str, features: str, count: int, version: int) -> str | None:
    if version < 3:
        return f"the {family} family has no size without a version such as _v5"
    if (count > 2 and count % 4) or count == 1:
        return f"no size has {count} vCPUs: 2, 4, 8, 16, ..."
    early = next((letter for letter in features if version < _FEATURES_SINCE.get(letter, 0)), None)
    if early:
        return f"sizes with {early!r} begin with _v{_FEATURES_SINCE[early]}"
    if version >= 6 and "s" not in features:
        return "sizes from _v6 on have an s"
    return None


def _spelling(name: str) -> str | None:
    """Say how a name should be spelled, where it is near enough to a size's."""
    plain = re.sub(r"[ -]+", "_", name.strip()) if not _SIZE.fullmatch(name) else name
    match = re.fullmatch(
        r"(?:standard_?)?([a-z]+?)([0-9]+)((?:_[0-9]+)?)([a-z]*?)((?:_[a-z0-9]+)*?)(?:_?v([0-9]))?",
        plain,
        re.IGNORECASE,
    )
    if match is None or not name.isascii():
        return None
    family, count, active, features, extra, version = match.groups()
    if features.lower().startswith("v") or not re.fullmatch(_FAMILIES, family.upper()):
        return None
    written = f"Standard_{family.upper()}{count}{active.replace('_', '-')}{features.lower()}{extra.upper()}"
    written += f"_v{version}" if version else ""
    return f"write {written}" if written != name and _SIZE.fullmatch(written) and not why_no_vm_size(written) else None


def is_burstable(name: str) -> bool:
    """Tell whether a size is of the B series, which AKS advises against for system pools.

    https://learn.microsoft.com/azure/aks/use-system-pools#system-and-user-node-pools
    """
    match = _SIZE.fullmatch(name)
    return match is not None and match["family"] == "B"


def is_arm(name: str) -> bool:
    """Tell whether a size has an Arm processor, which its name says with a p.

    https://learn.microsoft.com/azure/virtual-machines/vm-naming-conventions
    """
    match = _SIZE.fullmatch(name)
    return match is not None and "p" in match["features"]


def active_vcpus(name: str) -> int:
    """Return the number of vCPUs that a size has to give; 0 when the name is not a size.

    A constrained size has some of its vCPUs off, and the first two versions of the D family only number their sizes.
    https://learn.microsoft.com/azure/virtual-machines/constrained-vcpu
    """
    match = _SIZE.fullmatch(name)
    if match is None:
        return 0
    if match["active"]:
        return int(match["active"])
    numbered = match["family"] in {"D", "DS"} and int(match["version"] or 1) < 3
    return _NUMBERED.get(int(match["vcpus"]), 0) if numbered else int(match["vcpus"])


def ephemeral_disk_gib(name: str) -> int:
    """Return the largest ephemeral OS disk, in GiB, that a size can hold; 0 when it can hold none that we know of.

    An ephemeral OS disk lives on the size's cache or temporary disk. Known: D and E series with a local disk
    (37.5 GiB per vCPU up to v5, 55 GiB from v6 on) and the v3 series with premium storage (25 GiB of cache per vCPU).
    https://learn.microsoft.com/azure/aks/concepts-storage#ephemeral-os-disk
    """
    match = _SIZE.fullmatch(name)
    if match is None or match["family"] not in {"D", "E"}:
        return 0
    cores, features, version = int(match["vcpus"]), match["features"], int(match["version"] or 1)
    if "d" in features and version >= 4:
        return int(cores * (55 if version >= 6 else 37.5))
    if "s" in features and version == 3:
        return cores * 25
    return 0


_TOO_OLD_FOR_TRUSTED_LAUNCH = frozenset({"A", "DC", "EC", "G", "GS", "H", "HB", "M", "NCC"})
"""Families of which no size, or not every size, has trusted launch."""


def why_no_trusted_launch(name: str) -> str | None:
    """Say why nodes of a size cannot have trusted launch; None where they can, or the name is not a size.

    https://learn.microsoft.com/azure/virtual-machines/trusted-launch#virtual-machines-sizes, and
    https://learn.microsoft.com/azure/aks/use-trusted-launch#limitations: AKS has it neither on Arm64 nor beside the GPU
    driver that it installs.
    """
    match = _SIZE.fullmatch(name)
    if match is None:
        return None
    family, version = match["family"], int(match["version"] or 1)
    if is_arm(name):
        return "AKS has none on Arm64"
    if family.startswith("N") and family != "NCC":
        return "AKS has none on nodes whose GPU driver it installs"
    if family in _TOO_OLD_FOR_TRUSTED_LAUNCH and not (family == "HB" and version >= 2):
        return f"Azure has none on the {family} family"
    if family in {"D", "E"} and version <= 3 and "s" not in match["features"]:
        return f"Azure has none on the {family}v{version} series, whose machines are of generation 1"
    return None


OLDEST_KUBERNETES, NEWEST_KUBERNETES = 33, 37
"""Minor versions of Kubernetes that AKS creates clusters of, as of November 2026; the newest may still be a preview.

https://learn.microsoft.com/azure/aks/supported-kubernetes-versions#aks-kubernetes-release-calendar: 1.36 is generally
available since June 2026, and each version follows Kubernetes' own by some months; 1.38 is not released.
"""
LONG_TERM_ONLY_KUBERNETES = 33
"""Newest minor version that only has long-term support left, as of November 2026; same source."""

_RESERVED = """
    access app_browsers app_code app_data app_globalresources app_localresources app_themes app_webreferences azure bing
    bizspark biztalk cortana directx dotnet dynamics excel exchange forefront groove hololens hyperv kinect lync msdn
    o365 office office365 onedrive onenote outlook powerpoint sharepoint skype visio visualstudio web.config xbox
"""


def reserved_word(name: str) -> str | None:
    """Return the reserved word because of which a resource with an endpoint cannot have a name.

    https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name: a list of
    words that a name cannot be, two that it cannot contain, and one that it cannot begin with.
    """
    folded = name.lower()
    if folded in _RESERVED.split():
        return folded
    if folded.startswith("login"):
        return "login"
    return next((word for word in ("microsoft", "windows") if word in folded), None)


# https://learn.microsoft.com/azure/virtual-network/virtual-networks-faq#what-address-ranges-can-i-use-in-my-virtual-networks
# and RFC 6890 for 0.0.0.0/8 and 240.0.0.0/4
UNUSABLE_RANGES = {
    IPv4Network("0.0.0.0/8"): "no host has an address there",
    IPv4Network("127.0.0.0/8"): "loopback",
    IPv4Network("169.254.0.0/16"): "link-local",
    IPv4Network("168.63.129.16/32"): "Azure's own DNS",
    IPv4Network("224.0.0.0/4"): "multicast",
    IPv4Network("240.0.0.0/4"): "reserved and broadcast",
}
"""Ranges that a virtual network, pods and services cannot have, and why."""


_DOCUMENTATION = tuple(map(IPv4Network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24")))


def is_documentation(cidr: IPv4Network) -> bool:
    """Return whether nobody has the addresses of a range: they stand in examples. https://www.rfc-editor.org/rfc/rfc5737."""
    return any(cidr.subnet_of(example) for example in _DOCUMENTATION)


def why_not_public(cidr: IPv4Network) -> str | None:
    """Say why no caller on the Internet has an address of a range; None where one may.

    https://www.iana.org/assignments/iana-ipv4-special-registry
    """
    if is_documentation(cidr):
        return None  # it stands for a public range; who deploys it is told
    for kind, holds in (
        ("loopback", cidr.is_loopback),
        ("multicast", cidr.is_multicast),
        ("link-local", cidr.is_link_local),
        ("a carrier's shared range (RFC 6598)", cidr.subnet_of(IPv4Network("100.64.0.0/10"))),
        ("reserved", cidr.is_reserved),
        ("private", cidr.is_private),
    ):
        if holds:
            return kind
    return "more of the Internet than anybody owns" if 0 < cidr.prefixlen < 8 else None


REGIONS = frozenset(
    {
        "australiacentral",
        "australiacentral2",
        "australiaeast",
        "australiasoutheast",
        "austriaeast",
        "belgiumcentral",
        "brazilsouth",
        "brazilsoutheast",
        "canadacentral",
        "canadaeast",
        "centralindia",
        "centralus",
        "centraluseuap",
        "chilecentral",
        "denmarkeast",
        "eastasia",
        "eastus",
        "eastus2",
        "eastus2euap",
        "eastus3",
        "finlandcentral",
        "francecentral",
        "francesouth",
        "germanynorth",
        "germanywestcentral",
        "greececentral",
        "indiasouthcentral",
        "indonesiacentral",
        "israelcentral",
        "israelnorthwest",
        "italynorth",
        "japaneast",
        "japanwest",
        "jioindiacentral",
        "jioindiawest",
        "koreacentral",
        "koreasouth",
        "malaysiasouth",
        "malaysiawest",
        "mexicocentral",
        "newzealandnorth",
        "northcentralus",
        "northeastus5",
        "northeurope",
        "norwayeast",
        "norwaywest",
        "polandcentral",
        "qatarcentral",
        "saudiarabiaeast",
        "southafricanorth",
        "southafricawest",
        "southcentralus",
        "southcentralus2",
        "southeastasia",
        "southeastasia3",
        "southeastus",
        "southeastus3",
        "southeastus5",
        "southindia",
        "southwestus",
        "spaincentral",
        "swedencentral",
        "swedensouth",
        "switzerlandnorth",
        "switzerlandwest",
        "taiwannorth",
        "taiwannorthwest",
        "uaecentral",
        "uaenorth",
        "uksouth",
        "ukwest",
        "westcentralus",
        "westeurope",
        "westindia",
        "westus",
        "westus2",
        "westus3",
    }
)
"""Regions of Azure's public cloud, those that are announced included, as of August 2026.

https://learn.microsoft.com/azure/reliability/regions-list, and the regions of Azure's own modules:
https://github.com/Azure/bicep-registry-modules (avm/ptn/network/private-link-private-dns-zones)
"""

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
