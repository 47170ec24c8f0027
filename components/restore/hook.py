"""The hook that lets Argo CD deploy to a new generation once what the last one was backed up with is there."""

from startup import on_demand

import asyncio
import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

if TYPE_CHECKING:
    from azure.core import credentials

    from components.restore import bring_back as restoring
    from components.restore import vault as vaults
else:  # half a second, and only a rebuild needs it
    credentials = on_demand("azure.core.credentials")
    restoring = on_demand("components.restore.bring_back")
    vaults = on_demand("components.restore.vault")

_TOKEN = "azure-native:authorization:getClientToken"  # noqa: S105 - a function's name
_TOKEN_SECONDS = 600
"""After which another is asked for: Azure's last an hour at least."""


@dataclass(frozen=True, kw_only=True)
class RestoreArgs:
    """Where backups are, and where to they are restored."""

    subscription_id: str
    resource_group_name: str
    """Of the vault."""
    vault_name: str
    cluster_id: pulumi.Output[str]
    """ARM id of the new cluster."""
    location: str
    at: dt.datetime | None
    """What is restored is of this time, or the latest before; the latest of all when None."""
    provider: pulumi.ProviderResource | None
    """Signs in to Azure."""


def restore_hook(name: str, args: RestoreArgs) -> pulumi.ResourceHook:
    """Return the hook.

    Without any backup in the vault it lets pass, with a warning: the region may be another, or the cluster too young. A
    restore that fails, wholly or in part, ends the run, and no application is deployed; the next run goes on with one
    that is under way, and does not repeat one that is complete.

    Args:
        name: the hook's name.
        args: what is restored, and where to.
    """

    async def before(_: pulumi.ResourceHookArgs) -> None:
        if pulumi.runtime.is_dry_run():
            pulumi.log.info("applications are restored from the last cluster's backup before Argo CD deploys any")
            return
        cluster_id = await args.cluster_id.future()
        if cluster_id is None:
            return
        token = _ProvidersToken(asyncio.get_running_loop(), args.provider)
        await asyncio.to_thread(_restore, args, cluster_id, token)

    return pulumi.ResourceHook(name, before, pulumi.ResourceHookOptions(on_dry_run=True))


def _restore(args: RestoreArgs, cluster_id: str, token: "credentials.TokenCredential") -> None:
    backups = vaults.Backups(token, args.subscription_id, args.resource_group_name, args.vault_name)
    cluster = vaults.Cluster(id=cluster_id, location=args.location)
    try:
        job = restoring.bring_back(backups, cluster, pulumi.log.info, now=dt.datetime.now(dt.UTC), at=args.at)
    except vaults.RestoreError as error:
        raise pulumi.RunError(
            f"{error}. No application was deployed: run `pulumi up` again, which goes on where this ended, or set "
            "backup.restore: none to begin with empty volumes"
        ) from None
    if job is None:
        pulumi.log.warn(
            f"NOTHING RESTORED: {args.vault_name} has no backup of another cluster, and applications begin with empty "
            "volumes"
        )
        return
    for note in job.notes:
        pulumi.log.warn(f"restore {job.id}: {note}")


class _ProvidersToken:
    """The token of whoever the program signs in to Azure as: there is no second way to sign in."""

    def __init__(self, loop: asyncio.AbstractEventLoop, provider: pulumi.ProviderResource | None) -> None:
        self._loop, self._provider = loop, provider

    def get_token(self, *_: str, **__: Any) -> "credentials.AccessToken":  # noqa: ANN401 - the protocol's
        """Ask the provider, from another thread than the program's."""
        opts = pulumi.InvokeOptions(provider=self._provider)
        # not the SDK's form with outputs: one that fails ends the run, whoever handles it
        asked = pulumi.runtime.invoke_async(_TOKEN, {}, opts)
        answer = asyncio.run_coroutine_threadsafe(asked, self._loop).result()
        return credentials.AccessToken(str((answer or {})["token"]), int(time.time()) + _TOKEN_SECONDS)
