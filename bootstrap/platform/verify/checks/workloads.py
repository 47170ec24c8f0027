"""The addons' workloads: available as many times as asked, and on the system pool."""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine
from bootstrap.platform.verify.cluster import name_of, path_of
from bootstrap.platform.verify.pod import problem_of
from bootstrap.platform.verify.target import Check, Target
from components.addons import cert_manager, external_secrets, ingress
from conventions import ARGO_CD_NAMESPACE

NAMESPACES = {
    cert_manager.NAMESPACE: "cert-manager",
    ingress.NAMESPACE: "traefik",
    external_secrets.NAMESPACE: "external-secrets",
    ARGO_CD_NAMESPACE: "argo-cd",
}
"""The addons' namespaces, and the release in each."""
_KINDS = {"deployments": "Deployment", "statefulsets": "StatefulSet", "daemonsets": "DaemonSet"}
_POOL_MODE = "kubernetes.azure.com/mode"
"""https://learn.microsoft.com/azure/aks/use-system-pools"""


def workloads(target: Target) -> Iterator[Finding]:
    """Read the workloads of every addon's namespace, and, in Azure, where their Pods run."""
    for namespace, release in NAMESPACES.items():
        found: list[Finding] = []
        count = 0
        for plural, kind in _KINDS.items():
            for workload in target.cluster.items(path_of("apps", "v1", plural, namespace)):
                count += 1
                found += _of(target, namespace, kind, workload)
        if not count:
            found.append(
                failed(
                    "workloads",
                    f"namespace {namespace}",
                    "nothing runs in it",
                    cause=f"the release {release} is not installed, or somebody deleted its workloads",
                    remedy=target.restore(namespace, release),
                )
            )
        yield from found or [fine("workloads", namespace, f"{count} available")]
    if not target.local:
        yield from _pools(target)


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
        for namespace in NAMESPACES
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
