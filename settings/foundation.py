"""What outlives clusters: subscription, tags, vault, registry, DNS zone, and where logs go."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.report import Problem, Section
from settings.types import Cidr, DnsName, Guid, Location, Unique


class Tags(Section):
    """Tags that every Azure resource carries, beside ``environment`` and ``managed-by``."""

    owner: Annotated[str, Field(min_length=1, max_length=256)]
    """Who answers for this cluster: a team or an address."""
    cost_centre: Annotated[str, Field(min_length=1, max_length=256)]
    """Who pays."""
    extra: dict[str, str] = {}
    """Further tags, name to value."""

    def problems(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations."""
        if len(self.extra) > 46:
            yield Problem(("extra",), f"got {len(self.extra)} tags; allowed: 46, as Azure takes 50 and 4 are ours")
        for name, value in self.extra.items():
            if name.lower() in {"environment", "owner", "cost-centre", "managed-by"}:
                yield Problem(("extra", name), "this tag is set by the program; allowed: another name")
            if len(name) > 512 or set(name) & set("<>%&\\?/"):
                yield Problem(("extra", name), "allowed: a name of at most 512 characters without < > % & \\ ? /")
            if name.lower().startswith(("microsoft", "azure", "windows")):
                yield Problem(("extra", name), "allowed: a name that does not begin with microsoft, azure or windows")
            if len(value) > 256:
                yield Problem(("extra", name), f"got {len(value)} characters; allowed: at most 256")


class Azure(Section):
    """The subscription that the stack lives in; no environment variable can point it elsewhere."""

    subscription_id: Guid
    """The subscription's id."""
    tenant_id: Guid
    """The Entra tenant that the subscription trusts."""
    location: Location
    """Region of the foundation, and of the cluster unless ``cluster.location`` says otherwise."""


class KeyVault(Section):
    """The vault that applications' secrets come from. https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview."""

    name: Annotated[str, Field(min_length=3, max_length=24, pattern=r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")] | None = None
    """3-24 letters, digits and single hyphens, unique in the world; derived when left out."""
    soft_delete_retention_days: Annotated[int, Field(ge=7, le=90)] = 7
    """Days that a deleted vault can be recovered; it cannot be changed later."""
    purge_protection: bool = True
    """Refuse to purge before that; it cannot be turned off later."""
    sku: Literal["standard", "premium"] = "standard"
    """``premium`` has hardware keys."""
    recover: bool = False
    """Take a soft-deleted vault of this name back instead of creating one: for the ``up`` after a deletion."""
    allowed_ip_ranges: Annotated[tuple[Cidr, ...], Unique] = ()
    """Ranges that may reach the vault; all may when empty. The cluster's egress addresses are added by the program."""


class Registry(Section):
    """The container registry that nodes pull from."""

    mode: Literal["none", "create", "existing"] = "none"
    """Create one, use an existing one, or leave registries to others."""
    name: Annotated[str, Field(pattern=r"^[a-z0-9]{5,50}$")] | None = None
    """Name of a created one; derived when left out."""
    resource_id: str | None = None
    """ARM id of an existing one."""
    login_server: DnsName | None = None
    """Host name of an existing one, where it is not <name>.azurecr.io."""
    sku: Literal["Basic", "Standard", "Premium"] = "Basic"
    """Premium is zone-redundant."""

    def problems(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcontainerregistry."""
        pattern = r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/Microsoft\.ContainerRegistry/registries/[^/]+"
        if self.mode == "existing" and not self.resource_id:
            yield Problem(("resourceId",), "missing; mode 'existing' needs it")
        if self.mode != "existing" and self.resource_id:
            yield Problem(("resourceId",), f"got a value with mode {self.mode!r}; allowed only with 'existing'")
        if self.mode == "existing" and self.resource_id and not re.fullmatch(pattern, self.resource_id, re.IGNORECASE):
            yield Problem(
                ("resourceId",),
                f"got {self.resource_id!r}; allowed: /subscriptions/.../Microsoft.ContainerRegistry/registries/...",
            )
        if self.login_server and self.mode != "existing":
            yield Problem(("loginServer",), f"got {self.login_server!r} with mode {self.mode!r}; allowed: 'existing'")
        if self.name and self.mode != "create":
            yield Problem(("name",), f"got {self.name!r} with mode {self.mode!r}; allowed only with 'create'")


class Dns(Section):
    """The public zone of this environment's host names."""

    zone: DnsName
    """The zone, such as dev.example.com."""
    mode: Literal["create", "existing"] = "create"
    """Create the zone (then delegate to it), or use one that is there."""
    resource_group: Annotated[str, Field(pattern=r"^[\w.()-]{1,89}[\w()-]$")] | None = None
    """Resource group of an existing zone."""
    records: Annotated[
        tuple[Annotated[str, Field(pattern=r"^(@|(\*|[a-z0-9]([a-z0-9-]*[a-z0-9])?)(\.[a-z0-9-]+)*)$")], ...],
        Unique,
    ] = ("*",)
    """A records that lead to ingress, relative to the zone; ``@`` is the apex, ``*`` the wildcard."""
    ttl_seconds: Annotated[int, Field(ge=30, le=86400)] = 300
    """How long resolvers keep them, which bounds how long a rebuild's move takes to be seen."""

    def problems(self) -> Iterator[Problem]:
        """An existing zone needs its place."""
        if self.mode == "existing" and not self.resource_group:
            yield Problem(("resourceGroup",), "missing; mode 'existing' needs it")
        if self.mode == "create" and self.resource_group:
            yield Problem(("resourceGroup",), f"got {self.resource_group!r}; allowed only with mode 'existing'")


class Observability(Section):
    """What watches the cluster; off unless the stack turns it on (production does)."""

    container_insights: bool = False
    """Logs and events to a Log Analytics workspace."""
    managed_prometheus: bool = False
    """Metrics to an Azure Monitor workspace."""
    defender: bool = False
    """Microsoft Defender for Containers' sensor."""
    azure_policy: bool = False
    """The Azure Policy add-on (Gatekeeper)."""
    retention_days: Annotated[int, Field(ge=30, le=730)] = 30
    """Days that Log Analytics keeps data. https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure"""
    daily_cap_gib: Annotated[float, Field(gt=0)] | None = None
    """Most that Log Analytics takes in a day; without a cap when left out."""

    @property
    def log_analytics(self) -> bool:
        """Whether anything needs the Log Analytics workspace."""
        return self.container_insights or self.defender
