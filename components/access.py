"""Access to a cluster, which every component inside it takes: AKS, or a cluster that already exists."""

from collections.abc import Sequence
from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes


@dataclass(frozen=True, kw_only=True)
class ClusterAccess:
    """A Kubernetes provider, and what resources that use it need."""

    provider: kubernetes.Provider
    """The one explicit provider; default providers are disabled in every stack."""
    kubeconfig: pulumi.Output[str]
    """What the provider signs in with; secret."""
    context: str | None = None
    """Context in it; the current one when None."""
    suffix: str = ""
    """Suffix of the logical name of everything in this generation, such as ``-g1``."""
    cluster: pulumi.Resource | None = None
    """``deleted_with`` of everything inside, so that no delete waits for an API server that is gone."""

    def name(self, base: str) -> str:
        """Return a logical name of this generation."""
        return f"{base}{self.suffix}"

    def options(self, *, after: Sequence[pulumi.Resource] = ()) -> pulumi.ResourceOptions:
        """Return options of a component inside the cluster, which waits for ``after`` to be ready.

        Its children inherit the provider and ``deleted_with``, and start after the component has been registered.
        """
        return pulumi.ResourceOptions(provider=self.provider, deleted_with=self.cluster, depends_on=list(after))
