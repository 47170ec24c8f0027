"""Argo CD, the owner of applications, and the credentials of the repositories that it reads."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import ConfigMap, Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.addons.argocd_access import REFERENCE, allowed_ranges, middleware
from components.addons.argocd_secrets import REPOSITORY_LABELS, external_secret, identity_secret, write_secret
from components.addons.argocd_values import values
from components.addons.charts import ARGO_CD
from components.addons.commit_status import SECRET, CommitStatus, key_secret
from components.addons.image_updater import ImageUpdater, ImageUpdaterArgs
from components.addons.working_tree import config_map, read_tree
from components.platform import Platform, RegistrySignIn
from components.release.guard import serving_hooks
from components.release.probe import Probe
from components.release.release import Release, ReleaseArgs
from components.release.supply import Supply
from conventions import ARGO_CD_NAMESPACE as NAMESPACE
from conventions import IMAGE_UPDATER_SECRET
from settings import Settings
from settings.addons import ArgoCd as ArgoCdSettings
from settings.addons import Charts
from settings.types import Issuer

REPO_SERVER_SERVICE_ACCOUNT = "argocd-repo-server"
SERVER_SERVICE_ACCOUNT = "argocd-server"


@dataclass(frozen=True, kw_only=True)
class ArgoCdArgs:
    """Inputs of Argo CD."""

    access: ClusterAccess
    charts: Charts
    supply: Supply
    settings: ArgoCdSettings
    zone: str
    """DNS zone that its host is in."""
    issuer: Issuer | None
    """Who signs a certificate of its own; None where the proxies' default certificate covers its host."""
    tenant_id: str | None = None
    """Entra tenant; None on a local cluster."""
    repository_client_id: pulumi.Input[str] | None = None
    """Identity that reads repositories with no stored credential, where one needs it."""
    image_registry: RegistrySignIn | None = None
    """The registry that Image Updater reads, where it is installed and the environment has one."""
    commit_status: CommitStatus | None = None
    """What is reported at commits; None where nothing is."""
    allowed_ranges: Sequence[str] = ()
    """Ranges that reach its page; everybody does where there are none."""
    working_tree: Mapping[str, str] | None = None
    """Files that stand for the repository, text by path; None where Argo CD reads a repository."""

    @classmethod
    def of(cls, settings: Settings, platform: Platform) -> "ArgoCdArgs":
        """Take the inputs from the stack's settings and the platform."""
        issuer = settings.certificates.issuer
        return cls(
            access=platform.access,
            charts=settings.charts,
            supply=Supply.of(settings),
            settings=settings.argocd,
            zone=settings.dns.zone,
            issuer=None if settings.covers(argocd_host(settings.argocd, settings.dns.zone)) else issuer,
            tenant_id=platform.tenant_id,
            repository_client_id=platform.repository_client_id,
            image_registry=platform.image_registry,
            commit_status=CommitStatus.of(settings),
            allowed_ranges=allowed_ranges(settings),
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
        guard = middleware(args.access, args.allowed_ranges, parent=self)
        release = Release(
            name,
            ReleaseArgs(
                access=args.access,
                chart=ARGO_CD,
                charts=args.charts,
                supply=args.supply,
                values=values(
                    args.settings,
                    host=host,
                    issuer=args.issuer,
                    keep_crds=args.charts.keep_crds,
                    tenant_id=args.tenant_id,
                    repository_client_id=args.repository_client_id,
                    commit_status=args.commit_status,
                    middleware=REFERENCE if guard else None,
                    working_tree=args.working_tree,
                ),
                needs=self.needs,
            ),
            # an Ingress whose middleware is missing is not served
            opts=pulumi.ResourceOptions(parent=self, depends_on=[guard] if guard else None),
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
        vault = args.tenant_id is not None

        def from_store(logical: str, secret: str, spec: dict[str, Any]) -> None:
            CustomResource(
                args.access.name(logical),
                api_version="external-secrets.io/v1",
                kind="ExternalSecret",
                metadata=ObjectMetaArgs(name=secret, namespace=release.namespace),
                spec=release.once_installed(spec),
                opts=pulumi.ResourceOptions(parent=self, hooks=serving),
            )

        for repository in args.settings.repositories:
            logical = f"repository-{repository.name}"
            if repository.kind == "workloadIdentity":
                Secret(
                    args.access.name(logical),
                    metadata=ObjectMetaArgs(
                        name=repository.name, namespace=release.namespace, labels=REPOSITORY_LABELS
                    ),
                    string_data=identity_secret(repository),
                    opts=pulumi.ResourceOptions(parent=self),
                )
            else:
                from_store(logical, repository.name, external_secret(repository, vault=vault))
        if args.commit_status is not None:
            from_store("notifications-key", SECRET, key_secret(args.commit_status.app, vault=vault))
        if (pushes_with := args.settings.image_updater_credential) is not None:
            from_store(IMAGE_UPDATER_SECRET, IMAGE_UPDATER_SECRET, write_secret(pushes_with, vault=vault))
        if args.settings.image_updater:
            ImageUpdater(
                args.access.name("image-updater"),
                ImageUpdaterArgs(
                    access=args.access,
                    charts=args.charts,
                    supply=args.supply,
                    argocd=release,
                    argocd_namespace=NAMESPACE,
                    registry=args.image_registry,
                    secret=IMAGE_UPDATER_SECRET if pushes_with is not None else None,
                ),
                pulumi.ResourceOptions(parent=self),
            )
        self.register_outputs({"url": self.url})


def argocd_host(settings: ArgoCdSettings, zone: str) -> str:
    """Return the host name of Argo CD's page."""
    return settings.host or f"argocd.{zone}"
