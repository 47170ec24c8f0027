"""The rules of each kind that a tenant's project allows (``tenants/templates/projects.yaml``)."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from bootstrap.delivery.manifests import section
from bootstrap.delivery.validate.api import network, workloads
from bootstrap.delivery.validate.api.fields import CONFIG_KEY, Found, form
from bootstrap.delivery.validate.api.metadata import check_metadata
from bootstrap.delivery.validate.structure import Mistake

_Rules = Callable[[Mapping[str, Any]], Found]


def broken_rules(document: Mapping[str, Any]) -> Iterator[Mistake]:
    """Yield what an API server would refuse of an object whose fields are of the right types."""
    yield from check_metadata(document)
    group_and_kind = str(document["apiVersion"]).rpartition("/")[0], str(document["kind"])
    if group_and_kind in KINDS:
        yield from KINDS[group_and_kind](document)


def _metadata_only(_: Mapping[str, Any]) -> Found:
    yield from ()


def _config_map(document: Mapping[str, Any]) -> Found:
    # core ValidateConfigMap
    text, binary = section(document, "data"), section(document, "binaryData")
    for key in (*text, *binary):
        yield from form(key, f"{'data' if key in text else 'binaryData'}[{key}]", CONFIG_KEY)
    for key in text:
        if key in binary:
            yield Mistake(path=f"data[{key}]", text="is in binaryData, too; allowed: in one of them")
    size = sum(len(value.encode()) for value in text.values()) + sum(len(value) * 3 // 4 for value in binary.values())
    if size > 1024 * 1024:
        yield Mistake(path="", text=f"got {size} bytes; allowed: 1048576 in all")


KINDS: Mapping[tuple[str, str], _Rules] = {
    ("", "ConfigMap"): _config_map,
    ("", "Namespace"): _metadata_only,
    ("", "PersistentVolumeClaim"): workloads.volume_claim,
    ("", "Service"): network.service,
    ("", "ServiceAccount"): _metadata_only,
    ("apps", "Deployment"): workloads.deployment,
    ("apps", "StatefulSet"): workloads.stateful_set,
    ("autoscaling", "HorizontalPodAutoscaler"): workloads.autoscaler,
    ("batch", "CronJob"): workloads.cron_job,
    ("batch", "Job"): workloads.job,
    # an operator's kinds: the schemas in gitops/cluster/schemas have their rules
    ("external-secrets.io", "ExternalSecret"): _metadata_only,
    ("networking.k8s.io", "Ingress"): network.ingress,
    ("networking.k8s.io", "NetworkPolicy"): network.network_policy,
    ("policy", "PodDisruptionBudget"): workloads.disruption_budget,
    ("traefik.io", "IngressRoute"): _metadata_only,
    ("traefik.io", "Middleware"): _metadata_only,
}
"""By API group and kind; each assumes that the types of the fields are right."""
