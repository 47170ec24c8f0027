"""The local side: an existing cluster, and nothing in Azure."""

from components.existing_cluster import ExistingCluster
from components.platform import Platform
from conventions import INGRESS_CLASS, SECRET_STORE
from settings import Settings


def local_platform(settings: Settings) -> Platform:
    """Reach the cluster that already exists, and return what the addons need to know of it."""
    return Platform(
        access=ExistingCluster("cluster", settings.local).access,
        facts={
            "environment": settings.environment,
            "dns-zone": settings.dns.zone,
            "ingress-class": INGRESS_CLASS,
            "cluster-issuer": settings.certificates.issuer.value,
            "secret-store": SECRET_STORE,
        },
    )
