"""A registry on this machine's loopback, with real HTTP: manifests, the token challenge, and what goes wrong."""

import base64
import hashlib
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

MANIFEST = b'{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []}'
DIGEST = f"sha256:{hashlib.sha256(MANIFEST).hexdigest()}"


class Registry:
    """What the server knows, and what it was asked."""

    def __init__(self, host: str) -> None:
        self.host = host
        self.manifests = {("team/shop", "4f2a9c1d"): DIGEST, ("team/shop", DIGEST): DIGEST}
        self.auth: str | None = None
        """bearer, basic, or none."""
        self.user, self.password = "robot", "hunter2"
        self.anonymous = True
        """Whether a token is given to whoever asks."""
        self.refresh_token: str | None = None
        self.answer: int | None = None
        """A status for every manifest, whatever is there."""
        self.redirect: str | None = None
        self.realm = f"http://{host}/token"
        self.names_digest: str | None = DIGEST
        """The digest that a manifest comes with; None for a registry that leaves the header out."""
        self.manifest = MANIFEST
        self.token_redirect: str | None = None
        self.asked: list[tuple[str, str, str | None]] = []
        """Method, path and Authorization of each request."""


class Handler(BaseHTTPRequestHandler):
    registry: Registry

    def log_message(self, format, *args):
        pass

    def reply(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def do_HEAD(self):
        registry, given = self.registry, self.headers.get("Authorization")
        registry.asked.append((self.command, self.path, given))
        if registry.auth == "bearer" and given != "Bearer good":
            challenge = f'Bearer realm="{registry.realm}",service="{registry.host}",scope="repository:team/shop:pull"'
            return self.reply(401, [("WWW-Authenticate", challenge)])
        if registry.auth == "basic" and given != self.basic():
            return self.reply(401, [("WWW-Authenticate", 'Basic realm="registry"')])
        if registry.redirect:
            return self.reply(307, [("Location", registry.redirect + self.path)])
        if registry.answer:
            return self.reply(registry.answer)
        name, _, reference = self.path.removeprefix("/v2/").partition("/manifests/")
        found = registry.manifests.get((name, reference))
        if not found:
            return self.reply(404)
        named = [("Docker-Content-Digest", registry.names_digest)] if registry.names_digest else []
        return self.reply(200, named, registry.manifest)

    def do_GET(self):
        if urlsplit(self.path).path != "/token":
            # urllib asks with GET where a redirect leads
            return self.do_HEAD()
        registry, given = self.registry, self.headers.get("Authorization")
        registry.asked.append((self.command, self.path, given))
        if registry.token_redirect:
            return self.reply(302, [("Location", registry.token_redirect)])
        asked = parse_qs(urlsplit(self.path).query)
        if asked != {"service": [registry.host], "scope": ["repository:team/shop:pull"]}:
            return self.reply(400)
        if given != self.basic() and not (given is None and registry.anonymous):
            return self.reply(401)
        return self.reply(200, body=json.dumps({"token": "good"}).encode())

    def do_POST(self):
        registry = self.registry
        form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        registry.asked.append((self.command, self.path, self.headers.get("Authorization")))
        if form["grant_type"] != ["refresh_token"] or form["refresh_token"] != [registry.refresh_token]:
            return self.reply(401)
        return self.reply(200, body=json.dumps({"access_token": "good"}).encode())

    def basic(self):
        secret = f"{self.registry.user}:{self.registry.password}"
        return "Basic " + base64.b64encode(secret.encode()).decode()


@contextmanager
def serve():
    """Run a registry."""

    class ItsHandler(Handler):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), ItsHandler)
    ItsHandler.registry = Registry(f"127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield ItsHandler.registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
