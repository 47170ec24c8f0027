"""Access to an AKS cluster: its kubeconfig, and a provider that recognises the cluster."""

import pulumi
from pulumi_azure_native import containerservice as aks

from components.access import ClusterAccess
from components.azure.kubeconfig import exec_kubeconfig
from components.azure.reach import reached
from settings.types import Exposure


def aks_access(
    name: str,
    *,
    cluster: aks.ManagedCluster,
    resource_group_name: pulumi.Input[str],
    cluster_name: str,
    tenant_id: str,
    login: str,
    exposure: Exposure,
    suffix: str,
    parent: pulumi.Resource,
) -> ClusterAccess:
    """Create the Kubernetes providers of a cluster.

    Args:
        name: the provider's logical name, without the generation's suffix.
        cluster: the cluster.
        resource_group_name: its resource group.
        cluster_name: its Azure name, known before Azure answers.
        tenant_id: Entra tenant that signs in.
        login: kubelogin's ``--login`` mode.
        exposure: who can reach the API server.
        suffix: ends the logical name of everything in this generation.
        parent: the component that the provider belongs to.
    """
    options = pulumi.InvokeOutputOptions(parent=parent, depends_on=[cluster])
    credentials = aks.list_managed_cluster_user_credentials_output(
        resource_group_name=resource_group_name, resource_name=cluster.name, opts=options
    )
    live = aks.get_managed_cluster_output(
        resource_group_name=resource_group_name, resource_name=cluster.name, opts=options
    )
    kubeconfig: pulumi.Output[str] = pulumi.Output.secret(
        credentials.apply(
            lambda answer: exec_kubeconfig(
                answer.kubeconfigs[0].value,
                cluster_name=cluster_name,
                tenant_id=tenant_id,
                login=login,
            )
        ).apply(lambda found: reached(found, exposure))
    )
    return ClusterAccess.create(
        name,
        kubeconfig=kubeconfig,
        # changes exactly when the cluster is another one: not with a rotated certificate authority, but with a
        # cluster that was deleted and created again under its name outside Pulumi, which only Azure's live
        # answer shows
        cluster_identifier=live.apply(lambda answer: cluster_identifier(answer.id, answer.resource_uid)),
        opts=pulumi.ResourceOptions(parent=parent, depends_on=[cluster]),
        suffix=suffix,
        may_be_gone=True,
    )


async def kubeconfig_of(
    resource_group_name: str, cluster_name: str, *, tenant_id: str, login: str, opts: pulumi.InvokeOptions
) -> str | None:
    """Return the kubeconfig of a cluster that this program does not have any more; None where Azure has none.

    Args:
        resource_group_name: its resource group.
        cluster_name: its name.
        tenant_id: Entra tenant that signs in.
        login: kubelogin's ``--login`` mode.
        opts: the provider that asks Azure.
    """
    token = "azure-native:containerservice:listManagedClusterUserCredentials"
    try:
        # not the SDK's form with outputs: one that fails ends the run, whoever handles it
        answer = await pulumi.runtime.invoke_async(
            token, {"resourceGroupName": resource_group_name, "resourceName": cluster_name}, opts
        )
    except Exception:  # whatever Azure says, there is no cluster to be asked
        return None
    found = (answer or {}).get("kubeconfigs") or []
    if not found:
        return None
    return exec_kubeconfig(found[0]["value"], cluster_name=cluster_name, tenant_id=tenant_id, login=login)


def cluster_identifier(cluster_id: str | None, resource_uid: str | None) -> str:
    """Return what identifies a cluster: its ARM id, and the uid that no two clusters share.

    https://learn.microsoft.com/rest/api/aks/managed-clusters/get (properties.resourceUID)
    """
    return f"{cluster_id or ''}#{resource_uid or ''}".lower()
