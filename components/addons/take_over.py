"""Keeps the root Application from deleting applications that it made before tenants had an ApplicationSet.

Earlier versions had an Application file for each application and environment, which the root Application applied. Once
it reads the platform's half it would prune them, with everything that they deployed, unless the ApplicationSet owns
them by then: Argo CD prunes nothing that has an owner.
https://github.com/argoproj/argo-cd/blob/v3.4.4/gitops-engine/pkg/cache/cluster.go, GetManagedLiveObjs
"""

from startup import on_demand

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pulumi

from components.access import ClusterAccess
from components.release.guard import sign_in
from conventions import ARGO_CD_NAMESPACE, ROOT_APPLICATION

if TYPE_CHECKING:
    from components.release import cluster_api
else:
    cluster_api = on_demand("components.release.cluster_api")

SECONDS = 300.0
"""How long the ApplicationSet may take: its controller needs seconds, but the projects may have to be synced first."""
_PAUSE = 3.0
_TRACKED_BY_ROOT = f"{ROOT_APPLICATION}:"
_TRACKING = "argocd.argoproj.io/tracking-id"


class NotTakenOverError(Exception):
    """The root Application would delete applications; the text names them and says what to do."""


class Applications(Protocol):
    """Whoever can list Applications and ApplicationSets."""

    def argo_cd_objects(self, plural: str, namespace: str) -> list[dict[str, Any]]:
        """Return Argo CD's objects of a kind; none where the cluster does not have the kind."""


def without_owner(applications: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the names of the Applications that the root Application made and would prune."""
    found = []
    for application in applications:
        metadata = application.get("metadata") or {}
        tracking = str((metadata.get("annotations") or {}).get(_TRACKING, ""))
        if tracking.startswith(_TRACKED_BY_ROOT) and not metadata.get("ownerReferences"):
            found.append(str(metadata.get("name")))
    return sorted(found)


def await_owners(
    api: Applications,
    *,
    seconds: float = SECONDS,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Wait until the ApplicationSet owns every application that the root Application made.

    Raises:
        NotTakenOverError: it does not within the time.
    """
    deadline = clock() + seconds
    while left := without_owner(api.argo_cd_objects("applications", ARGO_CD_NAMESPACE)):
        if clock() >= deadline:
            raise NotTakenOverError(
                f"the root Application would delete {', '.join(left)}, which the ApplicationSet has not taken over"
                f"{_reason(api)}. Run `bootstrap app migrate`, merge what it writes, bring it to the revision of the "
                "platform's half (gitops.platform), and run this again; an application that is to go is removed from "
                "gitops/environments first (CHANGELOG.md)"
            )
        sleep(_PAUSE)


def _reason(api: Applications) -> str:
    conditions = [
        condition
        for found in api.argo_cd_objects("applicationsets", ARGO_CD_NAMESPACE)
        for condition in (found.get("status") or {}).get("conditions") or []
        if condition.get("type") == "ErrorOccurred" and condition.get("status") == "True"
    ]
    return f" ({conditions[0].get('message')})" if conditions else ""


def take_over_hook(name: str, access: ClusterAccess) -> pulumi.ResourceHook:
    """Return the hook that runs before the root Application is updated."""

    async def before(hook: pulumi.ResourceHookArgs) -> None:
        spec = (hook.old_inputs or {}).get("spec") or {}
        if "directory" not in (spec.get("source") or {}):
            return
        if (api := await sign_in(access)) is not None:
            await asyncio.to_thread(await_owners, api)

    return pulumi.ResourceHook(f"{name}-take-over", before)
