"""No deletion waits for a sync that fails: asked of an API server on loopback."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
from kubernetes import client

from bootstrap.platform.operations import end_operations, ended_on_deletion
from tests.loopback import send_json, serving

PATH = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
SYNC = {"sync": {"revision": "4f2a9c1"}}


def application(name: str, *, deleted: bool = False, operation: dict[str, Any] | None = None) -> dict[str, Any]:
    metadata = {"name": name, "resourceVersion": f"{name}-1"}
    return {
        "metadata": {**metadata, **({"deletionTimestamp": "2026-11-29T01:50:54Z"} if deleted else {})},
        **({"operation": operation} if operation else {}),
    }


class Applications(BaseHTTPRequestHandler):
    """Answers as the API server, and remembers every patch."""

    items: ClassVar[list[dict[str, Any]]] = []
    patches: ClassVar[list[tuple[str, str, Any]]] = []
    status: ClassVar[int] = 200

    def do_GET(self) -> None:
        assert self.path == PATH
        send_json(self, self.status, {"items": self.items})

    def do_PATCH(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.patches.append((self.path.removeprefix(PATH), self.headers["Content-Type"], body))
        send_json(self, 200, {})

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api() -> Iterator[client.ApiClient]:
    Applications.items, Applications.patches, Applications.status = [], [], 200
    server = ThreadingHTTPServer(("127.0.0.1", 0), Applications)
    with serving(server):
        yield client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{server.server_address[1]}"))


def test_only_what_is_deleted_loses_its_operation(api: client.ApiClient) -> None:
    Applications.items = [
        application("syncing", operation=SYNC),
        application("idle", deleted=True),
        application("stuck", deleted=True, operation=SYNC),
    ]
    assert end_operations(api) == ["stuck"]
    assert Applications.patches == [
        (
            "/stuck",
            "application/merge-patch+json",
            {"metadata": {"resourceVersion": "stuck-1"}, "operation": None},
        )
    ]


def test_it_looks_until_the_deletion_is_over_whatever_the_cluster_answers(api: client.ApiClient) -> None:
    Applications.status = 404
    with ended_on_deletion(api, every_seconds=0.01):
        while not Applications.patches:
            Applications.status = 200
            Applications.items = [application("stuck", deleted=True, operation=SYNC)]
    before = len(Applications.patches)
    assert before >= 1
    assert len(Applications.patches) == before, "nobody asks any more"
