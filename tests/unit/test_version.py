"""What always means the same image, and what may be another one tomorrow."""

import re

import pytest

from bootstrap.delivery.promote.version import check_version, digest_of, is_digest, pin, same_image, short, spellings
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


OTHER = f"sha256:{'0b' * 32}"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("4f2a9c1", "4f2a9c1", True),
        ("4f2a9c1", f"4f2a9c1@{DIGEST}", True),
        (f"4f2a9c1@{DIGEST}", DIGEST, True),
        (f"4f2a9c1@{DIGEST}", f"v1@{DIGEST}", True),
        (f"4f2a9c1@{DIGEST}", f"4f2a9c1@{OTHER}", False),
        ("4f2a9c1", "4f2a9c2", False),
        ("4f2a9c1", DIGEST, False),
        ("v1", "v1", True),
        ("v1", f"v1@{DIGEST}", False),
        ("", "", True),
        ("", "4f2a9c1", False),
    ],
)
def test_digests_tell_images_apart_and_a_commit_does_where_one_is_not_known(one, other, same):
    assert same_image(one, other) is same_image(other, one) is same


def test_an_image_is_found_however_it_is_written_and_so_is_another_build_of_its_commit():
    def found(value, text):
        return re.fullmatch(spellings(value), text) is not None

    assert all(found("4f2a9c1", text) for text in ("4f2a9c1", f"4f2a9c1@{DIGEST}"))
    assert all(found(f"4f2a9c1@{DIGEST}", text) for text in ("4f2a9c1", f"4f2a9c1@{OTHER}", DIGEST, f"v1@{DIGEST}"))
    assert not found("v1", f"v1@{DIGEST}") and found("v1", "v1") and not found("v.1", "vx1")
    assert not found(f"v1@{DIGEST}", "v1") and not found("4f2a9c1", "4f2a9c12")


def test_a_tag_is_pinned_once_and_named_without_its_digest_where_it_is_a_commit():
    assert pin("4f2a9c1", DIGEST) == pin(f"4f2a9c1@{DIGEST}", DIGEST) == f"4f2a9c1@{DIGEST}"
    assert pin(DIGEST, DIGEST) == DIGEST and pin("4f2a9c1", None) == "4f2a9c1"
    assert short(f"4f2a9c1@{DIGEST}") == "4f2a9c1" and short(f"v1@{DIGEST}") == f"v1@{DIGEST}"
