"""Where a release's chart and images come from: the mirror, where there is one, and by digest, where it is locked."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from components.release.archive import compare_archive
from components.release.chart import Chart, ChartImage
from components.release.lock import Lock, LockedChart, read_lock
from settings import Settings
from settings.addons import Charts
from settings.merge import merge

CHARTS_FOLDER = "charts"
"""Where charts are in a mirror."""

LOCK: ContextVar[Lock | None] = ContextVar("lock", default=None)
"""What is taken for the lock file, where somebody asks what would be installed without it."""


@dataclass(frozen=True, kw_only=True)
class Supply:
    """The stack's mirror, and the lock."""

    mirror: str | None = None
    """``images.mirror`` of the stack file."""
    lock: Lock = field(default_factory=Lock)

    @classmethod
    def of(cls, settings: Settings) -> "Supply":
        """Take the mirror from the stack's settings, and read the lock file.

        Raises:
            LockError: it is not a lock file.
        """
        given = LOCK.get()
        return cls(mirror=settings.images.mirror, lock=read_lock() if given is None else given)

    def chart(self, chart: Chart, charts: Charts) -> Chart:
        """Return the chart to install.

        The repository of its own override wins over ``charts.mirror``, that one over the images' mirror, and any of
        them over what is pinned. The digest of its manifest goes along where the manifest is upstream's: there, and in
        the images' mirror, which copies it. Another repository may have packed the same archive again.
        """
        upstream = chart.upstream(charts)
        ours = f"oci://{self.mirror}/{CHARTS_FOLDER}" if self.mirror else None
        repository = chart.override(charts).repository or charts.mirror or ours or upstream.repository
        locked = self.lock.charts.get(upstream.key, LockedChart())
        is_copy = repository in (upstream.repository, ours)
        return replace(
            upstream,
            repository=repository,
            digest=locked.manifest if is_copy and repository.startswith("oci://") else None,
        )

    def comparison(self, chart: Chart, charts: Charts) -> Callable[[], None] | None:
        """Return what compares a plain repository's archive with the lock; None where Helm does, or nothing is locked.

        A repository that is not upstream's may have packed the chart again.
        """
        upstream, installed = chart.upstream(charts), self.chart(chart, charts)
        digest = self.lock.charts.get(installed.key, LockedChart()).archive
        if installed.oci or digest is None or installed.key != upstream.key:
            return None
        return partial(compare_archive, installed.repository, installed.name, installed.version, digest)

    def values(self, chart: Chart, charts: Charts, own: Mapping[str, Any]) -> dict[str, Any]:
        """Return the release's values: where its images are, over the addon's own, below those of the stack file.

        What the stack file says of an image is left alone: a digest of another one would win over its tag.

        Args:
            chart: the chart, as it is pinned.
            charts: the stack file's overrides.
            own: the addon's own values.
        """
        locked = self.lock.charts.get(chart.upstream(charts).key, LockedChart())
        over = chart.override(charts).values
        images: dict[str, Any] = {}
        for image in chart.images:
            section = self._image(image, None if section_of(over, image.section) else locked.tagged(image.repository))
            for key in reversed(image.section.split(".") if section else ()):
                section = {key: section}
            images = merge(images, section)
        return merge(merge(own, images), over)

    def _image(self, image: ChartImage, locked: tuple[str, str] | None) -> dict[str, Any]:
        section: dict[str, Any] = {}
        if self.mirror and image.registry:
            section = {"registry": self.mirror, "repository": path_in_mirror(image.repository)}
        elif self.mirror:
            section = {"repository": f"{self.mirror}/{path_in_mirror(image.repository)}"}
        if locked is not None:
            # every chart prints what follows the colon as it is, and few have a key for the digest
            section["tag"] = "@".join(locked)
        return section


def path_in_mirror(name: str) -> str:
    """Return where an image is in a mirror: below its registry, so that no two share a place.

    Args:
        name: the image's name with its registry; a path holds no colon, which a port has in front of it.
    """
    return name.replace(":", "_")


def section_of(values: Mapping[str, Any], place: str) -> Any:
    """Return what stands in values below keys with dots between them; None where there is nothing."""
    found: Any = values
    for key in place.split("."):
        found = found.get(key) if isinstance(found, Mapping) else None
    return found
