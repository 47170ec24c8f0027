"""The hosts that a rule of Traefik's lets in.

https://doc.traefik.io/traefik/reference/routing-configuration/http/routing/rules-and-priority/
"""

import re

_TOKEN = re.compile(r'\s*(?:(\|\||&&|[!()])|(\w+)\(((?:[^()`"]|`[^`]*`|"[^"]*")*)\))\s*')
_TEXT = re.compile(r'`([^`]*)`|"([^"]*)"')
_BY_HOST = frozenset({"host", "hostsni"})
"""Matchers of hosts by name; Traefik takes them in lower and upper case too."""


def hosts_of_rule(rule: str) -> list[str] | None:
    """Return hosts that cover every request that a rule matches; None where there are none, or it cannot be read.

    An alternative without a host matches every host, as does a negation; of matchers that all have to match, one with
    hosts is enough.
    """
    try:
        reader = _Reader(rule)
        hosts = reader.alternatives()
        return hosts if reader.at_end else None
    except (ValueError, RecursionError):
        return None


class _Reader:
    def __init__(self, rule: str) -> None:
        self._tokens: list[tuple[str, str, str]] = []
        position = 0
        while position < len(rule):
            found = _TOKEN.match(rule, position)
            if found is None:
                raise ValueError(f"no matcher at {rule[position:]!r}")
            self._tokens.append((found[1] or "", found[2] or "", found[3] or ""))
            position = found.end()
        self._next = 0

    @property
    def at_end(self) -> bool:
        return self._next == len(self._tokens)

    def alternatives(self) -> list[str] | None:
        hosts = self._all_of()
        while self._takes("||"):
            other = self._all_of()
            hosts = None if hosts is None or other is None else hosts + other
        return hosts

    def _all_of(self) -> list[str] | None:
        hosts = self._one()
        while self._takes("&&"):
            other = self._one()
            hosts = other if hosts is None else hosts
        return hosts

    def _one(self) -> list[str] | None:
        if self._takes("!"):
            self._one()
            return None
        if self._takes("("):
            hosts = self.alternatives()
            if not self._takes(")"):
                raise ValueError("a bracket is not closed")
            return hosts
        if self.at_end or self._tokens[self._next][0]:
            raise ValueError("a matcher is missing")
        _, name, arguments = self._tokens[self._next]
        self._next += 1
        hosts = [one or other for one, other in _TEXT.findall(arguments)]
        return hosts or None if name.lower() in _BY_HOST else None

    def _takes(self, operator: str) -> bool:
        there = not self.at_end and self._tokens[self._next][0] == operator
        self._next += there
        return there
