"""What outlives clusters: subscription, tags, vault, registry, DNS zone, and where logs go."""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from settings.azure_facts import reserved_word, why_not_public
from settings.forms import Form
from settings.report import UNREAD, Problem, Section, check, guarded
from settings.types import Cidr, Cutover, DnsName, Email, Flag, Guid, Location, Unique

_OURS = {"environment", "owner", "cost-centre", "managed-by"}
_CLOUD_PROVIDERS = {"service", "k8s-azure-service", "kubernetes-cluster-name", "k8s-azure-cluster-name"}
"""https://github.com/kubernetes-sigs/cloud-provider-azure/blob/master/pkg/consts/consts.go."""


def _no_tag_name(name: str) -> str | None:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations."""
    if name.lower() in _OURS:
        return "this tag is set by the program: use another name"
    if name.lower() in _CLOUD_PROVIDERS:
        return "Kubernetes' own: cloud-provider-azure takes addresses with it for its own, and removes them"
    if name.lower().startswith(("microsoft", "azure", "windows")):
        return "it does not begin with microsoft, azure or windows"
    return "without blanks at its ends" if name != name.strip() else None


def _not_reserved(name: str) -> str | None:
    """https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-reserved-resource-name."""
    word = reserved_word(name)
    return f"Azure reserves the word {word!r}: use another" if word else None


def _vault_hint(name: str) -> str | None:
    if name.startswith("-") or name.endswith("-") or "--" in name:
        return "a hyphen stands between two letters or digits"
    if len(name) > 24 or len(name) < 3:
        return f"this has {len(name)} characters"
    return None


def _registry_hint(name: str) -> str | None:
    plainly = re.sub("[^a-z0-9]", "", name.lower())
    return f"write {plainly}" if re.fullmatch("[a-z0-9]{5,50}", plainly) and plainly != name else None


_GROUP = r"[\w.()-]{0,89}[\w()-]"
_REGISTRY_ID = re.compile(
    rf"/subscriptions/(?P<subscription>[^/]+)/resourceGroups/(?P<group>{_GROUP})"
    r"/providers/Microsoft\.ContainerRegistry/registries/(?P<registry>[^/]+)",
    re.IGNORECASE,
)


def _id_hint(text: str) -> str | None:
    if re.search(r"[<>{}]", text):
        return "a placeholder is left in it"
    return "az acr show --name <registry> --query id"


def _no_registry_id(text: str) -> str | None:
    """https://learn.microsoft.com/azure/azure-resource-manager/management/resource-name-rules#microsoftcontainerregistry."""
    match = _REGISTRY_ID.fullmatch(text)
    if match is None or re.search(r"[<>{}]", text):
        return _id_hint(text)
    if not re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", match["subscription"]):
        return f"{match['subscription']!r} is no subscription's id"
    if not re.fullmatch("[A-Za-z0-9]{5,50}", match["registry"]):
        return f"{match['registry']!r} is no registry's name: 5-50 letters and digits"
    return None


def _record_hint(record: str) -> str | None:  # noqa: PLR0911 - one line for each way to miss
    if record.endswith("."):
        return "without the dot at the end"
    if any(len(label) > 63 for label in record.split(".")):
        return "a label has 63 characters at most"
    if "*" in record:
        return "a wildcard is the first label, and all of it"
    if "_" in record:
        return "host names have no underscore; use a hyphen"
    if "://" in record or "/" in record:
        return "the name alone"
    if not record.isascii():
        return "in ASCII, as DNS has it"
    return "write '@' for the zone itself" if not record.strip() else None


Record = Annotated[
    str,
    Form(
        r"@|(?:\*|[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*",
        "a lower-case name relative to the zone, '@' for the zone itself, or '*'",
        hints=(_record_hint,),
    ),
]
NotBlank = Annotated[str, Field(max_length=256), Form(r"[\s\S]*\S[\s\S]*", "1-256 characters, not only blanks")]


TagName = Annotated[
    str,
    Form(
        r"[^<>%&\\?/\u0000-\u001f]{1,512}",
        "a name of 1-512 characters without < > % & \\ ? /",
        refused=(_no_tag_name,),
    ),
]
TagValue = Annotated[str, Field(max_length=256)]


