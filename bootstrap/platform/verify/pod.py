"""Pods that a run starts: under Pod Security ``restricted``, with limits, and of nothing but an image that is there."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.platform.verify.objects import path_of, said
from bootstrap.platform.verify.target import Target
from bootstrap.platform.verify.workspace import NAMESPACE

_USER = 999
"""Argo CD's own; any that is not root would do."""
_MESSAGE = "/dev/termination-log"


@dataclass(frozen=True, kw_only=True)
class End:
    """How a Pod ended, or why it has not."""

    succeeded: bool
    text: str = ""
    """What it wrote."""
    problem: str = ""
    """Why it did not run to its end."""
    pulled: bool = False
    """Whether its image was there to be started."""


def body(
    name: str,
    image: str,
    command: Sequence[str],
    *,
    labels: Mapping[str, str] | None = None,
    pull: str = "IfNotPresent",
) -> dict[str, Any]:
    """Return a Pod.

    Args:
        name: its name.
        image: what it runs.
        command: of the image; what it writes to ``/dev/termination-log`` is its answer.
        labels: for NetworkPolicies.
        pull: its imagePullPolicy.
    """
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "labels": dict(labels or {})},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "terminationGracePeriodSeconds": 0,
            "activeDeadlineSeconds": 180,
            "nodeSelector": {"kubernetes.io/os": "linux"},
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": _USER,
                "runAsGroup": _USER,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": [
                {
                    "name": "verify",
                    "image": image,
                    "imagePullPolicy": pull,
                    "command": list(command),
                    "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108 - of the container
                    "terminationMessagePath": _MESSAGE,
                    "securityContext": {
                        "allowPrivilegeEscalation": False,
                        "readOnlyRootFilesystem": True,
                        "capabilities": {"drop": ["ALL"]},
                    },
                    "resources": {
                        "requests": {"cpu": "10m", "memory": "32Mi"},
                        "limits": {"cpu": "200m", "memory": "64Mi"},
                    },
                    "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 - of the container
                }
            ],
            "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Mi"}}],
        },
    }


def start(target: Target, pod: Mapping[str, Any]) -> None:
    """Create a Pod.

    Raises:
        ClusterError: it is refused.
    """
    target.workspace.make("", "v1", "pods", pod)


def ready(target: Target, name: str, seconds: float) -> str:
    """Wait until a Pod is ready, and return its address; empty where it is not in time."""

    def look() -> str | None:
        found = target.cluster.get(path_of("", "v1", "pods", NAMESPACE, name))
        states = found.get("status", {}).get("containerStatuses") or []
        return str(found["status"].get("podIP")) if states and all(state["ready"] for state in states) else None

    return target.cluster.until(look, seconds) or ""


def ended(target: Target, name: str, seconds: float) -> End:
    """Wait until a Pod has ended, or cannot start."""

    def look() -> End | None:
        found = target.cluster.get(path_of("", "v1", "pods", NAMESPACE, name))
        return _end(found)

    found = target.cluster.until(look, seconds)
    if found is not None:
        return found
    pod = target.cluster.get(path_of("", "v1", "pods", NAMESPACE, name))
    return End(succeeded=False, problem=problem_of(pod) or f"not at its end after {seconds:.0f} s")


def _end(pod: Mapping[str, Any]) -> End | None:
    status = pod.get("status") or {}
    for container in status.get("containerStatuses") or []:
        state = container.get("state") or {}
        if (over := state.get("terminated")) is not None:
            good = over.get("exitCode") == 0
            text = " ".join(str(over.get("message") or "").split())
            problem = "" if good else f"{over.get('reason', 'ended')} with {over.get('exitCode')}: {text}"
            return End(succeeded=good, text=text, problem=problem, pulled=True)
        waiting = state.get("waiting") or {}
        if waiting.get("reason") in {"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"}:
            return End(succeeded=False, problem=f"{waiting['reason']}: {said(waiting)}")
        if waiting.get("reason") in {"RunContainerError", "CreateContainerError", "CrashLoopBackOff"}:
            return End(succeeded=False, problem=f"{waiting['reason']}: {said(waiting)}", pulled=True)
    if status.get("phase") == "Failed":
        return End(succeeded=False, problem=str(status.get("message") or status.get("reason") or "it failed"))
    return None


def problem_of(pod: Mapping[str, Any]) -> str:
    """Return why a Pod is not ready, by its own status; empty where it says nothing."""
    status = pod.get("status") or {}
    for container in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        waiting = (container.get("state") or {}).get("waiting") or {}
        if waiting.get("reason") not in {None, "PodInitializing", "ContainerCreating"}:
            return f"{waiting['reason']}: {said(waiting)}"
    for state in status.get("conditions") or []:
        if state["status"] != "True" and state["type"] in {"PodScheduled", "Ready"} and state.get("message"):
            return f"{state.get('reason', state['type'])}: {said(state)}"
    return ""


def room(target: Target, name: str) -> str:
    """Return whether the autoscaler makes room for a Pod that has none: what is seen of that in its events."""
    events = target.cluster.items(
        path_of("", "v1", "events", NAMESPACE), fieldSelector=f"involvedObject.name={name},involvedObject.kind=Pod"
    )
    return next((said(each) for each in events if each.get("reason") == "TriggeredScaleUp"), "")
