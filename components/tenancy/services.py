"""Services stay inside the cluster: what comes from outside comes through the platform's ingress."""

from components.tenancy.ingresses import TRAEFIK
from components.tenancy.policy import ANNOTATIONS, Policy, check, listed, policy

_AZURE = "service.beta.kubernetes.io/"
TRAEFIK_ANNOTATIONS = "service[.](serversscheme|passhostheader|nativelb|sticky[.]cookie([.][a-z]+)?)"
"""Traefik's annotations that name no other object.

https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/#on-service
"""


def policies() -> list[Policy]:
    """Return the policy of Services.

    https://cloud-provider-azure.sigs.k8s.io/topics/loadbalancer/: an annotation takes any public address of the
    cluster's resource groups, and opens its firewall.
    """
    return [
        policy(
            "service",
            {"": ("services",)},
            judged=["object.spec", ANNOTATIONS],
            variables={
                "type": "object.spec.?type.orValue('ClusterIP')",
                "external": "object.spec.?externalIPs.orValue([])",
                "balancer": "object.spec.?loadBalancerIP.orValue('')",
                "azure": f"{ANNOTATIONS}.filter(key, key.startsWith('{_AZURE}'))",
                "traefik": f"{ANNOTATIONS}.filter(key, key.startsWith('{TRAEFIK}')"
                f" && !key.matches('^{TRAEFIK}{TRAEFIK_ANNOTATIONS}$'))",
            },
            validations=[
                check("variables.type == 'ClusterIP'", "'spec.type: got ' + variables.type + '; allowed: ClusterIP'"),
                check(
                    "size(variables.external) == 0",
                    "'spec.externalIPs: got ' + variables.external.join(', ')"
                    " + '; allowed: none, as they take traffic to addresses of others'",
                ),
                check(
                    "variables.balancer == ''",
                    "'spec.loadBalancerIP: got ' + variables.balancer + '; allowed: none'",
                ),
                check(
                    "size(variables.azure) == 0",
                    f"'metadata.annotations: got ' + {listed('variables.azure')} + '; allowed: none of {_AZURE}'",
                ),
                check(
                    "size(variables.traefik) == 0",
                    f"'metadata.annotations: got ' + {listed('variables.traefik')} + '; allowed of Traefik:"
                    " service.serversscheme, service.passhostheader, service.nativelb, service.sticky.cookie'",
                ),
            ],
        )
    ]
