"""The cluster of a local stack: one that a kubeconfig names, or a kind cluster."""

from startup import on_demand

import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from bootstrap.errors import UpError
from settings.addons import NodePorts

if TYPE_CHECKING:
    from kubernetes import client, config
else:  # a third of a second that only a local stack needs
    client, config = on_demand("kubernetes.client"), on_demand("kubernetes.config")

KIND_CLUSTER = "aks-bootstrap"
LOOPBACK = "127.0.0.1"
HTTP_PORT, HTTPS_PORT = 8080, 8443
"""Ports of this machine that lead to the proxies of a kind cluster that ``up`` creates."""


def identify(kubeconfig: Path, context: str | None) -> tuple[str, str]:
    """Return the address of a kubeconfig's API server, and the cluster's uid (that of namespace kube-system).

    Raises:
        UpError: the kubeconfig cannot be used, or the API server does not answer.
    """
    loaded = api_client(kubeconfig, context)
    server = str(loaded.configuration.host)
    try:
        system = client.CoreV1Api(loaded).read_namespace("kube-system", _request_timeout=10)
    except Exception as error:
        # the client's transport has a dozen exceptions, and all of them mean this
        raise UpError(f"the API server {server} of {kubeconfig} does not answer ({type(error).__name__})") from None
    return server, str(system.metadata.uid if system.metadata else "")


def api_client(kubeconfig: Path, context: str | None) -> "client.ApiClient":
    """Return a client of the cluster that a kubeconfig names.

    Raises:
        UpError: the kubeconfig cannot be used.
    """
    try:
        found: client.ApiClient = config.new_client_from_config(str(kubeconfig), context=context)  # type: ignore[no-untyped-call] # not typed
    except (config.ConfigException, OSError) as error:
        raise UpError(f"the kubeconfig {kubeconfig} cannot be used: {error}") from None
    return found


def kind_works() -> bool:
    """Return whether kind is on PATH, and a container runtime runs."""
    return shutil.which("kind") is not None and any(
        shutil.which(name) and subprocess.run([name, "info"], capture_output=True, check=False).returncode == 0
        for name in ("docker", "podman", "nerdctl")
    )


def kind_cluster_exists() -> bool:
    """Return whether the kind cluster that ``up`` creates is there."""
    listed = subprocess.run(["kind", "get", "clusters"], capture_output=True, text=True, check=False)
    return KIND_CLUSTER in listed.stdout.split()


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
