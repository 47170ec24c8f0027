"""``bootstrap images mirror`` and ``check``: what is locked, copied into a registry, and compared with it.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md
"""

import hashlib
import http
import re
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import IO, Any, NamedTuple

from bootstrap.errors import BootstrapError, ImageMissingError
from bootstrap.platform.images.packed import MANIFEST, digest_of, pack
from bootstrap.platform.images.upstream import chart_archive, parsed, split
from bootstrap.registry import Image, Repository, parse_image
from bootstrap.registry_credentials import RegistryError
from components.release.lock import ImageName, Lock
from components.release.supply import CHARTS_FOLDER, path_in_mirror

_SPOOLED = 8 << 20
"""Bytes of a layer that are held in memory; larger ones pass through a temporary file."""


@dataclass(frozen=True, kw_only=True)
class Copy:
    """One manifest of the lock, and where it is in a mirror."""

    source: str
    """As in the lock file."""
    name: str
    """Its repository in the mirror, with the registry."""
    tag: str | None
    """None where it is named by digest."""
    digest: str
    """Of its manifest."""
    archive: str | None = None
    """For a chart of a plain repository: the digest of its archive, which becomes the manifest's only layer."""


def copies(lock: Lock, mirror: str) -> list[Copy]:
    """Return what a mirror has to hold.

    Args:
        lock: the lock.
        mirror: the registry, and a path in it.

    Raises:
        BootstrapError: something is not locked; the text names each.
    """
    found: dict[str, Copy] = {}
    left: list[str] = []
    for key, chart in lock.charts.items():
        place, version = split(key)
        if chart.manifest is None or chart.archive is None:
            left.append(key)
        else:
            found[key] = Copy(
                source=key,
                name=f"{mirror}/{CHARTS_FOLDER}/{place.rpartition('/')[2]}",
                tag=version.replace("+", "_"),
                digest=chart.manifest,
                archive=None if key.startswith("oci://") else chart.archive,
            )
        for image, digest in chart.images.items():
            named = ImageName.of(image)
            if digest is None:
                left.append(image)
            else:
                place = f"{mirror}/{path_in_mirror(named.name)}"
                # what a chart names by digest takes no tag, which another digest may have
                tag = None if named.digest else named.tag
                found[image] = Copy(source=image, name=place, tag=tag, digest=digest)
    if left or not found:
        raise BootstrapError(
            "what is not locked cannot be copied by digest; run `bootstrap images lock` first:\n"
            + "\n".join(f"  {line}" for line in dict.fromkeys(left))
        )
    return list(found.values())


def missing(copy: Copy) -> str | None:
    """Return what a mirror lacks of a manifest; None where it has it, under its tag too.

    Raises:
        RegistryError: the mirror does not say.
    """
    repository = Repository(parse_image(copy.name, where="the mirror"))
    for reference, shown in ((copy.digest, f"{copy.name}@{copy.digest}"), (copy.tag, f"{copy.name}:{copy.tag}")):
        if reference is None:
            continue
        try:
            there = digest_of(repository.manifest(reference).text)
        except ImageMissingError:
            return f"{shown} is not there"
        if there != copy.digest:
            return f"{shown} is {there}; locked: {copy.digest}"
    return None


def mirror(copy: Copy, report: Callable[[str], None]) -> bool:
    """Copy a manifest with all that it refers to, and return whether anything was to be done.

    Every byte is compared with its digest before it is handed on. Layers come first, manifests after what they refer
    to, the tag last: a copy that was broken off is not taken for a whole one, and goes on where it ended.

    Args:
        copy: what is copied, and to where.
        report: told what is copied.

    Raises:
        BootstrapError: the source is not what is locked, or a registry refuses.
    """
    if missing(copy) is None:
        return False
    target = Repository(parse_image(copy.name, where="the mirror"), push=True)
    if copy.archive is not None:
        _push_archive(copy, target, report)
    else:
        name = ImageName.of(copy.source.removeprefix("oci://")).name
        _copy_manifest(Repository(parse_image(name, where=copy.source)), target, copy.digest, report, tag=copy.tag)
    if left := missing(copy):
        raise RegistryError(f"{left}, though the registry took it")
    return True


def _push_archive(copy: Copy, target: Repository, report: Callable[[str], None]) -> None:
    archive = chart_archive(copy.source)
    if (got := digest_of(archive)) != copy.archive:
        raise BootstrapError(f"{copy.source}: the archive is {got}; locked: {copy.archive}; nothing of it was copied")
    content, config = pack(archive)
    if (got := digest_of(content)) != copy.digest:
        raise BootstrapError(f"{copy.source}: its manifest would be {got}; locked: {copy.digest}; lock it again")
    for blob in (config, archive):
        with tempfile.SpooledTemporaryFile(_SPOOLED) as file:
            file.write(blob)
            _push_blob(target, digest_of(blob), file, len(blob), report)
    for reference in filter(None, (copy.digest, copy.tag)):
        _push_manifest(target, content, MANIFEST, reference)


