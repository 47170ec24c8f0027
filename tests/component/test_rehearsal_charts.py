"""The charts of the rehearsals take what the program gives the real ones, and refuse a key that these do not have."""

from collections.abc import Callable
from typing import Any

import pytest
from jsonschema import Draft7Validator

from components.addons.charts import PINNED
from settings.merge import merge
from tests.component.conftest import UPDATING, Program
from tests.component.rehearsed_charts import own_values, schema

CHARTS = [chart.name for chart in PINNED]

LABELS = {"annotations", "nodeSelector", "podLabels"}
"""Keys below which every chart takes any key."""
FREE = {
    "cert-manager": {"config"},
    "traefik": {"service.spec", "tlsOptions", "tlsStore", "ports", "gateway.listeners"},
    "argo-cd": {"configs.cm", "configs.params"},
    "argocd-image-updater": {"authScripts.scripts", "config"},
}
"""Where else a real chart takes any key: names that the user chooses, another program's settings."""


def restricted(places: set[str], chart: str) -> set[str]:
    """Leave out the places where the chart takes any key."""
    return {
        place
        for place in places
        if place.rsplit(".", 1)[-1] not in LABELS
        and not any(f"{place}.".startswith(f"{free}.") for free in FREE.get(chart, ()))
    }


def complaints(chart: str, values: dict[str, Any]) -> list[str]:
    """Say what Helm would: it validates the chart's own values with the given ones over them."""
    whole = merge(own_values(chart), values)
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema(chart)).iter_errors(whole)]


def misspelled(values: dict[str, Any], parent: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return the values once for each of their keys, with a letter too many in that one; beside what holds the key."""
    found = []
    for key, value in values.items():
        others = {k: v for k, v in values.items() if k != key}
        found.append((parent, {**others, f"{key}x": value}))
        if isinstance(value, dict):
            path = f"{parent}.{key}" if parent else key
            found += [(place, {**others, key: inner}) for place, inner in misspelled(value, path)]
    return found


@pytest.mark.parametrize("chart", CHARTS)
def test_the_schemas_are_sound(chart: str) -> None:
    Draft7Validator.check_schema(schema(chart))
    assert complaints(chart, {}) == [], "the chart's own values"


def test_what_the_program_gives_is_taken(each: Program) -> None:
    for release in [*each.releases, *each.several("kubernetes:helm.sh/v4:Chart")]:
        assert complaints(release.inputs["name"], release.inputs["values"]) == []


def test_what_it_gives_with_the_gateway_api_is_taken(program: Callable[..., Program]) -> None:
    changed = program("prod", ingress={"gatewayApi": True})
    for release in changed.releases:
        assert complaints(release.inputs["name"], release.inputs["values"]) == []
    assert "listeners" in changed.release("traefik").inputs["values"]["gateway"]


@pytest.mark.parametrize("changes", [{}, {"ingress": {"gatewayApi": True}}], ids=["plain", "gateway-api"])
@pytest.mark.parametrize("chart", CHARTS)
def test_each_key_that_the_program_sets_is_refused_when_it_is_misspelled(
    program: Callable[..., Program], chart: str, changes: dict[str, Any]
) -> None:
    variants = misspelled(program("prod", **UPDATING, **changes).release(chart).inputs["values"])
    taken = {place for place, values in variants if complaints(chart, values) == []}
    assert restricted(taken, chart) == set()
    assert "" not in taken and len(variants) > 10


@pytest.mark.parametrize(
    ("chart", "path"),
    [
        ("cert-manager", "replicas"),
        ("cert-manager", "webhook.replicas"),
        ("cert-manager", "crds.install"),
        ("cert-manager", "startupapicheck.replicaCount"),
        ("cert-manager", "webhook.podDisruptionBudget.minAvaliable"),
        ("traefik", "replicas"),
        ("traefik", "deployment.replicaCount"),
        ("traefik", "ports.web.redirectTo"),
        ("traefik", "ports.web.redirections"),
        ("traefik", "ports.web.http.redirections.entrypoint"),
        ("traefik", "providers.kubernetesIngres"),
        ("traefik", "providers.kubernetesIngress.publishService"),
        ("traefik", "service.type"),
        ("traefik", "gateway.listeners.websecure.certificates"),
        ("external-secrets", "replicas"),
        ("external-secrets", "installCrds"),
        ("external-secrets", "certcontroller"),
        ("external-secrets", "certController.replicas"),
        ("external-secrets", "webhook.metrics.serviceMonitor"),
        ("argo-cd", "redisHa"),
        ("argo-cd", "reposerver"),
        ("argo-cd", "server.replicaCount"),
        ("argo-cd", "repoServer.podDisruptionBudget"),
        ("argo-cd", "controller.metrics.serviceMonitor.intervall"),
        ("argo-cd", "redis-ha.haproxy.toleration"),
        ("argo-cd", "configs.config"),
        ("argo-cd", "configs.repository"),
    ],
)
def test_a_key_that_the_real_chart_does_not_have_is_refused(chart, path):
    values: Any = {}
    for key in reversed(path.split(".")):
        values = {key: values}
    wrong = path.rsplit(".", 1)[-1]
    assert [text for text in complaints(chart, values) if f"'{wrong}' was unexpected" in text] != []


def test_a_misspelled_key_of_argo_cds_rbac_is_refused():
    assert complaints("argo-cd", {"configs": {"rbac": {"policy.team.csv": "", "policy.matchMode": "glob"}}}) == []
    assert complaints("argo-cd", {"configs": {"rbac": {"policy.defaults": "role:admin"}}}) != []


def test_a_value_of_another_type_is_refused():
    assert complaints("cert-manager", {"crds": {"enabled": "true"}}) != []
    assert complaints("traefik", {"deployment": {"replicas": "two"}}) != []
    assert complaints("external-secrets", {"webhook": {"tolerations": {}}}) != []
    assert complaints("argo-cd", {"dex": {"enabled": "false"}}) != []
