"""What an address serves: asked over real TLS, of a server on loopback."""

import datetime as dt
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from components.cutover.https import refusal
from tests.loopback import serving


class Page(BaseHTTPRequestHandler):
    """Answers every host with one status."""

    status: ClassVar[int] = 200
    hosts: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.hosts.append(self.headers["Host"])
        self.send_response(self.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def certificate(folder: Path, name: str) -> tuple[Path, str]:
    """Return a file with a certificate and its key, and the certificate alone, with its issuer's behind it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = made.public_bytes(serialization.Encoding.PEM).decode()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    file = folder / f"{name}.pem"
    file.write_text(pem + private.decode())
    return file, pem


@contextmanager
def proxies(file: Path, status: int) -> Iterator[int]:
    """Serve HTTPS with a certificate; yields the port."""
    Page.status, Page.hosts = status, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serving(server):
        yield server.server_address[1]


def asked(port: int, served: str | None) -> str | None:
    return refusal("127.0.0.1", port, zone="example.com", host="argocd.example.com", certificate=served)


@pytest.mark.parametrize(
    ("status", "why"), [(200, None), (302, None), (403, None), (404, "answers 404"), (502, "answers 502")]
)
def test_the_page_has_to_be_there(tmp_path: Path, status: int, why: str | None) -> None:
    file, pem = certificate(tmp_path, "example.com")
    _, issuer = certificate(tmp_path, "issuer")
    with proxies(file, status) as port:
        told = asked(port, pem + issuer)
    assert told == (why and f"127.0.0.1:{port} {why} for https://argocd.example.com/")
    assert Page.hosts == ["argocd.example.com"]


def test_the_certificate_has_to_be_the_clusters_own(tmp_path: Path) -> None:
    traefik, _ = certificate(tmp_path, "traefik")
    _, ours = certificate(tmp_path, "example.com")
    with proxies(traefik, 200) as port:
        assert asked(port, ours) == f"127.0.0.1:{port} serves another certificate than example.com's"
        assert asked(port, None) is None, "a cluster without one has none to compare with"


def test_nobody_who_listens_is_said_and_raises_nothing(tmp_path: Path) -> None:
    file, pem = certificate(tmp_path, "example.com")
    with proxies(file, 200) as port:
        pass
    told = asked(port, pem)
    assert told is not None
    assert told.startswith(f"127.0.0.1:{port} does not answer HTTPS as argocd.example.com: ")
