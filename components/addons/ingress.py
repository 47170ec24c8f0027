"""Ingress: Traefik, the address that leads to it, and the certificate for hosts that bring none.

Another controller can run beside it: it is one more component with its own ingress class and address, and nothing
here would change but which of them is the default class.
"""

from dataclasses import dataclass
from typing import Any

import pulumi

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.addons.charts import TRAEFIK
from components.addons.ingress_guards import HEADERS, guards, headers
from components.addons.placement import PLACEMENT, spread
from components.platform import Platform, PublicAddress
from components.release.release import Object, Release, ReleaseArgs
from components.release.supply import Supply
from conventions import INGRESS_CLASS
from settings import Settings
from settings.addon_requests import TRAEFIK as TRAEFIK_REQUEST
from settings.addons import Charts
from settings.addons import Ingress as IngressSettings
from settings.merge import merge
from settings.types import Issuer

NAMESPACE = TRAEFIK.namespace
SERVICE, HTTP_PORT_NAME, HTTPS_PORT_NAME = "traefik", "web", "websecure"
"""The proxies' Service, which the chart names after the release, and its ports."""
DEFAULT_CERTIFICATE = "default-certificate"
"""Certificate of the zone and of every name in it, and its Secret, in the proxies' namespace."""

_DRAIN = {"lifeCycle": {"requestAcceptGraceTimeout": 15, "graceTimeOut": 30}}
"""A proxy that ends goes on taking requests for 15 s, then gives those that it has 30 s.

Azure's load balancer sends connections until two probes, 5 s apart, have shown that a node has no proxy left.
https://learn.microsoft.com/azure/load-balancer/load-balancer-custom-probe-overview and
https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/
"""

CRDS_ALONE: dict[str, Any] = {
    "deployment": {"enabled": False},
    "service": {"enabled": False},
    "rbac": {"enabled": False},
    "serviceAccount": {"name": "traefik"},
    "ingressClass": {"enabled": False},
    "gateway": {"enabled": False},
    "gatewayClass": {"enabled": False},
}
"""Values with which the chart renders nothing but its CRDs: whatever it has by default is turned off."""


@dataclass(frozen=True, kw_only=True)
class IngressArgs:
    """Inputs of the ingress controller."""

    access: ClusterAccess
    charts: Charts
    supply: Supply
    settings: IngressSettings
    zone: str
    """DNS zone that the default certificate covers."""
    issuer: Issuer
    address: PublicAddress | None = None
    """None takes whatever address the cluster hands out."""

    @classmethod
    def of(cls, settings: Settings, platform: Platform) -> "IngressArgs":
        """Take the inputs from the stack's settings and the platform."""
        return cls(
            access=platform.access,
            charts=settings.charts,
            supply=Supply.of(settings),
            settings=settings.ingress,
            zone=settings.dns.zone,
            issuer=settings.certificates.issuer,
            address=platform.address,
        )


class Ingress(Addon):
    """The release, then the default certificate; ready when the proxies are and the load balancer has its address."""

    def __init__(self, name: str, args: IngressArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Install Traefik."""
        super().__init__("aks-bootstrap:ingress:Ingress", name, opts)
        spec = headers(args.settings, args.address)
        Release(
            name,
            ReleaseArgs(
                access=args.access,
                chart=TRAEFIK,
                charts=args.charts,
                supply=args.supply,
                values=values(args.settings, args.address),
                crds=CRDS_ALONE,
                needs=self.needs,
                # a proxy that starts without it serves no host at all
                first=[
                    Object(args.access.name(HEADERS), "traefik.io/v1alpha1", "Middleware", HEADERS, {"headers": spec})
                ]
                if spec
                else [],
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.register_outputs({})


def values(settings: IngressSettings, address: PublicAddress | None) -> dict[str, Any]:
    """Return the chart's values; what guards the proxies is in :mod:`components.addons.ingress_guards`."""
    several = settings.replicas > 1
    labels = {"app.kubernetes.io/name": "traefik"}
    result: dict[str, Any] = {
        "deployment": {"replicas": settings.replicas},
        "podDisruptionBudget": {"enabled": several, **({"minAvailable": 1} if several else {})},
        "topologySpreadConstraints": spread(labels) if several else [],
        **PLACEMENT,
        "resources": TRAEFIK_REQUEST.resources,
        "ingressClass": {"enabled": True, "isDefaultClass": settings.default_class, "name": INGRESS_CLASS},
        "ingressRoute": {"dashboard": {"enabled": False}},
        "providers": {
            "kubernetesIngress": {"enabled": True, **_published(settings)},
            "kubernetesCRD": {"enabled": True},
            "kubernetesGateway": {"enabled": settings.gateway_api},
        },
        "ports": {
            HTTP_PORT_NAME: {
                "http": {"redirections": {"entryPoint": {"to": HTTPS_PORT_NAME, "scheme": "https", "permanent": True}}},
                "transport": _DRAIN,
            },
            HTTPS_PORT_NAME: {"transport": _DRAIN},
        },
        "service": {"spec": {"type": settings.service_type}, "annotations": _annotations(address)},
    }
    if settings.node_ports is not None:
        result["ports"][HTTP_PORT_NAME]["nodePort"] = settings.node_ports.http
        result["ports"][HTTPS_PORT_NAME]["nodePort"] = settings.node_ports.https
    if settings.service_type == "LoadBalancer":
        # keeps the caller's address, and makes Azure probe only nodes that have a proxy
        result["service"]["spec"]["externalTrafficPolicy"] = "Local"
    if settings.gateway_api:
        # the chart's own Gateway has only the plain port, where every request is redirected
        routes = {"namespacePolicy": {"from": "All"}}
        result["gateway"] = {
            "listeners": {
                "web": {"port": 8000, "protocol": "HTTP", **routes},
                "websecure": {
                    "port": 8443,
                    "protocol": "HTTPS",
                    "certificateRefs": [{"name": DEFAULT_CERTIFICATE}],
                    **routes,
                },
            }
        }
    if settings.default_certificate:
        result["tlsStore"] = {"default": {"defaultCertificate": {"secretName": DEFAULT_CERTIFICATE}}}
    return merge(result, guards(settings, namespace=NAMESPACE, headers=HEADERS if headers(settings, address) else None))


def _published(settings: IngressSettings) -> dict[str, Any]:
    """Return the address that Ingresses show.

    Argo CD waits for one before it calls an application healthy, and without a load balancer there is none.
    https://argo-cd.readthedocs.io/en/stable/operator-manual/health/#ingress
    """
    if settings.service_type == "LoadBalancer":
        return {"publishedService": {"enabled": True}}
    return {"publishedService": {"enabled": False}, "ingressEndpoint": {"ip": "127.0.0.1"}}


def _annotations(address: PublicAddress | None) -> dict[str, pulumi.Input[str]]:
    """https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/#loadbalancer-annotations."""
    if address is None:
        return {}
    return {
        "service.beta.kubernetes.io/azure-load-balancer-resource-group": address.resource_group_name,
        "service.beta.kubernetes.io/azure-pip-name": address.name,
    }
