"""What the program asks the engine for, as plain data."""

from dataclasses import asdict, dataclass, field
from typing import Any

SECRET = "[secret]"  # noqa: S105 - the word that stands for one
"""Stands where the program marked a value secret."""

STACK = "pulumi:pulumi:Stack"


@dataclass(frozen=True, kw_only=True)
class Registration:
    """One resource as the engine gets it. Lists of resources are URNs."""

    urn: str
    type: str
    name: str
    custom: bool
    """Whether a provider manages it; a component only groups others."""
    parent: str | None
    inputs: dict[str, Any]
    """Secret values are replaced by ``[secret]``."""
    dependencies: list[str] = field(default_factory=list)
    provider: str | None = None
    """URN of the provider."""
    deleted_with: str | None = None
    protect: bool = False
    retain_on_delete: bool = False
    delete_before_replace: bool = False
    ignore_changes: list[str] = field(default_factory=list)
    timeouts: dict[str, str] = field(default_factory=dict)
    hooks: dict[str, list[str]] = field(default_factory=dict)
    """When to the names of what runs then, such as ``before_create``."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Everything that one run of the program registered."""

    stack: str
    project: str
    registrations: list[Registration]
    outputs: dict[str, Any]
    """The stack's outputs."""

    def to_json(self) -> dict[str, Any]:
        """Return data that ``json`` takes; :meth:`from_json` reads it back."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "Evaluation":
        """Read what :meth:`to_json` gave."""
        return cls(
            stack=data["stack"],
            project=data["project"],
            registrations=[Registration(**registration) for registration in data["registrations"]],
            outputs=data["outputs"],
        )

    def by_urn(self) -> dict[str, Registration]:
        """Index registrations."""
        return {registration.urn: registration for registration in self.registrations}


def secret_of(value: Any) -> bool:  # noqa: ANN401 - any input
    """Tell whether a value is, or holds, a secret."""
    if isinstance(value, dict):
        return any(secret_of(item) for item in value.values())
    if isinstance(value, list):
        return any(secret_of(item) for item in value)
    return bool(value == SECRET)
