"""Asks a registry whether it has an image."""

import hashlib
import http

from bootstrap.delivery.promote.version import digest_of
from bootstrap.errors import ImageMissingError
from bootstrap.registry import LARGEST_MANIFEST, MANIFEST_TYPES, Image, Reply, Repository, parse_image
from bootstrap.registry_credentials import RegistryError


def verify(repository: str, value: str, digest: str | None = None) -> None:
    """Return when the registry has the image.

    Args:
        repository: the image's name, with its registry.
        value: its tag or digest.
        digest: what the tag has to stand for, where that is known.

    Raises:
        ImageMissingError: the registry does not have it, or has another one under the tag.
        RegistryError: the registry does not say, or no digest can be told where one is wanted.
    """
    image = parse_image(repository)
    reference = digest_of(value) or value
    shown = f"{image.host}/{image.name}{'@' if ':' in reference else ':'}{reference}"
    repository_there, path = Repository(image), f"manifests/{reference}"
    reply = repository_there.send(path, method="HEAD", headers={"Accept": MANIFEST_TYPES})
    _need(reply, image, shown)
    wanted = digest or digest_of(value)
    if wanted is None:
        return
    there = reply.headers.get("Docker-Content-Digest") or ""
    if there.partition(":")[0] != wanted.partition(":")[0]:
        # the header is optional, and may be of another algorithm
        there = _digest(repository_there, path, shown, wanted.partition(":")[0])
    if there != wanted:
        raise ImageMissingError(f"{shown} is {there} by now, not {wanted}; nothing was promoted")


def _need(reply: Reply, image: Image, shown: str) -> None:
    """Return where a registry has what it was asked for."""
    if reply.status == http.HTTPStatus.NOT_FOUND:
        raise ImageMissingError(f"there is no image {shown}: the registry answers 404; nothing was promoted")
    if reply.status in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        raise RegistryError(f"{shown} may not be read ({reply.status}): sign in with `docker login {image.host}`")
    if reply.status != http.HTTPStatus.OK:
        raise RegistryError(f"{image.host} cannot say whether it has {shown}: it answers {reply.status}")


def _digest(repository: Repository, path: str, shown: str, algorithm: str) -> str:
    """Return the digest of a manifest's bytes.

    https://github.com/opencontainers/image-spec/blob/main/descriptor.md#registered-algorithms
    """
    if algorithm not in ("sha256", "sha512"):
        raise RegistryError(f"{shown}: a digest by {algorithm} cannot be checked; allowed: sha256, sha512")
    image, reply = repository.image, repository.send(path, headers={"Accept": MANIFEST_TYPES})
    _need(reply, image, shown)
    if not reply.text or len(reply.text) > LARGEST_MANIFEST:
        size = f"more than {LARGEST_MANIFEST:,}" if reply.text else "0"
        raise RegistryError(f"{image.host} names no digest of {shown}, and a manifest of {size} bytes has none")
    return f"{algorithm}:{hashlib.new(algorithm, reply.text).hexdigest()}"
