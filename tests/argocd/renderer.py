"""What Argo CD would apply of an Application: its own rendering and its own comparison."""

import json
import re
import time
from dataclasses import dataclass
from typing import Any

from tests.argocd.argo_cd import ArgoCD
from tests.argocd.outcome import Outcome, key
from tests.argocd.sources import NAMESPACE

TRACKING = "argocd.argoproj.io/tracking-id"

_SECONDS = 120
_HOOKS = ("argocd.argoproj.io/hook", "helm.sh/hook")


@dataclass(frozen=True, kw_only=True)
class Renderer:
    """Runs Applications through the repo-server and the application-controller of an Argo CD."""

    argo_cd: ArgoCD

    @classmethod
    def start(cls, argo_cd: ArgoCD) -> "Renderer":
        """Start the parts that it needs, and create the project and the namespace."""
        argo_cd.create_project("default")
        argo_cd.create_namespace(NAMESPACE)
        argo_cd.start_application_controller()
        argo_cd.start_server()
        return cls(argo_cd=argo_cd)

    def create(self, application: dict[str, Any]) -> None:
        """Create an Application, for which :meth:`outcome` waits."""
        self.argo_cd.apply("applications", application)

    def outcome(self, application: dict[str, Any]) -> Outcome:
        """Return what the controller would apply, as soon as it has compared it with the cluster."""
        name, namespace = application["metadata"]["name"], application["spec"]["destination"]["namespace"]
        status = self._status(name, synced="operation" in application)
        conditions = {item["type"]: item["message"] for item in status.get("conditions", [])}
        if error := conditions.pop("ComparisonError", "") or conditions.pop("InvalidSpecError", ""):
            return Outcome(error=_gist(error))
        operation = status.get("operationState", {})
        if operation.get("phase") == "Failed":
            [first, *_] = operation["syncResult"]["resources"]
            return Outcome(error=_gist(first["message"]))
        compared = self.argo_cd.get(f"v1/applications/{name}/managed-resources").get("items", [])
        rendered = self.argo_cd.get(f"v1/applications/{name}/manifests").get("manifests", [])
        return Outcome.of(
            [_document(item["targetState"]) for item in compared],
            hooks=[hook for hook in map(_document, rendered) if _is_hook(hook)],
            namespace=namespace,
            conditions=sorted(conditions),
            applied=sorted(set(map(_key, operation["syncResult"].get("resources", [])))) if operation else None,
        )

    def _status(self, name: str, *, synced: bool) -> dict[str, Any]:
        """Return an Application's status after the comparison, and after the sync if there is one."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            [found] = [item for item in self.argo_cd.list("applications") if item["metadata"]["name"] == name]
            status: dict[str, Any] = found.get("status", {})
            done = not synced or status.get("operationState", {}).get("phase") in ("Succeeded", "Failed")
            if "reconciledAt" in status and done:
                return status
            time.sleep(0.2)
        log = self.argo_cd.processes.log("application-controller")
        raise TimeoutError(f"nothing about {name} within {_SECONDS} s:\n{log[-3000:]}")


def _gist(error: str) -> str:
    """Return an error without the commands that were run, the cluster's version and temporary files."""
    text = error.rpartition("desc = ")[2].rpartition("Error: ")[2].partition("\n\nUse --debug")[0]
    text = re.sub(r"failed to run '.*", "failed to run Git", text, flags=re.DOTALL)
    return re.sub(r'"/[\w/.-]+/\d+"', "a file", re.sub(r"v1\.\d+\.\d+", "v1.x", text))


def _key(resource: dict[str, Any]) -> str:
    return key(**{name: resource.get(name, "") for name in ("group", "kind", "namespace", "name")})


def _document(text: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(text)
    annotations = document["metadata"].get("annotations", {})
    annotations.pop(TRACKING, None)
    if not annotations:
        document["metadata"].pop("annotations", None)
    return document


def _is_hook(document: dict[str, Any]) -> bool:
    return any(name in document["metadata"].get("annotations", {}) for name in _HOOKS)
