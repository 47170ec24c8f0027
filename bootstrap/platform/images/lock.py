"""``bootstrap images lock``: writes what tags and versions stand for into the lock file."""

import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ruamel.yaml import YAML

from bootstrap.errors import BootstrapError
from bootstrap.platform.images.listing import ListedChart
from bootstrap.platform.images.upstream import chart_digests, image_digest
from components.release.lock import FILE, Lock, LockedChart, LockError, read_lock
from settings.merge import differences

_HEAD = """\
# Digests of the addons' charts, and of the images in them: `bootstrap images lock` writes this file, and nobody else.
# What has no digest yet is installed by version and by tag. docs/supply-chain.md
"""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What the registries said."""

    lock: Lock
    changes: Sequence[str] = field(default=())
    """What differs from the file, one line each."""


def current(root: Path) -> Lock:
    """Read the lock file.

    Raises:
        BootstrapError: it is not one.
    """
    try:
        return read_lock(root)
    except LockError as error:
        raise BootstrapError(str(error)) from None


def ask(root: Path, listed: Sequence[ListedChart], report: Callable[[str], None]) -> Found:
    """Ask the registries for every digest, and compare with the lock file; nothing is written.

    Args:
        root: the project.
        listed: the charts and their images.
        report: told what is asked for.

    Raises:
        BootstrapError: a digest cannot be had; the text names each with its reason.
    """
    before = current(root)
    known: dict[str, str] = {}
    wrong: list[str] = []
    charts: dict[str, LockedChart] = {}
    for chart in listed:
        try:
            report(chart.key)
            manifest, archive = chart_digests(chart.key)
        except BootstrapError as error:
            wrong.append(f"{chart.key}: {error}")
            continue
        charts[chart.key] = LockedChart(manifest=manifest, archive=archive, images=known)
    for image in sorted({image for chart in listed for image in chart.images}):
        try:
            report(image)
            known[image] = image_digest(image)
        except BootstrapError as error:
            wrong.append(f"{image}: {error}")
    if wrong:
        raise BootstrapError(
            f"{len(wrong)} digests cannot be had; nothing was written:\n" + "\n".join(f"  {line}" for line in wrong)
        )
    after = Lock(
        charts={
            chart.key: LockedChart(
                manifest=charts[chart.key].manifest,
                archive=charts[chart.key].archive,
                images={image: known[image] for image in chart.images},
            )
            for chart in listed
        }
    )
    return Found(lock=after, changes=list(_changes(before, after)))


def _changes(before: Lock, after: Lock) -> Iterator[str]:
    old, new = before.to_plain()["charts"], after.to_plain()["charts"]
    for key in [*old, *(key for key in new if key not in old)]:
        if key not in new:
            yield f"- {key}"
            continue
        for place, was, now in differences(_flat(old.get(key)), _flat(new[key])):
            sign = "+" if was is None else "-" if now is None else "~"
            yield f"{sign} {key} {place}: {was or 'not locked'} → {now or 'gone'}"


def _flat(chart: dict[str, object] | None) -> dict[str, object]:
    if chart is None:
        return {}
    images = chart["images"]
    assert isinstance(images, dict)  # noqa: S101 - of Lock.to_plain
    return {"manifest": chart["manifest"], "archive": chart["archive"], **images}


def write(root: Path, lock: Lock) -> Path:
    """Write the lock file: as a whole or not at all, and the same contents always as the same bytes.

    Args:
        root: the project.
        lock: its contents.
    """
    path = root / FILE
    yaml = YAML()
    yaml.width = 4096
    yaml.indent(mapping=2)
    handle, name = tempfile.mkstemp(prefix=f".{FILE}.", dir=root)
    written = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(_HEAD)
            yaml.dump(lock.to_plain(), file)
        # mkstemp's files are their owner's alone
        written.chmod(path.stat().st_mode & 0o777 if path.exists() else 0o644)
        written.replace(path)
    except BaseException:
        written.unlink(missing_ok=True)
        raise
    return path
