"""Ends the operations of Applications that are being deleted, so that no deletion waits for a sync that fails.

Argo CD deletes an Application once its operation is over, and a sync that fails is tried again for half an hour: one
that began as the rights of its application went away would hold a `down` for as long.
https://github.com/argoproj/argo-cd/blob/v3.4.4/controller/appcontroller.go (processAppOperationQueueItem)
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

from kubernetes import client
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

from conventions import ARGO_CD_NAMESPACE

_APPLICATIONS = ("argoproj.io", "v1alpha1", ARGO_CD_NAMESPACE, "applications")
_POLL_SECONDS = 5.0
_CALL_SECONDS = 10


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
            with contextlib.suppress(ApiException, HTTPError):
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
    custom = client.CustomObjectsApi(api)
    listed: Any = custom.list_namespaced_custom_object(*_APPLICATIONS, _request_timeout=_CALL_SECONDS)
    ended = []
    for application in listed["items"]:
        metadata = application["metadata"]
        if metadata.get("deletionTimestamp") and application.get("operation"):
            patch = {"metadata": {"resourceVersion": metadata["resourceVersion"]}, "operation": None}
            custom.patch_namespaced_custom_object(
                *_APPLICATIONS, metadata["name"], patch, _request_timeout=_CALL_SECONDS
            )
            ended.append(metadata["name"])
    return ended
