"""What the addons must not be able to do, and whom they must not let in, in the objects that real charts render."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from ruamel.yaml import YAML

from bootstrap.platform.plan.registration import Registration
from components.addons.argocd_access import REFERENCE
from conventions import TENANT_KINDS, TENANT_LABEL
from tests.component.conftest import Program
from tests.component.real_charts import NEEDS_CHARTS, containers, objects, pods

pytestmark = NEEDS_CHARTS


def of(p: Program, chart: str, kind: str, name: str | None = None) -> list[dict[str, Any]]:
    """Return the objects of a kind that a chart renders."""
    return [
        item
        for release, item in objects(p)
        if release == chart and item["kind"] == kind and name in (None, item["metadata"]["name"])
    ]


def only(p: Program, chart: str, kind: str, name: str | None = None) -> dict[str, Any]:
    (found,) = of(p, chart, kind, name)
    return found


def middlewares(p: Program) -> dict[str, Registration]:
    """Return the program's own middlewares, as routes and entry points name them."""
    found = p.several("traefik.io/v1alpha1:Middleware")
    named = [(r.inputs["metadata"]["namespace"], r.inputs["metadata"]["name"], r) for r in found]
    return {f"{namespace}-{name}@kubernetescrd": r for namespace, name, r in named}


def arguments(p: Program) -> dict[str, str]:
    """Return Traefik's arguments."""
    (pod,) = [pod for where, _, pod in pods(p, {"Deployment"}) if where.startswith("traefik ")]
    (container,) = containers(pod)
    pairs = [argument.removeprefix("--").partition("=") for argument in container["args"]]
    return {key.lower(): value if separator else "true" for key, separator, value in pairs}


def settings_of_argo_cd(p: Program, name: str = "argocd-cm") -> dict[str, str]:
    data: dict[str, str] = only(p, "argo-cd", "ConfigMap", name)["data"]
    return data


# Traefik


def test_traefik_shows_neither_its_api_nor_its_dashboard(each: Program) -> None:
    given = arguments(each)
    assert {given[f"api.{part}"] for part in ("dashboard", "insecure", "debug")} == {"false"}
    assert of(each, "traefik", "IngressRoute") == []
    for service in of(each, "traefik", "Service"):
        assert {port["name"] for port in service["spec"]["ports"]} == {"web", "websecure"}, "no ping, no metrics"


def test_a_tenants_route_refers_to_nothing_of_another_namespace_or_of_traefik_itself(each: Program) -> None:
    given = arguments(each)
    assert not [key for key in given if key.endswith(("allowcrossnamespace", "allowexternalnameservices"))]
    assert given["providers.kubernetescrd.crossprovidernamespaces"] == "traefik"
    assert given["providers.kubernetesingress.crossprovidernamespaces"] == "argocd", "whose middleware is Traefik's"
    assert given["providers.kubernetescrd.defaulttlsresourcesnamespace"] == "traefik"


def test_gateway_routes_are_held_to_it_too(program: Callable[..., Program]) -> None:
    given = arguments(program("dev", ingress={"gatewayApi": True}))
    assert given["providers.kubernetesgateway.crossprovidernamespaces"] == "traefik"


def test_every_middleware_that_is_referred_to_is_there_before(each: Program) -> None:
    """A router whose middleware is missing serves nothing: on an entry point, that is every router."""
    named = middlewares(each)
    on_entry_points = {
        reference: each.release("traefik")
        for key, value in arguments(each).items()
        if key.endswith("http.middlewares")
        for reference in value.split(",")
    }
    on_ingresses = {
        reference: each.release("argo-cd")
        for ingress in of(each, "argo-cd", "Ingress")
        for reference in ingress["metadata"]["annotations"]
        .get("traefik.ingress.kubernetes.io/router.middlewares", "")
        .split(",")
        if reference
    }
    assert {*on_entry_points, *on_ingresses} == named.keys(), "none is missing, and none is of no use"
    for reference, release in {**on_entry_points, **on_ingresses}.items():
        assert each.waits_for(release, named[reference])
        assert any(each.waits_for(named[reference], crds) for crds in each.several("kubernetes:helm.sh/v4:Chart"))


def test_browsers_use_https_only_where_certificates_are_trusted(dev: Program, local: Program) -> None:
    assert arguments(dev)["entrypoints.websecure.http.middlewares"] == "traefik-security-headers@kubernetescrd"
    spec = middlewares(dev)["traefik-security-headers@kubernetescrd"].inputs["spec"]
    assert spec == {"headers": {"stsSeconds": 31536000, "contentTypeNosniff": True}}
    assert "entrypoints.websecure.http.middlewares" not in arguments(local)


