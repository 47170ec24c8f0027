"""A Helm chart: where it comes from, which version, and what the stack file overrides of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from settings.addons import ChartOverride, Charts


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart in a repository. ``repository`` of an OCI chart leaves the chart's name out."""

    name: str
    repository: str
    version: str
    override: Callable[[Charts], ChartOverride]
    """Finds the section of the stack file that overrides this chart."""

    @property
    def oci(self) -> bool:
        """Whether the repository is an OCI registry."""
        return self.repository.startswith("oci://")

    @property
    def reference(self) -> str:
        """What Helm installs: the full OCI reference, or the name that goes with the repository's URL."""
        return f"{self.repository.rstrip('/')}/{self.name}" if self.oci else self.name

    def resolve(self, charts: Charts) -> "Chart":
        """Return the chart to install: its own override wins over the mirror, the mirror over what is pinned."""
        override = self.override(charts)
        return replace(
            self,
            repository=override.repository or charts.mirror or self.repository,
            version=override.version or self.version,
        )
