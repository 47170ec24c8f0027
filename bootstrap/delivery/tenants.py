"""``tenants/<app>.yaml``: what the platform says of an application.

Argo CD reads these files from a revision that no pipeline writes (docs/decisions/0014-two-halves.md), makes an
Application of each and a project that limits it.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePath
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
)

from application_sources import (
    CHART_NAME_PATTERN,
    CHART_REPOSITORY_PATTERN,
    CHART_VERSION_PATTERN,
    MANIFESTS,
    Sources,
    argo_cd_url,
)
from bootstrap.delivery.gitops import NAME, NAMES, inside
from bootstrap.delivery.manifests import parse_mapping, read_text
from bootstrap.delivery.signers import ALLOWED as ALLOWED_OF_SIGNERS
from bootstrap.delivery.signers import WHOLE, SignedBy
from bootstrap.errors import GitOpsError
from bootstrap.plain import without_credentials
from conventions import CERTIFICATE_KEY, DEFAULT_PROJECT, GITOPS_FOLDER, ROOT_APPLICATION, TENANTS_FOLDER

CHART_FILES = frozenset({"Chart.yaml", "values.yaml"})
"""Files of the folder that are no tenants: it is a chart, which makes the projects."""

TAKEN = frozenset({DEFAULT_PROJECT, ROOT_APPLICATION})
"""Names of projects that are Argo CD's or the platform's, and no application's."""

P = TypeVar("P", bound=PurePath)

_Text = Annotated[str, StringConstraints(strict=True, min_length=1, max_length=253)]
_Name = Annotated[str, StringConstraints(strict=True, pattern=rf"^{NAME.pattern}$", max_length=63)]
_Host = Annotated[
    str,
    StringConstraints(
        strict=True, pattern=r"^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$", max_length=253
    ),
]
_Registry = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[a-z0-9.-]+(:[0-9]+)?(/[a-z0-9._-]+)*$", max_length=253)
]
_Repository = Annotated[str, StringConstraints(strict=True, pattern=rf"^({CHART_REPOSITORY_PATTERN})$", max_length=253)]
_ChartName = Annotated[str, StringConstraints(strict=True, pattern=rf"^{CHART_NAME_PATTERN}$", max_length=250)]
_Version = Annotated[str, StringConstraints(strict=True, pattern=rf"^{CHART_VERSION_PATTERN}$", max_length=128)]


def _of_applications(key: str) -> str:
    """Refuse what stands for the proxies' certificate, alone or among others."""
    begin = key.removesuffix("*")
    if begin.startswith(CERTIFICATE_KEY) or (key.endswith("*") and CERTIFICATE_KEY.startswith(begin)):
        raise ValueError("the platform's certificate")
    return key


_Key = Annotated[
    str, StringConstraints(strict=True, pattern=r"^[0-9A-Za-z-]{1,127}\*?$"), AfterValidator(_of_applications)
]

