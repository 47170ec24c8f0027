"""The sandbox of a rehearsal: a copy of the project, the cloud that it deploys to, control planes and charts."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from components.addons.restored import OVERRIDE as RESTORE_OVERRIDE
from components.azure.role_propagation import OVERRIDE
from components.restore.vault import ENDPOINT_OVERRIDE
from rehearsal.azure.backup_service import BackupService
from rehearsal.azure.cloud import Behaviour, Cloud
from rehearsal.azure.provider import CLOUD_FILE
from rehearsal.chart_repository import ChartRepository
from rehearsal.cluster_simulator import ClusterSimulator
from rehearsal.control_plane import TOKEN, ControlPlane
from rehearsal.project import Project
from settings import LOOKED_AT, REHEARSAL, Settings
from settings.addons import ChartOverride, Charts
from settings.merge import merge
from settings.types import Cutover

CHARTS = tuple(field.alias or name for name, field in Charts.model_fields.items() if field.annotation is ChartOverride)
"""Keys of ``charts`` that override the source of an addon's chart."""


@dataclass(frozen=True, kw_only=True)
class Sandbox:
    """A copy of the project with one stack, and the cloud that it deploys to."""

    cloud: Cloud
    project: Project
    planes: tuple[ControlPlane, ...]
    """The control planes of the cloud's clusters."""
    backups: BackupService
    """Azure Backup of that cloud."""

    @classmethod
    def create(
        cls,
        root: Path,
        folder: Path,
        stack: str,
        planes: Sequence[ControlPlane],
        *,
        charts: str,
        behaviour: Behaviour | None = None,
        changes: Mapping[str, Any] | None = None,
        role_seconds: float = 0,
    ) -> "Sandbox":
        """Copy the project into an empty folder and point it at an empty cloud.

        Args:
            root: the user's project, which is not changed.
            folder: folder of the copy, its state and the cloud.
            stack: a stack of target ``azure``.
            planes: running control planes; each new cluster gets the next one.
            charts: URL of the chart repository.
            behaviour: how the cloud behaves.
            changes: sections merged into the copy's stack file.
            role_seconds: the time that the program gives new roles; the cloud's own is part of its behaviour.

        Raises:
            RehearsalError: the stack cannot be created.
        """
        folder.mkdir(parents=True, exist_ok=True)
        cloud = Cloud.create(
            folder / "cloud.json", behaviour=behaviour, control_planes=tuple(plane.address for plane in planes)
        )
        # it ends with this process, as the rehearsal does
        backups = BackupService(cloud)
        programs = folder / "bin"
        programs.mkdir()
        _script(programs / "kubelogin", _KUBELOGIN)
        _script(programs / "pulumi-resource-azure-native", _PLUGIN.format(python=sys.executable, root=str(_ROOT)))
        environment = {
            CLOUD_FILE: str(folder / "cloud.json"),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            # only the kubeconfig that the cloud returns is used
            "KUBECONFIG": str(folder / "no-kubeconfig"),
            OVERRIDE: f"{role_seconds:g}",
            RESTORE_OVERRIDE: "0.1",
            ENDPOINT_OVERRIDE: backups.url,
            LOOKED_AT: REHEARSAL,  # a stack file that still has placeholders may be rehearsed
        }
        project = Project.copy(root, folder / "pulumi", stack, environment, plugins={"azure-native": programs})
        sources = {"mirror": charts, "timeoutSeconds": 60, **{chart: {"repository": None} for chart in CHARTS}}
        # no proxy of kwok's answers, and no certificate is issued: nothing would ever serve
        names = {"cutover": Cutover.IMMEDIATE.value}
        project.configure(merge({"charts": sources, "dns": names}, changes or {}))
        if project.section("ingress").get("gatewayApi"):
            project.configure({"ingress": {"gatewayApiManifest": f"{charts}/gateway-api.yaml"}})
        return cls(cloud=cloud, project=project, planes=tuple(planes), backups=backups)


def existing_resources(settings: Settings) -> list[tuple[str, str, dict[str, Any]]]:
    """Return the resources that a stack uses without creating them, each as type, ARM id and inputs.

    The cloud has to contain them before the stack is deployed.
    """
    azure, dns = settings.azure, settings.dns
    found: list[tuple[str, str, dict[str, Any]]] = []
    if azure is not None and dns.mode == "existing":
        group = f"/subscriptions/{azure.subscription_id}/resourceGroups/{dns.resource_group}"
        found.append(("resources:ResourceGroup", group, {}))
        found.append(("dns:Zone", f"{group}/providers/Microsoft.Network/dnsZones/{dns.zone}", {}))
    if settings.cluster is not None and settings.cluster.etcd_encryption is not None:
        vault = settings.cluster.etcd_encryption.vault_resource_id
        found.append(("resources:ResourceGroup", vault.lower().partition("/providers/")[0], {}))
    return found


@contextlib.contextmanager
def simulating(planes: Sequence[ControlPlane], **options: bool) -> Iterator[list[ClusterSimulator]]:
    """Run a :class:`ClusterSimulator` for each control plane while the context is open.

    Args:
        planes: running control planes.
        options: ``webhooks`` and ``addresses`` of the simulators.
    """
    simulators = [ClusterSimulator(plane.kubeconfig, **options) for plane in planes]
    for simulator in simulators:
        simulator.start()
    try:
        yield simulators
    finally:
        for simulator in simulators:
            simulator.stop()


@contextlib.contextmanager
def served_charts(folder: Path, archives: Path | None = None) -> Iterator[str]:
    """Serve the charts while the context is open; yields the repository's URL.

    Args:
        folder: where the packaged charts go.
        archives: a folder with the real charts' archives, served instead of the small ones.

    Raises:
        RehearsalError: the folder of real charts lacks one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    repository = ChartRepository(folder, archives)
    repository.start()
    try:
        yield repository.url
    finally:
        repository.stop()


_ROOT = Path(__file__).resolve().parents[1]

_PLUGIN = """#!{python}
import sys
sys.path.insert(0, {root!r})
from rehearsal.azure.plugin import main
main()
"""

# the real kubelogin requests a token from Entra; https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
_CREDENTIAL = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {"token": TOKEN},
}
_KUBELOGIN = f"#!/bin/sh\necho '{json.dumps(_CREDENTIAL)}'\n"


def _script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
