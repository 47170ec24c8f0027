"""What the doctor finds: verdicts, each with what was seen and the command that mends it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any


class Verdict(StrEnum):
    """What is known of one thing that the plan needs."""

    FINE = "fine"
    BLOCKED = "blocked"
    """The deployment would fail, or could not be repeated as a rebuild."""
    UNKNOWN = "cannot be known"
    """It could not be asked, or nobody answers that before the deployment."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was asked, and its answer."""

    check: str
    """Which check it is of, such as ``roles``."""
    subject: str
    """What it is about, such as a VM size in a region."""
    verdict: Verdict
    detail: str
    """What was seen."""
    remedy: str = ""
    """The command that mends it, or that shows what could not be known."""
    warning: bool = False
    """Whether it is fine, and will not be for long."""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, which is stable: keys may be added, and are never renamed or removed."""
        return asdict(self)


def fine(check: str, subject: str, detail: str, *, remedy: str = "", warning: bool = False) -> Finding:
    """Return the finding that something is as the plan needs it."""
    return Finding(check=check, subject=subject, verdict=Verdict.FINE, detail=detail, remedy=remedy, warning=warning)


def blocked(check: str, subject: str, detail: str, remedy: str) -> Finding:
    """Return the finding that something stops the deployment, with the command that mends it."""
    return Finding(check=check, subject=subject, verdict=Verdict.BLOCKED, detail=detail, remedy=remedy)


def unknown(check: str, subject: str, detail: str, remedy: str = "") -> Finding:
    """Return the finding that something cannot be known, with the command that would show it, where there is one."""
    return Finding(check=check, subject=subject, verdict=Verdict.UNKNOWN, detail=detail, remedy=remedy)


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Everything that was found."""

    stack: str
    findings: Sequence[Finding]
    calls: Sequence[str] = field(default_factory=tuple)
    """Every request that Azure got: method and path."""
    seconds: float = 0.0

    def of(self, verdict: Verdict) -> list[Finding]:
        """Return the findings with a verdict."""
        return [found for found in self.findings if found.verdict is verdict]

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
