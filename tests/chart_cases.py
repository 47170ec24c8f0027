"""Every option of the charts in ``gitops/charts/``, each with a value that changes what is rendered."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bootstrap.delivery.manifests import load_all, load_mapping
from bootstrap.delivery.render.helm import Template
from settings.merge import merge

CHARTS = Path(__file__).resolve().parents[1] / "gitops" / "charts"
NAMES = ("cron", "web", "worker")
KUBERNETES = "1.36.0"
NAMESPACE = "app-shop"

Values = dict[str, Any]


@dataclass(frozen=True)
class Case:
    """A value of an option, and the values without which the option has no effect."""

    value: Any
    given: Values = field(default_factory=dict)


IMAGE = {"image": {"repository": "example.azurecr.io/shop", "tag": "4f2a9c1"}}
BASE: Mapping[str, Values] = {
    "cron": {**IMAGE, "schedule": "30 2 * * *"},
    "web": {**IMAGE, "ingress": {"host": "shop.example.com"}},
    "worker": IMAGE,
}
"""The least that each chart renders with."""

CLIENT_ID = "3f1c0a52-9d4e-4b7a-8c66-0e5d7b2a9f10"
SECRET = {"secrets": {"env": {"TOKEN": "shop-token"}}}
SCALED = {"autoscaling": {"enabled": True}}
MEASURED = {"metrics": {"enabled": True}}
HTTP = {"path": "/healthz", "port": 8081}

COMMON = {
    "image.repository": Case("example.azurecr.io/other"),
    "image.tag": Case("5e1b0d2"),
    "image.digest": Case(f"sha256:{'a' * 64}"),
    "command": Case(["/bin/shop", "serve"]),
    "args": Case(["--verbose", "true"]),
    "env": Case({"LEVEL": "debug", "NUMBER": "4e5"}),
    "secrets.enabled": Case(False, SECRET),
    "secrets.env": Case({"TOKEN": "shop-token"}),
    "secrets.versions": Case({"TOKEN": "0123456789abcdef0123456789abcdef"}, SECRET),
    "secrets.files": Case({"tls.key": "shop-key"}),
    "secrets.mountPath": Case("/var/run/shop", {"secrets": {"files": {"tls.key": "shop-key"}}}),
    "secrets.store": Case("other", SECRET),
    "secrets.property": Case("value", SECRET),
    "secrets.refreshInterval": Case("5m", SECRET),
    "resources.requests": Case({"cpu": "100m", "memory": "96Mi"}),
    "resources.limits": Case({"memory": "256Mi"}),
    "writable": Case(["/tmp", "/data"]),
    "nodeSelector": Case({"kubernetes.io/arch": "arm64"}),
    "tolerations": Case(
        [
            {"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
            {"key": "gone", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 60},
        ]
    ),
    "networkPolicy.egress": Case([{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]),
    "serviceAccount.annotations": Case({"azure.workload.identity/client-id": CLIENT_ID}),
    "serviceAccount.podLabels": Case({"azure.workload.identity/use": "true"}),
    "terminationGracePeriodSeconds": Case(60),
    "global": Case({"platform": {"secretStore": "other"}, "anything": [1]}, SECRET),
}
REPLICATED = {
    "replicas": Case(3),
    "metrics.enabled": Case(True),
    "metrics.port": Case(9100, MEASURED),
    "metrics.namespaces": Case(["monitoring"], MEASURED),
    "autoscaling.enabled": Case(True),
    "autoscaling.minReplicas": Case(3, SCALED),
    "autoscaling.maxReplicas": Case(20, SCALED),
    "autoscaling.cpuPercent": Case(0, {"autoscaling": {"enabled": True, "memoryPercent": 80}}),
    "autoscaling.memoryPercent": Case(80, SCALED),
    "disruptionBudget.maxUnavailable": Case("25%"),
    "probes.startupSeconds": Case(900),
}
CASES: Mapping[str, Mapping[str, Case]] = {
    "web": {
        **COMMON,
        **REPLICATED,
        "port": Case(9898),
        "probes.startup": Case("/started"),
        "probes.readiness": Case("/ready"),
        "probes.liveness": Case("/alive"),
        "ingress.enabled": Case(False),
        "ingress.host": Case("other.example.com"),
        "ingress.hosts": Case(["www.example.com", "example.com"]),
        "ingress.className": Case("other"),
        "ingress.issuer": Case("self-signed"),
        "networkPolicy.ingressNamespaces": Case(["traefik", "app-front"]),
        "drainSeconds": Case(10),
    },
    "worker": {
        **COMMON,
        **REPLICATED,
        "strategy": Case("Recreate"),
        "probes.liveness.exec": Case(["cat", "/tmp/alive"]),
        "probes.liveness.http.path": Case("/alive", {"probes": {"liveness": {"http": HTTP}}}),
        "probes.liveness.http.port": Case(8082, {"probes": {"liveness": {"http": HTTP}}}),
        "probes.readiness.exec": Case(["cat", "/tmp/ready"]),
        "probes.readiness.http.path": Case("/ready", {"probes": {"readiness": {"http": HTTP}}}),
        "probes.readiness.http.port": Case(8082, {"probes": {"readiness": {"http": HTTP}}}),
        "probes.startupSeconds": Case(120, {"probes": {"liveness": {"http": HTTP}}}),
    },
    "cron": {
        **COMMON,
        "schedule": Case("@hourly"),
        "timeZone": Case("Europe/Stockholm"),
        "suspend": Case(True),
        "concurrencyPolicy": Case("Replace"),
        "startingDeadlineSeconds": Case(60),
        "activeDeadlineSeconds": Case(2_000_000),
        "backoffLimit": Case(0),
        "history.successful": Case(0),
        "history.failed": Case(1),
    },
}


def nested(path: str, value: object) -> Values:
    """Return the values that have one at a path such as ``image.tag``."""
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def before_and_after(chart: str, path: str) -> tuple[Values, Values]:
    """Return the values without and with an option's."""
    case = CASES[chart][path]
    before = merge(BASE[chart], case.given)
    return before, merge(before, nested(path, case.value))


