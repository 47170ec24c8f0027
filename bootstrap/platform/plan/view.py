"""The contents of a plan, which every output format shows."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from bootstrap.platform.plan.compare import Change, exit_status
from bootstrap.platform.plan.graph import Step, critical_path, length, parts, schedule, slow_seconds
from bootstrap.platform.plan.registration import Evaluation, Registration
from components.addons.locked import naming
from components.release.kubernetes_types import RELEASE
from components.release.lock import Lock, read_lock

LIMITS = (
    "This compares programs and reads no cloud: drift, quotas, permissions and what Azure fills in are not seen. "
    "`pulumi preview` sees them."
)


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A Helm release with its final values."""

    release: str
    namespace: str
    chart: str
    repository: str | None
    version: str
    chart_by: str
    """By what the chart is named: digest, archive or version."""
    images_by: str
    """By what its images are named: digest, tag, or both."""
    values: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class PlanView:
    """A plan, ready for output."""

    evaluation: Evaluation
    steps: dict[str, Step]
    """By URN."""
    path: list[Step]
    """The critical path, first to last."""
    slow: float
    """Length of the critical path, in seconds, where everything takes as long as nine of ten do at most."""
    parts: list[Step]
    """The top-level components, each from its first resource's beginning to its last one's end."""
    charts: list[Chart]
    against: str | None = None
    """Git revision that the plan is compared with."""
    changes: Sequence[Change] = ()

    @property
    def exit_status(self) -> int:
        """Exit status of the command."""
        return int(exit_status(list(self.changes)))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return {
            "version": 1,
            "stack": self.evaluation.stack,
            "limits": LIMITS,
            "resources": [asdict(registration) for registration in self.evaluation.registrations],
            "order": [
                {
                    "urn": step.registration.urn,
                    "beginsSeconds": step.begins,
                    "endsSeconds": step.ends,
                    "waitsFor": step.waits_for,
                }
                for step in sorted(self.steps.values(), key=lambda step: (step.begins, step.registration.urn))
            ],
            "criticalPath": [step.registration.urn for step in self.path],
            "parts": [
                {"urn": part.registration.urn, "beginsSeconds": part.begins, "endsSeconds": part.ends}
                for part in self.parts
            ],
            "criticalPathSeconds": self.path[-1].ends if self.path else 0,
            "criticalPathSlowSeconds": self.slow,
            "releases": [asdict(chart) for chart in self.charts],
            "outputs": self.evaluation.outputs,
            "against": self.against,
            "changes": [asdict(change) for change in self.changes],
            "exitStatus": self.exit_status,
        }


def view(evaluation: Evaluation, *, against: str | None = None, changes: Sequence[Change] = ()) -> PlanView:
    """Return the plan of an evaluation.

    Args:
        evaluation: the program's resources and outputs.
        against: Git revision that it is compared with.
        changes: the changes since then.
    """
    steps, lock = schedule(evaluation), read_lock()
    return PlanView(
        evaluation=evaluation,
        steps=steps,
        path=critical_path(steps),
        slow=length(schedule(evaluation, seconds=slow_seconds)),
        parts=parts(evaluation, steps),
        charts=[
            _chart(registration, lock) for registration in evaluation.registrations if registration.type == RELEASE
        ],
        against=against,
        changes=changes,
    )


def duration(seconds: float) -> str:
    """Format seconds for people: ``11m 05s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}m {rest:02}s" if minutes else f"{rest}s"


def _chart(registration: Registration, lock: Lock) -> Chart:
    inputs = registration.inputs
    named = naming(inputs, lock)
    return Chart(
        release=inputs.get("name", registration.name),
        namespace=inputs.get("namespace", ""),
        chart=inputs.get("chart", ""),
        repository=(inputs.get("repositoryOpts") or {}).get("repo"),
        version=inputs.get("version", ""),
        chart_by=named.chart,
        images_by=named.images,
        values=inputs.get("values", {}),
    )
