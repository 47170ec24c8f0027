"""The AKS cluster of a generation: how it is reached, upgraded and scaled; or the cluster that is there already."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from conventions import DEFAULT_KUBERNETES_VERSION
from settings.azure_facts import (
    LONG_TERM_ONLY_KUBERNETES,
    NEWEST_KUBERNETES,
    OLDEST_KUBERNETES,
    why_not_public,
)
from settings.forms import Form
from settings.report import Problem, Section, check, guarded
from settings.types import (
    Cidr,
    Clock,
    Date,
    Day,
    Exposure,
    Flag,
    Guid,
    Location,
    Minutes,
    Seconds,
    Unique,
    UtcOffset,
    Zones,
)


class ApiServer(Section):
    """How the API server is reached; a choice that has no default."""

    exposure: Exposure
    """``private`` (private link), ``vnetIntegrated``, ``authorizedRanges``, or, spelled out, ``openToTheWorld``."""
    authorized_ip_ranges: Annotated[tuple[Cidr, ...], Unique] = ()
    """Ranges that may reach a public API server. The NAT gateway's own addresses are added by the program."""

    @check
    def ranges_and_exposure(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges: at most 200 ranges."""
        key = ("authorizedIpRanges",)
        if self.exposure is Exposure.AUTHORIZED_RANGES:
            if not self.authorized_ip_ranges:
                yield Problem(key, "missing; exposure 'authorizedRanges' needs at least one range")
            if len(self.authorized_ip_ranges) > 184:
                yield Problem(
                    key,
                    f"got {len(self.authorized_ip_ranges)} ranges; allowed: 184, as AKS takes 200 and 16 are for NAT",
                )
        elif self.authorized_ip_ranges:
            yield Problem(
                key, f"got ranges with exposure {self.exposure.value!r}; allowed only with 'authorizedRanges'"
            )

    @check
    def public_ranges(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges: the endpoint is public."""
        for index, cidr in enumerate(self.authorized_ip_ranges):
            yield from guarded(self._public_range(index, cidr))

    def _public_range(self, index: int, cidr: Cidr) -> Iterator[Problem]:
        path = ("authorizedIpRanges", index)
        if cidr.prefixlen == 0:
            yield Problem(path, f"got '{cidr}'; to open it, set exposure: {Exposure.OPEN.value}")
        elif why := why_not_public(cidr):
            yield Problem(path, f"got '{cidr}', which is {why}; allowed: public ranges, as the endpoint is public")


class MaintenanceWindow(Section):
    """A weekly window. https://learn.microsoft.com/azure/aks/planned-maintenance."""

    day: Day
    """Day of the week that it starts on."""
    start_time: Clock
    """Local time that it starts at, HH:MM."""
    utc_offset: UtcOffset = "+00:00"
    """The local time's offset from UTC."""
    duration_hours: Annotated[int, Field(strict=True, ge=4, le=24)] = 4
    """Hours that it lasts."""
    interval_weeks: Annotated[int, Field(strict=True, ge=1, le=4)] = 1
    """Weeks from one window to the next."""
    start_date: Date | None = None
    """First day that it is in force; today when left out."""


class Maintenance(Section):
    """When AKS may upgrade by itself; without a window, at any time."""

    cluster: MaintenanceWindow | None = None
    """Window for the control plane's and pools' Kubernetes version."""
    node_os: MaintenanceWindow | None = None
    """Window for node images."""


class AutoscalerProfile(Section):
    """How the cluster autoscaler behaves. https://learn.microsoft.com/azure/aks/cluster-autoscaler#cluster-autoscaler-profile-settings."""

    expander: Literal["least-waste", "most-pods", "priority", "random"] = "least-waste"
    """How it chooses the pool to grow."""
    balance_similar_node_groups: Flag = True
    """Keep pools that differ only in their zone of the same size."""
    scan_interval: Seconds = "10s"
    """Seconds between two looks, such as "10s"."""
    scale_down_delay_after_add: Minutes = "10m"
    """Time after a scale-up before scale-down is considered, such as ``10m``."""
    scale_down_unneeded_time: Minutes = "10m"
    """Time that a node must be idle before it goes, such as ``10m``."""
    scale_down_utilization_threshold: Annotated[float, Field(strict=True, gt=0, lt=1)] = 0.5
    """Share of a node's requests under which it counts as idle."""
    max_graceful_termination_seconds: Annotated[int, Field(strict=True, ge=0, le=3600)] = 600
    """Seconds that a pod gets to end when its node goes."""
    max_node_provision_time: Minutes = "15m"
    """Time that a node may take to come up, such as ``15m``."""
    skip_nodes_with_local_storage: Flag = False
    """Never remove a node whose pods have local storage."""
    skip_nodes_with_system_pods: Flag = True
    """Never remove a node that runs kube-system pods."""


def _version_hint(value: str) -> str | None:
    found = value.strip().lstrip("vV").split(".")
    if len(found) == 3 and found[0] == "1":
        return f'without the patch, which AKS chooses: write "1.{found[1]}"'
    return f'write "1.{found[1]}"' if len(found) == 2 and found[0] == "1" and len(found[1]) == 2 else None


KubernetesVersion = Annotated[
    str,
    Form("1[.][0-9]{2}", f'a minor version in quotes such as "{DEFAULT_KUBERNETES_VERSION}"', hints=(_version_hint,)),
]


_VAULT_ID = re.compile(
    r"/subscriptions/[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/resourceGroups/[^/<>{}]{1,90}"
    r"/providers/Microsoft\.KeyVault/vaults/(?P<vault>[A-Za-z][A-Za-z0-9-]{2,23})",
    re.IGNORECASE,
)


def _no_vault_id(text: str) -> str | None:
    return None if _VAULT_ID.fullmatch(text) else "az keyvault show --name <vault> --query id"


VaultId = Annotated[
    str,
    Form(
        r"/[sS][\s\S]*",
        "/subscriptions/.../resourceGroups/.../providers/Microsoft.KeyVault/vaults/...",
        hints=(_no_vault_id,),
        refused=(_no_vault_id,),
    ),
]
KeyId = Annotated[
    str,
    # https://learn.microsoft.com/azure/key-vault/general/about-keys-secrets-certificates#vault-name-and-object-name
    Form(
        r"https://[A-Za-z][A-Za-z0-9-]{2,23}\.vault\.azure\.net/keys/[0-9A-Za-z-]{1,127}/[0-9a-f]{32}",
        "a key with its version, https://<vault>.vault.azure.net/keys/<key>/<version>",
        hints=(lambda _: "az keyvault key show --vault-name <vault> --name <key> --query key.kid",),
    ),
]


class EtcdEncryption(Section):
    """A key of yours that Secrets in etcd are encrypted with, beside Azure's own encryption of its disks.

    The vault is another one than the stack's, whose firewall would shut the API server out. Secrets are lost with the
    key. https://learn.microsoft.com/azure/aks/use-kms-etcd-encryption
    """

    key_id: KeyId
    """The key, with its version. After a new version, rewrite all Secrets before the old version goes."""
    vault_resource_id: VaultId
    """ARM id of its vault, one with Azure RBAC; the cluster's identity is given its roles there."""
    network_access: Literal["Public", "Private"] = "Public"
    """``Private`` is for a vault that answers private endpoints only, with ``apiServer.exposure: vnetIntegrated``."""

    @check
    def key_of_the_vault(self) -> Iterator[Problem]:
        """A key is named by its vault."""
        vault = self.vault_resource_id.rsplit("/", 1)[-1].lower()
        if not self.key_id.lower().startswith(f"https://{vault}."):
            yield Problem(("keyId",), f"got {self.key_id!r}; allowed: a key of vaultResourceId's vault {vault!r}")


class Cluster(Section):
    """The AKS cluster of this generation."""

    generation: Annotated[int, Field(strict=True, ge=1, le=999)] = 1
    """Raise it by one, and the next ``pulumi up`` builds a new cluster beside the old one and moves to it.

    By one, as neighbours in the count take ingress addresses in turn: a new cluster that must be given up is removed
    by going back to the old number.
    """
    location: Location | None = None
    """Region of the cluster and its network; ``azure.location`` when left out."""
    kubernetes_version: KubernetesVersion = DEFAULT_KUBERNETES_VERSION
    """A minor version, in quotes; the patch channel owns the rest."""
    tier: Literal["Free", "Standard", "Premium"] = "Free"
    """Control plane tier; Standard and Premium come with a service level agreement."""
    long_term_support: Flag = False
    """AKS long-term support; needs the Premium tier."""
    zones: Zones = ()
    """Availability zones of the system pool and, unless they say otherwise, user pools.

    Public addresses are in every zone that the region has.
    """
    api_server: ApiServer
    """How the API server is reached; a choice that has no default."""
    local_accounts: Flag = False
    """Keep the certificate account that bypasses Entra ID."""
    admin_group_object_ids: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups whose members administer the cluster; whoever runs ``pulumi up`` has to be in one."""
    kubelogin: Literal["azurecli", "workloadidentity", "spn", "msi"] = "azurecli"
    """How kubelogin signs in for whoever runs ``pulumi up``."""
    upgrade_channel: Literal["patch", "none"] = "patch"
    """The channels that move the minor version are left out: the stack file owns it."""
    node_os_upgrade_channel: Literal["NodeImage", "SecurityPatch", "Unmanaged", "None"] = "NodeImage"
    """Who patches the nodes' operating system."""
    maintenance: Maintenance = Maintenance()
    """When AKS may upgrade by itself."""
    autoscaler: AutoscalerProfile = AutoscalerProfile()
    """How the cluster autoscaler behaves."""
    keda: Flag = False
    """Event-driven autoscaling of workloads."""
    vertical_pod_autoscaler: Flag = False
    """Requests that follow use."""
    node_auto_provisioning: Flag = False
    """Karpenter-style nodes on demand; then no pool may autoscale."""
    node_ssh: Flag | None = None
    """Run the SSH service on Linux nodes; AKS does when left out, production does not. Pools may differ: ``ssh``.

    https://learn.microsoft.com/azure/aks/manage-ssh-node-access: ``kubectl debug node`` needs no SSH.
    """
    node_resource_group_read_only: Flag | None = None
    """Refuse changes by hand of what AKS manages in the nodes' resource group; off when left out, on in production.

    https://learn.microsoft.com/azure/aks/node-resource-group-lockdown
    """
    etcd_encryption: EtcdEncryption | None = None
    """A key of yours for Secrets in etcd; only Azure's own when left out."""
    image_cleaner_interval_hours: Annotated[int, Field(strict=True, ge=24, le=2160)] = 168
    """Hours between two rounds of the image cleaner. https://learn.microsoft.com/azure/aks/image-cleaner"""

    @property
    def minor(self) -> int:
        """Number of the Kubernetes version behind the dot."""
        return int(self.kubernetes_version.split(".")[1])

    @check
    def version_on_offer(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/supported-kubernetes-versions: creation takes no other."""
        if not OLDEST_KUBERNETES <= self.minor <= NEWEST_KUBERNETES:
            why = "no longer creates older ones" if self.minor < OLDEST_KUBERNETES else "does not offer newer ones yet"
            yield Problem(
                ("kubernetesVersion",),
                f"got {self.kubernetes_version!r}; "
                f"allowed: 1.{OLDEST_KUBERNETES} or newer, up to 1.{NEWEST_KUBERNETES}, as AKS {why}",
            )

    @check
    def version_with_long_term_support(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/long-term-support."""
        if OLDEST_KUBERNETES <= self.minor <= LONG_TERM_ONLY_KUBERNETES and not self.long_term_support:
            yield Problem(
                ("kubernetesVersion",),
                f"got {self.kubernetes_version!r}, which has long-term support only; "
                f"allowed: 1.{LONG_TERM_ONLY_KUBERNETES + 1} or newer, or longTermSupport: true",
            )

    @check
    def tier_and_long_term_support(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/long-term-support: each of the two needs the other."""
        if self.long_term_support and self.tier != "Premium":
            yield Problem(("tier",), f"got {self.tier!r}; allowed with longTermSupport: Premium")
        if self.tier == "Premium" and not self.long_term_support:
            yield Problem(("tier",), "got 'Premium'; allowed without longTermSupport: true: Free, Standard")

    @check
    def private_vault_of_etcd(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/use-kms-etcd-encryption#turn-on-kms-for-a-private-key-vault."""
        if self.etcd_encryption is None or self.etcd_encryption.network_access == "Public":
            return
        if self.api_server.exposure is not Exposure.VNET_INTEGRATED:
            yield Problem(
                ("etcdEncryption", "networkAccess"),
                f"got 'Private' with apiServer.exposure {self.api_server.exposure.value!r}; allowed with it: Public; "
                "or exposure vnetIntegrated",
            )

    @check
    def administrators(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/aks/enable-authentication-microsoft-entra-id."""
        if not self.admin_group_object_ids:
            yield Problem(
                ("adminGroupObjectIds",),
                "missing; at least one Entra group has to administer the cluster: this program signs in as its member",
            )


class Local(Section):
    """An existing cluster: kind, k3d, or any other."""

    kubeconfig: Annotated[str, Field(min_length=1)] | None = None
    """Path of the kubeconfig; KUBECONFIG or ~/.kube/config when left out."""
    context: Annotated[str, Field(min_length=1)] | None = None
    """Context in it; its current one when left out."""
