"""Rules on metrics: what Prometheus takes, of metrics that are scraped, of pods that are there, mended by a page."""

import json
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import promql_parser
import pytest

from components.addons.metrics_scraping import KEY, NAME, NAMESPACE, scrape_config
from components.azure.metric_alerts import RUNBOOK, MetricRule, rules
from components.azure.naming import pool_name
from components.scraping import JOBS, STATE_METRICS
from settings.pools import NodePool, SystemPool
from tests.component.conftest import ALERTING, ROOT, Program
from tests.component.real_charts import CHARTS, NEEDS_CHARTS, PERMANENT, objects

ZONES = ("1", "2", "3")
POOLS = [
    NodePool.model_validate({"vmSize": "Standard_D8ds_v5", **pool})
    for pool in (
        {"name": "apps", "minCount": 3, "maxCount": 12},
        {"name": "win", "os": "windows", "minCount": 0, "maxCount": 2},
        {"name": "fixed", "minCount": 2, "maxCount": 2},
    )
]
RULES = rules(SystemPool(), POOLS, ZONES)
by_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def selectors(expression: str) -> list[Any]:
    """Return the selectors of series in an expression, as the parser of Prometheus' language finds them."""
    found = []

    def walk(node: Any) -> None:
        if isinstance(node, promql_parser.VectorSelector):
            found.append(node)
        for name in ("lhs", "rhs", "expr", "param"):
            below = getattr(node, name, None)
            if below is not None and not isinstance(below, (str, float)):
                walk(below)
        for below in getattr(node, "args", None) or ():
            walk(below)

    walk(promql_parser.parse(expression))
    return found


@by_rule
def test_an_expression_reads_only_what_is_scraped(rule: MetricRule) -> None:
    scraped = {metric for job in JOBS for metric in job.metrics} | STATE_METRICS | {"up"}
    read = {selector.name for selector in selectors(rule.expression)}
    assert read and read <= scraped


def test_what_is_scraped_is_read_by_a_rule() -> None:
    read = {selector.name for rule in RULES for selector in selectors(rule.expression)}
    assert {metric for job in JOBS for metric in job.metrics} | STATE_METRICS <= read


def test_every_job_is_missed_when_nothing_is_read_of_it() -> None:
    (missing,) = [rule for rule in RULES if rule.name == "MetricsMissing"]
    for job in [*(job.name for job in JOBS), "kube-state-metrics"]:
        assert f'absent(up{{job="{job}"}})' in missing.expression


