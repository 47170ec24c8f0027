"""The plan's resources, as the rules take them."""

from bootstrap.platform.plan.registration import Evaluation
from policy.resource import Resource, Stack


def stack_of(evaluation: Evaluation) -> Stack:
    """Return what the rules look at: every resource, components too, as a chart may be one."""
    return Stack(
        name=evaluation.stack,
        resources=[
            Resource(
                urn=found.urn,
                type=found.type,
                name=found.name,
                properties=found.inputs,
                references=found.property_dependencies,
            )
            for found in evaluation.registrations
        ],
    )
