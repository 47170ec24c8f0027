"""What production must not have by way of ``charts.<addon>.values``, which are merged over the program's own, last.

A closed list: each entry names a value of a pinned chart that opens the platform, and where that is described. The
program sets or inherits a safe value for each, so that what the stack file gives is what counts in the merged values.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from settings.addons import ArgoCd, ChartOverride, Charts, GitOps
from settings.argocd_policy import beyond_restart, fields_of
from settings.report import Path, Problem, guarded
from settings.rules import rule

ANY = "*"
"""In a path: every key of a mapping, or every item of a list."""


class Guard(NamedTuple):
    """A value that opens the platform."""

    section: str
    """Section of ``charts``."""
    path: tuple[str, ...]
    """Keys that lead to it."""
    opens: Callable[[Any], bool]
    """Whether a value there opens it."""
    allowed: str
    """What is allowed in its place."""
    source: str
    """Where that is described."""


def on(value: object) -> bool:
    """Tell whether a program that is given a value in a chart takes it for true."""
    return str(value).strip().lower() in {"true", "t", "1", "yes", "on"}


def _other_than(*allowed: object) -> Callable[[Any], bool]:
    return lambda value: value not in allowed


def _has(pattern: str) -> Callable[[Any], bool]:
    compiled = re.compile(pattern, re.IGNORECASE)
    return lambda value: compiled.search(str(value)) is not None


_LOOPBACK = frozenset({"127.0.0.1", "localhost"})


def _plain_http(value: object) -> bool:
    return str(value).strip().lower().startswith("http://")


def _empty(value: object) -> bool:
    return not value


_OFF = "false, or leave it out"
_ARGO_CD = "https://argo-cd.readthedocs.io/en/stable"
_CM = f"{_ARGO_CD}/operator-manual/argocd-cm-yaml/"
_PARAMS = f"{_ARGO_CD}/operator-manual/argocd-cmd-params-cm-yaml/"
_RBAC = f"{_ARGO_CD}/operator-manual/rbac/"
_REPOSITORIES = f"{_ARGO_CD}/operator-manual/declarative-setup/#repositories"
_TRAEFIK = "https://doc.traefik.io/traefik/reference/install-configuration"
_CRD = f"{_TRAEFIK}/providers/kubernetes/kubernetes-crd/"
_POINTS = f"{_TRAEFIK}/entrypoints/"
_LOGS = f"{_TRAEFIK}/observability/logs-and-accesslogs/"
_STORES = "https://external-secrets.io/latest/guides/security-best-practices/"
_UPDATER = "https://argocd-image-updater.readthedocs.io/en/stable"
# switches that begin with api., global or a provider's name, as Traefik reads them whatever their case
_SWITCH = (
    r"^--(api\.(insecure|debug)|serverstransport\.insecureskipverify|providers\.kubernetes\w+\.allow(crossnamespace|"
    r"externalnameservices)|entrypoints\.\w+\.(forwardedheaders|proxyprotocol)\.insecure)(=(true|t|1))?$"
)

GUARDS: tuple[Guard, ...] = (
    Guard("argoCd", ("configs", "cm", "users.anonymous.enabled"), on, _OFF, f"{_RBAC}#anonymous-access"),
    Guard("argoCd", ("configs", "cm", "admin.enabled"), on, "false, with argocd.signIn instead", _CM),
    Guard("argoCd", ("configs", "cm", "exec.enabled"), on, _OFF, f"{_ARGO_CD}/operator-manual/web_based_terminal/"),
    Guard("argoCd", ("configs", "cm", "oidc.tls.insecure.skip.verify"), on, _OFF, _CM),
    Guard("argoCd", ("configs", "cm", "kustomize.buildOptions"), _has("--enable-(exec|alpha-plugins)"), _OFF, _CM),
    Guard(
        "argoCd", ("configs", "rbac", "policy.default"), _other_than("", "role:readonly"), "'', role:readonly", _RBAC
    ),
    # the policies are read as globs here
    Guard("argoCd", ("configs", "rbac", "policy.matchMode"), _other_than("glob"), "glob, or leave it out", _RBAC),
    Guard("argoCd", ("configs", "params", "server.disable.auth"), on, _OFF, _PARAMS),
    Guard("argoCd", ("configs", "params", "reposerver.allow.oob.symlinks"), on, _OFF, _PARAMS),
    Guard("argoCd", ("configs", "repositories", ANY, "url"), _plain_http, "https://, or over SSH", _REPOSITORIES),
    Guard("argoCd", ("configs", "repositories", ANY, "insecure"), on, _OFF, _REPOSITORIES),
    Guard("argoCd", ("configs", "repositories", ANY, "insecureIgnoreHostKey"), on, _OFF, _REPOSITORIES),
    Guard(
        "argoCd", ("configs", "credentialTemplates", ANY, "url"), _plain_http, "https://, or over SSH", _REPOSITORIES
    ),
    Guard("argoCd", ("configs", "credentialTemplates", ANY, "insecure"), on, _OFF, _REPOSITORIES),
    Guard("argoCd", ("server", "extraArgs", ANY), _has("^--disable-auth"), "without --disable-auth", _PARAMS),
    Guard("argoCd", ("server", "service", "type"), _other_than("ClusterIP"), "ClusterIP, behind the ingress", _PARAMS),
    Guard("argoCd", ("repoServer", "clusterRoleRules", "enabled"), on, _OFF, f"{_ARGO_CD}/operator-manual/security/"),
    Guard("traefik", ("api", "insecure"), on, _OFF, f"{_TRAEFIK}/api-dashboard/"),
    Guard("traefik", ("api", "debug"), on, _OFF, f"{_TRAEFIK}/api-dashboard/"),
    Guard("traefik", ("ingressRoute", "dashboard", "enabled"), on, _OFF, f"{_TRAEFIK}/api-dashboard/"),
    Guard("traefik", ("ports", "traefik", "expose", "default"), on, _OFF, f"{_TRAEFIK}/api-dashboard/"),
    Guard("traefik", ("ports", "metrics", "expose", "default"), on, _OFF, f"{_TRAEFIK}/observability/metrics/"),
    Guard("traefik", ("ports", ANY, "forwardedHeaders", "insecure"), on, _OFF, f"{_POINTS}#forwarded-headers"),
    Guard("traefik", ("ports", ANY, "proxyProtocol", "insecure"), on, _OFF, f"{_POINTS}#proxyprotocol"),
    Guard("traefik", ("providers", "kubernetesCRD", "allowCrossNamespace"), on, _OFF, _CRD),
    Guard("traefik", ("providers", "kubernetesCRD", "allowExternalNameServices"), on, _OFF, _CRD),
    Guard("traefik", ("providers", "kubernetesIngress", "allowExternalNameServices"), on, _OFF, _CRD),
    # the chart leaves an empty list out, and Traefik then refuses nothing
    *(
        Guard("traefik", ("providers", provider, "crossProviderNamespaces"), _empty, "a list of namespaces", _CRD)
        for provider in ("kubernetesCRD", "kubernetesIngress", "kubernetesGateway")
    ),
    Guard(
        "traefik",
        ("providers", "kubernetesCRD", "defaultTLSResourcesNamespace"),
        _other_than("traefik"),
        "traefik",
        _CRD,
    ),
    Guard(
        "traefik",
        ("tlsOptions", "default", "minVersion"),
        _other_than("VersionTLS12", "VersionTLS13"),
        "VersionTLS12, VersionTLS13",
        "https://doc.traefik.io/traefik/reference/routing-configuration/http/tls/tls-options/",
    ),
    Guard(
        "traefik",
        ("accessLog", "fields", "headers", "defaultMode"),
        _other_than("drop", "redact"),
        "drop, redact",
        _LOGS,
    ),
    Guard("traefik", ("additionalArguments", ANY), _has(_SWITCH), "without it", f"{_TRAEFIK}/configuration-options/"),
    Guard("externalSecrets", ("rbac", "serviceAccountTokenCreate"), on, _OFF, _STORES),
    Guard("externalSecrets", ("genericTargets", "enabled"), on, _OFF, _STORES),
    Guard("externalSecrets", ("systemAuthDelegator",), on, _OFF, _STORES),
    Guard(
        "certManager",
        ("extraArgs", ANY),
        _has("^--issuer-ambient-credentials(=true)?$"),
        "without it, as any namespaced Issuer would sign in as cert-manager",
        "https://cert-manager.io/docs/configuration/acme/dns01/#ambient-credentials",
    ),
    Guard("imageUpdater", ("createClusterRoles",), on, _OFF, f"{_UPDATER}/basics/update-methods/"),
    Guard("imageUpdater", ("rbac", "enabled"), on, _OFF, f"{_UPDATER}/basics/update-methods/"),
    Guard("imageUpdater", ("config", "registries", ANY, "insecure"), on, _OFF, f"{_UPDATER}/configuration/registries/"),
    Guard(
        "imageUpdater",
        ("config", "registries", ANY, "api_url"),
        _plain_http,
        "https://",
        f"{_UPDATER}/configuration/registries/",
    ),
)
"""Every such value."""


class _Lost(NamedTuple):
    """Stands for what a mapping of the program's would hold, where something else takes its place."""

    value: object


