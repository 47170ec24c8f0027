"""The versions of a chart in a folder of archives."""

from pathlib import Path

import semver


def versions(folder: Path, name: str) -> list[str]:
    """Return them, the earliest first."""
    found = [path.stem.removeprefix(f"{name}-") for path in folder.glob(f"{name}-*.tgz")]
    return sorted(found, key=lambda each: semver.Version.parse(each.removeprefix("v")))
