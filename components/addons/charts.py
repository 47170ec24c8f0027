"""What is known of each addon's chart: where it comes from, which version, what it brings, where it names images.

This is the one place that Renovate reads; ``supply.lock.yaml`` has the digests.
"""

from components.release.chart import Chart, ChartImage
from conventions import ARGO_CD_NAMESPACE, IMAGE_UPDATER_GROUP

# renovate: datasource=docker depName=quay.io/jetstack/charts/cert-manager
CERT_MANAGER = Chart(
    name="cert-manager",
    repository="oci://quay.io/jetstack/charts",
    version="v1.21.1",
    namespace="cert-manager",
    override=lambda charts: charts.cert_manager,
    kinds={
        "cert-manager.io": ("certificates", "certificaterequests", "clusterissuers", "issuers"),
        "acme.cert-manager.io": ("challenges", "orders"),
    },
    injector="cert-manager-cainjector",
    images=(
        ChartImage(repository="quay.io/jetstack/cert-manager-controller", section="image"),
        ChartImage(repository="quay.io/jetstack/cert-manager-webhook", section="webhook.image"),
        ChartImage(repository="quay.io/jetstack/cert-manager-cainjector", section="cainjector.image"),
        ChartImage(repository="quay.io/jetstack/cert-manager-acmesolver", section="acmesolver.image"),
        ChartImage(repository="quay.io/jetstack/cert-manager-startupapicheck", section="startupapicheck.image"),
    ),
)
# renovate: datasource=docker depName=ghcr.io/traefik/helm/traefik
TRAEFIK = Chart(
    name="traefik",
    repository="oci://ghcr.io/traefik/helm",
    version="41.3.0",
    namespace="traefik",
    override=lambda charts: charts.traefik,
    kinds={"traefik.io": ("ingressroutes", "middlewares", "tlsstores")},
    crds_folder=True,
    images=(ChartImage(repository="docker.io/library/traefik", section="image", registry=True),),
)
# renovate: datasource=helm registryUrl=https://charts.external-secrets.io depName=external-secrets
EXTERNAL_SECRETS = Chart(
    name="external-secrets",
    repository="https://charts.external-secrets.io",
    version="2.9.0",
    namespace="external-secrets",
    override=lambda charts: charts.external_secrets,
    kinds={"external-secrets.io": ("clustersecretstores", "externalsecrets", "secretstores")},
    injector="external-secrets-cert-controller",
    images=(
        ChartImage(repository="ghcr.io/external-secrets/external-secrets", section="image"),
        ChartImage(repository="ghcr.io/external-secrets/external-secrets", section="webhook.image"),
        ChartImage(repository="ghcr.io/external-secrets/external-secrets", section="certController.image"),
    ),
)
# renovate: datasource=docker depName=ghcr.io/argoproj/argo-helm/argo-cd
ARGO_CD = Chart(
    name="argo-cd",
    repository="oci://ghcr.io/argoproj/argo-helm",
    version="10.1.1",
    namespace=ARGO_CD_NAMESPACE,
    override=lambda charts: charts.argo_cd,
    kinds={"argoproj.io": ("applications", "applicationsets", "appprojects")},
    images=(
        ChartImage(repository="quay.io/argoproj/argocd", section="global.image"),
        ChartImage(repository="ecr-public.aws.com/docker/library/redis", section="redis.image"),
        ChartImage(repository="ecr-public.aws.com/docker/library/redis", section="redis-ha.image"),
        ChartImage(repository="ecr-public.aws.com/docker/library/haproxy", section="redis-ha.haproxy.image"),
        ChartImage(repository="docker.io/koalaman/shellcheck", section="redis-ha.configmapTest.image"),
    ),
)
# renovate: datasource=docker depName=ghcr.io/argoproj/argo-helm/argocd-image-updater
IMAGE_UPDATER = Chart(
    name="argocd-image-updater",
    repository="oci://ghcr.io/argoproj/argo-helm",
    version="1.2.4",
    namespace="argocd-image-updater",
    override=lambda charts: charts.image_updater,
    installed=lambda settings: settings.argocd.image_updater,
    kinds={IMAGE_UPDATER_GROUP: ("imageupdaters",)},
    images=(ChartImage(repository="quay.io/argoprojlabs/argocd-image-updater", section="image"),),
)

# renovate: datasource=github-releases depName=kubernetes-sigs/gateway-api
_GATEWAY_API_VERSION = "v1.5.1"
GATEWAY_API_MANIFEST = (
    f"https://github.com/kubernetes-sigs/gateway-api/releases/download/{_GATEWAY_API_VERSION}/standard-install.yaml"
)
"""The version that the pinned Traefik serves: https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/gateway-api/."""

PINNED = tuple(value for value in list(vars().values()) if isinstance(value, Chart))
"""Every chart."""