@rule
def closed_charts(production: bool, charts: Charts) -> Iterator[Problem]:
    """Each with its own source: ``GUARDS``."""
    if production:
        overrides = _overrides(charts)
        for guard in GUARDS:
            yield from guarded(_opened(guard, overrides[guard.section].values))


@rule
def policies_of_charts(production: bool, charts: Charts) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/#policy-csv-composition."""
    given = charts.argo_cd.values.get("configs")
    rbac = given.get("rbac") if isinstance(given, Mapping) else None
    if not production or not isinstance(rbac, Mapping):
        return
    for key, text in rbac.items():
        if re.fullmatch(r"policy(\.\w+)*\.csv", str(key)) and isinstance(text, str):
            for line in filter(None, map(str.strip, text.splitlines())):
                if not line.startswith("#") and (why := beyond_restart(line)):
                    yield Problem(("charts", "argoCd", "values", "configs", "rbac", key), why)


@rule
def actions_of_policies(production: bool, argocd: ArgoCd) -> Iterator[Problem]:
    """https://argo-cd.readthedocs.io/en/stable/operator-manual/app-sync-using-impersonation/#feature-scope.

    What somebody does on the page is done with Argo CD's own rights, whichever account applies the application.
    """
    admins = {str(group) for group in (argocd.sign_in.admin_groups if argocd.sign_in is not None else ())}
    if production:
        for index, line in enumerate(argocd.policies):
            yield from guarded(_action(index, line, admins))


