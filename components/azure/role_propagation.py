"""Retries, within a bound, while a role assignment propagates."""

import asyncio

import pulumi

_NOT_YET = (
    "CustomKubeletIdentityMissingPermissionError",
    "LinkedAuthorizationFailed",
    "AuthorizationFailed",
    "PrincipalNotFound",
)
"""Error codes of Azure while an assignment has not reached every replica.

https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
"""

DELAYS_SECONDS = (5, 10, 20, 40, 60, 60, 60, 60, 60, 60, 60, 60, 60)
"""Pauses between tries: ten minutes in all, the longest that Azure's documents give."""


def delay_before_retry(errors: list[str]) -> int | None:
    """Return how long to wait before the next try, in seconds, or None where no further try would help.

    Args:
        errors: what every try so far ended with, newest first.
    """
    if not errors or not any(code in errors[0] for code in _NOT_YET) or len(errors) > len(DELAYS_SECONDS):
        return None
    return DELAYS_SECONDS[len(errors) - 1]


def retry_hook(name: str) -> pulumi.ResourceHookBinding:
    """Return hooks that retry a resource while a role that it needs propagates."""

    async def again(args: pulumi.ErrorHookArgs) -> bool:
        delay = delay_before_retry(args.errors)
        if delay is None:
            return False
        pulumi.log.info(f"{args.name}: a role is not effective yet; next try in {delay} s")
        await asyncio.sleep(delay)
        return True

    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(name, again)])