def options(chart: str) -> list[str]:
    """Return the paths of everything that a chart's schema allows to be set."""
    return list(_leaves(schema(chart), schema(chart)["definitions"]))


@cache
def schema(chart: str) -> dict[str, Any]:
    """Return ``values.schema.json``."""
    return load_mapping(CHARTS / chart / "values.schema.json")


@cache
def defaults(chart: str) -> dict[str, Any]:
    """Return ``values.yaml``."""
    return load_mapping(CHARTS / chart / "values.yaml")


def render(chart: str, values: Values, *, release: str = "shop") -> str:
    """Return what Helm renders.

    Raises:
        HelmError: the schema or a template refuses the values.
    """
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "values.json"
        file.write_text(json.dumps(values))
        return Template(
            root=CHARTS,
            chart=CHARTS / chart,
            release=release,
            namespace=NAMESPACE,
            kube_version=KUBERNETES,
            values=[file],
        ).render()


def objects(chart: str, values: Values, *, release: str = "shop") -> list[dict[str, Any]]:
    """Return the objects that Helm renders."""
    return [document for document in load_all(render(chart, values, release=release), chart) if document]


def pod_template(documents: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the Pod template of the only workload."""
    [workload] = [document for document in documents if document["kind"] in {"Deployment", "CronJob"}]
    spec = workload["spec"]
    found: dict[str, Any] = (spec["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else spec)["template"]
    return found


def _leaves(node: Values, definitions: Values, prefix: str = "") -> Iterator[str]:
    if "$ref" in node:
        node = definitions[node["$ref"].rpartition("/")[2]]
    if not node.get("properties"):
        yield prefix
    for key, below in node.get("properties", {}).items():
        yield from _leaves(below, definitions, f"{prefix}.{key}" if prefix else key)
