"""Who is told when somebody weakens an environment: alerts on Azure's activity log, and the group that they mail to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import monitor

from components.azure.naming import Names
from settings.foundation import Alerts as AlertsSettings


@dataclass(frozen=True, kw_only=True)
class Watched:
    """An operation that is told of when it succeeds."""

    operation: str
    """https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations."""
    description: str
    """What happened, as the mail says it."""
    cluster_only: bool = False
    """Whether it can only happen in the cluster's group."""


WATCHED: Mapping[str, Watched] = {
    "lock-deleted": Watched(
        operation="Microsoft.Authorization/locks/delete",
        description="A lock was deleted that keeps a resource with data from being deleted.",
    ),
    "role-assigned": Watched(
        operation="Microsoft.Authorization/roleAssignments/write",
        description="Somebody was given a role on a resource of this environment.",
    ),
    "vault-changed": Watched(
        operation="Microsoft.KeyVault/vaults/write",
        description="The vault was changed, which its firewall's rules are part of.",
    ),
    "vault-deleted": Watched(
        operation="Microsoft.KeyVault/vaults/delete",
        description="The vault was deleted.",
    ),
    "cluster-deleted": Watched(
        operation="Microsoft.ContainerService/managedClusters/delete",
        description="The cluster was deleted.",
        cluster_only=True,
    ),
    "admin-credential": Watched(
        operation="Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action",
        description="Somebody asked for the cluster's certificate account, which no Entra group limits.",
        cluster_only=True,
    ),
}
"""Alerts by their purpose, which is part of their names."""


@dataclass(frozen=True, kw_only=True)
class AlertsArgs:
    """Inputs of the alerts."""

    names: Names
    tags: Mapping[str, str]
    settings: AlertsSettings
    resource_group_name: pulumi.Input[str]
    """The foundation's resource group, as alerts outlive clusters."""
    lasting_groups: Sequence[pulumi.Input[str]]
    """Names of the resource groups that outlive clusters."""
    cluster_group: pulumi.Input[str]
    """Name of the running generation's resource group."""


class Alerts(pulumi.ComponentResource):
    """One alert for each operation of :data:`WATCHED`, within the environment's own resource groups.

    A run of the program is told of too, where it does one of these things: a mail that nobody expects is the point.
    https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types#activity-log-alerts
    """

    receivers_id: pulumi.Output[str]
    """ARM id of the group of those who are told."""

    def __init__(self, name: str, args: AlertsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the group and the alerts."""
        super().__init__("aks-bootstrap:alerts:Alerts", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        receivers = monitor.ActionGroup(
            name,
            action_group_name=args.names.action_group,
            group_short_name=args.names.action_group_short,
            resource_group_name=args.resource_group_name,
            location="Global",
            enabled=True,
            email_receivers=[
                monitor.MicrosoftCommonEmailReceiverArgs(
                    name=address, email_address=address, use_common_alert_schema=True
                )
                for address in args.settings.emails
            ],
            tags=args.tags,
            opts=child,
        )
        self.receivers_id = receivers.id
        cluster, *lasting = (self._id(args.names, group) for group in (args.cluster_group, *args.lasting_groups))
        for purpose, watched in WATCHED.items():
            conditions = {"category": "Administrative", "operationName": watched.operation, "status": "Succeeded"}
            monitor.ActivityLogAlert(
                f"{name}-{purpose}",
                activity_log_alert_name=args.names.activity_log_alert(purpose),
                resource_group_name=args.resource_group_name,
                location="Global",
                description=watched.description,
                enabled=True,
                scopes=[cluster] if watched.cluster_only else [*lasting, cluster],
                condition=monitor.AlertRuleAllOfConditionArgs(
                    all_of=[
                        monitor.AlertRuleAnyOfOrLeafConditionArgs(field=field, equals=value)
                        for field, value in conditions.items()
                    ]
                ),
                actions=monitor.ActionListArgs(action_groups=[monitor.ActionGroupArgs(action_group_id=receivers.id)]),
                tags=args.tags,
                opts=child,
            )
        self.register_outputs({})

    @staticmethod
    def _id(names: Names, group: pulumi.Input[str]) -> pulumi.Output[str]:
        return pulumi.Output.format("/subscriptions/{0}/resourceGroups/{1}", names.subscription_id, group)
