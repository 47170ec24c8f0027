"""The bootstrap, from top to bottom: this is the order in which an environment comes up."""

import startup  # noqa: F401 - first: it turns the garbage collector off before the SDKs are imported

import pulumi

from components.addons.argocd import ArgoCd, ArgoCdArgs
from components.addons.cert_manager import CertManager, CertManagerArgs
from components.addons.external_secrets import ExternalSecrets, ExternalSecretsArgs
from components.addons.gateway_api import GatewayApi, GatewayApiArgs
from components.addons.ingress import Ingress, IngressArgs
from components.addons.locked import warn_of_what_is_not_locked
from components.addons.root_application import RootApplication, RootApplicationArgs
from components.azure_stack import AzureStack
from components.existing_cluster import ExistingCluster
from components.local_stack import local_platform
from components.tenancy.admission_policies import AdmissionPolicies, AdmissionPoliciesArgs
from settings import load
from settings.types import Cutover, Target

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
    azure.alerts(foundation, network, addresses, cluster)
    azure.node_pools(cluster, network)  # beside the addons, which tolerate the system pool's taint
    platform = azure.platform(foundation, addresses, identities, cluster)
else:
    platform = local_platform(s, ExistingCluster("cluster", s.local).access)

# Each addon begins when the one that it comes after serves.
inside = platform.access
first = list(platform.credentials)
if s.ingress.gateway_api:
    first.append(GatewayApi(inside.name("gateway-api"), GatewayApiArgs.of(s, platform), inside.options()))
cert_manager = CertManager(inside.name("cert-manager"), CertManagerArgs.of(s, platform), inside.options(after=first))
ingress = Ingress(inside.name("ingress"), IngressArgs.of(s, platform), inside.options(after=[cert_manager]))
external_secrets = ExternalSecrets(
    inside.name("external-secrets"), ExternalSecretsArgs.of(s, platform), inside.options(after=[ingress])
)
argocd = ArgoCd(inside.name("argocd"), ArgoCdArgs.of(s, platform), inside.options(after=[external_secrets]))
# what the cluster refuses of applications holds before the first of them
border = AdmissionPolicies(inside.name("admission"), AdmissionPoliciesArgs.of(platform), inside.options(after=[argocd]))
root = RootApplication(inside.name("root"), RootApplicationArgs.of(s, platform), inside.options(after=[argocd, border]))

if s.target is Target.AZURE:  # customers move when the new side serves; the old generation goes after that
    azure.dns_records(foundation, addresses, cluster, after=[root if s.dns.cutover is Cutover.SERVING else ingress])

for name, value in platform.outputs.items():
    pulumi.export(name, value)
pulumi.export("argocdUrl", argocd.url)
