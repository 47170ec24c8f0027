"""What Azure tells of a stack's cluster: versions with the end of their support, and its last backup."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.deployed import cluster_name
from bootstrap.platform.doctor.azure import Clients
from bootstrap.platform.doctor.needs import Needs
from bootstrap.platform.status.page import Backups, Version
from components.azure.resource_types import resource_type
from settings.retirements import retirements

_INSTANCES = "Microsoft.DataProtection/backupVaults/backupInstances"


def versions(clients: Clients, cluster: str, today: dt.date) -> list[Version]:
    """Return the cluster's version and what its pools are made of, each with the day that its support ends."""
    known = resource_type("containerservice:ManagedCluster")
    found = clients.read(cluster, known.api_version)
    properties = found.get("properties") or {}
    running = str(properties.get("currentKubernetesVersion") or properties.get("kubernetesVersion") or "")
    asked = {"kubernetesVersion": running, "supportPlan": properties.get("supportPlan") or ""}
    plan = "long-term support" if asked["supportPlan"] == "AKSLongTermSupport" else "standard support"
    shown = [_version(f"Kubernetes ({plan})", running, asked, today)] if running else []
    for pool in properties.get("agentPoolProfiles") or ():
        shown += _pool(pool, today)
    return shown


def _pool(pool: Mapping[str, Any], today: dt.date) -> Iterator[Version]:
    name, version = pool.get("name", "?"), pool.get("currentOrchestratorVersion") or pool.get("orchestratorVersion")
    yield Version(what=f"pool {name} ({pool.get('count', '?')})", version=f"{version}, {pool.get('nodeImageVersion')}")
    for key in ("vmSize", "osSKU"):
        asked = {key: pool.get(key) or ""}
        if any(retirements(asked)):
            yield _version(f"pool {name}: {key}", str(pool[key]), asked, today)


def _version(what: str, version: str, asked: Mapping[str, str], today: dt.date) -> Version:
    ends = min((each.on for each in retirements(asked)), default=None)
    return Version(what=what, version=version, supported_until=ends, days=(ends - today).days if ends else None)


def backups(clients: Clients, needs: Needs, cluster: str) -> Backups:
    """Return how the cluster is backed up, and when that was done last."""
    if not needs.settings.backup.enabled:
        return Backups(enabled=False)
    planned = needs.of(_INSTANCES)[0]
    # it has the name of its cluster
    instance = f"{planned.id.rpartition('/')[0]}/{cluster_name(cluster)}"
    found = clients.read(instance, planned.api_version).get("properties") or {}
    points = clients.read_all(f"{instance}/recoveryPoints", planned.api_version)
    times = [str((point.get("properties") or {}).get("recoveryPointTime") or "") for point in points]
    return Backups(
        enabled=True,
        state=found.get("currentProtectionState"),
        last=max(times, default="") or None,
        error=" ".join(str((found.get("protectionErrorDetails") or {}).get("message") or "").split()),
    )
