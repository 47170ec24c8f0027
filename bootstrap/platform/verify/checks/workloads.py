"""The addons' workloads: available as many times as asked, and on the system pool."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ruamel.yaml import YAML

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.helm_records import records
from bootstrap.platform.releases import installed
from bootstrap.platform.verify.cluster import ClusterError
from bootstrap.platform.verify.objects import name_of, path_of
from bootstrap.platform.verify.pod import problem_of
from bootstrap.platform.verify.target import Check, Target
from components.release.helm_record import UnreadableRecordError

_KINDS = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}
_POOL_MODE = "kubernetes.azure.com/mode"
"""https://learn.microsoft.com/azure/aks/use-system-pools"""


def workloads(target: Target) -> Iterator[Finding]:
    """Read the workloads of every addon's namespace, and, in Azure, where their Pods run."""
    for namespace, release in installed(target.settings).items():
        found: list[Finding] = []
        there = set()
        for plural, kind in _KINDS.items():
            for workload in target.cluster.items(path_of("apps", "v1", plural, namespace)):
                there.add((kind, name_of(workload)))
                found += _of(target, namespace, kind, workload)
        found += _missing(target, namespace, release, there)
        yield from found or [fine("workloads", namespace, f"{len(there)} available")]
    if not target.local:
        yield from _pools(target)


def _missing(target: Target, namespace: str, release: str, there: set[tuple[str, str]]) -> Iterator[Finding]:
    """Compare with what the chart rendered."""
    restore = target.restore(namespace)
    try:
        rendered = _rendered(target, namespace, release)
    except (ClusterError, UnreadableRecordError) as error:
        detail = f"what it rendered cannot be read: {error}"
        yield unknown("workloads", f"release {release}", detail, target.manifest(namespace))
        rendered = set()
    for kind, name in sorted(rendered - there):
        cause = "it was deleted; Pulumi sees no drift inside a chart"
        yield failed("workloads", f"{kind} {namespace}/{name}", "there is none", cause=cause, remedy=restore)
    if not there:
        cause = f"the release {release} is not installed, or its workloads were deleted"
        yield failed("workloads", f"namespace {namespace}", "nothing runs in it", cause=cause, remedy=restore)


def _rendered(target: Target, namespace: str, release: str) -> set[tuple[str, str]]:
    """Return kinds and names of the workloads in the deployed revision of a release."""
    documents = [
        document
        for record in records(target.cluster, release, namespace, "status=deployed")
        for document in record.documents
        # CRDs are most of it, and take half a minute to read
        if re.search(rf"^kind: ({'|'.join(_KINDS.values())})\s*$", document, re.MULTILINE)
    ]
    read = YAML(typ="safe").load
    return {(str(each["kind"]), str(each["metadata"]["name"])) for each in map(read, documents)}


def _of(target: Target, namespace: str, kind: str, workload: Mapping[str, Any]) -> Iterator[Finding]:
    status, spec = workload.get("status") or {}, workload["spec"]
    daemon = kind == "DaemonSet"
    wanted = status.get("desiredNumberScheduled", 0) if daemon else spec.get("replicas", 1)
    available = status.get("numberAvailable" if daemon else "availableReplicas", 0)
    updated = status.get("updatedNumberScheduled" if daemon else "updatedReplicas", 0)
    subject = f"{kind} {namespace}/{name_of(workload)}"
    place = f"{kind.lower()}/{name_of(workload)}"
    if not wanted and not daemon:
        yield failed(
            "workloads",
            subject,
            "scaled to 0",
            cause="somebody scaled it by hand; Pulumi sees no drift inside a chart",
            remedy=target.kube("-n", namespace, "scale", place, "--replicas=1"),
        )
    elif (
        available < wanted
        or updated < wanted
        or status.get("observedGeneration", 0) < workload["metadata"].get("generation", 0)
    ):
        yield failed(
            "workloads",
            subject,
            f"{available} of {wanted} available, {updated} of {wanted} as it is specified",
            cause=_why(target, namespace, spec) or "its Pods are not ready",
            remedy=target.kube("-n", namespace, "describe", place),
        )


def _why(target: Target, namespace: str, spec: Mapping[str, Any]) -> str:
    """Return what the first Pod of a workload that is not ready says of itself."""
    labels = (spec.get("selector") or {}).get("matchLabels") or {}
    selector = ",".join(f"{key}={value}" for key, value in labels.items())
    for pod in target.cluster.items(path_of("", "v1", "pods", namespace), labelSelector=selector):
        if problem := problem_of(pod):
            return f"Pod {name_of(pod)}: {problem}"
    return ""


def _pools(target: Target) -> Iterator[Finding]:
    """Tell of addons that run elsewhere: they prefer the system pool, and go elsewhere when it has no room."""
    nodes = {
        name_of(node): (node["metadata"].get("labels") or {}).get(_POOL_MODE)
        for node in target.cluster.items(path_of("", "v1", "nodes"))
    }
    elsewhere = sorted(
        f"{namespace}/{name_of(pod)}"
        for namespace in installed(target.settings)
        for pod in target.cluster.items(path_of("", "v1", "pods", namespace))
        if nodes.get(pod["spec"].get("nodeName", ""), "system") != "system"
    )
    if elsewhere:
        yield fine(
            "workloads",
            "system pool",
            f"{len(elsewhere)} Pods run on another pool: {', '.join(elsewhere[:3])}",
            cause="the system pool had no room when they started; a user pool may be spot, or scale in",
            remedy="raise systemPool.maxCount in the stack file, then restart them",
            warning=True,
        )
    else:
        yield fine("workloads", "system pool", "every Pod of the addons is on it")


CHECK = Check(
    name="workloads",
    does="reads the Deployments, StatefulSets and DaemonSets of the addons' namespaces, and where their Pods run",
    ask=workloads,
)
