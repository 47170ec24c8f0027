"""Who is told when what runs is in trouble: rules on the metrics of every cluster of the environment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import alertsmanagement

from components.azure.naming import Names, pool_name
from components.azure.system_pool import NAME as SYSTEM_POOL
from components.scraping import (
    APPLICATION,
    CERTIFICATE_EXPIRATION,
    CERTIFICATE_RENEWAL,
    EXTERNAL_SECRET,
    JOBS,
    NODE,
    POD,
    POD_PHASE,
    PUSH_SECRET,
)
from settings.pools import NodePool, SystemPool

RUNBOOK = "docs/runbooks/alerts.md"
"""Has a section for each rule, called as the rule is."""

_OBJECT = "by (cluster, namespace, name)"
"""Replicas of a controller report the same objects."""
_NOT_READY = 'condition="Ready", status="False"'


@dataclass(frozen=True, kw_only=True)
class MetricRule:
    """When somebody is told, and what the mail says."""

    name: str
    expression: str
    """PromQL; whatever it returns is an alert of its own."""
    minutes: int
    """How long it has to last."""
    severity: int
    """0 (critical) to 4 (verbose). https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-overview."""
    summary: str
    """One sentence; a template of Prometheus."""

    @property
    def runbook(self) -> str:
        """The section of the runbook."""
        return f"{RUNBOOK}#{self.name.lower()}"


def rules(system_pool: SystemPool, node_pools: Sequence[NodePool], zones: tuple[str, ...]) -> list[MetricRule]:
    """Return the rules of an environment with these pools."""
    expiration, renewal = (f"max {_OBJECT} ({metric})" for metric in (CERTIFICATE_EXPIRATION, CERTIFICATE_RENEWAL))
    jobs = [job.name for job in JOBS]
    found = [
        MetricRule(
            name="CertificateNearItsEnd",
            # half of the time between its renewal and its end is gone, however long it is valid; 0 stands for never
            expression=f"{expiration} - time() < ({expiration} - {renewal}) / 2",
            minutes=120,
            severity=1,
            summary="{{ $labels.cluster }}: certificate {{ $labels.namespace }}/{{ $labels.name }} is not renewed.",
        ),
        MetricRule(
            name="ExternalSecretNotReady",
            expression=f"max {_OBJECT} ({EXTERNAL_SECRET}{{{_NOT_READY}}}) == 1",
            minutes=15,
            severity=2,
            summary="{{ $labels.cluster }}: ExternalSecret {{ $labels.namespace }}/{{ $labels.name }} is not Ready.",
        ),
        MetricRule(
            name="PushSecretNotReady",
            expression=f"max {_OBJECT} ({PUSH_SECRET}{{{_NOT_READY}}}) == 1",
            minutes=15,
            severity=2,
            summary="{{ $labels.cluster }}: PushSecret {{ $labels.namespace }}/{{ $labels.name }} is not Ready.",
        ),
        MetricRule(
            name="ApplicationNotHealthy",
            expression=f'max {_OBJECT} ({APPLICATION}{{health_status=~"Degraded|Missing|Unknown"}}) == 1',
            minutes=15,
            severity=2,
            summary="{{ $labels.cluster }}: application {{ $labels.name }} is degraded, or has missing resources.",
        ),
        MetricRule(
            name="ApplicationOutOfSync",
            expression=f'max {_OBJECT} ({APPLICATION}{{sync_status=~"OutOfSync|Unknown"}}) == 1',
            minutes=60,
            severity=3,
            summary="{{ $labels.cluster }}: application {{ $labels.name }} has been out of sync with Git for an hour.",
        ),
        MetricRule(
            name="PodsUnschedulable",
            expression=f'count by (cluster, namespace) ({POD_PHASE}{{phase="Pending"}} == 1 '
            f'and on (cluster, namespace, pod) {POD}{{node=""}}) > 0',
            minutes=15,
            severity=2,
            summary="{{ $labels.cluster }}: {{ $value }} pods of {{ $labels.namespace }} are unschedulable.",
        ),
        MetricRule(
            name="MetricsMissing",
            # absent() keeps the label of a plain selector only; a job without targets has no series that could be 0
            expression=" or ".join(
                [
                    *(f'absent(up{{job="{job}"}})' for job in [*jobs, "kube-state-metrics"]),
                    f'max by (cluster, job) (up{{job=~"{"|".join(jobs)}"}}) == 0',
                ]
            ),
            minutes=30,
            severity=2,
            summary="No metrics from {{ $labels.job }}: its alerts cannot fire.",
        ),
    ]
    if limits := list(_limits(system_pool, node_pools, zones)):
        found.append(
            MetricRule(
                name="NodePoolAtItsLimit",
                expression=" or ".join(limits),
                minutes=60,
                severity=3,
                summary="{{ $labels.cluster }}: node pool {{ $labels.pool }} has been at maxCount for an hour.",
            )
        )
    return found


def _limits(system_pool: SystemPool, node_pools: Sequence[NodePool], zones: tuple[str, ...]) -> Iterator[str]:
    """Yield an expression for each pool that grows by itself.

    Nodes are named after their pool: ``aks-<pool>-<digits>-vmss<instance>``, on Windows ``aks<pool><instance>``.
    https://learn.microsoft.com/azure/aks/node-resource-group-lockdown and .../windows-best-practices
    """
    named = [(SYSTEM_POOL, f"aks-{SYSTEM_POOL}-[0-9]+-vmss.+", system_pool.max_count)] if system_pool.autoscaled else []
    for pool in node_pools:
        azure_name = pool_name(pool, pool.zones if pool.zones is not None else zones)
        pattern = f"aks{azure_name}[0-9a-z]{{6}}" if pool.os == "windows" else f"aks-{azure_name}-[0-9]+-vmss.+"
        if pool.autoscaled:
            named.append((pool.name, pattern, pool.max_count))
    for name, pattern, most in named:
        nodes = f'count by (cluster) ({NODE}{{node=~"{pattern}"}})'
        yield f'label_replace({nodes}, "pool", "{name}", "", "") >= {most}'


@dataclass(frozen=True, kw_only=True)
class MetricAlertsArgs:
    """Inputs of the rules."""

    names: Names
    location: str
    """The workspace's region, which rules have to be in."""
    tags: Mapping[str, str]
    resource_group_name: pulumi.Input[str]
    """The foundation's resource group, as the rules outlive clusters."""
    workspace_id: pulumi.Input[str]
    """The Azure Monitor workspace."""
    receivers_id: pulumi.Input[str]
    """The action group."""
    rules: Sequence[MetricRule]


