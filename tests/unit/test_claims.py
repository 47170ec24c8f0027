"""What an application may have is what its tenant's file says: hosts, registries and secrets of the vault."""

from pathlib import Path
from typing import Any

import pytest

from bootstrap.delivery.clusters import Cluster
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.route_rule import hosts_of_rule
from bootstrap.delivery.tenants import Tenant
from bootstrap.delivery.validate.claims import check_objects, check_tenants, covers
from tests.claim_tables import DIGEST, HOSTS, IMAGES, KEYS

EVERY = "every host; allowed: hosts that are named, by ` as in Host(`...`)"


def tenant(**given: Any) -> Tenant:
    hosts = given.pop("hosts", [])
    return Tenant.model_validate(
        {
            "owner": "team",
            "chart": "web",
            "registries": ["example.azurecr.io/shop"],
            "environments": {"dev": {"hosts": hosts}},
            **given,
        }
    )


def found(item: dict[str, Any], **given: Any) -> list[tuple[str, str]]:
    """Return what is wrong with an object of shop in dev."""
    claims = check_objects(
        [Object(document={"metadata": {"name": "shop"}, **item})], "shop", tenant(**given), "dev", "x"
    )
    return [(finding.path, finding.message) for finding in claims]


def ingress(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "spec": spec}


def route(match: str, kind: str = "IngressRoute") -> dict[str, Any]:
    return {"apiVersion": "traefik.io/v1alpha1", "kind": kind, "spec": {"routes": [{"match": match}]}}


def pod(image: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "image": image}]}}


