"""The parts of an admission policy, and expressions that several policies share.

Expressions are CEL: https://kubernetes.io/docs/reference/using-api/cel/. They stay on one line, as the API server asks
for a second message of an expression with line breaks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pulumi_kubernetes.admissionregistration.v1 import (
    MatchConditionArgs,
    MatchResourcesArgs,
    NamedRuleWithOperationsArgs,
    ValidatingAdmissionPolicySpecArgs,
    ValidationArgs,
    VariableArgs,
)

NAMESPACE = "request.namespace"
"""The object's namespace."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy and its name, which is that of its binding too."""

    name: str
    """Name of both objects in the cluster; it begins with ``tenant-``."""
    spec: ValidatingAdmissionPolicySpecArgs


def policy(
    name: str,
    matches: Mapping[str, Sequence[str]],
    *,
    judged: Sequence[str],
    variables: Mapping[str, str],
    validations: Sequence[ValidationArgs],
    operations: Sequence[str] = ("CREATE", "UPDATE"),
) -> Policy:
    """Return a policy of what is created and changed.

    An update that leaves alone what is judged is admitted: a list that got shorter must not keep controllers from
    scaling down, or finalizers from going, so that an object that is no longer allowed could not even be deleted.

    Args:
        name: the policy's, after ``tenant-``.
        matches: resources and subresources by API group.
        judged: expressions about ``object`` whose values the validations depend on.
        variables: named expressions; a later one may use an earlier one.
        validations: what has to hold.
        operations: what is judged, where that is also ``DELETE``, of which there is no ``object``.
    """
    changed = " || ".join(f"{part} != {part.replace('object.', 'oldObject.', 1)}" for part in judged)
    return Policy(
        name=f"tenant-{name}",
        spec=ValidatingAdmissionPolicySpecArgs(
            # what cannot be judged is refused
            failure_policy="Fail",
            match_constraints=MatchResourcesArgs(
                # every version that an object could be sent in, converted to the one that is named
                match_policy="Equivalent",
                resource_rules=[
                    NamedRuleWithOperationsArgs(
                        api_groups=[group],
                        api_versions=["v1alpha1" if group == "traefik.io" else "v1"],
                        operations=list(operations),
                        resources=list(resources),
                        scope="Namespaced",
                    )
                    for group, resources in matches.items()
                ],
            ),
            match_conditions=[
                MatchConditionArgs(name="changed", expression=f"request.operation != 'UPDATE' || {changed}")
            ],
            variables=[VariableArgs(name=key, expression=expression) for key, expression in variables.items()],
            validations=list(validations),
        ),
    )


def check(holds: str, message: str) -> ValidationArgs:
    """Return a validation.

    Args:
        holds: an expression that is true of what is admitted.
        message: an expression for the text that names the field, what was given, and what is allowed.
    """
    # the API server drops a message of several lines, which what was given may have
    on_one_line = f"({message}).replace('\\n', ' ')"
    return ValidationArgs(expression=holds, message_expression=on_one_line, reason="Forbidden")


def allowed(annotation: str) -> str:
    """Return an expression for the list in an annotation of the namespace; a missing one is an empty list."""
    value = f"namespaceObject.metadata.?annotations[?'{annotation}'].orValue('')"
    return f"{value}.split(',').map(entry, entry.trim()).filter(entry, entry != '')"


def listed(values: str) -> str:
    """Return an expression for the text of a list of strings."""
    return f"(size({values}) == 0 ? 'none' : {values}.join(', '))"


def literal(values: Sequence[str]) -> str:
    """Return a list of strings as an expression."""
    return f"[{', '.join(quoted(value) for value in values)}]"


def quoted(text: str) -> str:
    """Return a text as an expression; raw, so that a regular expression stands as it is."""
    if "'" in text:
        raise ValueError(f"got {text!r}; allowed in a CEL literal: text without '")
    return f"r'{text}'"


ANNOTATIONS = "object.metadata.?annotations.orValue({})"
"""An object's annotations."""
