"""A NetworkPolicy of an application may not open egress to Azure's metadata endpoints.

Policies add up, so that one of the application's can only open what the platform's default closes. Rules for incoming
traffic are free: they open the application's own Pods.
"""

from components.tenancy.policy import Policy, check, literal, policy
from conventions import ARGO_CD_NAMESPACE, DEFAULT_DENY, ROOT_APPLICATION

METADATA_ADDRESSES = ("169.254.169.254", "168.63.129.16")
"""Azure's metadata service, and the wire server of its hosts.

https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service and
https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16. Neither has an address of IPv6.
"""


def policies() -> list[Policy]:
    """Return the policy of NetworkPolicies."""
    addresses = literal(METADATA_ADDRESSES)
    block = "peer.ipBlock"
    closed = (
        f"{addresses}.all(address, !cidr({block}.cidr).containsIP(address)"
        f" || {block}.?except.orValue([]).exists(hole, isCIDR(hole) && cidr(hole).containsIP(address)))"
    )
    return [
        policy(
            "networkpolicy",
            {"networking.k8s.io": ("networkpolicies",)},
            judged=["object.spec"],
            variables={
                "rules": "object.spec.?egress.orValue([])",
                "open": "variables.rules.map(rule, rule.?to.orValue([])"
                f".filter(peer, has(peer.ipBlock)).filter(peer, !isCIDR({block}.cidr) || !({closed}))"
                f".map(peer, {block}.cidr)).filter(blocks, size(blocks) > 0)",
            },
            validations=[
                check(
                    "variables.rules.all(rule, size(rule.?to.orValue([])) > 0)",
                    "'spec.egress: got a rule without to, which is every address; allowed: rules that name where to'",
                ),
                check(
                    "size(variables.open) == 0",
                    "'spec.egress: got ' + variables.open[0].join(', ') + '; allowed: blocks without"
                    f" {' and '.join(METADATA_ADDRESSES)}, or with them in except'",
                ),
            ],
        ),
        _default_deny(),
    ]


def _default_deny() -> Policy:
    """Return what keeps the platform's default: the account that applies an application may write policies.

    It is one of Argo CD's namespace (docs/decisions/0017-rights-of-applications.md), where only the root Application's
    account makes the default; people and controllers, such as that of a namespace that is deleted, are not concerned.
    """
    accounts = f"system:serviceaccount:{ARGO_CD_NAMESPACE}:"
    return policy(
        "default-deny",
        {"networking.k8s.io": ("networkpolicies",)},
        judged=["object.spec"],
        operations=("CREATE", "UPDATE", "DELETE"),
        variables={
            # a deletion of several has no name in the request
            "name": "request.operation == 'DELETE' ? oldObject.metadata.name : object.metadata.name",
            "user": "request.userInfo.username",
        },
        validations=[
            check(
                f"variables.name != '{DEFAULT_DENY}' || !variables.user.startsWith('{accounts}')"
                f" || variables.user == '{accounts}{ROOT_APPLICATION}'",
                f"'metadata.name: got {DEFAULT_DENY} of ' + variables.user"
                " + '; allowed: any other name, as the platform has that one'",
            )
        ],
    )
