"""The CRDs that a chart keeps in its ``crds/`` folder, applied as resources of their own."""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi_kubernetes.helm.v4 import Chart as HelmChart
from pulumi_kubernetes.helm.v4 import RepositoryOptsArgs

from components.access import ClusterAccess
from components.release.chart import Chart


def chart_crds(
    name: str,
    access: ClusterAccess,
    chart: Chart,
    values: Mapping[str, Any],
    *,
    namespace: str,
    keep: bool,
    parent: pulumi.Resource,
) -> HelmChart:
    """Apply the CRDs of a chart's ``crds/`` folder, which Helm installs once and then neither upgrades nor deletes.

    https://helm.sh/docs/chart_best_practices/custom_resource_definitions/. CRDs that Helm installed earlier are taken
    over.

    Args:
        name: logical name.
        access: access to the cluster.
        chart: the chart, as it is installed.
        values: values with which the chart renders nothing else.
        namespace: namespace of its release.
        keep: leave the CRDs, and all objects of their kinds, in the cluster when the stack removes them.
        parent: the component that they are in.
    """
    return HelmChart(
        name,
        name=chart.name,
        namespace=namespace,
        chart=chart.reference,
        version=chart.version,
        repository_opts=None if chart.oci else RepositoryOptsArgs(repo=chart.repository),
        values=values,
        opts=pulumi.ResourceOptions(parent=parent, provider=access.crds, retain_on_delete=keep),
    )
