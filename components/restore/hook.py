"""The hook that lets Argo CD deploy to a new generation once what the last one was backed up with is there."""

from startup import on_demand

import asyncio
import datetime as dt
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi

from components.access import ClusterAccess
from components.release.guard import sign_in
from conventions import ARGO_CD_NAMESPACE

if TYPE_CHECKING:
    from azure.core import credentials, exceptions

    from components.release import cluster_api
    from components.restore import bring_back as restoring
    from components.restore import vault as vaults
else:  # half a second, and only a rebuild needs it
    credentials = on_demand("azure.core.credentials")
    exceptions = on_demand("azure.core.exceptions")
    cluster_api = on_demand("components.release.cluster_api")
    restoring = on_demand("components.restore.bring_back")
    vaults = on_demand("components.restore.vault")

NOTE = "aks-bootstrap-restore"
"""ConfigMap in Argo CD's namespace that names the restore of a cluster, for runs that go on with it."""
_TOKEN = "azure-native:authorization:getClientToken"
_TOKEN_SECONDS = 600
"""After which another is asked for: Azure's last an hour at least."""
_WAYS_ON = (
    "No application was deployed: run `pulumi up` again, which goes on where this ended, or set backup.restore: none "
    "to go on with what is there"
)


@dataclass(frozen=True, kw_only=True)
class RestoreArgs:
    """Where backups are, and where to they are restored."""

    access: ClusterAccess
    """The new cluster."""
    subscription_id: str
    resource_group_name: str
    """Of the vault."""
    vault_name: str
    cluster_id: pulumi.Output[str]
    """ARM id of the new cluster."""
    location: str
    at: dt.datetime | None
    """What is restored is of this time, or the latest before; the latest of all when None."""
    every: dt.timedelta
    """How often backups are taken."""
    provider: pulumi.ProviderResource | None
    """Signs in to Azure."""


def restore_hook(name: str, args: RestoreArgs) -> pulumi.ResourceHook:
    """Return the hook.

    Where the vault has no other cluster it lets pass, with a warning: the region may be another. A restore that fails,
    wholly or in part, ends the run, and no application is deployed; the next run goes on with one that is under way,
    and does not repeat one that is complete. A cluster that is not new any more is left as it is.

    Args:
        name: the hook's name.
        args: what is restored, and where to.
    """

    async def before(_: pulumi.ResourceHookArgs) -> None:
        if pulumi.runtime.is_dry_run():
            pulumi.log.info(
                "applications are restored before Argo CD deploys any, where the vault has a backup of another cluster"
            )
            return
        cluster_id, api = await args.cluster_id.future(), await sign_in(args.access)
        if cluster_id is None or api is None:
            raise pulumi.RunError(f"cannot restore: the cluster is not known yet. {_WAYS_ON}")
        token = _ProvidersToken(asyncio.get_running_loop(), args.provider)
        await asyncio.to_thread(_restore, args, cluster_id, api, token)

    return pulumi.ResourceHook(name, before, pulumi.ResourceHookOptions(on_dry_run=True))


def _restore(
    args: RestoreArgs, cluster_id: str, api: "cluster_api.ClusterApi", token: "credentials.TokenCredential"
) -> None:
    backups = vaults.Backups(token, args.subscription_id, args.resource_group_name, args.vault_name)
    cluster = vaults.Cluster(id=cluster_id, location=args.location)
    wish, now = restoring.Wish(at=args.at, every=args.every), dt.datetime.now(dt.UTC)
    try:
        job = restoring.bring_back(backups, cluster, _ClustersMemory(api), wish, pulumi.log.info, now=now)
    except vaults.RestoreError as error:
        raise pulumi.RunError(f"{error}. {_WAYS_ON}") from None
    except cluster_api.UNREACHABLE as error:
        raise pulumi.RunError(
            f"the cluster does not say what was restored ({type(error).__name__}). {_WAYS_ON}"
        ) from None
    if job is None:
        pulumi.log.warn(
            f"NOTHING RESTORED: {args.vault_name} has no backups of another cluster; applications start with empty "
            "volumes"
        )
        return
    for note in job.notes:
        pulumi.log.warn(f"restore {job.id}: {note}")


class _ClustersMemory:
    """What the cluster itself knows: a cluster of the same name that is recreated does not."""

    def __init__(self, api: "cluster_api.ClusterApi") -> None:
        self._api = api

    def age(self) -> dt.timedelta:
        """Return how old it is."""
        return self._api.age()

    def job(self) -> str | None:
        """Return the id of the restore that an earlier run began."""
        return self._api.remembered(NOTE, ARGO_CD_NAMESPACE)

    def remember(self, job: str) -> None:
        """Note a restore down."""
        self._api.remember(NOTE, ARGO_CD_NAMESPACE, job)


class _ProvidersToken:
    """The token of whoever the program signs in to Azure as: there is no second way to sign in."""

    def __init__(self, loop: asyncio.AbstractEventLoop, provider: pulumi.ProviderResource | None) -> None:
        self._loop, self._provider = loop, provider

    def get_token(self, *_: str, **__: Any) -> "credentials.AccessToken":
        """Ask the provider, from another thread than the program's.

        Raises:
            ClientAuthenticationError: Azure gives none.
        """
        opts = pulumi.InvokeOptions(provider=self._provider)
        # not the SDK's form with outputs: one that fails ends the run, whoever handles it
        asked = pulumi.runtime.invoke_async(_TOKEN, {}, opts)
        try:
            token = str((asyncio.run_coroutine_threadsafe(asked, self._loop).result() or {})["token"])
        except Exception as error:
            raise exceptions.ClientAuthenticationError(f"no sign-in to Azure: {error}") from None
        return credentials.AccessToken(token, int(time.time()) + _TOKEN_SECONDS)
