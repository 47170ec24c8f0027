"""What a stack may say: every key of ``Pulumi.<stack>.yaml``, its default and its rules.

A stack file holds only what its environment differs in; defaults live here. Every rule that Azure or Kubernetes would
enforce minutes into an update is enforced here in the first second, with its source beside it. ``load`` is the only
reader of ``pulumi.Config``.
"""

import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from contextvars import ContextVar
from pathlib import Path
from typing import Annotated, Any, cast

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env, get_config_secret_keys_env
from pydantic import ValidationError

import settings.production_charts  # noqa: F401 - declares rules
from conventions import CERTIFICATE_KEY, ENVIRONMENT_PATTERN, NAMESPACE
from settings.addons import ArgoCd, Certificates, Charts, GitOps, Ingress
from settings.backup import Backup
from settings.backup import warning_of as backup_warning_of
from settings.cluster import Cluster, Local
from settings.forms import Form
from settings.foundation import Azure, Dns, KeyVault, Observability, Registry, Tags
from settings.images import Images
from settings.images import warnings_of as mirror_warnings_of
from settings.keys import misplaced, stray_keys
from settings.merge import merge
from settings.network import Network
from settings.pools import NodePool, SystemPool
from settings.production import PRODUCTION_DEFAULTS
from settings.reading import Reader, Spelling
from settings.report import Problem, Section, SettingsError, UnreadError, guarded, refuse
from settings.rules import RULES, RULES_OF_DEPLOYED, Rule
from settings.secrets import warnings_of
from settings.state import configured_backend, why_not_for_production
from settings.types import Flag, Issuer, Target
from settings.words import base_of, nearest, unknown_key


class Settings(Section):
    """Everything a stack says. Top-level keys of ``Pulumi.<stack>.yaml`` below ``aks-bootstrap:``."""

    environment: Annotated[str, Form(ENVIRONMENT_PATTERN, "1-8 lower-case letters and digits, first a letter")]
    """Short name of the environment, part of every Azure name."""
    platform: Annotated[str, Form("[a-z][a-z0-9]{0,11}", "1-12 lower-case letters and digits, first a letter")] = (
        "platform"
    )
    """Short name of the platform, part of every Azure name."""
    target: Target = Target.AZURE
    """``azure`` builds the cluster; ``local`` uses one that is there."""
    production: Flag = False
    """Protects the foundation, changes defaults (settings/production.py) and refuses what production must not have."""
    tags: Tags | None = None
    """Tags of every Azure resource."""
    azure: Azure | None = None
    """Subscription, tenant and region."""
    network: Network = Network()
    """IP ranges of the virtual network, pods and services; subnets, private endpoints, egress."""
    cluster: Cluster | None = None
    """The AKS cluster."""
    system_pool: SystemPool = SystemPool()
    """The pool that the cluster's own pods and the addons run on."""
    node_pools: tuple[NodePool, ...] = ()
    """Pools for workloads."""
    key_vault: KeyVault = KeyVault()
    """The Key Vault of applications' secrets."""
    registry: Registry = Registry()
    """The container registry."""
    dns: Dns
    """The DNS zone, its records, and when they move in a rebuild."""
    observability: Observability = Observability()
    """Logs, metrics, Defender, Azure Policy and alerts."""
    backup: Backup = Backup()
    """Azure Backup: schedule, retention, and what a rebuild restores."""
    certificates: Certificates = Certificates()
    """cert-manager's issuers and the default certificate."""
    ingress: Ingress = Ingress()
    """The ingress controller."""
    argocd: ArgoCd = ArgoCd()
    """Argo CD: access, repositories, notifications, Image Updater."""
    gitops: GitOps
    """Repositories, revisions and environment that Argo CD follows."""
    charts: Charts = Charts()
    """Sources, versions and value overrides of the addons' charts."""
    images: Images = Images()
    """Images of the addons."""
    local: Local = Local()
    """The existing cluster of target ``local``."""

    @property
    def applications_environment(self) -> str:
        """Environment of the cluster's applications, which clusters in several regions share."""
        return self.gitops.environment or self.environment

    def covers(self, host: str) -> bool:
        """Tell whether the proxies' default certificate is valid for a host: the zone, or a name right below it."""
        return self.ingress.default_certificate and self.dns.zone in {host, host.partition(".")[2]}

    @property
    def kept_certificate(self) -> str | None:
        """Name of the vault's secret that has a copy of the default certificate; None where none is kept."""
        acme = self.certificates.issuer is not Issuer.SELF_SIGNED
        if self.target is not Target.AZURE or not acme or not self.ingress.default_certificate:
            return None
        # another issuer's would not do
        return f"{CERTIFICATE_KEY}-{self.certificates.issuer.value}" if self.certificates.keep_in_vault else None


