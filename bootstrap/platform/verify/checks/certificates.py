"""The configured issuer issues: a certificate of this run's own, and those that the platform has."""

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine
from bootstrap.platform.releases import installed
from bootstrap.platform.verify.objects import condition, is_true, name_of, path_of, said
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import NAMESPACE
from components.addons import cert_manager
from settings.types import Issuer

_GROUP, _VERSION = "cert-manager.io", "v1"
_ACME = "acme.cert-manager.io"
_NAME = "issued"
_SECONDS, _ACME_SECONDS = 45.0, 300.0


def certificates(target: Target) -> Iterator[Finding]:
    """Read the issuer and the platform's certificates, and have one issued."""
    configured = target.settings.certificates.issuer
    # production's authority counts what it issues; staging answers the same challenges
    asked = Issuer.LETSENCRYPT_STAGING if configured is Issuer.LETSENCRYPT else configured
    for issuer in dict.fromkeys((configured, asked)):
        yield _issuer(target, issuer)
    for namespace in installed(target.settings):
        for found in target.cluster.items(path_of(_GROUP, _VERSION, "certificates", namespace)):
            yield _existing(target, namespace, found)
    yield _issued(target, asked)


def _issuer(target: Target, issuer: Issuer) -> Finding:
    subject = f"ClusterIssuer {issuer.value}"
    found = target.cluster.find(path_of(_GROUP, _VERSION, "clusterissuers", name=issuer.value))
    up = f"make up STACK={target.stack}"
    if found is None:
        return failed("certificates", subject, "there is none", cause="it was deleted", remedy=up)
    if is_true(found, "Ready"):
        return fine("certificates", subject, "Ready")
    detail = said(condition(found, "Ready"))
    return failed("certificates", subject, f"not Ready: {detail}", cause=_why(target, found), remedy=up)


def _why(target: Target, issuer: Mapping[str, Any]) -> str:
    authority = (issuer["spec"].get("ca") or {}).get("secretName")
    if authority and authority != cert_manager.CERTIFICATE_AUTHORITY:
        return f"it signs with Secret {authority}, not with {cert_manager.CERTIFICATE_AUTHORITY}"
    if authority and not target.cluster.find(path_of("", "v1", "secrets", cert_manager.NAMESPACE, authority)):
        return f"its authority, Secret {cert_manager.NAMESPACE}/{authority}, is gone"
    if "acme" in issuer["spec"]:
        return "it has no account at Let's Encrypt: the cluster does not reach it, or certificates.email is refused"
    return "cert-manager does not take its spec"


def _existing(target: Target, namespace: str, found: Mapping[str, Any]) -> Finding:
    subject = f"Certificate {namespace}/{name_of(found)}"
    show = target.kube("-n", namespace, "describe", "certificate", name_of(found))
    if not is_true(found, "Ready"):
        detail = said(condition(found, "Ready")) + _last_try(target, namespace, name_of(found))
        return failed(
            "certificates", subject, f"not Ready: {detail}", cause="its issuer does not issue it", remedy=show
        )
    renewal = (found.get("status") or {}).get("renewalTime")
    late = target.now() - dt.datetime.fromisoformat(renewal) if renewal else dt.timedelta(0)
    if late > dt.timedelta(hours=1):
        detail = f"its renewal was due {late.days} days and {late.seconds // 3600} hours ago"
        cause = "cert-manager does not run, or its issuer refuses"
        return fine("certificates", subject, detail, warning=True, cause=cause, remedy=show)
    return fine("certificates", subject, "Ready")


def _issued(target: Target, issuer: Issuer) -> Finding:
    host = f"verify-{target.run}.{target.settings.dns.zone}"
    reference = {"group": _GROUP, "kind": "ClusterIssuer", "name": issuer.value}
    target.workspace.make(
        _GROUP,
        _VERSION,
        "certificates",
        {
            "apiVersion": f"{_GROUP}/{_VERSION}",
            "kind": "Certificate",
            "metadata": {"name": _NAME},
            "spec": {
                "secretName": _NAME,
                "dnsNames": [host],
                "issuerRef": reference,
                "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
            },
        },
    )
    path = path_of(_GROUP, _VERSION, "certificates", NAMESPACE, _NAME)
    seconds = _SECONDS if issuer is Issuer.SELF_SIGNED else _ACME_SECONDS
    subject = f"a certificate of {issuer.value}"

    def settled() -> str | None:
        if is_true(target.cluster.get(path), "Ready"):
            return ""
        return _refusal(target)

    problem = target.cluster.until(settled, seconds)
    if problem == "":
        return fine("certificates", subject, "issued")
    if problem is None:
        problem = f"not after {seconds:.0f} s{_last_try(target, NAMESPACE, _NAME)}"
    found = target.cluster.find(path_of(_GROUP, _VERSION, "clusterissuers", name=issuer.value))
    cause = "cert-manager does not run, or does not reach its issuer"
    if found is not None and not is_true(found, "Ready"):
        cause = f"its issuer is not Ready: {_why(target, found)}"
    elif issuer is not Issuer.SELF_SIGNED:
        cause = "the challenge is not answered: cert-manager may not write the zone, or the zone is not delegated"
    elif found is not None:
        cause = _why(target, found)
    logs = target.kube("-n", cert_manager.NAMESPACE, "logs", "deployment/cert-manager", "--tail=20")
    return failed("certificates", subject, problem, cause=cause, remedy=logs)


def _refusal(target: Target) -> str | None:
    """Return what the issuer says where it has refused for good; None while it has not."""
    for request in target.cluster.items(path_of(_GROUP, _VERSION, "certificaterequests", NAMESPACE)):
        state = condition(request, "Ready")
        if state.get("reason") in {"Failed", "Denied"}:
            return f"{state['reason']}: {said(state)}"
    return None


def _last_try(target: Target, namespace: str, certificate: str) -> str:
    """Return what is said of the last request, its order and its challenge: the cause is in the innermost."""
    detail = []
    for request in target.cluster.items(path_of(_GROUP, _VERSION, "certificaterequests", namespace)):
        annotations = request["metadata"].get("annotations") or {}
        if annotations.get("cert-manager.io/certificate-name") == certificate:
            detail = [f"CertificateRequest: {said(condition(request, 'Ready'))}"]
            for plural, kind in (("orders", "Order"), ("challenges", "Challenge")):
                for found in target.cluster.items(path_of(_ACME, "v1", plural, namespace)):
                    owned = name_of(found).startswith(name_of(request))
                    if owned and (reason := (found.get("status") or {}).get("reason")):
                        detail.append(f"{kind}: {reason}")
    return "".join(f"; {each}" for each in detail)


CHECK = Check(
    name="certificates",
    does="reads the issuer and the platform's certificates, and has the issuer sign one of its own",
    ask=certificates,
    seconds=_ACME_SECONDS + 30,
    makes_objects=True,
)
