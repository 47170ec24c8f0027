"""Access to a cluster, which every component inside it takes: AKS, or a cluster that already exists."""

from dataclasses import dataclass

import pulumi
import pulumi_kubernetes as kubernetes


@dataclass(frozen=True, kw_only=True)
class ClusterAccess:
    """The Kubernetes providers of a cluster, and what resources that use them need."""

    provider: kubernetes.Provider
    """For everything but CRDs; default providers are disabled in every stack."""
    crds: kubernetes.Provider
    """For CRDs: it takes over those that are there, whoever applied them.

    CRDs outlive releases and stacks, and no two stacks could have their own. An object of any other kind that is there
    already belongs to somebody, and is an error.
    """
    kubeconfig: pulumi.Output[str]
    """What the provider signs in with; secret."""
    context: str | None = None
    """Context in it; the current one when None."""
    suffix: str = ""
    """Suffix of the logical name of everything in this generation, such as ``-g1``."""
    may_be_gone: bool = False
    """Whether this program creates the cluster, so that it may be gone, and everything inside with it."""

    @classmethod
    def create(
        cls,
        name: str,
        *,
        kubeconfig: pulumi.Output[str],
        cluster_identifier: pulumi.Input[str],
        opts: pulumi.ResourceOptions,
        context: str | None = None,
        suffix: str = "",
        may_be_gone: bool = False,
    ) -> "ClusterAccess":
        """Create the providers of a cluster.

        Args:
            name: logical name of the provider, without the generation's suffix.
            kubeconfig: what they sign in with; secret.
            cluster_identifier: changes exactly when the cluster is another one; all that is inside is replaced then.
            opts: options of both providers.
            context: context in the kubeconfig; the current one when None.
            suffix: ends the logical name of everything in this generation.
            may_be_gone: whether the cluster may be gone, and everything inside with it.
        """

        def provider(base: str, *, take_over: bool | None = None) -> kubernetes.Provider:
            return kubernetes.Provider(
                f"{base}{suffix}",
                kubeconfig=kubeconfig,
                context=context,
                cluster_identifier=cluster_identifier,
                upsert_existing_objects=take_over,
                # else an update would end at whatever somebody changed by hand, as every run refreshes; of an object
                # that is there already the create is an error all the same
                enable_patch_force=True,
                # a refresh would end with an error at what a cluster that is gone cannot show
                skip_update_unreachable=may_be_gone or None,
                opts=opts,
            )

        return cls(
            provider=provider(name),
            crds=provider(f"{name}-crds", take_over=True),
            kubeconfig=kubeconfig,
            context=context,
            suffix=suffix,
            may_be_gone=may_be_gone,
        )

    def name(self, base: str) -> str:
        """Return a logical name of this generation."""
        return f"{base}{self.suffix}"

    def after(self, *others: pulumi.Resource) -> pulumi.ResourceOptions:
        """Return options of a component inside the cluster, which waits for others to be ready.

        Its children inherit the provider and ``deleted_with``, and start after the component has been registered. They
        are deleted with the provider, which goes when the generation goes: no delete waits for an API server then. The
        cluster would not do, as a refresh takes one that is gone out of the state.
        """
        return pulumi.ResourceOptions(
            provider=self.provider,
            deleted_with=self.provider if self.may_be_gone else None,
            depends_on=list(others),
        )
