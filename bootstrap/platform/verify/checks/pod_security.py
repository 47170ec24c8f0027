"""What the cluster refuses: privileged Pods, in every namespace that is ours, and what admission policies forbid."""

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.releases import installed
from bootstrap.platform.verify import pod
from bootstrap.platform.verify.cluster import ClusterError
from bootstrap.platform.verify.objects import name_of, path_of
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import NAMESPACE
from conventions import REGISTRIES_ANNOTATION, TENANT_LABEL

_ENFORCE, _RESTRICTING = "pod-security.kubernetes.io/enforce", ("baseline", "restricted")
"""https://kubernetes.io/docs/concepts/security/pod-security-standards/."""
_FOREIGN = "registry.invalid/aks-bootstrap/verify"
"""An image of nobody's: the name is reserved. https://www.rfc-editor.org/rfc/rfc2606#section-2."""
_DIGEST = f"@sha256:{'0' * 64}"


def refusals(target: Target) -> Iterator[Finding]:
    """Send Pods that have to be refused, as dry runs."""
    there = {name_of(each): each["metadata"] for each in target.cluster.items(path_of("", "v1", "namespaces"))}
    tenants = [name for name, metadata in there.items() if TENANT_LABEL in (metadata.get("labels") or {})]
    refused = []
    for name in dict.fromkeys((NAMESPACE, *installed(target.settings), *tenants)):
        metadata = there.get(name, {})
        detail = _refusal(target, name, _privileged(metadata.get("annotations") or {}))
        if isinstance(detail, ClusterError):
            yield unknown("security", f"namespace {name}", f"it cannot be asked: {detail}")
        elif "violates PodSecurity" in detail:
            refused.append(name)
        else:
            yield _not_refused(target, name, detail, (metadata.get("labels") or {}).get(_ENFORCE))
    if refused:
        yield fine("security", "Pod Security", f"refuses a privileged Pod in {', '.join(refused)}")
    yield _policies(target)


def _refusal(target: Target, namespace: str, body: Mapping[str, Any]) -> str | ClusterError:
    try:
        return target.cluster.refusal(path_of("", "v1", "pods", namespace), body) or ""
    except ClusterError as error:
        return error


def _not_refused(target: Target, namespace: str, detail: str, label: str | None) -> Finding:
    restricting = label in _RESTRICTING
    if detail and restricting:
        return unknown("security", f"namespace {namespace}", f"refused for another reason: {detail}")
    return failed(
        "security",
        f"namespace {namespace}",
        f"Pod Security does not refuse a privileged Pod, and something else does: {detail}"
        if detail
        else "a privileged Pod would be taken",
        cause="the API server's Pod Security admission is off, or exempts whoever is signed in"
        if restricting
        else f"its label {_ENFORCE} is {label or 'gone'}, not restricted",
        remedy=target.kube("label", "namespace", namespace, f"{_ENFORCE}=restricted", "--overwrite"),
    )


def _policies(target: Target) -> Finding:
    detail = _refusal(target, NAMESPACE, pod.body("foreign", _FOREIGN, ["true"]))
    if isinstance(detail, ClusterError):
        return unknown("security", "admission policies", f"it cannot be asked: {detail}")
    if "ValidatingAdmissionPolicy" in detail:
        return fine("security", "admission policies", "refuse an image of another registry")
    if detail:
        return unknown("security", "admission policies", f"something else refused: {detail}")
    return failed(
        "security",
        "admission policies",
        "a Pod with an image of a registry that its namespace does not allow would be taken",
        cause="a ValidatingAdmissionPolicy or its binding is gone, or was changed by hand",
        remedy=f"make up STACK={target.stack}",
    )


def _privileged(annotations: Mapping[str, str]) -> dict[str, Any]:
    """Return a privileged Pod with an image that its namespace allows: it is for Pod Security alone to refuse."""
    registry = (annotations.get(REGISTRIES_ANNOTATION) or "").partition(",")[0].strip()
    image = f"{registry}/verify{_DIGEST}" if registry else _FOREIGN
    body = pod.body("privileged", image, ["true"])
    body["spec"]["containers"][0]["securityContext"] = {"privileged": True}
    body["spec"]["hostPID"] = True
    return body


CHECK = Check(
    name="security",
    does="sends a privileged Pod to each namespace as a dry run, and one with another registry's image to its own",
    ask=refusals,
    makes_objects=True,
)
