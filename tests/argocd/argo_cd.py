"""The parts of Argo CD's release, each a local process, on a throwaway control plane."""

import contextlib
import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from kubernetes import client, config

from conventions import ARGO_CD_NAMESPACE
from rehearsal.control_plane import ControlPlane, missing_binaries
from tests.argocd.cluster import CHARTS, charts, prepare
from tests.argocd.processes import Processes, free_port, processes

BINARY = "AKS_BOOTSTRAP_ARGOCD"
PROGRAMS = ("redis-server", "git", "helm", "kustomize")
GROUP, VERSION = "argoproj.io", "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"

_WHERE = (GROUP, VERSION, ARGO_CD_NAMESPACE)
_APPLY: dict[str, Any] = {"field_manager": "tests", "force": True, "_content_type": "application/apply-patch+yaml"}
_LOOPBACK = "127.0.0.1"
_PARTS = ("redis", "repo-server", "applicationset-controller", "application-controller", "server", "notifications")


def missing() -> list[str]:
    """Return what has to be there and is not: programs, and what the variables name."""
    absent = [*(name for name in PROGRAMS if shutil.which(name) is None), *missing_binaries()]
    if not Path(os.environ.get(BINARY, "/nowhere")).is_file():
        absent.append(f"{BINARY} (the program `argocd` of its release)")
    if not charts():
        absent.append(f"{CHARTS} (a folder with the archive of the chart argo-cd)")
    return absent


