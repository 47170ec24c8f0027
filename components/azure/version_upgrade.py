"""Kubernetes' minor version of a running generation: when it may be raised in place."""

from collections.abc import Mapping
from typing import Any

import pulumi


class VersionUpgradeError(Exception):
    """Azure would refuse to raise the version in place, or half do it; the text says what to do instead."""


def why_not_in_place(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Return why Azure does not raise a cluster's minor version as asked; None where it does, or where it stays.

    With an upgrade channel, Azure wants every pool's version in the request that raises the control plane's, and pools
    are resources of their own here. Without one, the control plane goes first, and pools follow.
    https://learn.microsoft.com/azure/aks/upgrade-aks-cluster and
    https://github.com/Azure/terraform-azurerm-aks/issues/301

    Args:
        old: the cluster's inputs in the state.
        new: its inputs now.
    """
    before, after = old.get("kubernetesVersion"), new.get("kubernetesVersion")
    channel = (new.get("autoUpgradeProfile") or {}).get("upgradeChannel", "none")
    if not before or not after or _minor(before) == _minor(after) or channel == "none":
        return None
    return (
        f"cluster.kubernetesVersion cannot go from {before} to {after} in place while cluster.upgradeChannel is "
        f"{channel!r}: raise cluster.generation in the same edit, which builds the new version beside the old one; or "
        "set upgradeChannel to none and run `pulumi up` before you raise the version"
    )


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]


def upgrade_hook(name: str) -> pulumi.ResourceHookBinding:
    """Return hooks that refuse, in a preview and in an update, an upgrade that Azure would refuse."""

    def check(args: pulumi.ResourceHookArgs) -> None:
        if why := why_not_in_place(args.old_inputs or {}, args.new_inputs or {}):
            raise VersionUpgradeError(why)

    hook = pulumi.ResourceHook(name, check, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_update=[hook])
