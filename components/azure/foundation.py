"""What must survive a rebuild: vault, registry, DNS zone and logs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
from pulumi_azure_native import authorization, containerregistry, dns, keyvault, monitor, operationalinsights, resources

from components.azure.dns_records import caa_record
from components.azure.monitoring import REGISTRY_LOGS, VAULT_LOGS, diagnostic_setting
from components.azure.naming import Names
from components.azure.roles import CustomRole, Role, txt_record_role
from settings.azure_facts import REGIONS_WITHOUT_ZONES
from settings.foundation import Azure, Dns, KeyVault, Observability, Registry
from settings.types import Issuer


@dataclass(frozen=True, kw_only=True)
class FoundationArgs:
    """Inputs of the foundation."""

    names: Names
    azure: Azure
    tags: Mapping[str, str]
    dns: Dns
    issuer: Issuer
    """Who signs certificates."""
    key_vault: KeyVault
    registry: Registry
    observability: Observability
    production: bool
    """Protects everything, locks what holds data, and keeps ingress addresses when they leave the program."""
    egress_addresses: pulumi.Input[tuple[str, ...]]
    """The cluster's egress addresses, which the vault's firewall lets through where there is one."""
    cluster_subnet_ids: Sequence[pulumi.Input[str]]
    """Subnets of nodes and pods, which it lets through as well."""
    private_only: bool
    """Whether vault and registry answer private endpoints only."""


class Foundation(pulumi.ComponentResource):
    """The resources that no rebuild replaces; in production protected, and locked in Azure where they hold data."""

    resource_group_name: pulumi.Output[str]
    dns_zone_name: str
    dns_zone_id: pulumi.Output[str]
    dns_resource_group_name: pulumi.Output[str]
    dns_caa: dns.RecordSet | None = None
    """Says who may issue certificates for the zone, where the stack does."""
    dns_txt_role: CustomRole
    """Writes TXT records, where it is given on the zone."""
    dns_name_servers: pulumi.Output[list[str]] | None
    """What the parent zone has to delegate to; None for a zone that was there before."""
    vault_id: pulumi.Output[str]
    vault_uri: pulumi.Output[str]
    registry_id: pulumi.Output[str] | None
    """ARM id of the registry, where there is one."""
    registry_host: pulumi.Output[str] | None
    """Its host name."""
    log_analytics_id: pulumi.Output[str] | None
    """ARM id of the Log Analytics workspace, where something needs it."""
    monitor_workspace_id: pulumi.Output[str] | None
    """ARM id of the Azure Monitor workspace, where managed Prometheus is on."""

    def __init__(self, name: str, args: FoundationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the foundation."""
        super().__init__("aks-bootstrap:foundation:Foundation", name, None, opts)
        self._args = args
        self._keep = pulumi.ResourceOptions(parent=self, protect=args.production)
        names = args.names

        group = resources.ResourceGroup(
            "foundation",
            resource_group_name=names.foundation_group,
            location=args.azure.location,
            tags=args.tags,
            opts=self._keep,
        )
        self.resource_group_name, self._group_id = group.name, group.id
        self.dns_zone_name = args.dns.zone
        self._observability()
        self._dns_zone()
        self._key_vault()
        self._registry()
        self.register_outputs({"vaultUri": self.vault_uri})

    def _lock(self, what: str, scope: pulumi.Input[str]) -> None:
        """Lock a resource in production; a group with a locked resource in it cannot be deleted either.

        The group itself is not locked: a lock is inherited by what is below it, so that neither a federated credential
        of an old generation nor cert-manager's challenge records in the zone could be removed.
        https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources#considerations-before-applying-your-locks
        """
        if self._args.production:
            authorization.ManagementLockByScope(
                f"{what}-lock",
                lock_name=self._args.names.lock(what),
                scope=scope,
                level=authorization.LockLevel.CAN_NOT_DELETE,
                notes="Outlives clusters: docs/runbooks/disaster-recovery.md of aks-bootstrap.",
                opts=self._keep,
            )

    def _logs(self, what: str, id_: pulumi.Input[str], logs: Sequence[str]) -> None:
        if self._args.observability.diagnostics and self.log_analytics_id is not None:
            diagnostic_setting(f"{what}-logs", of=id_, workspace_id=self.log_analytics_id, logs=logs, opts=self._keep)

    def _dns_zone(self) -> None:
        args = self._args
        if args.dns.mode == "existing":
            group = args.dns.resource_group
            of_zone = f"/subscriptions/{args.azure.subscription_id}/resourceGroups/{group}"
            self.dns_txt_role = txt_record_role(args.names, of_zone, self._keep)
            self.dns_resource_group_name = pulumi.Output.from_input(group or "")
            self.dns_name_servers = None
            self.dns_zone_id = pulumi.Output.from_input(
                f"{of_zone}/providers/Microsoft.Network/dnsZones/{args.dns.zone}"
            )
            return
        zone = dns.Zone(
            "zone",
            zone_name=args.dns.zone,
            resource_group_name=self.resource_group_name,
            location="global",
            zone_type=dns.ZoneType.PUBLIC,
            tags=args.tags,
            opts=self._keep,
        )
        self.dns_txt_role = txt_record_role(args.names, self._group_id, self._keep)
        self.dns_resource_group_name = self.resource_group_name
        self.dns_zone_id = zone.id
        if args.dns.caa and args.issuer is not Issuer.SELF_SIGNED:
            self.dns_caa = caa_record(zone, self.resource_group_name, pulumi.ResourceOptions(parent=self))
        self.dns_name_servers = zone.name_servers.apply(lambda servers: list(servers or []))

    def _key_vault(self) -> None:
        args = self._args
        vault = keyvault.Vault(
            "vault",
            vault_name=args.names.key_vault,
            resource_group_name=self.resource_group_name,
            location=args.azure.location,
            tags=args.tags,
            properties=keyvault.VaultPropertiesArgs(
                tenant_id=args.azure.tenant_id,
                sku=keyvault.SkuArgs(family=keyvault.SkuFamily.A, name=keyvault.SkuName(args.key_vault.sku)),
                # explicit: the default changed between API versions
                enable_rbac_authorization=True,
                enable_soft_delete=True,
                soft_delete_retention_in_days=args.key_vault.soft_delete_retention_days,
                # Azure refuses an explicit false
                enable_purge_protection=True if args.key_vault.purge_protection else None,
                public_network_access="Disabled" if args.private_only else "Enabled",
                network_acls=self._vault_firewall(),
                create_mode=keyvault.CreateMode.RECOVER if args.key_vault.recover else None,
            ),
            opts=pulumi.ResourceOptions.merge(
                self._keep,
                pulumi.ResourceOptions(
                    # a vault with purge protection cannot be created again under its name for up to 90 days
                    retain_on_delete=args.key_vault.purge_protection,
                    # only the call that creates the vault reads it, and Azure never gives it back
                    ignore_changes=["properties.createMode"],
                ),
            ),
        )
        self._lock("vault", vault.id)
        for group in args.key_vault.writer_group_object_ids:
            authorization.RoleAssignment(
                f"vault-writer-{group}",
                role_assignment_name=args.names.role_assignment(
                    scope="vault", role=Role.KEY_VAULT_SECRETS_OFFICER, consumer=f"group-{group}"
                ),
                scope=vault.id,
                role_definition_id=Role.KEY_VAULT_SECRETS_OFFICER.definition(args.names.subscription_id),
                principal_id=group,
                principal_type=authorization.PrincipalType.GROUP,
                # the vault's lock is inherited by it: Azure would refuse to delete it too
                opts=self._keep,
            )
        self._logs("vault", vault.id, VAULT_LOGS)
        self.vault_id = vault.id
        self.vault_uri = vault.properties.apply(lambda properties: properties.vault_uri or "")

    def _vault_firewall(self) -> keyvault.NetworkRuleSetArgs | None:
        """Return what closes the vault to others; it names subnets whose service endpoint is there by then."""
        if not self._args.key_vault.closed:
            return None
        allowed = self._args.key_vault.allowed_ip_ranges
        return keyvault.NetworkRuleSetArgs(
            default_action=keyvault.NetworkRuleAction.DENY,
            bypass=keyvault.NetworkRuleBypassOptions.AZURE_SERVICES,
            virtual_network_rules=[keyvault.VirtualNetworkRuleArgs(id=id_) for id_ in self._args.cluster_subnet_ids],
            # where a subnet's endpoint is not in effect, its requests come by the NAT gateway
            ip_rules=pulumi.Output.from_input(self._args.egress_addresses).apply(
                lambda addresses: [keyvault.IPRuleArgs(value=value) for value in (*map(str, allowed), *addresses)]
            ),
        )

    def _registry(self) -> None:
        args = self._args
        self.registry_id = self.registry_host = None
        if args.registry.mode == "existing":
            self.registry_id = pulumi.Output.from_input(args.registry.resource_id or "")
            self.registry_host = pulumi.Output.from_input(args.registry.existing_host or "")
        if args.registry.mode == "create":
            registry = containerregistry.Registry(
                "registry",
                registry_name=args.names.container_registry,
                resource_group_name=self.resource_group_name,
                location=args.azure.location,
                tags=args.tags,
                sku=containerregistry.SkuArgs(name=containerregistry.SkuName(args.registry.sku)),
                admin_user_enabled=False,
                public_network_access=(
                    containerregistry.PublicNetworkAccess.DISABLED
                    if args.private_only
                    else containerregistry.PublicNetworkAccess.ENABLED
                ),
                zone_redundancy=(
                    containerregistry.ZoneRedundancy.ENABLED
                    if args.registry.sku == "Premium" and args.azure.location not in REGIONS_WITHOUT_ZONES
                    else containerregistry.ZoneRedundancy.DISABLED
                ),
                opts=self._keep,
            )
            self._lock("registry", registry.id)
            self._logs("registry", registry.id, REGISTRY_LOGS)
            self.registry_id, self.registry_host = registry.id, registry.login_server

    def _observability(self) -> None:
        args = self._args
        self.log_analytics_id = self.monitor_workspace_id = None
        if args.observability.log_analytics:
            workspace = operationalinsights.Workspace(
                "logs",
                workspace_name=args.names.log_analytics,
                resource_group_name=self.resource_group_name,
                location=args.azure.location,
                tags=args.tags,
                sku=operationalinsights.WorkspaceSkuArgs(name=operationalinsights.WorkspaceSkuNameEnum.PER_GB2018),
                retention_in_days=args.observability.retention_days,
                workspace_capping=(
                    operationalinsights.WorkspaceCappingArgs(daily_quota_gb=args.observability.daily_cap_gib)
                    if args.observability.daily_cap_gib
                    else None
                ),
                opts=self._keep,
            )
            self._lock("logs", workspace.id)
            self.log_analytics_id = workspace.id
        if args.observability.managed_prometheus:
            metrics = monitor.AzureMonitorWorkspace(
                "metrics",
                azure_monitor_workspace_name=args.names.monitor_workspace,
                resource_group_name=self.resource_group_name,
                location=args.azure.location,
                tags=args.tags,
                opts=self._keep,
            )
            self.monitor_workspace_id = metrics.id
