"""The bootstrap, from top to bottom: this is the order in which an environment comes up."""

import startup  # noqa: F401 - first: it turns the garbage collector off before the SDKs are imported

from components.addons.argocd import ArgoCd, ArgoCdArgs
from components.addons.cert_manager import CertManager, CertManagerArgs
from components.addons.default_certificate import DefaultCertificate, DefaultCertificateArgs
from components.addons.external_secrets import ExternalSecrets, ExternalSecretsArgs
from components.addons.gateway_api import gateway_api
from components.addons.ingress import Ingress, IngressArgs
from components.addons.locked import warn_of_what_is_not_locked
from components.addons.metrics_scraping import metrics_scraping
from components.addons.root_application import RootApplication, RootApplicationArgs
from components.azure_stack import AzureStack
from components.local_stack import local_platform
from components.tenancy.admission_policies import AdmissionPolicies, AdmissionPoliciesArgs
from settings import load
from settings.types import Target

s = load()
warn_of_what_is_not_locked(s)

if s.target is Target.AZURE:
    azure = AzureStack(s)
    network = azure.network()
    foundation = azure.foundation(network)
    azure.private_endpoints(network, foundation)  # a minute's work, beside the five minutes of the cluster
    addresses = azure.ingress_addresses()
    identities = azure.identities(foundation, network, addresses)
    cluster = azure.cluster(foundation, network, identities)
    backup = azure.backup(network, identities, cluster)
    azure.alerts(foundation, network, addresses, cluster, backup)
    azure.node_pools(cluster, network)  # beside the addons, which tolerate the system pool's taint
    platform = azure.platform(foundation, addresses, identities, cluster, backup)
else:
    platform = local_platform(s)

inside = platform.access  # an addon begins when those that it comes after serve
first = [*platform.credentials, *metrics_scraping(s, platform), *gateway_api(s, platform)]
cert_manager = CertManager(inside.name("cert-manager"), CertManagerArgs.of(s, platform), inside.after(*first))
ingress = Ingress(inside.name("ingress"), IngressArgs.of(s, platform), inside.after(cert_manager))
secrets = ExternalSecrets(inside.name("external-secrets"), ExternalSecretsArgs.of(s, platform), inside.after(ingress))
tls = DefaultCertificate(
    inside.name("default-certificate"),
    DefaultCertificateArgs.of(s, platform, ingress, secrets.release),
    inside.after(cert_manager, ingress, secrets),
)
argocd = ArgoCd(inside.name("argocd"), ArgoCdArgs.of(s, platform), inside.after(secrets, tls))
border = AdmissionPolicies(inside.name("admission"), AdmissionPoliciesArgs.of(platform), inside.after(argocd))
root = RootApplication(inside.name("root"), RootApplicationArgs.of(s, platform), inside.after(argocd, border))

if s.target is Target.AZURE:  # customers move when the new side serves; the old generation goes after that
    azure.back_up(backup, root)
    azure.dns_records(foundation, addresses, cluster, serving=[root, tls], immediate=[ingress])

platform.export(argocdUrl=argocd.url)
