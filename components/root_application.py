"""The hand-over to Argo CD: its project, the facts of the infrastructure, and the root Application."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Secret
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.argocd import NAMESPACE
from components.argocd import PROBE as ARGO_CD_SERVES
from components.image_updater import GROUP as IMAGE_UPDATER_GROUP
from components.release import serving_hook
from settings import GitOps

PROJECT = "root"
IN_CLUSTER = "https://kubernetes.default.svc"
FACT_PREFIX = "aks-bootstrap.io/"


@dataclass(frozen=True, kw_only=True)
class RootApplicationArgs:
    """What the root Application follows."""

    access: ClusterAccess
    settings: GitOps
    environment: str
    image_updater: bool
    """Whether the repository may say what Image Updater follows."""
    facts: Mapping[str, pulumi.Input[str]]
    """What charts may need to know of the infrastructure; keys are kebab-case. None of it is secret."""


class RootApplication(pulumi.ComponentResource):
    """The last step: from here Argo CD owns what Git says."""

    def __init__(self, name: str, args: RootApplicationArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Seed the root Application."""
        super().__init__("aks-bootstrap:root_application:RootApplication", name, None, opts)
        serving = serving_hook(name, args.access, [ARGO_CD_SERVES])
        project = CustomResource(
            args.access.name("root-project"),
            api_version="argoproj.io/v1alpha1",
            kind="AppProject",
            metadata=ObjectMetaArgs(name=PROJECT, namespace=NAMESPACE),
            spec=project_spec(args.settings, image_updater=args.image_updater),
            opts=pulumi.ResourceOptions(parent=self, hooks=serving),
        )
        facts = Secret(
            args.access.name("in-cluster"),
            metadata=ObjectMetaArgs(
                name="in-cluster",
                namespace=NAMESPACE,
                labels={"argocd.argoproj.io/secret-type": "cluster", "environment": args.environment},
                annotations={f"{FACT_PREFIX}{key}": value for key, value in args.facts.items()},
            ),
            string_data={
                "name": "in-cluster",
                "server": IN_CLUSTER,
                "config": json.dumps({"tlsClientConfig": {"insecure": False}}),
            },
            opts=pulumi.ResourceOptions(parent=self),
        )
        CustomResource(
            args.access.name("root-application"),
            api_version="argoproj.io/v1alpha1",
            kind="Application",
            metadata=ObjectMetaArgs(
                name="root",
                namespace=NAMESPACE,
                # its children go with it
                finalizers=["resources-finalizer.argocd.argoproj.io"],
            ),
            spec=application_spec(args.settings, args.environment),
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[project, facts],
                hooks=serving,
                # on a shared cluster Argo CD has to delete the children first, and a broken one must not hang the run
                custom_timeouts=pulumi.CustomTimeouts(delete="10m"),
            ),
        )
        self.register_outputs({})


def gitops_path(settings: GitOps, environment: str) -> str:
    """Return the folder that the root Application reads."""
    return settings.path or f"gitops/environments/{environment}"


def project_spec(settings: GitOps, *, image_updater: bool) -> dict[str, Any]:
    """Return a project that may make Applications and projects in Argo CD's namespace, from one repository."""
    updaters = [{"group": IMAGE_UPDATER_GROUP, "kind": "ImageUpdater"}]
    return {
        "description": "The root Application: Applications and their projects, nothing else.",
        "sourceRepos": [settings.repo_url],
        "destinations": [{"server": IN_CLUSTER, "namespace": NAMESPACE}],
        "clusterResourceWhitelist": [],
        "namespaceResourceWhitelist": [
            {"group": "argoproj.io", "kind": "Application"},
            {"group": "argoproj.io", "kind": "AppProject"},
            *(updaters if image_updater else []),
        ],
    }


def application_spec(settings: GitOps, environment: str) -> dict[str, Any]:
    """Return the root Application's spec. https://argo-cd.readthedocs.io/en/stable/operator-manual/cluster-bootstrapping/."""
    return {
        "project": PROJECT,
        "source": {
            "repoURL": settings.repo_url,
            "targetRevision": settings.revision,
            "path": gitops_path(settings, environment),
            "directory": {"recurse": True},
        },
        "destination": {"server": IN_CLUSTER, "namespace": NAMESPACE},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True},
            "syncOptions": ["CreateNamespace=true", "ServerSideApply=true", "RespectIgnoreDifferences=true"],
            "retry": {
                "limit": 10,
                # take up a newer commit instead of retrying the one that failed
                "refresh": True,
                "backoff": {"duration": "10s", "factor": 2, "maxDuration": "5m"},
            },
        },
        # the controller writes these on children while it works
        "ignoreDifferences": [
            {
                "group": "argoproj.io",
                "kind": "Application",
                "jsonPointers": ["/operation", "/metadata/annotations/argocd.argoproj.io~1refresh"],
            }
        ],
    }