def _copy_manifest(
    source: Repository, target: Repository, digest: str, report: Callable[[str], None], *, tag: str | None = None
) -> None:
    reply = source.manifest(digest)
    shown = f"{source.image.host}/{source.image.name}@{digest}"
    if (got := digest_of(reply.text)) != digest:
        raise RegistryError(f"{shown} came as {got}: nothing of it was copied")
    content = parsed(reply.text, shown)
    for entry in _descriptors(content, "manifests", shown):
        if not _has_manifest(target, entry.digest):
            _copy_manifest(source, target, entry.digest, report)
    for blob in (*_descriptors(content, "config", shown), *_descriptors(content, "layers", shown)):
        _copy_blob(source, target, blob, report)
    kind = content.get("mediaType")
    kind = kind if isinstance(kind, str) else reply.headers.get_content_type()
    for reference in filter(None, (digest, tag)):
        _push_manifest(target, reply.text, kind, reference)


class _Descriptor(NamedTuple):
    """What a manifest refers to: https://github.com/opencontainers/image-spec/blob/main/descriptor.md."""

    digest: str
    size: int


def _descriptors(content: dict[str, Any], key: str, shown: str) -> Iterator[_Descriptor]:
    """Yield what a manifest refers to below a key.

    Raises:
        RegistryError: something there is no descriptor.
    """
    if key not in content:
        return
    given = [content[key]] if key == "config" else content[key]
    if not isinstance(given, list | None):
        raise RegistryError(f"{shown}: {key}: got {type(given).__name__}; allowed: a list")
    for entry in given or ():
        digest, size = (entry.get("digest"), entry.get("size")) if isinstance(entry, dict) else (None, None)
        if not (isinstance(digest, str) and re.fullmatch("sha256:[0-9a-f]{64}", digest)):
            raise RegistryError(f"{shown}: {key}: got {digest!r} as a digest; allowed: sha256: and 64 digits")
        if type(size) is not int or size < 0:
            raise RegistryError(f"{shown}: {key}: got {size!r} as the size of {digest}; allowed: a number of bytes")
        yield _Descriptor(digest, size)


def _has_manifest(target: Repository, digest: str) -> bool:
    try:
        return digest_of(target.manifest(digest).text) == digest
    except ImageMissingError:
        return False


def _copy_blob(source: Repository, target: Repository, blob: _Descriptor, report: Callable[[str], None]) -> None:
    digest, size = blob
    if target.send(f"blobs/{digest}", method="HEAD").status == http.HTTPStatus.OK:
        return
    with tempfile.SpooledTemporaryFile(_SPOOLED) as file:
        shown = f"{source.image.host}/{source.image.name}@{digest}"
        reply = source.send(f"blobs/{digest}", into=file, limit=size)
        if reply.status != http.HTTPStatus.OK:
            raise RegistryError(f"{shown} cannot be read: the registry answers {reply.status}")
        if (there := file.tell()) != size:
            raise RegistryError(f"{shown} has {there:,} bytes and not the {size:,} of its manifest: nothing was copied")
        file.seek(0)
        counted = hashlib.sha256()
        while chunk := file.read(1 << 20):
            counted.update(chunk)
        if f"sha256:{counted.hexdigest()}" != digest:
            raise RegistryError(f"{shown} came as something else: nothing of it was copied")
        _push_blob(target, digest, file, size, report)


def _push_blob(target: Repository, digest: str, file: IO[bytes], size: int, report: Callable[[str], None]) -> None:
    """https://github.com/opencontainers/distribution-spec/blob/main/spec.md#post-then-put."""
    where = f"{target.image.host}/{target.image.name}"
    if target.send(f"blobs/{digest}", method="HEAD").status == http.HTTPStatus.OK:
        return
    report(f"{where}: {size / (1 << 20):.1f} MiB")
    begun = target.send("blobs/uploads/", method="POST", data=b"", headers={"Content-Length": "0"})
    location = begun.headers.get("Location", "")
    if begun.status != http.HTTPStatus.ACCEPTED or not location:
        raise RegistryError(f"{where} takes no upload: it answers {begun.status}{_sign_in(begun.status, target.image)}")
    file.seek(0)
    query = ("&" if "?" in location else "?") + f"digest={digest}"
    headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
    done = target.send(location + query, method="PUT", data=file, headers=headers)
    if done.status != http.HTTPStatus.CREATED:
        raise RegistryError(f"{where} does not take {digest}: it answers {done.status}")


def _push_manifest(target: Repository, content: bytes, kind: str, reference: str) -> None:
    done = target.send(f"manifests/{reference}", method="PUT", data=content, headers={"Content-Type": kind})
    if done.status != http.HTTPStatus.CREATED:
        where = f"{target.image.host}/{target.image.name}"
        raise RegistryError(f"{where} does not take {reference}: it answers {done.status}")


def _sign_in(status: int, image: Image) -> str:
    if status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        return f": sign in with `docker login {image.host}`, as somebody who may push"
    return ""
