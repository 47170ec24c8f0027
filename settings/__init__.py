"""What a stack may say: every key of ``Pulumi.<stack>.yaml``, its default and its rules.

A stack file holds only what its environment differs in; defaults live here. Every rule that Azure or Kubernetes would
enforce minutes into an update is enforced here in the first second, with its source beside it. ``load`` is the only
reader of ``pulumi.Config``.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import pulumi
from pulumi.runtime.config import CONFIG, get_config_env
from pydantic import Field, TypeAdapter, ValidationError

from conventions import ENVIRONMENT_PATTERN, NAMESPACE
from settings.addons import ArgoCd, Certificates, Charts, GitOps, Ingress
from settings.cluster import Cluster, Local
from settings.foundation import Azure, Dns, KeyVault, Observability, Registry, Tags
from settings.merge import merge
from settings.network import Network
from settings.pools import NodePool, SystemPool
from settings.production import PRODUCTION_DEFAULTS
from settings.report import Problem, Section, problems_of, refuse, unknown_key
from settings.rules import RULES
from settings.types import Target


class Settings(Section):
    """Everything a stack says. Top-level keys of ``Pulumi.<stack>.yaml`` below ``aks-bootstrap:``."""

    environment: Annotated[str, Field(pattern=f"^{ENVIRONMENT_PATTERN}$")]
    """Short name of the environment, part of every Azure name."""
    platform: Annotated[str, Field(pattern=r"^[a-z][a-z0-9]{0,11}$")] = "platform"
    """Short name of the platform, part of every Azure name."""
    target: Target = Target.AZURE
    """``azure`` builds the cluster; ``local`` uses one that is there."""
    production: bool = False
    """Protects the foundation, changes defaults (settings/production.py) and refuses what production must not have."""
    tags: Tags | None = None
    """Tags of every Azure resource."""
    azure: Azure | None = None
    """Subscription, tenant and region."""
    network: Network = Network()
    """Addresses."""
    cluster: Cluster | None = None
    """The AKS cluster."""
    system_pool: SystemPool = SystemPool()
    """The pool that the cluster's own pods and the addons run on."""
    node_pools: tuple[NodePool, ...] = ()
    """Pools for workloads."""
    key_vault: KeyVault = KeyVault()
    """The vault."""
    registry: Registry = Registry()
    """The container registry."""
    dns: Dns
    """The zone of host names."""
    observability: Observability = Observability()
    """What watches the cluster."""
    certificates: Certificates = Certificates()
    """Who signs."""
    ingress: Ingress = Ingress()
    """Traefik."""
    argocd: ArgoCd = ArgoCd()
    """Argo CD."""
    gitops: GitOps
    """What the root Application points at."""
    charts: Charts = Charts()
    """Charts."""
    local: Local = Local()
    """The existing cluster of target ``local``."""


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
    }
)
"""Fields that say what is built in Azure; target ``local`` has none of it."""

_ALIASES = {name: field.alias or name for name, field in Settings.model_fields.items()}
_NAMES = {alias: name for name, alias in _ALIASES.items()}

for _rule in RULES:
    if _unknown := set(_rule.sections) - _ALIASES.keys():
        raise TypeError(f"the rule {_rule.check.__name__} reads {', '.join(sorted(_unknown))}, which no setting is")


def load() -> Settings:
    """Read the running stack's configuration.

    Raises:
        SettingsError: the configuration breaks rules; the text lists every mistake with its full path.
    """
    prefix = f"{NAMESPACE}:"
    config = pulumi.Config(NAMESPACE)
    keys = {key.removeprefix(prefix) for key in {**get_config_env(), **CONFIG.get()} if key.startswith(prefix)}
    secret = sorted(key for key in keys if pulumi.runtime.is_config_secret(prefix + key))
    if secret:
        # a secret must not be quoted in a message, and no section holds one
        refuse([Problem((key,), "is encrypted; allowed: plain values, as no setting is a secret") for key in secret])
    return parse({key: config.get(key) for key in keys})


def parse(raw: Mapping[str, Any]) -> Settings:
    """Turn top-level keys into settings.

    Args:
        raw: camelCase keys to their values; a section may be JSON text, as Pulumi hands it over, or plain data.

    Raises:
        SettingsError: as for :func:`load`.
    """
    problems = [Problem((key,), unknown_key(key, _NAMES)) for key in raw if key not in _NAMES]
    given = _given(raw)
    valid: dict[str, Any] = {}
    for name, value in _with_production_defaults(given).items():
        problems += _validate(name, value, valid)
    problems += _not_of_this_target(given, valid)
    if valid.get("target") is not Target.LOCAL:
        problems += _across_sections(valid)
    if problems:
        refuse(problems)
    return Settings.model_construct(**valid)


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the stack says, by field; an empty section is one that Pulumi.yaml declares and it leaves out."""
    decoded = {_NAMES[key]: _decoded(text) for key, text in raw.items() if key in _NAMES}
    return {name: value for name, value in decoded.items() if value not in ({}, [])}


def _with_production_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return every field's value, None where the stack says nothing; in production over production's defaults."""
    values = {name: given.get(name) for name in _NAMES.values()}
    if not _is_true(given.get("production")):
        return values
    for alias, defaults in PRODUCTION_DEFAULTS.items():
        name = _NAMES[alias]
        if given.get("target") == Target.LOCAL and name in AZURE_SECTIONS:
            continue
        if values[name] is None or isinstance(values[name], dict):
            values[name] = merge(defaults, values[name] or {})
    return values


def _is_true(flag: object) -> bool:
    try:
        return TypeAdapter(bool).validate_python(flag)
    except ValidationError:
        return False  # reported where the field itself is validated


def _validate(name: str, value: object, valid: dict[str, Any]) -> Iterator[Problem]:
    """Add a field's value to the valid ones, or yield what is wrong with it."""
    field, alias = Settings.model_fields[name], _ALIASES[name]
    if value is None:
        if field.is_required():
            yield Problem((alias,), "missing; it has no default")
        else:
            valid[name] = field.default
        return
    annotation: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    try:
        valid[name] = TypeAdapter(annotation).validate_python(value)
    except ValidationError as error:
        yield from problems_of(error, (alias,), field.annotation)


def _not_of_this_target(given: Mapping[str, Any], valid: Mapping[str, Any]) -> Iterator[Problem]:
    if given.get("target") == Target.LOCAL:
        for name in given:
            if name in AZURE_SECTIONS:
                yield Problem((_ALIASES[name],), "has no meaning with target 'local'; allowed: leave it out")
        return
    for name in ("tags", "azure", "cluster"):
        if name in valid and valid[name] is None:
            yield Problem((_ALIASES[name],), "missing; target 'azure' needs it")


def _across_sections(valid: Mapping[str, Any]) -> Iterator[Problem]:
    for rule in RULES:
        sections = [valid.get(name) for name in rule.sections]
        if all(section is not None for section in sections):
            yield from rule.check(*sections)


def _decoded(value: object) -> object:
    """Parse JSON text of a section; a scalar stays text."""
    if isinstance(value, str) and value.lstrip()[:1] in {"{", "["}:
        try:
            return json.loads(value)
        except json.JSONDecodeError:
            return value
    return value
