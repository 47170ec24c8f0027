"""What takes backups of a cluster, and goes with it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pulumi
from pulumi_azure_native import containerservice as aks
from pulumi_azure_native import dataprotection, kubernetesconfiguration

from components.azure.backup_vault import CONTAINER, BackupVault, assign
from components.azure.cluster import Cluster
from components.azure.naming import Names
from components.azure.retries import ROLES, retry_hook
from components.azure.role_propagation import RolePropagation
from components.azure.roles import Role
from conventions import BACKUP_NAMESPACE, CLUSTER_ARM_TYPE
from settings.backup import Backup
from settings.foundation import Azure


@dataclass(frozen=True, kw_only=True)
class ClusterBackupArgs:
    """Inputs of what takes backups of one cluster."""

    names: Names
    azure: Azure
    location: str
    settings: Backup
    production: bool
    """Keeps the backups of a generation that is gone."""
    generation: int
    cluster: Cluster
    vault: BackupVault
    propagation: RolePropagation


class ClusterBackup(pulumi.ComponentResource):
    """The extension that takes backups, the vault's way to it, and the cluster's place in the vault."""

    ready: Sequence[pulumi.Resource]
    """What has to be there before the cluster is taken in, or restored into."""

    def __init__(self, name: str, args: ClusterBackupArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create what has to be there when the vault takes the cluster in, and when it restores into it."""
        super().__init__("aks-bootstrap:backup:ClusterBackup", name, None, opts)
        self._args, self._suffix = args, f"-g{args.generation}"
        cluster, vault, suffix = args.cluster, args.vault, self._suffix
        inside = pulumi.ResourceOptions(parent=self, deleted_with=cluster.resource)
        binding = aks.TrustedAccessRoleBinding(
            f"backup-access{suffix}",
            trusted_access_role_binding_name="backup",
            resource_name_=cluster.name,
            resource_group_name=cluster.resource_group_name,
            roles=["Microsoft.DataProtection/backupVaults/backup-operator"],
            source_resource_id=vault.id,
            # pools and this are operations of one cluster
            opts=pulumi.ResourceOptions.merge(inside, pulumi.ResourceOptions(depends_on=[cluster.system_pool])),
        )
        extension = kubernetesconfiguration.Extension(
            f"backup-extension{suffix}",
            extension_name="azure-aks-backup",
            extension_type="microsoft.dataprotection.kubernetes",
            cluster_rp="Microsoft.ContainerService",
            cluster_resource_name="managedClusters",
            cluster_name=cluster.name,
            resource_group_name=cluster.resource_group_name,
            auto_upgrade_minor_version=True,
            release_train="stable",
            scope=kubernetesconfiguration.ScopeArgs(
                cluster=kubernetesconfiguration.ScopeClusterArgs(release_namespace=BACKUP_NAMESPACE)
            ),
            configuration_settings={
                "configuration.backupStorageLocation.bucket": CONTAINER,
                "configuration.backupStorageLocation.config.resourceGroup": vault.resource_group_name,
                "configuration.backupStorageLocation.config.storageAccount": vault.storage_name,
                "configuration.backupStorageLocation.config.subscriptionId": args.azure.subscription_id,
                # with its own identity, where it would ask for the account's keys
                "configuration.backupStorageLocation.config.useAAD": "true",
                "configuration.backupStorageLocation.config.storageAccountURI": pulumi.Output.concat(
                    "https://", vault.storage_name, ".blob.core.windows.net/"
                ),
                "credentials.tenantId": args.azure.tenant_id,
            },
            opts=pulumi.ResourceOptions.merge(
                inside, pulumi.ResourceOptions(depends_on=[*vault.ready, cluster.system_pool])
            ),
        )
        roles = [
            assign(
                f"{consumer}-{role.key}-{scope_key}",
                names=args.names,
                consumer=consumer,
                role=role,
                principal=principal,
                scope=scope,
                scope_key=scope_key,
                propagation=args.propagation,
                opts=pulumi.ResourceOptions(parent=self),
            )
            for consumer, role, principal, scope, scope_key in (
                ("backup-vault", Role.READER, vault.principal_id, cluster.resource.id, f"cluster{suffix}"),
                (
                    f"backup-extension{suffix}",
                    Role.STORAGE_BLOB_DATA_CONTRIBUTOR,
                    extension.aks_assigned_identity.apply(
                        lambda identity: (identity.principal_id if identity else None) or ""
                    ),
                    vault.storage_id,
                    "backup-storage",
                ),
            )
        ]
        self.ready = [binding, extension, *roles]
        self.register_outputs({})

    def protect(self, after: pulumi.Resource) -> None:
        """Have the cluster backed up from now on.

        Args:
            after: what comes first; a backup of a cluster whose applications are not there yet would be the latest.
        """
        args, name = self._args, f"backup{self._suffix}"
        cluster, vault = args.cluster, args.vault
        dataprotection.BackupInstance(
            name,
            backup_instance_name=args.names.cluster,
            vault_name=vault.name,
            resource_group_name=vault.resource_group_name,
            tags=vault.tags,
            properties=dataprotection.BackupInstanceArgs(
                object_type="BackupInstance",
                friendly_name=args.names.cluster,
                data_source_info=dataprotection.DatasourceArgs(
                    object_type="Datasource",
                    datasource_type=CLUSTER_ARM_TYPE,
                    resource_id=cluster.resource.id,
                    resource_location=args.location,
                    resource_name=args.names.cluster,
                    resource_type=CLUSTER_ARM_TYPE,
                    resource_uri=cluster.resource.id,
                ),
                data_source_set_info=dataprotection.DatasourceSetArgs(
                    object_type="DatasourceSet",
                    datasource_type=CLUSTER_ARM_TYPE,
                    resource_id=cluster.resource.id,
                    resource_location=args.location,
                    resource_name=args.names.cluster,
                    resource_type=CLUSTER_ARM_TYPE,
                    resource_uri=cluster.resource.id,
                ),
                policy_info=dataprotection.PolicyInfoArgs(
                    policy_id=vault.policy_id,
                    policy_parameters=dataprotection.PolicyParametersArgs(
                        data_store_parameters_list=[
                            dataprotection.AzureOperationalStoreParametersArgs(
                                object_type="AzureOperationalStoreParameters",
                                data_store_type=dataprotection.DataStoreTypes.OPERATIONAL_STORE,
                                resource_group_id=vault.snapshots_group_id,
                            )
                        ],
                        backup_datasource_parameters_list=[
                            dataprotection.KubernetesClusterBackupDatasourceParametersArgs(
                                object_type="KubernetesClusterBackupDatasourceParameters",
                                include_cluster_scope_resources=True,
                                snapshot_volumes=True,
                                excluded_namespaces=list(args.settings.excluded_namespaces),
                            )
                        ],
                    ),
                ),
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                # the backups of a generation are what the next one is restored from
                retain_on_delete=args.production,
                depends_on=[*self.ready, after],
                hooks=pulumi.ResourceHookBinding.merge(
                    args.propagation.settled(f"{name}-settled"), retry_hook(f"{name}-roles", ROLES)
                ),
            ),
        )


class Backups(NamedTuple):
    """What keeps backups, and what takes those of this generation."""

    vault: BackupVault
    cluster: ClusterBackup
