"""Ends the operations of Applications that are being deleted, so that no deletion waits for a sync that fails.

Argo CD deletes an Application once its operation is over, and a sync that fails is tried again for half an hour: one
that began as the rights of its application went away would hold a `down` for as long.
https://github.com/argoproj/argo-cd/blob/v3.4.4/controller/appcontroller.go (processAppOperationQueueItem)
"""

import contextlib
import threading
from collections.abc import Iterator

from kubernetes import client

from bootstrap.platform.verify.cluster import Cluster, ClusterError
from bootstrap.platform.verify.objects import path_of
from conventions import ARGO_CD_NAMESPACE

_APPLICATIONS = path_of("argoproj.io", "v1alpha1", "applications", ARGO_CD_NAMESPACE)
_POLL_SECONDS = 5.0


@contextlib.contextmanager
def ended_on_deletion(api: client.ApiClient, *, every_seconds: float = _POLL_SECONDS) -> Iterator[None]:
    """End the operation of every Application that is being deleted, while the context is open.

    Args:
        api: the cluster's API client.
        every_seconds: how often the cluster is looked at.
    """
    over = threading.Event()

    def run() -> None:
        while not over.wait(every_seconds):
            # the cluster may not have the kind any more, or go away: the deletion says so itself
            with contextlib.suppress(ClusterError):
                end_operations(api)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def end_operations(api: client.ApiClient) -> list[str]:
    """Take the operation from every Application that is being deleted; return their names."""
    cluster, ended = Cluster(api), []
    for application in cluster.items(_APPLICATIONS):
        metadata = application["metadata"]
        if metadata.get("deletionTimestamp") and application.get("operation"):
            patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "operation": None}
            cluster.patch(f"{_APPLICATIONS}/{metadata['name']}", patch)
            ended.append(metadata["name"])
    return ended
