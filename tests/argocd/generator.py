"""What Argo CD's own controller makes of an ApplicationSet."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any, TypeVar

from kubernetes.client.exceptions import NotFoundException

from tests.argocd.argo_cd import ArgoCD

APPLICATIONS, APPLICATION_SETS = "applications", "applicationsets"
REFRESH = "argocd.argoproj.io/application-set-refresh"
"""Annotation that makes the controller read Git again, without its cache."""

_ATTEMPT = "tests.aks-bootstrap.io/attempt"
_SECONDS = 30
_LOOKS = 5
_attempts = count(1)

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Generated:
    """What there is after the controller has dealt with an ApplicationSet."""

    applications: list[dict[str, Any]]
    """Every Application in Argo CD's namespace, by name; also those of other ApplicationSets and of none."""
    error: str
    """The controller's own text; empty where it reports none."""

    @property
    def kept(self) -> list[str]:
        """Names of the Applications that are not being deleted."""
        return [item["metadata"]["name"] for item in self.applications if not is_being_deleted(item)]

    @property
    def deleted(self) -> list[str]:
        """Names of the Applications that are deleted as soon as their finalizers are done."""
        return [item["metadata"]["name"] for item in self.applications if is_being_deleted(item)]

    def application(self, name: str) -> dict[str, Any]:
        """Return an Application by its name."""
        [found] = [item for item in self.applications if item["metadata"]["name"] == name]
        return found


def is_being_deleted(document: dict[str, Any]) -> bool:
    """Whether an object waits for its finalizers only."""
    return "deletionTimestamp" in document["metadata"]


def start_generator(argo_cd: ArgoCD, *projects: str) -> "Generator":
    """Start the controller; without its project no Application is made."""
    argo_cd.start_application_set_controller()
    for project in projects:
        argo_cd.create_project(project)
    return Generator(argo_cd=argo_cd)


@dataclass(frozen=True, kw_only=True)
class Generator:
    """Runs ApplicationSets through the controller of an Argo CD."""

    argo_cd: ArgoCD

    def generate(self, application_set: dict[str, Any], cluster_secret: dict[str, Any]) -> Generated:
        """Apply a cluster's Secret and an ApplicationSet, and wait until the controller has dealt with both."""
        name = application_set["metadata"]["name"]
        self.apply(application_set, cluster_secret)
        conditions = self.wait(lambda: self._conditions(name), f"ApplicationSet {name}")
        return Generated(applications=self.applications(), error=conditions["ErrorOccurred"])

    def apply(self, application_set: dict[str, Any], cluster_secret: dict[str, Any]) -> None:
        """Apply a cluster's Secret and an ApplicationSet, and do not wait."""
        self.argo_cd.apply_secret(cluster_secret)
        metadata = application_set["metadata"]
        annotations = {REFRESH: "true", _ATTEMPT: str(next(_attempts))}
        self._forget_conditions(metadata["name"])
        self.argo_cd.apply(APPLICATION_SETS, {**application_set, "metadata": {**metadata, "annotations": annotations}})

    def applications(self) -> list[dict[str, Any]]:
        """Return the Applications that there are, by name."""
        return self.argo_cd.list(APPLICATIONS)

    def clear(self) -> None:
        """Delete every ApplicationSet, and every Application without its resources."""
        looks = 0
        # a reconciliation that was under way may create an Application once more
        while looks < _LOOKS:
            looks = 0 if self._delete_everything() else looks + 1
            time.sleep(0.1)

    def _delete_everything(self) -> bool:
        """Delete what there is, and return whether there was something."""
        sets, applications = self.argo_cd.list(APPLICATION_SETS), self.applications()
        for plural, document in [(APPLICATION_SETS, item) for item in sets] + [
            (APPLICATIONS, item) for item in applications
        ]:
            name, metadata = document["metadata"]["name"], document["metadata"]
            with contextlib.suppress(NotFoundException):
                if not is_being_deleted(document):
                    self.argo_cd.delete(plural, name)
                if metadata.get("finalizers"):
                    self.argo_cd.patch(plural, name, {"metadata": {"finalizers": None}})
        return bool(sets + applications)

    def wait(self, look: Callable[[], T | None], what: str) -> T:
        """Return what ``look`` finds, as soon as it is not None."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            if (found := look()) is not None:
                return found
            time.sleep(0.1)
        log = self.argo_cd.processes.log("applicationset-controller")
        raise TimeoutError(f"nothing about {what} within {_SECONDS} s; the controller's last lines:\n{log[-3000:]}")

    def _forget_conditions(self, name: str) -> None:
        """Remove an earlier attempt's conditions: the controller does not write the same ones again."""
        with contextlib.suppress(NotFoundException):
            self.argo_cd.patch(APPLICATION_SETS, name, {"status": {"conditions": []}}, status=True)

    def _conditions(self, name: str) -> dict[str, str] | None:
        """Return the text of every condition that is true; None before the controller has written them."""
        [found] = [item for item in self.argo_cd.list(APPLICATION_SETS) if item["metadata"]["name"] == name]
        conditions = found.get("status", {}).get("conditions") or []
        if not {"ErrorOccurred", "ResourcesUpToDate"} <= {condition["type"] for condition in conditions}:
            return None
        return {item["type"]: item["message"] if item["status"] == "True" else "" for item in conditions}
