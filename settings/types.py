"""Types that the sections of the configuration share: closed choices, and text with a form."""

import datetime as dt
import re
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, ip_address, ip_network
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, GetJsonSchemaHandler, WithJsonSchema
from pydantic_core import CoreSchema

from settings.azure_facts import REGIONS, VM_SIZE, why_no_vm_size
from settings.forms import Form
from settings.repositories import why_no_host_key
from settings.words import holds_secret, nearest

_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_ADDRESS = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_PREFIX = "(?:3[0-2]|[12]?[0-9])"


def _guid_hint(value: str) -> str | None:
    inner = re.search(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value)
    if inner:
        return f"write {inner[0]}, and nothing around it"
    if re.search(r"[<>]|your|xxxx|\bTODO\b", value, re.IGNORECASE):
        return "this is a placeholder; put your own id here"
    if re.fullmatch(r"[0-9a-fA-F-]*", value):
        return "a part of it is missing or too long"
    return "an id, not a name: az account show, az ad group show --group <name> --query id"


def _no_real_guid(value: str) -> str | None:
    if not value.strip("0-"):
        return "the nil GUID is a placeholder; put your own id here"
    if len(set(value) - {"-"}) == 1 or value.replace("-", "").startswith("12345678123412341234"):
        return "this is a placeholder; put your own id here"
    return None


def _ipv4_network(value: object) -> IPv4Network:
    allowed = "allowed: an IPv4 range in CIDR form whose host bits are zero, such as 10.0.0.0/16"
    text = _text(value, allowed)
    if re.fullmatch(rf"{_ADDRESS}(?:/{_PREFIX})?", text):
        network = IPv4Network(text, strict=False)
        if str(network.network_address) == text.partition("/")[0]:
            return network
        raise ValueError(f"{allowed}; it has host bits set: write {network}")
    raise ValueError(f"{allowed}{_network_hint(text)}")


def _network_hint(text: str) -> str:
    address, _, length = text.strip().partition("/")
    try:
        network = ip_network(text.strip(), strict=False)
    except ValueError:
        if re.search(r"[0-9]\.[0-9]", address) and re.fullmatch(r"[0-9.]+", address):
            return _address_hint(address) or (f"; /{length} is no prefix length: 0 to 32" if length else "")
        return ""
    if network.version == 6:
        return "; this is IPv6"
    return f"; write {network}"


def _address_hint(address: str) -> str:
    parts = address.split(".")
    if len(parts) != 4:
        return f"; an address has four numbers, this has {len(parts)}"
    wrong = next((part for part in parts if not part or int(part) > 255 or part != str(int(part))), None)
    return f"; {wrong!r} is no number from 0 to 255" if wrong is not None else ""


def _ipv4_address(value: object) -> IPv4Address:
    allowed = "allowed: an IPv4 address such as 172.16.0.10"
    text = _text(value, allowed)
    if re.fullmatch(_ADDRESS, text):
        return IPv4Address(text)
    hint = _address_hint(text) if re.fullmatch(r"[0-9.]+", text) else ""
    if re.fullmatch(rf"{_ADDRESS}/[0-9]+", text):
        hint = f"; without a prefix length: write {text.partition('/')[0]}"
    elif ":" in text:
        hint = "; IPv4 only"
    raise ValueError(allowed + hint)


def _text(value: object, allowed: str) -> str:
    """Take text or what was made of it; a bare number is an address to ``ipaddress``, and a mistake in a stack file."""
    if isinstance(value, str | IPv4Network | IPv4Address):
        return str(value)
    raise ValueError(allowed)


def _dns_hint(value: str) -> str | None:  # noqa: PLR0911 - one line for each way to miss
    if "://" in value or "/" in value:
        return "the host name alone, without a scheme and a path"
    if value.startswith("*."):
        return f"without the wildcard: write {value[2:]}"
    if value.endswith("."):
        return f"without the dot at the end: write {value[:-1]}"
    if not value.isascii():
        try:
            return f"in ASCII, as DNS has it: write {value.encode('idna').decode()}"
        except UnicodeError:
            return "in ASCII"
    if "_" in value:
        return "host names have no underscore; use a hyphen"
    if ".." in value:
        return "there are two dots in a row"
    if any(len(label) > 63 for label in value.split(".")):
        return "a label has 63 characters at most"
    if "." not in value:
        return "it has one label; at least two are needed"
    return None


