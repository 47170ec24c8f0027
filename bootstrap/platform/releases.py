"""The releases that the program installs, and the namespace of each."""

from collections.abc import Mapping

from components.addons import cert_manager, external_secrets, image_updater, ingress
from components.addons.charts import ARGO_CD, CERT_MANAGER, EXTERNAL_SECRETS, IMAGE_UPDATER, TRAEFIK
from conventions import ARGO_CD_NAMESPACE
from settings import Settings

RELEASES: Mapping[str, str] = {
    cert_manager.NAMESPACE: CERT_MANAGER.name,
    ingress.NAMESPACE: TRAEFIK.name,
    external_secrets.NAMESPACE: EXTERNAL_SECRETS.name,
    ARGO_CD_NAMESPACE: ARGO_CD.name,
    image_updater.NAMESPACE: IMAGE_UPDATER.name,
}
"""Every release, which has the name of its chart, by its namespace."""


def installed(settings: Settings) -> dict[str, str]:
    """Return the releases of a stack by their namespaces."""
    updating = settings.argocd.image_updater_write_back == "git"
    return {namespace: release for namespace, release in RELEASES.items() if updating or release != IMAGE_UPDATER.name}
