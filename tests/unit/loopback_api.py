"""A Kubernetes API server on loopback: keeps objects, answers as the real one does, and can be made to refuse."""

import copy
import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from tests.loopback import serving

SECRETS = "/api/v1/namespaces/{}/secrets"
LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"
LISTED = {"secrets", "leases", "customresourcedefinitions", "things"}
"""What a path ends with that is a list, whether it has anything or not."""
SYSTEM = "/api/v1/namespaces/kube-system"


class Refusal(Exception):  # noqa: N818 - an answer, not an error of the server
    """An answer other than the object."""

    def __init__(self, status: int, message: str, body: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        failure = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "code": status}
        self.body = json.dumps(failure) if body is None else body


class ApiServer:
    """The objects by their paths, every request, and what is refused."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.objects: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, str, dict[str, str]]] = []
        self.tokens: set[str] = set()
        self.refusals: dict[str, Refusal] = {}
        """Answers to every request with a method."""
        self.ahead = 0.0
        """Seconds by which its clock is ahead of this machine's."""
        self.seconds = 0.0
        """How long every answer takes."""
        self.between: list[tuple[str, dict[str, Any]]] = []
        """What somebody else writes as soon as the next object has been read."""
        self.lists: dict[str, str] = {}
        """Paths of lists of every namespace, and of the one namespace that has something."""
        self._revision = 0

    def kubeconfig(self, *, token: str = "sesame", context: str = "one") -> dict[str, Any]:  # noqa: S107 - not one
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": context,
            "clusters": [{"name": "here", "cluster": {"server": self.url}}],
            "users": [{"name": name, "user": {"token": f"{token}-{name}"}} for name in ("one", "two")],
            "contexts": [{"name": name, "context": {"cluster": "here", "user": name}} for name in ("one", "two")],
        }

    def put(self, path: str, body: dict[str, Any]) -> None:
        """Write an object, whatever was there before."""
        self._revision += 1
        found = copy.deepcopy(body)
        metadata = found.setdefault("metadata", {})
        metadata.setdefault("name", path.rsplit("/", 1)[-1])
        metadata["resourceVersion"] = str(self._revision)
        self.objects[path] = found

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> dict[str, Any]:
        if method in self.refusals:
            raise self.refusals[method]
        if method == "POST":
            return self._create(f"{path}/{body['metadata']['name']}", query, body)
        if method == "GET" and path not in self.objects and path.rsplit("/", 1)[-1] in LISTED:
            return self._list(path, query)
        if path not in self.objects:
            raise Refusal(404, f"{path.rsplit('/', 1)[-1]!r} not found")
        found = self.objects[path]
        if method == "DELETE":
            return self.objects.pop(path)
        if method == "PUT":
            if body["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"]:
                raise Refusal(409, "the object has been modified; please apply your changes to the latest version")
            self.put(path, body)
        if method == "PATCH":
            self.put(path, patched(found, body))
        answer = copy.deepcopy(self.objects[path])
        if method == "GET" and self.between:
            self.put(*self.between.pop(0))
        return answer

    def _create(self, path: str, query: dict[str, str], body: dict[str, Any]) -> dict[str, Any]:
        if path in self.objects:
            raise Refusal(409, f"{path.rsplit('/', 1)[-1]!r} already exists")
        if "dryRun" not in query:
            self.put(path, body)
        return body

    def _list(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        wanted = dict(pair.split("=") for pair in query.get("labelSelector", "").split(",") if pair)
        path = self.lists.get(path, path)
        items = [found for place, found in self.objects.items() if place.rsplit("/", 1)[0] == path]
        return {
            "metadata": {},
            "items": [i for i in items if wanted.items() <= (i["metadata"].get("labels") or {}).items()],
        }


def patched(found: Any, patch: Any) -> Any:
    """Merge a patch as RFC 7386 has it: a null removes its key."""
    if not isinstance(found, dict) or not isinstance(patch, dict):
        return patch
    merged = {key: patched(found.get(key), value) for key, value in patch.items() if value is not None}
    return {key: value for key, value in {**found, **merged}.items() if patch.get(key, "") is not None}


Server = TypeVar("Server", bound=ApiServer)


def serve() -> AbstractContextManager[ApiServer]:
    """Run an API server."""
    return serve_as(ApiServer)


@contextmanager
def serve_as(kind: type[Server]) -> Iterator[Server]:
    """Run an API server of a kind."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # head and body at once: the kernel holds the second of two small writes back

        def date_time_string(self, timestamp: float | None = None) -> str:
            return super().date_time_string((timestamp or time.time()) + played.ahead)

        def handle_one(self) -> None:
            address = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(address.query).items()}
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            played.requests.append((self.command, address.path, query))
            played.tokens.add(self.headers.get("Authorization", ""))
            time.sleep(played.seconds)
            try:
                status, text = (
                    200,
                    json.dumps(played.answer(self.command, address.path, query, json.loads(sent) if sent else None)),
                )
            except Refusal as refusal:
                status, text = refusal.status, refusal.body
            data = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_one

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    class Quiet(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """A client that gave up is what some tests are about."""

    server = Quiet(("127.0.0.1", 0), Handler)
    played = kind(server.server_port)
    with serving(server):
        yield played
