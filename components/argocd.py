"""Argo CD, the owner of applications, and the credentials of the repositories that it reads."""

from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.argocd_values import values
from components.charts import ARGO_CD, resolve
from components.cluster_api import Probe
from components.external_secrets import PROBE as EXTERNAL_SECRETS_SERVES
from components.external_secrets import STORE
from components.image_updater import ImageUpdater, ImageUpdaterArgs, RegistrySignIn
from components.release import Release, ReleaseArgs, serving_hook
from settings import ArgoCd as ArgoCdSettings
from settings import Charts, RepositoryCredential, merge
from stackconfig.types import Issuer

NAMESPACE = "argocd"
REPO_SERVER_SERVICE_ACCOUNT = "argocd-repo-server"
SERVER_SERVICE_ACCOUNT = "argocd-server"
_REPOSITORY_LABELS = {"argocd.argoproj.io/secret-type": "repo-creds"}

PROBE = Probe(
    addon="Argo CD",
    group="argoproj.io",
    version="v1alpha1",
    plural="appprojects",
    namespace=NAMESPACE,
    body={
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "aks-bootstrap-probe", "namespace": NAMESPACE},
        "spec": {},
    },
)
"""Taken only when the CRDs are there."""


@dataclass(frozen=True, kw_only=True)
class ArgoCdArgs:
    """What Argo CD follows."""

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


class ArgoCd(pulumi.ComponentResource):
    """The release, one object for each repository's credential, and Image Updater where it is wanted.

    No credential passes through Pulumi.
    """

    url: str
    """Where its page is."""

    def __init__(self, name: str, args: ArgoCdArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install Argo CD."""
        super().__init__("aks-bootstrap:argocd:ArgoCd", name, None, opts)
        host = argocd_host(args.settings, args.zone)
        self.url = f"https://{host}"
        release = Release(
            name,
            ReleaseArgs(
                access=args.access,
                chart=resolve(ARGO_CD, args.charts, args.charts.argo_cd),
                namespace=NAMESPACE,
                values=merge(
                    values(
                        args.settings,
                        host=host,
                        issuer=args.issuer,
                        keep_crds=args.charts.keep_crds,
                        tenant_id=args.tenant_id,
                        repository_client_id=args.repository_client_id,
                    ),
                    args.charts.argo_cd.values,
                ),
                timeout_seconds=args.charts.timeout_seconds,
                needs=[EXTERNAL_SECRETS_SERVES],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        serving = serving_hook(name, args.access, [EXTERNAL_SECRETS_SERVES])
        for repository in args.settings.repositories:
            logical = args.access.name(f"repository-{repository.name}")
            metadata = ObjectMetaArgs(name=repository.name, namespace=release.namespace)
            if repository.kind == "workloadIdentity":
                Secret(
                    logical,
                    metadata=ObjectMetaArgs(
                        name=repository.name, namespace=release.namespace, labels=_REPOSITORY_LABELS
                    ),
                    string_data={"type": "git", "url": repository.url, "useAzureWorkloadIdentity": "true"},
                    opts=pulumi.ResourceOptions(parent=self),
                )
            else:
                CustomResource(
                    logical,
                    api_version="external-secrets.io/v1",
                    kind="ExternalSecret",
                    metadata=metadata,
                    spec=external_secret(repository, vault=args.tenant_id is not None),
                    opts=pulumi.ResourceOptions(parent=self, hooks=serving),
                )
        if args.settings.image_updater_write_back == "git":
            ImageUpdater(
                args.access.name("image-updater"),
                ImageUpdaterArgs(
                    access=args.access, charts=args.charts, argocd=release, argocd_namespace=NAMESPACE,
                    registry=args.image_registry,
                ),
                pulumi.ResourceOptions(parent=self),
            )  # fmt: skip
        self.register_outputs({"url": self.url})


def argocd_host(settings: ArgoCdSettings, zone: str) -> str:
    """Return the host name of Argo CD's page."""
    return settings.host or f"argocd.{zone}"


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
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": STORE},
        "target": {
            "name": repository.name,
            "template": {"engineVersion": "v2", "metadata": {"labels": _REPOSITORY_LABELS}, "data": data},
        },
        "data": [{"secretKey": "value", "remoteRef": remote}],
    }
