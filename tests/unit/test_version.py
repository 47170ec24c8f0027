"""What always means the same image, and what may be another one tomorrow."""

import pytest

from bootstrap.delivery.promote.version import check_version, digest_of, is_digest
from bootstrap.errors import RefusedError

DIGEST = f"sha256:{'0a' * 32}"


@pytest.mark.parametrize(
    "value",
    ["4f2a9c1", "1234567", "sha-4f2a9c1", "a" * 40, "a" * 64, DIGEST, f"1.4.2@{DIGEST}", f"sha512:{'0' * 128}"],
)
def test_commits_and_digests_are_taken(value):
    check_version(value)


@pytest.mark.parametrize(
    "value",
    ["latest", "main", "v1.4.2", "1.4.2", "4f2a9c", "a" * 41, "4F2A9C1", "feature-x", "4f2a9c1-dirty", "sha-main"],
)
def test_what_can_be_moved_is_refused_unless_allowed(value):
    with pytest.raises(RefusedError, match="--allow-mutable"):
        check_version(value)
    check_version(value, allow_mutable=True)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "-x",
        "a b",
        "x\n",
        "x:y",
        "sha256:12",
        f"@{DIGEST}",
        f"{DIGEST}0",
        "a" * 129,
        "x@sha256:1",
        "é",
        "r/i:4f2a9c1",
    ],
)
def test_what_is_no_reference_is_refused_even_then(value):
    with pytest.raises(RefusedError, match="neither a tag nor a digest"):
        check_version(value, allow_mutable=True)


def test_a_digest_is_found_at_the_end():
    assert is_digest(DIGEST) and not is_digest(f"1.4.2@{DIGEST}")
    assert digest_of(f"1.4.2@{DIGEST}") == digest_of(DIGEST) == DIGEST
    assert digest_of("4f2a9c1") is None
