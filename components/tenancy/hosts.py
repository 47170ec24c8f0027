"""What Ingresses, IngressRoutes and Middlewares have in common: allowed hosts, and references within a namespace."""

from collections.abc import Sequence

from components.tenancy.policy import NAMESPACE, allowed, literal
from conventions import HOSTS_ANNOTATION

ENTRY_POINTS = ("web", "websecure")
"""Traefik's entry points for traffic from outside; its others answer probes, and show metrics."""

HOSTS = allowed(HOSTS_ANNOTATION)
"""The hosts that the namespace allows."""


def covered(host: str) -> str:
    """Return whether ``variables.hosts`` allows a host; ``*`` stands for its first label, and for no more.

    https://kubernetes.io/docs/concepts/services-networking/ingress/#hostname-wildcards
    """
    # membership takes a fraction of the time of a macro over the list
    wildcard = f"{host}.contains('.') && ('*' + {host}.substring({host}.indexOf('.'))) in variables.hosts"
    return f"({host} in variables.hosts || ({wildcard}))"


def own(reference: str) -> str:
    """Return whether a reference to an object stays in the namespace, and in the provider that reads its kind.

    Traefik reads ``name@provider`` as a name of any provider, with the namespace in it.
    https://doc.traefik.io/traefik/reference/install-configuration/providers/overview/#provider-namespace
    """
    return f"{reference}.?namespace.orValue('') in ['', {NAMESPACE}] && !{reference}.name.contains('@')"


def own_service(service: str) -> str:
    """Return whether a load balancer of Traefik's leads to a Service of the namespace.

    A TraefikService may be ``api@internal``, which changes nothing but shows everything, and a transport could present
    another namespace's client certificate.
    """
    return (
        f"{service}.?kind.orValue('Service') == 'Service' && {own(service)} && !has({service}.serversTransport)"
        f" && {service}.?middlewares.orValue([]).all(reference, {own('reference')})"
    )


def outside(values: str, permitted: Sequence[str]) -> str:
    """Return the members of a list that are not permitted."""
    return f"{values}.filter(value, !(value in {literal(permitted)}))"
