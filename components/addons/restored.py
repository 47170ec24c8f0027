"""Waits until the vault was asked for a certificate, so that cert-manager does not order another meanwhile."""

from startup import on_demand

import asyncio
import os
import time
from typing import TYPE_CHECKING

import pulumi

from components.access import ClusterAccess
from components.release.guard import sign_in

if TYPE_CHECKING:
    from components.release import cluster_api
else:
    cluster_api = on_demand("components.release.cluster_api")

SECONDS = 120.0
"""How long the operator may take to ask the vault; it takes seconds, once its identity's roles are effective."""
OVERRIDE = "AKS_BOOTSTRAP_RESTORE_SECONDS"
"""Environment variable with other seconds: no operator runs in a rehearsal."""
_POLL_SECONDS = 2.0
_SEEN_SECONDS = 10.0
"""How long cert-manager gets to see a Secret that is there: it looks at copies, and orders where its copy has none yet.

https://github.com/cert-manager/cert-manager/blob/v1.21.1/pkg/controller/certificates/trigger/trigger_controller.go
"""


def restored_hook(name: str, access: ClusterAccess, secret: str, namespace: str) -> pulumi.ResourceHook:
    """Return the hook that lets a certificate be created once its ExternalSecret has an answer, whatever that is.

    Args:
        name: the hook's name.
        access: the cluster.
        secret: name of the ExternalSecret.
        namespace: its namespace.
    """

    async def wait(_: pulumi.ResourceHookArgs) -> None:
        if (api := await sign_in(access)) is not None:
            await asyncio.to_thread(await_answer, api, secret, namespace)

    return pulumi.ResourceHook(name, wait)


def await_answer(api: "cluster_api.ClusterApi", secret: str, namespace: str) -> None:
    """Wait for an ExternalSecret's answer; say what it was. A certificate is better ordered again than not at all."""
    seconds = float(os.environ.get(OVERRIDE) or SECONDS)
    deadline = time.monotonic() + seconds
    while (answer := _answer(api, secret, namespace)) is None and time.monotonic() < deadline:
        time.sleep(_POLL_SECONDS)
    if answer is None:
        pulumi.log.warn(f"{namespace}/{secret}: nobody asked the vault within {seconds:.0f} s; ordering a certificate")
    elif answer.restored:
        pulumi.log.info(f"{namespace}/{secret}: the vault has a certificate, and none is ordered unless it is due")
        time.sleep(min(_SEEN_SECONDS, seconds))
    else:
        pulumi.log.info(f"{namespace}/{secret}: a certificate is ordered, as the vault gave none: {answer.message}")


def _answer(api: "cluster_api.ClusterApi", secret: str, namespace: str) -> "cluster_api.Restored | None":
    try:
        return api.restored(secret, namespace)
    except cluster_api.UNREACHABLE:
        return None
