"""What runs in the cluster: certificates, ingress, Argo CD, what it follows, and where charts come from."""

import re
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from conventions import DEFAULT_PLATFORM_REVISION, DEFAULT_REVISION, WORKING_TREE_URL
from settings.argocd_policy import Policy
from settings.forms import Form
from settings.notifications import Notifications
from settings.report import UNREAD, Problem, Section, check, guarded
from settings.repositories import normalized, over_ssh, without_scheme
from settings.types import (
    AppId,
    ChartRepository,
    Cidr,
    CredentialUrl,
    DnsName,
    Email,
    Flag,
    Guid,
    Issuer,
    KnownHost,
    RelativePath,
    RepositoryUrl,
    Revision,
    Unique,
    VaultSecret,
)


class Certificates(Section):
    """cert-manager's issuers."""

    email: Email | None = None
    """Where Let's Encrypt writes to; needed in Azure."""
    issuer: Issuer = Issuer.LETSENCRYPT_STAGING
    """Who signs the default certificate, and Argo CD's where there is none or it does not cover that host."""
    keep_in_vault: Flag = True
    """Keep a copy of the default certificate in the vault, where a rebuild finds it and orders no other.

    Of Let's Encrypt's issuers, in Azure. An identity of its own may write that one secret.
    """


Manifest = Annotated[
    str,
    Form(
        r"https?://[^\s/?#@]+/[^\s?#]*[^\s/?#]|(?!/)(?!.*://)(?:[^\s\\]*[^\s/\\.])",
        "the https:// URL of a manifest, or its path relative to the project",
    ),
]


NodePort = Annotated[int, Field(strict=True, ge=30000, le=32767)]
"""https://kubernetes.io/docs/concepts/services-networking/service/#type-nodeport."""


class NodePorts(Section):
    """Where the proxies are reached on every node of a cluster without a load balancer."""

    http: NodePort
    """Redirects to HTTPS."""
    https: NodePort
    """Serves."""

    @check
    def ports_differ(self) -> Iterator[Problem]:
        """A port of a node leads to one service."""
        if self.http == self.https:
            yield Problem(("https",), f"got {self.https}, which http is too; allowed: another one")


class Ingress(Section):
    """The ingress controller, and the address that leads to it."""

    replicas: Annotated[int, Field(strict=True, ge=1, le=50)] = 1
    """Proxies; two or more get a disruption budget and are spread over nodes and zones."""
    gateway_api: Flag = False
    """Serve Gateway API routes too, from listeners with the default certificate; brings the Gateway API's CRDs."""
    gateway_api_manifest: Manifest | None = None
    """Where those CRDs come from, for networks that do not reach GitHub; the release that Traefik serves when left out.

    https://gateway-api.sigs.k8s.io/guides/#installing-gateway-api
    """
    default_certificate: Flag = True
    """Hold a wildcard certificate of the zone for hosts that bring none."""
    default_class: Flag = True
    """Serve Ingresses that name no class; turn it off where another controller does."""
    service_type: Literal["LoadBalancer", "ClusterIP", "NodePort"] = "LoadBalancer"
    """How the proxies are reached; the local stack may do without a load balancer."""
    node_ports: NodePorts | None = None
    """Ports of the nodes that lead to the proxies, for ``NodePort``; Kubernetes chooses them when left out."""
    strict_transport_seconds: Annotated[int, Field(strict=True, ge=0, le=63072000)] = 31536000
    """For how long browsers use HTTPS only for every host here (HSTS), in Azure; 0 leaves that to applications.

    A year, as https://owasp.org/www-project-secure-headers/ recommends. It takes the place of an application's own
    header, and covers no host below the application's.
    """
    sni_strict: Flag = False
    """Refuse TLS for hosts that bring no certificate of their own; only without ``defaultCertificate``."""

    @check
    def certificate_of_gateway(self) -> Iterator[Problem]:
        """A Gateway's HTTPS listener names a certificate. https://gateway-api.sigs.k8s.io/reference/spec/#listener."""
        if self.gateway_api and not self.default_certificate:
            yield Problem(("gatewayApi",), "got true with defaultCertificate: false; its HTTPS listener needs that one")

    @check
    def ports_of_nodes(self) -> Iterator[Problem]:
        """Ports of nodes would be dropped in silence."""
        if self.node_ports is not None and self.service_type != "NodePort":
            yield Problem(
                ("nodePorts",),
                f"got a value with serviceType {self.service_type!r}; allowed only with serviceType: NodePort",
            )

    @check
    def strict_without_default(self) -> Iterator[Problem]:
        """https://doc.traefik.io/traefik/reference/routing-configuration/http/tls/tls-options/#strict-sni-checking."""
        if self.sni_strict and self.default_certificate:
            yield Problem(
                ("sniStrict",),
                "got true with defaultCertificate: true, which it keeps from being served; allowed: false, or "
                "defaultCertificate: false",
            )

    @check
    def manifest_of_gateway(self) -> Iterator[Problem]:
        """A manifest without the Gateway API would be dropped in silence."""
        if self.gateway_api_manifest is not None and not self.gateway_api:
            yield Problem(
                ("gatewayApiManifest",), f"got {self.gateway_api_manifest!r}; allowed only with gatewayApi: true"
            )


