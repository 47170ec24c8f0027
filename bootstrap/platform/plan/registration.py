"""The resources that the program registers with the engine, as plain data."""

from dataclasses import asdict, dataclass, field
from typing import Any

SECRET = "[secret]"
"""Placeholder of a value that the program marked secret."""

STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource as registered with the engine. References to resources are URNs."""

    urn: str
    type: str
    name: str
    custom: bool
    """Whether a provider manages it; a component only groups others."""
    parent: str | None
    inputs: dict[str, Any]
    """Secret values are replaced by ``[secret]``."""
    dependencies: list[str] = field(default_factory=list)
    property_dependencies: dict[str, list[str]] = field(default_factory=dict)
    """What each input is made of."""
    provider: str | None = None
    """URN of the provider."""
    deleted_with: str | None = None
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    ignore_changes: list[str] = field(default_factory=list)
    timeouts: dict[str, str] = field(default_factory=dict)
    hooks: dict[str, list[str]] = field(default_factory=dict)
    """Names of hooks by the time when they run, such as ``before_create``."""
    aliases: list[str] = field(default_factory=list)
    """URNs that it had before, of which the engine takes it for the same resource."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The result of one run of the program: its resources and outputs."""

    stack: str
    project: str
    registrations: list[Registration]
    outputs: dict[str, Any]
    """The stack's outputs."""

    def to_json(self) -> dict[str, Any]:
        """Return JSON data; :meth:`from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Evaluation":
        """Read the data of :meth:`to_json`."""
        return cls(
            stack=data["stack"],
            project=data["project"],
            registrations=[Registration(**registration) for registration in data["registrations"]],
            outputs=data["outputs"],
        )

    def by_urn(self) -> dict[str, Registration]:
        """Return the registrations by URN."""
        return {registration.urn: registration for registration in self.registrations}
