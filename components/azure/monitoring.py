"""Where a cluster's logs and metrics go. The rules live and die with their cluster."""

from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor

from components.azure.naming import Names

_INSIGHTS = "Microsoft-ContainerInsights-Group-Default"


@dataclass(frozen=True, kw_only=True)
class ClusterMonitoringArgs:
    """What is collected, and where it goes."""

    names: Names
    location: str
    """The workspaces' region, which a rule has to be in; the cluster's may be another."""
    tags: Mapping[str, str]
    resource_group_name: pulumi.Input[str]
    cluster_id: pulumi.Input[str]
    log_analytics_id: pulumi.Input[str] | None
    """Workspace for Container Insights; None turns it off."""
    monitor_workspace_id: pulumi.Input[str] | None
    """Workspace for managed Prometheus; None turns it off."""


class ClusterMonitoring(pulumi.ComponentResource):
    """Data collection rules and their association with the cluster.

    https://learn.microsoft.com/azure/azure-monitor/containers/kubernetes-monitoring-enable
    """

    def __init__(self, name: str, args: ClusterMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the rules that are turned on."""
        super().__init__("aks-bootstrap:cluster_monitoring:ClusterMonitoring", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)

        def rule(
            purpose: str,
            *,
            sources: monitor.DataCollectionRuleDataSourcesArgs,
            destinations: monitor.DataCollectionRuleDestinationsArgs,
            flow: monitor.DataFlowArgs,
            association: str,
        ) -> None:
            created = monitor.DataCollectionRule(
                f"{name}-{purpose}",
                data_collection_rule_name=args.names.data_collection_rule(purpose),
                resource_group_name=args.resource_group_name,
                location=args.location,
                kind=monitor.KnownDataCollectionRuleResourceKind.LINUX,
                data_sources=sources,
                destinations=destinations,
                data_flows=[flow],
                tags=args.tags,
                opts=child,
            )
            monitor.DataCollectionRuleAssociation(
                f"{name}-{purpose}-association",
                association_name=association,
                data_collection_rule_id=created.id,
                resource_uri=args.cluster_id,
                opts=child,
            )

        if args.log_analytics_id is not None:
            rule(
                "insights",
                sources=monitor.DataCollectionRuleDataSourcesArgs(
                    extensions=[
                        monitor.ExtensionDataSourceArgs(
                            name="ContainerInsightsExtension", extension_name="ContainerInsights", streams=[_INSIGHTS]
                        )
                    ]
                ),
                destinations=monitor.DataCollectionRuleDestinationsArgs(
                    log_analytics=[
                        monitor.LogAnalyticsDestinationArgs(name="logs", workspace_resource_id=args.log_analytics_id)
                    ]
                ),
                flow=monitor.DataFlowArgs(streams=[_INSIGHTS], destinations=["logs"]),
                association="ContainerInsightsExtension",
            )
        if args.monitor_workspace_id is not None:
            stream = monitor.KnownPrometheusForwarderDataSourceStreams.MICROSOFT_PROMETHEUS_METRICS
            rule(
                "prometheus",
                sources=monitor.DataCollectionRuleDataSourcesArgs(
                    prometheus_forwarder=[monitor.PrometheusForwarderDataSourceArgs(name="metrics", streams=[stream])]
                ),
                destinations=monitor.DataCollectionRuleDestinationsArgs(
                    monitoring_accounts=[
                        monitor.MonitoringAccountDestinationArgs(
                            name="metrics", account_resource_id=args.monitor_workspace_id
                        )
                    ]
                ),
                flow=monitor.DataFlowArgs(streams=[stream.value], destinations=["metrics"]),
                association="ContainerInsightsMetricsExtension",
            )
        self.register_outputs({})
