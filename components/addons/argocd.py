"""Argo CD, the owner of applications, and the credentials of the repositories that it reads."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.addons.argocd_values import values
from components.addons.charts import ARGO_CD
from components.addons.image_updater import ImageUpdater, ImageUpdaterArgs
from components.addons.working_tree import config_map, read_tree
from components.platform import Platform, RegistrySignIn
from components.release.guard import serving_hooks
from components.release.probe import Probe
from components.release.release import Release, ReleaseArgs
from conventions import ARGO_CD_NAMESPACE as NAMESPACE
from conventions import SECRET_STORE
from settings import Settings
from settings.addons import ArgoCd as ArgoCdSettings
from settings.addons import Charts, RepositoryCredential
from settings.repositories import without_scheme
from settings.types import Issuer

REPO_SERVER_SERVICE_ACCOUNT = "argocd-repo-server"
SERVER_SERVICE_ACCOUNT = "argocd-server"
_REPOSITORY_LABELS = {"argocd.argoproj.io/secret-type": "repo-creds"}


@dataclass(frozen=True, kw_only=True)
class ArgoCdArgs:
    """Inputs of Argo CD."""

    access: ClusterAccess
    charts: Charts
    settings: ArgoCdSettings
    zone: str
    """DNS zone that its host is in."""
    issuer: Issuer
    tenant_id: str | None = None
    """Entra tenant; None on a local cluster."""
    repository_client_id: pulumi.Input[str] | None = None
    """Identity that reads repositories with no stored credential, where one needs it."""
    image_registry: RegistrySignIn | None = None
    """The registry that Image Updater reads, where it is installed and the environment has one."""
    working_tree: Mapping[str, str] | None = None
    """Files that stand for the repository, text by path; None where Argo CD reads a repository."""

    @classmethod
    def of(cls, settings: Settings, platform: Platform) -> "ArgoCdArgs":
        """Take the inputs from the stack's settings and the platform."""
        return cls(
            access=platform.access,
            charts=settings.charts,
            settings=settings.argocd,
            zone=settings.dns.zone,
            issuer=settings.certificates.issuer,
            tenant_id=platform.tenant_id,
            repository_client_id=platform.repository_client_id,
            image_registry=platform.image_registry,
            working_tree=read_tree(settings.gitops.repo_url) if settings.gitops.source == "workingTree" else None,
        )


class ArgoCd(Addon):
    """The release, one object for each repository's credential, and Image Updater where it is wanted.

    No credential passes through Pulumi.
    """

    # taken only when the CRDs are there
    probe = Probe(
        addon="Argo CD",
        group="argoproj.io",
        version="v1alpha1",
        kind="AppProject",
        plural="appprojects",
        namespace=NAMESPACE,
        spec={},
    )

    url: str
    """Where its page is."""

    def __init__(self, name: str, args: ArgoCdArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install Argo CD."""
        super().__init__("aks-bootstrap:argocd:ArgoCd", name, opts)
        host = argocd_host(args.settings, args.zone)
        self.url = f"https://{host}"
        release = Release(
            name,
            ReleaseArgs(
                access=args.access,
                chart=ARGO_CD,
                charts=args.charts,
                namespace=NAMESPACE,
                values=values(
                    args.settings,
                    host=host,
                    issuer=args.issuer,
                    keep_crds=args.charts.keep_crds,
                    tenant_id=args.tenant_id,
                    repository_client_id=args.repository_client_id,
                    working_tree=args.working_tree,
                ),
                needs=self.needs,
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        if args.working_tree is not None:
            config_map_name, data = config_map(args.working_tree)
            ConfigMap(
                args.access.name("working-tree"),
                metadata=ObjectMetaArgs(name=config_map_name, namespace=release.namespace),
                data=data,
                immutable=True,
                opts=pulumi.ResourceOptions(parent=self),
            )
        serving = serving_hooks(name, args.access, self.needs, installed=release.ready.id)
        for repository in args.settings.repositories:
            logical = args.access.name(f"repository-{repository.name}")
            metadata = ObjectMetaArgs(name=repository.name, namespace=release.namespace)
            if repository.kind == "workloadIdentity":
                Secret(
                    logical,
                    metadata=ObjectMetaArgs(
                        name=repository.name, namespace=release.namespace, labels=_REPOSITORY_LABELS
                    ),
                    string_data=identity_secret(repository),
                    opts=pulumi.ResourceOptions(parent=self),
                )
            else:
                CustomResource(
                    logical,
                    api_version="external-secrets.io/v1",
                    kind="ExternalSecret",
                    metadata=metadata,
                    spec=release.once_installed(external_secret(repository, vault=args.tenant_id is not None)),
                    opts=pulumi.ResourceOptions(parent=self, hooks=serving),
                )
        if args.settings.image_updater_write_back == "git":
            ImageUpdater(
                args.access.name("image-updater"),
                ImageUpdaterArgs(
                    access=args.access,
                    charts=args.charts,
                    argocd=release,
                    argocd_namespace=NAMESPACE,
                    registry=args.image_registry,
                ),
                pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"url": self.url})


def argocd_host(settings: ArgoCdSettings, zone: str) -> str:
    """Return the host name of Argo CD's page."""
    return settings.host or f"argocd.{zone}"


def identity_secret(repository: RepositoryCredential) -> dict[str, str]:
    """Return what a repository Secret holds where Argo CD signs in as its identity: no secret.

    A registry's charts are Helm's: of type ``oci`` Argo CD 3.4 signs in with a password only. What it takes for the
    host is all that stands before the first slash, so there is no scheme.
    https://github.com/argoproj/argo-cd/blob/v3.4.4/util/helm/creds.go (GetAccessToken)
    https://argo-cd.readthedocs.io/en/stable/user-guide/private-repositories/#azure-container-registryazure-repos-using-azure-workload-identity
    """
    if repository.registry is None:
        return {"type": "git", "url": repository.url, "useAzureWorkloadIdentity": "true"}
    url = without_scheme(repository.url).rstrip("/")
    return {"type": "helm", "url": url, "enableOCI": "true", "useAzureWorkloadIdentity": "true"}


def external_secret(repository: RepositoryCredential, *, vault: bool) -> dict[str, Any]:
    """Return the spec that makes a repository Secret from what the store holds.

    A vault's secret is one text; a local cluster's Secret has keys, of which ``value`` is taken.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/declarative-setup/#repository-credentials
    """
    data = {"type": "git", "url": repository.url}
    if repository.kind == "password":
        data |= {"username": repository.username, "password": "{{ .value }}"}
    elif repository.kind == "sshKey":
        data |= {"sshPrivateKey": "{{ .value }}"}
    else:
        data |= {
            "githubAppID": str(repository.github_app_id),
            "githubAppInstallationID": str(repository.github_app_installation_id),
            "githubAppPrivateKey": "{{ .value }}",
        }
    remote = {"key": repository.vault_secret, **({} if vault else {"property": "value"})}
    return {
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": SECRET_STORE},
        "target": {
            "name": repository.name,
            "template": {"engineVersion": "v2", "metadata": {"labels": _REPOSITORY_LABELS}, "data": data},
        },
        "data": [{"secretKey": "value", "remoteRef": remote}],
    }
