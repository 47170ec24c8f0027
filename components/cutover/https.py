"""Whether an address answers HTTPS as a host: with the cluster's certificate, and with a page."""

import http.client
import socket
import ssl

_SECONDS = 10.0


def refusal(address: str, port: int, *, zone: str, host: str, certificate: str | None) -> str | None:
    """Ask an address for a page, whatever names lead to; return what is wrong, or None when it serves.

    Args:
        address: where the proxies listen.
        port: of HTTPS.
        zone: name that the default certificate is served for.
        host: whose page is asked for.
        certificate: the default certificate, PEM, its leaf first; None where the cluster has none.
    """
    # the certificate is compared with the cluster's own: no authority has to vouch for it, and staging's would not
    context = trusting_all()
    try:
        if certificate is not None:
            with connect(address, port, zone, context) as connection:
                served = connection.getpeercert(binary_form=True)
            if served != ssl.PEM_cert_to_DER_cert(_leaf(certificate)):
                return f"{address}:{port} serves another certificate than {zone}'s"
        with connect(address, port, host, context) as connection:
            asking = http.client.HTTPConnection(host, timeout=_SECONDS)
            asking.sock = connection
            asking.request("GET", "/")
            status = asking.getresponse().status
    except (OSError, ValueError, http.client.HTTPException) as error:
        return f"{address}:{port} does not answer HTTPS as {host}: {error or type(error).__name__}"
    # a caller from outside the page's ranges is refused with 403, which is an answer
    if status == http.HTTPStatus.NOT_FOUND or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR:
        return f"{address}:{port} answers {status} for https://{host}/"
    return None


def trusting_all() -> ssl.SSLContext:
    """Return what takes any certificate: for looking at it, and for what does not depend on it."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connect(address: str, port: int, name: str, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Connect to an address by TLS, and ask for a name, whatever that leads to.

    Args:
        address: where the proxies listen.
        port: of HTTPS.
        name: that the connection is for.
        context: whom to trust.

    Raises:
        OSError: nothing answers, or what is served is not trusted.
    """
    plain = socket.create_connection((address, port), timeout=_SECONDS)
    try:
        return context.wrap_socket(plain, server_hostname=name)
    except BaseException:
        plain.close()
        raise


def _leaf(chain: str) -> str:
    """https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2: the sender's certificate comes first."""
    end = "-----END CERTIFICATE-----"
    return chain.partition(end)[0].strip() + f"\n{end}\n"
