"""Kinds that carry traffic, or stop it."""

import ipaddress

from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.validate.api.fields import (
    LABEL,
    SUBDOMAIN,
    WILDCARD,
    Fields,
    Found,
    choice,
    form,
    integer,
    items,
    one_of,
    port,
    required,
    text,
    unique,
)
from bootstrap.delivery.validate.api.metadata import label_map, selector
from bootstrap.delivery.validate.structure import Mistake

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def service(document: Fields) -> Found:
    """Yield what is wrong with a Service: ValidateService and validateServicePort in core."""
    spec = section(document, "spec")
    types = ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName")
    yield from choice(spec, "spec", "type", *types)
    external = spec.get("type") == "ExternalName"
    if external:
        yield from required(spec, "spec", "externalName")
        yield from text(spec, "spec", "externalName", SUBDOMAIN)
    elif spec.get("clusterIP") != "None":
        yield from required(spec, "spec", "ports")
    if spec.get("type") == "LoadBalancer" and spec.get("clusterIP") == "None":
        yield Mistake(path="spec.clusterIP", text="got 'None'; allowed with LoadBalancer: an address")
    found = list(items(spec, "ports", "spec"))
    for where, item in found:
        if len(found) > 1:
            yield from required(item, where, "name")
        yield from text(item, where, "name", LABEL)
        yield from port(item, where, "port", named=False)
        yield from port(item, where, "targetPort")
        yield from choice(item, where, "protocol", "TCP", "UDP", "SCTP")
        if item.get("nodePort") and (external or (spec.get("type") or "ClusterIP") == "ClusterIP"):
            yield Mistake(path=f"{where}.nodePort", text="is there; allowed with NodePort and LoadBalancer")
    yield from unique(((f"{where}.name", item["name"]) for where, item in found if item.get("name")), "a name")
    keys = ((where, (item.get("protocol") or "TCP", item["port"])) for where, item in found)
    yield from unique(keys, "a port and protocol")
    yield from label_map(section(spec, "selector"), "spec.selector")
    yield from choice(spec, "spec", "sessionAffinity", "ClientIP", "None")
    yield from choice(spec, "spec", "externalTrafficPolicy", "Cluster", "Local")
    yield from choice(spec, "spec", "internalTrafficPolicy", "Cluster", "Local")
    for index, block in enumerate(entries(spec.get("loadBalancerSourceRanges"))):
        # the server takes space around these
        yield from _network(block.strip(), f"spec.loadBalancerSourceRanges[{index}]")


def ingress(document: Fields) -> Found:
    """Yield what is wrong with an Ingress: ValidateIngressSpec in networking."""
    spec = section(document, "spec")
    if not entries(spec.get("rules")) and spec.get("defaultBackend") is None:
        yield Mistake(path="spec", text="is without rules and defaultBackend; allowed: at least one of them")
    if spec.get("defaultBackend") is not None:
        yield from _backend(spec["defaultBackend"], "spec.defaultBackend")
    yield from text(spec, "spec", "ingressClassName", SUBDOMAIN)
    for where, rule in items(spec, "rules", "spec"):
        yield from _host(rule.get("host") or "", f"{where}.host")
        if rule.get("http") is not None:
            yield from required(rule["http"], f"{where}.http", "paths")
        for there, item in items(section(rule, "http"), "paths", f"{where}.http"):
            yield from _path(item, there)
            yield from _backend(section(item, "backend"), f"{there}.backend")
    for where, item in items(spec, "tls", "spec"):
        for index, host in enumerate(entries(item.get("hosts"))):
            yield from form(host, f"{where}.hosts[{index}]", SUBDOMAIN, WILDCARD)
        yield from text(item, where, "secretName", SUBDOMAIN)


def network_policy(document: Fields) -> Found:
    """Yield what is wrong with a NetworkPolicy: ValidateNetworkPolicySpec in networking."""
    spec = section(document, "spec")
    yield from selector(section(spec, "podSelector"), "spec.podSelector")
    for direction, side in (("ingress", "from"), ("egress", "to")):
        for where, rule in items(spec, direction, "spec"):
            for there, item in items(rule, "ports", where):
                yield from _policy_port(item, there)
            for there, peer in items(rule, side, where):
                yield from _peer(peer, there)
    for index, kind in enumerate(entries(spec.get("policyTypes"))):
        if kind not in {"Ingress", "Egress"}:
            yield Mistake(path=f"spec.policyTypes[{index}]", text=f"got {kind!r}; allowed: Ingress, Egress")


