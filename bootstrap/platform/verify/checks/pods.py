"""A Pod of an application's kind runs, and its image is pulled from the registry."""

import re
from collections.abc import Iterator

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.verify import pod
from bootstrap.platform.verify.cluster import ClusterError
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import NAMESPACE

_SECONDS = 60.0
_LOCAL_PULL_SECONDS = 20.0
"""Local clusters may have no way to a registry at all, which takes a node minutes to find out."""
_NO_SUCH_COMMAND = "/aks-bootstrap-verify/pulled"
_UNREACHABLE = r"no such host|i/o timeout|dial tcp|connection refused|network is unreachable|TLS handshake|EOF"
_REFUSED = r"401|403|[Uu]nauthorized|denied|authorization failed|[Ff]orbidden"


def pods(target: Target) -> Iterator[Finding]:
    """Run one Pod, and have another one's image pulled."""
    if not target.image:
        yield unknown("pods", "a Pod", "no image is known to be there: Argo CD does not run")
        return
    try:
        pod.start(target, pod.body("run", target.image, ["sh", "-c", "echo ran > /dev/termination-log"]))
    except ClusterError as error:
        if error.no_right:
            raise
        cause = "an admission policy or webhook, or a quota, refuses what applications need"
        remedy = target.kube("get", "validatingadmissionpolicies,validatingwebhookconfigurations")
        yield failed("pods", "a Pod", f"refused: {error}", cause=cause, remedy=remedy)
        return
    if target.pulled_image:
        # nothing of it is run: a command that is not there fails after the image has been pulled
        pod.start(target, pod.body("pull", target.pulled_image, [_NO_SUCH_COMMAND], pull="Always"))
    yield _ran(target)
    if target.pulled_image:
        yield _pulled(target, target.pulled_image)
    else:
        yield unknown("pods", "a pull", "no image is known by its digest: those that run came from no registry")


def _ran(target: Target) -> Finding:
    end = pod.ended(target, "run", _SECONDS)
    show = target.kube("-n", NAMESPACE, "get", "events", "--sort-by=.lastTimestamp")
    nodes = target.kube("get", "nodes", "-o", "wide")
    if end.succeeded:
        return fine("pods", "a Pod", "runs under Pod Security restricted")
    if "Unschedulable" in end.problem:
        if detail := pod.room(target, "run"):
            return unknown("pods", "a Pod", f"no node has room yet, and one is on its way: {detail}", nodes)
        cause = "no node takes an application's Pods: there is no user pool, it is full, or at its maxCount"
        return failed("pods", "a Pod", f"does not run: {end.problem}", cause=cause, remedy=nodes)
    cause = "the kubelet, the container runtime or the network of a node is not well"
    if end.text or "with" in end.problem:
        cause = "the image has no shell, or the node's kernel or runtime refuses what restricted Pods do"
    return failed("pods", "a Pod", f"does not run: {end.problem}", cause=cause, remedy=show)


def _pulled(target: Target, image: str) -> Finding:
    seconds = _LOCAL_PULL_SECONDS if target.local else _SECONDS
    end = pod.ended(target, "pull", seconds)
    subject = image.partition("@")[0]
    if end.pulled:
        return fine("pods", subject, "pulled")
    show = target.kube("get", "nodes", "-o", "wide")
    if "Unschedulable" in end.problem:
        return unknown("pods", subject, "no node had room for the Pod that would have pulled it", show)
    if target.local and re.search(_UNREACHABLE, end.problem):
        # such clusters are loaded with images by hand, and run them
        return unknown("pods", subject, f"the node does not reach the registry: {end.problem[:200]}")
    for form, (cause, remedy) in _causes(target, subject).items():
        if re.search(form, end.problem):
            return failed("pods", subject, f"not pulled: {end.problem[:300]}", cause=cause, remedy=remedy or show)
    if "ContainersNotReady" in end.problem:
        return unknown("pods", subject, f"not pulled after {seconds:.0f} s, no reason reported", show)
    return unknown("pods", subject, end.problem[:300], show)


def _causes(target: Target, image: str) -> dict[str, tuple[str, str]]:
    """Return causes and remedies by what the kubelet says; the first that fits is the one."""
    group, name = target.outputs.get("resourceGroup"), target.outputs.get("clusterName")
    asks = f"az aks check-acr --resource-group {group} --name {name} --acr {image.partition('/')[0]}" if group else ""
    return {
        _UNREACHABLE: ("the nodes' way out is closed: NAT gateway, firewall, or a private endpoint's name", ""),
        _REFUSED: ("the kubelet's identity has no AcrPull on the registry, or the registry asks for a sign-in", asks),
        "not found|manifest unknown": (
            "the registry no longer has it: what runs could not start on another node",
            f"bootstrap images check --stack {target.stack}",
        ),
    }


CHECK = Check(
    name="pods",
    does="runs a Pod of an image that the cluster has, and has a node ask the registry for one",
    ask=pods,
    seconds=2 * _SECONDS,
    makes_objects=True,
)
