"""How the pages of a local cluster are reached once it is up: address, port, name, password and trust."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kubernetes import client

from components.addons.argocd import argocd_host
from components.addons.cert_manager import CERTIFICATE_AUTHORITY
from components.addons.cert_manager import NAMESPACE as CERT_MANAGER_NAMESPACE
from components.addons.ingress import NAMESPACE
from conventions import ARGO_CD_NAMESPACE
from settings import Settings
from settings.addons import NodePorts

LOOPBACK = "127.0.0.1"
HTTP_PORT, HTTPS_PORT = 8080, 8443
"""Ports of this machine that lead to the proxies of a kind cluster that ``up`` creates."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Where HTTPS is answered."""

    address: str
    port: int
    command: str = ""
    """What has to run meanwhile, where nothing leads to the cluster by itself."""


def kind_config(ports: NodePorts | None) -> str:
    """Return a kind cluster's configuration, which maps ports of this machine to those of its node.

    https://kind.sigs.k8s.io/docs/user/configuration/#extra-port-mappings
    """
    lines = ["kind: Cluster", "apiVersion: kind.x-k8s.io/v1alpha4", "nodes:", "  - role: control-plane"]
    if ports is not None:
        lines.append("    extraPortMappings:")
        for of_machine, of_node in ((HTTP_PORT, ports.http), (HTTPS_PORT, ports.https)):
            lines.append(f"      - {{ containerPort: {of_node}, hostPort: {of_machine}, listenAddress: {LOOPBACK} }}")
    return "\n".join([*lines, ""])


def entry(api: client.ApiClient, *, mapped: bool) -> Entry:
    """Return where the cluster's proxies answer HTTPS.

    Args:
        api: the cluster's API client.
        mapped: whether ``up`` created the cluster, with ports of this machine that lead to it.
    """
    core = client.CoreV1Api(api)
    try:
        service: Any = core.read_namespaced_service("traefik", NAMESPACE)
        nodes: Any = core.list_node().items
    except client.ApiException:
        return _FORWARDED  # who may not look at them can still forward a port
    if service.spec.type == "LoadBalancer" and (found := (service.status.load_balancer.ingress or [None])[0]):
        return Entry(address=found.ip or found.hostname, port=443)
    if service.spec.type == "NodePort" and mapped:
        return Entry(address=LOOPBACK, port=HTTPS_PORT)
    if service.spec.type == "NodePort" and nodes:
        addresses = {address.type: address.address for address in nodes[0].status.addresses}
        [port] = [port.node_port for port in service.spec.ports if port.name == "websecure"]
        return Entry(address=addresses.get("ExternalIP") or addresses["InternalIP"], port=port)
    return _FORWARDED


_FORWARDED = Entry(
    address=LOOPBACK,
    port=HTTPS_PORT,
    command=f"kubectl -n {NAMESPACE} port-forward service/traefik {HTTPS_PORT}:443",
)


def directions(settings: Settings, kubeconfig: Path, found: Entry) -> Iterator[tuple[str, str]]:
    """Yield what to do to see Argo CD's page: a word, and the URL or the command that goes with it.

    No secret is printed: the password is read by whoever runs its command.
    """
    host = argocd_host(settings.argocd, settings.dns.zone)
    port = "" if found.port == 443 else f":{found.port}"
    kubectl = f"kubectl --kubeconfig {shlex.quote(str(kubeconfig))}"
    yield "page", f"https://{host}{port}"
    if found.command:
        yield "forward", found.command.replace("kubectl", kubectl, 1)
    yield "name", f"echo '{found.address} {host}' | sudo tee -a /etc/hosts"
    if settings.argocd.admin_enabled:
        yield "user", "admin"
        yield "password", _decoded(kubectl, ARGO_CD_NAMESPACE, "argocd-initial-admin-secret", "password")
    if settings.certificates.issuer == "self-signed":
        authority = _decoded(kubectl, CERT_MANAGER_NAMESPACE, CERTIFICATE_AUTHORITY, r"ca\.crt")
        yield "trust", f"{authority} > ca.crt; curl --cacert ca.crt --resolve {host}:{found.port}:{found.address} \\"
        yield "", f"https://{host}{port}"


def _decoded(kubectl: str, namespace: str, secret: str, key: str) -> str:
    return f"{kubectl} -n {namespace} get secret {secret} -o jsonpath='{{.data.{key}}}' | base64 -d"
