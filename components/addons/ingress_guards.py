"""What guards the proxies: values of Traefik's chart that keep tenants apart and callers to what is meant to be open.

Tenants write Ingresses, IngressRoutes and Middlewares; who calls is anybody. Several are the chart's defaults of today:
they are here so that neither a new version of the chart nor an oversight turns one of them.
"""

from typing import Any

from components.platform import PublicAddress
from conventions import ARGO_CD_NAMESPACE
from settings.addons import Ingress

HEADERS = "security-headers"
"""Middleware that every request over HTTPS passes, whichever route it takes."""

_CIPHERS = [
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
]
"""For TLS 1.2, those of Mozilla's intermediate configuration that Go has; TLS 1.3 has none to choose.

https://wiki.mozilla.org/Security/Server_Side_TLS#Intermediate_compatibility_(recommended)
"""

_ENTRY_POINT: dict[str, Any] = {
    "http": {
        # a sixteenth of Traefik's limit; session cookies that hold many Entra groups have room
        "maxHeaderBytes": 65536,
        # X_Forwarded_For is X-Forwarded-For to a backend of CGI, WSGI or PHP, and nothing overwrites it
        # https://doc.traefik.io/traefik/migrate/v3/#underscoreheadersstrategy
        "underscoreHeadersStrategy": "delete",
    },
    # callers reach the proxies with their own addresses, so that forwarded-for headers are never trusted
    # https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/#forwarded-headers
    "forwardedHeaders": {"trustedIPs": [], "insecure": False},
    "proxyProtocol": {"trustedIPs": [], "insecure": False},
    # Traefik's default: how long a request may take to arrive; answers may stream for ever
    "transport": {"respondingTimeouts": {"readTimeout": "60s", "idleTimeout": "180s"}},
}

_PROVIDER = {"allowExternalNameServices": False, "allowEmptyServices": True}


def headers(settings: Ingress, address: PublicAddress | None) -> dict[str, Any] | None:
    """Return what the middleware of every request sets; None where there is none.

    A header that is set here takes the place of an application's. That is right for one that all hosts share, and wrong
    for frame options or content policies, which are for applications to choose.
    https://doc.traefik.io/traefik/reference/routing-configuration/http/middlewares/headers/

    Args:
        settings: the stack's.
        address: the public address; None on a local cluster, whose certificates browsers do not trust for good.
    """
    if address is None or settings.strict_transport_seconds == 0:
        return None
    return {"stsSeconds": settings.strict_transport_seconds, "contentTypeNosniff": True}


def guards(settings: Ingress, *, namespace: str, headers: str | None) -> dict[str, Any]:
    """Return the values, to be merged over the others.

    Args:
        settings: the stack's.
        namespace: the proxies'.
        headers: name of the middleware of every request; None for none.
    """
    # on an entry point a middleware is named with its namespace and provider, and no restriction of references counts
    # https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/#httpmiddlewares
    middlewares = [f"{namespace}-{headers}@kubernetescrd"] if headers else []
    return {
        "api": {"dashboard": False, "insecure": False, "debug": False},
        "ingressRoute": {"dashboard": {"enabled": False}, "healthcheck": {"enabled": False}},
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        # conflicting TLS options of one host are no reason to fall back to others
        # https://github.com/traefik/traefik/security/advisories/GHSA-g55h-rg46-x9c5
        "core": {"strictTLSOptions": True},
        "providers": {
            "kubernetesCRD": {
                **_PROVIDER,
                "allowCrossNamespace": False,
                # a route of a tenant could name api@internal, or a Middleware of another namespace
                # https://doc.traefik.io/traefik/migrate/v3/#kubernetes-providers-crossprovidernamespaces
                "crossProviderNamespaces": [namespace],
                # whoever made a TLSOption called default would choose the TLS of every host
                "defaultTLSResourcesNamespace": namespace,
            },
            "kubernetesIngress": {**_PROVIDER, "crossProviderNamespaces": [ARGO_CD_NAMESPACE]},
            "kubernetesGateway": {"crossProviderNamespaces": [namespace]},
        },
        "tlsOptions": {
            "default": {"minVersion": "VersionTLS12", "cipherSuites": _CIPHERS, "sniStrict": settings.sni_strict}
        },
        "ports": {
            "web": _ENTRY_POINT,
            "websecure": {**_ENTRY_POINT, "http": {**_ENTRY_POINT["http"], "middlewares": middlewares}},
            "traefik": {"expose": {"default": False}},
            "metrics": {"expose": {"default": False}},
        },
        # headers hold tokens and cookies, and query strings do at times: neither is logged
        # https://doc.traefik.io/traefik/reference/install-configuration/observability/logs-and-accesslogs/
        "accessLog": {
            "enabled": True,
            "format": "json",
            "fields": {"headers": {"defaultMode": "drop"}, "queryParameters": {"defaultMode": "drop"}},
        },
    }