def _no_dns_name(value: str) -> str | None:
    if len(value) > 253:
        return f"253 characters at most, this has {len(value)}"
    try:
        ip_address(value)
    except ValueError:
        return None if value.count(".") < 34 else "34 labels at most"
    return "this is an IP address, not a name"


def _email_hint(value: str) -> str | None:
    domain = value.rpartition("@")[2]
    mistakes = (
        (value.lower().startswith("mailto:"), f"without the scheme: write {value[7:]}"),
        ("<" in value, "the address alone, without a name"),
        (re.search(r"[,;]|\s\S+@", value), "one address only"),
        (value.endswith("."), f"without the dot at the end: write {value[:-1]}"),
        (".." in value, "there are two dots in a row"),
        ("@" in value and "." not in domain, "the domain has no dot"),
    )
    return next((hint for wrong, hint in mistakes if wrong), None)


def _no_email(value: str) -> str | None:
    """RFC 5321 4.5.3.1: 64 characters before the @, 254 in all."""
    return "at most 64 characters before the @ and 254 in all" if value.find("@") > 64 or len(value) > 254 else None


_HOST = rf"(?:{_LABEL}(?:\.{_LABEL})*|{_ADDRESS})"
_WEB = rf"{_HOST}(?::[0-9]{{1,5}})?"
_PATH = r"[A-Za-z0-9._~!$&'()*+,;=:%/-]*"
_USER = "[A-Za-z0-9._-]+"
_SSH = rf"ssh://{_USER}@{_WEB}(?:/{_PATH})?|{_USER}@{_HOST}:{_PATH}"
_REGISTRY = rf"{_LABEL}(?:\.{_LABEL})*\.azurecr\.io(?:/{_PATH})?"


def _url_hint(value: str) -> str | None:  # noqa: PLR0911 - one line for each way to miss
    scheme, found, rest = value.partition("://")
    if not found:
        return "a scheme is missing: https://" if re.match(r"[\w-]+(\.[\w-]+)+(/|$)", value) else None
    if scheme not in ("http", "https", "oci", "ssh"):
        near = nearest(scheme, ("http", "https", "oci"))
        return f"did you mean {near}://?" if near else f"{scheme}:// is not read"
    if scheme == "ssh" and "@" not in rest:
        return f"with the user in front of the host: write ssh://git@{rest}"
    if scheme == "oci" and rest.split("/")[0].endswith(".azurecr.io"):
        return f"without a scheme, which is how Argo CD signs in to a registry: write {rest}"
    if "@" in rest.split("/")[0]:
        return "without credentials: they would be stored in plain"
    if re.search(r"\s", value):
        return "without blanks"
    if "?" in rest or "#" in rest:
        return "without what follows ? or #"
    host = rest.split("/")[0]
    if host != host.lower():
        return f"the host in lower case: {host.lower()}"
    if "_" in host or ".." in host or not host.strip(":"):
        return "the host is not a name"
    return None


def _no_url(value: str) -> str | None:
    if holds_secret(value):
        return "without credentials and tokens: they would be stored in plain"
    port = re.match(r"[a-z]+://[^/]*:([0-9]+)(/|$)", value)
    if port and not 0 < int(port[1]) < 65536:
        return f"{port[1]} is no port: 1 to 65535"
    # https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#ssh-private-key-credential
    folder = re.fullmatch(rf"({_USER}@[^:/]+):([0-9]+)(/.*)?", value)
    if folder:
        server, number, path = folder[1], folder[2], folder[3] or "/"
        return (
            f"ssh takes {number} for a folder: write ssh://{server}:{number}{path} for a port, "
            f"ssh://{server}/{number}{path} for a folder"
        )
    return None


