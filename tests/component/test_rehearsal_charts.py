"""The charts of the rehearsals take what the program gives the real ones, and refuse a key that these do not have."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator
from ruamel.yaml import YAML

from components.addons.charts import ARGO_CD, CERT_MANAGER, EXTERNAL_SECRETS, IMAGE_UPDATER, TRAEFIK
from rehearsal.chart_repository import PINNED, SOURCES
from settings.merge import merge

CHARTS = [chart.name for chart in (CERT_MANAGER, TRAEFIK, EXTERNAL_SECRETS, ARGO_CD)]
WITH_UPDATER = {
    "registry": {"mode": "create"},
    "argocd": {
        "imageUpdaterWriteBack": "git",
        "repositories": [{"name": "apps", "url": "https://github.com/example", "vaultSecret": "token"}],
    },
}
STACKS = ["dev", "prod", "local"]

FREE = {
    "cert-manager": {"podLabels", "config"},
    "traefik": {"service.annotations", "service.spec", "tlsStore", "ports", "gateway.listeners"},
    "external-secrets": {"crds.annotations"},
    "argo-cd": {
        "configs.cm",
        "configs.params",
        "repoServer.podLabels",
        "repoServer.serviceAccount.annotations",
        "server.ingress.annotations",
        "server.podLabels",
        "server.serviceAccount.annotations",
    },
    "argocd-image-updater": {"authScripts.scripts", "config", "podLabels", "serviceAccount.annotations"},
}
"""Where the real chart takes any key: labels, annotations, names that the user chooses, another program's settings."""


def restricted(places: set[str], chart: str) -> set[str]:
    """Leave out the places where the chart takes any key; a node selector's keys are labels."""
    return {
        place
        for place in places
        if not place.endswith("nodeSelector") and not any(f"{place}.".startswith(f"{free}.") for free in FREE[chart])
    }


def complaints(chart: str, values: dict[str, Any]) -> list[str]:
    """Say what Helm would: it validates the chart's own values with the given ones over them."""
    schema = json.loads((SOURCES / chart / "values.schema.json").read_text(encoding="utf-8"))
    own = YAML(typ="safe").load(Path(SOURCES / chart / "values.yaml"))
    return [f"{error.json_path}: {error.message}" for error in Draft7Validator(schema).iter_errors(merge(own, values))]


def misspelt(values: dict[str, Any], parent: str = "") -> list[tuple[str, dict[str, Any]]]:
    """Return the values once for each of their keys, with a letter too many in that one; beside what holds the key."""
    found = []
    for key, value in values.items():
        others = {k: v for k, v in values.items() if k != key}
        found.append((parent, {**others, f"{key}x": value}))
        if isinstance(value, dict):
            path = f"{parent}.{key}" if parent else key
            found += [(place, {**others, key: inner}) for place, inner in misspelt(value, path)]
    return found


@pytest.mark.parametrize("chart", [chart.name for chart in PINNED])
def test_the_schemas_are_sound(chart):
    schema = json.loads((SOURCES / chart / "values.schema.json").read_text(encoding="utf-8"))
    Draft7Validator.check_schema(schema)
    assert complaints(chart, {}) == [], "the chart's own values"


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("stack", STACKS)
def test_what_the_program_gives_is_taken(program, stack, chart):
    assert complaints(chart, program(stack).release(chart).inputs["values"]) == []


def test_what_it_gives_with_the_gateway_api_is_taken(program):
    changed = program("prod", ingress={"gatewayApi": True})
    for chart in CHARTS:
        assert complaints(chart, changed.release(chart).inputs["values"]) == []
    assert "listeners" in changed.release("traefik").inputs["values"]["gateway"]


def test_what_it_gives_image_updater_is_taken_and_refused_when_it_is_misspelt(program):
    given = program("prod", **WITH_UPDATER).release(IMAGE_UPDATER.name).inputs["values"]
    assert complaints(IMAGE_UPDATER.name, given) == []
    taken = {place for place, values in misspelt(given) if complaints(IMAGE_UPDATER.name, values) == []}
    assert restricted(taken, IMAGE_UPDATER.name) == set()


@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize("changes", [{}, {"ingress": {"gatewayApi": True}}], ids=["plain", "gateway-api"])
def test_each_key_that_the_program_sets_is_refused_when_it_is_misspelt(program, chart, changes):
    variants = misspelt(program("prod", **changes).release(chart).inputs["values"])
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


def test_a_misspelt_key_of_argo_cds_rbac_is_refused():
    assert complaints("argo-cd", {"configs": {"rbac": {"policy.team.csv": "", "policy.matchMode": "glob"}}}) == []
    assert complaints("argo-cd", {"configs": {"rbac": {"policy.defaults": "role:admin"}}}) != []


def test_a_value_of_another_type_is_refused():
    assert complaints("cert-manager", {"crds": {"enabled": "true"}}) != []
    assert complaints("traefik", {"deployment": {"replicas": "two"}}) != []
    assert complaints("external-secrets", {"webhook": {"tolerations": {}}}) != []
    assert complaints("argo-cd", {"dex": {"enabled": "false"}}) != []
