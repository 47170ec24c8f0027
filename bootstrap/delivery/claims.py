"""What an object claims that others could claim too: host names, and secrets of the vault."""

import re
from collections.abc import Iterator

from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.render.objects import Object

_HOST_CALL = re.compile(r"(!?)\s*(Host|HostSNI)\(([^)]*)\)")
_HOST_TEXT = re.compile(r"[`\"']([^`\"']*)[`\"']")


def hosts_of(item: Object) -> Iterator[tuple[str, str | None]]:
    """Yield every host that an object routes, with its place; None for all hosts."""
    spec = section(item.document, "spec")
    if item.kind == "Ingress":
        for index, rule in enumerate(entries(spec.get("rules"))):
            yield f"spec.rules[{index}].host", str(section(rule).get("host") or "") or None
        if spec.get("defaultBackend"):
            yield "spec.defaultBackend", None
        for index, tls in enumerate(entries(spec.get("tls"))):
            yield from ((f"spec.tls[{index}].hosts", str(host)) for host in entries(section(tls).get("hosts")))
    elif item.kind in {"IngressRoute", "IngressRouteTCP"}:
        for index, route in enumerate(entries(spec.get("routes"))):
            yield from ((f"spec.routes[{index}].match", host) for host in _matched(str(section(route).get("match"))))
    elif item.kind == "IngressRouteUDP":
        yield "spec.routes", None


def _matched(rule: str) -> Iterator[str | None]:
    """Yield the hosts of a rule of Traefik's, where every alternative names one.

    https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
    """
    for alternative in rule.split("||"):
        calls = [call for call in _HOST_CALL.findall(alternative) if not call[0]]
        yield from (host for _, _, hosts in calls for host in _HOST_TEXT.findall(hosts))
        if not calls or "HostRegexp" in alternative or "HostSNIRegexp" in alternative:
            yield None


def vault_keys_of(item: Object) -> Iterator[tuple[str, str]]:
    """Yield the secrets that an ExternalSecret reads; one that searches reads what it finds."""
    if item.kind != "ExternalSecret":
        return
    spec = section(item.document, "spec")
    for index, entry in enumerate(entries(spec.get("data"))):
        yield f"spec.data[{index}].remoteRef.key", str(section(entry, "remoteRef").get("key"))
    for index, entry in enumerate(entries(spec.get("dataFrom"))):
        for key, value in section(entry).items():
            if key == "extract":
                yield f"spec.dataFrom[{index}].extract.key", str(section(value).get("key"))
            elif key in {"find", "sourceRef"}:
                yield f"spec.dataFrom[{index}].{key}", key
