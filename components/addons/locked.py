"""Which of the addons' charts are installed by digest, with all their images."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pulumi

from components.addons.charts import PINNED
from components.release.lock import FILE, Lock, LockedChart
from components.release.supply import LOCK, Supply, section_of
from settings import Settings


def warn_of_what_is_not_locked(settings: Settings) -> None:
    """Warn, in production, of what its publisher could replace by something else.

    Raises:
        LockError: the lock file is not one.
    """
    if not settings.production or LOCK.get() is not None:
        return
    charts = Supply.of(settings).lock.charts
    installed = [chart.upstream(settings.charts) for chart in PINNED if chart.installed(settings)]
    left = [chart.name for chart in installed if not charts.get(chart.key, LockedChart()).whole]
    if left:
        pulumi.log.warn(
            f"not locked in {FILE}: {', '.join(left)}; whoever publishes them can put something else under their "
            "versions and tags: run `bootstrap images lock` where registries can be reached, and commit the file"
        )


@dataclass(frozen=True, kw_only=True)
class Naming:
    """By what a release names its chart and its images."""

    chart: str
    """``digest``, ``archive`` (its digest is compared before it is installed) or ``version``."""
    images: str
    """``digest``, ``tag``, or ``digest and tag``."""


def naming(release: Mapping[str, Any], lock: Lock) -> Naming:
    """Return by what a release names its chart and its images.

    Args:
        release: inputs of the Helm release.
        lock: the lock file.
    """
    repository = (release.get("repositoryOpts") or {}).get("repo", "")
    pinned = next((chart for chart in PINNED if chart.name == release.get("name")), None)
    if pinned is None:
        return Naming(chart="version", images="tag")
    installed = replace(pinned, repository=repository, version=release["version"])
    tags = [section_of(release.get("values", {}), f"{image.section}.tag") for image in pinned.images]
    by = {"digest" if "@sha256:" in str(tag) else "tag" for tag in tags}
    if "@sha256:" in release["chart"]:
        return Naming(chart="digest", images=" and ".join(sorted(by)))
    locked = bool(repository) and lock.charts.get(installed.key, LockedChart()).archive is not None
    return Naming(chart="archive" if locked else "version", images=" and ".join(sorted(by)))
