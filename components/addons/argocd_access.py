"""Who reaches Argo CD's page: callers from the ranges that may reach the API server, unless the stack names others."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.addons.ingress import NAMESPACE
from settings import Settings

_NAME = "argocd-ranges"
REFERENCE = f"{NAMESPACE}-{_NAME}@kubernetescrd"
"""The middleware as an Ingress names it.

https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/#on-ingress
"""


def allowed_ranges(settings: Settings) -> tuple[str, ...]:
    """Return the ranges that reach the page: those that the stack names, or the API server's; none for everybody."""
    of_api_server = settings.cluster.api_server.authorized_ip_ranges if settings.cluster is not None else ()
    chosen = settings.argocd.allowed_ranges
    return tuple(str(cidr) for cidr in (of_api_server if chosen is None else chosen))


def middleware(access: ClusterAccess, ranges: Sequence[str], *, parent: pulumi.Resource) -> CustomResource | None:
    """Create the middleware that turns away callers from elsewhere, in the proxies' namespace.

    The proxies see callers' own addresses: the load balancer keeps them (externalTrafficPolicy: Local), and nobody is
    believed who forwards another. https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/ipallowlist/

    Args:
        access: the cluster.
        ranges: what is let in; without any there is no middleware.
        parent: the component that it is in.
    """
    if not ranges:
        return None
    return CustomResource(
        access.name(_NAME),
        api_version="traefik.io/v1alpha1",
        kind="Middleware",
        metadata=ObjectMetaArgs(name=_NAME, namespace=NAMESPACE),
        spec={"ipAllowList": {"sourceRange": list(ranges)}},
        opts=pulumi.ResourceOptions(parent=parent),
    )
