"""Asks a registry whether it has an image."""

import hashlib

from bootstrap.delivery.promote.version import digest_of
from bootstrap.errors import ImageMissingError
from bootstrap.registry import Repository, parse_image
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
    there, reference = Repository(parse_image(repository)), digest_of(value) or value
    reply = there.manifest(reference, method="HEAD")
    wanted = digest or digest_of(value)
    if wanted is None:
        return
    named, algorithm = reply.headers.get("Docker-Content-Digest") or "", wanted.partition(":")[0]
    if named.partition(":")[0] != algorithm:
        # the header is optional, and may be of another algorithm
        named = _digest(there, reference, algorithm)
    if named != wanted:
        shown = f"{there.image.host}/{there.image.name}{'@' if ':' in reference else ':'}{reference}"
        raise ImageMissingError(f"{shown} is {named} by now, not {wanted}; nothing was promoted")


def _digest(repository: Repository, reference: str, algorithm: str) -> str:
    """Return the digest of a manifest's bytes.

    https://github.com/opencontainers/image-spec/blob/main/descriptor.md#registered-algorithms
    """
    text = repository.manifest(reference).text
    if not text:
        raise RegistryError(f"{repository.image.host} names no digest of {reference}, and an empty manifest has none")
    return f"{algorithm}:{hashlib.new(algorithm, text).hexdigest()}"
