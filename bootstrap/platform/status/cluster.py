"""What the cluster itself tells of: versions, Helm's records, certificates, applications."""

import datetime as dt
import re
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.helm_records import Record, records
from bootstrap.platform.status.page import Addon, Application, Certificate, Version
from bootstrap.platform.verify.cluster import Cluster
from bootstrap.platform.verify.objects import condition, is_true, name_of, path_of, said
from components.addons.charts import PINNED
from components.cutover.applications import state_of
from components.release.helm_record import UnreadableRecordError
from conventions import ARGO_CD_NAMESPACE
from settings import Settings

_COMMIT = re.compile("[0-9a-f]{40}")


def versions(cluster: Cluster) -> list[Version]:
    """Return what the API server and the nodes run."""
    server = cluster.get("/version").get("gitVersion", "")
    found = [Version(what="API server", version=server)] if server else []
    kubelets: dict[str, int] = {}
    for node in cluster.items(path_of("", "v1", "nodes")):
        version = node["status"]["nodeInfo"]["kubeletVersion"]
        kubelets[version] = kubelets.get(version, 0) + 1
    return [*found, *(Version(what=f"nodes ({count})", version=version) for version, count in sorted(kubelets.items()))]


def addons(cluster: Cluster, settings: Settings) -> list[Addon]:
    """Return the last revision of every addon's release."""
    found = []
    for chart in PINNED:
        name, namespace, pinned = chart.name, chart.namespace, chart.upstream(settings.charts).version
        if revisions := records(cluster, name, namespace):
            found.append(_addon(revisions[-1], pinned))
        elif chart.installed(settings):
            found.append(Addon(name=name, namespace=namespace, version=None, pinned=pinned, status="not installed"))
    return found


def _addon(last: Record, pinned: str) -> Addon:
    try:
        version, updated = last.version, str(last.release["info"].get("last_deployed") or "")
    except (UnreadableRecordError, KeyError, TypeError):
        version, updated = "", ""
    return Addon(
        name=last.name,
        namespace=last.namespace,
        version=version or "unreadable",
        pinned=pinned,
        status=last.status,
        revision=last.revision,
        updated=updated or None,
    )


def certificates(cluster: Cluster, now: dt.datetime) -> list[Certificate]:
    """Return every certificate, the one that expires first at the top."""
    return sorted(_certificates(cluster, now), key=lambda found: (found.expires or "", found.namespace, found.name))


def _certificates(cluster: Cluster, now: dt.datetime) -> Iterator[Certificate]:
    for found in cluster.items(path_of("cert-manager.io", "v1", "certificates")):
        status, ready = found.get("status") or {}, is_true(found, "Ready")
        expires = status.get("notAfter")
        yield Certificate(
            namespace=found["metadata"]["namespace"],
            name=name_of(found),
            ready=ready,
            expires=expires,
            renews=status.get("renewalTime"),
            days=(dt.datetime.fromisoformat(expires) - now).days if expires else None,
            message="" if ready else said(condition(found, "Ready")),
        )


def applications(cluster: Cluster) -> list[Application]:
    """Return every application, those that are not well at the top."""
    found = [
        _application(item)
        for item in cluster.items(path_of("argoproj.io", "v1alpha1", "applications", ARGO_CD_NAMESPACE))
    ]
    return sorted(found, key=lambda each: (each.health == "Healthy" and each.sync == "Synced", each.name))


def _application(found: Mapping[str, Any]) -> Application:
    status = found.get("status") or {}
    compared = status.get("sync") or {}
    revisions = compared.get("revisions") or [compared.get("revision") or ""]
    sync, health = state_of(found)
    operation = status.get("operationState") or {}
    messages = [
        *(each.get("message", "") for each in status.get("conditions") or ()),
        (status.get("health") or {}).get("message", ""),
        operation.get("message", "") if operation.get("phase") in ("Failed", "Error") else "",
    ]
    return Application(
        name=name_of(found),
        revision=", ".join(each[:7] if _COMMIT.fullmatch(each) else each for each in revisions if each),
        sync=sync,
        health=health,
        message=""
        if (sync, health) == ("Synced", "Healthy")
        else " ".join(next(filter(None, messages), "").split())[:300],
    )
