"""Where each addon's chart comes from, and which version: the one place that Renovate reads."""

from components.release.chart import Chart

# renovate: datasource=docker depName=quay.io/jetstack/charts/cert-manager
CERT_MANAGER = Chart(
    name="cert-manager",
    repository="oci://quay.io/jetstack/charts",
    version="v1.21.1",
    override=lambda charts: charts.cert_manager,
)
# renovate: datasource=docker depName=ghcr.io/traefik/helm/traefik
TRAEFIK = Chart(
    name="traefik",
    repository="oci://ghcr.io/traefik/helm",
    version="41.3.0",
    override=lambda charts: charts.traefik,
)
# renovate: datasource=helm registryUrl=https://charts.external-secrets.io depName=external-secrets
EXTERNAL_SECRETS = Chart(
    name="external-secrets",
    repository="https://charts.external-secrets.io",
    version="2.9.0",
    override=lambda charts: charts.external_secrets,
)
# renovate: datasource=docker depName=ghcr.io/argoproj/argo-helm/argo-cd
ARGO_CD = Chart(
    name="argo-cd",
    repository="oci://ghcr.io/argoproj/argo-helm",
    version="10.1.1",
    override=lambda charts: charts.argo_cd,
)
# renovate: datasource=docker depName=ghcr.io/argoproj/argo-helm/argocd-image-updater
IMAGE_UPDATER = Chart(
    name="argocd-image-updater",
    repository="oci://ghcr.io/argoproj/argo-helm",
    version="1.2.4",
    override=lambda charts: charts.image_updater,
)

# renovate: datasource=github-releases depName=kubernetes-sigs/gateway-api
_GATEWAY_API_VERSION = "v1.5.1"
GATEWAY_API_MANIFEST = (
    f"https://github.com/kubernetes-sigs/gateway-api/releases/download/{_GATEWAY_API_VERSION}/standard-install.yaml"
)
"""The version that the pinned Traefik serves: https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/gateway-api/."""

PINNED = tuple(value for value in list(vars().values()) if isinstance(value, Chart))
"""Every chart."""
