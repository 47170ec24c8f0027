"""How the pages of a local cluster are reached once it is up: address, port, name, password and trust."""

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client

from bootstrap.platform.cluster_commands import ClusterCommands
from bootstrap.platform.local_cluster import HTTP_PORT, HTTPS_PORT, LOOPBACK
from components.addons.argocd import argocd_host
from components.addons.cert_manager import CERTIFICATE_AUTHORITY
from components.addons.cert_manager import NAMESPACE as CERT_MANAGER_NAMESPACE
from components.addons.ingress import HTTP_PORT_NAME, HTTPS_PORT_NAME, NAMESPACE, SERVICE
from conventions import ARGO_CD_NAMESPACE
from settings import Settings
from settings.types import Issuer

_CALL_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where the proxies answer."""

    address: str
    """An address, or the host name of a load balancer that has no fixed one; empty where nothing leads to them."""
    https: int = 443
    http: int = 80
    """0 where no port leads to plain HTTP."""


def entry(api: client.ApiClient, *, mapped: bool) -> Entry:
    """Return where the cluster's proxies answer.

    Args:
        api: the cluster's API client.
        mapped: whether ``up`` created the cluster, with ports of this machine that lead to it.
    """
    core = client.CoreV1Api(api)
    try:
        service: Any = core.read_namespaced_service(SERVICE, NAMESPACE, _request_timeout=_CALL_SECONDS)
        nodes: Any = core.list_node(_request_timeout=_CALL_SECONDS).items
    except Exception:
        return _NOWHERE  # whatever keeps this from looking, the stack is up, and a port can be forwarded
    if service.spec.type == "LoadBalancer" and (found := (service.status.load_balancer.ingress or [None])[0]):
        return Entry(address=found.ip or found.hostname)
    if service.spec.type == "NodePort" and mapped:
        return Entry(address=LOOPBACK, https=HTTPS_PORT, http=HTTP_PORT)
    if service.spec.type == "NodePort" and nodes:
        addresses = {address.type: address.address for address in nodes[0].status.addresses or ()}
        address = addresses.get("ExternalIP") or addresses.get("InternalIP")
        ports = {port.name: port.node_port for port in service.spec.ports}
        if address and ports.get(HTTPS_PORT_NAME):
            return Entry(address=address, https=ports[HTTPS_PORT_NAME], http=ports.get(HTTP_PORT_NAME) or 0)
    return _NOWHERE


_NOWHERE = Entry(address="", http=0)


def forwarding(commands: ClusterCommands) -> str:
    """Return what has to run meanwhile where nothing leads to the cluster by itself."""
    return commands.kubectl("-n", NAMESPACE, "port-forward", f"service/{SERVICE}", f"{HTTPS_PORT}:443")


def directions(settings: Settings, kubeconfig: Path, found: Entry) -> Iterator[tuple[str, str]]:
    """Yield what to do to see Argo CD's page: a word, and the URL or the command that goes with it.

    No secret is printed: the password is read by whoever runs its command.
    """
    host = argocd_host(settings.argocd, settings.dns.zone)
    address, https = (found.address, found.https) if found.address else (LOOPBACK, HTTPS_PORT)
    port = "" if https == 443 else f":{https}"
    commands = ClusterCommands(kubeconfig=str(kubeconfig), context=settings.local.context or "")
    yield "page", f"https://{host}{port}"
    if not found.address:
        yield "forward", forwarding(commands)
    if _is_address(address):
        yield "name", f"echo '{address} {host}' | sudo tee -a /etc/hosts"
    else:
        yield "name", f"a CNAME record from {host} to {address}"
    if settings.argocd.admin_enabled:
        yield "user", "admin"
        yield "password", _decoded(commands, ARGO_CD_NAMESPACE, "argocd-initial-admin-secret", "password")
    if settings.certificates.issuer is Issuer.SELF_SIGNED:
        authority = _decoded(commands, CERT_MANAGER_NAMESPACE, CERTIFICATE_AUTHORITY, r"ca\.crt")
        there = f"{host}:{https}:{address}:{https}"
        yield "trust", f"{authority} > ca.crt; curl --cacert ca.crt --connect-to {there} \\"
        yield "", f"https://{host}{port}"


def _decoded(commands: ClusterCommands, namespace: str, secret: str, key: str) -> str:
    return (
        f"{commands.kubectl('-n', namespace, 'get', 'secret', secret, '-o', f'jsonpath={{.data.{key}}}')} | base64 -d"
    )


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