def test_an_application_may_set_that_header_itself(program: Callable[..., Program]) -> None:
    p = program("dev", ingress={"strictTransportSeconds": 0})
    assert "entrypoints.websecure.http.middlewares" not in arguments(p)
    assert "traefik-security-headers@kubernetescrd" not in middlewares(p)


def test_old_versions_of_tls_are_refused(each: Program) -> None:
    spec = only(each, "traefik", "TLSOption", "default")["spec"]
    assert spec["minVersion"] == "VersionTLS12"
    assert spec["cipherSuites"], "without, Go's, of which some have no forward secrecy"
    assert all(
        re.fullmatch(r"TLS_ECDHE_(ECDSA|RSA)_WITH_(AES_\d+_GCM|CHACHA20_POLY1305)_.*", c) for c in spec["cipherSuites"]
    )
    assert arguments(each)["core.stricttlsoptions"] == "true"
    assert "sniStrict" not in spec, "the default certificate would never be served"


def test_without_a_default_certificate_other_hosts_can_be_refused(program: Callable[..., Program]) -> None:
    p = program("dev", ingress={"defaultCertificate": False, "sniStrict": True})
    assert only(p, "traefik", "TLSOption", "default")["spec"]["sniStrict"] is True


def test_requests_are_logged_without_what_they_carry(each: Program) -> None:
    given = arguments(each)
    assert (given["accesslog"], given["accesslog.format"]) == ("true", "json")
    assert given["accesslog.fields.headers.defaultmode"] == "drop"
    assert given["accesslog.fields.queryparameters.defaultmode"] == "drop"
    assert not [key for key in given if key.startswith("accesslog.fields.headers.names")]


def test_nobody_is_believed_who_forwards_another_address(each: Program) -> None:
    assert not [
        key for key in arguments(each) if "trustedips" in key or (key.endswith("insecure") and "api" not in key)
    ]


def test_requests_have_limits(each: Program) -> None:
    given = arguments(each)
    for entry_point in ("web", "websecure"):
        assert given[f"entrypoints.{entry_point}.http.maxheaderbytes"] == "65536"
        assert given[f"entrypoints.{entry_point}.transport.respondingtimeouts.readtimeout"] == "60s"
        assert given[f"entrypoints.{entry_point}.http.underscoreheadersstrategy"] == "delete"


def test_traefik_tells_nobody_that_it_runs(each: Program) -> None:
    given = arguments(each)
    assert given["global.checknewversion"] == "false"
    assert given.get("global.sendanonymoususage", "false") == "false"


# Argo CD


def test_argo_cds_page_is_reached_from_where_the_api_server_is(dev: Program) -> None:
    annotations = only(dev, "argo-cd", "Ingress")["metadata"]["annotations"]
    assert annotations["traefik.ingress.kubernetes.io/router.middlewares"] == REFERENCE
    (cluster,) = dev.several("containerservice:ManagedCluster")
    ranges = cluster.inputs["apiServerAccessProfile"]["authorizedIPRanges"]
    allowed = middlewares(dev)[REFERENCE].inputs["spec"]["ipAllowList"]["sourceRange"]
    assert allowed and set(allowed) <= set(ranges)
    traefik = only(dev, "traefik", "Service")["spec"]
    assert traefik["externalTrafficPolicy"] == "Local", "or the callers' addresses would be the nodes'"


def test_a_stack_names_other_ranges_for_it(program: Callable[..., Program]) -> None:
    p = program("dev", argocd={"allowedRanges": ["198.51.100.0/24", "10.1.0.0/16"]})
    assert middlewares(p)[REFERENCE].inputs["spec"]["ipAllowList"]["sourceRange"] == ["198.51.100.0/24", "10.1.0.0/16"]


def test_a_local_clusters_page_is_open_to_whoever_reaches_the_cluster(local: Program) -> None:
    assert REFERENCE not in middlewares(local)
    annotations = only(local, "argo-cd", "Ingress")["metadata"]["annotations"]
    assert "traefik.ingress.kubernetes.io/router.middlewares" not in annotations


def test_argo_cd_has_no_shell_and_no_anonymous_user(each: Program) -> None:
    found = settings_of_argo_cd(each)
    assert (found["exec.enabled"], found["users.anonymous.enabled"]) == ("false", "false")
    for role in of(each, "argo-cd", "ClusterRole"):
        for rule in role.get("rules") or []:
            assert "pods/exec" not in rule.get("resources", []), role["metadata"]["name"]


