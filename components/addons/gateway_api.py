"""The CRDs of the Gateway API, which cert-manager and the ingress controller look for, and neither chart brings."""

from dataclasses import dataclass

import pulumi
from pulumi_kubernetes.yaml.v2 import ConfigFile

from components.access import ClusterAccess
from components.addons.addon import Addon
from components.addons.charts import GATEWAY_API_MANIFEST
from components.platform import Platform
from components.release.probe import Probe
from settings import Settings


@dataclass(frozen=True, kw_only=True)
class GatewayApiArgs:
    """Inputs of the Gateway API's CRDs."""

    access: ClusterAccess
    manifest: str
    """URL of the manifest, or its path."""
    keep: bool
    """Leave the CRDs in the cluster when they are removed from the stack."""

    @classmethod
    def of(cls, settings: Settings, platform: Platform) -> "GatewayApiArgs":
        """Take the inputs from the stack's settings and the platform."""
        return cls(
            access=platform.access,
            manifest=settings.ingress.gateway_api_manifest or GATEWAY_API_MANIFEST,
            keep=settings.charts.keep_crds,
        )


class GatewayApi(Addon):
    """The standard channel of the Gateway API. https://gateway-api.sigs.k8s.io/guides/#installing-gateway-api.

    CRDs that are in the cluster already are taken over.
    """

    # cert-manager ends at its start where it is to watch gateways and there are none:
    # https://cert-manager.io/docs/usage/gateway/
    probe = Probe(
        addon="the Gateway API",
        group="gateway.networking.k8s.io",
        version="v1",
        kind="Gateway",
        plural="gateways",
        namespace="default",
        spec={"gatewayClassName": "probe", "listeners": [{"name": "web", "port": 80, "protocol": "HTTP"}]},
    )

    def __init__(self, name: str, args: GatewayApiArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Apply the manifest."""
        super().__init__("aks-bootstrap:gateway_api:GatewayApi", name, opts)
        ConfigFile(
            name,
            file=args.manifest,
            opts=pulumi.ResourceOptions(parent=self, provider=args.access.crds, retain_on_delete=args.keep),
        )
        self.register_outputs({})


def gateway_api(settings: Settings, platform: Platform) -> list[GatewayApi]:
    """Return the CRDs as the addon that they are, where the stack serves the Gateway API; nothing elsewhere."""
    if not settings.ingress.gateway_api:
        return []
    inside = platform.access
    return [GatewayApi(inside.name("gateway-api"), GatewayApiArgs.of(settings, platform), inside.after())]
