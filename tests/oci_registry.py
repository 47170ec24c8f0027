"""A registry that somebody else wrote, on loopback (``crane registry serve``), and a proxy that refuses everything."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bootstrap.platform.images.packed import MANIFEST, digest_of, pack
from bootstrap.registry import Repository, parse_image
from tests.loopback import serving


@contextmanager
def crane_registry() -> Iterator[str]:
    """Run a registry, and yield its host and port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["crane", "registry", "serve", "--address", host]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2])), timeout=1).close()
                break
            except OSError:
                assert time.monotonic() < deadline, "crane does not serve"
                time.sleep(0.05)
        yield host
    finally:
        process.terminate()
        process.wait()


def push_chart(name: str, tag: str, archive: bytes) -> str:
    """Push a chart's archive to a repository, and return the digest of its manifest."""
    target = Repository(parse_image(name), push=True)
    manifest, config = pack(archive)
    for blob in (config, archive):
        begun = target.send("blobs/uploads/", method="POST", data=b"")
        location = begun.headers["Location"]
        done = target.send(f"{location}?digest={digest_of(blob)}", method="PUT", data=blob)
        assert done.status == 201
    done = target.send(f"manifests/{tag}", method="PUT", data=manifest, headers={"Content-Type": MANIFEST})
    assert done.status == 201
    return digest_of(manifest)


class Proxy:
    """Where everything that is not on loopback is asked for; it refuses, and remembers what it was."""

    def __init__(self, port: int) -> None:
        self.asked: list[str] = []
        url = f"http://127.0.0.1:{port}"
        names = {"HTTP_PROXY": url, "HTTPS_PROXY": url, "NO_PROXY": "127.0.0.1,localhost"}
        self.environment = {**names, **{name.lower(): value for name, value in names.items()}}


@contextmanager
def refusing_proxy() -> Iterator[Proxy]:
    """Run a proxy that refuses."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def refuse(self) -> None:
            proxy.asked.append(f"{self.command} {self.path}")
            self.send_error(502)

        do_CONNECT = do_GET = do_HEAD = do_POST = do_PUT = refuse

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = Proxy(server.server_port)
    with serving(server):
        yield proxy
