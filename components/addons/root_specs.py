"""Specs of the root Application and of its project: pure, to be tested without Pulumi."""

from collections.abc import Sequence
from typing import Any

from application_template import SYNC_RETRY, tenants_values
from components.addons import application_set
from conventions import ARGO_CD_NAMESPACE, IN_CLUSTER, ROOT_APPLICATION, TENANT_NAMESPACE_PREFIX, Kind
from settings.addons import GitOps


def project_spec(settings: GitOps, kinds: Sequence[Kind]) -> dict[str, Any]:
    """Return a project that may make projects and the applications' namespaces, from the platform's half.

    Args:
        settings: the stack's repositories.
        kinds: what it may create, besides namespaces.
    """
    namespaces = (ARGO_CD_NAMESPACE, f"{TENANT_NAMESPACE_PREFIX}*")
    return {
        "description": "The root Application: projects and namespaces of applications, nothing else.",
        "sourceRepos": [settings.platform_url],
        "destinations": [{"server": IN_CLUSTER, "namespace": namespace} for namespace in namespaces],
        "destinationServiceAccounts": [
            {
                "server": IN_CLUSTER,
                "namespace": ARGO_CD_NAMESPACE,
                "defaultServiceAccount": f"{ARGO_CD_NAMESPACE}:{ROOT_APPLICATION}",
            }
        ],
        "clusterResourceWhitelist": [{"group": "", "kind": "Namespace", "name": f"{TENANT_NAMESPACE_PREFIX}*"}],
        "namespaceResourceWhitelist": [{"group": kind.group, "kind": kind.kind} for kind in kinds],
    }


def application_spec(settings: GitOps, environment: str, *, production: bool) -> dict[str, Any]:
    """Return the root Application's spec. https://argo-cd.readthedocs.io/en/stable/operator-manual/cluster-bootstrapping/."""
    return {
        "project": ROOT_APPLICATION,
        "source": {
            "repoURL": settings.platform_url,
            "targetRevision": settings.platform_revision,
            "path": application_set.tenants_path(settings),
            "helm": {
                "releaseName": ROOT_APPLICATION,
                "valuesObject": tenants_values(
                    environment=environment, repo_url=settings.served_url, production=production
                ),
            },
        },
        "destination": {"server": IN_CLUSTER, "namespace": ARGO_CD_NAMESPACE},
        "syncPolicy": {
            "automated": {"prune": True, "selfHeal": True},
            "syncOptions": ["ServerSideApply=true", "RespectIgnoreDifferences=true"],
            "retry": SYNC_RETRY,
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
