"""With whose rights Argo CD applies what is in Git: one account for the platform's half, one for each application.

Argo CD's controller may do anything in the cluster, and impersonates these.
https://argo-cd.readthedocs.io/en/stable/operator-manual/app-sync-using-impersonation/
"""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.core.v1 import ServiceAccount
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import ClusterRole, ClusterRoleBinding, PolicyRuleArgs, RoleRefArgs, SubjectArgs

from components.access import ClusterAccess
from components.addons.kubernetes_role import bound_role
from conventions import ARGO_CD_NAMESPACE, PLATFORM_KINDS_OF_TENANTS, ROOT_APPLICATION, TENANT_KINDS, TENANT_ROLE, Kind

_ROOT_ROLE = "aks-bootstrap:root"
_RBAC = "rbac.authorization.k8s.io"
_VERBS = ("get", "list", "watch", "create", "update", "patch", "delete")


def tenant_rights(
    access: ClusterAccess, root_kinds: Sequence[Kind], opts: pulumi.ResourceOptions
) -> list[pulumi.Resource]:
    """Create what the accounts may do, and the root Application's account.

    An application's account and its binding stand in the chart ``tenants/``, in the application's own namespace.

    Args:
        access: the cluster.
        root_kinds: what the root Application may create, besides namespaces.
        opts: options of all.

    Returns:
        What has to be there before the root Application, and stay until it is gone.
    """
    tenant = ClusterRole(
        access.name("tenant-role"), metadata=ObjectMetaArgs(name=TENANT_ROLE), rules=rules(TENANT_KINDS), opts=opts
    )
    account = ServiceAccount(
        access.name("root-account"),
        metadata=ObjectMetaArgs(name=ROOT_APPLICATION, namespace=ARGO_CD_NAMESPACE),
        automount_service_account_token=False,
        opts=opts,
    )
    role = ClusterRole(
        access.name("root-role"), metadata=ObjectMetaArgs(name=_ROOT_ROLE), rules=cluster_rules(root_kinds), opts=opts
    )
    binding = ClusterRoleBinding(
        access.name("root-role"),
        metadata=ObjectMetaArgs(name=_ROOT_ROLE),
        role_ref=RoleRefArgs(
            api_group=_RBAC, kind="ClusterRole", name=role.metadata.apply(lambda found: found.name or "")
        ),
        subjects=[SubjectArgs(kind="ServiceAccount", name=ROOT_APPLICATION, namespace=ARGO_CD_NAMESPACE)],
        opts=opts,
    )
    own = bound_role(
        access.name("root-objects"),
        ObjectMetaArgs(name=ROOT_APPLICATION, namespace=ARGO_CD_NAMESPACE),
        rules([kind for kind in root_kinds if kind.kind not in PLATFORM_KINDS_OF_TENANTS]),
        account=ROOT_APPLICATION,
        account_namespace=ARGO_CD_NAMESPACE,
        opts=opts,
    )
    return [tenant, account, binding, own]


def rules(kinds: Sequence[Kind]) -> list[PolicyRuleArgs]:
    """Return rules that allow to apply and delete objects of some kinds."""
    groups = sorted({kind.group for kind in kinds})
    return [
        PolicyRuleArgs(
            api_groups=[group],
            resources=sorted(kind.plural for kind in kinds if kind.group == group),
            verbs=list(_VERBS),
        )
        for group in groups
    ]


def cluster_rules(kinds: Sequence[Kind]) -> list[PolicyRuleArgs]:
    """Return what the root Application's account may do in every namespace.

    It binds no role but the applications': to create a binding is not enough to have what the bound role allows.
    https://kubernetes.io/docs/reference/access-authn-authz/rbac/#restrictions-on-role-binding-creation-or-update
    """
    return [
        PolicyRuleArgs(api_groups=[""], resources=["namespaces"], verbs=list(_VERBS)),
        *rules([kind for kind in kinds if kind.kind in PLATFORM_KINDS_OF_TENANTS]),
        PolicyRuleArgs(api_groups=[_RBAC], resources=["clusterroles"], resource_names=[TENANT_ROLE], verbs=["bind"]),
    ]
