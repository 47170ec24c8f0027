"""Everything that a rehearsal of an Azure stack needs: a cloud, control planes, charts, and the project's copy."""

import contextlib
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rehearsal.azure.cloud import Cloud, Manners
from rehearsal.azure.provider import CLOUD_FILE
from rehearsal.chart_repository import ChartRepository
from rehearsal.control_plane import TOKEN, ControlPlane
from rehearsal.player import Player
from rehearsal.project import Project
from settings import Settings
from settings.addons import ChartOverride, Charts
from settings.merge import merge

CHARTS = tuple(field.alias or name for name, field in Charts.model_fields.items() if field.annotation is ChartOverride)
"""Keys of ``charts`` that say where an addon's chart comes from."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stack's project beside the cloud that it builds in."""

    cloud: Cloud
    project: Project
    planes: tuple[ControlPlane, ...]

    @classmethod
    def set(
        cls,
        root: Path,
        folder: Path,
        stack: str,
        planes: Sequence[ControlPlane],
        *,
        charts: str,
        manners: Manners | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> "Stage":
        """Copy the project into an empty folder and point it at an empty cloud.

        Args:
            root: the user's project, which stays as it is.
            folder: where everything goes.
            stack: a stack of target ``azure``.
            planes: running control planes; each cluster takes the next one.
            charts: URL of the chart repository.
            manners: how the cloud behaves.
            changes: sections merged into the copy's stack file.
        """
        folder.mkdir(parents=True, exist_ok=True)
        cloud = Cloud.create(
            folder / "cloud.json", manners=manners, control_planes=tuple(plane.address for plane in planes)
        )
        programs = folder / "bin"
        programs.mkdir()
        _script(programs / "kubelogin", _KUBELOGIN)
        _script(programs / "pulumi-resource-azure-native", _PLUGIN.format(python=sys.executable, root=str(_ROOT)))
        environment = {
            CLOUD_FILE: str(folder / "cloud.json"),
            "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
            # no kubeconfig but the one that the cloud hands out
            "KUBECONFIG": str(folder / "no-kubeconfig"),
        }
        project = Project.copy(root, folder / "pulumi", stack, environment, plugins={"azure-native": programs})
        drawn = {"mirror": charts, "timeoutSeconds": 60, **{chart: {"repository": None} for chart in CHARTS}}
        project.configure(merge({"charts": drawn}, changes or {}))
        return cls(cloud=cloud, project=project, planes=tuple(planes))


def what_exists(settings: Settings) -> list[tuple[str, str, dict[str, Any]]]:
    """Return what a stack uses without creating it: type, ARM id, inputs. The cloud has to hold it beforehand."""
    azure, dns = settings.azure, settings.dns
    found: list[tuple[str, str, dict[str, Any]]] = []
    if azure is not None and dns.mode == "existing":
        group = f"/subscriptions/{azure.subscription_id}/resourceGroups/{dns.resource_group}"
        found.append(("resources:ResourceGroup", group, {}))
        found.append(("dns:Zone", f"{group}/providers/Microsoft.Network/dnsZones/{dns.zone}", {}))
    return found


@contextlib.contextmanager
def playing(planes: Sequence[ControlPlane], **options: bool) -> Iterator[list[Player]]:
    """Play on control planes for as long as the context lasts."""
    players = [Player(plane.kubeconfig, **options) for plane in planes]
    for player in players:
        player.start()
    try:
        yield players
    finally:
        for player in players:
            player.stop()


@contextlib.contextmanager
def serving_charts(folder: Path, archives: Path | None = None) -> Iterator[str]:
    """Serve the charts for as long as the context lasts; yields the repository's URL."""
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

# the real one asks Entra for a token; https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins
_CREDENTIAL = {
    "apiVersion": "client.authentication.k8s.io/v1",
    "kind": "ExecCredential",
    "status": {"token": TOKEN},
}
_KUBELOGIN = f"#!/bin/sh\necho '{json.dumps(_CREDENTIAL)}'\n"


def _script(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
