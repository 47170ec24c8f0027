"""To whom the Internet has delegated a zone."""

from collections.abc import Iterable, Set

import dns.resolver


def servers(names: Iterable[object]) -> set[str]:
    """Return the names of name servers in the form in which they are compared."""
    return {str(each).rstrip(".").lower() for each in names}


def delegated(zone: str, resolver: dns.resolver.Resolver) -> set[str]:
    """Return the name servers of a zone, as a resolver has them; none where it is not delegated.

    Raises:
        DNSException: there was no answer.
    """
    try:
        return servers(each.target for each in resolver.resolve(zone, "NS"))
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return set()


def difference(seen: Set[str], given: Set[str]) -> str:
    """Tell name servers that a zone has from those that Azure gave it; empty where they are the same."""
    if seen == given:
        return ""
    return f"delegated to {', '.join(sorted(seen)) or 'nobody'}, Azure serves it at {', '.join(sorted(given))}"
