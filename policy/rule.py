"""What a rule is, and the list of all of them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from policy.resource import Resource, Stack

Check = Callable[[Resource], Iterator[str]]
"""Yields what is wrong with a resource: the property, what it has, and what is allowed."""

StackCheck = Callable[[Stack], Iterator[tuple[Resource, str]]]
"""Yields resources with what is wrong with them, where that takes a look at others too."""

_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A rule that every stack keeps, or has an exception from."""

    name: str
    title: str
    """What holds where it is kept, as one sentence."""
    source: str
    """Where the rule comes from: a URL."""
    types: tuple[str, ...]
    """Types that it looks at, as :meth:`Resource.is_a` takes them; for every type where there is none."""
    check: Check | None = None
    """For a rule that looks at one resource at a time: the engine asks it before the resource is created."""
    stack_check: StackCheck | None = None
    """For a rule that looks at several: the engine asks it when all of them are known."""

    def violations(self, stack: Stack) -> Iterator[tuple[Resource, str]]:
        """Yield the resources of a stack that violate it, each with what is wrong."""
        if self.stack_check is not None:
            yield from self.stack_check(stack)
        for resource in stack.resources:
            for message in self.of_resource(resource):
                yield resource, message

    def of_resource(self, resource: Resource) -> Iterator[str]:
        """Yield what is wrong with one resource; nothing for a rule that has to see all of them."""
        if self.check is not None and (not self.types or resource.is_a(*self.types)):
            yield from self.check(resource)


_RULES: dict[str, Rule] = {}


def rule(name: str, title: str, source: str, *types: str) -> Callable[[Check], Check]:
    """Make a rule of a function that is called with each resource of some types; of any type where none is given."""

    def register(check: Check) -> Check:
        _add(Rule(name=name, title=title, source=source, types=types, check=check))
        return check

    return register


def stack_rule(name: str, title: str, source: str) -> Callable[[StackCheck], StackCheck]:
    """Make a rule of a function that is called with a whole stack."""

    def register(check: StackCheck) -> StackCheck:
        _add(Rule(name=name, title=title, source=source, types=(), stack_check=check))
        return check

    return register


def _add(new: Rule) -> None:
    if not _NAME.fullmatch(new.name) or new.name in _RULES:
        raise ValueError(f"{new.name!r} is taken, or is not in lower case with hyphens")
    _RULES[new.name] = new


def registered() -> Sequence[Rule]:
    """Return the rules of the modules that were imported; :mod:`policy.rules` imports all of them."""
    return list(_RULES.values())