@by_rule
def test_a_rule_has_a_section_of_the_runbook_with_a_command(rule: MetricRule) -> None:
    page, _, anchor = rule.runbook.partition("#")
    sections = re.split(r"^## ", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    (section,) = [text for text in sections if text.partition("\n")[0].lower() == anchor]
    assert "$ kubectl" in section


def test_every_section_of_the_runbook_is_a_rule_s() -> None:
    headings = re.findall(r"^## (\w+)$", (ROOT / RUNBOOK).read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert sorted(headings) == sorted(rule.name for rule in RULES)


@pytest.mark.parametrize(
    ("node", "pool"),
    [
        ("aks-system-12345678-vmss000000", "system"),
        (f"aks-{pool_name(POOLS[0], ZONES)}-31415926-vmss00000a", "apps"),
        (f"aks{pool_name(POOLS[1], ZONES)}000001", "win"),
        (f"aks-{pool_name(POOLS[2], ZONES)}-31415926-vmss000000", None),
        ("aks-apps-31415926-vmss000000", None),
    ],
)
def test_a_node_counts_for_its_own_pool_where_that_grows(node: str, pool: str | None) -> None:
    (rule,) = [rule for rule in RULES if rule.name == "NodePoolAtItsLimit"]
    found = re.findall(
        r'label_replace\(count by \(cluster\) \(\S+\{node=~"(.+?)"\}\), "pool", "(\w+)"', rule.expression
    )
    assert len(found) == 3
    assert [name for pattern, name in found if re.fullmatch(pattern, node)] == ([pool] if pool else [])


def test_a_cluster_whose_pools_have_a_fixed_size_has_no_limit_to_tell_of() -> None:
    fixed = rules(SystemPool.model_validate({"minCount": 3, "maxCount": 3}), POOLS[2:], ZONES)
    assert [rule.name for rule in RULES if rule not in fixed] == ["NodePoolAtItsLimit"]


def test_the_rules_mail_to_the_same_people_and_outlive_clusters(program: Callable[..., Program]) -> None:
    first, second = (program("prod", cluster={"generation": g}, **ALERTING) for g in (1, 2))
    group, later = (p.one("alertsmanagement:PrometheusRuleGroup") for p in (first, second))
    assert group.urn == later.urn and group.inputs == later.inputs, "rules look at all clusters of the workspace"
    assert group.inputs["resourceGroupName"] == "rg-platform-prod"
    assert group.inputs["scopes"] == ["<metrics.id>"]
    assert len(group.inputs["rules"]) <= 20, "Azure's limit"
    for rule in group.inputs["rules"]:
        assert rule["actions"] == [{"actionGroupId": "<alerts.id>"}]
        assert rule["annotations"]["runbook"].startswith(RUNBOOK) and rule["for"].startswith("PT")


@pytest.mark.parametrize(
    ("stack", "changes"),
    [
        ("dev", {}),
        ("prod", {}),
        ("local", {}),
        ("dev", ALERTING),
        ("prod", {"observability": {"alerts": {"emails": ["a@example.com"], "metrics": False}}}),
        ("prod", {"observability": {"alerts": {"emails": ["a@example.com"]}, "managedPrometheus": False}}),
    ],
)
def test_nothing_is_scraped_for_rules_that_are_not_there(
    program: Callable[..., Program], stack: str, changes: dict[str, Any]
) -> None:
    p = program(stack, **changes)
    assert p.several("alertsmanagement:PrometheusRuleGroup") == []
    assert [r for r in p.several("core/v1:ConfigMap") if r.inputs["metadata"].get("name") == NAME] == []


def test_the_addons_come_after_what_scrapes_them(program: Callable[..., Program]) -> None:
    p = program("prod", **ALERTING)
    (config,) = [r for r in p.several("core/v1:ConfigMap") if r.inputs["metadata"].get("name") == NAME]
    assert config.inputs["metadata"]["namespace"] == NAMESPACE
    assert json.loads(config.inputs["data"][KEY]) == scrape_config(JOBS)
    assert p.waits_for(p.release("cert-manager"), config)


def test_only_metrics_that_rules_read_are_kept() -> None:
    for job, scraped in zip(JOBS, scrape_config(JOBS)["scrape_configs"], strict=True):
        (kept,) = scraped["metric_relabel_configs"]
        assert kept["action"] == "keep" and kept["regex"].split("|") == list(job.metrics)
    assert "$" not in json.dumps(scrape_config(JOBS)), "Azure's add-on would take it for a variable"


# --- the charts themselves -------------------------------------------------------------------------------------------


def lets_in(policy: dict[str, Any], port: dict[str, Any]) -> bool:
    """Tell whether a NetworkPolicy lets pods of another namespace reach a port."""
    for rule in policy["spec"].get("ingress") or ():
        peers, ports = rule.get("from"), rule.get("ports")
        anybody = not peers or any(peer.get("namespaceSelector") == {} for peer in peers)
        if anybody and (not ports or any(p.get("port") in (port["name"], port["containerPort"]) for p in ports)):
            return True
    return False


@NEEDS_CHARTS
@pytest.mark.parametrize("job", JOBS, ids=lambda job: job.name)
def test_the_pods_that_are_scraped_are_the_charts_and_their_policies_let_the_add_on_in(
    program: Callable[..., Program], job: Any
) -> None:
    p = program("prod", **ALERTING)
    rendered = [item for _, item in objects(p) if item["metadata"].get("namespace") == job.namespace]
    found = []
    for item in (item for item in rendered if item["kind"] in PERMANENT):
        labels = item["spec"]["template"]["metadata"]["labels"]
        ports = [port for c in item["spec"]["template"]["spec"]["containers"] for port in c.get("ports") or ()]
        if labels.get("app.kubernetes.io/name") == job.pod:
            found += [(labels, port) for port in ports if port.get("name") == job.port]
    [(labels, port)] = found
    policies = [
        item
        for item in rendered
        if item["kind"] == "NetworkPolicy"
        and "Ingress" in item["spec"].get("policyTypes", ["Ingress"])
        and (item["spec"]["podSelector"].get("matchLabels") or {}).items() <= labels.items()
    ]
    assert not policies or any(lets_in(policy, port) for policy in policies)


@NEEDS_CHARTS
def test_external_secrets_own_dashboard_reads_the_same_metric() -> None:
    """The chart's dashboard is its authors' word for what the controller reports."""
    (archive,) = Path(CHARTS).glob("external-secrets-*.tgz")
    with tarfile.open(archive) as files:
        text = "".join(
            stream.read().decode()
            for member in files.getmembers()
            if member.isfile() and "dashboard" in member.name and (stream := files.extractfile(member))
        )
    assert 'externalsecret_status_condition{condition=\\"Ready\\",status=\\"False\\"}' in text
