"""Edits of production's plan, each of which one rule of policy/rules refuses: ``stacks/policy.yaml``."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from policy.resource import Resource, Stack

PATH = Path(__file__).resolve().parent / "stacks" / "policy.yaml"


@dataclass(frozen=True, kw_only=True)
class Case:
    """One edit."""

    rule: str
    number: int
    says: str
    """What the message has in it."""
    of: str | None = None
    """Type and beginning of the name of the resource that is changed, or left out."""
    set: Mapping[str, Any] | None = None
    """Values by path; None removes what is there. A slash divides a path, and ~ is a slash within a part of it."""
    leave_out: bool = False
    add: Mapping[str, Any] | None = None
    """A resource beside those of the plan: type, properties, and the names of those that properties refer to."""

    def __str__(self) -> str:
        return f"{self.rule}-{self.number}"

    def apply(self, stack: Stack) -> Stack:
        """Return the stack with the edit."""
        if self.add is not None:
            return replace(stack, resources=[*stack.resources, self._added(stack)])
        type_, _, name = str(self.of).partition(" ")
        found = [each for each in stack.resources if each.is_a(type_) and each.name.startswith(name)]
        assert len(found) == 1, f"{self}: {self.of} is {[each.label for each in found]}"
        changed = [] if self.leave_out else [edited(found[0], self.set or {})]
        return replace(stack, resources=[*(each for each in stack.resources if each is not found[0]), *changed])

    def _added(self, stack: Stack) -> Resource:
        assert self.add is not None
        references = {
            key: [next(each.urn for each in stack.resources if each.label.endswith(label))]
            for key, label in self.add.get("references", {}).items()
        }
        type_ = self.add["type"]
        return Resource(
            urn=f"urn:pulumi:{stack.name}::aks-bootstrap::{type_}::added-{self.rule}",
            type=type_,
            name=f"added-{self.rule}",
            properties={**self.add["properties"], **dict.fromkeys(references, "<added.id>")},
            references=references,
        )


def edited(resource: Resource, changes: Mapping[str, Any]) -> Resource:
    properties = copied(resource.properties)
    for path, value in changes.items():
        *above, last = (part.replace("~", "/") for part in path.split("/"))
        place: Any = properties
        for part in above:
            place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
        if value is None:
            del place[last]
        else:
            place[last] = value
    return replace(resource, properties=properties)


def copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: copied(item) for key, item in value.items()}
    return [copied(item) for item in value] if isinstance(value, list) else value


def _read() -> list[Case]:
    cases = []
    for rule, edits in YAML(typ="safe").load(PATH.read_text(encoding="utf-8")).items():
        for number, edit in enumerate(edits, 1):
            fields = {key.replace("leaveOut", "leave_out"): value for key, value in edit.items()}
            cases.append(Case(rule=rule, number=number, **fields))
    return cases


CASES = _read()
