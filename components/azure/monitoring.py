"""Where logs and metrics go: a cluster's, which live and die with it, and those of what outlives clusters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor

from components.azure.naming import Names

_INSIGHTS = "Microsoft-ContainerInsights-Group-Default"

CLUSTER_LOGS = ("kube-audit-admin", "guard")
"""Who changed what, and who signed in. ``kube-audit`` has every read too, at many times the cost.

https://learn.microsoft.com/azure/aks/monitor-aks-reference#resource-logs
"""
VAULT_LOGS = ("AuditEvent",)
"""https://learn.microsoft.com/azure/key-vault/key-vault-insights-overview."""
REGISTRY_LOGS = ("ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents")
"""https://learn.microsoft.com/azure/container-registry/monitor-service-reference#resource-logs."""


def diagnostic_setting(
    name: str,
    *,
    of: pulumi.Input[str],
    workspace_id: pulumi.Input[str],
    logs: Sequence[str],
    opts: pulumi.ResourceOptions,
) -> None:
    """Send resource logs to a Log Analytics workspace, which keeps them as long as its other data.

    Never ``deleted_with`` its resource: Azure keeps the setting, and applies it to the next resource of that name.
    https://learn.microsoft.com/azure/azure-monitor/platform/diagnostic-settings

    Args:
        name: logical name.
        of: ARM id of the resource.
        workspace_id: ARM id of the workspace.
        logs: categories.
        opts: the usual options.
    """
    monitor.DiagnosticSetting(
        name,
        name="log-analytics",
        resource_uri=of,
        workspace_id=workspace_id,
        # tables of their own, for the services that have them; the others ignore it
        log_analytics_destination_type="Dedicated",
        logs=[monitor.DiagnosticsLogSettingsArgs(category=category, enabled=True) for category in logs],
        # services without tables of their own do not give it back
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(ignore_changes=["logAnalyticsDestinationType"])),
    )


@dataclass(frozen=True, kw_only=True)
class ClusterMonitoringArgs:
    """What is collected, and where it goes."""

    names: Names
    location: str
    """The workspaces' region, which a rule has to be in; the cluster's may be another."""
    cluster_location: str
    """The cluster's region, which an endpoint that its agents ask has to be in."""
    tags: Mapping[str, str]
    resource_group_name: pulumi.Input[str]
    cluster_id: pulumi.Input[str]
    log_analytics_id: pulumi.Input[str] | None
    """Workspace for Container Insights; None turns it off."""
    diagnostics_id: pulumi.Input[str] | None
    """Workspace for the control plane's own logs; None turns them off."""
    monitor_workspace_id: pulumi.Input[str] | None
    """Workspace for managed Prometheus; None turns it off."""


class ClusterMonitoring(pulumi.ComponentResource):
    """Data collection rules and their association with the cluster, and the logs of its control plane.

    https://learn.microsoft.com/azure/azure-monitor/containers/kubernetes-monitoring-enable
    """

    def __init__(self, name: str, args: ClusterMonitoringArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the rules that are turned on."""
        super().__init__("aks-bootstrap:cluster_monitoring:ClusterMonitoring", name, None, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        if args.log_analytics_id is not None:
            self._container_insights(args.log_analytics_id)
        if args.monitor_workspace_id is not None:
            self._prometheus(args.monitor_workspace_id)
        if args.diagnostics_id is not None:
            diagnostic_setting(
                f"{name}-logs",
                of=args.cluster_id,
                workspace_id=args.diagnostics_id,
                logs=CLUSTER_LOGS,
                opts=self._child,
            )
        self.register_outputs({})

    def _container_insights(self, workspace_id: pulumi.Input[str]) -> None:
        self._rule(
            "insights",
            sources=monitor.DataCollectionRuleDataSourcesArgs(
                extensions=[
                    monitor.ExtensionDataSourceArgs(
                        name="ContainerInsightsExtension",
                        extension_name="ContainerInsights",
                        streams=[_INSIGHTS],
                        # the table ContainerLog takes nothing since September 2026
                        extension_settings={
                            "dataCollectionSettings": {
                                "interval": "1m",
                                "namespaceFilteringMode": "Off",
                                "enableContainerLogV2": True,
                            }
                        },
                    )
                ]
            ),
            destinations=monitor.DataCollectionRuleDestinationsArgs(
                log_analytics=[monitor.LogAnalyticsDestinationArgs(name="logs", workspace_resource_id=workspace_id)]
            ),
            flow=monitor.DataFlowArgs(streams=[_INSIGHTS], destinations=["logs"]),
            association="ContainerInsightsExtension",
        )

    def _prometheus(self, workspace_id: pulumi.Input[str]) -> None:
        """https://learn.microsoft.com/azure/azure-monitor/containers/kubernetes-monitoring-enable#enable-prometheus."""
        endpoint = monitor.DataCollectionEndpoint(
            f"{self._name}-prometheus-endpoint",
            data_collection_endpoint_name=self._args.names.data_collection_endpoint("prometheus"),
            resource_group_name=self._args.resource_group_name,
            location=self._args.cluster_location,
            kind=monitor.KnownDataCollectionEndpointResourceKind.LINUX,
            tags=self._args.tags,
            opts=self._child,
        )
        stream = monitor.KnownPrometheusForwarderDataSourceStreams.MICROSOFT_PROMETHEUS_METRICS
        self._rule(
            "prometheus",
            sources=monitor.DataCollectionRuleDataSourcesArgs(
                prometheus_forwarder=[monitor.PrometheusForwarderDataSourceArgs(name="metrics", streams=[stream])]
            ),
            destinations=monitor.DataCollectionRuleDestinationsArgs(
                monitoring_accounts=[
                    monitor.MonitoringAccountDestinationArgs(name="metrics", account_resource_id=workspace_id)
                ]
            ),
            flow=monitor.DataFlowArgs(streams=[stream.value], destinations=["metrics"]),
            association="ContainerInsightsMetricsExtension",
            endpoint_id=endpoint.id,
        )
        monitor.DataCollectionRuleAssociation(
            f"{self._name}-prometheus-endpoint-association",
            association_name="configurationAccessEndpoint",  # Azure's name for where agents ask for their rules
            data_collection_endpoint_id=endpoint.id,
            resource_uri=self._args.cluster_id,
            opts=self._child,
        )

    def _rule(
        self,
        purpose: str,
        *,
        sources: monitor.DataCollectionRuleDataSourcesArgs,
        destinations: monitor.DataCollectionRuleDestinationsArgs,
        flow: monitor.DataFlowArgs,
        association: str,
        endpoint_id: pulumi.Input[str] | None = None,
    ) -> None:
        created = monitor.DataCollectionRule(
            f"{self._name}-{purpose}",
            data_collection_rule_name=self._args.names.data_collection_rule(purpose),
            resource_group_name=self._args.resource_group_name,
            location=self._args.location,
            kind=monitor.KnownDataCollectionRuleResourceKind.LINUX,
            data_collection_endpoint_id=endpoint_id,
            data_sources=sources,
            destinations=destinations,
            data_flows=[flow],
            tags=self._args.tags,
            opts=self._child,
        )
        monitor.DataCollectionRuleAssociation(
            f"{self._name}-{purpose}-association",
            association_name=association,
            data_collection_rule_id=created.id,
            resource_uri=self._args.cluster_id,
            opts=self._child,
        )
