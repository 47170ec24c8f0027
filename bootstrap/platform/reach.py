"""How the pages of a local cluster are reached once it is up: address, port, name, password and trust."""

import ipaddress
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client

from bootstrap.platform.local_cluster import HTTPS_PORT, LOOPBACK
from components.addons.argocd import argocd_host
from components.addons.cert_manager import CERTIFICATE_AUTHORITY
from components.addons.cert_manager import NAMESPACE as CERT_MANAGER_NAMESPACE
from components.addons.ingress import HTTPS_PORT_NAME, NAMESPACE, SERVICE
from conventions import ARGO_CD_NAMESPACE
from settings import Settings
from settings.types import Issuer

_CALL_SECONDS = 10


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where HTTPS is answered."""

    address: str
    """An address, or the host name of a load balancer that has no fixed one."""
    port: int
    command: str = ""
    """What has to run meanwhile, where nothing leads to the cluster by itself."""


def entry(api: client.ApiClient, *, mapped: bool) -> Entry:
    """Return where the cluster's proxies answer HTTPS.

    Args:
        api: the cluster's API client.
        mapped: whether ``up`` created the cluster, with ports of this machine that lead to it.
    """
    core = client.CoreV1Api(api)
    try:
        service: Any = core.read_namespaced_service(SERVICE, NAMESPACE, _request_timeout=_CALL_SECONDS)
        nodes: Any = core.list_node(_request_timeout=_CALL_SECONDS).items
    except Exception:
        return _FORWARDED  # whatever keeps this from looking, the stack is up, and a port can be forwarded
    if service.spec.type == "LoadBalancer" and (found := (service.status.load_balancer.ingress or [None])[0]):
        return Entry(address=found.ip or found.hostname, port=443)
    if service.spec.type == "NodePort" and mapped:
        return Entry(address=LOOPBACK, port=HTTPS_PORT)
    if service.spec.type == "NodePort" and nodes:
        addresses = {address.type: address.address for address in nodes[0].status.addresses or ()}
        address = addresses.get("ExternalIP") or addresses.get("InternalIP")
        ports = [port.node_port for port in service.spec.ports if port.name == HTTPS_PORT_NAME]
        if address and ports:
            return Entry(address=address, port=ports[0])
    return _FORWARDED


_FORWARDED = Entry(
    address=LOOPBACK,
    port=HTTPS_PORT,
    command=f"kubectl -n {NAMESPACE} port-forward service/{SERVICE} {HTTPS_PORT}:443",
)


def directions(settings: Settings, kubeconfig: Path, found: Entry) -> Iterator[tuple[str, str]]:
    """Yield what to do to see Argo CD's page: a word, and the URL or the command that goes with it.

    No secret is printed: the password is read by whoever runs its command.
    """
    host = argocd_host(settings.argocd, settings.dns.zone)
    port = "" if found.port == 443 else f":{found.port}"
    kubectl = f"kubectl --kubeconfig {shlex.quote(str(kubeconfig))}"
    if settings.local.context:
        kubectl += f" --context {shlex.quote(settings.local.context)}"
    yield "page", f"https://{host}{port}"
    if found.command:
        yield "forward", found.command.replace("kubectl", kubectl, 1)
    if _is_address(found.address):
        yield "name", f"echo '{found.address} {host}' | sudo tee -a /etc/hosts"
    else:
        yield "name", f"a CNAME record from {host} to {found.address}"
    if settings.argocd.admin_enabled:
        yield "user", "admin"
        yield "password", _decoded(kubectl, ARGO_CD_NAMESPACE, "argocd-initial-admin-secret", "password")
    if settings.certificates.issuer is Issuer.SELF_SIGNED:
        authority = _decoded(kubectl, CERT_MANAGER_NAMESPACE, CERTIFICATE_AUTHORITY, r"ca\.crt")
        there = f"{host}:{found.port}:{found.address}:{found.port}"
        yield "trust", f"{authority} > ca.crt; curl --cacert ca.crt --connect-to {there} \\"
        yield "", f"https://{host}{port}"


def _decoded(kubectl: str, namespace: str, secret: str, key: str) -> str:
    return f"{kubectl} -n {namespace} get secret {secret} -o jsonpath='{{.data.{key}}}' | base64 -d"


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