def external(**spec: Any) -> dict[str, Any]:
    return {"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "spec": spec}


# --- hosts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pattern", "host", "is_covered"), HOSTS)
def test_a_wildcard_stands_for_one_label(pattern: str, host: str, is_covered: bool) -> None:
    assert covers(pattern, host) is is_covered


def test_an_ingress_may_have_the_tenants_hosts() -> None:
    hosts = ["shop.example.com", "*.shop.example.com"]
    rules = [{"host": "shop.example.com"}, {"host": "www.shop.example.com"}, {"host": "*.shop.example.com"}]
    assert found(ingress(rules=rules, tls=[{"hosts": ["shop.example.com", "a.shop.example.com"]}]), hosts=hosts) == []


@pytest.mark.parametrize(
    ("spec", "path", "message"),
    [
        (
            {"rules": [{"host": "shop.example.com"}, {"host": "www.example.com"}]},
            "spec.rules[1].host",
            "got www.example.com; tenants/shop.yaml allows shop.example.com in dev",
        ),
        ({"rules": [{"http": {"paths": []}}]}, "spec.rules[0].host", EVERY),
        ({"rules": [{"host": ""}]}, "spec.rules[0].host", EVERY),
        ({"defaultBackend": {"service": {"name": "shop"}}}, "spec.defaultBackend", EVERY),
        (
            {"rules": [{"host": "*.example.com"}]},
            "spec.rules[0].host",
            "got *.example.com; tenants/shop.yaml allows shop.example.com in dev",
        ),
        (
            {"rules": [{"host": "shop.example.com"}], "tls": [{"hosts": ["shop.example.com", "bank.example.com"]}]},
            "spec.tls[0].hosts",
            "got bank.example.com; tenants/shop.yaml allows shop.example.com in dev",
        ),
    ],
)
def test_a_host_of_an_ingress_that_is_not_the_tenants_is_found(spec: dict[str, Any], path: str, message: str) -> None:
    assert found(ingress(**spec), hosts=["shop.example.com"]) == [(path, message)]


def test_without_hosts_the_message_says_that_there_are_none() -> None:
    [(_, message)] = found(ingress(rules=[{"host": "shop.example.com"}]))
    assert message == "got shop.example.com; tenants/shop.yaml allows no host in dev"


def test_hosts_of_another_environment_are_not_this_ones() -> None:
    both = tenant(environments={"dev": {"hosts": ["shop.dev.example.com"]}, "prod": {"hosts": ["shop.example.com"]}})
    item = Object(document={**ingress(rules=[{"host": "shop.example.com"}]), "metadata": {"name": "shop"}})
    assert list(check_objects([item], "shop", both, "prod", "x")) == []
    assert len(list(check_objects([item], "shop", both, "dev", "x"))) == 1


@pytest.mark.parametrize(
    "match",
    [
        "Host(`a.example.com`)",
        'Host("a.example.com")',
        "Host(`a.example.com`) || Host(`b.example.com`)",
        "Host(`a.example.com`) && PathPrefix(`/x`)",
        "PathPrefix(`/x`) && Host(`a.example.com`)",
        "Host(`a.example.com`) && !PathPrefix(`/admin`)",
        "(Host(`a.example.com`) || Host(`b.example.com`)) && (PathPrefix(`/x`) || Method(`GET`))",
        "Host(`a.example.com`) && PathRegexp(`^/(a|b)||!(c)$`)",
        "Host(`a.example.com`) && HostRegexp(`.*`)",
        "host(`a.example.com`)||HOST(`b.example.com`)",
    ],
)
def test_a_route_to_the_tenants_hosts_is_fine(match: str) -> None:
    assert found(route(match), hosts=["a.example.com", "b.example.com"]) == []


@pytest.mark.parametrize(
    "match",
    [
        "PathPrefix(`/`)",
        "Host(`a.example.com`) || PathPrefix(`/`)",
        "PathPrefix(`/`) || Host(`a.example.com`) && Method(`GET`)",
        "(Host(`a.example.com`) || PathPrefix(`/`))",
        "!Host(`a.example.com`)",
        "!(Host(`a.example.com`))",
        "! (PathPrefix(`/`) && Host(`a.example.com`))",
        "HostRegexp(`^.+$`)",
        "Host(`a.example.com`) || HostRegexp(`^.+$`)",
        "Host()",
        "Host(`a.example.com`) ||",
        "(Host(`a.example.com`)",
        "Host(`a.example.com`) Host(`b.example.com`)",
        "",
        "(" * 5000,
    ],
)
def test_a_route_that_may_match_every_host_is_found(match: str) -> None:
    assert hosts_of_rule(match) is None
    assert found(route(match), hosts=["a.example.com"]) == [("spec.routes[0].match", EVERY)]


@pytest.mark.parametrize(
    "match",
    [
        "Host(`a.example.com`) || Host(`bank.example.com`)",
        "Host(`a.example.com`, `bank.example.com`)",
        "Host(`a.example.com`) || (PathPrefix(`/`) && Host(`bank.example.com`))",
        "PathPrefix(`Host(a.example.com)`) && Host(`bank.example.com`)",
    ],
)
def test_an_alternative_with_another_host_is_found(match: str) -> None:
    message = "got bank.example.com; tenants/shop.yaml allows a.example.com in dev"
    assert found(route(match), hosts=["a.example.com"]) == [("spec.routes[0].match", message)]


def test_routes_of_tcp_are_held_to_their_names_and_those_of_udp_have_none() -> None:
    hosts = ["a.example.com"]
    assert found(route("HostSNI(`a.example.com`)", "IngressRouteTCP"), hosts=hosts) == []
    [(path, message)] = found(route("HostSNI(`*`)", "IngressRouteTCP"), hosts=hosts)
    assert path == "spec.routes[0].match" and message.startswith("got *; ")
    assert found({"kind": "IngressRouteUDP", "spec": {"routes": [{}]}}, hosts=hosts) == [("spec.routes", EVERY)]


# --- registries ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("registry", "image", "is_allowed"), IMAGES)
def test_an_image_has_to_be_of_the_tenants_registry(registry: str, image: str, is_allowed: bool) -> None:
    message = f"got {image}; tenants/shop.yaml allows images of {registry}"
    assert found(pod(image), registries=[registry]) == ([] if is_allowed else [("image", message)])


def test_one_of_several_registries_is_enough() -> None:
    assert found(pod("nginx"), registries=["other.example.com", "docker.io/library"]) == []


def test_a_volume_that_is_an_image_is_one() -> None:
    volumes = [{"name": "a", "image": {"reference": "evil.example.net/a:1"}}, {"name": "b", "emptyDir": {}}]
    item = {"apiVersion": "v1", "kind": "Pod", "spec": {"volumes": volumes}}
    assert [path for path, _ in found(item)] == ["image"]


def test_where_digests_are_asked_for_a_tag_is_not_enough() -> None:
    pinned = {"environments": {"dev": {"digests": True}}}
    image = "example.azurecr.io/shop:1"
    message = f"got {image}, without a digest; tenants/shop.yaml asks for one in dev"
    assert found(pod(image), **pinned) == [("image", message)]
    for other in (f"{image}@sha512:{'a' * 128}", f"{image}@x", f"{image}@sha256:abc"):
        assert [path for path, _ in found(pod(other), **pinned)] == ["image"], "the cluster refuses it too"
    assert found(pod(f"{image}@{DIGEST}"), **pinned) == found(pod(image)) == []


# --- identities ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("allowed", "told"), [([], "no identity"), (["11111111-1111-1111-1111-111111111111"], "11111111-")]
)
def test_a_service_account_signs_in_as_nobody_that_the_tenant_does_not_name(allowed: list[str], told: str) -> None:
    environments = {"dev": {"identities": allowed}}
    name, client = "azure.workload.identity/client-id", "3f1c0a52-9d4e-4b7a-8c66-0e5d7b2a9f10"
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "a", "annotations": {name: client}}}
    [(path, message)] = found(account, environments=environments)
    assert path == f"metadata.annotations.{name}" and f"got {client}; tenants/shop.yaml allows {told}" in message
    assert found(account, environments={"dev": {"identities": [*allowed, client]}}) == []


