"""The charts of applications: every option has an effect, and what they share is the same in all of them."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from bootstrap.delivery.overlay.unread import unread
from bootstrap.delivery.overlay.values import read_values
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import HelmError
from settings.merge import merge
from tests.chart_cases import (
    BASE,
    CASES,
    CHARTS,
    CLIENT_ID,
    NAMES,
    SECRET,
    Values,
    before_and_after,
    defaults,
    nested,
    objects,
    options,
    pod_template,
    render,
    schema,
)

OWN_TEMPLATES = {"deployment.yaml", "networkpolicy.yaml"}
"""Those that charts have under one name with different texts."""
OWN_OPTIONS = {"probes", "networkPolicy"}
"""Those that charts have under one name with different keys."""
SWITCHES_OFF = {"secrets.enabled", "ingress.enabled", "probes.liveness.exec", "probes.readiness.exec"}
"""Options whose case leaves others without effect."""

OPTIONS = [(chart, path) for chart in NAMES for path in options(chart)]
SHARED = [
    (chart, option)
    for chart in ("worker", "cron")
    for option in schema(chart)["properties"]
    if option in schema("web")["properties"] and option not in OWN_OPTIONS
]


def of_kind(documents: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [document for document in documents if document["kind"] == kind]


def with_base(chart: str, **values: Any) -> Values:
    return merge(BASE[chart], values)


def secrets(**values: Any) -> Values:
    return {"secrets": {"env": {"TOKEN": "shop-token", "KEY": "shop-key"}, **values}}


def test_every_chart_has_cases():
    assert sorted(path.parent.name for path in CHARTS.glob("*/Chart.yaml")) == sorted(NAMES) == sorted(CASES)


@pytest.mark.parametrize(("chart", "path"), OPTIONS)
def test_every_option_changes_what_is_rendered(chart, path):
    assert path in CASES[chart], f"tests/chart_cases.py has no case for {path} of the chart {chart}"
    before, after = before_and_after(chart, path)
    assert objects(chart, before) != objects(chart, after)


@pytest.mark.parametrize("chart", NAMES)
def test_every_case_is_one_of_an_option(chart):
    assert set(CASES[chart]) - set(options(chart)) == set()


def schemas_of_objects(node: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if "properties" in node and node.get("type") == "object":
            yield path, node
        for key, below in node.items():
            yield from schemas_of_objects(below, f"{path}/{key}")


@pytest.mark.parametrize("chart", NAMES)
def test_a_schema_allows_no_key_that_it_does_not_list(chart):
    found = dict(schemas_of_objects(schema(chart)))
    assert len(found) > 6
    assert [path for path, node in found.items() if node.get("additionalProperties") is not False] == []


def explained(text: str) -> Iterator[str]:
    """Yield the path of every key with a comment beside it, above it, or at a key that it is below."""
    parents: list[tuple[int, str, bool]] = []
    above = False
    for line in text.splitlines():
        if line.lstrip().startswith("#"):
            above = True
            continue
        if found := re.match(r"( *)(\w+):", line):
            depth, key = len(found[1]), found[2]
            parents = [parent for parent in parents if parent[0] < depth]
            told = above or "#" in line or any(parent[2] for parent in parents)
            parents.append((depth, key, told))
            if told:
                yield ".".join(parent[1] for parent in parents)
        above = False


@pytest.mark.parametrize("chart", NAMES)
def test_every_option_has_a_default_and_a_comment(chart):
    told = set(explained((CHARTS / chart / "values.yaml").read_text()))
    # of the platform, not of applications
    for path in set(options(chart)) - {"global"}:
        value: Any = defaults(chart)
        named = []
        for key in path.split("."):
            assert key in value, f"{path} has no default"
            value = value[key]
            named.append(key)
            if value == {}:
                break  # the comment of an empty mapping says what may be in it
        assert ".".join(named) in told, f"{path} has no comment"


def test_templates_that_charts_share_are_the_same():
    texts: dict[str, dict[str, str]] = {}
    for path in CHARTS.glob("*/templates/*"):
        texts.setdefault(path.name, {})[path.parent.parent.name] = path.read_text()
    shared = {name: found for name, found in texts.items() if len(found) > 1 and name not in OWN_TEMPLATES}
    assert {"_helpers.tpl", "_pod.tpl", "_secrets.tpl", "externalsecret.yaml"} <= set(shared)
    assert [name for name, found in shared.items() if len(set(found.values())) > 1] == []


@pytest.mark.parametrize(("chart", "option"), SHARED)
def test_options_that_charts_share_are_the_same(chart, option):
    assert schema(chart)["properties"][option] == schema("web")["properties"][option]
    assert defaults(chart).get(option) == defaults("web").get(option)


@pytest.mark.parametrize("chart", NAMES)
def test_definitions_that_schemas_share_are_the_same(chart):
    for name, definition in schema(chart)["definitions"].items():
        assert definition == schema("web")["definitions"].get(name, definition), name


# --- secrets ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chart", NAMES)
def test_a_pinned_version_is_read_under_a_name_of_its_own_and_a_revert_brings_it_back(chart):
    first, second, reverted = (
        objects(chart, with_base(chart, **secrets(versions={"TOKEN": version}))) for version in ("a1", "b2", "a1")
    )
    names = []
    for documents in (first, second):
        [external] = of_kind(documents, "ExternalSecret")
        [container] = pod_template(documents)["spec"]["containers"]
        names.append(external["metadata"]["name"])
        assert external["spec"]["target"]["name"] == names[-1]
        assert container["envFrom"] == [{"secretRef": {"name": names[-1]}}]
    assert names[0] != names[1]
    assert first == reverted
    remote = {item["secretKey"]: item["remoteRef"] for item in of_kind(second, "ExternalSecret")[0]["spec"]["data"]}
    assert remote == {"KEY": {"key": "shop-key"}, "TOKEN": {"key": "shop-token", "version": "b2"}}


def test_without_a_version_the_secrets_name_stays_whatever_is_read():
    for env in ({"TOKEN": "a"}, {"TOKEN": "b", "KEY": "c"}):
        [external] = of_kind(objects("web", with_base("web", secrets={"env": env})), "ExternalSecret")
        assert external["metadata"]["name"] == "shop-env"


@pytest.mark.parametrize(
    "change",
    [{"store": "other"}, {"property": "value"}, {"env": {"TOKEN": "other"}}],
    ids=lambda change: next(iter(change)),
)
def test_with_a_version_whatever_else_is_read_replaces_the_pods_too(change):
    pinned = with_base("web", **secrets(versions={"TOKEN": "a1"}))
    changed = merge(pinned, {"secrets": change})
    assert pod_template(objects("web", pinned)) != pod_template(objects("web", changed))


@pytest.mark.parametrize("chart", NAMES)
def test_files_are_mounted_as_a_folder_that_the_kubelet_refreshes(chart):
    documents = objects(chart, with_base(chart, secrets={"files": {"tls.key": "shop-key"}}))
    pod = pod_template(documents)["spec"]
    [external] = of_kind(documents, "ExternalSecret")
    assert external["spec"]["data"] == [{"secretKey": "tls.key", "remoteRef": {"key": "shop-key"}}]
    [volume] = [volume for volume in pod["volumes"] if "secret" in volume]
    assert volume["secret"] == {"secretName": external["spec"]["target"]["name"], "defaultMode": 0o440}
    [mount] = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["name"] == volume["name"]]
    assert mount == {"name": volume["name"], "mountPath": "/etc/secrets", "readOnly": True}
    assert "envFrom" not in pod["containers"][0]


def test_a_version_of_a_name_that_is_not_read_is_refused():
    with pytest.raises(
        HelmError, match=r"secrets\.versions: got TOKN; allowed: the names in secrets\.env \(KEY, TOKEN\)"
    ):
        render("web", with_base("web", **secrets(versions={"TOKN": "a1"})))


# --- facts of the platform --------------------------------------------------------------------------------------------

PLATFORM = {
    "ingressClass": "nginx",
    "clusterIssuer": "corporate",
    "secretStore": "shared",
    "dnsZone": "dev.example.com",
}


def found_facts(values: Values) -> tuple[str, str, str, list[str]]:
    documents = objects("web", values)
    [ingress], [external] = of_kind(documents, "Ingress"), of_kind(documents, "ExternalSecret")
    hosts = [rule["host"] for rule in ingress["spec"]["rules"]]
    assert ingress["spec"]["tls"] == [{"hosts": hosts, "secretName": "shop-tls"}]
    issuer = ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"]
    return ingress["spec"]["ingressClassName"], issuer, external["spec"]["secretStoreRef"]["name"], hosts


def without_host() -> Values:
    return {**{key: value for key, value in BASE["web"].items() if key != "ingress"}, **SECRET}


def test_what_is_empty_comes_from_the_platform():
    values = {**without_host(), "global": {"platform": PLATFORM}}
    assert found_facts(values) == ("nginx", "corporate", "shared", ["shop.dev.example.com"])


def test_what_an_application_sets_takes_precedence_over_the_platform():
    own = {
        "ingress": {"host": "a.example.com", "className": "traefik", "issuer": "self-signed"},
        "secrets": {"store": "vault"},
    }
    values = merge({**without_host(), "global": {"platform": PLATFORM}}, own)
    assert found_facts(values) == ("traefik", "self-signed", "vault", ["a.example.com"])


@pytest.mark.parametrize("given", [{}, {"global": {}}, {"global": {"platform": {}}}, {"global": {"platform": None}}])
def test_without_a_platform_the_bootstraps_own_names_are_used(given):
    values = merge(merge(without_host(), {"ingress": {"host": "a.example.com"}}), given)
    assert found_facts(values) == ("traefik", "letsencrypt", "vault", ["a.example.com"])


@pytest.mark.parametrize("chart", NAMES)
def test_secrets_come_from_the_platforms_store_in_every_chart(chart):
    [external] = of_kind(
        objects(chart, with_base(chart, **SECRET, **{"global": {"platform": PLATFORM}})), "ExternalSecret"
    )
    assert external["spec"]["secretStoreRef"]["name"] == "shared"


@pytest.mark.parametrize(
    ("ingress", "hosts"),
    [
        ({"host": "a.example.com", "hosts": ["b.example.com", "a.example.com"]}, ["a.example.com", "b.example.com"]),
        ({"hosts": ["b.example.com", "c.example.com"]}, ["b.example.com", "c.example.com"]),
    ],
)
def test_one_certificate_covers_every_host(ingress, hosts):
    assert found_facts({**without_host(), "ingress": ingress})[3] == hosts


# --- other options ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("seconds", "deadline"), [(2, None), (60, None), (61, None), (300, None), (301, 601), (3600, 3900)]
)
@pytest.mark.parametrize("chart", ["web", "worker"])
def test_a_container_has_its_whole_budget_to_start(chart, seconds, deadline):
    probes = merge({"startupSeconds": seconds}, {"liveness": {"exec": ["true"]}} if chart == "worker" else {})
    [deployment] = of_kind(objects(chart, with_base(chart, probes=probes)), "Deployment")
    probe = deployment["spec"]["template"]["spec"]["containers"][0]["startupProbe"]
    budget = probe["periodSeconds"] * probe["failureThreshold"]
    assert seconds <= budget < seconds + probe["periodSeconds"]
    assert deployment["spec"].get("progressDeadlineSeconds") == deadline
    assert budget < (deadline or 600), "Kubernetes' default"


def test_metrics_are_a_port_that_only_their_namespaces_reach():
    documents = objects("web", with_base("web", metrics={"enabled": True, "namespaces": ["monitoring"]}))
    [service], [policy] = of_kind(documents, "Service"), of_kind(documents, "NetworkPolicy")
    assert {port["name"]: (port["port"], port["targetPort"]) for port in service["spec"]["ports"]} == {
        "http": (80, "http"),
        "metrics": (9090, "metrics"),
    }
    admitted = {
        rule["ports"][0]["port"]: [
            peer["namespaceSelector"]["matchLabels"]["kubernetes.io/metadata.name"] for peer in rule["from"]
        ]
        for rule in policy["spec"]["ingress"]
    }
    assert admitted == {"http": ["traefik"], "metrics": ["monitoring"]}


def test_metrics_of_a_worker_are_the_only_way_in():
    [closed], [opened] = (
        of_kind(objects("worker", with_base("worker", metrics={"enabled": on})), "NetworkPolicy")
        for on in (False, True)
    )
    assert closed["spec"]["ingress"] == []
    assert [rule["ports"] for rule in opened["spec"]["ingress"]] == [[{"port": "metrics", "protocol": "TCP"}]]


def test_an_autoscaler_goes_by_cpu_by_memory_or_by_both():
    for percents, expected in (
        ({}, {"cpu": 70}),
        ({"memoryPercent": 80}, {"cpu": 70, "memory": 80}),
        ({"cpuPercent": 0, "memoryPercent": 80}, {"memory": 80}),
    ):
        values = with_base("web", autoscaling={"enabled": True, **percents})
        [scaler] = of_kind(objects("web", values), "HorizontalPodAutoscaler")
        found = {
            metric["resource"]["name"]: metric["resource"]["target"]["averageUtilization"]
            for metric in scaler["spec"]["metrics"]
        }
        assert found == expected


def test_a_worker_has_neither_service_nor_ingress_and_no_probe_unless_it_is_set():
    documents = objects("worker", BASE["worker"])
    assert sorted(document["kind"] for document in documents) == [
        "Deployment",
        "NetworkPolicy",
        "PodDisruptionBudget",
        "ServiceAccount",
    ]
    [container] = pod_template(documents)["spec"]["containers"]
    assert not {"startupProbe", "livenessProbe", "readinessProbe", "ports", "lifecycle"} & set(container)


def test_a_worker_that_must_never_run_twice_has_no_surge():
    [deployment] = of_kind(objects("worker", with_base("worker", strategy="Recreate")), "Deployment")
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}


def test_an_evicted_run_is_no_failure_and_a_failed_one_runs_in_a_new_pod():
    [cron] = of_kind(objects("cron", BASE["cron"]), "CronJob")
    job = cron["spec"]["jobTemplate"]["spec"]
    assert job["template"]["spec"]["restartPolicy"] == "Never"
    assert job["podFailurePolicy"]["rules"] == [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}
    ]


@pytest.mark.parametrize("chart", NAMES)
def test_pods_of_every_chart_can_do_as_little(chart):
    pod = pod_template(objects(chart, BASE[chart]))["spec"]
    like = pod_template(objects("web", BASE["web"]))["spec"]
    assert pod["securityContext"] == like["securityContext"]
    assert pod["automountServiceAccountToken"] is False
    assert pod["containers"][0]["securityContext"] == like["containers"][0]["securityContext"]


@pytest.mark.parametrize(
    ("chart", "values", "told"),
    [
        (
            "web",
            {"ingress": {"host": ""}},
            r"ingress\.host is empty: set it, ingress\.hosts or global\.platform\.dnsZone",
        ),
        ("web", {"ingress": {"hosts": ["Example.com"]}}, "/ingress/hosts/0"),
        ("web", {"metrics": {"enabled": True, "port": 8080}}, r"metrics\.port: got 8080, which is port"),
        ("web", {"autoscaling": {"enabled": True, "cpuPercent": 0}}, "cpuPercent and memoryPercent are both 0"),
        (
            "worker",
            {"autoscaling": {"enabled": True, "minReplicas": 11}},
            r"got 11; allowed: at most maxReplicas \(10\)",
        ),
        ("web", {"secrets": {"versions": {"TOKEN": 12}}}, "/secrets/versions/TOKEN"),
        ("web", {"secrets": {"files": {"../x": "a"}}}, r"\.\./x"),
        ("web", {"probes": {"startupSeconds": 1}}, "startupSeconds"),
        ("web", {"tolerations": [{"key": "a", "efect": "NoSchedule"}]}, "efect"),
        ("worker", {"probes": {"liveness": {"exec": ["a"], "http": {"path": "/", "port": 8080}}}}, "/probes/liveness"),
        ("worker", {"probes": {"liveness": {"http": {"path": "/"}}}}, "port"),
        ("worker", {"ingress": {"enabled": False}}, "ingress"),
        ("cron", {"schedule": ""}, "schedule"),
        ("cron", {"schedule": "30 2 * *"}, "schedule"),
        ("cron", {"schedule": "TZ=UTC 30 2 * * *"}, "schedule"),
        ("cron", {"concurrencyPolicy": "forbid"}, "concurrencyPolicy"),
        ("cron", {"replicas": 2}, "replicas"),
    ],
)
def test_a_mistake_is_refused(chart, values, told):
    with pytest.raises(HelmError, match=told):
        render(chart, with_base(chart, **values) if "ingress" not in values else merge(BASE[chart], values))


# --- the commands around gitops/ --------------------------------------------------------------------------------------


@pytest.fixture(params=NAMES)
def everything_set(project, request):
    """An application that sets every option of a chart, in an environment."""
    values: Values = dict(BASE[request.param])
    for path, case in CASES[request.param].items():
        if path not in {*SWITCHES_OFF, "image.digest", "global"}:
            values = merge(merge(values, case.given), nested(path, case.value))
    project.write(
        "tenants/shop.yaml",
        f"owner: shop\nchart: {request.param}\nregistries: [example.azurecr.io]\nvaultKeys: [shop-*]\n"
        f"environments: {{dev: {{hosts: [example.com, '*.example.com'], identities: [{CLIENT_ID}]}}}}\n",
    )
    project.write("gitops/apps/shop/values.yaml", "# nothing is common\n")
    project.write("gitops/apps/shop/dev.yaml", dumped(values))
    return project


def dumped(values: Values) -> str:
    return "".join(f"{key}: {json.dumps(value)}\n" for key, value in values.items())


def test_an_application_with_every_option_passes_the_validation(everything_set):
    assert validate(everything_set.root).findings == []


def test_no_option_that_is_set_counts_as_unread(everything_set):
    assert list(unread(read_values(everything_set.root, "shop"))) == []
