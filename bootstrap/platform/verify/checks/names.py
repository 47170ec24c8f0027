"""DNS: the records lead to this cluster's ingress, and the zone above leads to the zone."""

from collections.abc import Iterator

import dns.exception
import dns.resolver

from bootstrap.platform.delegation import delegated, difference, servers
from bootstrap.platform.findings import Finding, failed, fine, unknown
from bootstrap.platform.verify.target import Check, Target


def names(target: Target) -> Iterator[Finding]:
    """Ask DNS for what customers ask for."""
    resolver = target.resolver or dns.resolver.Resolver()
    yield from _delegation(target, resolver)
    address = str(target.outputs.get("ingressAddress") or target.door.address)
    zone, run = target.settings.dns.zone, target.run
    for record in target.settings.dns.records:
        relative = {"@": "", "*": f"verify-{run}."}.get(record, f"{record.replace('*', f'verify-{run}')}.")
        yield _record(target, resolver, record, f"{relative}{zone}", address)
    if "*" not in target.settings.dns.records:
        yield _record(target, resolver, target.argocd_host, target.argocd_host, address)


def _record(target: Target, resolver: dns.resolver.Resolver, record: str, name: str, address: str) -> Finding:
    subject, show = f"record {record}", f"dig +short A {name}"
    up = f"make up STACK={target.stack}"
    if not address:
        return unknown("dns", subject, "the address of ingress is not known")
    try:
        answer = resolver.resolve(name, "A")
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        cause = "the record is not there, or the zone above does not lead to the zone"
        return failed("dns", subject, f"{name} does not exist", cause=cause, remedy=up)
    except dns.exception.DNSException as error:
        return unknown("dns", subject, f"no answer from DNS ({type(error).__name__})", show)
    found = sorted(str(each) for each in answer)
    ttl = int(answer.rrset.ttl) if answer.rrset is not None else 0
    if found != [address]:
        return failed(
            "dns",
            subject,
            f"{name} leads to {', '.join(found)}, ingress is at {address}",
            cause=f"the records are those of another generation, or a resolver still keeps them (TTL {ttl} s)",
            remedy=up,
        )
    wanted = target.settings.dns.ttl_seconds
    if ttl > wanted:
        detail = f"{address}, kept for {ttl} s, dns.ttlSeconds is {wanted}"
        cause = "somebody changed the record, or the resolver keeps answers longer than they say"
        return fine("dns", subject, detail, warning=True, cause=cause, remedy=up)
    return fine("dns", subject, f"{address}, kept for {wanted} s at most")


def _delegation(target: Target, resolver: dns.resolver.Resolver) -> Iterator[Finding]:
    zone = target.settings.dns.zone
    subject, show = f"zone {zone}", f"dig +short NS {zone}"
    given = servers(target.outputs.get("dnsNameServers") or ())
    if not given:
        detail = "the zone was there before, so that its name servers are not among the stack's outputs"
        yield unknown("dns", subject, detail, show)
        return
    try:
        wrong = difference(delegated(zone, resolver), given)
    except dns.exception.DNSException as error:
        yield unknown("dns", subject, f"no answer from DNS ({type(error).__name__})", show)
        return
    if wrong:
        cause = "the zone above, or the registrar, has no name servers of this zone, or those of one before it"
        mend = f"in the zone above {zone}, set NS to {' '.join(sorted(given))}"
        yield failed("dns", subject, wrong, cause=cause, remedy=mend)
    else:
        yield fine("dns", subject, "delegated")


CHECK = Check(
    name="dns",
    does="resolves the records and the zone's name servers, as this machine's resolver has them",
    ask=names,
    applies=lambda target: not target.local,
)