TOKEN = {
    "argocd-application-controller",
    "argocd-applicationset-controller",
    "argocd-notifications-controller",
    "argocd-server",
}
"""Parts of Argo CD that ask the API server."""


def test_what_never_asks_the_api_server_has_no_token_for_it(each: Program) -> None:
    mounts = {}
    for where, _, pod in pods(each, {"Deployment", "StatefulSet"}):
        if where.startswith("argo-cd "):
            mounts[where.split()[-1]] = pod.get("automountServiceAccountToken", True)
    assert {name for name, mounted in mounts.items() if mounted} <= TOKEN
    assert mounts["argocd-repo-server"] is False
    account = only(each, "argo-cd", "ServiceAccount", "argocd-repo-server")
    assert account["automountServiceAccountToken"] is False


def test_the_repo_server_keeps_its_identity_all_the_same(program: Callable[..., Program]) -> None:
    url = "https://dev.azure.com/example"
    p = program("dev", argocd={"repositories": [{"name": "azure", "url": url, "kind": "workloadIdentity"}]})
    account = only(p, "argo-cd", "ServiceAccount", "argocd-repo-server")
    assert account["automountServiceAccountToken"] is False
    assert account["metadata"]["annotations"]["azure.workload.identity/client-id"] == "<argocd.clientId>"
    deployment = only(p, "argo-cd", "Deployment", "argocd-repo-server")["spec"]["template"]
    assert deployment["metadata"]["labels"]["azure.workload.identity/use"] == "true", "its webhook mounts the token"
    assert deployment["spec"]["automountServiceAccountToken"] is False


def test_argo_cd_watches_nothing_that_nobody_deploys_and_all_that_tenants_may(each: Program) -> None:
    excluded = {
        (group, kind)
        for rule in YAML(typ="safe").load(settings_of_argo_cd(each)["resource.exclusions"])
        for group in rule["apiGroups"]
        for kind in rule["kinds"]
    }
    assert {
        ("", "Endpoints"),
        ("discovery.k8s.io", "EndpointSlice"),
        ("coordination.k8s.io", "Lease"),
        ("authentication.k8s.io", "TokenReview"),
        ("authorization.k8s.io", "SubjectAccessReview"),
    } <= excluded
    kinds = {(kind.group, kind.kind) for kind in TENANT_KINDS}
    assert len(kinds) > 10 and not kinds & excluded


# External Secrets Operator


def rules(p: Program, chart: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for kind in ("ClusterRole", "Role"):
        for role in of(p, chart, kind):
            for rule in role.get("rules") or []:
                yield f"{kind} {role['metadata']['name']}", rule


def test_the_operator_reads_secrets_from_stores_and_does_nothing_else(each: Program) -> None:
    (pod,) = [pod for where, _, pod in pods(each, {"Deployment"}) if where.endswith(" external-secrets")]
    given = set(pod["containers"][0]["args"])
    assert {
        "--enable-cluster-external-secret-reconciler=false",
        "--enable-push-secret-reconciler=false",
        "--enable-cluster-push-secret-reconciler=false",
    } <= given
    assert "--unsafe-allow-generic-targets=true" not in given


def test_the_operators_rights_are_those_of_what_it_does(each: Program) -> None:
    unused = {
        "clusterexternalsecrets",
        "pushsecrets",
        "clusterpushsecrets",
        "clustergenerators",
        "serviceaccounts/token",
    }
    for where, rule in rules(each, "external-secrets"):
        assert not {part.split("/status")[0] for part in rule["resources"]} & unused, where
        if "namespaces" in rule["resources"]:
            assert set(rule["verbs"]) == {"get", "list", "watch"}, where


def test_the_kinds_that_are_off_keep_their_crds(each: Program) -> None:
    """A CRD that goes takes its objects along, those of stacks that used them before too."""
    kinds = {item["spec"]["names"]["kind"] for item in of(each, "external-secrets", "CustomResourceDefinition")}
    assert {"ClusterExternalSecret", "PushSecret", "ClusterPushSecret", "ClusterGenerator"} <= kinds


def test_the_stores_are_as_the_operators_own_schema_has_them(each: Program) -> None:
    (crd,) = [
        item
        for item in of(each, "external-secrets", "CustomResourceDefinition")
        if item["spec"]["names"]["kind"] == "ClusterSecretStore"
    ]
    (version,) = [v for v in crd["spec"]["versions"] if v["name"] == "v1"]
    condition = version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]["conditions"]["items"]
    for store in each.several(":ClusterSecretStore"):
        for given in store.inputs["spec"]["conditions"]:
            assert given.keys() <= condition["properties"].keys()
    assert TENANT_LABEL.count("/") == 1
