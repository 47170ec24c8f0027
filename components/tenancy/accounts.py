"""Service accounts may only use Azure identities that the platform lists."""

from components.tenancy.policy import ANNOTATIONS, Policy, allowed, check, listed, policy
from conventions import IDENTITIES_ANNOTATION

_AZURE = "azure.workload.identity/"
_CLIENT_ID = f"{_AZURE}client-id"


def policies() -> list[Policy]:
    """Return the policy of service accounts.

    https://azure.github.io/azure-workload-identity/docs/topics/service-account-labels-and-annotations.html. Whom an
    account may sign in as is decided by federated credentials in Azure; one whose subject is too wide would decide it
    for every namespace.
    """
    return [
        policy(
            "serviceaccount",
            {"": ("serviceaccounts",)},
            judged=[ANNOTATIONS],
            variables={
                "annotations": ANNOTATIONS,
                "allowed": allowed(IDENTITIES_ANNOTATION),
                "others": f"variables.annotations.filter(key, key.startsWith('{_AZURE}') && key != '{_CLIENT_ID}')",
                "client": f"variables.annotations[?'{_CLIENT_ID}'].orValue('')",
            },
            validations=[
                check(
                    f"!('{_CLIENT_ID}' in variables.annotations) || variables.client in variables.allowed",
                    f"'metadata.annotations: got {_CLIENT_ID}: ' + variables.client + '; allowed: '"
                    f" + {listed('variables.allowed')}",
                ),
                check(
                    "size(variables.others) == 0",
                    "'metadata.annotations: got ' + variables.others.join(', ')"
                    f" + '; allowed: {_CLIENT_ID}, of ' + {listed('variables.allowed')}",
                ),
            ],
        )
    ]
