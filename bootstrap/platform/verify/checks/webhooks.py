"""The addons' admission webhooks answer, and the API server trusts them."""

import base64
import binascii
import datetime as dt
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.verify.checks.addons import has
from bootstrap.platform.verify.cluster import ClusterError
from bootstrap.platform.verify.objects import name_of, path_of
from bootstrap.platform.verify.target import Check, Target
from components.addons import argocd, cert_manager, external_secrets, gateway_api
from components.addons.charts import PINNED
from components.release.probe import WEBHOOK_DOWN, Probe
from conventions import SECRET_STORE

_INJECTORS = {chart.namespace: chart.injector for chart in PINNED if chart.injector is not None}
"""What keeps the caBundle of webhooks, by the namespace of those addons that have some."""
_EXTERNAL_SECRET = Probe(
    addon="External Secrets Operator",
    group="external-secrets.io",
    version="v1",
    kind="ExternalSecret",
    plural="externalsecrets",
    namespace=external_secrets.NAMESPACE,
    spec={
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": SECRET_STORE},
        "target": {"name": "probe"},
        "data": [{"secretKey": "probe", "remoteRef": {"key": "probe"}}],
    },
)
_REQUEST = Probe(
    addon="cert-manager",
    group="cert-manager.io",
    version="v1",
    kind="CertificateRequest",
    plural="certificaterequests",
    namespace=cert_manager.NAMESPACE,
    spec={"issuerRef": {"name": "probe"}, "request": base64.b64encode(b"probe").decode()},
)
"""Its mutating webhook is asked first; whatever it says of a request that is none, it answered."""
PROBES: tuple[Probe, ...] = tuple(
    probe
    for probe in (
        cert_manager.CertManager.probe,
        gateway_api.GatewayApi.probe,
        external_secrets.ExternalSecrets.probe,
        argocd.ArgoCd.probe,
    )
    if probe is not None
)
"""What the API server takes only when an addon serves: the same as between the steps of an update."""
_ANSWERED = (_EXTERNAL_SECRET, _REQUEST)
"""What only has to be answered: for webhooks that the probes do not pass."""


def webhooks(target: Target) -> Iterator[Finding]:
    """Send an object to every addon as a dry run, and read whom the API server trusts as each webhook."""
    for probe in (*PROBES, *_ANSWERED):
        if has(target, probe.group):
            yield from _probe(target, probe)
    yield from _configurations(target)


def _probe(target: Target, probe: Probe) -> Iterator[Finding]:
    subject = f"{probe.kind} of {probe.addon}"
    path = path_of(probe.group, probe.version, probe.plural, probe.namespace)
    try:
        refusal = target.cluster.refusal(path, probe.body)
    except ClusterError as error:
        yield unknown("webhooks", subject, f"it cannot be asked: {error}")
        return
    if refusal is None:
        yield fine("webhooks", subject, "taken")
    elif WEBHOOK_DOWN in refusal:
        cause, remedy = _why(target, probe.namespace, refusal)
        yield failed("webhooks", subject, refusal, cause=cause, remedy=remedy)
    elif probe in _ANSWERED and "webhook" in refusal:
        yield fine("webhooks", subject, "answered")
    else:
        yield failed(
            "webhooks",
            subject,
            refusal,
            cause=f"{probe.addon}'s CRD is not there, its version {probe.version} is not served, or another webhook or "
            "policy refuses",
            remedy=target.kube("get", "crd", f"{probe.plural}.{probe.group}", "-o", "yaml"),
        )


def _why(target: Target, namespace: str, refusal: str) -> tuple[str, str]:
    """Return the likely cause and the remedy of a webhook that could not be asked."""
    injector = _INJECTORS.get(namespace)
    if injector is None:
        kinds = "validatingwebhookconfigurations,mutatingwebhookconfigurations"
        return "somebody else's webhook is asked about it, as the addon has none", target.kube("get", kinds)
    if "x509" in refusal or "certificate" in refusal:
        return (
            "the caBundle of its webhook configuration is not the authority of the certificate that it serves: stale, "
            f"or nobody renews it ({injector})",
            f"{target.restore(namespace)}; "
            f"{target.kube('-n', namespace, 'rollout', 'restart', f'deployment/{injector}')}",
        )
    if "no endpoints" in refusal or "refused" in refusal or "not found" in refusal:
        return "no Pod stands behind its Service", target.kube("-n", namespace, "get", "pods,endpointslices")
    return (
        "the API server does not reach its Pods: a NetworkPolicy, or the tunnel to the nodes",
        target.kube("-n", namespace, "get", "networkpolicies,pods", "-o", "wide"),
    )


def _configurations(target: Target) -> Iterator[Finding]:
    for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations"):
        for found in target.cluster.items(path_of("admissionregistration.k8s.io", "v1", kind)):
            for webhook in found.get("webhooks") or []:
                namespace = (webhook["clientConfig"].get("service") or {}).get("namespace", "")
                injector = _INJECTORS.get(namespace)
                if injector is not None and (wrong := _wrong(webhook, target.now())):
                    yield failed(
                        "webhooks",
                        f"{name_of(found)} of {namespace}",
                        wrong,
                        cause=f"{injector} has not written it, or somebody else did",
                        remedy=target.kube("-n", namespace, "rollout", "restart", f"deployment/{injector}"),
                    )


def _wrong(webhook: Mapping[str, Any], now: dt.datetime) -> str:
    """Return what is wrong with whom the API server trusts as a webhook; empty where nothing is."""
    bundle = webhook["clientConfig"].get("caBundle")
    if not bundle:
        return f"webhook {webhook['name']} has no caBundle"
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=base64.b64decode(bundle, validate=True).decode())
    except (ValueError, ssl.SSLError, binascii.Error):
        return f"the caBundle of webhook {webhook['name']} holds no certificate"
    ends = [ssl.cert_time_to_seconds(str(each["notAfter"])) for each in context.get_ca_certs()]
    if ends and max(ends) <= now.timestamp():
        last = dt.datetime.fromtimestamp(max(ends), dt.UTC)
        return f"the caBundle of webhook {webhook['name']} expired on {last:%Y-%m-%d}"
    return ""


CHECK = Check(
    name="webhooks",
    does="sends an object of each addon as a dry run, which the API server takes only when the webhook answers",
    ask=webhooks,
)