# --- secrets of the vault --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("pattern", "key", "is_allowed"), KEYS)
def test_a_key_has_to_be_of_the_tenants_names(pattern: str, key: str, is_allowed: bool) -> None:
    places = [path for path, _ in found(external(data=[{"remoteRef": {"key": key}}]), vaultKeys=[pattern])]
    assert places == ([] if is_allowed else ["spec.data[0].remoteRef.key"])


def test_the_store_may_be_named_for_one_key() -> None:
    source = {"storeRef": {"kind": "ClusterSecretStore", "name": "vault"}}
    spec = {"data": [{"remoteRef": {"key": "shop-a"}, "sourceRef": source}], "dataFrom": [{"sourceRef": source}]}
    assert found(external(**spec), vaultKeys=["shop-*"]) == []


def test_a_secret_by_its_name_or_its_beginning_is_fine() -> None:
    data = [{"remoteRef": {"key": key}} for key in ("shared-token", "shop-a", "shop-")]
    spec = {"data": data, "dataFrom": [{"extract": {"key": "shop-all"}}]}
    assert found(external(**spec), vaultKeys=["shared-token", "shop-*"]) == []


@pytest.mark.parametrize(
    ("spec", "path", "given"),
    [
        ({"data": [{"remoteRef": {"key": "shared-token-2"}}]}, "spec.data[0].remoteRef.key", "got 'shared-token-2'"),
        ({"data": [{"remoteRef": {"key": "shop"}}]}, "spec.data[0].remoteRef.key", "got 'shop'"),
        ({"data": [{"remoteRef": {"key": "cert/bank"}}]}, "spec.data[0].remoteRef.key", "got 'cert/bank'"),
        (
            {"data": [{"remoteRef": {"key": "shop-a"}, "sourceRef": {"generatorRef": {}}}]},
            "spec.data[0].sourceRef",
            "secrets that it does",
        ),
        ({"data": [{}]}, "spec.data[0].remoteRef.key", "got 'None'"),
        ({"dataFrom": [{"extract": {"key": "bank"}}]}, "spec.dataFrom[0].extract.key", "got 'bank'"),
        ({"dataFrom": [{"find": {"name": {"regexp": "shop-.*"}}}]}, "spec.dataFrom[0].find", "secrets that it does"),
        ({"dataFrom": [{"sourceRef": {"generatorRef": {}}}]}, "spec.dataFrom[0].sourceRef", "secrets that it does"),
    ],
)
def test_another_secret_is_found(spec: dict[str, Any], path: str, given: str) -> None:
    [(place, message)] = found(external(**spec), vaultKeys=["shared-token", "shop-*", "find", "sourceRef"])
    assert place == path and message.startswith(given)
    assert message.endswith("; tenants/shop.yaml allows shared-token, shop-*, find, sourceRef")


def test_without_names_no_secret_may_be_read() -> None:
    [(_, message)] = found(external(data=[{"remoteRef": {"key": "shop-a"}}]))
    assert message == "got 'shop-a'; tenants/shop.yaml allows no secret"


def test_what_routes_and_reads_nothing_is_fine() -> None:
    assert found({"kind": "ConfigMap", "data": {"host": "bank.example.com", "image": "nginx"}}) == []