@dataclass(frozen=True, kw_only=True)
class ArgoCD:
    """Argo CD, as far as it was started, and the objects that it acts upon."""

    folder: Path
    kubeconfig: Path
    processes: Processes
    ports: dict[str, int] = field(default_factory=lambda: {part: free_port() for part in _PARTS})

    def start_redis(self) -> None:
        """Start the cache that the parts share."""
        command = ["redis-server", "--bind", _LOOPBACK, "--port", str(self.ports["redis"]), "--save", ""]
        self.processes.start("redis", command, port=self.ports["redis"])

    def start_repo_server(self) -> None:
        """Start the part that reads Git, and runs Helm and Kustomize."""
        self._start(
            "repo-server",
            *("--address", _LOOPBACK, "--port", str(self.ports["repo-server"]), "--disable-tls"),
            *("--metrics-address", _LOOPBACK, "--metrics-port", str(free_port())),
            *("--redis", self._address("redis")),
        )

    def start_application_set_controller(self) -> None:
        """Start the part that generates Applications."""
        self._start(
            "applicationset-controller",
            *("--namespace", ARGO_CD_NAMESPACE, "--probe-addr", self._address("applicationset-controller")),
            *("--argocd-repo-server", self._address("repo-server"), "--repo-server-plaintext"),
            *("--metrics-addr", f"{_LOOPBACK}:{free_port()}", "--webhook-addr", f"{_LOOPBACK}:{free_port()}"),
        )

    def start_application_controller(self) -> None:
        """Start the part that compares Applications with the cluster, and syncs those that ask for it."""
        self._start(
            "application-controller",
            *("--namespace", ARGO_CD_NAMESPACE, "--metrics-port", str(self.ports["application-controller"])),
            *("--repo-server", self._address("repo-server"), "--repo-server-plaintext"),
            *("--redis", self._address("redis")),
        )

    def start_server(self) -> None:
        """Start the part with the API, open to everybody on this machine."""
        self._start(
            "server",
            *("--namespace", ARGO_CD_NAMESPACE, "--insecure", "--disable-auth"),
            *("--address", _LOOPBACK, "--port", str(self.ports["server"]), "--metrics-port", str(free_port())),
            *("--repo-server", self._address("repo-server"), "--repo-server-plaintext"),
            *("--redis", self._address("redis")),
        )

    def get(self, path: str) -> dict[str, Any]:
        """Return the API's answer to a question below ``/api``."""
        with urllib.request.urlopen(f"http://{self._address('server')}/api/{path}", timeout=60) as answer:
            found: dict[str, Any] = json.load(answer)
        return found

    def start_notifications_controller(self) -> None:
        """Start the part that reports what became of Applications, with whatever configuration there is by now."""
        self._start(
            "notifications",
            *("--namespace", ARGO_CD_NAMESPACE, "--metrics-port", str(self.ports["notifications"])),
            *("--argocd-repo-server", self._address("repo-server"), "--argocd-repo-server-plaintext"),
        )

    def list(self, plural: str) -> list[dict[str, Any]]:
        """Return the objects of one of Argo CD's kinds, by name."""
        found: Any = self._objects.list_namespaced_custom_object(*_WHERE, plural)
        return sorted(found["items"], key=lambda item: str(item["metadata"]["name"]))

    def apply(self, plural: str, document: dict[str, Any]) -> None:
        """Create an object, or make it what the document says, as ``kubectl apply --server-side`` does."""
        name = document["metadata"]["name"]
        self._objects.patch_namespaced_custom_object(*_WHERE, plural, name, document, **_APPLY)

    def apply_secret(self, document: dict[str, Any]) -> None:
        """Create a Secret of Argo CD's, such as a cluster's, or make it what the document says."""
        self._core.patch_namespaced_secret(document["metadata"]["name"], ARGO_CD_NAMESPACE, document, **_APPLY)

    def create_namespace(self, name: str) -> None:
        """Create a namespace of the cluster."""
        self._core.patch_namespace(
            name, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, **_APPLY
        )

    def apply_config_map(self, document: dict[str, Any]) -> None:
        """Create a ConfigMap of Argo CD's, or make it what the document says."""
        self._core.patch_namespaced_config_map(document["metadata"]["name"], ARGO_CD_NAMESPACE, document, **_APPLY)

    def create_project(self, name: str) -> None:
        """Create a project that allows everything."""
        self.apply(
            "appprojects",
            {
                "apiVersion": API_VERSION,
                "kind": "AppProject",
                "metadata": {"name": name},
                "spec": {
                    "sourceRepos": ["*"],
                    "destinations": [{"server": "*", "namespace": "*"}],
                    "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
                },
            },
        )

    def patch(self, plural: str, name: str, changes: dict[str, Any], *, status: bool = False) -> None:
        """Change some fields of an object, or of its status."""
        objects = self._objects
        change = objects.patch_namespaced_custom_object_status if status else objects.patch_namespaced_custom_object
        change(*_WHERE, plural, name, changes)

    def delete(self, plural: str, name: str, *, orphan: bool = False) -> None:
        """Delete an object, with what it owns unless ``orphan``."""
        policy = "Orphan" if orphan else "Background"
        self._objects.delete_namespaced_custom_object(*_WHERE, plural, name, propagation_policy=policy)

    def delete_secret(self, name: str) -> None:
        """Delete a Secret of Argo CD's."""
        self._core.delete_namespaced_secret(name, ARGO_CD_NAMESPACE)

    @cached_property
    def _objects(self) -> client.CustomObjectsApi:
        return client.CustomObjectsApi(config.new_client_from_config(str(self.kubeconfig)))

    @cached_property
    def _core(self) -> client.CoreV1Api:
        return client.CoreV1Api(config.new_client_from_config(str(self.kubeconfig)))

    def _address(self, part: str) -> str:
        return f"{_LOOPBACK}:{self.ports[part]}"

    def _start(self, part: str, *arguments: str) -> None:
        for name in ("tmp", "tls", "ssh", "gpg", "plugins"):
            (self.folder / name).mkdir(exist_ok=True)
        self.processes.start(
            part,
            [os.environ[BINARY], *arguments],
            port=self.ports[part],
            environment={
                # which of its parts the program is
                "ARGOCD_BINARY_NAME": f"argocd-{part}",
                # https://kubernetes.default.svc is the cluster of the kubeconfig
                "ARGOCD_FAKE_IN_CLUSTER": "true",
                "KUBECONFIG": str(self.kubeconfig),
                "HOME": str(self.folder),
                "TMPDIR": str(self.folder / "tmp"),
                "ARGOCD_GPG_ENABLED": "false",
                "ARGOCD_PLUGINSOCKFILEPATH": str(self.folder / "plugins"),
                **{f"ARGOCD_{name.upper()}_DATA_PATH": str(self.folder / name) for name in ("tls", "ssh", "gpg")},
            },
        )


@contextlib.contextmanager
def argo_cd(folder: Path) -> Iterator[ArgoCD]:
    """Yield an Argo CD of which the cache and the repo-server run, on a control plane of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    plane = ControlPlane(name="argocd", folder=folder / "kwok")
    with contextlib.ExitStack() as contexts:
        # first what ends it: Ctrl-C may come while it starts
        contexts.callback(plane.stop)
        plane.start(nodes=0)
        prepare(plane.kubeconfig)
        group = contexts.enter_context(processes(folder / "logs"))
        started = ArgoCD(folder=folder, kubeconfig=plane.kubeconfig, processes=group)
        started.start_redis()
        started.start_repo_server()
        yield started
