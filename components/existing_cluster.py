"""A cluster that already exists: kind, k3d, or any other with a kubeconfig. No Azure resource at all."""

import os
from pathlib import Path

import pulumi

from components.access import ClusterAccess
from settings.cluster import Local


class ExistingCluster(pulumi.ComponentResource):
    """Reaches the cluster that a kubeconfig names."""

    access: ClusterAccess
    """Access to it."""

    def __init__(self, name: str, settings: Local, opts: pulumi.ResourceOptions | None = None) -> None:
        """Declare the providers.

        Args:
            name: logical name.
            settings: kubeconfig and context.
            opts: the usual options.
        """
        super().__init__("aks-bootstrap:existing_cluster:ExistingCluster", name, None, opts)
        path = kubeconfig_path(settings)
        kubeconfig = pulumi.Output.secret(str(path))
        self.access = ClusterAccess.create(
            name,
            kubeconfig=kubeconfig,
            context=settings.context,
            # the kubeconfig's path and credentials may change from one run to the next; the cluster is the same
            cluster_identifier=f"local/{settings.context or 'current-context'}",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def kubeconfig_path(settings: Local) -> Path:
    """Return the kubeconfig's path: the stack file's, else KUBECONFIG's first, else ~/.kube/config."""
    from_environment = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return expanded(settings.kubeconfig or from_environment or "~/.kube/config")


def expanded(path: str) -> Path:
    """Return a path with a leading ``~`` expanded; as it is where nobody of that name exists."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)
