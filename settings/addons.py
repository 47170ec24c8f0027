"""What runs in the cluster: certificates, ingress, Argo CD, what it follows, and where charts come from."""

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from conventions import DEFAULT_REVISION
from settings.report import Problem, Section
from settings.types import DnsName, Email, Guid, Issuer, Unique, Url


class Certificates(Section):
    """cert-manager's issuers."""

    email: Email | None = None
    """Where Let's Encrypt writes to; needed in Azure."""
    issuer: Issuer = Issuer.LETSENCRYPT_STAGING
    """Who signs the default certificate and Argo CD's."""


class Ingress(Section):
    """Traefik, and the address that leads to it."""

    replicas: Annotated[int, Field(ge=1, le=50)] = 1
    """Proxies; two or more get a disruption budget and are spread over nodes and zones."""
    gateway_api: bool = False
    """Serve Gateway API routes too, from listeners with the default certificate; its CRDs have to be in the cluster.

    https://gateway-api.sigs.k8s.io/guides/#installing-gateway-api
    """
    default_certificate: bool = True
    """Hold a wildcard certificate of the zone for hosts that bring none."""
    default_class: bool = True
    """Serve Ingresses that name no class; turn it off where another controller does."""
    service_type: Literal["LoadBalancer", "ClusterIP", "NodePort"] = "LoadBalancer"
    """How the proxies are reached; the local stack may do without a load balancer."""

    def problems(self) -> Iterator[Problem]:
        """A Gateway's HTTPS listener names a certificate. https://gateway-api.sigs.k8s.io/reference/spec/#listener."""
        if self.gateway_api and not self.default_certificate:
            yield Problem(("gatewayApi",), "got true with defaultCertificate: false; its HTTPS listener needs that one")


class EntraSignIn(Section):
    """Sign-in to Argo CD with Entra ID and no stored secret: a federated credential stands for it."""

    application_client_id: Guid
    """The application registration, made by hand (Microsoft Graph is outside this program)."""
    admin_groups: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups that administer Argo CD."""
    readonly_groups: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups that may look."""


class RepositoryCredential(Section):
    """A repository's credential, which an ExternalSecret brings from the vault: it never passes through Pulumi."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,50}[a-z0-9])?$")]
    """Name of the Secret in Argo CD's namespace."""
    url: Url
    """The repository, or the prefix of several."""
    kind: Literal["password", "sshKey", "githubApp", "workloadIdentity"] = "password"
    """What the vault holds: a password or token, a private key, or a GitHub App's key.

    ``workloadIdentity`` (Azure Repos, Azure Container Registry) stores nothing at all: Argo CD signs in as its own
    identity, which the repository trusts.
    """
    username: str = "git"
    """User name that goes with a password."""
    vault_secret: Annotated[str, Field(pattern=r"^[0-9a-zA-Z-]{1,127}$")] | None = None
    """Name of the secret in the vault; needed by every kind but ``workloadIdentity``.

    On a local cluster: name of a Secret in namespace local-vault, whose key ``value`` holds it.
    """
    github_app_id: int | None = None
    """For kind ``githubApp``."""
    github_app_installation_id: int | None = None
    """For kind ``githubApp``."""

    def problems(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories."""
        if self.kind != "workloadIdentity" and self.vault_secret is None:
            yield Problem(("vaultSecret",), f"missing; kind {self.kind!r} needs it")
        if self.kind == "workloadIdentity" and self.vault_secret is not None:
            yield Problem(("vaultSecret",), f"got {self.vault_secret!r}; kind 'workloadIdentity' stores nothing")
        if self.kind == "githubApp":
            for key, value in (
                ("githubAppId", self.github_app_id),
                ("githubAppInstallationId", self.github_app_installation_id),
            ):
                if value is None:
                    yield Problem((key,), "missing; kind 'githubApp' needs it")


class ArgoCd(Section):
    """Argo CD, the owner of applications."""

    host: DnsName | None = None
    """Where its page is; argocd.<zone> when left out."""
    high_availability: bool = False
    """Redis in a quorum of three, two of each server; needs three nodes."""
    admin_enabled: bool = False
    """Keep the built-in admin account."""
    sign_in: EntraSignIn | None = None
    """Sign-in with Entra ID."""
    default_role: Literal["", "role:readonly", "role:admin"] = ""
    """What everyone who signs in may do; nothing when empty."""
    policies: tuple[Annotated[str, Field(pattern=r"^[pg],\s*\S.*$")], ...] = ()
    """Further RBAC lines, as in argocd-rbac-cm's policy.csv."""
    repositories: tuple[RepositoryCredential, ...] = ()
    """Credentials of private repositories."""
    image_updater_write_back: Literal["none", "git"] = "none"
    """``git`` installs Argo CD Image Updater, which may write to Git and not to the cluster.

    What it follows stands in ``gitops/environments/<environment>``, as objects of kind ImageUpdater. It pushes with the
    credential in ``repositories`` that fits ``gitops.repoUrl``, which has to allow it: kind password or githubApp.
    """

    def problems(self) -> Iterator[Problem]:
        """Names are unique, and somebody can get in."""
        names = [repository.name for repository in self.repositories]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield Problem(("repositories", index, "name"), f"got {name!r} again; allowed: each name once")


class GitOps(Section):
    """What the root Application points at."""

    repo_url: Url
    """Repository of the applications."""
    revision: Annotated[str, Field(min_length=1)] = DEFAULT_REVISION
    """Branch, tag or commit."""
    path: Annotated[str, Field(pattern=r"^[^/\s](.*[^/\s])?$")] | None = None
    """Folder in it; gitops/environments/<environment> when left out."""


_SEMVER = r"^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$"


class ChartOverride(Section):
    """What one addon's chart differs in."""

    repository: Annotated[str, Field(pattern=r"^(oci|https?)://\S+$")] | None = None
    """Where the chart is drawn from; for OCI without the chart's name."""
    version: Annotated[str, Field(pattern=_SEMVER)] | None = None
    """Its version."""
    values: dict[str, Any] = {}
    """Values merged over the program's own, last and deeply."""


class Charts(Section):
    """Where charts come from, and what is overridden in them."""

    mirror: Annotated[str, Field(pattern=r"^(oci|https?)://\S+$")] | None = None
    """One place for all charts, for networks that reach nothing else."""
    cert_manager: ChartOverride = ChartOverride()
    """cert-manager."""
    traefik: ChartOverride = ChartOverride()
    """Traefik."""
    external_secrets: ChartOverride = ChartOverride()
    """External Secrets Operator."""
    argo_cd: ChartOverride = ChartOverride()
    """Argo CD."""
    image_updater: ChartOverride = ChartOverride()
    """Argo CD Image Updater, where it is installed."""
    timeout_seconds: Annotated[int, Field(ge=60, le=3600)] = 600
    """How long a release may take to be ready."""
    keep_crds: bool = True
    """Leave CRDs behind when a release is removed; without, everything of their kinds goes with them."""
