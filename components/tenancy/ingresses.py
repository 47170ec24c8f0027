"""Ingresses route the namespace's hosts to the namespace's Services, and get certificates for no other host."""

from pulumi_kubernetes.admissionregistration.v1 import ValidationArgs

from components.tenancy.hosts import ENTRY_POINTS, HOSTS, covered, outside
from components.tenancy.policy import ANNOTATIONS, NAMESPACE, Policy, check, listed, policy, quoted
from conventions import INGRESS_CLASS

TRAEFIK = "traefik.ingress.kubernetes.io/"
CERT_MANAGER = "cert-manager.io/"
_LEGACY_CLASS = "kubernetes.io/ingress.class"

TRAEFIK_ANNOTATIONS = tuple(f"{TRAEFIK}router.{key}" for key in ("entrypoints", "middlewares", "tls"))
"""Annotations of Traefik's that are free or judged; the others change whose request a rule gets, or its TLS options.

https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/ingress/#on-ingress
"""
CERT_MANAGER_ANNOTATIONS = tuple(
    f"{CERT_MANAGER}{key}"
    for key in (
        "cluster-issuer",
        "duration",
        "private-key-algorithm",
        "private-key-encoding",
        "private-key-rotation-policy",
        "private-key-size",
        "renew-before",
        "revision-history-limit",
        "usages",
    )
)
"""Annotations of cert-manager's that put no name into a certificate. https://cert-manager.io/docs/usage/ingress/."""


def policies() -> list[Policy]:
    """Return the policy of Ingresses."""
    middleware = "'^' + " + NAMESPACE + " + '-[a-z0-9.-]+@kubernetescrd$'"
    return [
        policy(
            "ingress",
            {"networking.k8s.io": ("ingresses",)},
            judged=["object.spec", ANNOTATIONS],
            variables={
                "hosts": HOSTS,
                "annotations": ANNOTATIONS,
                "rules": "object.spec.?rules.orValue([])",
                "routed": "variables.rules.map(rule, rule.?host.orValue('')).filter(host, host != '')"
                f".filter(host, !({covered('host')}))",
                "secured": "object.spec.?tls.orValue([]).map(tls, tls.?hosts.orValue([])"
                f".filter(host, !({covered('host')}))).filter(hosts, size(hosts) > 0)",
                "class": "object.spec.?ingressClassName.orValue('')",
                "legacyClass": f"variables.annotations[?'{_LEGACY_CLASS}'].orValue('')",
                "paths": "variables.rules.map(rule, rule.?http.?paths.orValue([])"
                ".map(path, path.?path.orValue('')).filter(path, path.contains('`') || path.contains('\"')))"
                ".filter(paths, size(paths) > 0)",
                "traefik": outside(
                    f"variables.annotations.filter(key, key.contains('{TRAEFIK}'))", TRAEFIK_ANNOTATIONS
                ),
                "certManager": outside(
                    f"variables.annotations.filter(key, key.contains('{CERT_MANAGER}'))", CERT_MANAGER_ANNOTATIONS
                ),
                "entryPoints": outside(_parts("entrypoints"), ENTRY_POINTS),
                "middlewares": f"{_parts('middlewares')}.filter(name, !name.matches({middleware}))",
            },
            validations=[
                check(
                    "variables.rules.all(rule, rule.?host.orValue('') != '')",
                    "'spec.rules: got a rule without a host, which is every host; allowed: '"
                    f" + {listed('variables.hosts')}",
                ),
                check(
                    "!has(object.spec.defaultBackend)",
                    f"'spec.defaultBackend: got every host; allowed: rules for ' + {listed('variables.hosts')}",
                ),
                check(
                    "size(variables.routed) == 0",
                    "'spec.rules: got the host ' + variables.routed.join(', ') + '; allowed: '"
                    f" + {listed('variables.hosts')}",
                ),
                check(
                    "size(variables.secured) == 0",
                    "'spec.tls: got the host ' + variables.secured[0].join(', ') + '; allowed: '"
                    f" + {listed('variables.hosts')}",
                ),
                check(
                    f"variables.class in ['', '{INGRESS_CLASS}']",
                    f"'spec.ingressClassName: got ' + variables.class + '; allowed: {INGRESS_CLASS}'",
                ),
                check(
                    f"variables.legacyClass in ['', '{INGRESS_CLASS}']",
                    f"'metadata.annotations: got {_LEGACY_CLASS}: ' + variables.legacyClass"
                    f" + '; allowed: {INGRESS_CLASS}'",
                ),
                check(
                    # Traefik writes a path into the text of a rule, between quotes
                    "size(variables.paths) == 0",
                    "'spec.rules: got the path ' + variables.paths[0][0]"
                    " + '; allowed: paths without quotes and backticks'",
                ),
                _listed_annotations("variables.traefik", TRAEFIK_ANNOTATIONS),
                _listed_annotations("variables.certManager", CERT_MANAGER_ANNOTATIONS),
                check(
                    "size(variables.entryPoints) == 0",
                    f"'metadata.annotations: got {TRAEFIK}router.entrypoints: ' + variables.entryPoints.join(', ')"
                    f" + '; allowed: {', '.join(ENTRY_POINTS)}'",
                ),
                check(
                    "size(variables.middlewares) == 0",
                    f"'metadata.annotations: got {TRAEFIK}router.middlewares: ' + variables.middlewares.join(', ')"
                    f" + '; allowed: Middlewares of the namespace, as ' + {NAMESPACE} + '-NAME@kubernetescrd'",
                ),
            ],
        )
    ]


def _parts(key: str) -> str:
    """Return the parts of one of Traefik's annotations, which has commas between them."""
    value = f"variables.annotations[?{quoted(f'{TRAEFIK}router.{key}')}].orValue('')"
    return f"{value}.split(',').map(part, part.trim()).filter(part, part != '')"


def _listed_annotations(found: str, permitted: tuple[str, ...]) -> ValidationArgs:
    return check(
        f"size({found}) == 0",
        f"'metadata.annotations: got ' + {found}.join(', ') + '; allowed: {', '.join(permitted)}'",
    )
