"""A Helm chart: where it comes from, which version, its images, and what the stack file overrides of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from settings import Settings
from settings.addons import ChartOverride, Charts


def _in_every_stack(_settings: Settings) -> bool:
    return True


@dataclass(frozen=True, kw_only=True)
class ChartImage:
    """An image of a chart, and where its values say which one it is."""

    repository: str
    """The image's name as the chart has it, with its registry: ``docker.io/library/traefik``."""
    section: str
    """Keys that lead to the section of the values with ``repository`` and ``tag``, with dots between them."""
    registry: bool = False
    """Whether the section has the registry apart, in ``registry``."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A chart in a repository. ``repository`` of an OCI chart leaves the chart's name out."""

    name: str
    repository: str
    version: str
    namespace: str
    """Namespace of its release, which it has to itself."""
    override: Callable[[Charts], ChartOverride]
    """Finds the section of the stack file that overrides this chart."""
    installed: Callable[[Settings], bool] = _in_every_stack
    """Tells whether a stack installs it."""
    kinds: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """API groups of its CRDs, and the plural names of those kinds in each that the addon does not work without."""
    crds_folder: bool = False
    """Whether its CRDs are in ``crds/``, which Helm never upgrades: the program applies them before the release."""
    injector: str | None = None
    """Deployment that writes the ``caBundle`` of the addon's webhooks; None where it has none."""
    images: tuple[ChartImage, ...] = ()
    """The images that the program can make it render."""
    digest: str | None = None
    """Of the manifest in an OCI registry, where it is locked: it is installed then, whatever the version stands for."""

    @property
    def oci(self) -> bool:
        """Whether the repository is an OCI registry."""
        return self.repository.startswith("oci://")

    @property
    def place(self) -> str:
        """The chart in its repository, without a version."""
        return f"{self.repository.rstrip('/')}/{self.name}"

    @property
    def key(self) -> str:
        """What the lock file calls it."""
        return f"{self.place}:{self.version}"

    @property
    def reference(self) -> str:
        """What Helm installs: the full OCI reference, or the name that goes with the repository's URL.

        Helm refuses a chart whose manifest has another digest. https://helm.sh/docs/topics/registries/
        """
        if not self.oci:
            return self.name
        return f"{self.place}@{self.digest}" if self.digest else self.place

    def upstream(self, charts: Charts) -> "Chart":
        """Return the chart without any mirror: what the stack file overrides of it wins over what is pinned."""
        override = self.override(charts)
        return replace(
            self,
            repository=override.repository or self.repository,
            version=override.version or self.version,
        )
