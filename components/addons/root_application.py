"""The hand-over to Argo CD: facts of the infrastructure, the ApplicationSet of tenants, the root Application."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from application_template import FINALIZERS
from components.access import ClusterAccess
from components.addons import application_set
from components.addons.addon import Addon
from components.addons.root_specs import application_spec, project_spec
from components.addons.take_over import take_over_hook
from components.addons.tenant_rights import tenant_rights
from components.platform import Platform, Prerequisite
from components.release.guard import serving_hooks
from conventions import (
    ARGO_CD_NAMESPACE,
    FACT_PREFIX,
    IMAGE_UPDATER_KINDS,
    IN_CLUSTER,
    ROOT_APPLICATION,
    ROOT_KINDS,
)
from settings import Settings
from settings.addons import GitOps


@dataclass(frozen=True, kw_only=True)
class RootApplicationArgs:
    """Inputs of the root Application."""

    access: ClusterAccess
    settings: GitOps
    environment: str
    """Environment of the cluster's applications."""
    production: bool
    image_updater: bool
    """Whether the repository may hold ImageUpdater objects."""
    restore: Prerequisite | None
    """What comes before the first application; None where nothing does."""
    facts: Mapping[str, pulumi.Input[str]]
    """Facts of the infrastructure that charts may need; keys are kebab-case. None of it is secret."""

    @classmethod
    def of(cls, settings: Settings, platform: Platform) -> "RootApplicationArgs":
        """Take the inputs from the stack's settings and the platform."""
        return cls(
            access=platform.access,
            settings=settings.gitops,
            environment=settings.applications_environment,
            production=settings.production,
            image_updater=settings.argocd.image_updater,
            restore=platform.restore,
            facts=platform.facts,
        )


class RootApplication(Addon):
    """The last step: from here Argo CD owns what is in Git."""

    def __init__(self, name: str, args: RootApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Seed the root Application."""
        super().__init__("aks-bootstrap:root_application:RootApplication", name, opts)
        serving = serving_hooks(name, args.access, self.needs)
        kinds = [*ROOT_KINDS, *(IMAGE_UPDATER_KINDS if args.image_updater else ())]
        rights = tenant_rights(args.access, kinds, pulumi.ResourceOptions(parent=self))
        # everything that deploys applications comes after the project
        restored = args.restore
        first = pulumi.ResourceHookBinding(
            before_create=[*(serving.before_create or []), *([restored.hook] if restored else [])],
            before_update=serving.before_update,
        )
        project = CustomResource(
            args.access.name("root-project"),
            api_version="argoproj.io/v1alpha1",
            kind="AppProject",
            metadata=ObjectMetaArgs(name=ROOT_APPLICATION, namespace=ARGO_CD_NAMESPACE),
            spec=project_spec(args.settings, kinds),
            opts=pulumi.ResourceOptions(parent=self, hooks=first, depends_on=restored.after if restored else None),
        )
        facts = Secret(
            args.access.name("in-cluster"),
            metadata=ObjectMetaArgs(
                name="in-cluster",
                namespace=ARGO_CD_NAMESPACE,
                labels=application_set.cluster_labels(args.environment),
                annotations={f"{FACT_PREFIX}{key}": value for key, value in args.facts.items()},
            ),
            string_data={
                "name": "in-cluster",
                "server": IN_CLUSTER,
                "config": json.dumps({"tlsClientConfig": {"insecure": False}}),
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        # the same for both: a project stays until its Application is gone, so neither may wait for the other when both
        # are deleted, and the engine deletes together only what is as far from the start
        beside = [project, facts, *rights]
        CustomResource(
            args.access.name("tenants"),
            api_version="argoproj.io/v1alpha1",
            kind="ApplicationSet",
            metadata=ObjectMetaArgs(name=application_set.NAME, namespace=ARGO_CD_NAMESPACE),
            spec=application_set.application_set_spec(
                args.settings, args.environment, args.facts, production=args.production
            ),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=beside,
                hooks=serving,
                # Argo CD deletes the applications with it, and a broken one must not hang the run
                custom_timeouts=pulumi.CustomTimeouts(delete="10m"),
            ),
        )
        CustomResource(
            args.access.name("root-application"),
            api_version="argoproj.io/v1alpha1",
            kind="Application",
            metadata=ObjectMetaArgs(
                name=ROOT_APPLICATION,
                namespace=ARGO_CD_NAMESPACE,
                # the projects go with it
                finalizers=FINALIZERS,
            ),
            spec=application_spec(args.settings, args.environment, production=args.production),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=beside,
                hooks=pulumi.ResourceHookBinding(
                    before_create=serving.before_create,
                    before_update=[*(serving.before_update or []), take_over_hook(name, args.access)],
                ),
                # a project stays until no Application names it, and a broken one must not hang the run
                custom_timeouts=pulumi.CustomTimeouts(delete="10m"),
            ),
        )
        self.register_outputs({})
