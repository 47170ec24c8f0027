"""Where Pods are described: by themselves, in a workload's template, in a CronJob's template of a template.

Pods are what runs, and what has to be refused. A workload is refused for the same reasons, so that whoever syncs it
reads why at once, and not in the events of a ReplicaSet.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Kinds that describe Pods at the same place."""

    name: str
    """Begins the names of their policies."""
    resources: Mapping[str, Sequence[str]]
    """Their resources, by API group."""
    template: str
    """Path of what has ``spec``; empty for the object itself."""

    @property
    def spec(self) -> str:
        """Path of the Pod's spec in the object."""
        return f"{self.template}.spec" if self.template else "spec"


PODS = Shape(name="pod", resources={"": ("pods",)}, template="")
TEMPLATES = Shape(
    name="workload",
    resources={"apps": ("deployments", "statefulsets", "daemonsets", "replicasets"), "batch": ("jobs",)},
    template="spec.template",
)
CRON_JOBS = Shape(name="cronjob", resources={"batch": ("cronjobs",)}, template="spec.jobTemplate.spec.template")
SHAPES = (PODS, TEMPLATES, CRON_JOBS)
