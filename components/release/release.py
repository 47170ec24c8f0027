"""The self-healing Helm release: the only caller of ``helm.v3.Release``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import pulumi
from pulumi_kubernetes.apiextensions import CustomResource
from pulumi_kubernetes.core.v1 import Namespace
from pulumi_kubernetes.helm.v3 import Release as HelmRelease
from pulumi_kubernetes.helm.v3 import RepositoryOptsArgs
from pulumi_kubernetes.meta.v1 import ObjectMetaArgs

from components.access import ClusterAccess
from components.release.chart import Chart
from components.release.crds import chart_crds
from components.release.guard import Guard, release_hooks, settle_unfinished
from components.release.probe import Probe
from components.release.supply import Supply
from settings.addons import Charts


class Object(NamedTuple):
    """An object in a release's namespace."""

    logical_name: str
    api_version: str
    kind: str
    name: str
    spec: Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class ReleaseArgs:
    """What is installed, and where."""

    access: ClusterAccess
    chart: Chart
    """The pinned chart; the stack file's override of it is applied here."""
    charts: Charts
    """The stack file's settings of charts: mirror, overrides, time-out."""
    supply: Supply
    """The mirror of images and charts, and the digests of those that are locked."""
    values: Mapping[str, pulumi.Input[Any]]
    """The addon's own values; where images are, and what the stack file overrides, are merged over them, deeply."""
    needs: Sequence[Probe]
    """What has to serve before the release is created or updated."""
    pod_security: str = "restricted"
    """Pod Security Standard that the namespace enforces. https://kubernetes.io/docs/concepts/security/pod-security-standards/"""
    crds: Mapping[str, Any] | None = None
    """Of a chart with a ``crds/`` folder: values with which it renders nothing but those CRDs."""
    first: Sequence[Object] = ()
    """Objects that the release's pods need when they start, of kinds that are there or in ``crds``."""


class Release(pulumi.ComponentResource):
    """A namespace with its Pod Security labels, and a Helm release in it that survives killed runs.

    The release is ready when its workloads are available, as Helm sees it.
    """

    namespace: pulumi.Output[str]
    """The namespace's name, known once it is there."""
    ready: HelmRelease
    """What waits for this waits for the release to be ready."""

    def __init__(self, name: str, args: ReleaseArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        """Create the namespace and the release; it carries the chart's name."""
        super().__init__("aks-bootstrap:release:Release", name, None, opts)
        chart, seconds = args.supply.chart(args.chart, args.charts), args.charts.timeout_seconds
        namespace = Namespace(
            name,
            metadata=ObjectMetaArgs(
                name=chart.namespace,
                labels={
                    "pod-security.kubernetes.io/enforce": args.pod_security,
                    "pod-security.kubernetes.io/warn": "restricted",
                    "app.kubernetes.io/managed-by": "aks-bootstrap",
                },
            ),
            opts=pulumi.ResourceOptions(parent=self),
        )
        crds = (
            [
                chart_crds(
                    f"{name}-crds",
                    args.access,
                    chart,
                    args.crds,
                    namespace=chart.namespace,
                    keep=args.charts.keep_crds,
                    parent=self,
                )
            ]
            if args.crds is not None
            else []
        )
        first = [
            CustomResource(
                wanted.logical_name,
                api_version=wanted.api_version,
                kind=wanted.kind,
                metadata=ObjectMetaArgs(name=wanted.name, namespace=namespace.metadata.name),
                spec=wanted.spec,
                opts=pulumi.ResourceOptions(parent=self, depends_on=crds),
            )
            for wanted in args.first
        ]
        guard = Guard(release=chart.name, namespace=chart.namespace, chart=chart.name, needs=args.needs)
        self.ready = HelmRelease(
            name,
            name=chart.name,
            namespace=namespace.metadata.name,
            chart=chart.reference,
            version=chart.version,
            repository_opts=None if chart.oci else RepositoryOptsArgs(repo=chart.repository),
            values=args.supply.values(args.chart, args.charts, args.values),
            timeout=seconds,
            max_history=5,
            skip_crds=True if crds else None,
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*crds, *first],
                # two releases of one name cannot coexist
                delete_before_replace=True,
                # Helm's own wait comes first; this one only bounds a provider that hangs
                custom_timeouts=pulumi.CustomTimeouts(create=f"{seconds + 120}s", update=f"{seconds + 120}s"),
                hooks=release_hooks(name, args.access, guard, args.supply.comparison(args.chart, args.charts)),
            ),
        )
        settle_unfinished(args.access, guard, self.ready.status)
        self.namespace = namespace.metadata.apply(lambda metadata: metadata.name or "")
        self.register_outputs({})

    def once_installed(self, value: Any) -> pulumi.Output[Any]:
        """Return a value that is unknown in a preview of the release's creation.

        A resource with it is not sent to the API server then. Where a run died while it installed the release, CRDs and
        webhooks may be there, and what answers them not: the preview would fail, and the update would repair it.
        """
        return pulumi.Output.all(self.ready.id, value).apply(lambda found: found[1])
