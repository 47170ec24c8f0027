"""What the proxies serve: asked at their own address, by the names that customers use, wherever DNS leads by now."""

import http.client
import socket
import ssl
from collections.abc import Mapping
from typing import NamedTuple

from cryptography import x509

_SECONDS = 10.0


class Page(NamedTuple):
    """An answer over HTTP."""

    status: int
    headers: Mapping[str, str]
    text: str


def certificate(address: str, port: int, host: str) -> x509.Certificate:
    """Return the certificate that is served for a host, whoever signed it.

    Raises:
        OSError: nothing is served.
    """
    with _secured(address, port, host, _trusting_all()) as connection:
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")


def distrust(address: str, port: int, host: str, trusted: ssl.SSLContext) -> str:
    """Return why a client would not trust what is served for a host; empty where it would.

    Raises:
        OSError: nothing is served.
    """
    try:
        with _secured(address, port, host, trusted):
            return ""
    except ssl.SSLCertVerificationError as error:
        return str(error.verify_message)


def speaks(address: str, port: int, host: str, version: ssl.TLSVersion) -> bool | None:
    """Return whether a version of TLS is spoken; None where this machine does not speak it.

    Raises:
        OSError: nothing is served.
    """
    context = _trusting_all()
    try:
        # this machine's own floor is out of the way, as it is the server's that is asked about
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
        context.minimum_version = version
    except (ssl.SSLError, ValueError):
        return None
    try:
        with _secured(address, port, host, context):
            return True
    except ssl.SSLError as error:
        ours = ("NO_PROTOCOLS_AVAILABLE", "NO_CIPHERS_AVAILABLE", "UNSUPPORTED_PROTOCOL", "INTERNAL_ERROR")
        return None if error.reason in ours else False
    except ConnectionResetError:
        return False


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
        text = answer.read(65536).decode(errors="replace")
    except http.client.HTTPException as error:
        raise OSError(f"no answer over HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
    return Page(answer.status, dict(answer.getheaders()), text)


class _Connection(http.client.HTTPConnection):
    """Connects to an address, and asks for a host by its name."""

    def __init__(self, address: str, port: int, host: str, *, secured: bool) -> None:
        super().__init__(address, port, timeout=_SECONDS)
        self._host, self._secured = host, secured

    def connect(self) -> None:
        super().connect()
        if self._secured:
            self.sock = _trusting_all().wrap_socket(self.sock, server_hostname=self._host)


def _secured(address: str, port: int, host: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    plain = socket.create_connection((address, port), timeout=_SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except BaseException:
        plain.close()
        raise


def _trusting_all() -> ssl.SSLContext:
    """Return what takes any certificate: for looking at it, and for what does not depend on it."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
