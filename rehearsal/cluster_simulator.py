"""Simulates what kwok leaves out: its pods report ready, but nothing runs in them.

* The cloud's load balancer: every Service of type LoadBalancer gets an address.
* Admission webhooks: as there is no backend to call, one whose Deployment has a pod is disabled by a selector that no
  object matches. One without is left to fail, as in a cluster whose webhook is down.
* Argo CD's controller, as far as deletion goes: a deleted Application loses its finalizer.
"""

import contextlib
import threading
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

ADDRESS = "203.0.113.10"
"""Address of every load balancer, from a range reserved for documentation (RFC 5737)."""

MATCHES_NOTHING = {"matchLabels": {"rehearsal.aks-bootstrap.io/call-webhooks": "true"}}
"""Object selector of a disabled webhook. Pointing the webhook at another address instead would not last: a Helm upgrade
adds the chart's own back."""

_POLL_SECONDS = 0.3


class ClusterSimulator:
    """Runs against one control plane, in a thread, until it is stopped."""

    def __init__(self, kubeconfig: Path, *, webhooks: bool = True, addresses: bool = True) -> None:
        """Sign in.

        Args:
            kubeconfig: the administrator's.
            webhooks: whether webhooks that have a pod answer; if not, every request that needs one waits and fails.
            addresses: whether to assign addresses to load balancers; if not, a release that has one waits.
        """
        load: Any = config  # the client's config module is not typed
        self._api: client.ApiClient = load.new_client_from_config(str(kubeconfig))
        self._webhooks, self._addresses = webhooks, addresses
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the thread, and wait for it."""
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._ended.wait(_POLL_SECONDS):
            # an object or the API server may disappear in the middle of a round: the next one retries
            if self._addresses:
                with contextlib.suppress(ApiException, HTTPError):
                    self._assign_addresses()
            if self._webhooks:
                with contextlib.suppress(ApiException, HTTPError):
                    self._answer_webhooks()
            with contextlib.suppress(ApiException, HTTPError):
                self._finish_applications()

    def _assign_addresses(self) -> None:
        api: Any = client.CoreV1Api(self._api)  # every field of a result is typed optional, and these are set
        for service in api.list_service_for_all_namespaces().items:
            balancer = service.status.load_balancer if service.status else None
            if service.spec.type == "LoadBalancer" and not (balancer and balancer.ingress):
                status = {"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}}
                api.patch_namespaced_service_status(service.metadata.name, service.metadata.namespace, status)

    def _answer_webhooks(self) -> None:
        api: Any = client.AdmissionregistrationV1Api(self._api)  # as above
        kinds = [
            (api.list_validating_webhook_configuration, api.patch_validating_webhook_configuration),
            (api.list_mutating_webhook_configuration, api.patch_mutating_webhook_configuration),
        ]
        for list_all, patch in kinds:
            for found in list_all().items:
                patches = [
                    {"op": "add", "path": f"/webhooks/{index}/objectSelector", "value": selector}
                    for index, webhook in enumerate(found.webhooks or [])
                    if (selector := self._selector(webhook)) is not None
                ]
                if patches:
                    patch(found.metadata.name, patches)

    def _selector(self, webhook: Any) -> dict[str, Any] | None:
        """Return the selector that a webhook should have, or None where it has it."""
        selects = webhook.object_selector.match_labels if webhook.object_selector else None
        answers, disabled = (
            self._is_available(webhook.client_config.service),
            selects == MATCHES_NOTHING["matchLabels"],
        )
        if answers == disabled:
            return None
        return MATCHES_NOTHING if answers else {}

    def _is_available(self, service: Any) -> bool:
        """Return whether the Deployment that a webhook's Service is named after has a pod."""
        api: Any = client.AppsV1Api(self._api)  # as above
        found = api.list_namespaced_deployment(service.namespace, field_selector=f"metadata.name={service.name}").items
        return any(deployment.status.available_replicas for deployment in found)

    def _finish_applications(self) -> None:
        api: Any = client.CustomObjectsApi(self._api)  # as above
        group = ("argoproj.io", "v1alpha1")
        for application in api.list_cluster_custom_object(*group, "applications")["items"]:
            metadata = application["metadata"]
            if metadata.get("deletionTimestamp") and metadata.get("finalizers"):
                api.patch_namespaced_custom_object(
                    *group, metadata["namespace"], "applications", metadata["name"], {"metadata": {"finalizers": None}}
                )
