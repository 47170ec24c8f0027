"""Asks the publishers' registries and repositories what their tags and versions stand for."""

import json
import re
from typing import Any

from bootstrap.errors import BootstrapError, ImageMissingError
from bootstrap.platform.images.packed import ARCHIVE, digest_of, pack
from bootstrap.registry import Repository, parse_image
from bootstrap.registry_credentials import RegistryError
from components.release.archive import ArchiveError, fetch_archive
from components.release.lock import ImageName

PLATFORMS = ("linux/amd64",)
"""Operating system and architecture that an image with an index has to be there for: those of the system pool's nodes.

An image of one platform alone is taken as it is.
"""


def split(key: str) -> tuple[str, str]:
    """Return the place and the version of a chart, of its key in the lock file."""
    place, _, version = key.rpartition(":")
    return place, version


def image_digest(reference: str) -> str:
    """Return the digest of an image: of its index, where it has one for several platforms.

    The digest is that of the bytes that came, not of what the registry says about them.

    Args:
        reference: its name with registry, and with a tag or digest; a digest wins over a tag.

    Raises:
        ImageMissingError: the registry does not have it, or not for a platform.
        RegistryError: the registry does not say.
    """
    named = ImageName.of(reference)
    reply = Repository(parse_image(named.name, where=reference)).manifest(named.digest or named.tag or "latest")
    got = digest_of(reply.text)
    if named.digest and got != named.digest:
        raise RegistryError(f"{reference} came as {got}")
    there = {_platform(entry) for entry in _mappings(parsed(reply.text, reference).get("manifests"))}
    if there and (missing := [platform for platform in PLATFORMS if platform not in there]):
        raise ImageMissingError(
            f"{reference} is not there for {', '.join(missing)}, only for {', '.join(sorted(there))}"
        )
    return got


def chart_digests(key: str) -> tuple[str, str]:
    """Return the digests of a chart's manifest and of its archive.

    A chart of a plain repository has no manifest; it is the one that a mirror gets.

    Args:
        key: the chart's place and version, as in the lock file.

    Raises:
        BootstrapError: it is not there, or nobody answers.
    """
    place, version = split(key)
    if not place.startswith("oci://"):
        archive = chart_archive(key)
        return digest_of(pack(archive)[0]), digest_of(archive)
    # a tag has no plus: https://helm.sh/docs/topics/registries/
    reply = Repository(parse_image(place.removeprefix("oci://"), where=key)).manifest(version.replace("+", "_"))
    layers = [layer for layer in _mappings(parsed(reply.text, key).get("layers")) if layer.get("mediaType") == ARCHIVE]
    digests = [str(layer.get("digest")) for layer in layers]
    if len(digests) != 1 or not re.fullmatch("sha256:[0-9a-f]{64}", digests[0]):
        raise RegistryError(
            f"{key} is not a chart: its manifest has {len(digests)} archives; allowed: one, with a sha256"
        )
    return digest_of(reply.text), digests[0]


def chart_archive(key: str) -> bytes:
    """Return the archive of a chart in a plain repository.

    Args:
        key: the chart's place and version.

    Raises:
        BootstrapError: it is not there, or the repository does not answer.
    """
    place, version = split(key)
    repository, _, name = place.rpartition("/")
    try:
        return fetch_archive(repository, name, version)
    except ArchiveError as error:
        raise BootstrapError(str(error)) from None


def parsed(text: bytes, shown: str) -> dict[str, Any]:
    """Return what a manifest holds.

    Raises:
        RegistryError: it is none.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise RegistryError(f"{shown}: the registry's answer is not a manifest; allowed: an object of JSON")
    return found


def _mappings(found: object) -> list[dict[str, Any]]:
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []


def _platform(entry: dict[str, Any]) -> str:
    platform = entry.get("platform")
    return f"{platform.get('os')}/{platform.get('architecture')}" if isinstance(platform, dict) else "unknown"
