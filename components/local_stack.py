"""The local side: an existing cluster, and nothing in Azure."""

from components.access import ClusterAccess
from components.platform import Platform
from conventions import INGRESS_CLASS, SECRET_STORE
from settings import Settings


def local_platform(settings: Settings, access: ClusterAccess) -> Platform:
    """Return what the addons need to know of a cluster that already exists."""
    return Platform(
        access=access,
        facts={
            "environment": settings.environment,
            "dns-zone": settings.dns.zone,
            "ingress-class": INGRESS_CLASS,
            "cluster-issuer": settings.certificates.issuer.value,
            "secret-store": SECRET_STORE,
        },
    )
