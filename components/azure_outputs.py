"""Outputs of a stack in Azure: where things are, and what is left to do by hand."""

import json
from typing import Any

import pulumi

from components.addons.argocd import SERVER_SERVICE_ACCOUNT
from components.azure.cluster import Cluster
from components.azure.foundation import Foundation
from components.azure.ingress_addresses import IngressAddresses
from conventions import ARGO_CD_NAMESPACE
from settings import Settings
from settings.foundation import Azure


def outputs(
    settings: Settings, azure: Azure, foundation: Foundation, ingress: IngressAddresses, cluster: Cluster
) -> dict[str, pulumi.Input[Any]]:
    """Return what a user needs next; none of it is secret."""
    found: dict[str, pulumi.Input[Any]] = {
        "clusterName": cluster.name,
        "resourceGroup": cluster.resource_group_name,
        "apiServer": cluster.fqdn.apply(lambda fqdn: f"https://{fqdn}"),
        "oidcIssuer": cluster.oidc_issuer,
        "ingressAddress": ingress.address.ip,
        "ingressPrefix": ingress.prefix,
        "vaultUri": foundation.vault_uri,
        "kubeconfigCommand": pulumi.Output.all(cluster.resource_group_name, cluster.name).apply(
            lambda place: kubeconfig_command(azure.subscription_id, place[0], place[1])
        ),
    }
    # the parent zone and Microsoft Graph are outside this program
    if foundation.dns_name_servers is not None:
        found["dnsNameServers"] = foundation.dns_name_servers
    sign_in = settings.argocd.sign_in
    if sign_in is not None:
        found["argocdSignInCommand"] = pulumi.Output.all(cluster.name, cluster.oidc_issuer).apply(
            lambda known: sign_in_command(sign_in.application_client_id, known[0], known[1])
        )
    return found


def sign_in_command(application: str, cluster: str, issuer: str) -> str:
    """Return how the Entra application comes to trust Argo CD in a cluster, whose issuer no other cluster shares.

    https://learn.microsoft.com/cli/azure/ad/app/federated-credential
    """
    credential = {
        "name": cluster,
        "issuer": issuer,
        "subject": f"system:serviceaccount:{ARGO_CD_NAMESPACE}:{SERVER_SERVICE_ACCOUNT}",
        "audiences": ["api://AzureADTokenExchange"],
    }
    return f"az ad app federated-credential create --id {application} --parameters '{json.dumps(credential)}'"


def kubeconfig_command(subscription_id: str, resource_group: str, cluster: str) -> str:
    """Return how a person gets a kubeconfig."""
    return (
        f"az aks get-credentials --subscription {subscription_id} --resource-group {resource_group} --name {cluster}"
        " && kubelogin convert-kubeconfig -l azurecli"
    )
