"""The rules of ``bootstrap validate`` against a real API server, which has to refuse the same fields."""

import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import quote

import pytest

from rehearsal.control_plane import TOKEN, ControlPlane
from tests.api_objects import NAMESPACE, ROWS, Row

pytestmark = pytest.mark.smoke

Answer = tuple[int, dict[str, Any]]
Send = Callable[[str, dict[str, Any]], Answer]


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Send]:
    """Apply an object from the server's side, as Argo CD does, strictly and without storing it."""
    plane = ControlPlane(name="rules", folder=tmp_path_factory.mktemp("kwok"))
    plane.start(nodes=0)
    context = ssl.create_default_context(cafile=str(plane.pki / "ca.crt"))

    def send(path: str, document: dict[str, Any]) -> Answer:
        connection = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=60)
        name = quote(document["metadata"]["name"])
        question = "fieldManager=rules&force=true&fieldValidation=Strict&dryRun=All"
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/apply-patch+yaml"}
        connection.request("PATCH", f"{path}/{name}?{question}", json.dumps(document), headers)
        response = connection.getresponse()
        answer = response.status, json.loads(response.read())
        connection.close()
        return answer

    _create_namespace(plane, context)
    yield send
    plane.stop()


def _create_namespace(plane: ControlPlane, context: ssl.SSLContext) -> None:
    connection = http.client.HTTPSConnection("127.0.0.1", plane.port, context=context, timeout=60)
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    connection.request("POST", "/api/v1/namespaces", json.dumps({"metadata": {"name": NAMESPACE}}), headers)
    assert connection.getresponse().status == 201
    connection.close()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_the_api_server_s_verdict_is_the_recorded_one(dry_run: Send, row: Row) -> None:
    status, answer = dry_run(row.resource, row.document)
    if not row.refused:
        assert (status, answer.get("message")) == (201, None)
        return
    assert status in {400, 422, 500}, answer
    if row.message:
        assert row.message in answer["message"]
    else:
        fields = {cause["field"] for cause in answer["details"].get("causes", [])}
        assert fields == set(row.server or row.refused), answer["message"]
