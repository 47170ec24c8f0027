"""What keeps backups of clusters, and outlives them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import alertsmanagement, authorization, dataprotection, resources, storage

from components.azure.naming import Names
from components.azure.role_propagation import RolePropagation
from components.azure.roles import Role
from conventions import CLUSTER_ARM_TYPE
from settings.azure_facts import REGIONS_WITHOUT_ZONES
from settings.backup import Backup

CONTAINER = "backups"
_OPERATIONAL = dataprotection.DataStoreInfoBaseArgs(
    data_store_type=dataprotection.DataStoreTypes.OPERATIONAL_STORE, object_type="DataStoreInfoBase"
)


@dataclass(frozen=True, kw_only=True)
class BackupVaultArgs:
    """Inputs of what keeps backups."""

    names: Names
    location: str
    """The cluster's region: the vault and snapshots of disks have to be in it."""
    tags: Mapping[str, str]
    settings: Backup
    production: bool
    """Keeps deleted backups for two weeks, and everything when it leaves the program."""
    subnet_ids: Sequence[pulumi.Input[str]]
    """Subnets of nodes and pods, which alone reach the storage account."""
    control_plane_principal: pulumi.Input[str]
    """The clusters' own identity, which takes snapshots of disks."""
    propagation: RolePropagation


class BackupVault(pulumi.ComponentResource):
    """A vault, a policy, a storage account for objects of the cluster, and a group for snapshots of its disks.

    In production it is retained rather than protected or locked: a rebuild in another region leaves it behind on
    purpose, and a lock would be inherited by backups that have had their time.
    https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-concept
    """

    name: pulumi.Output[str]
    id: pulumi.Output[str]
    principal_id: pulumi.Output[str]
    """Object id of the vault's identity."""
    policy_id: pulumi.Output[str]
    resource_group_name: pulumi.Output[str]
    snapshots_group_id: pulumi.Output[str]
    storage_id: pulumi.Output[str]
    storage_name: pulumi.Output[str]
    ready: Sequence[pulumi.Resource]
    """What has to be there before a cluster is taken in, besides what is named by it."""
    tags: Mapping[str, str]

    def __init__(self, name: str, args: BackupVaultArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create it."""
        super().__init__("aks-bootstrap:backup:BackupVault", name, None, opts)
        self._args, self.tags = args, args.tags
        self._child = pulumi.ResourceOptions(parent=self, retain_on_delete=args.production)
        group, snapshots = (
            resources.ResourceGroup(
                f"{what}-{args.location}",
                resource_group_name=group_name,
                location=args.location,
                tags=args.tags,
                opts=self._child,
            )
            for what, group_name in (("backup", args.names.backup_group), ("snapshots", args.names.snapshots_group))
        )
        self.resource_group_name, self.snapshots_group_id = group.name, snapshots.id
        vault = dataprotection.BackupVault(
            f"backup-vault-{args.location}",
            vault_name=args.names.backup_vault,
            resource_group_name=group.name,
            location=args.location,
            identity=dataprotection.DppIdentityDetailsArgs(type="SystemAssigned"),
            properties=dataprotection.BackupVaultArgs(
                # of backups that are copied into the vault, which these are not; Azure asks for it all the same
                storage_settings=[
                    dataprotection.StorageSettingArgs(
                        datastore_type=dataprotection.StorageSettingStoreTypes.VAULT_STORE,
                        type=dataprotection.StorageSettingTypes.LOCALLY_REDUNDANT,
                    )
                ],
                monitoring_settings=dataprotection.MonitoringSettingsArgs(
                    azure_monitor_alert_settings=dataprotection.AzureMonitorAlertSettingsArgs(
                        alerts_for_all_job_failures=dataprotection.AlertsState.ENABLED
                    )
                ),
                security_settings=dataprotection.SecuritySettingsArgs(
                    soft_delete_settings=dataprotection.SoftDeleteSettingsArgs(
                        # a vault with backups that are softly deleted cannot be deleted itself
                        state=(
                            dataprotection.SoftDeleteState.ON if args.production else dataprotection.SoftDeleteState.OFF
                        ),
                        retention_duration_in_days=14,
                    )
                ),
            ),
            tags=args.tags,
            opts=self._child,
        )
        self.name, self.id = vault.name, vault.id
        self.principal_id = vault.identity.apply(lambda identity: (identity.principal_id if identity else None) or "")
        self.policy_id = self._policy(vault, args.settings).id
        account, container = self._storage(group)
        self.storage_id, self.storage_name = account.id, account.name
        roles = [
            assign(
                f"{consumer}-{role.key}-snapshots-{args.location}",
                names=args.names,
                consumer=consumer,
                role=role,
                principal=principal,
                scope=snapshots.id,
                scope_key=f"snapshots-{args.location}",
                propagation=args.propagation,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for consumer, role, principal in (
                # https://learn.microsoft.com/azure/backup/azure-kubernetes-service-cluster-backup-concept#required-roles-and-permissions
                ("backup-vault", Role.READER, self.principal_id),
                ("control-plane", Role.CONTRIBUTOR, args.control_plane_principal),
            )
        ]
        self.ready = [container, *roles]
        self.register_outputs({})

    def _policy(self, vault: dataprotection.BackupVault, settings: Backup) -> dataprotection.BackupPolicy:
        """Return a policy that is named after what it says: another schedule is another policy, in use from then on."""
        at, hours, days = settings.start_time, settings.every_hours, settings.retention_days
        name = f"every-{hours}h-{at.replace(':', '')}-for-{days}d"
        return dataprotection.BackupPolicy(
            f"backup-policy-{self._args.location}-{name}",
            backup_policy_name=name,
            vault_name=vault.name,
            resource_group_name=self.resource_group_name,
            properties=dataprotection.BackupPolicyArgs(
                object_type="BackupPolicy",
                datasource_types=[CLUSTER_ARM_TYPE],
                policy_rules=[
                    dataprotection.AzureBackupRuleArgs(
                        name="Backup",
                        object_type="AzureBackupRule",
                        backup_parameters=dataprotection.AzureBackupParamsArgs(
                            object_type="AzureBackupParams", backup_type="Incremental"
                        ),
                        data_store=_OPERATIONAL,
                        trigger=dataprotection.ScheduleBasedTriggerContextArgs(
                            object_type="ScheduleBasedTriggerContext",
                            schedule=dataprotection.BackupScheduleArgs(
                                # ISO 8601, from a day that is over on; the day itself has no meaning
                                repeating_time_intervals=[f"R/2026-01-01T{at}:00+00:00/PT{hours}H"],
                                time_zone="UTC",
                            ),
                            tagging_criteria=[
                                dataprotection.TaggingCriteriaArgs(
                                    is_default=True,
                                    tagging_priority=99,
                                    tag_info=dataprotection.RetentionTagArgs(tag_name="Default"),
                                )
                            ],
                        ),
                    ),
                    dataprotection.AzureRetentionRuleArgs(
                        name="Default",
                        object_type="AzureRetentionRule",
                        is_default=True,
                        lifecycles=[
                            dataprotection.SourceLifeCycleArgs(
                                delete_after=dataprotection.AbsoluteDeleteOptionArgs(
                                    object_type="AbsoluteDeleteOption", duration=f"P{days}D"
                                ),
                                source_data_store=_OPERATIONAL,
                            )
                        ],
                    ),
                ],
            ),
            opts=self._child,
        )

    def _storage(self, group: resources.ResourceGroup) -> tuple[storage.StorageAccount, storage.BlobContainer]:
        zoned = self._args.location not in REGIONS_WITHOUT_ZONES
        account = storage.StorageAccount(
            f"backup-storage-{self._args.location}",
            account_name=self._args.names.backup_storage,
            resource_group_name=group.name,
            location=self._args.location,
            kind=storage.Kind.STORAGE_V2,
            sku=storage.SkuArgs(name=storage.SkuName.STANDARD_ZRS if zoned else storage.SkuName.STANDARD_LRS),
            allow_blob_public_access=False,
            # Entra ID alone opens it
            allow_shared_key_access=False,
            enable_https_traffic_only=True,
            minimum_tls_version=storage.MinimumTlsVersion.TLS1_2,
            network_rule_set=storage.NetworkRuleSetArgs(
                default_action=storage.DefaultAction.DENY,
                bypass=storage.Bypass.AZURE_SERVICES,
                virtual_network_rules=[
                    storage.VirtualNetworkRuleArgs(virtual_network_resource_id=id_) for id_ in self._args.subnet_ids
                ],
            ),
            tags=self._args.tags,
            opts=self._child,
        )
        container = storage.BlobContainer(
            f"backup-container-{self._args.location}",
            container_name=CONTAINER,
            account_name=account.name,
            resource_group_name=group.name,
            public_access=storage.PublicAccess.NONE,
            opts=self._child,
        )
        return account, container


def assign(
    name: str,
    *,
    names: Names,
    consumer: str,
    role: Role,
    principal: pulumi.Input[str],
    scope: pulumi.Input[str],
    scope_key: str,
    propagation: RolePropagation,
    opts: pulumi.ResourceOptions,
) -> authorization.RoleAssignment:
    """Assign a role to an identity that backups are taken with, and remember when."""
    return authorization.RoleAssignment(
        name,
        role_assignment_name=names.role_assignment(scope=scope_key, role=role.value, consumer=consumer),
        scope=scope,
        role_definition_id=role.definition(names.subscription_id),
        principal_id=principal,
        principal_type=authorization.PrincipalType.SERVICE_PRINCIPAL,
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=propagation.assigned(f"{name}-assigned"))),
    )


def backup_alerts(names: Names, vault: BackupVault, location: str, receivers_id: pulumi.Input[str]) -> None:
    """Send the vault's own alerts, such as of a job that failed, to those who are told.

    https://learn.microsoft.com/azure/backup/backup-azure-monitoring-alerts
    """
    alertsmanagement.AlertProcessingRuleByName(
        f"backup-alerts-{location}",
        alert_processing_rule_name=names.backup_alerts,
        resource_group_name=vault.resource_group_name,
        location="Global",
        properties=alertsmanagement.AlertProcessingRulePropertiesArgs(
            description="A backup of the cluster failed: docs/runbooks/alerts.md#backup-failed",
            enabled=True,
            scopes=[vault.id],
            actions=[
                alertsmanagement.AddActionGroupsArgs(action_type="AddActionGroups", action_group_ids=[receivers_id])
            ],
        ),
        tags=vault.tags,
        opts=pulumi.ResourceOptions(parent=vault),
    )
