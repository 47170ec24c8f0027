"""Kubernetes' minor version is raised in place only where Azure does it; otherwise the run says what to do."""

from typing import Any

import pulumi
import pytest

from components.azure.version_upgrade import VersionUpgradeError, upgrade_hook, why_not_in_place


def cluster(version: str, channel: str | None = "patch") -> dict[str, Any]:
    profile = {} if channel is None else {"autoUpgradeProfile": {"upgradeChannel": channel}}
    return {"kubernetesVersion": version, **profile}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (cluster("1.35"), cluster("1.35")),
        (cluster("1.35.4"), cluster("1.35")),
        (cluster("1.35", "none"), cluster("1.36", "none")),
        (cluster("1.35"), cluster("1.36", None)),
        ({}, cluster("1.36")),
        (cluster("1.35"), {}),
    ],
)
def test_what_azure_does_is_let_through(old: dict[str, Any], new: dict[str, Any]) -> None:
    assert why_not_in_place(old, new) is None


@pytest.mark.parametrize("channel", ["patch", "stable", "rapid", "node-image"])
def test_a_minor_version_with_an_upgrade_channel_is_refused_with_the_ways(channel: str) -> None:
    why = why_not_in_place(cluster("1.35", channel), cluster("1.36", channel))
    assert why is not None
    for words in ("from 1.35 to 1.36", f"'{channel}'", "raise cluster.generation", "set upgradeChannel to none"):
        assert words in why


def test_a_preview_and_an_update_are_refused_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[pulumi.ResourceHook] = []

    def keep(self: pulumi.ResourceHook, name: str, func: Any, opts: Any = None) -> None:
        self.name, self.callback, self.opts = name, func, opts
        made.append(self)

    monkeypatch.setattr(pulumi.ResourceHook, "__init__", keep)
    upgrade_hook("version")
    [hook] = made
    assert hook.opts is not None and hook.opts.on_dry_run
    args = pulumi.ResourceHookArgs("urn", "", "aks", "t", new_inputs=cluster("1.36"), old_inputs=cluster("1.35"))
    with pytest.raises(VersionUpgradeError):
        hook.callback(args)
