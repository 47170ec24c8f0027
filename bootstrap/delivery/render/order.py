"""When Argo CD applies what was rendered: phases of hooks, then waves, kinds and names.

Source: https://github.com/argoproj/argo-cd/tree/v3.4.4, its ``docs/user-guide/sync-waves.md`` and ``helm.md``,
``gitops-engine/pkg/sync/sync_tasks.go``, ``gitops-engine/pkg/sync/hook`` and ``controller/hook.go``.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

HOOK = "argocd.argoproj.io/hook"
HELM_HOOK = "helm.sh/hook"
_SKIP = "Skip"


class Phase(StrEnum):
    """When an object is applied, in the order of a sync; the last two belong to the Application's deletion."""

    PRE_SYNC = "PreSync"
    SYNC = "Sync"
    POST_SYNC = "PostSync"
    SYNC_FAIL = "SyncFail"
    PRE_DELETE = "PreDelete"
    POST_DELETE = "PostDelete"


_PHASES = list(Phase)
_DELETION = (Phase.PRE_DELETE, Phase.POST_DELETE)
_HELM_PHASES = {
    "pre-install": Phase.PRE_SYNC,
    "pre-upgrade": Phase.PRE_SYNC,
    "post-install": Phase.POST_SYNC,
    "post-upgrade": Phase.POST_SYNC,
    "pre-delete": Phase.PRE_DELETE,
    "post-delete": Phase.POST_DELETE,
}
# the engine's list, which is Helm 2's; a kind that is not in it comes last
_KINDS = [
    "Namespace",
    "NetworkPolicy",
    "ResourceQuota",
    "LimitRange",
    "PodSecurityPolicy",
    "PodDisruptionBudget",
    "ServiceAccount",
    "Secret",
    "SecretList",
    "ConfigMap",
    "StorageClass",
    "PersistentVolume",
    "PersistentVolumeClaim",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleList",
    "ClusterRoleBinding",
    "ClusterRoleBindingList",
    "Role",
    "RoleList",
    "RoleBinding",
    "RoleBindingList",
    "Service",
    "DaemonSet",
    "Pod",
    "ReplicationController",
    "ReplicaSet",
    "Deployment",
    "HorizontalPodAutoscaler",
    "StatefulSet",
    "Job",
    "CronJob",
    "IngressClass",
    "Ingress",
    "APIService",
]
_KIND_ORDER = {kind: index for index, kind in enumerate(_KINDS)}


@dataclass(frozen=True, kw_only=True)
class Item:
    """What decides when an object is applied."""

    group: str
    kind: str
    namespace: str
    name: str
    wave: int
    phases: Sequence[Phase]
    defines: str = ""
    """The ``group/kind`` that a CustomResourceDefinition defines."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One time that Argo CD applies an object."""

    phase: Phase
    wave: int
    index: int
    """Which of the items it is."""


def is_hook(annotations: Mapping[str, object]) -> bool:
    """Whether Argo CD runs an object with these annotations as a hook, or leaves it out, and never compares it."""
    # Helm 2 marked CustomResourceDefinitions in this way
    return HOOK in annotations or annotations.get(HELM_HOOK, "crd-install") != "crd-install"


def phases(annotations: Mapping[str, object]) -> tuple[Phase, ...]:
    """Return when an object with these annotations is applied; none if Argo CD never applies it.

    Helm's hooks count only where there is none of Argo CD's. Hooks that Argo CD does not support, such as Helm's tests,
    are never applied.
    """
    own, helm = _listed(annotations.get(HOOK)), _listed(annotations.get(HELM_HOOK))
    of_helm = [_HELM_PHASES[hook] for hook in helm if hook in _HELM_PHASES]
    of_own = [Phase(hook) for hook in own if hook in _PHASES]
    # both annotations count for deletion, which is not the engine's
    found = {phase for phase in (*of_own, *of_helm) if phase in _DELETION}
    sync = [phase for phase in of_own if phase not in _DELETION]
    if not sync and _SKIP not in own:
        sync = [phase for phase in of_helm if phase not in _DELETION]
    if not is_hook(annotations):
        sync = [Phase.SYNC]
    return tuple(phase for phase in Phase if phase in found or phase in sync)


def steps(items: Sequence[Item], namespace: str) -> list[Step]:
    """Return every time that something is applied, in order.

    A Namespace, and then a CustomResourceDefinition, comes no later than the first object that needs it, in that
    object's phase and wave.

    Args:
        items: what is applied.
        namespace: the Application's, which counts for whatever names none.
    """
    found = [
        Step(phase=phase, wave=item.wave, index=index) for index, item in enumerate(items) for phase in item.phases
    ]
    found.sort(key=lambda step: _sort_key(step, items[step.index]))
    ending = [step for step in found if step.phase in _DELETION]
    found = [step for step in found if step.phase not in _DELETION]
    for is_needed, needs in (
        (
            lambda item: item.name if (item.group, item.kind) == ("", "Namespace") else "",
            lambda item: item.namespace or namespace,
        ),
        (lambda item: item.defines, lambda item: f"{item.group}/{item.kind}"),
    ):
        found = _move(found, items, is_needed, needs)
    return found + ending


def _move(
    found: Sequence[Step], items: Sequence[Item], is_needed: Callable[[Item], str], needs: Callable[[Item], str]
) -> list[Step]:
    """Move what is needed to right before the first that needs it."""
    result: list[Step] = []
    for step in found:
        needed = is_needed(items[step.index])
        place = next(
            (
                place
                for place, before in enumerate(result)
                if needed and not is_needed(items[before.index]) and needs(items[before.index]) == needed
            ),
            None,
        )
        if place is None:
            result.append(step)
        else:
            result.insert(place, replace(step, phase=result[place].phase, wave=result[place].wave))
    return result


def _sort_key(step: Step, item: Item) -> tuple[int, int, int, str]:
    return _PHASES.index(step.phase), step.wave, _KIND_ORDER.get(item.kind, len(_KINDS)), item.name


def _listed(value: object) -> list[str]:
    return list(dict.fromkeys(part.strip() for part in str(value or "").split(",") if part.strip()))
