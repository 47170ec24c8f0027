"""Which references of an image always mean the same image."""

import re

from bootstrap.errors import RefusedError

_DIGEST = r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}"
# docker/metadata-action writes a commit as sha-4f2a9c1; Git shortens a commit to 7 digits and more
_COMMIT = r"(?:sha-)?(?:[0-9a-f]{7,40}|[0-9a-f]{64})"
# https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
_TAG = r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"


def is_digest(value: str) -> bool:
    """Whether the value is an image's digest."""
    return bool(re.fullmatch(_DIGEST, value))


def is_immutable(value: str) -> bool:
    """Whether the value names one image for ever: a commit SHA, a digest, or a tag with one (``1.4.2@sha256:…``).

    A commit SHA is one by agreement, as nothing but the pipeline that built the commit writes it.
    """
    return bool(re.fullmatch(rf"{_COMMIT}|{_DIGEST}|{_TAG}@(?:{_DIGEST})", value))


def digest_of(value: str) -> str | None:
    """Return the digest that the value ends with; None where it is a tag alone."""
    digest = value.rsplit("@", 1)[-1]
    return digest if is_digest(digest) else None


def tag_of(value: str) -> str | None:
    """Return the tag that the value begins with; None of a digest alone."""
    return None if is_digest(value) else value.partition("@")[0]


def pin(value: str, digest: str | None) -> str:
    """Return the tag together with its digest, which is what the kubelet pulls then; what has one stays as it is."""
    return f"{value}@{digest}" if digest and digest_of(value) is None else value


def same_image(one: str, other: str) -> bool:
    """Whether two values name the same image, as far as they tell.

    Of digests both have to be the same. Where one of them is not known, the commit that the tags name decides.
    """
    digests = digest_of(one), digest_of(other)
    if None not in digests:
        return digests[0] == digests[1]
    return one == other or (tag_of(one) == tag_of(other) and _names_commit(one))


def spellings(value: str) -> str:
    """Return a regular expression, Git's and Python's, for every way to write an image, or one of the same commit.

    A commit that was reverted stays out when a second build gives it another digest.
    """
    tag, digest = tag_of(value), digest_of(value)
    ways = []
    if tag is not None and _names_commit(value):
        ways.append(f"{literal(tag)}(@({_DIGEST}))?")
    elif digest is None:
        ways.append(literal(value))
    if digest is not None:
        ways.append(f"({_TAG}@)?{digest}")
    return f"({'|'.join(ways)})"


def literal(text: str) -> str:
    """Return a regular expression, Git's and Python's, for the text itself."""
    return re.sub(r"[][.{}()*+?^$|\\]", r"\\\g<0>", text)


def short(value: str) -> str:
    """Return how the subject of a commit names an image: a commit without the digest, anything else in full."""
    return str(tag_of(value)) if _names_commit(value) else value


def _names_commit(value: str) -> bool:
    return re.fullmatch(_COMMIT, tag_of(value) or "") is not None


def check_version(value: str, *, allow_mutable: bool = False) -> None:
    """Refuse what does not always mean the same image.

    Raises:
        RefusedError: the value is no tag and no digest, or is a tag that can be moved and nobody allowed it.
    """
    if is_immutable(value):
        return
    if not re.fullmatch(_TAG, value):
        raise RefusedError(f"{value!r} is neither a tag nor a digest of an image")
    if not allow_mutable:
        raise RefusedError(
            f"the tag {value!r} can be moved to another image: promote the commit's SHA, a digest (sha256:…) or "
            f"{value}@sha256:…, or say --allow-mutable"
        )
