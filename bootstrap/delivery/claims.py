"""What an object claims that others could claim too: host names, and secrets of the vault."""

from collections.abc import Iterator, Mapping, Sequence

from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.route_rule import hosts_of_rule
from conventions import SECRET_STORE


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
            # without hosts it is every one
            hosts: Sequence[str | None] = hosts_of_rule(str(section(route).get("match"))) or [None]
            yield from ((f"spec.routes[{index}].match", host) for host in hosts)
    elif item.kind == "IngressRouteUDP":
        yield "spec.routes", None


def vault_keys_of(item: Object) -> Iterator[tuple[str, str | None]]:
    """Yield the secrets that an ExternalSecret reads, with their place; None for those that it searches for."""
    if item.kind != "ExternalSecret":
        return
    spec = section(item.document, "spec")
    for index, entry in enumerate(entries(spec.get("data"))):
        yield f"spec.data[{index}].remoteRef.key", str(section(entry, "remoteRef").get("key"))
        yield from _elsewhere(f"spec.data[{index}]", section(entry))
    for index, entry in enumerate(entries(spec.get("dataFrom"))):
        found = section(entry)
        if "extract" in found:
            yield f"spec.dataFrom[{index}].extract.key", str(section(found, "extract").get("key"))
        if "find" in found:
            yield f"spec.dataFrom[{index}].find", None
        yield from _elsewhere(f"spec.dataFrom[{index}]", found)


def _elsewhere(place: str, entry: Mapping[str, object]) -> Iterator[tuple[str, None]]:
    """Yield a source that is not the platform's store."""
    if "sourceRef" in entry and entry["sourceRef"] != {
        "storeRef": {"kind": "ClusterSecretStore", "name": SECRET_STORE}
    }:
        yield f"{place}.sourceRef", None