# --- tenants beside each other ---------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "gitops/charts/web").mkdir(parents=True)
    (tmp_path / "gitops/charts/web/Chart.yaml").touch()
    for file in ("tenants/shop.yaml", "gitops/apps/shop/values.yaml"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return tmp_path


def cluster(name: str = "dev", environment: str = "dev", layers: tuple[str, ...] = ("dev",)) -> Cluster:
    return Cluster(
        name=name,
        environment=environment,
        layers=layers,
        repo_url="",
        revision="main",
        production=False,
        facts={},
    )


def beside(
    root: Path, tenants: dict[str, Tenant], *, complete: bool = True, **given: Any
) -> list[tuple[str, str, str]]:
    clusters, apps = given.get("clusters", [cluster()]), given.get("apps", ["shop"])
    findings = check_tenants(root, tenants, clusters, apps, complete=complete)
    return [(finding.where, finding.path, finding.message) for finding in findings]


def test_a_tenant_whose_chart_and_environment_are_there_is_fine(root: Path) -> None:
    (root / "gitops/apps/shop/dev.yaml").touch()
    assert beside(root, {"shop": tenant()}) == []


@pytest.mark.parametrize("app", ["default", "root"])
def test_a_tenant_takes_no_project_that_is_there_already(root: Path, app: str) -> None:
    message = f"{app!r} is a project of Argo CD's or the platform's"
    assert beside(root, {app: tenant()}, apps=[]) == [(f"tenants/{app}.yaml", "", message)]


def test_an_unknown_chart_is_found(root: Path) -> None:
    message = "got 'wep'; allowed: a folder of gitops/charts that has a Chart.yaml"
    assert beside(root, {"shop": tenant(chart="wep")}) == [("tenants/shop.yaml", "chart", message)]


def test_an_unknown_environment_is_found_unless_a_stack_file_cannot_be_read(root: Path) -> None:
    tenants = {"shop": tenant(environments={"dev": None, "stage": None})}
    message = "no stack file has this environment; there are: dev"
    assert beside(root, tenants) == [("tenants/shop.yaml", "environments.stage", message)]
    assert beside(root, tenants, complete=False) == []


@pytest.mark.parametrize(
    ("one", "other", "clash"),
    [
        ("www.example.com", "www.example.com", True),
        ("*.example.com", "www.example.com", True),
        ("www.example.com", "*.example.com", True),
        ("*.example.com", "example.com", False),
        ("a.example.com", "b.example.com", False),
    ],
)
def test_a_host_that_two_tenants_have_in_one_environment_is_found(
    root: Path, one: str, other: str, clash: bool
) -> None:
    found_ = beside(root, {"bank": tenant(hosts=[one]), "shop": tenant(hosts=["own.example.org", other])})
    assert [where_and_path[:2] for where_and_path in found_] == (
        [("tenants/shop.yaml", "environments.dev.hosts[1]")] if clash else []
    )
    assert all("bank" in message for _, _, message in found_)


def test_two_tenants_may_have_one_host_in_two_environments_and_one_may_have_it_twice(root: Path) -> None:
    hosts = {"hosts": ["www.example.com", "*.example.com"]}
    tenants = {"bank": tenant(environments={"prod": hosts}), "shop": tenant(environments={"dev": hosts})}
    assert beside(root, tenants, clusters=[cluster(), cluster("prod", "prod", ("prod",))]) == []


def test_names_that_traefik_would_confuse_are_found_in_one_environment(root: Path) -> None:
    message = "Traefik could take objects of shop for ones of shop-api; allowed: no name that begins shop-"
    assert beside(root, {"shop": tenant(), "shop-api": tenant(), "shopper": tenant()}) == [
        ("tenants/shop-api.yaml", "", message)
    ]
    apart = {"shop": tenant(environments={"prod": None}), "shop-api": tenant()}
    assert beside(root, apart, clusters=[cluster(), cluster("prod", "prod", ("prod",))]) == []


def test_values_that_no_tenant_stands_for_are_found(root: Path) -> None:
    message = "nothing makes an Application of it: tenants/cart.yaml is missing"
    assert beside(root, {"shop": tenant()}, apps=["cart", "shop"]) == [("gitops/apps/cart", "", message)]


def test_values_of_a_tenant_whose_file_is_broken_are_not_blamed(root: Path) -> None:
    assert beside(root, {}) == []


def test_a_layer_that_no_cluster_reads_is_found_unless_a_stack_file_cannot_be_read(root: Path) -> None:
    for layer in ("production", "dev", "dev-weu", "prod"):
        (root / f"gitops/apps/shop/{layer}.yaml").touch()
    clusters = [cluster(layers=("production", "dev")), cluster("prod", "prod", ("production", "prod"))]
    message = "no cluster of shop reads it; read are: dev, production"
    assert beside(root, {"shop": tenant()}, clusters=clusters) == [
        ("gitops/apps/shop/dev-weu.yaml", "", message),
        ("gitops/apps/shop/prod.yaml", "", message),
    ]
    assert beside(root, {"shop": tenant()}, clusters=clusters, complete=False) == []
