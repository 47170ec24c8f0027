"""HTTPS for the final host names, at the proxies' own address: before DNS moves there, and after."""

import base64
import datetime as dt
import ssl
from collections.abc import Iterator, Mapping

from cryptography import x509
from cryptography.x509.oid import NameOID

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.reach import forwarding
from bootstrap.platform.verify import served
from bootstrap.platform.verify.objects import is_true, path_of
from bootstrap.platform.verify.target import Check, Target
from components.addons import cert_manager, ingress
from conventions import ARGO_CD_NAMESPACE
from settings.types import Issuer

_TRAEFIKS_OWN = "TRAEFIK DEFAULT CERT"
"""https://doc.traefik.io/traefik/reference/routing-configuration/http/tls/tls-certificates/#default-certificate."""
_ARGO_CDS = "argocd-server-tls"
_NEAR_THE_END = 5
"""cert-manager renews with a third of the time left; with less than a fifth, it has not."""


def https(target: Target) -> Iterator[Finding]:
    """Ask the proxies as customers would."""
    door = target.door
    if not door.address:
        yield unknown("https", "the proxies", "no address leads to them", forwarding(target.commands))
        return
    wildcard = f"verify-{target.run}.{target.settings.dns.zone}"
    default = (ingress.NAMESPACE, ingress.DEFAULT_CERTIFICATE)
    covered = target.settings.covers(target.argocd_host)
    hosts = {target.argocd_host: default if covered else (ARGO_CD_NAMESPACE, _ARGO_CDS)}
    if target.settings.ingress.default_certificate:
        hosts[wildcard] = default
    for host, place in hosts.items():
        subject = f"*.{target.settings.dns.zone}" if host == wildcard else host
        try:
            yield from _certificate(target, host, subject, place)
        except OSError as error:
            yield failed(
                "https",
                subject,
                f"nothing is served at {door.address}:{door.https}: {error}",
                cause="no proxy is ready, the load balancer does not reach the nodes, or a firewall is in between",
                remedy=_service(target),
            )
            return
    yield from _protocol(target)
    yield from _redirect(target)


def _service(target: Target) -> str:
    return target.kube("-n", ingress.NAMESPACE, "get", "service,pods,endpointslices", "-o", "wide")


def _certificate(target: Target, host: str, subject: str, place: tuple[str, str]) -> Iterator[Finding]:
    found = served.certificate(target.door.address, target.door.https, host)
    now, end, issuer = target.now(), found.not_valid_after_utc, found.issuer.rfc4514_string()
    trusted = None
    wrong = _self_made_or_expired(found, now)
    if not wrong and (trusted := _trusted(target)):
        why = served.distrust(target.door.address, target.door.https, host, trusted)
        wrong = f"no client trusts the certificate that is served, of {issuer}: {why}" if why else ""
    if wrong:
        cause, remedy = _why(target, *place)
        yield failed("https", subject, wrong, cause=cause, remedy=remedy)
        return
    if trusted is None:
        yield unknown("https", f"chain of {subject}", _untold(target))
    if end - now < (end - found.not_valid_before_utc) / _NEAR_THE_END:
        detail = f"it ends on {end:%Y-%m-%d %H:%M} UTC, and cert-manager has not renewed it"
        cause, remedy = _why(target, *place)
        yield fine("https", subject, detail, warning=True, cause=cause, remedy=remedy)
    elif trusted is None:
        yield fine("https", subject, f"until {end:%Y-%m-%d}, of {issuer}, which clients do not trust")
    else:
        yield fine("https", subject, f"trusted, until {end:%Y-%m-%d}")


def _self_made_or_expired(found: x509.Certificate, now: dt.datetime) -> str:
    """Return why a certificate is none that a client takes, whatever it trusts; empty where that is not plain."""
    name = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    if name and name[0].value == _TRAEFIKS_OWN:
        return "Traefik's self-made certificate is served"
    if found.not_valid_after_utc <= now:
        return f"the certificate that is served expired on {found.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    return ""