_ClientId = Annotated[str, StringConstraints(strict=True, pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]

_ALLOWED = {
    "owner": "who answers for it, such as an address",
    "chart": "a folder of gitops/charts, or a mapping of repository, name and version",
    "repository": "a repository of charts, https://… or oci://…, without a user name and a slash at its end",
    "name": "the chart's name in its repository",
    "version": "one version such as 6.7.1, as the chart spells it; no range",
    "manifests": " or ".join(MANIFESTS),
    "registries": "registries or folders of them, such as example.azurecr.io/shop",
    "vaultKeys": "names of the vault's secrets: letters, digits and hyphens, at the end * for all that begin so; "
    f"none is the platform's certificate, which begins with {CERTIFICATE_KEY}",
    "signedBy": WHOLE,
    "environments": "a mapping of environments, each with hosts, protected, digests, signed and identities",
    "hosts": "host names, such as shop.example.com or *.shop.example.com",
    "protected": "true or false",
    "digests": "true or false",
    "signed": "true or false",
    "identities": "client ids of identities in Azure, in lower case",
}


class TenantEnvironment(BaseModel):
    """An environment that an application is in."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    hosts: list[_Host] = Field(default_factory=list)
    """Host names that its routes may have there."""
    protected: Annotated[bool, Field(strict=True)] = False
    """Whether `bootstrap promote` changes it by pull request only, as it does where ``gitops/overlay.yaml`` asks."""
    digests: Annotated[bool, Field(strict=True)] = False
    """Whether the cluster runs images there only if their digest is named."""
    signed: Annotated[bool, Field(strict=True)] = False
    """Whether `bootstrap promote` takes images there only if they are signed as ``signedBy`` says."""
    identities: list[_ClientId] = Field(default_factory=list)
    """Client ids of identities in Azure that its service accounts may sign in as there."""


class RepositoryChart(BaseModel):
    """A chart that somebody else publishes."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    repository: _Repository
    """Where it is published: ``https://charts.example.com``, or ``oci://registry.example.com/charts``."""
    name: _ChartName
    """What it is called there."""
    version: _Version
    """Which version: exactly one, as a range would change what runs without a commit."""

    @property
    def url(self) -> str:
        """The repository, as Argo CD spells it."""
        return argo_cd_url(self.repository)


_Chart = Annotated[
    Annotated[_Name, Tag("folder")] | Annotated[RepositoryChart, Tag("repository")],
    Discriminator(lambda given: "repository" if isinstance(given, dict | RepositoryChart) else "folder"),
]


class Tenant(BaseModel):
    """The whole file, which has one of ``chart`` and ``manifests``."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    owner: _Text
    """Who answers for the application."""
    chart: _Chart | None = None
    """A folder of ``gitops/charts``, or a chart of a repository."""
    manifests: Literal["kustomize", "plain"] | None = None
    """What the application's folder has in the place of values for a chart.

    ``kustomize``: ``overlays/<environment>/kustomization.yaml``, as a rule on a ``base/`` beside it. ``plain``:
    manifests below ``manifests/<environment>/``.
    """
    registries: list[_Registry] = Field(min_length=1)
    """Where its images may come from."""
    vault_keys: list[_Key] = Field(default_factory=list, alias="vaultKeys")
    """Secrets of the vault that it may read; a name that ends with * stands for all that begin so."""
    signed_by: SignedBy | None = Field(default=None, alias="signedBy")
    """Who signs its images."""
    environments: dict[_Name, TenantEnvironment | None] = Field(min_length=1)
    """Where it runs."""

    def of(self, environment: str) -> TenantEnvironment:
        """Return what holds in an environment that it is in."""
        return self.environments[environment] or TenantEnvironment()

    @property
    def repository_chart(self) -> RepositoryChart | None:
        """Its chart, where that comes from a repository."""
        return self.chart if isinstance(self.chart, RepositoryChart) else None

    def sources(self, possible: Sources) -> dict[str, Any]:
        """Return which of the possible sources its Application has, as the ApplicationSet's template chooses."""
        if self.manifests is not None:
            return possible.manifests(self.manifests)
        if isinstance(self.chart, RepositoryChart):
            return possible.repository_chart(url=self.chart.url, name=self.chart.name, version=self.chart.version)
        return possible.local_chart(str(self.chart))


def tenants_folder(root: P) -> P:
    """Return the folder of the platform's half; ``root`` may be a path in a working tree or in a Git tree."""
    return root / TENANTS_FOLDER


def tenant_file(root: P, app: str) -> P:
    """Return the file of an application."""
    return tenants_folder(root) / f"{app}.yaml"


def tenant_names(root: Path) -> list[str]:
    """Return the applications that have a file."""
    found = (path for path in tenants_folder(root).glob("*.yaml") if path.name not in CHART_FILES)
    return sorted(path.stem for path in found if not path.is_dir())


def read_tenants(root: Path) -> tuple[dict[str, Tenant], list[str]]:
    """Return the files that are right, and what is wrong with the others."""
    found: dict[str, Tenant] = {}
    mistakes: list[str] = []
    for app in tenant_names(root):
        try:
            found[app] = read_tenant(root, app)
        except GitOpsError as error:
            mistakes += str(error).splitlines()
    return found, mistakes


def in_environment(tenants: Mapping[str, Tenant], environment: str) -> dict[str, Tenant]:
    """Return the tenants that an environment has."""
    return {app: tenant for app, tenant in tenants.items() if environment in tenant.environments}


def read_tenant(root: Path, app: str) -> Tenant:
    """Read an application's file.

    Raises:
        GitOpsError: there is none, or it is not what it has to be; all mistakes at once.
    """
    shown = str(tenant_file(PurePath(), app))
    file = tenant_file(root, app)
    if not file.exists() and not file.is_symlink():
        there = ", ".join(tenant_names(root)) or "none"
        raise GitOpsError(f"there is no application {app!r}: {shown} is missing; there are: {there}")
    if not NAME.fullmatch(app):
        raise GitOpsError(f"{shown}: got {app!r} for an application's name; allowed: {NAMES}")
    try:
        inside(root, file)
    except GitOpsError as error:
        raise GitOpsError(f"{shown} {error}") from None
    return parse_tenant(read_text(file, shown), shown)


def parse_tenant(text: str, shown: str) -> Tenant:
    """Read the text of an application's file.

    Args:
        text: the file's.
        shown: what messages call it.

    Raises:
        GitOpsError: it is not what it has to be; all mistakes at once.
    """
    given = parse_mapping(text, shown)
    mistakes = []
    if "chart" not in given and "manifests" not in given:
        mistakes.append(f"chart is missing; allowed: {_ALLOWED['chart']}; or manifests: {_ALLOWED['manifests']}")
    if "chart" in given and "manifests" in given:
        mistakes.append("chart and manifests are both there; allowed: one of them")
    # to the model, null is as if the key were not there
    empty = [key for key in ("chart", "manifests") if key in given and given[key] is None]
    mistakes += [f"{key}: got None; allowed: {_ALLOWED[key]}" for key in empty]
    try:
        tenant = Tenant.model_validate(given)
    except ValidationError as error:
        mistakes += map(_message, error.errors())
    else:
        asking = [name for name, there in tenant.environments.items() if there and there.signed]
        if tenant.signed_by is None:
            mistakes += [
                f"signedBy is missing, which environments.{name}.signed needs; allowed: {WHOLE}" for name in asking
            ]
    if mistakes:
        raise GitOpsError("\n".join(f"{shown}: {mistake}" for mistake in mistakes))
    return tenant


def tenant_text(
    app: str,
    *,
    chart: str,
    registries: Sequence[str],
    keys: Sequence[str],
    environments: Mapping[str, Sequence[str]],
) -> str:
    """Return the text of a file for an application; who owns it is for people to say.

    Args:
        app: its name.
        chart: a folder of ``gitops/charts``.
        registries: where its images may come from.
        keys: secrets of the vault that it may read.
        environments: where it runs, each with its host names.
    """
    where = "".join(f"  {line}\n" for item in environments.items() for line in environment_lines(*item))
    return f"""# Who {app} belongs to, and what it may have. Platform engineers change this file; its team has
# {GITOPS_FOLDER}/apps/{app}/.
owner: {app}
chart: {chart} # a folder of {GITOPS_FOLDER}/charts
registries: # that its images may come from
{_listed(registries)}
vaultKeys: # secrets of the vault that it may read
{_listed(keys)}
environments: # where it runs, and the host names that it may have there
{where}"""


def _listed(values: Sequence[str]) -> str:
    return "\n".join(f"  - {value}" for value in values) or "  []"


def environment_lines(environment: str, hosts: Sequence[str]) -> list[str]:
    """Return the lines that put an application into an environment."""
    # letters, digits, dots and hyphens need no quotes; a wildcard does
    shown = ", ".join(json.dumps(host) if "*" in host else host for host in hosts)
    return [f"{environment}:", f"  hosts: [{shown}]"]


def _message(mistake: Mapping[str, Any]) -> str:
    path = [part for part in mistake["loc"] if part != "[key]"]
    if path and path[0] in _MAPPINGS:
        return _told_below(str(path[0]), mistake, path)
    place = ".".join(map(_spelled, path))
    if not path:
        # half of a surrogate pair, which no YAML parser but ours lets through
        return f"got the key {mistake['input']!r}; allowed: {_keys(Tenant)}"
    if mistake["type"] == "extra_forbidden":
        return f"{place} is unknown; allowed: {_keys(TenantEnvironment if len(path) > 1 else Tenant)}"
    if mistake["type"] == "missing":
        return f"{place} is missing; allowed: {_ALLOWED[str(path[-1])]}"
    if mistake["loc"][-1] == "[key]":
        return f"{place}: got {mistake['input']!r} for an environment's name; allowed: up to 63 {NAMES}"
    # environments.<name>.<field> or <field>, whatever the environment is called
    field = path[2] if len(path) > 2 else path[0]
    return f"{place}: got {mistake['input']!r}; allowed: {_ALLOWED[str(field)]}"


# the second part of a mistake's place is which of the two a chart was taken for
_MAPPINGS: dict[str | int, tuple[type[BaseModel], Mapping[str, str], int]] = {
    "chart": (RepositoryChart, _ALLOWED, 2),
    "signedBy": (SignedBy, ALLOWED_OF_SIGNERS, 1),
}
"""Keys whose value is a mapping of its own: its model, what its keys may hold, and how much of a place is the key's."""


def _told_below(key: str, mistake: Mapping[str, Any], path: Sequence[str | int]) -> str:
    """Return a mistake within a mapping that is the value of a key, or of that value as a whole."""
    model, allowed, skipped = _MAPPINGS[key]
    path = path[skipped:]
    if not path:
        # a rule of ours says itself what is allowed
        own = mistake["type"] == "value_error"
        detail = str(mistake["ctx"]["error"]) if own else f"allowed: {_ALLOWED[key]}"
        return f"{key}: got {mistake['input']!r}; {detail}"
    place = f"{key}.{_spelled(path[0])}"
    if mistake["type"] == "extra_forbidden":
        return f"{place} is unknown; allowed: {_keys(model)}"
    if mistake["type"] == "missing":
        return f"{place} is missing; allowed: {allowed[str(path[0])]}"
    given = without_credentials(repr(mistake["input"]), "[hidden]@")
    return f"{place}: got {given}; allowed: {allowed[str(path[0])]}"


def _keys(model: type[BaseModel]) -> str:
    return ", ".join(sorted(field.alias or name for name, field in model.model_fields.items()))


def _spelled(part: str | int) -> str:
    """Spell a key or an index on one line."""
    return str(part) if re.fullmatch(r"[A-Za-z0-9_-]+", str(part)) else json.dumps(part)
