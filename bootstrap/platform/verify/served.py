"""What the proxies serve: asked at their own address, by the names that customers use, wherever DNS leads by now."""

import http.client
import os
import socket
import ssl
from typing import NamedTuple

from cryptography import x509

from components.cutover.https import connect, trusting_all

_SECONDS = 10.0


class Page(NamedTuple):
    """An answer over HTTP."""

    status: int
    location: str
    """Where it leads to, where it redirects."""


def certificate(address: str, port: int, host: str) -> x509.Certificate:
    """Return the certificate that is served for a host, whoever signed it.

    Raises:
        OSError: nothing is served.
    """
    with connect(address, port, host, trusting_all()) as connection:
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")


def distrust(address: str, port: int, host: str, trusted: ssl.SSLContext) -> str:
    """Return why a client would not trust what is served for a host; empty where it would.

    Raises:
        OSError: nothing is served.
    """
    try:
        with connect(address, port, host, trusted):
            return ""
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)


def speaks_tls_1_1(address: str, port: int, host: str) -> bool:
    """Return whether a greeting of TLS 1.1 is answered in kind.

    It is written by hand, as this machine's own library may be too careful to say it.
    https://www.rfc-editor.org/rfc/rfc4346#section-7.4.1.2

    Raises:
        OSError: nothing is served.
    """
    with socket.create_connection((address, port), timeout=_SECONDS) as connection:
        connection.sendall(_greeting(host))
        try:
            answer = connection.recv(5)
        except ConnectionResetError:
            return False
    # a handshake goes on, where a refusal is an alert
    return answer[:1] == b"\x16"


def speaks_tls_1_2(address: str, port: int, host: str) -> bool:
    """Return whether TLS 1.2 is spoken.

    Raises:
        OSError: nothing is served.
    """
    context = trusting_all()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with connect(address, port, host, context):
            return True
    except (ssl.SSLError, ConnectionResetError):
        return False


def _greeting(host: str) -> bytes:
    """Return a ClientHello of TLS 1.1 with the cipher suites that servers of its time had."""

    def sized(data: bytes, length: int = 2) -> bytes:
        return len(data).to_bytes(length, "big") + data

    suites = b"\xc0\x09\xc0\x0a\xc0\x13\xc0\x14\x00\x2f\x00\x35"
    name = sized(b"\x00" + sized(host.encode("idna")))
    extensions = b"\x00\x00" + sized(name)
    extensions += b"\x00\x0a" + sized(sized(b"\x00\x1d\x00\x17\x00\x18"))  # groups: X25519, P-256, P-384
    extensions += b"\x00\x0b" + sized(sized(b"\x00", 1))  # points are not compressed
    hello = b"\x03\x02" + os.urandom(32) + b"\x00" + sized(suites) + sized(b"\x00", 1) + sized(extensions)
    return b"\x16\x03\x01" + sized(b"\x01" + sized(hello, 3))


def page(address: str, port: int, host: str, path: str = "/", *, secured: bool = True) -> Page:
    """Ask for a page of a host.

    Args:
        address: of the proxies.
        port: of them.
        host: whose page it is.
        path: of the page.
        secured: by HTTPS, whoever signed its certificate.

    Raises:
        OSError: nothing answers.
    """
    connection = _Connection(address, port, host, secured=secured)
    try:
        connection.request("GET", path, headers={"Host": host, "User-Agent": "aks-bootstrap"})
        answer = connection.getresponse()
    except http.client.HTTPException as error:
        raise OSError(f"no answer over HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
    return Page(answer.status, answer.getheader("Location", ""))


class _Connection(http.client.HTTPConnection):
    """Connects to an address, and asks for a host by its name."""

    def __init__(self, address: str, port: int, host: str, *, secured: bool) -> None:
        super().__init__(address, port, timeout=_SECONDS)
        self._host, self._secured = host, secured

    def connect(self) -> None:
        super().connect()
        if self._secured:
            self.sock = trusting_all().wrap_socket(self.sock, server_hostname=self._host)