class EntraSignIn(Section):
    """Sign-in to Argo CD with Entra ID and no stored secret: a federated credential stands for it."""

    application_client_id: Guid
    """The application registration, made by hand (Microsoft Graph is outside this program)."""
    admin_groups: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups that administer Argo CD."""
    readonly_groups: Annotated[tuple[Guid, ...], Unique] = ()
    """Entra groups that may look."""

    @check
    def groups_differ(self) -> Iterator[Problem]:
        """A group that administers may look already."""
        for index, group in enumerate(self.readonly_groups):
            if group is not UNREAD and group in [known for known in self.admin_groups if known is not UNREAD]:
                yield Problem(("readonlyGroups", index), f"got {group!r}, which is in adminGroups too; allowed: in one")


SecretName = Annotated[
    str,
    Form(
        "[a-z0-9](?:[a-z0-9-]{0,50}[a-z0-9])?",
        "1-52 lower-case letters, digits and hyphens, with a letter or digit at both ends",
    ),
]


class _GitCredential(Section):
    """What every credential of a Git host has."""

    kind: str
    username: Annotated[str, Field(min_length=1)] = "git"
    """User name that goes with a password."""
    github_app_id: AppId | None = None
    """For kind ``githubApp``."""
    github_app_installation_id: AppId | None = None
    """For kind ``githubApp``."""

    @check
    def github_app(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#github-app-credential."""
        for key, name in (("githubAppId", "github_app_id"), ("githubAppInstallationId", "github_app_installation_id")):
            yield from guarded(self._app_key(key, name))

    def _app_key(self, key: str, name: str) -> Iterator[Problem]:
        value = getattr(self, name)
        if self.kind == "githubApp" and value is None:
            yield Problem((key,), "missing; kind 'githubApp' needs it")
        if self.kind != "githubApp" and value is not None:
            yield Problem((key,), f"got {value} with kind {self.kind!r}; allowed only with 'githubApp'")

    @check
    def user_of_password(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#https-username-and-password-credential."""
        if "username" in self.model_fields_set and self.kind != "password":
            yield Problem(("username",), f"got {self.username!r} with kind {self.kind!r}; allowed only with 'password'")


class RepositoryCredential(_GitCredential):
    """A repository's credential, which an ExternalSecret brings from the vault: it never passes through Pulumi."""

    name: SecretName
    """Name of the Secret in Argo CD's namespace."""
    url: CredentialUrl
    """The repository, or the prefix of several: of those that a repository's URL begins with, the longest is taken.

    For ``sshKey``, ``git@host:path`` and ``ssh://git@host/path`` are the same. A registry, ``<name>.azurecr.io/path``,
    has no scheme, here and in an Application's ``repoURL``.
    """
    kind: Literal["password", "sshKey", "githubApp", "workloadIdentity"] = "password"
    """What the vault holds: a password or token, a private key, or a GitHub App's key.

    ``workloadIdentity`` (Azure Repos, Helm charts of an Azure Container Registry) stores nothing at all: Argo CD signs
    in as its own identity, which the repository trusts. On the environment's own registry that identity has AcrPull;
    any other has to give it.
    """
    vault_secret: VaultSecret | None = None
    """Name of the secret in the vault; needed by every kind but ``workloadIdentity``.

    On a local cluster: name of a Secret in namespace local-vault, whose key ``value`` holds it.
    """

    @check
    def secret_of_kind(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repositories."""
        if self.kind != "workloadIdentity" and self.vault_secret is None:
            yield Problem(("vaultSecret",), f"missing; kind {self.kind!r} needs it")
        if self.kind == "workloadIdentity" and self.vault_secret is not None:
            yield Problem(("vaultSecret",), f"got {self.vault_secret!r}; kind 'workloadIdentity' stores nothing")

    @property
    def registry(self) -> str | None:
        """The host of the Azure Container Registry that charts come from; None for a Git repository."""
        host = without_scheme(self.url).partition("/")[0]
        return host if self.kind == "workloadIdentity" and host.endswith(".azurecr.io") else None

    @check
    def url_of_kind(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#ssh-private-key-credential."""
        if self.kind == "sshKey" and not over_ssh(self.url):
            yield Problem(
                ("url",),
                f"got {self.url!r} with kind 'sshKey'; allowed: ssh://git@{without_scheme(self.url)}, "
                "as a key is of no use over https",
            )
        if self.kind != "sshKey" and over_ssh(self.url):
            yield Problem(("url",), f"got {self.url!r} with kind {self.kind!r}; allowed: https://, or kind: sshKey")
        if self.kind not in ("sshKey", "workloadIdentity") and "://" not in self.url and not over_ssh(self.url):
            yield Problem(
                ("url",), f"got {self.url!r} with kind {self.kind!r}; allowed: https://, or kind: workloadIdentity"
            )

    @check
    def host_of_identity(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#azure-container-registryazure-repos-using-azure-workload-identity."""
        host = without_scheme(self.url).partition("/")[0]
        repos = ("dev.azure.com", "visualstudio.com")
        git = any(host == name or host.endswith(f".{name}") for name in repos)
        if self.kind == "workloadIdentity" and not over_ssh(self.url) and not git and not self.registry:
            yield Problem(
                ("url",), f"got {self.url!r} with kind 'workloadIdentity'; allowed: Azure Repos or *.azurecr.io"
            )


class WriteCredential(_GitCredential):
    """What Image Updater pushes with, apart from what Argo CD reads with; from the vault, and never through Pulumi.

    https://argocd-image-updater.readthedocs.io/en/stable/basics/update-methods/#method-git-credentials
    """

    kind: Literal["password", "githubApp"] = "password"
    """What the vault holds: a password or token, or a GitHub App's key."""
    vault_secret: VaultSecret
    """Name of the secret in the vault; on a local cluster, of a Secret in namespace local-vault with key ``value``."""


class ArgoCd(Section):
    """Argo CD, the owner of applications."""

    host: DnsName | None = None
    """Where its page is; argocd.<zone> when left out."""
    high_availability: Flag = False
    """Redis in a quorum of three, two of each server; needs three nodes."""
    admin_enabled: Flag = False
    """Keep the built-in admin account; without ``signIn`` it is the only way in.

    Its first password: ``kubectl -n argocd get secret argocd-initial-admin-secret -o
    jsonpath='{.data.password}' | base64 -d``. https://argo-cd.readthedocs.io/en/stable/getting_started/#4-login-using-the-cli
    """
    sign_in: EntraSignIn | None = None
    """Sign-in with Entra ID, which production needs."""
    allowed_ranges: Annotated[tuple[Cidr, ...], Unique] | None = None
    """Ranges that reach its page, its API and its webhook; those of ``cluster.apiServer`` when left out.

    Where neither names any, everybody reaches it and has to sign in; ``[0.0.0.0/0]`` says so for a cluster whose API
    server has ranges. Git hosts that call its webhook need theirs here.
    """
    default_role: Literal["", "role:readonly", "role:admin"] = ""
    """What everyone who signs in may do; nothing when empty."""
    policies: tuple[Policy, ...] = ()
    """Further RBAC lines, as in argocd-rbac-cm's policy.csv."""
    repositories: tuple[RepositoryCredential, ...] = ()
    """Credentials of private repositories."""
    ssh_known_hosts: Annotated[tuple[KnownHost, ...], Unique] = ()
    """Keys of SSH servers, as ``ssh-keyscan <host>`` prints them: compare them with what the server's owner publishes.

    Those of GitHub, GitLab, Bitbucket and Azure Repos are there already. Argo CD connects to no other server.
    """
    image_updater_write_back: Literal["none", "git"] = "none"
    """``git`` installs Argo CD Image Updater, which may write to Git and not to the cluster.

    What it follows stands in ``tenants/templates/``, as objects of kind ImageUpdater. It pushes with
    ``imageUpdaterCredential``, or without one with the credential in ``repositories`` that fits ``gitops.repoUrl``,
    which has to allow it: kind password or githubApp.
    """
    image_updater_credential: WriteCredential | None = None
    """What Image Updater pushes with; it then reads no other Secret, and Argo CD's own credential need not write.

    Every ImageUpdater names it: ``writeBackConfig.method: git:secret:argocd/image-updater-git``.
    """
    notifications: Notifications | None = None
    """Report at each commit of ``gitops.repoUrl`` what became of it; the notifications controller runs only with it."""

    @property
    def image_updater(self) -> bool:
        """Whether Argo CD Image Updater is installed."""
        return self.image_updater_write_back == "git"

    @check
    def somebody_reaches_it(self) -> Iterator[Problem]:
        """No range at all would be no middleware, and so everybody."""
        if self.allowed_ranges == ():
            yield Problem(("allowedRanges",), "got none; allowed: at least one range, or leave it out")

    @check
    def repository_names(self) -> Iterator[Problem]:
        """Each is a Secret in one namespace."""
        yield from self._each_once("name")

    @check
    def repository_urls(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repository-credentials.

        The longest URL that fits wins; of two that are the same, nothing says which.
        """
        yield from self._each_once("url")

    def _each_once(self, key: str) -> Iterator[Problem]:
        seen: set[str] = set()
        for index, repository in enumerate(self.repositories):
            yield from guarded(self._once(index, key, repository, seen))

    def _once(self, index: int, key: str, repository: RepositoryCredential, seen: set[str]) -> Iterator[Problem]:
        value: str = getattr(repository, key)
        same = normalized(value.removesuffix("/")) if key == "url" else value
        if same in seen:
            yield Problem(("repositories", index, key), f"got {value!r} again; allowed: each {key} once")
        seen.add(same)

    @check
    def somebody_may_do_something(self) -> Iterator[Problem]:
        """https://argo-cd.readthedocs.io/en/stable/operator-manual/rbac/."""
        if self.sign_in is None or self.admin_enabled or self.default_role or self.policies:
            return
        if not self.sign_in.admin_groups and not self.sign_in.readonly_groups:
            yield Problem(
                (),
                "nobody may do anything: signIn names no group, and adminEnabled, defaultRole and policies are not "
                "set; allowed: with signIn.adminGroups or one of them",
            )


LayerName = Annotated[
    str, Form(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", "up to 40 lower-case letters, digits, and hyphens between them")
]
"""Part of the name of a values file."""


class PlatformHalf(Section):
    """Where ``tenants/`` is read from: never the revision that pipelines write (docs/decisions/0014-two-halves.md)."""

    repo_url: RepositoryUrl | None = None
    """Repository of the platform's half; ``gitops.repoUrl`` when left out."""
    revision: Revision = DEFAULT_PLATFORM_REVISION
    """Branch, tag or commit of it. A branch has to be protected: who may push to it decides what runs."""


class GitOps(Section):
    """What the root Application points at."""

    repo_url: RepositoryUrl
    """Repository of the applications. Over SSH, ``argocd.repositories`` has to have a key that fits it."""
    source: Literal["git", "workingTree"] = "git"
    """Where Argo CD reads both halves from: repositories, or, on a local cluster, ``gitops/`` and ``tenants/`` here.

    ``workingTree`` needs no account and no push: ``up`` hands the files over, and they stand for the repository
    wherever they name it.
    """
    revision: Revision = DEFAULT_REVISION
    """Branch, tag or commit."""
    path: RelativePath | None = None
    """Folder in it that holds ``gitops/``, and in the platform's repository ``tenants/``; the top when left out."""
    platform: PlatformHalf = PlatformHalf()
    """Where Argo CD reads which applications there are, and what each may do."""
    environment: LayerName | None = None
    """Environment of the applications; the stack's when left out. Clusters in several regions share one."""
    environment_class: LayerName | None = None
    """What several environments have in common: their applications' values in ``<class>.yaml``."""
    region: LayerName | None = None
    """What tells this cluster from others of the environment: values in ``<environment>-<region>.yaml``."""

    @property
    def folder(self) -> str:
        """Folder that holds the halves in their repositories; empty for the top."""
        return "" if self.path in {None, "."} else str(self.path)

    @property
    def served_url(self) -> str:
        """URL at which Argo CD reads the applications' half."""
        return WORKING_TREE_URL if self.source == "workingTree" else self.repo_url

    @property
    def platform_url(self) -> str:
        """URL at which Argo CD reads the platform's half."""
        return WORKING_TREE_URL if self.source == "workingTree" else self.platform.repo_url or self.repo_url

    @property
    def platform_revision(self) -> str:
        """Revision of the platform's half."""
        return DEFAULT_REVISION if self.source == "workingTree" else self.platform.revision

    @check
    def one_author_per_revision(self) -> Iterator[Problem]:
        """Argo CD cannot tell who wrote what within one revision (docs/decisions/0014-two-halves.md)."""
        one, other = (normalized(url) for url in (self.platform_url, self.served_url))
        if self.source == "git" and one == other and self.platform_revision == self.revision:
            yield Problem(
                ("platform", "revision"),
                f"got {self.platform_revision!r}, which pipelines write as gitops.revision; allowed: a branch that no "
                f"pipeline may push to, such as {DEFAULT_PLATFORM_REVISION}, or another repository "
                "(gitops.platform.repoUrl)",
            )

    @check
    def folder_of_the_halves(self) -> Iterator[Problem]:
        """A folder of Applications is what ``path`` was before there were tenants."""
        if self.path and re.search(r"(^|/)(gitops|tenants|environments)(/|$)", self.path):
            yield Problem(
                ("path",), f"got {self.path!r}; allowed: the folder that holds gitops/ and tenants/, or leave it out"
            )

    @check
    def names_of_layers(self) -> Iterator[Problem]:
        """``values.yaml`` is the base of all layers."""
        for key, value in (("environment", self.environment), ("environmentClass", self.environment_class)):
            if value == "values":
                yield Problem((key,), "got 'values'; allowed: another name, as values.yaml is what all have in common")

    @check
    def revision_of_the_working_tree(self) -> Iterator[Problem]:
        """The working tree has one revision."""
        if self.source == "workingTree" and self.revision != DEFAULT_REVISION:
            yield Problem(
                ("revision",), f"got {self.revision!r} with source 'workingTree'; allowed: {DEFAULT_REVISION}, or none"
            )


def _chart_version_hint(value: str) -> str | None:
    digits = re.fullmatch(r"[v^~=]*([0-9]+)(?:\.([0-9]+))?(?:\.([0-9x*]+))?", value)
    if digits:
        return "a whole version, not a range: a commit then always deploys the same"
    return None


ChartVersion = Annotated[
    str,
    # https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string
    Form(
        r"v?(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)\.(?:0|[1-9][0-9]*)(?:-[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?"
        r"(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?",
        "one version such as 41.3.0",
        hints=(_chart_version_hint,),
    ),
]


class ChartOverride(Section):
    """What one addon's chart differs in."""

    repository: ChartRepository | None = None
    """Where the chart is drawn from; for OCI without the chart's name."""
    version: ChartVersion | None = None
    """Version of the chart, exact; the pinned one when left out."""
    values: dict[str, Any] = {}
    """Values merged over the program's own, last and deeply."""


class Charts(Section):
    """Where charts come from, and what is overridden in them."""

    mirror: ChartRepository | None = None
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
    timeout_seconds: Annotated[int, Field(strict=True, ge=60, le=3600)] = 600
    """Seconds that a release may take to become ready."""
    keep_crds: Flag = True
    """Leave CRDs behind when a release is removed; without, everything of their kinds goes with them."""

    @check
    def repositories_without_charts(self) -> Iterator[Problem]:
        """https://helm.sh/docs/topics/registries/: of an OCI chart, its name is added to the repository."""
        for key, name in CHART_NAMES.items():
            yield from guarded(self._without_chart(key, name))

    def _without_chart(self, key: str, name: str) -> Iterator[Problem]:
        field = next(field for field, info in type(self).model_fields.items() if info.alias == key)
        repository = getattr(self, field).repository
        if repository and repository.startswith("oci://") and repository.rstrip("/").endswith(f"/{name}"):
            shorter = repository.rstrip("/").removesuffix(f"/{name}")
            yield Problem(
                (key, "repository"),
                f"got {repository!r}; allowed: without the chart's name, which is added: write {shorter}",
            )


CHART_NAMES = {
    "certManager": "cert-manager",
    "traefik": "traefik",
    "externalSecrets": "external-secrets",
    "argoCd": "argo-cd",
    "imageUpdater": "argocd-image-updater",
}
"""Names of the charts that can be overridden; components/addons/charts.py pins them."""
