"""Plays what kwok's pods do not do: they run, and serve nothing.

* A cloud's load balancer: every Service of that type gets an address.
* Admission webhooks: their configurations are pointed at a loopback server that admits everything.
* Argo CD's controller, as far as deletion: an Application's finalizer is taken off when it is deleted.
"""

import base64
import contextlib
import http.server
import json
import ssl
import threading
from pathlib import Path
from typing import Any

from kubernetes import client, config
from kubernetes.client.exceptions import ApiException
from urllib3.exceptions import HTTPError

ADDRESS = "203.0.113.10"
"""What every load balancer gets: an address of a range kept for documents (RFC 5737)."""

_ROUND_SECONDS = 0.3


class Player:
    """Plays on one control plane until it is stopped."""

    def __init__(self, kubeconfig: Path, pki: Path, *, webhooks: bool = True, addresses: bool = True) -> None:
        """Sign in.

        Args:
            kubeconfig: the administrator's.
            pki: folder with ``ca.crt``, ``admin.crt`` and ``admin.key``.
            webhooks: whether admission webhooks answer; without, whatever needs one waits and fails.
            addresses: whether load balancers get addresses; without, a release with one waits.
        """
        load: Any = config  # the client's config module is not typed
        self._api: client.ApiClient = load.new_client_from_config(str(kubeconfig))
        self._webhooks, self._addresses = webhooks, addresses
        self._ca = base64.b64encode((pki / "ca.crt").read_bytes()).decode()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Admit)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pki / "admin.crt", pki / "admin.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._server.serve_forever, daemon=True),
            threading.Thread(target=self._play, daemon=True),
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        for thread in self._threads:
            thread.join()

    def _play(self) -> None:
        while not self._ended.wait(_ROUND_SECONDS):
            # an object that went away meanwhile, or a server that does: the next round sees
            if self._addresses:
                with contextlib.suppress(ApiException, HTTPError):
                    self._give_addresses()
            if self._webhooks:
                with contextlib.suppress(ApiException, HTTPError):
                    self._answer_webhooks()
            with contextlib.suppress(ApiException, HTTPError):
                self._finish_applications()

    def _give_addresses(self) -> None:
        api: Any = client.CoreV1Api(self._api)  # its results are optional everywhere, and these are there
        for service in api.list_service_for_all_namespaces().items:
            balancer = service.status.load_balancer if service.status else None
            if service.spec.type == "LoadBalancer" and not (balancer and balancer.ingress):
                status = {"status": {"loadBalancer": {"ingress": [{"ip": ADDRESS}]}}}
                api.patch_namespaced_service_status(service.metadata.name, service.metadata.namespace, status)

    def _answer_webhooks(self) -> None:
        api: Any = client.AdmissionregistrationV1Api(
            self._api
        )  # its results are optional everywhere, and these are there
        url = f"https://127.0.0.1:{self._server.server_address[1]}/"
        kinds = [
            (api.list_validating_webhook_configuration, api.patch_validating_webhook_configuration),
            (api.list_mutating_webhook_configuration, api.patch_mutating_webhook_configuration),
        ]
        for list_all, patch in kinds:
            for found in list_all().items:
                patches = [
                    {
                        "op": "replace",
                        "path": f"/webhooks/{index}/clientConfig",
                        "value": {"url": url, "caBundle": self._ca},
                    }
                    for index, webhook in enumerate(found.webhooks or [])
                    if webhook.client_config.url != url
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


class _Admit(http.server.BaseHTTPRequestHandler):
    """Admits whatever the API server asks about."""

    def do_POST(self) -> None:
        """Answer one review."""
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps(
            {
                "apiVersion": review["apiVersion"],
                "kind": review["kind"],
                "response": {"uid": review["request"]["uid"], "allowed": True},
            }
        ).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Say nothing."""
