"""The address that requests leave from, as somebody outside sees it."""

import ipaddress
import re
import shlex
from collections.abc import Iterator
from urllib.parse import urlsplit

from azure.core.exceptions import AzureError

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.verify import pod
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import NAMESPACE

_GATEWAYS = "Microsoft.Network/natGateways"
_SECONDS = 45.0


def egress(target: Target) -> Iterator[Finding]:
    """Ask an echo service, from a Pod, where a request comes from."""
    again = f"bootstrap verify --stack {target.stack} --egress-url http://…"
    if not target.egress_url:
        detail = "no echo service was named, one that answers with its caller's address"
        yield unknown("egress", "egress address", detail, again)
        return
    if not target.image:
        yield unknown("egress", "egress address", "no image is known to have a client in it")
        return
    pod.start(target, pod.body("egress", target.image, ["bash", "-c", _fetch(target.egress_url)]))
    end = pod.ended(target, "egress", _SECONDS)
    seen = _address(end.text)
    expected = _expected(target) if seen else []
    if not seen:
        detail = end.problem or f"no address in the answer: {end.text[:200] or 'nothing'}"
        yield failed(
            "egress",
            "egress address",
            detail,
            cause="Pods have no way out, or the service is not there",
            remedy=f"curl {shlex.quote(target.egress_url)}, then {target.kube('-n', NAMESPACE, 'get', 'events')}",
        )
    elif expected and not any(ipaddress.ip_address(seen) in ipaddress.ip_network(each) for each in expected):
        cause = "the subnet is not behind the NAT gateway, or a route leads elsewhere"
        detail = f"{seen}, the stack's are {', '.join(expected)}"
        yield failed("egress", "egress address", detail, cause=cause, remedy=f"bootstrap drift --stack {target.stack}")
    else:
        yield fine("egress", "egress address", f"{seen}, of the NAT gateway" if expected else seen)


def _expected(target: Target) -> list[str]:
    """Return the addresses and ranges of the NAT gateways; none where there are none, or they cannot be had."""
    if target.azure is None:
        return []
    read, found = target.azure.clients.read, []
    try:
        for request in target.azure.needs.of(_GATEWAYS):
            gateway = read(request.id, request.api_version).get("properties") or {}
            for key, value in (("publicIpAddresses", "ipAddress"), ("publicIpPrefixes", "ipPrefix")):
                for each in gateway.get(key) or ():
                    properties = read(each["id"], request.api_version).get("properties") or {}
                    found.append(str(properties[value]))
    except (AzureError, KeyError):
        return []
    return found


def _fetch(url: str) -> str:
    """Return a script that asks for a page with what an image of Git has: the shell, or OpenSSL for HTTPS."""
    parts = urlsplit(url)
    host, secured = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secured else 80)
    request = (
        f"GET {parts.path or '/'}{'?' + parts.query if parts.query else ''} HTTP/1.0\\r\\nHost: {host}\\r\\n\\r\\n"
    )
    send = f"printf {shlex.quote(request.replace('%', '%%'))}"
    if secured:
        connect = (
            f"{{ {send}; sleep 3; }} | timeout 20 openssl s_client -quiet -connect {host}:{port} -servername {host}"
        )
    else:
        connect = f"timeout 20 bash -c {shlex.quote(f'exec 3<>/dev/tcp/{host}/{port}; {send} >&3; cat <&3')}"
    return f"{connect} 2>/dev/null | tail -c 2000 > /dev/termination-log"


def _address(text: str) -> str:
    """Return the last address in an answer: whatever its headers name comes before."""
    for word in reversed(re.findall(r"[0-9a-fA-F.:]{3,45}", text)):
        try:
            found = ipaddress.ip_address(word)
        except ValueError:
            continue
        return str(found)
    return ""


CHECK = Check(
    name="egress",
    does="asks an echo service from a Pod",
    ask=egress,
    makes_objects=True,
)
