"""Retries, within a bound, of what Azure refuses for the moment: roles that propagate, networks that are busy."""

import asyncio
import re
from typing import NamedTuple

import pulumi


class Passing(NamedTuple):
    """A reason to refuse a request that passes by itself."""

    words: re.Pattern[str]
    """What Azure says meanwhile."""
    reason: str
    """What the log says of it."""


ROLES = Passing(
    re.compile(
        "CustomKubeletIdentityMissingPermissionError|LinkedAuthorizationFailed|AuthorizationFailed|PrincipalNotFound"
        "|RoleDefinitionDoesNotExist"
    ),
    "a role is not effective yet",
)
"""What Azure says while a role, or its assignment, has not reached every replica.

https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
"""
BUSY = Passing(
    re.compile(
        "AnotherOperationInProgress|OperationNotAllowed.*in progress|SetVNetOwnershipFailed|RetryableError"
        "|VirtualNetworkNotInSucceededState",
        re.DOTALL,
    ),
    "another operation is in progress",
)
"""What Azure says while another operation holds the cluster or its network. https://github.com/Azure/AKS/issues/4522."""

_REFUSED = re.compile(r"\bStatus=4\d\d\b")
"""A request that Azure refused at once, as azure-native words it.

What was accepted and failed later has the status of the question how it went, 200. It exists then: azure-native keeps
it in the state, and the next update repairs it, where a second creation would be one of a resource that exists.
https://github.com/pulumi/pulumi-azure-native/blob/v3.29.0/provider/pkg/azure/client_azcore.go (newResponseError)
"""

DELAYS_SECONDS = (5, 10, 20, 40, 60, 60, 60, 60, 60, 60, 60, 60, 60)
"""Pauses between tries: ten minutes in all, the longest that Azure's documents give."""


def delay_before_retry(errors: list[str], passing: Passing) -> int | None:
    """Return how long to wait before the next try, in seconds, or None where no further try would help.

    Args:
        errors: what every try so far ended with, newest first.
        passing: what passes by itself.
    """
    if not errors or len(errors) > len(DELAYS_SECONDS):
        return None
    if not (_REFUSED.search(errors[0]) and passing.words.search(errors[0])):
        return None
    return DELAYS_SECONDS[len(errors) - 1]


def retry_hook(name: str, passing: Passing) -> pulumi.ResourceHookBinding:
    """Return hooks that retry a resource while what Azure refuses it for passes by itself."""

    async def again(args: pulumi.ErrorHookArgs) -> bool:
        delay = delay_before_retry(args.errors, passing)
        if delay is None:
            return False
        pulumi.log.info(f"{args.name}: {passing.reason}; next try in {delay} s")
        await asyncio.sleep(delay)
        return True

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(name, again)])
