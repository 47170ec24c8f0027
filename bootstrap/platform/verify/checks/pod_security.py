"""What the cluster refuses: privileged Pods, in every namespace that is ours, and what admission policies forbid."""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.verify import pod
from bootstrap.platform.verify.checks.workloads import NAMESPACES
from bootstrap.platform.verify.cluster import ClusterError
from bootstrap.platform.verify.objects import name_of, path_of
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import NAMESPACE
from conventions import TENANT_LABEL

_ENFORCE = "pod-security.kubernetes.io/enforce"
_FOREIGN = "registry.invalid/aks-bootstrap/verify:1"
"""An image of nobody's: the name is reserved. https://www.rfc-editor.org/rfc/rfc2606#section-2."""


def refusals(target: Target) -> Iterator[Finding]:
    """Send Pods that have to be refused, as dry runs."""
    tenants = [
        name_of(each)
        for each in target.cluster.items(path_of("", "v1", "namespaces"), labelSelector=TENANT_LABEL)
        if name_of(each) != NAMESPACE
    ]
    refused = []
    for namespace in [NAMESPACE, *NAMESPACES, *tenants]:
        told = _refusal(target, namespace, _privileged())
        if isinstance(told, ClusterError):
            yield unknown("security", f"namespace {namespace}", f"it cannot be asked: {told}")
        elif "violates PodSecurity" in told or "forbidden" in told:
            refused.append(namespace)
        else:
            yield _taken(target, namespace, told)
    if refused:
        yield fine("security", "Pod Security", f"refuses a privileged Pod in {', '.join(refused)}")
    yield _policies(target)


def _refusal(target: Target, namespace: str, body: Mapping[str, Any]) -> str | ClusterError:
    try:
        return target.cluster.refusal(path_of("", "v1", "pods", namespace), body) or ""
    except ClusterError as error:
        return error


def _taken(target: Target, namespace: str, told: str) -> Finding:
    found = target.cluster.find(path_of("", "v1", "namespaces", name=namespace)) or {"metadata": {}}
    label = (found["metadata"].get("labels") or {}).get(_ENFORCE)
    if told:
        return unknown("security", f"namespace {namespace}", f"refused for another reason: {told}")
    return failed(
        "security",
        f"namespace {namespace}",
        "a privileged Pod would be taken",
        cause=f"its label {_ENFORCE} is {label or 'gone'}, not restricted"
        if label != "restricted"
        else "the API server's Pod Security admission is off, or exempts whoever is signed in",
        remedy=target.kube("label", "namespace", namespace, f"{_ENFORCE}=restricted", "--overwrite"),
    )


def _policies(target: Target) -> Finding:
    told = _refusal(target, NAMESPACE, pod.body("foreign", _FOREIGN, ["true"]))
    if isinstance(told, ClusterError):
        return unknown("security", "admission policies", f"it cannot be asked: {told}")
    if "ValidatingAdmissionPolicy" in told:
        return fine("security", "admission policies", "refuse an image of another registry")
    if told:
        return unknown("security", "admission policies", f"something else refused: {told}")
    return failed(
        "security",
        "admission policies",
        "a Pod with an image of a registry that its namespace does not allow would be taken",
        cause="a ValidatingAdmissionPolicy or its binding is gone, or was changed by hand",
        remedy=f"make up STACK={target.stack}",
    )


def _privileged() -> dict[str, Any]:
    body = pod.body("privileged", _FOREIGN, ["true"])
    body["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    body["spec"]["hostPID"] = True
    return body


CHECK = Check(
    name="security",
    does="sends a privileged Pod to each namespace as a dry run, and one with another registry's image to its own",
    ask=refusals,
    makes_objects=True,
)