AZURE_SECTIONS = frozenset(
    {
        "tags",
        "azure",
        "network",
        "cluster",
        "system_pool",
        "node_pools",
        "key_vault",
        "registry",
        "observability",
        "backup",
    }
)
"""Fields that say what is built in Azure; target ``local`` has none of it."""

_ALIASES = {name: field.alias or name for name, field in Settings.model_fields.items()}
_NAMES = {alias: name for name, alias in _ALIASES.items()}
_PLAIN = frozenset({"environment", "platform", "target", "production"})
"""Fields that are one value; every other is a mapping, or the list of pools."""

SPELLING: ContextVar[Spelling] = ContextVar("spelling", default={})  # noqa: B039 - it is only replaced
"""How the stack file spells what :func:`load` reads, where somebody read the file: ``1.40``, which Pulumi makes 1.4."""

LOOKED_AT = "AKS_BOOTSTRAP_LOOKED_AT"
"""Names how the program is looked at, where nothing of it is deployed: a stack file may have placeholders then."""
PLAN, REHEARSAL = "plan", "rehearsal"
"""A plan, where nothing answers; and a rehearsal, whose API servers do.

A plan evaluates another revision's program too, which has a module of its own in this one's place.
"""

for _rule in (*RULES, *RULES_OF_DEPLOYED):
    if _unknown := set(_rule.sections) - _ALIASES.keys():
        raise TypeError(f"the rule {_rule.check.__name__} reads {', '.join(sorted(_unknown))}, which no setting is")


def load() -> Settings:
    """Read the running stack's configuration.

    Raises:
        SettingsError: the configuration breaks rules; the text lists every mistake with its full path.
    """
    prefix = f"{NAMESPACE}:"
    config = pulumi.Config(NAMESPACE)
    whole = {**_of_environment(), **CONFIG.get()}
    ours = {key: config.get(key.removeprefix(prefix)) for key in whole if key.startswith(prefix)}
    secret = [key for key in ours if pulumi.runtime.is_config_secret(key)]
    deployed = LOOKED_AT not in os.environ
    backend = (
        configured_backend(Path(), os.environ) if deployed and _is_production(ours.get(f"{prefix}production")) else None
    )
    settings = read(
        {**whole, **ours},
        secret=secret,
        stack=pulumi.get_stack(),
        spelling=SPELLING.get(),
        deployed=deployed,
        backend=backend.url if backend is not None else None,
    )
    existing = settings.registry.existing_host if settings.target is Target.AZURE else None
    lost = backup_warning_of(settings.backup) if settings.production and settings.target is Target.AZURE else None
    for warning in (
        *warnings_of(settings.charts),
        *mirror_warnings_of(settings.images, existing),
        *filter(None, [lost]),
    ):
        pulumi.log.warn(warning)
    return settings


def read(
    values: Mapping[str, Any],
    *,
    stack: str,
    secret: Collection[str] = (),
    spelling: Spelling | None = None,
    unread: Collection[str] = (),
    folder: Path = Path(),
    deployed: bool = False,
    backend: str | None = None,
) -> Settings:
    """Turn a stack's whole configuration into settings.

    Args:
        values: full keys, those of other namespaces included, to their values.
        stack: the stack's name.
        secret: full keys that hold an encrypted value.
        spelling: how the file spells values that are read as something else.
        unread: our keys that are given and could not be read, which is told elsewhere.
        folder: where stack files are.
        deployed: whether the stack is to be deployed, so that placeholders are mistakes.
        backend: URL of the state, where the stack is to be deployed with it.

    Raises:
        SettingsError: as for :func:`load`.
    """
    prefix = f"{NAMESPACE}:"
    ours = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
    closed = {key.removeprefix(prefix) for key in secret}
    # a secret must not be quoted in a message, and no section holds one
    problems = [Problem((key,), "is encrypted; allowed: plain values, as no setting is a secret") for key in closed]
    problems += stray_keys(values, _NAMES)
    if isinstance(environment := ours.get("environment"), str):
        problems += misplaced(environment, stack, folder)
    if backend is not None and _is_production(ours.get("production")):
        problems += filter(None, [why_not_for_production(backend)])
    return parse(
        {key: value for key, value in ours.items() if key not in closed},
        spelling=spelling,
        unread={*closed, *unread},
        problems=problems,
        deployed=deployed,
    )


def _of_environment() -> Mapping[str, Any]:
    """Return what PULUMI_CONFIG holds, which is how the engine hands the configuration over."""
    found: object = None
    secret: object = None
    with suppress(ValueError, RecursionError):
        found, secret = get_config_env(), get_config_secret_keys_env()
    if isinstance(found, dict) and isinstance(secret, list) and all(isinstance(text, str) for text in found.values()):
        return found
    raise SettingsError(
        [
            Problem(
                ("environment variable:PULUMI_CONFIG",),
                "PULUMI_CONFIG or PULUMI_CONFIG_SECRET_KEYS is not what Pulumi sets; allowed: a JSON mapping of keys "
                "to text, and a list; remedy: unset both",
            )
        ]
    )


