"""A stack, held to the rules and their exceptions."""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from policy.exceptions import ExceptionEntry, exception_for
from policy.resource import Resource, Stack
from policy.rule import Rule


@dataclass(frozen=True, kw_only=True)
class PolicyFinding:
    """A resource that violates a rule."""

    rule: Rule
    resource: Resource
    message: str
    exception: ExceptionEntry | None

    def explained(self, today: dt.date) -> bool:
        """Tell whether it is an exception whose time is not up."""
        return self.exception is not None and self.exception.stands(today)


def findings(stack: Stack, rules: Sequence[Rule], exceptions: Sequence[ExceptionEntry]) -> Iterator[PolicyFinding]:
    """Yield what violates rules, in the order of the rules, each with the exception that it is, if any."""
    for each in rules:
        for resource, message in each.violations(stack):
            yield PolicyFinding(
                rule=each,
                resource=resource,
                message=message,
                exception=exception_for(each.name, resource.label, stack.name, exceptions),
            )
