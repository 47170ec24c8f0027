"""What a service account may do in a namespace."""

from collections.abc import Sequence

import pulumi
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs
from pulumi_kubernetes.rbac.v1 import PolicyRuleArgs, Role, RoleBinding, RoleRefArgs, SubjectArgs


def bound_role(
    name: str,
    metadata: ObjectMetaArgs,
    rules: Sequence[PolicyRuleArgs],
    *,
    account: pulumi.Input[str],
    account_namespace: str,
    opts: pulumi.ResourceOptions,
) -> RoleBinding:
    """Create a role and its binding to one service account.

    Args:
        name: logical name of both.
        metadata: name and namespace of both.
        rules: what the role allows.
        account: the service account.
        account_namespace: its namespace, which may be another.
        opts: options of both.

    Returns:
        The binding: what waits for it has the rights.
    """
    role = Role(name, metadata=metadata, rules=list(rules), opts=opts)
    return RoleBinding(
        name,
        metadata=metadata,
        role_ref=RoleRefArgs(
            api_group="rbac.authorization.k8s.io",
            kind="Role",
            name=role.metadata.apply(lambda found: found.name or ""),
        ),
        subjects=[SubjectArgs(kind="ServiceAccount", name=account, namespace=account_namespace)],
        opts=opts,
    )