def _trusted(target: Target) -> ssl.SSLContext | None:
    """Return what verifies a chain; None where nobody's store does."""
    issuer = target.settings.certificates.issuer
    if issuer is Issuer.LETSENCRYPT:
        return ssl.create_default_context()
    if issuer is Issuer.LETSENCRYPT_STAGING:
        return None
    path = path_of("", "v1", "secrets", cert_manager.NAMESPACE, cert_manager.CERTIFICATE_AUTHORITY)
    secret = target.cluster.find(path)
    if secret is None or "ca.crt" not in (secret.get("data") or {}):
        return None
    return ssl.create_default_context(cadata=base64.b64decode(secret["data"]["ca.crt"]).decode())


def _untold(target: Target) -> str:
    if target.settings.certificates.issuer is Issuer.LETSENCRYPT_STAGING:
        return "the staging authority of Let's Encrypt is in no system's store"
    return f"the authority's Secret {cert_manager.NAMESPACE}/{cert_manager.CERTIFICATE_AUTHORITY} is not there"


def _why(target: Target, namespace: str, secret: str) -> tuple[str, str]:
    """Return why a host does not get its certificate, and what fixes it."""
    found = target.cluster.find(path_of("", "v1", "secrets", namespace, secret))
    certificate = target.cluster.find(path_of("cert-manager.io", "v1", "certificates", namespace, secret))
    up = f"make up STACK={target.stack}"
    if certificate is None:
        what = "and so is its Secret" if found is None else "so that nobody renews its Secret"
        mend = up if namespace == ingress.NAMESPACE else target.restore(namespace)
        return f"the Certificate {namespace}/{secret} is gone, {what}", mend
    describe = target.kube("-n", namespace, "describe", "certificate", secret)
    if found is None:
        return f"its Secret {namespace}/{secret} is gone, and cert-manager has not issued it again", describe
    if not is_true(certificate, "Ready"):
        return f"the Certificate {namespace}/{secret} is not Ready", describe
    if (known := _held(found)) and known.not_valid_after_utc <= target.now():
        renew = target.kube("-n", namespace, "delete", "secret", secret)
        return f"somebody replaced the Secret {namespace}/{secret}, and cert-manager does not run", renew
    if namespace == ingress.NAMESPACE:
        return (
            f"Traefik does not take the Secret {secret} as its default: the TLSStore default names another, or is gone",
            target.restore(ingress.NAMESPACE),
        )
    return "its Ingress is not served, or names another Secret", target.restore(namespace)


def _held(secret: Mapping[str, Mapping[str, str]]) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(base64.b64decode(secret["data"]["tls.crt"]))
    except (KeyError, ValueError):
        return None


def _protocol(target: Target) -> Iterator[Finding]:
    place = (target.door.address, target.door.https, target.argocd_host)
    remedy = target.restore(ingress.NAMESPACE)
    if served.speaks_tls_1_1(*place):
        cause = "a TLSOption allows it (minVersion), or something else than Traefik ends TLS"
        yield failed("https", "TLS", "TLS 1.1 is spoken", cause=cause, remedy=remedy)
    elif not served.speaks_tls_1_2(*place):
        cause = "a TLSOption asks for more (minVersion)"
        yield failed("https", "TLS", "TLS 1.2 is refused", cause=cause, remedy=remedy)
    else:
        yield fine("https", "TLS", "1.2 and later")


def _redirect(target: Target) -> Iterator[Finding]:
    door = target.door
    subject = "http → https"
    if not door.http:
        yield unknown("https", subject, "no port for plain HTTP leads to the proxies")
        return
    try:
        found = served.page(door.address, door.http, target.argocd_host, secured=False)
        redirected = found.status in {301, 308} and found.location.startswith("https://")
        detail = f"answered {found.status}"
    except OSError as error:
        redirected, detail = False, f"no answer: {error}"
    if redirected:
        yield fine("https", subject, "redirected")
    else:
        cause = "the entry point web has lost its redirection, or a firewall is in between"
        yield failed("https", subject, detail, cause=cause, remedy=target.restore(ingress.NAMESPACE))


CHECK = Check(
    name="https",
    does="connects to the proxies' own address with the final host names, without DNS",
    ask=https,
)
