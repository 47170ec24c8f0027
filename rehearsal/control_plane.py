"""A throwaway Kubernetes control plane: a real API server, with kwok simulating nodes and pods."""

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from rehearsal.azure.cloud import ControlPlaneAddress
from rehearsal.errors import RehearsalError

TOKEN = "rehearsal"
"""Bearer token of an administrator of every control plane; the rehearsal's kubelogin prints it."""

BINARIES = ("kwokctl", "kwok", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd")
"""Programs that have to be on PATH. etcd 3.6 or newer: with 3.4, waits of the 1.36 control plane take minutes."""


_PROCESSES_WITH_A_PORT = ("etcd", "kube-controller-manager", "kube-scheduler", "controller")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def missing_binaries() -> list[str]:
    """Return the programs of :data:`BINARIES` that are not on PATH."""
    return [name for name in BINARIES if shutil.which(name) is None]


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """One cluster, in a folder of its own; :meth:`stop` leaves nothing behind."""

    name: str
    folder: Path
    """Holds kwok's files and the kubeconfig."""
    audit: bool = False
    """Whether to log every request, for :meth:`requests`."""

    @property
    def kubeconfig(self) -> Path:
        """Path of the administrator's kubeconfig."""
        return self.folder / f"{self.name}.kubeconfig"

    @property
    def pki(self) -> Path:
        """Folder of the certificate authority, ``ca.crt``."""
        return self.folder / "clusters" / self.name / "pki"

    @property
    def server(self) -> str:
        """The API server's URL."""
        document = YAML(typ="safe").load(self.kubeconfig.read_text(encoding="utf-8"))
        return str(document["clusters"][0]["cluster"]["server"])

    @property
    def address(self) -> ControlPlaneAddress:
        """What the stand-in for Azure puts into a cluster's kubeconfig."""
        authority = base64.b64encode((self.pki / "ca.crt").read_bytes()).decode()
        return ControlPlaneAddress(name=self.name, server=self.server, certificate_authority=authority)

    @property
    def port(self) -> int:
        """The API server's port."""
        return int(self.server.rsplit(":", 1)[-1])

    def start(self, *, nodes: int = 3, port: int | None = None) -> None:
        """Start an empty cluster whose nodes are ready; this takes about three seconds.

        Args:
            nodes: number of nodes.
            port: port of the API server; any free one when None.

        Raises:
            RehearsalError: a program is missing or does not start.
        """
        if missing := missing_binaries():
            raise RehearsalError(f"a control plane needs {', '.join(missing)} on PATH")
        self.folder.mkdir(parents=True, exist_ok=True)
        tokens = self.folder / f"{self.name}.tokens.csv"
        tokens.write_text(f'{TOKEN},rehearsal,rehearsal,"system:masters"\n', encoding="utf-8")
        self._kwokctl(
            "create",
            "cluster",
            "--runtime=binary",
            "--wait=120s",
            f"--kubeconfig={self.kubeconfig}",
            # nothing is downloaded: every program is the one on PATH
            *(f"--{name}-binary={shutil.which(name)}" for name in BINARIES[2:]),
            f"--kwok-controller-binary={shutil.which('kwok')}",
            f"--extra-args=kube-apiserver=token-auth-file={tokens}",
            # a call to a webhook whose Service has no endpoints fails at once, instead of dialling a ClusterIP
            # that nothing listens on
            "--extra-args=kube-apiserver=enable-aggregator-routing=true",
            *self._audit_arguments(),
            # kwokctl counts down from one number: two clusters that start at once would take the same ports
            f"--kube-apiserver-port={port or _free_port()}",
            *(f"--{process}-port={_free_port()}" for process in _PROCESSES_WITH_A_PORT),
        )
        self._kwokctl("scale", "node", f"--replicas={nodes}")

    def pause(self) -> None:
        """Suspend the API server: no request is answered until :meth:`resume`."""
        self._signal("STOP")

    def resume(self) -> None:
        """Continue after :meth:`pause`."""
        self._signal("CONT")

    def _signal(self, name: str) -> None:
        pid = (self.folder / "clusters" / self.name / "pids" / "kube-apiserver.pid").read_text(encoding="utf-8")
        os.kill(int(pid), getattr(signal, f"SIG{name}"))

    def requests(self, verb: str) -> list[dict[str, Any]]:
        """Return the audit events of a verb, such as ``delete``, without the control plane's own requests."""
        log = self.folder / "clusters" / self.name / "logs" / "audit.log"
        events = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
        return [
            event for event in events if event["verb"] == verb and not event["user"]["username"].startswith("system:")
        ]

    def _audit_arguments(self) -> list[str]:
        if not self.audit:
            return []
        policy = self.folder / f"{self.name}.audit.yaml"
        policy.write_text(
            "apiVersion: audit.k8s.io/v1\nkind: Policy\nomitStages: [RequestReceived]\nrules: [{level: Metadata}]\n",
            encoding="utf-8",
        )
        return [f"--kube-audit-policy={policy}"]

    def stop(self) -> None:
        """Stop the cluster, and delete its files."""
        self._kwokctl("delete", "cluster", f"--kubeconfig={self.kubeconfig}")

    def _kwokctl(self, *arguments: str) -> None:
        done = subprocess.run(
            ["kwokctl", *arguments, f"--name={self.name}"],
            env={**os.environ, "KWOK_WORKDIR": str(self.folder)},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RehearsalError(f"kwokctl {' '.join(arguments[:2])} failed:\n{done.stderr[-2000:]}")