def _action(index: int, line: str, admins: set[str]) -> Iterator[Problem]:
    if (why := beyond_restart(line)) and fields_of(line)[1] not in admins:
        yield Problem(("argocd", "policies", index), why)


@rule
def encrypted_repositories(production: bool, argocd: ArgoCd, gitops: GitOps, charts: Charts) -> Iterator[Problem]:
    """Who changes what is read on its way decides what runs, and reads the credential.

    https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#https-username-and-password-credential
    """
    if not production:
        return
    urls: dict[Path, str | None] = {
        ("gitops", "repoUrl"): gitops.repo_url,
        ("gitops", "platform", "repoUrl"): gitops.platform.repo_url,
        ("charts", "mirror"): charts.mirror,
    }
    urls |= {("argocd", "repositories", i, "url"): found.url for i, found in enumerate(argocd.repositories)}
    urls |= {("charts", key, "repository"): override.repository for key, override in _overrides(charts).items()}
    for path, url in urls.items():
        # nothing is between a machine and itself, such as where a deployment is rehearsed
        if url is not None and _plain_http(url) and urlsplit(str(url)).hostname not in _LOOPBACK:
            yield Problem(path, f"got {url!r}; allowed in production: https://{url.partition('://')[2]}")


def _overrides(charts: Charts) -> dict[str, ChartOverride]:
    """Return the overrides by their keys in the stack file."""
    found = {field.alias or name: getattr(charts, name) for name, field in Charts.model_fields.items()}
    return {key: override for key, override in found.items() if isinstance(override, ChartOverride)}


def _opened(guard: Guard, values: Mapping[str, Any]) -> Iterator[Problem]:
    for path, value in _given(values, guard.path, ()):
        place = ("charts", guard.section, "values", *path)
        if isinstance(value, _Lost):
            yield Problem(place, f"got {value.value!r}; allowed in production: a mapping, as what guards is below it")
        elif guard.opens(value):
            yield Problem(place, f"got {value!r}; allowed in production: {guard.allowed}")


def _given(node: object, keys: tuple[str, ...], at: Path) -> Iterator[tuple[Path, Any]]:
    """Yield what stands at a path, and where: every match, or what took the place of a mapping on the way."""
    if not keys:
        yield at, node
        return
    key, below = keys[0], keys[1:]
    if key == ANY:
        pairs = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
        for name, item in pairs:
            if isinstance(item, Mapping) or not below:
                yield from _given(item, below, (*at, name))
    elif isinstance(node, Mapping):
        if key in node:
            yield from _given(node[key], below, (*at, key))
    else:
        yield at, _Lost(node)
