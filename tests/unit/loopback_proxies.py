"""Proxies on loopback: HTTPS by host names with certificates that tests choose, and plain HTTP that redirects."""

import datetime as dt
import http.server
import socket
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests.loopback import serving

_SIGNS = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
DAY = dt.timedelta(days=1)


class Authority:
    """Signs certificates."""

    def __init__(self, name: str = "self-signed-ca") -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self.certificate = self._sign(self.name, self.key, authority=True)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    def leaf(self, name: str, *hosts: str, begun: float = 1, left: float = 80) -> str:
        """Return a key and its certificate, which began and ends days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        signed = self._sign(subject, key, hosts=hosts, begun=begun, left=left)
        return (
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            + signed.public_bytes(serialization.Encoding.PEM)
        ).decode()

    def _sign(
        self,
        subject: x509.Name,
        key: ec.EllipticCurvePrivateKey,
        *,
        authority: bool = False,
        hosts: tuple[str, ...] = (),
        begun: float = 1,
        left: float = 80,
    ) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - begun * DAY)
            .not_valid_after(now + left * DAY)
            .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        )
        # Python 3.13 and later ask for these of every chain
        ours = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        builder = builder.add_extension(ours, critical=False)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        if authority:
            builder = builder.add_extension(_SIGNS, critical=True)
        if hosts:
            names = x509.SubjectAlternativeName([x509.DNSName(host) for host in hosts])
            builder = builder.add_extension(names, critical=False)
        return builder.sign(self.key, hashes.SHA256())


class Proxies:
    """What answers at the cluster's address."""

    def __init__(self, authority: Authority, zone: str) -> None:
        self.authority, self.zone = authority, zone
        self.served: dict[str, str] = {}
        """Keys and certificates by host; the last one stands for every other host."""
        self.serve(f"argocd.{zone}", authority.leaf("argocd", f"argocd.{zone}"))
        self.serve("", authority.leaf("default", zone, f"*.{zone}"))
        self.pages = {"/healthz": 200}
        self.location = f"https://argocd.{zone}/"
        self.old = False
        """Whether a greeting of TLS 1.1 is answered."""
        self.https = self.http = 0

    def serve(self, host: str, pem: str) -> None:
        self.served[host] = pem

    def context(self, pem: str) -> ssl.SSLContext:
        found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile(mode="w") as file:
            file.write(pem)
            file.flush()
            found.load_cert_chain(file.name)
        return found

    def chosen(self, connection: ssl.SSLObject, host: str | None, _: ssl.SSLContext) -> None:
        connection.context = self.context(self.served.get(host or "", self.served[""]))


@contextmanager
def proxies(authority: Authority, zone: str) -> Iterator[Proxies]:
    """Serve HTTPS and HTTP."""
    played = Proxies(authority, zone)

    class Secured(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(played.pages.get(self.path, 404))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Keep quiet."""

    class Plain(Secured):
        def do_GET(self) -> None:
            self.send_response(301 if played.location else 404)
            if played.location:
                self.send_header("Location", played.location)
            self.end_headers()

    class Quiet(http.server.ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Clients that refuse what is served are what tests are about."""

    class QuietSecured(Quiet):
        def get_request(self) -> tuple[socket.socket, object]:
            connection, address = super().get_request()
            if played.old and connection.recv(11, socket.MSG_PEEK)[9:11] == b"\x03\x02":
                connection.sendall(b"\x16\x03\x02\x00\x04\x02\x00\x00\x00")
            context = played.context(played.served[""])
            context.sni_callback = played.chosen
            secured = context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            return secured, address

    with ExitStack() as contexts:
        secured, plain = QuietSecured(("127.0.0.1", 0), Secured), Quiet(("127.0.0.1", 0), Plain)
        for server in (secured, plain):
            contexts.enter_context(serving(server))
        played.https, played.http = secured.server_port, plain.server_port
        yield played


def split(pem: str) -> tuple[str, str]:
    """Return the key and the certificate of a file with both."""
    key, mark, certificate = pem.partition("-----BEGIN CERTIFICATE-----")
    return key, mark + certificate
