"""Where each addon's chart comes from, and which version: the one place that Renovate reads."""

from dataclasses import dataclass

from settings import ChartOverride, Charts


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart in a repository. ``repository`` of an OCI chart leaves the chart's name out."""

    name: str
    repository: str
    version: str

    @property
    def oci(self) -> bool:
        """Whether the repository is an OCI registry."""
        return self.repository.startswith("oci://")

    @property
    def reference(self) -> str:
        """What Helm is told to install: the full OCI reference, or the name that goes with the repository's URL."""
        return f"{self.repository.rstrip('/')}/{self.name}" if self.oci else self.name


# renovate: datasource=docker depName=quay.io/jetstack/charts/cert-manager
CERT_MANAGER = Chart(name="cert-manager", repository="oci://quay.io/jetstack/charts", version="v1.21.1")
# renovate: datasource=docker depName=ghcr.io/traefik/helm/traefik
TRAEFIK = Chart(name="traefik", repository="oci://ghcr.io/traefik/helm", version="41.3.0")
# renovate: datasource=helm registryUrl=https://charts.external-secrets.io depName=external-secrets
EXTERNAL_SECRETS = Chart(name="external-secrets", repository="https://charts.external-secrets.io", version="2.9.0")
# renovate: datasource=docker depName=ghcr.io/argoproj/argo-helm/argo-cd
ARGO_CD = Chart(name="argo-cd", repository="oci://ghcr.io/argoproj/argo-helm", version="10.1.1")
# renovate: datasource=docker depName=ghcr.io/argoproj/argo-helm/argocd-image-updater
IMAGE_UPDATER = Chart(name="argocd-image-updater", repository="oci://ghcr.io/argoproj/argo-helm", version="1.2.4")


def resolve(pinned: Chart, settings: Charts, override: ChartOverride) -> Chart:
    """Return the chart to install: the addon's own repository wins over the mirror, the mirror over the pinned one."""
    return Chart(
        name=pinned.name,
        repository=override.repository or settings.mirror or pinned.repository,
        version=override.version or pinned.version,
    )
