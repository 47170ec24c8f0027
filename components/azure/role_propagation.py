"""The time that new role assignments get before something is created that fails where they are not effective yet.

Azure checks a cluster's right to join its subnets in the operation that creates it, after the request was accepted: a
role that comes too late is a cluster that exists and failed. Nothing tells when a role has reached every replica.
https://learn.microsoft.com/azure/role-based-access-control/troubleshooting#symptom---role-assignment-changes-are-not-being-detected
"""

import asyncio
import os
import time

import pulumi

SECONDS = 60.0
"""In a first deployment only: a rebuild finds its roles. Azure names ten minutes as the longest, no typical time."""
OVERRIDE = "AKS_BOOTSTRAP_ROLE_SECONDS"
"""Environment variable with other seconds: a rehearsal's roles are effective at once."""


class RolePropagation:
    """Remembers when this run assigned a role last, and lets a creation wait for the rest of its time."""

    def __init__(self) -> None:
        """Begin with no assignment: those of earlier runs have had their time."""
        self._last: float | None = None

    def remember(self, now: float) -> None:
        """Note that a role was assigned."""
        self._last = now

    def left(self, now: float) -> float:
        """Return the seconds that are left of the time of this run's roles."""
        seconds = float(os.environ.get(OVERRIDE) or SECONDS)
        return 0.0 if self._last is None else max(0.0, self._last + seconds - now)

    def assigned(self, name: str) -> pulumi.ResourceHookBinding:
        """Return the hook of a role assignment."""

        def note(_: pulumi.ResourceHookArgs) -> None:
            self.remember(time.monotonic())

        return pulumi.ResourceHookBinding(after_create=[pulumi.ResourceHook(name, note)])

    def settled(self, name: str) -> pulumi.ResourceHookBinding:
        """Return the hook of what needs the roles; it waits for what is left of their time."""

        async def wait(args: pulumi.ResourceHookArgs) -> None:
            if (left := self.left(time.monotonic())) > 0:
                pulumi.log.info(f"{args.name}: new roles get {left:.0f} s to take effect")
                await asyncio.sleep(left)

        return pulumi.ResourceHookBinding(before_create=[pulumi.ResourceHook(name, wait)])