def parse(
    raw: Mapping[str, Any],
    *,
    spelling: Spelling | None = None,
    unread: Collection[str] = (),
    problems: Iterable[Problem] = (),
    deployed: bool = False,
) -> Settings:
    """Turn top-level keys into settings.

    Args:
        raw: camelCase keys to their values; a section may be JSON text, as Pulumi hands it over, or plain data.
        spelling: how the file spells values that are read as something else.
        unread: keys that are given and could not be read, which is told elsewhere.
        problems: what is wrong already, to be told with the rest.
        deployed: as for :func:`read`.

    Raises:
        SettingsError: as for :func:`load`.
    """
    found = [*problems]
    unknown = [key for key in raw if key not in _NAMES]
    found += [Problem((key,), _unknown_key(key)) for key in unknown]
    # a misspelled key is told once, not as a missing one too
    unread = {*unread, *(meant for key in unknown if (meant := nearest(key, _NAMES)) and meant not in raw)}
    given = _given(raw)
    values = _with_production_defaults(given)
    try:
        settings = Settings.model_validate({_ALIASES[name]: value for name, value in values.items()})
    except ValidationError:
        reader = Reader(spelling or {})
        settings = cast("Settings", reader.section(Settings, {_ALIASES[name]: value for name, value in values.items()}))
        found += [problem for problem in reader.problems if problem.path[0] not in unread]
    found += _not_of_the_target(given, settings, unread)
    found += settings.problems()
    found += _across_sections(settings, unread, [*RULES, *(RULES_OF_DEPLOYED if deployed else ())])
    if found:
        refuse(found)
    return settings


def _unknown_key(key: str) -> str:
    if key == NAMESPACE:
        return f"a blank stands behind the namespace; allowed: none, as in {NAMESPACE}:dns"
    for alias, name in _NAMES.items():
        section, _ = base_of(Settings.model_fields[name].annotation)
        keys = section.model_fields.values() if name not in _PLAIN and name != "node_pools" else ()
        if key in (field.alias for field in keys) and nearest(key, _NAMES) is None:
            return f"unknown key; it is one of {alias}: indent it below {NAMESPACE}:{alias}"
    return unknown_key(key, _NAMES)


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the stack says, by field; an empty section is one that Pulumi.yaml declares and it leaves out."""
    given = {}
    for key, text in raw.items():
        if (name := _NAMES.get(key)) is None:
            continue
        value = _decoded(name, text)
        nothing: object = [] if name == "node_pools" else {}
        if name in _PLAIN or (value != nothing and value not in ("", None)):
            given[name] = value
    return given


def _decoded(name: str, value: object) -> object:
    """Parse JSON text of a section; a scalar stays text."""
    if not isinstance(value, str):
        return value
    if name == "production" and value in ("true", "false"):
        return value == "true"
    if value.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _is_production(given: object) -> bool:
    """Tell whether production is meant: whether it is spelled as it has to be is told where the field is read."""
    return str(given).strip().casefold() in ("true", "yes", "on", "1")


def _with_production_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the stack says; in production over production's defaults."""
    values = dict(given)
    if not _is_production(given.get("production")):
        return values
    for alias, defaults in PRODUCTION_DEFAULTS.items():
        name = _NAMES[alias]
        if given.get("target") == Target.LOCAL and name in AZURE_SECTIONS:
            continue
        if isinstance(values.setdefault(name, {}), dict):
            values[name] = merge(defaults, values[name])
    return values


def _not_of_the_target(given: Mapping[str, Any], settings: Settings, unread: Collection[str]) -> Iterator[Problem]:
    try:
        target = settings.target
    except UnreadError:
        return
    ignored = AZURE_SECTIONS if target is Target.LOCAL else {"local"}
    for name in ignored & given.keys():
        yield Problem((_ALIASES[name],), f"has no meaning with target {target.value!r}; allowed: leave it out")
    if target is Target.AZURE:
        for name in ("tags", "azure", "cluster"):
            if name not in given and name not in unread:
                yield Problem((_ALIASES[name],), "missing; target 'azure' needs it")


def _across_sections(settings: Settings, unread: Collection[str], rules: Iterable[Rule]) -> Iterator[Problem]:
    try:
        ignored = AZURE_SECTIONS if settings.target is Target.LOCAL else frozenset()
    except UnreadError:
        ignored = frozenset()
    for rule in rules:
        if not ignored.isdisjoint(rule.sections) or not {_ALIASES[name] for name in rule.sections}.isdisjoint(unread):
            continue
        try:
            sections = [getattr(settings, name) for name in rule.sections]
        except UnreadError:
            continue
        if all(section is not None for section in sections):
            yield from guarded(rule.check(*sections))
