"""A claim gets a volume of its storage class, never one that it names."""

from components.tenancy.policy import Policy, check, policy
from conventions import BACKUP_NAMESPACE

_BINDERS = "^system:(kube-controller-manager|serviceaccount:kube-system:persistent-volume-binder)$"
"""Who writes the volume's name into a claim: the control plane, with or without an account for each controller."""
_RESTORERS = f"^system:serviceaccount:{BACKUP_NAMESPACE}:"
"""Who makes a claim anew as it was: Azure Backup's extension, in a namespace that no application is given."""


def policies() -> list[Policy]:
    """Return the policy of claims. https://kubernetes.io/docs/concepts/storage/persistent-volumes/#binding."""
    return [
        policy(
            "persistentvolumeclaim",
            {"": ("persistentvolumeclaims",)},
            judged=["object.spec"],
            variables={
                "volume": "object.spec.?volumeName.orValue('')",
            },
            validations=[
                check(
                    f"variables.volume == '' || request.userInfo.username.matches('{_RESTORERS}')"
                    " || (request.operation == 'UPDATE' && (oldObject.spec.?volumeName.orValue('') == variables.volume"
                    f" || request.userInfo.username.matches('{_BINDERS}')))",
                    "'spec.volumeName: got ' + variables.volume + '; allowed: none, as the control plane chooses'",
                ),
            ],
        )
    ]
