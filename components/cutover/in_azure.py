"""The cut-over of a stack in Azure: a record names the cluster that it leads to, and Azure tells how to reach that."""

from startup import on_demand

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

import pulumi

from components.addons.argocd import argocd_host
from components.azure.cluster import Cluster
from components.azure.cluster_access import kubeconfig_of
from components.cutover.cutover import Cutover, CutoverArgs
from settings import Settings, types

if TYPE_CHECKING:
    from components.release import cluster_api
else:
    cluster_api = on_demand("components.release.cluster_api")

_GROUP, _CLUSTER = "resourceGroup", "cluster"


def metadata(cluster: Cluster) -> dict[str, pulumi.Input[str]]:
    """Return what a record's metadata says of the cluster that it leads to.

    https://learn.microsoft.com/azure/dns/dns-zones-records#tags-and-metadata
    """
    return {_GROUP: cluster.resource_group_name, _CLUSTER: cluster.name}


def cutover_hooks(
    settings: Settings, cluster: Cluster, provider: pulumi.ProviderResource | None
) -> pulumi.ResourceHookBinding | None:
    """Return the hooks of the records that lead to a cluster; None where names move at once.

    Args:
        settings: the stack's.
        cluster: this generation's.
        provider: asks Azure for the old one.
    """
    if settings.azure is None or settings.cluster is None or settings.dns.cutover is types.Cutover.IMMEDIATE:
        return None
    tenant_id, login = settings.azure.tenant_id, settings.cluster.kubelogin

    async def old_side(named: Mapping[str, str]) -> "cluster_api.ClusterApi | None":
        if _GROUP not in named or _CLUSTER not in named:
            return None
        opts = pulumi.InvokeOptions(provider=provider)
        kubeconfig = await kubeconfig_of(named[_GROUP], named[_CLUSTER], tenant_id=tenant_id, login=login, opts=opts)
        return await asyncio.to_thread(cluster_api.ClusterApi, kubeconfig) if kubeconfig else None

    args = CutoverArgs(
        access=cluster.access,
        old_side=old_side,
        host=argocd_host(settings.argocd, settings.dns.zone),
        zone=settings.dns.zone,
        default_certificate=settings.ingress.default_certificate,
        ttl_seconds=settings.dns.ttl_seconds,
    )
    return Cutover(cluster.access.name("cutover"), args).hooks
