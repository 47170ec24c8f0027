"""The self-healing Helm release: the only caller of ``Release``.

Before a release is created or updated, a resource hook looks at the ground: does the addon before it serve, and is
Helm's record one that Helm will work with? A dead run's record is put out of the way; everything else that is wrong is
an error that says what to do. Hooks do not run in previews.
"""

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v3 import Release as HelmRelease
from pulumi_kubernetes.helm.v3 import RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.charts import Chart
from components.cluster_api import HEARTBEAT_SECONDS, WATCH_SECONDS, ClusterApi, Probe
from components.helm_record import Operation, judge

PROBE_SECONDS = 180.0
"""How long the addon before may take to serve once its workloads are available; webhooks need seconds."""


class NotServingError(Exception):
    """An addon that the next one needs does not serve; the text names it."""


@dataclass(frozen=True, kw_only=True)
class ReleaseArgs:
    """What is installed, and where."""

    access: ClusterAccess
    chart: Chart
    namespace: str
    values: Mapping[str, pulumi.Input[Any]]
    """The chart's values, complete."""
    timeout_seconds: int
    """How long Helm waits for the release to be ready."""
    pod_security: str = "restricted"
    """Pod Security Standard that the namespace enforces. https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    needs: Sequence[Probe] = ()
    """What has to serve before the release is created or updated."""


class Release(pulumi.ComponentResource):
    """A namespace with its Pod Security labels, and a Helm release in it that survives killed runs.

    The release is ready when its workloads are available, as Helm sees it.
    """

    namespace: pulumi.Output[str]
    """The namespace's name, known once it is there."""
    ready: HelmRelease
    """What waits for this waits for the release to be ready."""

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the namespace and the release; both carry the chart's name."""
        super().__init__("aks-bootstrap:release:Release", name, None, opts)
        chart = args.chart
        namespace = Namespace(
            name,
            metadata=ObjectMetaArgs(
                name=args.namespace,
                labels={
                    "pod-security.kubernetes.io/enforce": args.pod_security,
                    "pod-security.kubernetes.io/warn": "restricted",
                    "app.kubernetes.io/managed-by": "aks-bootstrap",
                },
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        before, after = _guard(name, args)
        self.ready = HelmRelease(
            name,
            name=chart.name,
            namespace=namespace.metadata.name,
            chart=chart.reference,
            version=chart.version,
            repository_opts=None if chart.oci else RepositoryOptsArgs(repo=chart.repository),
            values=args.values,
            timeout=args.timeout_seconds,
            max_history=5,
            opts=pulumi.ResourceOptions(
                parent=self,
                # two releases of one name cannot stand side by side
                delete_before_replace=True,
                # Helm's own wait comes first; this one only bounds a provider that hangs
                custom_timeouts=pulumi.CustomTimeouts(
                    create=f"{args.timeout_seconds + 120}s", update=f"{args.timeout_seconds + 120}s"
                ),
                hooks=pulumi.ResourceHookBinding(
                    before_create=[before],
                    before_update=[before],
                    after_create=[after],
                    after_update=[after],
                ),
            ),
        )
        self.namespace = namespace.metadata.apply(lambda metadata: metadata.name or "")
        self.register_outputs({})


def serving_hook(name: str, access: ClusterAccess, needs: Sequence[Probe]) -> pulumi.ResourceHookBinding:
    """Return hooks that let a resource be created or updated only when the addons it needs serve."""

    async def wait(_: pulumi.ResourceHookArgs) -> None:
        kubeconfig = await access.kubeconfig.future()
        if kubeconfig is not None:
            await asyncio.to_thread(lambda: await_serving(ClusterApi(kubeconfig, access.context), needs))

    hook = pulumi.ResourceHook(f"{name}-ground", wait)
    return pulumi.ResourceHookBinding(before_create=[hook], before_update=[hook])


def await_serving(
    api: ClusterApi,
    needs: Sequence[Probe],
    *,
    seconds: float = PROBE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until every probe is taken.

    Raises:
        NotServingError: an addon did not serve in time.
    """
    deadline = time.monotonic() + seconds
    for probe in needs:
        while (refusal := api.refusal(probe)) is not None:
            if time.monotonic() >= deadline:
                raise NotServingError(
                    f"{probe.addon} does not serve: after {seconds:.0f} s a dry run of "
                    f"{probe.body['kind']} ({probe.group}/{probe.version}) is still refused: {refusal}"
                )
            sleep(2)


def _guard(name: str, args: ReleaseArgs) -> tuple[pulumi.ResourceHook, pulumi.ResourceHook]:
    access, release, namespace = args.access, args.chart.name, args.namespace
    lease = f"aks-bootstrap-{release}"
    stack = f"{pulumi.get_organization()}/{pulumi.get_project()}/{pulumi.get_stack()}"
    ended = threading.Event()

    def check(kubeconfig: str, holder: str, operation: Operation) -> None:
        api = ClusterApi(kubeconfig, access.context)
        await_serving(api, args.needs)
        records = api.records(release, namespace)
        # a live run shows only where an operation looks unfinished; elsewhere there is nothing to watch for
        watch = WATCH_SECONDS if any(record.in_progress for record in records) else 0
        claim = api.claim_of(lease, namespace, holder, watch_seconds=watch)
        verdict = judge(
            release=release,
            namespace=namespace,
            chart=args.chart.name,
            operation=operation,
            records=records,
            claim=claim,
        )
        if verdict.message:
            pulumi.log.warn(verdict.message)
        api.take_lease(lease, namespace, holder, operation.value)
        for record in verdict.drop:
            api.delete_record(record, namespace)
        for record in verdict.fail:
            api.fail_record(record, namespace)
        threading.Thread(target=heartbeat, args=(api,), daemon=True).start()

    def heartbeat(api: ClusterApi) -> None:
        while not ended.wait(HEARTBEAT_SECONDS):
            try:
                api.renew_lease(lease, namespace)
            except Exception as error:
                pulumi.log.debug(f"lease {namespace}/{lease} was not renewed: {type(error).__name__}")

    async def before(hook: pulumi.ResourceHookArgs) -> None:
        kubeconfig, provider = await access.kubeconfig.future(), await access.provider.id.future()
        if kubeconfig is not None:
            operation = Operation.CREATE if hook.old_outputs is None else Operation.UPDATE
            # the engine gives every provider an id of its own: another copy of this stack has another one
            await asyncio.to_thread(check, kubeconfig, f"{stack}/{provider}", operation)

    async def after(_: pulumi.ResourceHookArgs) -> None:
        ended.set()
        kubeconfig = await access.kubeconfig.future()
        if kubeconfig is not None:
            await asyncio.to_thread(lambda: ClusterApi(kubeconfig, access.context).end_lease(lease, namespace))

    return pulumi.ResourceHook(f"{name}-before", before), pulumi.ResourceHook(f"{name}-after", after)