class Tags(Section):
    """Tags that every Azure resource carries, beside ``environment`` and ``managed-by``."""

    owner: NotBlank
    """Who answers for this cluster: a team or an address."""
    cost_centre: NotBlank
    """Who pays."""
    extra: dict[TagName, TagValue] = {}
    """Further tags, name to value."""

    @check
    def count(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources#limitations."""
        if len(self.extra) > 46:
            yield Problem(("extra",), f"got {len(self.extra)} tags; allowed: 46, as Azure takes 50 and 4 are ours")

    @check
    def names_differ(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/azure-resource-manager/management/tag-resources: names have no case."""
        seen: dict[str, str] = {}
        for name in self.extra:
            if (other := seen.setdefault(name.lower(), name)) != name:
                yield Problem(("extra", name), f"got {other!r} and {name!r}; allowed: one, as tags' names have no case")


class Azure(Section):
    """The subscription that the stack lives in; no environment variable can point it elsewhere."""

    subscription_id: Guid
    """The subscription's id."""
    tenant_id: Guid
    """The Entra tenant that the subscription trusts."""
    location: Location
    """Region of the foundation, and of the cluster unless ``cluster.location`` says otherwise."""


VaultName = Annotated[
    str,
    # Azure takes capitals too, and shows them in lower case in the vault's URL
    Form(
        "(?=.{3,24}$)[a-z][a-z0-9]*(?:-[a-z0-9]+)*",
        "3-24 lower-case letters, digits and single hyphens, first a letter",
        hints=(_vault_hint,),
        refused=(_not_reserved,),
    ),
]
RegistryName = Annotated[
    str,
    Form("[a-z0-9]{5,50}", "5-50 lower-case letters and digits", hints=(_registry_hint,), refused=(_not_reserved,)),
]
RegistryId = Annotated[
    str,
    Form(
        r"/[sS][\s\S]*",
        "/subscriptions/.../resourceGroups/.../providers/Microsoft.ContainerRegistry/registries/...",
        hints=(_id_hint,),
        refused=(_no_registry_id,),
    ),
]
GroupName = Annotated[
    str, Form(_GROUP, "a resource group's name: 1-90 letters, digits, ( ) - _ and dots, no dot at the end")
]


class KeyVault(Section):
    """The vault that applications' secrets come from. https://learn.microsoft.com/azure/key-vault/general/soft-delete-overview."""

    name: VaultName | None = None
    """3-24 letters, digits and single hyphens, unique in the world; derived when left out."""
    soft_delete_retention_days: Annotated[int, Field(strict=True, ge=7, le=90)] = 7
    """Days that a deleted vault can be recovered; it cannot be changed later."""
    purge_protection: Flag = True
    """Refuse to purge before that; it cannot be turned off later."""
    sku: Literal["standard", "premium"] = "standard"
    """``premium`` has hardware keys."""
    recover: Flag = False
    """Take a soft-deleted vault of this name back instead of creating one: for the ``up`` after a deletion."""
    firewall: Flag | None = None
    """Refuse whoever is neither in the cluster's subnets nor in ``allowedIpRanges``; such ranges turn it on too.

    Azure's own trusted services pass. https://learn.microsoft.com/azure/key-vault/general/network-security
    """
    allowed_ip_ranges: Annotated[tuple[Cidr, ...], Unique] = ()
    """Public ranges that may reach the vault: of people and pipelines that write secrets. The cluster needs none."""
    writer_group_object_ids: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups whose members write its secrets, as Key Vault Secrets Officer; nobody does when empty.

    The vault is one with Azure RBAC, where not even the subscription's owner reads or writes secrets.
    https://learn.microsoft.com/azure/key-vault/general/rbac-guide
    """

    @property
    def closed(self) -> bool:
        """Whether its firewall is on."""
        return bool(self.allowed_ip_ranges) if self.firewall is None else self.firewall

    @check
    def ranges_of_firewall(self) -> Iterator[Problem]:
        """Ranges that a firewall would let in, where it is off, close nothing."""
        if self.firewall is False and self.allowed_ip_ranges:
            yield Problem(("firewall",), "got false with allowedIpRanges; allowed: true, or no ranges")

    @check
    def public_ranges(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/key-vault/general/network-security: public addresses, 1,000 rules."""
        for index, cidr in enumerate(self.allowed_ip_ranges):
            yield from guarded(self._public_range(index, cidr))
        if len(self.allowed_ip_ranges) > 984:
            yield Problem(("allowedIpRanges",), f"got {len(self.allowed_ip_ranges)} ranges; allowed: 984")

    def _public_range(self, index: int, cidr: Cidr) -> Iterator[Problem]:
        path = ("allowedIpRanges", index)
        if cidr.prefixlen == 0:
            yield Problem(
                path,
                f"got '{cidr}'; allowed: public ranges; to let everybody reach the vault, leave allowedIpRanges out",
            )
        elif why := why_not_public(cidr):
            yield Problem(path, f"got '{cidr}', which is {why}; allowed: public ranges, as the vault sees no others")


class Registry(Section):
    """The container registry that nodes pull from."""

    mode: Literal["none", "create", "existing"] = "none"
    """Create one, use an existing one, or leave registries to others."""
    name: RegistryName | None = None
    """Name of a created one; derived when left out."""
    resource_id: RegistryId | None = None
    """ARM id of an existing one."""
    login_server: DnsName | None = None
    """Host name of an existing one, where it is not <name>.azurecr.io."""
    sku: Literal["Basic", "Standard", "Premium"] = "Basic"
    """Premium is zone-redundant."""

    @property
    def existing_host(self) -> str | None:
        """Host name of an existing one; None where there is none."""
        if self.mode != "existing" or self.resource_id is None:
            return None
        return self.login_server or f"{self.resource_id.rsplit('/', 1)[-1].lower()}.azurecr.io"

    @check
    def existing(self) -> Iterator[Problem]:
        """An existing registry is named by its id."""
        if self.mode == "existing" and not self.resource_id:
            yield Problem(("resourceId",), "missing; mode 'existing' needs it")
        if self.mode != "existing" and self.resource_id:
            yield Problem(("resourceId",), f"got a value with mode {self.mode!r}; allowed only with 'existing'")

    @check
    def server_of_existing(self) -> Iterator[Problem]:
        """A created registry has its own."""
        if self.login_server and self.mode != "existing":
            yield Problem(("loginServer",), f"got {self.login_server!r} with mode {self.mode!r}; allowed: 'existing'")

    @check
    def name_of_created(self) -> Iterator[Problem]:
        """An existing registry has one."""
        if self.name and self.mode != "create":
            yield Problem(("name",), f"got {self.name!r} with mode {self.mode!r}; allowed only with 'create'")


class Dns(Section):
    """The public zone of this environment's host names."""

    zone: DnsName
    """The zone, such as dev.example.com."""
    mode: Literal["create", "existing"] = "create"
    """Create the zone (then delegate to it), or use one that is there."""
    resource_group: GroupName | None = None
    """Resource group of an existing zone."""
    records: Annotated[tuple[Record, ...], Unique] = ("*",)
    """A records that lead to ingress, relative to the zone; ``@`` is the apex, ``*`` the wildcard."""
    ttl_seconds: Annotated[int, Field(strict=True, ge=30, le=86400)] = 300
    """Seconds that resolvers cache the records, and that a rebuild keeps the old cluster after they have moved."""
    cutover: Cutover = Cutover.SERVING
    """When a rebuild moves the records to the new cluster.

    ``serving``: when it serves: its certificate is issued, Argo CD's page answers, and no application is worse than on
    the old cluster, which stays for ``ttlSeconds`` more. ``immediate``: as soon as its ingress has the address, for the
    night when the old cluster is gone.
    """
    caa: Flag = True
    """Let only Let's Encrypt issue certificates for the zone, where it is created and ``certificates.issuer`` is one of
    Let's Encrypt's. Turn it off where a host in the zone has its certificate from another authority.

    https://letsencrypt.org/docs/caa/
    """

    @check
    def place_of_zone(self) -> Iterator[Problem]:
        """An existing zone needs its place."""
        if self.mode == "existing" and not self.resource_group:
            yield Problem(("resourceGroup",), "missing; mode 'existing' needs it")
        if self.mode == "create" and self.resource_group:
            yield Problem(("resourceGroup",), f"got {self.resource_group!r}; allowed only with mode 'existing'")

    @check
    def relative_records(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/dns/dns-zones-records#record-names: names are relative to the zone."""
        for index, record in enumerate(self.records):
            yield from guarded(self._relative(index, record))

    def _relative(self, index: int, record: str) -> Iterator[Problem]:
        path = ("records", index)
        if record == self.zone or record.endswith(f".{self.zone}"):
            relative = record.removesuffix(self.zone).rstrip(".") or "@"
            yield Problem(path, f"got {record!r}; allowed: relative to the zone {self.zone}: write {relative!r}")
        elif len(record) + len(self.zone) > 252:
            yield Problem(path, f"got {record!r}; allowed: 253 characters with the zone (RFC 1035)")

    @check
    def records_differ(self) -> Iterator[Problem]:
        """Each record is a resource, which is named after it in letters."""
        seen: dict[str, str] = {}
        for record in self.records:
            if record is UNREAD:
                continue
            name = record.replace("@", "apex").replace("*", "wildcard").replace(".", "-")
            if (other := seen.setdefault(name, record)) != record:
                yield Problem(
                    ("records",),
                    f"got {other!r} and {record!r}; allowed: one of them, as both are record-{name} in the state",
                )


class Alerts(Section):
    """Who is told by e-mail when somebody weakens the environment, or what runs in it is in trouble.

    That is a lock deleted, a role assigned, the vault changed or deleted, the cluster deleted, or its certificate
    account asked for. https://learn.microsoft.com/azure/azure-monitor/alerts/alerts-types#activity-log-alerts
    """

    emails: Annotated[tuple[Email, ...], Unique]
    """E-mail addresses, 1 to 1,000."""
    metrics: Flag | None = None
    """Tell them too of certificates that are not renewed, secrets that are not read, applications that are degraded or
    not what Git has, and pods that find no node; wherever ``managedPrometheus`` is on when left out.
    """

    @check
    def somebody(self) -> Iterator[Problem]:
        """https://learn.microsoft.com/azure/azure-monitor/fundamentals/service-limits#action-groups: 1,000 at most."""
        if not 1 <= len(self.emails) <= 1000:
            yield Problem(
                ("emails",),
                f"got {len(self.emails)} addresses; allowed: 1-1,000; to tell nobody, leave observability.alerts out",
            )


class Observability(Section):
    """What watches the cluster; off unless the stack turns it on (production does)."""

    container_insights: Flag = False
    """Logs and events to a Log Analytics workspace."""
    managed_prometheus: Flag = False
    """Metrics to an Azure Monitor workspace."""
    defender: Flag = False
    """Microsoft Defender for Containers' sensor."""
    azure_policy: Flag = False
    """The Azure Policy add-on (Gatekeeper)."""
    diagnostics: Flag = False
    """Who did what, to Log Analytics: changes to the cluster and sign-ins, and what is asked of vault and registry."""
    alerts: Alerts | None = None
    """E-mail alerts on changes that weaken the environment and on unhealthy workloads; none when left out."""
    retention_days: Annotated[int, Field(strict=True, ge=30, le=730)] = 30
    """Days that Log Analytics keeps data. https://learn.microsoft.com/azure/azure-monitor/logs/data-retention-configure"""
    daily_cap_gib: Annotated[float, Field(strict=True, ge=0.023)] | None = None
    """Most that Log Analytics takes in a day; without a cap when left out.

    https://learn.microsoft.com/azure/azure-monitor/logs/daily-cap: 0.023 GB is the least that the portal takes.
    """

    @property
    def log_analytics(self) -> bool:
        """Whether anything needs the Log Analytics workspace."""
        return self.container_insights or self.defender or self.diagnostics

    @property
    def alerts_on_metrics(self) -> bool:
        """Whether somebody is told when what runs is in trouble."""
        return self.managed_prometheus and self.alerts is not None and self.alerts.metrics is not False

    @check
    def metrics_of_something(self) -> Iterator[Problem]:
        """Rules read what managed Prometheus collects."""
        if self.alerts is not None and self.alerts.metrics and not self.managed_prometheus:
            yield Problem(
                ("alerts", "metrics"),
                "got true with managedPrometheus: false; allowed: false, or managedPrometheus: true",
            )

    @check
    def cap_of_something(self) -> Iterator[Problem]:
        """A cap without logs would be dropped in silence."""
        if self.daily_cap_gib is not None and not self.log_analytics:
            yield Problem(
                ("dailyCapGib",),
                f"got {self.daily_cap_gib}; allowed only with containerInsights, defender or diagnostics: true",
            )
