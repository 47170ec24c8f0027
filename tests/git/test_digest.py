"""A tag that is written with its digest, and the rules for an image that is written in more than one way."""

import pytest

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.delivery.promote.rollback import history, rollback
from bootstrap.errors import ImageMissingError, RefusedError
from tests.git.loopback_registry import serve
from tests.git.remotes import change, git, revert

SHA, OTHER = "4f2a9c1d", "5a5a5a5a"
DIGEST, REBUILT = f"sha256:{'ab' * 32}", f"sha256:{'cd' * 32}"
PINNED = f"{SHA}@{DIGEST}"


def request(value=SHA, env="dev", **more):
    return Request(app="shop", environment=env, value=value, **more)


def follow(remote):
    folder = remote.clone("rules")
    (folder / "gitops" / "overlay.yaml").write_text("follows: {prod: dev}\n")
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", "rules")
    git(folder, "push", "--quiet", "origin", "HEAD:main")


def test_a_tag_is_written_with_its_digest_and_named_by_its_commit(remote, clone):
    result = promote(clone, request(digest=DIGEST))
    assert f"  tag: {PINNED}   # promote writes this" in remote.text("shop", "dev")
    assert result.to_json()["after"] == PINNED
    assert remote.message() == f"deploy: shop dev {SHA} [skip ci]\n\nImage-Digest: {DIGEST}"
    assert promote(clone, request(digest=DIGEST)).edit.nothing


def test_a_version_with_its_digest_needs_no_leave(remote, clone):
    promote(clone, request("v1.2", digest=DIGEST))
    assert f"tag: v1.2@{DIGEST} " in remote.text("shop", "dev")
    assert remote.subjects()[0] == f"deploy: shop dev v1.2@{DIGEST} [skip ci]"


def test_a_tag_without_its_digest_does_not_take_the_digest_away(remote, clone):
    promote(clone, request(digest=DIGEST))
    assert promote(clone, request()).edit.nothing
    assert PINNED in remote.text("shop", "dev")


def test_a_digest_is_added_to_a_tag_that_is_there(remote, clone):
    promote(clone, request())
    assert promote(clone, request(digest=DIGEST)).pushed
    assert PINNED in remote.text("shop", "dev")


def test_where_a_digest_would_win_over_the_tag_the_digest_is_written_there(remote, clone):
    change(remote, "shop", "dev", lambda text: text.replace("image:\n", f"image:\n  digest: {REBUILT}\n"))
    result = promote(clone, request(digest=DIGEST))
    assert (result.edit.path, result.edit.after) == ("image.digest", DIGEST)
    assert f"digest: {DIGEST}\n  tag: 0000000a" in remote.text("shop", "dev")
    assert promote(clone, request(OTHER, digest=REBUILT, path="image.tag")).edit.path == "image.digest"


def test_an_empty_digest_stays_empty_and_one_in_the_base_stands_against_the_tag(remote, clone):
    change(remote, "shop", "dev", lambda text: text.replace("image:\n", 'image:\n  digest: ""\n'))
    assert promote(clone, request(digest=DIGEST)).edit.path == "image.tag"
    change(remote, "shop", "values", lambda text: text.replace('tag: ""', f"digest: {REBUILT}"))
    with pytest.raises(RefusedError, match=r"values\.yaml has image\.digest too"):
        promote(clone, request(env="prod", digest=DIGEST))


@pytest.mark.parametrize(
    ("ran", "asked"),
    [
        ({}, {}),
        ({}, {"digest": DIGEST}),
        ({"digest": DIGEST}, {}),
        ({"digest": DIGEST}, {"digest": DIGEST}),
    ],
)
def test_an_image_ran_however_it_is_written(remote, clone, ran, asked):
    follow(remote)
    promote(clone, request(**ran))
    assert promote(clone, request(env="prod", dry_run=True, **asked)).diff
    promote(clone, request(OTHER))
    assert promote(clone, request(env="prod", **asked)).pushed, "it ran before"


def test_another_build_of_the_commit_never_ran(remote, clone):
    follow(remote)
    promote(clone, request(digest=DIGEST))
    with pytest.raises(RefusedError, match="never ran"):
        promote(clone, request(env="prod", digest=REBUILT))


@pytest.mark.parametrize("undo", [None, lambda text: text.split("\n", maxsplit=1)[0]], ids=["by commit", "by subject"])
@pytest.mark.parametrize(
    ("taken", "asked"),
    [
        ({"digest": DIGEST}, {}),
        ({}, {"digest": DIGEST}),
        ({"digest": DIGEST}, {"digest": DIGEST}),
        ({"digest": DIGEST}, {"digest": REBUILT}),
    ],
)
def test_what_was_reverted_stays_out_however_it_is_written(remote, clone, taken, asked, undo):
    promote(clone, request(**taken))
    revert(remote, "HEAD", edit=undo)
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, request(**asked))
    assert promote(clone, request(OTHER, digest=REBUILT)).pushed


def test_reverting_the_digest_alone_takes_no_image_back(remote, clone):
    promote(clone, request())
    promote(clone, request(digest=DIGEST))
    revert(remote, "HEAD")
    assert promote(clone, request(digest=DIGEST)).pushed


def test_the_order_of_runs_counts_for_digests_too(remote, clone):
    def run(number):
        return {"source_repository": "example/shop", "source_run": str(number)}

    promote(clone, request(OTHER, digest=REBUILT, **run(10)))
    assert promote(clone, request(digest=DIGEST, **run(9))).overtaken
    assert promote(clone, request(digest=DIGEST, **run(11))).pushed


def test_history_has_an_image_once_and_a_rollback_goes_to_another(remote, clone):
    promote(clone, request(OTHER, digest=REBUILT))
    promote(clone, request())
    brought = remote.tip()
    promote(clone, request(digest=DIGEST))
    found = history(clone, "shop", "dev", remote="origin", branch="main", most=9)
    assert [(version.image, version.steps) for version in found] == [
        (PINNED, 0),
        (f"{OTHER}@{REBUILT}", 1),
        ("0000000a", 2),
    ]
    assert found[0].since.commit == brought
    assert rollback(clone, Request(app="shop", environment="dev")).edit.after == f"{OTHER}@{REBUILT}"
    assert remote.subjects()[0] == f'Revert "deploy: shop dev {SHA}"'
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, request(digest=DIGEST))
    taken = {
        version.image: version.taken_back
        for version in history(clone, "shop", "dev", remote="origin", branch="main", most=9)
    }
    assert taken == {f"{OTHER}@{REBUILT}": False, PINNED: True, "0000000a": False}


def test_what_dev_runs_goes_to_prod_with_its_digest(remote, clone):
    promote(clone, request(digest=DIGEST))
    promote(clone, request(None, env="prod", source="dev", pull_request=True))
    assert f"tag: {PINNED} " in remote.text("shop", "prod", "promote/shop-prod")


def test_the_registry_is_asked_whether_the_tag_stands_for_the_digest(remote, clone):
    with serve() as registry:
        change(remote, "shop", "values", lambda _: f"image: {{repository: '{registry.host}/team/shop'}}\n")
        with pytest.raises(ImageMissingError):
            promote(clone, request(verify=True, digest=REBUILT))
