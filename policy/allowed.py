"""What the rules allow by name: ``allowed.yaml``, checked."""

from functools import cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from policy.checked import Pattern, read

PATH = Path(__file__).parent / "allowed.yaml"


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AllowedRole(_Model):
    """A built-in role, and the types of resources that it may be assigned on."""

    name: str
    id: str
    scopes: tuple[str, ...]
    """Azure Resource Manager's types."""
    groups: tuple[Pattern, ...] = ()
    """Regular expressions of logical names of the resource groups among them; any other is refused."""


class AllowedCustomRole(_Model):
    """A role that a stack may define, what it may allow, and the types of resources that it may be assigned on."""

    name: str
    """The definition's logical name."""
    actions: frozenset[str]
    scopes: tuple[str, ...]
    """Azure Resource Manager's types."""
    groups: tuple[Pattern, ...] = ()
    """As for a built-in role."""


class Allowed(_Model):
    """Everything that is allowed by name."""

    roles: tuple[AllowedRole, ...]
    custom_roles: tuple[AllowedCustomRole, ...] = Field(alias="customRoles")
    chart_repositories: tuple[str, ...] = Field(alias="chartRepositories")
    secrets: dict[str, frozenset[str]]
    """Keys of Secrets by the value of Argo CD's label."""
    tags: tuple[str, ...]


@cache
def allowed() -> Allowed:
    """Return what is allowed.

    Raises:
        PolicyFileError: the file lacks something, or has something that nobody knows.
    """
    return read(PATH, Allowed)
