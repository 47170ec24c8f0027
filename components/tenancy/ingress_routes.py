"""IngressRoutes route the namespace's hosts to the namespace's Services. Every field of the CRD is free or judged.

https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/crd/http/ingressroute/
"""

from components.tenancy.hosts import ENTRY_POINTS, HOSTS, covered, outside, own, own_service
from components.tenancy.policy import Policy, check, listed, policy, quoted

_TEXT = "`[^`]*`"
_HOST = "Host[(]`[a-z0-9.*-]+`[)]"
_HOSTS = f"(?:{_HOST}|[(] *{_HOST}(?: *[|][|] *{_HOST})* *[)])"
_OTHER = (
    "(?:ClientIP|Header|HeaderRegexp|Method|Path|PathPrefix|PathRegexp|Query|QueryRegexp)"
    f"[(]{_TEXT}(?: *, *{_TEXT})*[)]"
)
_TERM = f"!? *(?:{_OTHER}|[(] *!? *{_OTHER}(?: *(?:&&|[|][|]) *!? *{_OTHER})* *[)])"
_ALTERNATIVE = f"{_HOSTS}(?: *&& *{_TERM})*"
MATCH = f"^ *{_ALTERNATIVE}(?: *[|][|] *{_ALTERNATIVE})* *$"
"""Rules that are admitted: in each alternative a host comes first, and everything else narrows it.

Every matcher is followed by texts between backticks, which end at the next backtick: nothing in them is read as a part
of the rule. https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
"""
_MATCHER = f"[A-Za-z]+[(]{_TEXT}(?: *, *{_TEXT})*[)]"
_FORM = "Host(`...`) && ..., with the host first, or several of these with || between them"


def policies() -> list[Policy]:
    """Return the policy of IngressRoutes."""
    host = "matcher.substring(6, size(matcher) - 2)"
    return [
        policy(
            "ingressroute",
            {"traefik.io": ("ingressroutes",)},
            judged=["object.spec"],
            variables={
                "hosts": HOSTS,
                "routes": "object.spec.?routes.orValue([])",
                "unreadable": "variables.routes.map(route, route.?match.orValue(''))"
                f".filter(match, !match.matches({quoted(MATCH)}))",
                # in a rule of that form, matchers are found from left to right, each with all of its texts
                "routed": f"variables.routes.map(route, route.?match.orValue('').findAll({quoted(_MATCHER)})"
                f".filter(matcher, matcher.startsWith('Host(')).map(matcher, {host})"
                f".filter(host, !({covered('host')}))).filter(hosts, size(hosts) > 0)",
                "domains": "object.spec.?tls.?domains.orValue([]).map(domain,"
                " ([domain.?main.orValue('')] + domain.?sans.orValue([]))"
                f".filter(host, !({covered('host')}))).filter(hosts, size(hosts) > 0)",
                "entryPoints": outside("object.spec.?entryPoints.orValue([])", ENTRY_POINTS),
                "middlewares": "variables.routes.map(route, route.?middlewares.orValue([])"
                f".filter(reference, !({own('reference')})).map(reference, reference.name))"
                ".filter(names, size(names) > 0)",
                "services": "variables.routes.map(route, route.?services.orValue([])"
                f".filter(service, !({own_service('service')})).map(service, service.name))"
                ".filter(names, size(names) > 0)",
            },
            validations=[
                check(
                    "size(variables.unreadable) == 0",
                    f"'spec.routes: got the match ' + variables.unreadable[0] + '; allowed: {_FORM}'",
                ),
                check(
                    "size(variables.routed) == 0",
                    "'spec.routes: got the host ' + variables.routed[0].join(', ') + '; allowed: '"
                    f" + {listed('variables.hosts')}",
                ),
                check(
                    "variables.routes.all(route, route.?priority.orValue(0) == 0)",
                    "'spec.routes: got a priority; allowed: none, so that the more specific rule wins'",
                ),
                check(
                    "variables.routes.all(route, route.?syntax.orValue('') in ['', 'v3', 'default'])",
                    "'spec.routes: got a syntax; allowed: v3, in which one matcher has one host'",
                ),
                check(
                    "size(variables.middlewares) == 0",
                    "'spec.routes: got the middleware ' + variables.middlewares[0].join(', ')"
                    " + '; allowed: Middlewares of the namespace, by their name alone'",
                ),
                check(
                    "size(variables.services) == 0",
                    "'spec.routes: got the service ' + variables.services[0].join(', ')"
                    " + '; allowed: Services of the namespace, without a serversTransport'",
                ),
                check(
                    "size(variables.entryPoints) == 0",
                    "'spec.entryPoints: got ' + variables.entryPoints.join(', ')"
                    f" + '; allowed: {', '.join(ENTRY_POINTS)}'",
                ),
                check(
                    "size(object.spec.?parentRefs.orValue([])) == 0",
                    "'spec.parentRefs: got a parent; allowed: none, as its rule would come first'",
                ),
                check(
                    "size(variables.domains) == 0",
                    "'spec.tls.domains: got ' + variables.domains[0].join(', ') + '; allowed: '"
                    f" + {listed('variables.hosts')}",
                ),
                check(
                    "!has(object.spec.tls) || !(has(object.spec.tls.options) || has(object.spec.tls.store)"
                    " || object.spec.tls.?certResolver.orValue('') != '')",
                    "'spec.tls: got options, store or certResolver; allowed: secretName and domains'",
                ),
            ],
        )
    ]
