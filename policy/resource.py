"""A stack's resources as the rules see them, whether a plan recorded them or the engine reports them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import IPv4Network
from typing import Any

UNKNOWN = "<unknown>"
"""Stands for a value that only a provider makes; a plan names its origin, as in ``<vault.id>``."""

_UNKNOWN = re.compile(r"<[\w. -]+>")
_INDEX = re.compile(r'\[(\d+)\]|\["([^"]+)"\]|([^.\[\]"]+)')


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource that the program registered."""

    urn: str
    type: str
    """Pulumi's type token."""
    name: str
    """Its logical name."""
    properties: Mapping[str, Any]
    """Its inputs; unknown ones in angle brackets."""
    references: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """URNs of the resources that each property is made of."""

    @property
    def label(self) -> str:
        """Type and name, which exceptions are matched against and messages begin with."""
        return f"{self.type} {self.name}"

    def get(self, path: str) -> Any:
        """Return what is at a path; None where nothing is: see :func:`at`."""
        return at(self.properties, path)

    def is_a(self, *types: str) -> bool:
        """Tell whether its type ends with one of these, as in ``keyvault:Vault``."""
        return any(self.type == each or self.type.endswith(f":{each}") for each in types)


@dataclass(frozen=True, kw_only=True)
class Stack:
    """All resources of a stack."""

    name: str
    resources: Sequence[Resource]

    @cached_property
    def _by_urn(self) -> Mapping[str, Resource]:
        return {each.urn: each for each in self.resources}

    def of_type(self, *types: str) -> Iterator[Resource]:
        """Yield the resources of some types, given as for :meth:`Resource.is_a`."""
        return (each for each in self.resources if each.is_a(*types))

    def referred(self, resource: Resource, prop: str) -> list[Resource]:
        """Return the resources that a property at the top of another is made of."""
        return [self._by_urn[urn] for urn in resource.references.get(prop, ()) if urn in self._by_urn]


def at(value: Any, path: str) -> Any:
    """Return what is at a path such as ``pools[0].mode`` or ``labels["a.b/c"]``; None where nothing is."""
    for match in _INDEX.finditer(path):
        if match[1] is not None:
            known = isinstance(value, Sequence) and not isinstance(value, str) and int(match[1]) < len(value)
            value = value[int(match[1])] if known else None
        else:
            value = value.get(match[2] or match[3]) if isinstance(value, Mapping) else None
    return value


def is_unknown(value: object) -> bool:
    """Tell whether a value is one that only a provider makes, in full."""
    return isinstance(value, str) and _UNKNOWN.fullmatch(value) is not None


def is_too_wide(given: object) -> bool:
    """Tell whether a range of addresses is wider than /8, which is nobody's, or none; one that is not known is not."""
    text = str(given)
    try:
        return "<" not in text and IPv4Network(text, strict=False).prefixlen < 8
    except ValueError:
        return True


def flag(value: object) -> bool:
    """Read a boolean that providers also take as text."""
    return value is True or (isinstance(value, str) and value.lower() == "true")
