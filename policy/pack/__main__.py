"""The rules of :mod:`policy.rules`, as Pulumi's engine asks them: before a resource is created, and of the whole stack.

https://www.pulumi.com/docs/insights/policy/policy-packs/authoring/
"""

import datetime as dt
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

# the engine runs this folder, and the rules are two above it
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from pulumi_policy import (
    EnforcementLevel,
    Policy,
    PolicyPack,
    PolicyResource,
    ReportViolation,
    ResourceValidationArgs,
    ResourceValidationPolicy,
    StackValidationArgs,
    StackValidationPolicy,
)
from pulumi_policy.proxy import UnknownValueError

from policy.allowed import allowed
from policy.checked import PolicyFileError
from policy.exceptions import exception_for, read_exceptions
from policy.resource import UNKNOWN, Resource, Stack
from policy.rule import Rule
from policy.rules import every_rule

try:
    EXCEPTIONS = read_exceptions()
    allowed()
except PolicyFileError as error:
    sys.exit(f"policy pack: {error}")


def plain(value: Any) -> Any:
    """Return properties as plain data: what is not known in a preview is a placeholder, and no error."""
    if isinstance(value, Mapping):
        return {key: plain(_item(value, key)) for key in value}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [plain(_item(value, index)) for index in range(len(value))]
    return value


def _item(container: Any, key: Any) -> Any:
    try:
        return container[key]
    except UnknownValueError:
        return UNKNOWN


def of_resource(each: Rule) -> Callable[[ResourceValidationArgs, ReportViolation], None]:
    """Return how the engine asks a rule about one resource."""

    def validate(args: ResourceValidationArgs, report_violation: ReportViolation) -> None:
        resource = Resource(urn=args.urn, type=args.resource_type, name=args.name, properties=plain(args.props))
        for message in each.of_resource(resource):
            report(each, resource, message, report_violation)

    return validate


def of_stack(each: Rule) -> Callable[[StackValidationArgs, ReportViolation], None]:
    """Return how the engine asks a rule about the whole stack."""

    def validate(args: StackValidationArgs, report_violation: ReportViolation) -> None:
        resources = [from_engine(resource) for resource in args.resources]
        if resources:
            for resource, message in each.violations(Stack(name=stack_name(resources[0].urn), resources=resources)):
                report(each, resource, message, report_violation)

    return validate


def from_engine(resource: PolicyResource) -> Resource:
    """Return a resource of the engine as the rules take it."""
    return Resource(
        urn=resource.urn,
        type=resource.resource_type,
        name=resource.name,
        properties=plain(resource.props),
        references={key: [each.urn for each in found] for key, found in resource.property_dependencies.items()},
    )


def report(each: Rule, resource: Resource, message: str, report_violation: ReportViolation) -> None:
    """Report a violation, unless it is an exception whose time is not up."""
    exception = exception_for(each.name, resource.label, stack_name(resource.urn), EXCEPTIONS)
    today = dt.datetime.now(dt.UTC).date()
    if exception is None or not exception.stands(today):
        late = f"; an exception until {exception.until}" if exception else ""
        report_violation(f"{resource.name}: {message}{late}", resource.urn)


def stack_name(urn: str) -> str:
    """Return the stack's name: https://www.pulumi.com/docs/iac/concepts/resources/names/#urns."""
    return urn.split(":")[2]


def as_policy(each: Rule) -> Policy:
    """Return a rule as a policy of Pulumi's."""
    level = EnforcementLevel.MANDATORY
    if each.stack_check is not None:
        return StackValidationPolicy(
            each.name, each.title, validate=of_stack(each), enforcement_level=level, url=each.source
        )
    return ResourceValidationPolicy(
        each.name, each.title, validate=of_resource(each), enforcement_level=level, url=each.source
    )


PolicyPack(name="aks-bootstrap", policies=[as_policy(each) for each in every_rule()])
