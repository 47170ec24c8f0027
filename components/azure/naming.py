"""Every Azure name, in one place: deterministic, and within Azure's limits.

Limits: https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules. With the lengths that
``settings`` allows (platform 12, environment 8, pool 10, generation 3 digits) no name below can pass its limit.
"""

import hashlib
import uuid
from dataclasses import dataclass

from settings import Settings
from settings.foundation import Azure
from settings.pools import NodePool

_ROLE_ASSIGNMENTS = uuid.UUID("f1ad9ec8-7f4d-5c53-8a0f-0a7c94a4d1a5")
"""Namespace of role assignments' names; a change would rename, and so replace, all of them."""


@dataclass(frozen=True, kw_only=True)
class Names:
    """Names of one environment's Azure resources.

    Three lifetimes show in them: the foundation's have none but the environment, the network's carry the region, and
    the cluster generation's carry its number.
    """

    platform: str
    environment: str
    location: str
    generation: int
    subscription_id: str
    vault: str | None = None
    registry: str | None = None

    @classmethod
    def of(cls, settings: Settings, azure: Azure, *, location: str, generation: int) -> "Names":
        """Build the names of a stack; ``location`` is the cluster's region, not the foundation's."""
        return cls(
            platform=settings.platform,
            environment=settings.environment,
            location=location,
            generation=generation,
            subscription_id=azure.subscription_id,
            vault=settings.key_vault.name,
            registry=settings.registry.name,
        )

    @property
    def _base(self) -> str:
        return f"{self.platform}-{self.environment}"

    @property
    def _regional(self) -> str:
        return f"{self._base}-{self.location}"

    @property
    def _cluster(self) -> str:
        return f"{self._base}-g{self.generation}"

    @property
    def _unique(self) -> str:
        """Five characters that make global names unique to this subscription."""
        return hashlib.sha256(f"{self.subscription_id}/{self._base}".encode()).hexdigest()[:5]

    # foundation

    @property
    def foundation_group(self) -> str:
        """Resource group of what outlives clusters."""
        return f"rg-{self._base}"

    def lock(self, what: str) -> str:
        """Lock on one resource of the foundation."""
        return f"lock-{self._base}-{what}"

    @property
    def key_vault(self) -> str:
        """Key Vault: 3-24 characters, unique in the world."""
        if self.vault:
            return self.vault
        return f"kv-{self.platform[:6]}-{self.environment}-{self._unique}"

    @property
    def container_registry(self) -> str:
        """Container registry: 5-50 alphanumerics, unique in the world."""
        return self.registry or f"cr{self.platform}{self.environment}{self._unique}"

    @property
    def container_registry_host(self) -> str:
        """Host name of that registry."""
        return f"{self.container_registry}.azurecr.io"

    @property
    def log_analytics(self) -> str:
        """Log Analytics workspace."""
        return f"log-{self._base}"

    @property
    def monitor_workspace(self) -> str:
        """Azure Monitor workspace (managed Prometheus)."""
        return f"amw-{self._base}"

    @property
    def action_group(self) -> str:
        """Group of those who are told of alerts."""
        return f"ag-{self._base}"

    @property
    def action_group_short(self) -> str:
        """What its mails call it: 12 characters at most."""
        return f"{self.platform[:3]}-{self.environment}"

    def activity_log_alert(self, purpose: str) -> str:
        """Alert on what happened in Azure."""
        return f"alert-{self._base}-{purpose}"

    @property
    def rule_group(self) -> str:
        """Rules on metrics: 260 characters at most."""
        return f"prg-{self._base}"

    def identity(self, consumer: str) -> str:
        """User-assigned identity of one consumer, such as ``cert-manager``."""
        return f"id-{self._base}-{consumer}"

    def role_assignment(self, *, scope: str, role: str, consumer: str) -> str:
        """Name of a role assignment: a GUID that is the same on every run, so that one that exists can be imported.

        Names are unique in a tenant, so it carries the environment: another one would be refused the same name
        (RoleAssignmentUpdateNotPermitted).
        """
        owner = f"{self.subscription_id}/{self._base}"
        return str(uuid.uuid5(_ROLE_ASSIGNMENTS, f"{owner}|{scope.lower()}|{role}|{consumer}"))

    def role_definition(self, role: str) -> str:
        """Name of a custom role: a GUID that is the same on every run, and unique in a tenant."""
        return str(uuid.uuid5(_ROLE_ASSIGNMENTS, f"{self.subscription_id}/{self._base}|{role}"))

    def role_name(self, role: str) -> str:
        """What a custom role is called in the portal, which is unique in a tenant too."""
        return f"{self._base}-{self._unique}-{role}"

    # region

    @property
    def network_group(self) -> str:
        """Resource group of the region's network."""
        return f"rg-{self._regional}-network"

    @property
    def ingress_group(self) -> str:
        """Resource group of the region's ingress addresses, and of nothing else."""
        return f"rg-{self._regional}-ingress"

    @property
    def ingress_prefix(self) -> str:
        """Public IP prefix that ingress addresses are cut from."""
        return f"ippre-{self._regional}-ingress"

    def ingress_address(self, slot: int) -> str:
        """Public address of ingress; generations take slots in turn."""
        return f"pip-{self._regional}-ingress-{slot}"

    @property
    def backup_group(self) -> str:
        """Resource group of the region's backups, and of nothing else."""
        return f"rg-{self._regional}-backup"

    @property
    def snapshots_group(self) -> str:
        """Resource group that backups put snapshots of disks into, and of nothing else."""
        return f"rg-{self._regional}-snapshots"

    @property
    def backup_vault(self) -> str:
        """Backup vault: 2-50 characters."""
        return f"bv-{self._regional}"

    @property
    def backup_storage(self) -> str:
        """Storage account of backups: 3-24 lower-case alphanumerics, unique in the world and so in its region."""
        unique = hashlib.sha256(f"{self.subscription_id}/{self._regional}".encode()).hexdigest()[:6]
        return f"st{self.platform[:5]}{self.environment}bk{unique}"

    @property
    def backup_alerts(self) -> str:
        """Rule that sends the vault's own alerts to people."""
        return f"apr-{self._regional}-backup"

    @property
    def virtual_network(self) -> str:
        """Virtual network."""
        return f"vnet-{self._regional}"

    @property
    def nat_gateway(self) -> str:
        """NAT gateway."""
        return f"ng-{self._regional}"

    def private_endpoint(self, what: str) -> str:
        """Private endpoint of a service of the foundation."""
        return f"pe-{self._regional}-{what}"

    @property
    def zone_link(self) -> str:
        """Link of a private zone to the network."""
        return f"link-{self._regional}"

    def egress_address(self, index: int) -> str:
        """Public address of the NAT gateway."""
        return f"pip-{self._regional}-egress-{index}"

    # cluster generation

    @property
    def cluster_group(self) -> str:
        """Resource group of one cluster generation."""
        return f"rg-{self._cluster}"

    @property
    def cluster_nodes_group(self) -> str:
        """Resource group that AKS fills with the nodes: 80 characters at most."""
        return f"rg-{self._cluster}-nodes"

    @property
    def cluster(self) -> str:
        """AKS cluster: 1-63 characters, and its DNS prefix: 1-54."""
        return f"aks-{self._cluster}"

    def federated_credential(self, consumer: str) -> str:
        """Federated credential of a consumer in this generation: 3-120 characters."""
        return f"{self.cluster}-{consumer}"

    def data_collection_rule(self, purpose: str) -> str:
        """Data collection rule, which lives with its cluster."""
        return f"dcr-{self._cluster}-{purpose}"

    def data_collection_endpoint(self, purpose: str) -> str:
        """Data collection endpoint, which lives with its cluster."""
        return f"dce-{self._cluster}-{purpose}"


def pool_name(pool: NodePool, zones: tuple[str, ...]) -> str:
    """Azure name of a user pool: its own, and two characters that follow what cannot be changed in place.

    A changed VM size replaces a pool (azure-native issue 3655); with another name the replacement runs beside the
    old pool while workloads move. Linux names have 12 characters at most, Windows names 6.
    https://learn.microsoft.com/azure/aks/create-node-pools#limitations
    """
    fixed = (
        pool.vm_size,
        pool.os,
        pool.ephemeral,
        pool.os_disk_gib,
        pool.max_pods,
        pool.spot,
        pool.spot_max_price,
        *zones,
        # pools from before these settings keep their names
        *(["trustedLaunch"] if pool.trusted_launch else []),
        *(["encryptionAtHost"] if pool.encryption_at_host else []),
        *(["fips"] if pool.fips and pool.os == "windows" else []),
    )
    digest = int(hashlib.sha256(repr(fixed).encode()).hexdigest(), 16)
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    return pool.name + digits[digest % 36] + digits[digest // 36 % 36]
