"""What managed Prometheus reads beside its own targets, written once for those who read it and those who judge it.

Azure's add-on scrapes nodes, kubelets and kube-state-metrics by itself, and no pod of ours.
https://learn.microsoft.com/azure/azure-monitor/containers/prometheus-metrics-scrape-default
"""

from collections.abc import Sequence
from dataclasses import dataclass

from conventions import ARGO_CD_NAMESPACE


@dataclass(frozen=True, kw_only=True)
class Job:
    """The pods of one controller, and the metrics that are kept of theirs: each costs by the sample."""

    name: str
    namespace: str
    pod: str
    """Value of the pods' label ``app.kubernetes.io/name``."""
    port: str
    """Name of the container's port."""
    metrics: tuple[str, ...]


CERTIFICATE_EXPIRATION = "certmanager_certificate_expiration_timestamp_seconds"
CERTIFICATE_RENEWAL = "certmanager_certificate_renewal_timestamp_seconds"
EXTERNAL_SECRET = "externalsecret_status_condition"
PUSH_SECRET = "pushsecret_status_condition"
APPLICATION = "argocd_app_info"

JOBS: Sequence[Job] = (
    # https://github.com/cert-manager/cert-manager/blob/v1.21.1/internal/collectors/certificate_collector.go
    Job(
        name="cert-manager",
        namespace="cert-manager",
        pod="cert-manager",
        port="http-metrics",
        metrics=(CERTIFICATE_EXPIRATION, CERTIFICATE_RENEWAL),
    ),
    # https://external-secrets.io/latest/api/metrics/
    Job(
        name="external-secrets",
        namespace="external-secrets",
        pod="external-secrets",
        port="metrics",
        metrics=(EXTERNAL_SECRET, PUSH_SECRET),
    ),
    # https://argo-cd.readthedocs.io/en/stable/operator-manual/metrics/#application-controller-metrics
    Job(
        name="argocd",
        namespace=ARGO_CD_NAMESPACE,
        pod="argocd-application-controller",
        port="metrics",
        metrics=(APPLICATION,),
    ),
)

POD_PHASE = "kube_pod_status_phase"
POD = "kube_pod_info"
NODE = "kube_node_info"
STATE_METRICS = frozenset({POD_PHASE, POD, NODE})
"""What the add-on's own job ``kube-state-metrics`` keeps by default, of which rules read these.

https://learn.microsoft.com/azure/azure-monitor/containers/prometheus-metrics-scrape-configuration-minimal
"""
