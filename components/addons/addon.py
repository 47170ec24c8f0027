"""What every addon is: a component with a readiness probe, which waits for the addons that it comes after."""

from collections.abc import Sequence
from typing import ClassVar

import pulumi

from components.access import ClusterAccess
from components.release.guard import serving_hooks
from components.release.probe import Probe
from components.release.release import Release


class Addon(pulumi.ComponentResource):
    """A step of the bootstrap inside the cluster.

    Naming an addon in ``depends_on`` does both: what comes after it begins when its resources are ready, and only when
    its probe is accepted.
    """

    probe: ClassVar[Probe | None] = None
    """What the API server accepts only when this addon serves; None where ready resources are enough."""
    needs: tuple[Probe, ...]
    """Probes of the addons that this one comes after."""

    def __init__(self, type_token: str, name: str, opts: pulumi.ResourceOptions | None) -> None:
        """Register the component, and take over the probes of what it comes after."""
        before = opts.depends_on if opts is not None else None
        after = before if isinstance(before, Sequence) else []
        self.needs = tuple(addon.probe for addon in after if isinstance(addon, Addon) and addon.probe is not None)
        super().__init__(type_token, name, None, opts)

    def serving(self, name: str, access: ClusterAccess, release: Release) -> pulumi.ResourceHookBinding:
        """Return hooks for this addon's own custom resources, which its webhook judges.

        Args:
            name: logical name of the addon.
            access: the cluster.
            release: the addon's release, after which the custom resources come.

        Raises:
            TypeError: the addon has no probe.
        """
        if self.probe is None:
            raise TypeError(f"{type(self).__name__} has no probe")
        return serving_hooks(name, access, [self.probe], installed=release.ready.id)
