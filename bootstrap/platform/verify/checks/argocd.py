"""Argo CD: its page, its sign-in, and its applications."""

from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.reach import forwarding
from bootstrap.platform.verify import served
from bootstrap.platform.verify.checks import applications
from bootstrap.platform.verify.objects import path_of
from bootstrap.platform.verify.target import Check, Target
from components.addons import ingress
from components.addons.argocd_access import allowed_ranges
from conventions import ARGO_CD_NAMESPACE, INGRESS_CLASS


def argocd(target: Target) -> Iterator[Finding]:
    """Ask for its page, and read its configuration and its applications."""
    yield _page(target)
    yield from _sign_in(target)
    yield from applications.applications(target)


def _page(target: Target) -> Finding:
    host, door = target.argocd_host, target.door
    if not door.address:
        return unknown("argocd", host, "no address leads to the proxies", forwarding(target.commands))
    try:
        found = served.page(door.address, door.https, host, "/healthz")
    except OSError as error:
        cause, remedy = _why(target, 0)
        return failed("argocd", host, f"/healthz does not answer: {error}", cause=cause, remedy=remedy)
    if found.status == 200 and (wrong := _way(target)) is not None:
        # Traefik keeps the routes that it has rather than have none
        detail = "/healthz still answers, but will stop when Traefik restarts"
        return failed("argocd", host, detail, cause=wrong[0], remedy=wrong[1])
    if found.status == 200:
        return fine("argocd", host, "/healthz answers")
    if found.status == 403 and allowed_ranges(target.settings):
        ranges = ", ".join(allowed_ranges(target.settings))
        return unknown("argocd", host, f"this machine is in none of the ranges that reach the page: {ranges}")
    cause, remedy = _why(target, found.status)
    return failed("argocd", host, f"/healthz answered {found.status}", cause=cause, remedy=remedy)


def _way(target: Target) -> tuple[str, str] | None:
    """Follow the way from the host name to a Pod; return where it ends before, and what fixes it."""
    restore = target.restore(ARGO_CD_NAMESPACE)
    ingresses = target.cluster.items(path_of("networking.k8s.io", "v1", "ingresses", ARGO_CD_NAMESPACE))
    hosts = {str(rule.get("host")): each for each in ingresses for rule in each["spec"].get("rules") or []}
    ours = hosts.get(target.argocd_host)
    if ours is None:
        there = f"; there are those of {', '.join(sorted(hosts))}" if hosts else ""
        return f"namespace {ARGO_CD_NAMESPACE} has no Ingress for this host{there}", restore
    chosen = ours["spec"].get("ingressClassName")
    if chosen != INGRESS_CLASS:
        return f"its Ingress has the class {chosen}, not {INGRESS_CLASS}: another controller's", restore
    if target.cluster.find(path_of("networking.k8s.io", "v1", "ingressclasses", name=INGRESS_CLASS)) is None:
        return f"the IngressClass {INGRESS_CLASS} is gone", target.restore(ingress.NAMESPACE)
    slices = target.cluster.items(
        path_of("discovery.k8s.io", "v1", "endpointslices", ARGO_CD_NAMESPACE),
        labelSelector="kubernetes.io/service-name=argocd-server",
    )
    endpoints = [each for found in slices for each in found.get("endpoints") or []]
    if all((each.get("conditions") or {}).get("ready") is False for each in endpoints):
        show = target.kube("-n", ARGO_CD_NAMESPACE, "get", "pods,service,endpointslices")
        return "Service argocd-server has no ready endpoints", show
    return None


def _why(target: Target, status: int) -> tuple[str, str]:
    """Return why the page does not answer, and what fixes it."""
    if (wrong := _way(target)) is not None:
        return wrong
    if status in {502, 503, 504}:
        policies = target.kube("-n", ARGO_CD_NAMESPACE, "get", "networkpolicies")
        return "Traefik does not reach argocd-server: a NetworkPolicy, or the port of its Service", policies
    logs = target.kube("-n", ingress.NAMESPACE, "logs", "deployment/traefik", "--tail=20")
    return "its Ingress names a middleware or a Service that is not there, or no proxy runs", logs


def _sign_in(target: Target) -> Iterator[Finding]:
    configuration = target.cluster.find(path_of("", "v1", "configmaps", ARGO_CD_NAMESPACE, "argocd-cm"))
    restore = target.restore(ARGO_CD_NAMESPACE)
    if configuration is None:
        cause = "it was deleted"
        yield failed("argocd", "sign-in", "ConfigMap argocd-cm is gone", cause=cause, remedy=restore)
        return
    data, wrong = configuration.get("data") or {}, []
    settings = target.settings.argocd
    if (data.get("admin.enabled") == "true") is not settings.admin_enabled:
        wrong.append(f"admin.enabled is {data.get('admin.enabled')}, argocd.adminEnabled {settings.admin_enabled}")
    if "dex.config" in data:
        wrong.append("Dex is configured")
    if target.cluster.find(path_of("apps", "v1", "deployments", ARGO_CD_NAMESPACE, "argocd-dex-server")):
        wrong.append("Dex runs")
    if data.get("url") != f"https://{target.argocd_host}":
        wrong.append(f"url is {data.get('url')}, which no sign-in comes back to")
    wanted = _issuer(target)
    try:
        oidc = YAML(typ="safe").load(data.get("oidc.config") or "{}")
        issuer, application = str(oidc.get("issuer", "")), str(oidc.get("clientID", ""))
    except (YAMLError, AttributeError):
        issuer, application = "unreadable", ""
    if issuer != wanted:
        wrong.append(f"oidc.config names the issuer {issuer or 'nobody'}, the stack {wanted or 'none'}")
    if settings.sign_in is not None and application != settings.sign_in.application_client_id:
        wrong.append(f"oidc.config names the application {application or 'none'}")
    if wrong:
        cause = "somebody changed argocd-cm by hand, or charts.argoCd.values overrides it"
        yield failed("argocd", "sign-in", "; ".join(wrong), cause=cause, remedy=restore)
        return
    yield fine("argocd", "sign-in", "Entra ID" if wanted else "the admin account, as configured")
    if settings.sign_in is not None:
        # Microsoft Graph is outside this program
        show = f"az ad app federated-credential list --id {settings.sign_in.application_client_id} --query [].issuer"
        detail = f"it has to have a federated credential for {target.outputs.get('oidcIssuer', 'this cluster')}"
        yield unknown("argocd", "the Entra application", detail, show)


def _issuer(target: Target) -> str:
    if target.settings.argocd.sign_in is None or target.settings.azure is None:
        return ""
    return f"https://login.microsoftonline.com/{target.settings.azure.tenant_id}/v2.0"


CHECK = Check(
    name="argocd",
    does="asks its page for /healthz over ingress, and reads its configuration and its applications",
    ask=argocd,
    seconds=applications.PATIENCE_SECONDS + 30,
)