def _host(host: str, path: str) -> Found:
    # networking validateIngressRules
    if host:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            yield from form(host, path, WILDCARD if "*" in host else SUBDOMAIN)
        else:
            yield Mistake(path=path, text=f"got {host}; allowed: a DNS name")


def _path(item: Fields, path: str) -> Found:
    # networking validateHTTPIngressPath
    kind, given = item["pathType"], item.get("path") or ""
    yield from choice(item, path, "pathType", "Exact", "Prefix", "ImplementationSpecific")
    if (given or kind in {"Exact", "Prefix"}) and not given.startswith("/"):
        yield Mistake(path=f"{path}.path", text=f"got {given!r}; allowed: a path that begins with /")
    parts = ("//", "/./", "/../", "%2f", "%2F")
    if kind in {"Exact", "Prefix"} and (any(part in given for part in parts) or given.endswith(("/..", "/."))):
        yield Mistake(path=f"{path}.path", text=f"got {given!r}; allowed: a path without {', '.join(parts)}")


def _backend(backend: Fields, path: str) -> Found:
    # networking validateIngressBackend
    own = section(backend, "service")
    if backend.get("service") is not None and backend.get("resource") is not None:
        yield Mistake(path=path, text="got service and resource; allowed: one of them")
    elif backend.get("resource") is not None:
        return
    elif backend.get("service") is None:
        yield Mistake(path=path, text="is without service and resource; allowed: one of them")
        return
    yield from required(own, f"{path}.service", "name")
    yield from text(own, f"{path}.service", "name", LABEL)
    target, where = section(own, "port"), f"{path}.service.port"
    if target.get("name") and target.get("number"):
        yield Mistake(path=path, text="got service.port.name and number; allowed: one of them")
    elif target.get("name"):
        yield from port(target, where, "name")
    elif target.get("number"):
        yield from port(target, where, "number", named=False)
    else:
        yield Mistake(path=path, text="is without service.port.name and number; allowed: one of them")


def _policy_port(item: Fields, path: str) -> Found:
    # networking ValidateNetworkPolicyPort
    yield from choice(item, path, "protocol", "TCP", "UDP", "SCTP")
    yield from port(item, path, "port")
    first, last = item.get("port"), item.get("endPort")
    if last is None:
        return
    if not isinstance(first, int):
        yield Mistake(path=f"{path}.endPort", text="is there; allowed beside a port that is a number")
    elif last < first:
        yield Mistake(path=f"{path}.endPort", text=f"got {last}; allowed: port, {first}, or more")
    else:
        yield from integer(item, path, "endPort", least=1, most=65535)


def _peer(peer: Fields, path: str) -> Found:
    # networking ValidateNetworkPolicyPeer, ValidateIPBlock
    yield from selector(section(peer, "podSelector"), f"{path}.podSelector")
    yield from selector(section(peer, "namespaceSelector"), f"{path}.namespaceSelector")
    selectors = [key for key in ("podSelector", "namespaceSelector") if peer.get(key) is not None]
    if peer.get("ipBlock") is None:
        if not selectors:
            yield from one_of(peer, path, "podSelector", "namespaceSelector", "ipBlock")
        return
    if selectors:
        yield Mistake(path=path, text=f"got ipBlock and {' and '.join(selectors)}; allowed: ipBlock alone")
    block, where = peer["ipBlock"], f"{path}.ipBlock"
    yield from _network(block["cidr"], f"{where}.cidr")
    outer = _parsed(block["cidr"])
    for index, given in enumerate(entries(block.get("except"))):
        yield from _network(given, f"{where}.except[{index}]")
        inner = _parsed(given)
        if outer and inner and not _within(inner, outer):
            message = f"got {given}; allowed: a smaller network within {block['cidr']}"
            yield Mistake(path=f"{where}.except[{index}]", text=message)


def _network(value: str, path: str) -> Found:
    # IsValidCIDRForLegacyField in apimachinery's validation/ip.go: since 1.36 with no bits behind the prefix
    if _parsed(value) is None:
        yield Mistake(path=path, text=f"got {value!r}; allowed: a network such as 192.0.2.0/24, no bits set behind it")


def _parsed(value: str) -> _Network | None:
    if not value.rpartition("/")[2].isdecimal() or "/" not in value:
        # Python takes a netmask, and an address alone
        return None
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        return None


def _within(inner: _Network, outer: _Network) -> bool:
    return inner.version == outer.version and inner.prefixlen > outer.prefixlen and inner.network_address in outer
