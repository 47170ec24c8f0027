"""What is checked before a Helm release is touched, and the lease that distinguishes a live run from a dead one.

Before a release is created or updated, a resource hook checks two things: do the addons that it needs serve, and is
Helm's record one that Helm will work with? A dead run's record is removed; everything else that is wrong is an
error that names the remedy. These hooks do not run in previews.

Before an addon's custom resource is created or updated, another hook checks that the addon's webhook answers, and so it
does in a preview, where the provider would ask the webhook too.
"""

from startup import on_demand

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi

from components.access import ClusterAccess
from components.release.helm_record import Claim, Operation, Record, ReleaseConflictError, judge, judge_unfinished
from components.release.lease import HEARTBEAT_SECONDS, WATCH_SECONDS
from components.release.probe import Probe, await_serving, await_webhooks
from components.release.stored_versions import migrate

if TYPE_CHECKING:
    from components.release import cluster_api
else:
    cluster_api = on_demand("components.release.cluster_api")  # a third of a second, and a preview rarely needs it


AGAIN = "AKS_BOOTSTRAP_AGAIN"
"""Names a file that a run writes when it failed and the next one goes on where it ended."""


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Checks one release before an operation, and shows that the run is alive while it lasts."""

    release: str
    namespace: str
    chart: str
    needs: Sequence[Probe]
    """What has to serve first."""
    ended: threading.Event = field(default_factory=threading.Event)

    @property
    def lease(self) -> str:
        """Name of the lease, which stays when the operation is over and records who owns the release."""
        return f"aks-bootstrap-{self.release}"

    def begin(self, api: "cluster_api.ClusterApi", holder: str, operation: Operation) -> None:
        """Check the release, repair what a dead run left of it, and take the lease.

        Args:
            api: the cluster.
            holder: identifies this stack among all that use the cluster.
            operation: what Pulumi is about to do.

        Raises:
            NotServingError: an addon that the release needs does not serve.
            ReleaseConflictError: the release must not be touched.
        """
        await_serving(api, self.needs)
        records, claim = self._look(api, holder)
        verdict = judge(
            release=self.release,
            namespace=self.namespace,
            chart=self.chart,
            operation=operation,
            records=records,
            claim=claim,
        )
        if verdict.message:
            pulumi.log.warn(verdict.message)
        api.take_lease(self.lease, self.namespace, holder, operation.value)
        for record in verdict.drop:
            api.delete_record(record, self.namespace)
        for record in verdict.fail:
            api.fail_record(record, self.namespace)
        if operation is Operation.UPDATE:
            for line in migrate(api, self.release, self.namespace):
                pulumi.log.info(line)

    def settle(self, api: "cluster_api.ClusterApi", holder: str) -> str:
        """Remove the records of a release that no run finished; return what was done, or nothing where nothing was.

        Raises:
            ReleaseConflictError: the release must not be touched.
        """
        records, claim = self._look(api, holder)
        verdict = judge_unfinished(
            release=self.release, namespace=self.namespace, chart=self.chart, records=records, claim=claim
        )
        for record in verdict.drop:
            api.delete_record(record, self.namespace)
        return verdict.message

    def _look(self, api: "cluster_api.ClusterApi", holder: str) -> tuple[list[Record], Claim]:
        records = api.records(self.release, self.namespace)
        # a live run shows only where an operation looks unfinished; elsewhere there is nothing to watch for
        watch = WATCH_SECONDS if any(record.in_progress for record in records) else 0
        return records, api.claim_of(self.lease, self.namespace, holder, watch_seconds=watch)

    def keep_alive(self, api: "cluster_api.ClusterApi", *, every_seconds: float = HEARTBEAT_SECONDS) -> None:
        """Renew the lease until the operation has ended; a renewal that fails is tried again at the next one."""
        while not self.ended.wait(every_seconds):
            try:
                api.renew_lease(self.lease, self.namespace)
            except Exception as error:
                pulumi.log.debug(f"lease {self.namespace}/{self.lease} was not renewed: {type(error).__name__}")

    def end(self, api: "cluster_api.ClusterApi") -> None:
        """Say that the operation is over."""
        self.ended.set()
        api.end_lease(self.lease, self.namespace)


def settle_unfinished(access: ClusterAccess, guard: Guard, status: pulumi.Output[Any]) -> None:
    """Fail a run whose refresh took over a revision that no run finished, once what is left of it is removed.

    Hooks see only what changes, and to the engine such a release is as it should be. The next run installs it over what
    is there.

    Args:
        access: the cluster.
        guard: of the release.
        status: the release's, as the provider last read it; unknown where the release changes in this run.
    """

    async def settle(found: Any) -> str:
        read = str(found.status or "") if found is not None else ""
        if read in {"", "deployed"}:
            return read
        if pulumi.runtime.is_dry_run():
            pulumi.log.warn(f"release {guard.namespace}/{guard.release} is {read}; the update will inspect it")
            return read
        if (api := await sign_in(access)) is None:
            return read
        try:
            message = await asyncio.to_thread(guard.settle, api, await _holder(access))
        except ReleaseConflictError as error:
            raise pulumi.RunError(str(error)) from None
        if message:
            if marker := os.environ.get(AGAIN):
                Path(marker).touch()
            raise pulumi.RunError(f"{message}; run `pulumi up` again: Helm adopts the existing objects")
        return read

    status.apply(settle)  # type: ignore[arg-type] # mypy infers nothing from a coroutine here


async def _holder(access: ClusterAccess) -> str:
    """Return who this stack is among all that use the cluster.

    The engine gives every provider an id of its own: another copy of this stack has another one.
    """
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    return f"{stack}/{await access.provider.id.future()}"


def release_hooks(
    name: str, access: ClusterAccess, guard: Guard, compare: Callable[[], None] | None = None
) -> pulumi.ResourceHookBinding:
    """Return the hooks that check a release before it is created or updated, and end its lease afterwards.

    Args:
        name: the hooks' names begin with it.
        access: the cluster.
        guard: of the release.
        compare: fails where the chart is not the one that is locked; None where Helm sees to it, or nothing is.
    """

    async def before(hook: pulumi.ResourceHookArgs) -> None:
        if compare is not None:
            await asyncio.to_thread(compare)
        if (api := await sign_in(access)) is not None:
            operation = Operation.CREATE if hook.old_outputs is None else Operation.UPDATE
            await asyncio.to_thread(guard.begin, api, await _holder(access), operation)
            threading.Thread(target=guard.keep_alive, args=(api,), daemon=True).start()

    async def after(_: pulumi.ResourceHookArgs) -> None:
        guard.ended.set()
        if (api := await sign_in(access)) is not None:
            await asyncio.to_thread(guard.end, api)

    first, last = pulumi.ResourceHook(f"{name}-before", before), pulumi.ResourceHook(f"{name}-after", after)
    return pulumi.ResourceHookBinding(
        before_create=[first], before_update=[first], after_create=[last], after_update=[last]
    )


def serving_hooks(
    name: str, access: ClusterAccess, needs: Sequence[Probe], *, installed: pulumi.Output[Any] | None = None
) -> pulumi.ResourceHookBinding:
    """Return hooks that let a resource be created or updated only when the addons that it needs serve.

    Args:
        name: the hook's name begins with it.
        access: the cluster.
        needs: probes of those addons.
        installed: known in a preview only where nothing that the resource needs is installed by the same run.
    """

    async def wait(_: pulumi.ResourceHookArgs) -> None:
        preview = pulumi.runtime.is_dry_run()
        if preview and installed is not None and not await installed.is_known():
            return
        if (api := await sign_in(access)) is not None:
            if not preview:
                await asyncio.to_thread(await_serving, api, needs)
                return
            # who may only read may preview all the same; the provider does not ask the webhook then
            with suppress(cluster_api.NotAllowedError):
                await asyncio.to_thread(await_webhooks, api, needs)

    hook = pulumi.ResourceHook(f"{name}-serving", wait, pulumi.ResourceHookOptions(on_dry_run=True))
    return pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])


async def sign_in(access: ClusterAccess) -> "cluster_api.ClusterApi | None":
    """Return the cluster's API, or None where the cluster is not known yet."""
    kubeconfig = await access.kubeconfig.future()
    if kubeconfig is None:
        return None
    # signing in may run kubelogin, which takes a while
    return await asyncio.to_thread(lambda: cluster_api.ClusterApi(kubeconfig, access.context))
