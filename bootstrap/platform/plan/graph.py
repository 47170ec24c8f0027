"""The order in which the engine creates resources, and the critical path."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from bootstrap.platform.plan.registration import Evaluation, Registration
from components.azure.resource_types import PREFIX, resource_type
from components.release.kubernetes_types import OBJECT_SECONDS, RELEASE, RELEASE_SECONDS


@dataclass(frozen=True, kw_only=True)
class Step:
    """When a resource's creation begins and ends, in seconds from the start, if every step takes its typical time."""

    registration: Registration
    begins: float
    ends: float
    waits_for: str | None
    """URN of the resource that ended last before it could begin."""


def typical_seconds(registration: Registration) -> float:
    """Return the seconds that the creation of a resource of this type typically takes."""
    if registration.type.startswith(PREFIX):
        return resource_type(registration.type).seconds
    return RELEASE_SECONDS if registration.type == RELEASE else OBJECT_SECONDS


def slow_seconds(registration: Registration) -> float:
    """Return the seconds that nine of ten creations take at most, where that is recorded; else the typical ones."""
    if registration.type.startswith(PREFIX):
        known = resource_type(registration.type)
        return known.slow_seconds or known.seconds
    return typical_seconds(registration)


def length(steps: Mapping[str, Step]) -> float:
    """Return the seconds from the beginning to the last end."""
    return max((step.ends for step in steps.values()), default=0)


def schedule(evaluation: Evaluation, *, seconds: Callable[[Registration], float] = typical_seconds) -> dict[str, Step]:
    """Return the steps by URN, as the engine runs them with unlimited parallelism.

    A resource waits for its dependencies, and for its parent, whose registration waits for the parent's own
    dependencies.

    Args:
        evaluation: the plan.
        seconds: duration of a resource's creation.
    """
    index = evaluation.by_urn()
    steps: dict[str, Step] = {}

    def step(urn: str) -> Step:
        if urn not in steps:
            registration = index[urn]
            before = [step(other) for other in _predecessors(registration) if other in index]
            last = max(before, key=lambda other: other.ends, default=None)
            begins = last.ends if last else 0
            took = seconds(registration) if registration.custom else 0
            steps[urn] = Step(
                registration=registration,
                begins=begins,
                ends=begins + took,
                waits_for=last.registration.urn if last else None,
            )
        return steps[urn]

    for urn in index:
        step(urn)
    return steps


def critical_path(steps: Mapping[str, Step]) -> list[Step]:
    """Return the chain of real resources that determines the duration of the run, first to last."""
    current = max(steps.values(), key=lambda step: step.ends, default=None)
    path: list[Step] = []
    while current is not None:
        if current.registration.custom and not current.registration.type.startswith("pulumi:providers:"):
            path.append(current)
        current = steps.get(current.waits_for or "")
    return path[::-1]


def parts(evaluation: Evaluation, steps: Mapping[str, Step]) -> list[Step]:
    """Return the top-level components by time, each from its first real resource's beginning to its last one's end."""
    index = evaluation.by_urn()
    below: dict[str, list[Step]] = {}
    for step in steps.values():
        top = step.registration
        while top.parent in index:
            top = index[top.parent]
        if step.registration.custom and not top.type.startswith("pulumi:providers:"):
            below.setdefault(top.urn, []).append(step)
    spans = [
        Step(
            registration=index[urn],
            begins=min(step.begins for step in found),
            ends=max(step.ends for step in found),
            waits_for=None,
        )
        for urn, found in below.items()
    ]
    return sorted(spans, key=lambda span: (span.begins, span.ends))


def ancestors(evaluation: Evaluation, urn: str) -> set[str]:
    """Return the URNs of everything that a resource waits for, directly or indirectly."""
    index = evaluation.by_urn()
    found: set[str] = set()
    todo = [urn]
    while todo:
        for before in _predecessors(index[todo.pop()]):
            if before in index and before not in found:
                found.add(before)
                todo.append(before)
    return found


def _predecessors(registration: Registration) -> list[str]:
    parents = [registration.parent] if registration.parent else []
    providers = [registration.provider] if registration.provider else []
    return [*registration.dependencies, *parents, *providers]
