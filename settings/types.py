"""Types that the sections of the configuration share: closed choices, and text with a form."""

import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from settings.azure_facts import is_vm_size


def _guid(value: str) -> str:
    if not re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value):
        raise ValueError("allowed: a GUID such as 6dae42f8-4368-4678-94ff-3960e28e3630")
    if not value.strip("0-"):
        raise ValueError("the nil GUID is a placeholder; put your own id here")
    return value.lower()


def _ipv4_network(value: object) -> IPv4Network:
    try:
        return IPv4Network(_text(value))
    except ValueError as error:
        allowed = "allowed: an IPv4 range in CIDR form whose host bits are zero, such as 10.0.0.0/16"
        raise ValueError(f"{allowed} ({error})") from None


def _ipv4_address(value: object) -> IPv4Address:
    try:
        return IPv4Address(_text(value))
    except ValueError:
        raise ValueError("allowed: an IPv4 address such as 172.16.0.10") from None


def _text(value: object) -> str:
    """Take text or what was made of it; a bare number is an address to ``ipaddress``, and a mistake in a stack file."""
    if isinstance(value, str | IPv4Network | IPv4Address):
        return str(value)
    raise ValueError("it is not text")


def _vm_size(value: str) -> str:
    if not is_vm_size(value):
        raise ValueError("allowed: an Azure size name such as Standard_D4ds_v5")
    return value


def _dns_name(value: str) -> str:
    """RFC 1035: labels of 1-63 letters, digits and hyphens; at least two labels; 253 characters at most."""
    label = r"(?!-)[a-z0-9-]{1,63}(?<!-)"
    if len(value) > 253 or not re.fullmatch(rf"{label}(\.{label})+", value):
        raise ValueError("allowed: a lower-case DNS name such as dev.example.com")
    return value


def _surge(value: str) -> str:
    """https://learn.microsoft.com/azure/aks/upgrade-aks-cluster#customize-node-surge-upgrade: a count or 1-100%."""
    match = re.fullmatch(r"([1-9]\d*)(%?)", value)
    if not match or (match[2] and int(match[1]) > 100):
        raise ValueError('allowed: a number of nodes such as "1", or a percentage from "1%" to "100%"')
    return value


def _url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+\S*", value):
        raise ValueError("allowed: an http:// or https:// URL")
    if "@" in value.split("/")[2]:
        raise ValueError("allowed: a URL without credentials; they would be stored in plain")
    return value


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"allowed: each entry once; repeated: {', '.join(repeated)}")
    return values


Unique = AfterValidator(_unique)
Guid = Annotated[str, AfterValidator(_guid)]
Cidr = Annotated[IPv4Network, BeforeValidator(_ipv4_network)]
Ipv4 = Annotated[IPv4Address, BeforeValidator(_ipv4_address)]
VmSize = Annotated[str, AfterValidator(_vm_size)]
DnsName = Annotated[str, AfterValidator(_dns_name)]
Surge = Annotated[str, AfterValidator(_surge)]
Url = Annotated[str, AfterValidator(_url)]
Email = Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+\.[^@\s]+$")]
Minutes = Annotated[str, Field(pattern=r"^[1-9]\d*m$")]
Zone = Annotated[Literal["1", "2", "3"], BeforeValidator(lambda value: str(value) if isinstance(value, int) else value)]
Zones = Annotated[tuple[Zone, ...], Unique]


class Target(StrEnum):
    """Where the cluster is: built in Azure, or already there."""

    AZURE = "azure"
    LOCAL = "local"


class PodAddressing(StrEnum):
    """Where pods get their addresses from."""

    OVERLAY = "overlay"
    POD_SUBNET = "podSubnet"
    NODE_SUBNET = "nodeSubnet"


class DataPlane(StrEnum):
    """What moves packets between pods, and enforces network policy."""

    CILIUM = "cilium"
    AZURE = "azure"


class Exposure(StrEnum):
    """Who can reach the API server."""

    PRIVATE = "private"
    VNET_INTEGRATED = "vnetIntegrated"
    AUTHORIZED_RANGES = "authorizedRanges"
    OPEN = "openToTheWorld"


class Issuer(StrEnum):
    """Who signs ingress certificates."""

    LETSENCRYPT = "letsencrypt"
    LETSENCRYPT_STAGING = "letsencrypt-staging"
    SELF_SIGNED = "self-signed"


Location = Annotated[str, Field(pattern=r"^[a-z]+[0-9]?$")]
Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