# what a browser shows of a repository: GitHub, GitLab, Bitbucket, Gitea, Azure Repos
_BROWSED = re.compile(
    r"/(tree|blob|raw|commit|commits|pull|pulls|issues|wiki|releases|actions|-|src/(branch|commit|tag)|src/[^/]+/?$)(/|$)"
)


def _no_repository(value: str) -> str | None:
    match = re.fullmatch(r"((?:[a-z]+://)?(?:[^@/]+@)?([^/:]+)(?::[0-9]+)?[:/]?)(.*)", value)
    server, host, path = (match[1], match[2], match[3].strip("/")) if match else (value, "", "")
    if not path:
        return "the repository is missing behind the host"
    github = host == "github.com"
    browsed = _BROWSED.search(f"/{path}")
    if not browsed and not (github and path.count("/") != 1):
        return None
    clean = "/".join(path.split("/")[:2]) if github or not browsed else path[: max(browsed.start() - 1, 0)]
    if "/" not in clean:
        return "the address that is cloned from: https://<host>/<owner>/<repository>"
    return f"the address that is cloned from, not a page of it: {server}{clean}"


def _no_chart_repository(value: str) -> str | None:
    """https://helm.sh/docs/topics/registries/: a reference of a chart is built from it, so it has no tag."""
    path = value.partition("://")[2].partition("/")[2]
    if value.startswith("oci://") and (":" in path or "@" in path):
        return "without a tag or digest: the version stands in version"
    if path.endswith((".tgz", "index.yaml")):
        return "the folder that index.yaml is in"
    return None


def _known_host_hint(line: str) -> str | None:
    if "PRIVATE KEY" in line:
        return "this is a private key, which belongs into the vault"
    if line.startswith("|1|"):
        return "the host in clear, not hashed: ssh-keyscan <host> prints it so"
    if line.startswith(("ssh-", "ecdsa-", "AAAA")):
        return "the host is missing in front of the key"
    if len(line.split()) > 3:
        return "without what follows the key"
    return None


def _revision_hint(value: str) -> str | None:
    if ".." in value:
        return "one branch, tag or commit, not a range"
    if re.search(r"\s", value):
        return "without blanks"
    return "as git check-ref-format has it"


def _path_hint(value: str) -> str | None:
    if "\\" in value:
        return f"with slashes: write {value.replace(chr(92), '/').strip('/')}"
    if value.startswith("/"):
        return f"relative to the repository: write {value.strip('/')}"
    if ".." in value.split("/"):
        return "it must not leave the repository"
    near = "/".join(part for part in value.strip().split("/") if part not in ("", "."))
    return f"write {near}" if near and near != value else None


def _date(value: object) -> dt.date:
    allowed = 'allowed: a date in quotes, such as "2027-01-03"'
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    text = value if isinstance(value, str) else ""
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
        try:
            return dt.date.fromisoformat(text)
        except ValueError:
            raise ValueError(f"{allowed}; there is no such day") from None
    digits = re.fullmatch(r"([0-9]{4})([0-9]{2})([0-9]{2})", str(value))
    written = re.match(r"([0-9]{4})-([0-9]{2})-([0-9]{2})[T ]", text)
    if found := digits or written:
        allowed += f'; write "{found[1]}-{found[2]}-{found[3]}"'
    raise ValueError(allowed)


def _region_hint(value: str) -> str | None:
    near = nearest(value, REGIONS)
    return f"did you mean {near}?" if near else "az account list-locations --query [].name"


def _unique(values: tuple[Any, ...]) -> tuple[Any, ...]:
    repeated = sorted({str(value) for value in values if values.count(value) > 1})
    if repeated:
        raise ValueError(f"got {', '.join(repeated)} more than once; allowed: each entry once")
    return values


def _no_surge(value: str) -> str | None:
    return "100% at most" if value.endswith("%") and int(value[:-1]) > 100 else None


def _minutes_hint(value: str) -> str | None:
    match = re.fullmatch(r"([0-9]+)\s*(s|sec|seconds|h|hours?|min|minutes?|m)?", value)
    if match and match[2] in ("s", "sec", "seconds") and int(match[1]) % 60 == 0 and int(match[1]):
        return f"write {int(match[1]) // 60}m"
    if match and (match[2] or "").startswith("h") and int(match[1]):
        return f"write {int(match[1]) * 60}m"
    return f"write {match[1]}m" if match and int(match[1]) else None


