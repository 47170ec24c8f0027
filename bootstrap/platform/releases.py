"""The releases that the program installs, and the namespace of each."""

from collections.abc import Mapping

from components.addons.charts import PINNED
from settings import Settings

RELEASES: Mapping[str, str] = {chart.namespace: chart.name for chart in PINNED}
"""Every release, which has the name of its chart, by its namespace."""


def installed(settings: Settings) -> dict[str, str]:
    """Return the releases of a stack by their namespaces."""
    return {chart.namespace: chart.name for chart in PINNED if chart.installed(settings)}
