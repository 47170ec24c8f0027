"""``supply.lock.yaml``: the digests of the charts that are installed, and of the images in them.

A chart's key is its place and version, an image's its name and tag. An image that its chart names by digest has that in
its key too, and is locked as what the chart names: there is no tag to ask for, and no second digest to add. A chart
whose version is raised has no entry, so that it is installed by version until ``bootstrap images lock`` has run: what
is locked is never taken for another version.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import pulumi

from components.release.yaml_text import YamlTextError, read_yaml

FILE = "supply.lock.yaml"
ROOT = Path(__file__).resolve().parents[2]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_CHART = re.compile(r"(?:oci|https?)://\S+/[^\s/:]+:[^\s:/]+")
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_TAG = r":[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_PART = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*"
_IMAGE = re.compile(rf"[a-z0-9.-]+(?::\d+)?(?:/{_PART})+(?:{_TAG}|(?:{_TAG})?@{_DIGEST.pattern})")


class ImageName(NamedTuple):
    """An image's name, taken apart: what it is called, and by what one of that name is chosen."""

    name: str
    tag: str | None
    digest: str | None

    @classmethod
    def of(cls, reference: str) -> "ImageName":
        """Take a name apart: a colon in front of a slash is a port's."""
        rest, _, digest = reference.partition("@")
        name, found, tag = rest.rpartition(":")
        if not found or "/" in tag:
            name, tag = rest, ""
        return cls(name, tag or None, digest or None)


class LockError(pulumi.RunError):
    """The lock file is not one; the text names every place."""


@dataclass(frozen=True, kw_only=True)
class LockedChart:
    """What is known of one version of a chart. None is not locked yet."""

    manifest: str | None = None
    """Digest of its manifest in an OCI registry."""
    archive: str | None = None
    """Digest of its archive, the .tgz file."""
    images: Mapping[str, str | None] = field(default_factory=dict)
    """Digests of its images, by name with tag, digest or both. An image for several platforms has that of its index."""

    def tagged(self, repository: str) -> tuple[str, str] | None:
        """Return the tag and the digest of an image.

        None where it is not locked, has several tags, or is named by digest anyway.
        """
        found = [(ImageName.of(key), digest) for key, digest in self.images.items()]
        found = [(image, digest) for image, digest in found if image.name == repository]
        if len(found) != 1:
            return None
        [(image, digest)] = found
        return None if image.tag is None or image.digest or digest is None else (image.tag, digest)

    @property
    def whole(self) -> bool:
        """Whether nothing of it is left to be locked."""
        return self.archive is not None and self.manifest is not None and None not in self.images.values()


@dataclass(frozen=True, kw_only=True)
class Lock:
    """The lock file's contents."""

    charts: Mapping[str, LockedChart] = field(default_factory=dict)
    """By place and version: ``oci://quay.io/jetstack/charts/cert-manager:v1.21.1``."""

    def to_plain(self) -> dict[str, Any]:
        """Return the contents as plain data, in a stable order."""
        return {
            "charts": {
                key: {
                    "manifest": chart.manifest,
                    "archive": chart.archive,
                    "images": dict(sorted(chart.images.items())),
                }
                for key, chart in sorted(self.charts.items())
            }
        }


def read_lock(root: Path = ROOT) -> Lock:
    """Read the lock file; one that is not there locks nothing.

    Args:
        root: the project.

    Raises:
        LockError: it is not a lock file.
    """
    try:
        text = (root / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Lock()
    except (OSError, UnicodeDecodeError) as error:
        raise LockError(f"{FILE} cannot be read: {type(error).__name__}") from None
    return _parsed(text)


# every release of a stack asks for it
@lru_cache(maxsize=4)
def _parsed(text: str) -> Lock:
    try:
        found = read_yaml(text)
    except YamlTextError as error:
        raise LockError(f"{FILE} is not YAML: {error}") from None
    if problems := list(_problems(found)):
        raise LockError(f"{FILE} is not what `bootstrap images lock` writes:\n" + "\n".join(f"  {p}" for p in problems))
    charts = (found.get("charts") if isinstance(found, dict) else None) or {}
    return Lock(
        charts={
            key: LockedChart(manifest=chart["manifest"], archive=chart["archive"], images=chart["images"] or {})
            for key, chart in charts.items()
        }
    )


def _problems(found: object) -> Iterator[str]:
    if found is None:
        return
    if not isinstance(found, dict) or set(found) - {"charts"} or not isinstance(found.get("charts") or {}, dict):
        yield "got other keys at the top; allowed: charts, a mapping"
        return
    for key, chart in (found.get("charts") or {}).items():
        if not isinstance(key, str) or not _CHART.fullmatch(key):
            yield f"charts: got the key {key!r}; allowed: a chart with its version, oci://quay.io/jetstack/charts/x:v1.2.3"
        elif not isinstance(chart, dict) or set(chart) != {"manifest", "archive", "images"}:
            yield f"charts.{key}: allowed: manifest, archive and images"
        elif not isinstance(chart["images"] or {}, dict):
            yield f"charts.{key}.images: allowed: a mapping of images to digests"
        else:
            yield from _of_chart(f"charts.{key}", chart)


def _of_chart(place: str, chart: Mapping[str, Any]) -> Iterator[str]:
    digests = {f"{place}.{name}": chart[name] for name in ("manifest", "archive")}
    for image, digest in (chart["images"] or {}).items():
        if not isinstance(image, str) or not _IMAGE.fullmatch(image):
            yield f"{place}.images: got the key {image!r}; allowed: a name with registry and tag, quay.io/example/x:v1"
        elif (named := ImageName.of(image).digest) and digest != named:
            yield f"{place}.images.{image}: got {digest!r}; allowed: {named}, which the name has"
            continue
        digests[f"{place}.images.{image}"] = digest
    for where, digest in digests.items():
        if digest is not None and not (isinstance(digest, str) and _DIGEST.fullmatch(digest)):
            yield f"{where}: got {digest!r}; allowed: sha256: and 64 digits, or nothing where it is not locked yet"
