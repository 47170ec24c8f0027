"""What managed Prometheus scrapes of the addons: a ConfigMap that Azure's add-on looks for."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import ConfigMap
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.platform import Platform
from components.scraping import JOBS, Job
from settings import Settings

NAME, NAMESPACE, KEY = "ama-metrics-prometheus-config", "kube-system", "prometheus-config"
"""Azure's names. https://learn.microsoft.com/azure/azure-monitor/containers/prometheus-metrics-scrape-configuration.

Applications bring PodMonitors of ``azmonitoring.coreos.com`` instead, which the add-on reads beside it. Ours would be
a CRD that the add-on installs some time after the cluster is there.
"""


def scrape_config(jobs: Sequence[Job]) -> dict[str, Any]:
    """Return the configuration, as Prometheus reads it."""
    return {"scrape_configs": [_scraped(job) for job in jobs]}


def _scraped(job: Job) -> dict[str, Any]:
    pod = "__meta_kubernetes_pod"
    return {
        "job_name": job.name,
        "scrape_interval": "1m",
        "kubernetes_sd_configs": [{"role": "pod", "namespaces": {"names": [job.namespace]}}],
        "relabel_configs": [
            {
                "source_labels": [f"{pod}_label_app_kubernetes_io_name", f"{pod}_container_port_name"],
                "regex": f"{job.pod};{job.port}",
                "action": "keep",
            },
        ],
        "metric_relabel_configs": [
            {"source_labels": ["__name__"], "regex": "|".join(job.metrics), "action": "keep"},
        ],
    }


@dataclass(frozen=True, kw_only=True)
class MetricsScrapingArgs:
    """Inputs of the configuration."""

    access: ClusterAccess


class MetricsScraping(Addon):
    """The scrape configuration of a cluster with managed Prometheus."""

    def __init__(self, name: str, args: MetricsScrapingArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the ConfigMap."""
        super().__init__("aks-bootstrap:metrics_scraping:MetricsScraping", name, opts)
        ConfigMap(
            name,
            metadata=ObjectMetaArgs(
                name=NAME, namespace=NAMESPACE, labels={"app.kubernetes.io/managed-by": "aks-bootstrap"}
            ),
            # JSON is YAML, in which nothing depends on how a text is quoted
            data={KEY: json.dumps(scrape_config(JOBS), indent=2)},
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def metrics_scraping(settings: Settings, platform: Platform) -> list[MetricsScraping]:
    """Return the configuration as the addon that it is, where rules read these metrics; nothing elsewhere."""
    if not settings.observability.alerts_on_metrics:
        return []
    inside = platform.access
    return [
        MetricsScraping(inside.name("metrics-scraping"), MetricsScrapingArgs(access=platform.access), inside.after())
    ]
