"""What Argo CD is given of tenants, written once for the program and for `bootstrap`.

The Application of a tenant is filled in by Argo CD's ApplicationSet controller; the chart ``tenants/`` is rendered by
the root Application. How every application is synced is decided here and nowhere else.
"""

from collections.abc import Mapping
from typing import Any

from conventions import ARGO_CD_NAMESPACE, IN_CLUSTER, TENANT_KINDS, TENANT_NAMESPACE_PREFIX

SYNC_RETRY: dict[str, Any] = {
    "limit": 10,
    # take up a newer commit instead of retrying the one that failed
    "refresh": True,
    "backoff": {"duration": "10s", "factor": 2, "maxDuration": "5m"},
}
"""How a sync that fails is tried again."""
FINALIZERS = ["resources-finalizer.argocd.argoproj.io"]
"""What makes Argo CD delete what an Application deployed along with it."""


def application(*, app: str, sources: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Application of one tenant in one cluster.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/application.yaml

    Args:
        app: the application's name; its project has the same, its namespace is ``app-<name>``.
        sources: ``source`` or ``sources``, as :class:`application_sources.Sources` makes them.
    """
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": app,
            "namespace": ARGO_CD_NAMESPACE,
            # removing the tenant removes what its application deployed
            "finalizers": FINALIZERS,
        },
        "spec": {
            "project": app,
            **sources,
            "destination": {"server": IN_CLUSTER, "namespace": f"{TENANT_NAMESPACE_PREFIX}{app}"},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                # the namespace is the platform's: the root Application makes it
                "syncOptions": ["ServerSideApply=true", "PruneLast=true"],
                "retry": SYNC_RETRY,
            },
        },
    }


def tenants_values(*, environment: str, repo_url: str, production: bool) -> dict[str, Any]:
    """Return what the root Application sets in the chart ``tenants/``.

    Args:
        environment: the environment of the cluster's applications.
        repo_url: repository of the applications' half.
        production: whether what a tenant had stays when the tenant is gone, until somebody deletes it.
    """
    return {
        "environment": environment,
        "repoURL": repo_url,
        "production": production,
        "kinds": [{"group": kind.group, "kind": kind.kind} for kind in TENANT_KINDS],
    }


def layers(environment: str, environment_class: str | None, region: str | None) -> list[str]:
    """Return the values files of a cluster after the base, the later of which wins.

    Args:
        environment: the environment of the cluster's applications.
        environment_class: what several environments have in common, such as ``production``.
        region: what tells the environment's clusters apart, where there are several.
    """
    return [
        *([environment_class] if environment_class else []),
        environment,
        *([f"{environment}-{region}"] if region else []),
    ]
