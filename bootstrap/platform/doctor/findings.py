"""Everything that the doctor found of one stack."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bootstrap.platform.findings import Answers, Verdict


@dataclass(frozen=True, kw_only=True)
class Diagnosis(Answers):
    """Everything that was found."""

    calls: Sequence[str] = field(default_factory=tuple)
    """Every request that Azure got: method and path."""
    seconds: float = 0.0

    @property
    def blocked(self) -> bool:
        """Whether anything would stop the deployment."""
        return bool(self.of(Verdict.BLOCKED))

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return {
            "version": 1,
            "stack": self.stack,
            "blocked": self.blocked,
            "findings": [found.to_json() for found in self.findings],
            "calls": list(self.calls),
        }
