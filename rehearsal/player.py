"""Plays what kwok's pods do not do: they run, and serve nothing.

* A cloud's load balancer: every Service of that type gets an address.
* Admission webhooks: they are set aside, by a selector that no object has, as there is nobody to ask.
* Argo CD's controller, as far as deletion: an Application's finalizer is taken off when it is deleted.
"""

import contextlib
import threading
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

ADDRESS = "203.0.113.10"
"""What every load balancer gets: an address of a range kept for documents (RFC 5737)."""

SET_ASIDE = {"matchLabels": {"rehearsal.aks-bootstrap.io/asked": "never"}}
"""Selects nothing. Another address would not do: a Helm upgrade brings the chart's own back beside it."""

_ROUND_SECONDS = 0.3


class Player:
    """Plays on one control plane until it is stopped."""

    def __init__(self, kubeconfig: Path, *, webhooks: bool = True, addresses: bool = True) -> None:
        """Sign in.

        Args:
            kubeconfig: the administrator's.
            webhooks: whether admission goes on without its webhooks; if not, whatever needs one waits and fails.
            addresses: whether load balancers get addresses; without, a release with one waits.
        """
        load: Any = config  # the client's config module is not typed
        self._api: client.ApiClient = load.new_client_from_config(str(kubeconfig))
        self._webhooks, self._addresses = webhooks, addresses
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._play, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._thread.join()

    def _play(self) -> None:
        while not self._ended.wait(_ROUND_SECONDS):
            # an object that went away meanwhile, or a server that does: the next round sees
            if self._addresses:
                with contextlib.suppress(ApiException, HTTPError):
                    self._give_addresses()
            if self._webhooks:
                with contextlib.suppress(ApiException, HTTPError):
                    self._set_webhooks_aside()
            with contextlib.suppress(ApiException, HTTPError):
                self._finish_applications()

    def _give_addresses(self) -> None:
        api: Any = client.CoreV1Api(self._api)  # its results are optional everywhere, and these are there
        for service in api.list_service_for_all_namespaces().items:
            balancer = service.status.load_balancer if service.status else None
            if service.spec.type == "LoadBalancer" and not (balancer and balancer.ingress):
                status = {"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}}
                api.patch_namespaced_service_status(service.metadata.name, service.metadata.namespace, status)

    def _set_webhooks_aside(self) -> None:
        api: Any = client.AdmissionregistrationV1Api(self._api)  # its results are optional everywhere; these are there
        kinds = [
            (api.list_validating_webhook_configuration, api.patch_validating_webhook_configuration),
            (api.list_mutating_webhook_configuration, api.patch_mutating_webhook_configuration),
        ]
        for list_all, patch in kinds:
            for found in list_all().items:
                patches = [
                    {"op": "add", "path": f"/webhooks/{index}/objectSelector", "value": SET_ASIDE}
                    for index, webhook in enumerate(found.webhooks or [])
                    if (webhook.object_selector.match_labels if webhook.object_selector else None)
                    != SET_ASIDE["matchLabels"]
                ]
                if patches:
                    patch(found.metadata.name, patches)

    def _finish_applications(self) -> None:
        api: Any = client.CustomObjectsApi(self._api)  # its results are optional everywhere, and these are there
        place = ("argoproj.io", "v1alpha1")
        for application in api.list_cluster_custom_object(*place, "applications")["items"]:
            metadata = application["metadata"]
            if metadata.get("deletionTimestamp") and metadata.get("finalizers"):
                api.patch_namespaced_custom_object(
                    *place, metadata["namespace"], "applications", metadata["name"], {"metadata": {"finalizers": None}}
                )
