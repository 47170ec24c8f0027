"""The bootstrap, from top to bottom: what stands here is the order in which an environment comes up."""

import gc

# What the SDKs define lives until the run ends: looking through it for garbage took two fifths of a preview.
gc.disable()

import pulumi

from components.argocd import ArgoCd, ArgoCdArgs
from components.azure_stack import AzureStack
from components.cert_manager import CertManager, CertManagerArgs
from components.existing_cluster import ExistingCluster
from components.external_secrets import ExternalSecrets, ExternalSecretsArgs
from components.ingress import Ingress, IngressArgs
from components.local_stack import local_platform
from components.root_application import RootApplication, RootApplicationArgs
from settings import load
from stackconfig.types import Target

s = load()

if s.target is Target.AZURE:
    azure = AzureStack(s)
    network = azure.network()
    foundation = azure.foundation(network)
    addresses = azure.ingress_addresses()
    identities = azure.identities(foundation, network, addresses)
    cluster = azure.cluster(foundation, network, identities)
    azure.node_pools(cluster, network)  # beside the addons: these tolerate the system pool's taint
    platform = azure.platform(foundation, addresses, identities, cluster)
else:
    platform = local_platform(s, ExistingCluster("cluster", s.local).access)

# Each addon is ready to serve before the next begins.
access, issuer, zone = platform.access, s.certificates.issuer, s.dns.zone
cert_manager = CertManager(
    access.name("cert-manager"),
    CertManagerArgs(access=access, charts=s.charts, certificates=s.certificates, production=s.production,
                    azure_dns=platform.azure_dns, gateway_api=s.ingress.gateway_api),
    access.options(after=platform.credentials),
)  # fmt: skip
ingress = Ingress(
    access.name("ingress"),
    IngressArgs(access=access, charts=s.charts, settings=s.ingress, zone=zone, issuer=issuer, address=platform.address),
    access.options(after=[cert_manager]),
)
external_secrets = ExternalSecrets(
    access.name("external-secrets"),
    ExternalSecretsArgs(access=access, charts=s.charts, production=s.production, vault=platform.vault),
    access.options(after=[ingress]),
)
argocd = ArgoCd(
    access.name("argocd"),
    ArgoCdArgs(access=access, charts=s.charts, settings=s.argocd, zone=zone, issuer=issuer,
               tenant_id=platform.tenant_id, repository_client_id=platform.repository_client_id,
               image_registry=platform.image_registry),
    access.options(after=[external_secrets]),
)  # fmt: skip
RootApplication(
    access.name("root"),
    RootApplicationArgs(access=access, settings=s.gitops, environment=s.environment, facts=platform.facts,
                        image_updater=s.argocd.image_updater_write_back == "git"),
    access.options(after=[argocd]),
)  # fmt: skip

if s.target is Target.AZURE:  # customers move when ingress serves; the old generation goes after that
    azure.dns_records(foundation, addresses, after=[ingress])

for name, value in platform.outputs.items():
    pulumi.export(name, value)
pulumi.export("argocdUrl", argocd.url)

gc.freeze()  # nor is any of it looked through as the process ends