def _seconds_hint(value: str) -> str | None:
    match = re.fullmatch(r"([0-9]+)\s*(m|min|minutes?|s|sec|seconds?)?", value)
    if match and int(match[1]):
        return f"write {int(match[1]) * (60 if (match[2] or 's').startswith('m') else 1)}s"
    return None


def _offset_hint(value: str) -> str | None:
    match = re.fullmatch(r"(?:UTC|GMT)?\s*([+-])\s*([0-9]{1,2}):?([0-9]{2})?", value.strip())
    if value.upper() in ("Z", "UTC", "GMT"):
        return 'write "+00:00"'
    return f'write "{match[1]}{int(match[2]):02}:{match[3] or "00"}"' if match and int(match[2]) <= 14 else None


def _time_hint(value: str) -> str | None:
    match = re.fullmatch(r"([0-9]{1,2})[:.h]?([0-9]{2})?(:[0-9]{2})?\s*(am|pm)?", value.strip(), re.IGNORECASE)
    if not match or int(match[1]) > 23:
        return None
    hour = int(match[1]) % 12 + (12 if match[4].lower() == "pm" else 0) if match[4] else int(match[1])
    return f'write "{hour:02}:{match[2] or "00"}"'


def _zone(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Flag = Annotated[bool, Field(strict=True)]


class _EachOnce(AfterValidator):
    """Each entry once, for editors too."""

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return {**handler(schema), "uniqueItems": True}


Unique = _EachOnce(_unique)
_GUID = Form(
    r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "a GUID such as 6dae42f8-4368-4678-94ff-3960e28e3630",
    hints=(_guid_hint,),
    refused=(_no_real_guid,),
)
Guid = Annotated[str, _GUID, AfterValidator(str.lower)]
Cidr = Annotated[
    IPv4Network,
    BeforeValidator(_ipv4_network),
    WithJsonSchema({"type": "string", "pattern": rf"^{_ADDRESS}(?:/{_PREFIX})?$"}),
]
Ipv4 = Annotated[
    IPv4Address,
    BeforeValidator(_ipv4_address),
    WithJsonSchema({"type": "string", "pattern": rf"^{_ADDRESS}$"}),
]
VmSize = Annotated[
    str,
    Form(
        VM_SIZE,
        "an Azure size name such as Standard_D4ds_v5",
        hints=(why_no_vm_size,),
        refused=(why_no_vm_size,),
    ),
]
DnsName = Annotated[
    str,
    Form(
        rf"{_LABEL}(?:\.{_LABEL})*\.(?!-)(?:[0-9]*[a-z][a-z0-9-]{{0,61}}[a-z0-9]|{_OCTET})",
        "a lower-case DNS name such as dev.example.com",
        hints=(_dns_hint,),
        refused=(_no_dns_name,),
    ),
]
Surge = Annotated[
    str,
    # https://learn.microsoft.com/azure/aks/upgrade-aks-cluster#customize-node-surge-upgrade
    Form(
        "[1-9][0-9]{0,2}%?",
        'a number of nodes in quotes such as "1", or a percentage from "1%" to "100%"',
        refused=(_no_surge,),
    ),
]
RepositoryUrl = Annotated[
    str,
    Form(
        rf"https?://{_WEB}(?:/{_PATH})?|{_SSH}",
        "an http:// or https:// URL of a Git repository, ssh://git@host/path or git@host:path",
        hints=(_url_hint,),
        refused=(_no_url, _no_repository),
    ),
]
CredentialUrl = Annotated[
    str,
    # https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#ssh-private-key-credential
    Form(
        rf"https?://{_WEB}(?:/{_PATH})?|{_SSH}|{_REGISTRY}",
        "an https:// URL without credentials; for kind sshKey, ssh://git@host/path or git@host:path; "
        "for a registry, <name>.azurecr.io/path",
        hints=(_url_hint,),
        refused=(_no_url,),
    ),
]
KnownHost = Annotated[
    str,
    # https://man.openbsd.org/sshd.8#SSH_KNOWN_HOSTS_FILE_FORMAT; names in clear, as Argo CD's own page shows them
    Form(
        rf"(?:{_HOST}|\[{_HOST}\]:[0-9]{{1,5}}) (?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521)) "
        r"AAAA[A-Za-z0-9+/]+={0,2}",
        "a line of known_hosts with one host, the key's type and the key, as ssh-keyscan prints it",
        hints=(_known_host_hint,),
        refused=(why_no_host_key,),
    ),
]
ChartRepository = Annotated[
    str,
    Form(
        rf"(?:oci|https?)://{_WEB}(?:/{_PATH})?",
        "an oci:// or https:// URL without a tag, such as oci://registry.example.com/charts",
        hints=(_url_hint,),
        refused=(_no_url, _no_chart_repository),
    ),
]
Email = Annotated[
    str,
    # RFC 5321 4.1.2, without quoted local parts
    Form(
        r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
        r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])",
        "one e-mail address such as team@example.com",
        hints=(_email_hint,),
        refused=(_no_email,),
    ),
]
Minutes = Annotated[str, Form("[1-9][0-9]{0,3}m", 'minutes such as "10m"', hints=(_minutes_hint,))]
Seconds = Annotated[str, Form("[1-9][0-9]{0,3}s", 'seconds such as "10s"', hints=(_seconds_hint,))]
Clock = Annotated[str, Form("(?:[01][0-9]|2[0-3]):[0-5][0-9]", 'a time from "00:00" to "23:59"', hints=(_time_hint,))]
UtcOffset = Annotated[
    str,
    Form(
        r"[+-](?:0[0-9]|1[01]):[0-5][0-9]|[+-]12:00|\+(?:12:[0-5][0-9]|13:[0-5][0-9]|14:00)",
        'an offset from "-12:00" to "+14:00"',
        hints=(_offset_hint,),
    ),
]
Date = Annotated[
    dt.date,
    BeforeValidator(_date),
    WithJsonSchema({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"}),
]
Revision = Annotated[
    str,
    # https://git-scm.com/docs/git-check-ref-format; and version constraints, which Argo CD resolves among tags:
    # https://argo-cd.readthedocs.io/en/stable/user-guide/tracking_strategies/#git
    Form(
        r"(?!/)(?!-)(?!.*(?:\.\.|//|@\{|/\.|\.lock(?:/|$)))(?!\.)[^\s\\~^:?*\[\u0000-\u001f\u007f]*[^\s\\~^:?*\[\u0000-\u001f\u007f./]"
        r"|[v^~<>=]*[0-9][0-9A-Za-z.*^~<>=|, -]*",
        "a branch, a tag or a commit",
        hints=(_revision_hint,),
    ),
]
RelativePath = Annotated[
    str,
    Form(
        r"\.|(?!\.{1,2}(?:/|$))[^\s/\\](?:[^\\/\u0000-\u001f]*[^\s/\\])?(?:/(?!\.{1,2}(?:/|$))[^\s/\\](?:[^\\/\u0000-\u001f]*[^\s/\\])?)*",
        "a folder relative to the repository, such as deploy/platform",
        hints=(_path_hint,),
    ),
]
Zone = Annotated[Literal["1", "2", "3"], BeforeValidator(_zone)]
Zones = Annotated[tuple[Zone, ...], Unique]
Location = Annotated[
    str,
    Form("|".join(sorted(REGIONS)), "the name of an Azure region such as swedencentral", hints=(_region_hint,)),
    WithJsonSchema({"type": "string", "enum": sorted(REGIONS)}),
]
Day = Literal["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]


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


class Cutover(StrEnum):
    """When names move to a new cluster."""

    SERVING = "serving"
    IMMEDIATE = "immediate"


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


VaultSecret = Annotated[
    str, Form("[0-9a-zA-Z-]{1,127}", "the name of a secret in the vault: 1-127 letters, digits and hyphens")
]
AppId = Annotated[int, Field(strict=True, ge=1)]
"""Id of a GitHub App, or of an installation of it."""