class MetricAlerts(pulumi.ComponentResource):
    """One group of rules, over all that the workspace holds: in a rebuild, both clusters.

    https://learn.microsoft.com/azure/azure-monitor/metrics/prometheus-rule-groups
    """

    def __init__(self, name: str, args: MetricAlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the group."""
        super().__init__("aks-bootstrap:metric_alerts:MetricAlerts", name, None, opts)
        alertsmanagement.PrometheusRuleGroup(
            name,
            rule_group_name=args.names.rule_group,
            resource_group_name=args.resource_group_name,
            location=args.location,
            description="What runs in the clusters of this environment, and is in trouble.",
            enabled=True,
            interval="PT1M",
            scopes=[args.workspace_id],
            rules=[
                alertsmanagement.PrometheusRuleArgs(
                    alert=rule.name,
                    expression=rule.expression,
                    for_=f"PT{rule.minutes}M",
                    severity=rule.severity,
                    enabled=True,
                    annotations={"summary": rule.summary, "runbook": rule.runbook},
                    actions=[alertsmanagement.PrometheusRuleGroupActionArgs(action_group_id=args.receivers_id)],
                    resolve_configuration=alertsmanagement.PrometheusRuleResolveConfigurationArgs(
                        auto_resolved=True, time_to_resolve="PT10M"
                    ),
                )
                for rule in args.rules
            ],
            tags=args.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})
