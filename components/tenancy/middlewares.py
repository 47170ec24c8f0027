"""Middlewares stay in their namespace: they send requests from Traefik's Pods, which may reach more than a tenant's.

https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/crd/http/middleware/. Traefik answers with
what it gets from ``forwardAuth``, so that an address of anybody's would show what only Traefik's Pods may read.
"""

from components.tenancy.hosts import own, own_service
from components.tenancy.policy import NAMESPACE, Policy, check, policy


def policies() -> list[Policy]:
    """Return the policy of Middlewares."""
    address = (
        "'^https?://[a-z0-9]([a-z0-9-]*[a-z0-9])?[.]' + "
        + NAMESPACE
        + " + '[.]svc([.]cluster[.]local)?(:[0-9]+)?(/.*)?$'"
    )
    return [
        policy(
            "middleware",
            {"traefik.io": ("middlewares",)},
            judged=["object.spec"],
            variables={
                "chained": "object.spec.?chain.?middlewares.orValue([])"
                f".filter(reference, !({own('reference')})).map(reference, reference.name)",
                "address": "object.spec.?forwardAuth.?address.orValue('')",
            },
            validations=[
                check(
                    # its schema has no type that a checker could read
                    "!has(dyn(object.spec).plugin)",
                    "'spec.plugin: got a plugin; allowed: middlewares that are a part of Traefik'",
                ),
                check(
                    f"!has(object.spec.forwardAuth) || variables.address.matches({address})",
                    "'spec.forwardAuth.address: got ' + variables.address + '; allowed: a Service of the namespace, as"
                    f" http://NAME.' + {NAMESPACE} + '.svc:PORT/'",
                ),
                check(
                    "size(variables.chained) == 0",
                    "'spec.chain.middlewares: got ' + variables.chained.join(', ')"
                    " + '; allowed: Middlewares of the namespace, by their name alone'",
                ),
                check(
                    "!has(object.spec.errors) || !has(object.spec.errors.service)"
                    f" || ({own_service('object.spec.errors.service')})",
                    "'spec.errors.service: got ' + object.spec.errors.service.name"
                    " + '; allowed: a Service of the namespace, without a serversTransport'",
                ),
                check(
                    "!has(object.spec.rateLimit) || !has(object.spec.rateLimit.redis)",
                    "'spec.rateLimit.redis: got a server; allowed: none, as Traefik itself would connect to it'",
                ),
            ],
        )
    ]
