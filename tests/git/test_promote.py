"""``bootstrap promote`` on real repositories: what lands in Git, what does not, and what is left untouched."""

import json
import re
import shutil
import subprocess

import pytest

from bootstrap.delivery.promote.command import redact
from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.errors import BootstrapError, GitError, OvertakenError, RefusedError
from tests.git.remotes import ENVIRONMENT, change, git, meanwhile, revert

SHA, OTHER, THIRD = "4f2a9c1d", "5a5a5a5a", "6b6b6b6b"
DIGEST = f"sha256:{'ab' * 32}"


def request(value=SHA, app="shop", env="dev", **more):
    return Request(app=app, environment=env, value=value, **more)


def state(clone):
    """Everything of a clone that a promotion must not touch."""
    files = {
        path.relative_to(clone): path.read_bytes()
        for path in clone.rglob("*")
        if path.is_file() and "objects" not in path.relative_to(clone).parts
    }
    return files | {"refs": git(clone, "for-each-ref"), "status": git(clone, "status", "--porcelain=v2", "--branch")}


def test_one_commit_with_one_changed_line_lands_on_the_branch(remote, clone):
    before, start = remote.text("shop", "dev"), remote.tip()
    result = promote(clone, request())
    assert remote.text("shop", "dev") == before.replace("0000000a", SHA)
    assert remote.message() == f"deploy: shop dev {SHA} [skip ci]"
    assert git(remote.folder, "rev-parse", "main^") == start
    assert git(remote.folder, "diff", "--name-only", "main^", "main") == "gitops/apps/shop/dev.yaml"
    assert result.to_json() | {"diff": None, "unrendered": None} == {
        "app": "shop",
        "environment": "dev",
        "path": "image.tag",
        "before": "0000000a",
        "after": SHA,
        "commit": remote.tip(),
        "branch": "main",
        "pushed": True,
        "pullRequest": None,
        "attempts": 1,
        "file": "gitops/apps/shop/dev.yaml",
        "diff": None,
        "dryRun": False,
        "overtaken": False,
        "unrendered": None,
    }


def test_the_trailers_say_where_the_image_comes_from(remote, clone):
    promote(
        clone,
        request(
            source_repository="https://user:secret@github.com/example/shop",
            source_run="https://github.com/example/shop/actions/runs/12",
            digest=DIGEST,
        ),
    )
    assert remote.message() == (
        f"deploy: shop dev {SHA} [skip ci]\n\nSource-Repository: https://github.com/example/shop\n"
        f"Source-Run: https://github.com/example/shop/actions/runs/12\nImage-Digest: {DIGEST}"
    )
    read = git(remote.folder, "log", "-1", "--format=%(trailers:key=Image-Digest,valueonly)", "main")
    assert read == DIGEST


def test_the_same_value_again_makes_no_commit(remote, clone):
    promote(clone, request())
    tip = remote.tip()
    result = promote(clone, request())
    assert remote.tip() == tip
    assert result.edit.nothing and result.commit is None and not result.pushed


def test_a_number_that_looks_like_the_value_is_not_the_value(remote, clone):
    change(remote, "shop", "dev", lambda text: text.replace("0000000a", "1234567"))
    assert promote(clone, request("1234567")).pushed
    assert 'tag: "1234567"   #' in remote.text("shop", "dev")
    assert not promote(clone, request("1234567")).pushed


@pytest.mark.parametrize(
    "position", ["dirty", "detached", "behind", "other branch", "unborn", "conflict", "mid-rebase"]
)
def test_the_checkout_is_left_alone_whatever_its_state(remote, clone, position):
    file = clone / "gitops/apps/shop/dev.yaml"
    if position == "dirty":
        file.write_text("half: [written")
        (clone / "untracked").write_text("x")
        git(clone, "add", "untracked")
    elif position == "detached":
        git(clone, "checkout", "--quiet", "--detach")
    elif position == "behind":
        promote(remote.clone("another"), request(app="cart"))
    elif position == "other branch":
        git(clone, "checkout", "--quiet", "-b", "feature")
        file.unlink()
        git(clone, "commit", "--quiet", "-am", "no dev")
    elif position == "unborn":
        git(clone, "checkout", "--quiet", "--orphan", "empty")
    elif position in ("conflict", "mid-rebase"):
        git(clone, "checkout", "--quiet", "-b", "feature")
        file.write_text("a: 1\n")
        git(clone, "commit", "--quiet", "-am", "one")
        git(clone, "checkout", "--quiet", "main")
        file.write_text("a: 2\n")
        git(clone, "commit", "--quiet", "-am", "two, unpushed")
        git(clone, "merge" if position == "conflict" else "rebase", "feature", check=False)
        assert "<<<<<<<" in file.read_text()
    before = state(clone)
    assert promote(clone, request()).pushed
    after = state(clone)
    # what `git fetch` does by itself: the remote-tracking branch follows
    for seen in (before, after):
        for key in [
            key for key in seen if str(key).startswith(".git/refs/remotes") or ".git/logs/refs/remotes" in str(key)
        ]:
            del seen[key]
        seen["refs"] = [line for line in seen["refs"].splitlines() if "refs/remotes" not in line]
        seen["status"] = [line for line in seen["status"].splitlines() if not line.startswith("# branch.ab")]
    assert after == before
    assert f"tag: {SHA}" in remote.text("shop", "dev")


def test_diverged_local_commits_are_not_pushed(remote, clone):
    (clone / "mine").write_text("x")
    git(clone, "add", "mine")
    git(clone, "commit", "--quiet", "-m", "mine, not pushed")
    promote(remote.clone("another"), request(app="cart"))
    promote(clone, request())
    assert remote.subjects() == [f"deploy: shop dev {SHA} [skip ci]", f"deploy: cart dev {SHA} [skip ci]", "start"]


def test_line_endings_and_mode_are_those_in_git(remote, clone):
    crlf = "\ufeffimage:\r\n  tag: '0000000a'\r\nx: 1"
    change(remote, "shop", "dev", lambda _: crlf)
    git(clone, "config", "core.autocrlf", "true")
    promote(clone, request())
    assert remote.text("shop", "dev") == crlf.replace("0000000a", SHA)


def test_a_project_below_the_top_of_its_repository_is_found(remote, tmp_path):
    clone = remote.clone("nested")
    (clone / "platform").mkdir()
    git(clone, "mv", "gitops", "platform/gitops")
    git(clone, "commit", "--quiet", "-m", "move")
    git(clone, "push", "--quiet")
    result = promote(clone / "platform", request())
    assert str(result.edit.file) == "platform/gitops/apps/shop/dev.yaml"
    assert SHA in git(remote.folder, "show", "main:platform/gitops/apps/shop/dev.yaml")


def test_a_bare_clone_a_linked_worktree_and_a_shallow_clone_do(remote, clone):
    git(clone, "worktree", "add", "--quiet", "--detach", "../linked")
    promote(clone.parent / "linked", request(OTHER))
    promote(remote.clone("bare", "--bare"), request(THIRD))
    promote(remote.clone("shallow", "--depth=1", "--no-local"), request())
    assert len(remote.subjects()) == 4


def test_a_branch_and_a_remote_of_another_name_do(remote, clone):
    git(remote.folder, "branch", "release/1", "main")
    git(clone, "remote", "rename", "origin", "upstream")
    promote(clone, request(remote="upstream", branch="release/1"))
    assert remote.subjects("release/1")[0] == f"deploy: shop dev {SHA} [skip ci]"
    promote(clone, request(OTHER, remote=str(remote.folder), branch="release/1"))
    assert remote.subjects() == ["start"]


def test_nothing_is_left_behind_in_the_clone(remote, clone):
    promote(clone, request())
    with pytest.raises(RefusedError):
        promote(clone, request(env="nope"))
    assert git(clone, "for-each-ref", "refs/bootstrap") == ""
    assert not (clone / ".git" / "FETCH_HEAD").exists()


def test_looking_at_the_remote_moves_no_ref_of_the_clone(remote, clone):
    """Processes that share a clone would otherwise contend for refs/remotes/, and one of them fail."""
    promote(remote.clone("another"), request(app="cart"))
    before = git(clone, "for-each-ref")
    promote(clone, request(dry_run=True))
    assert git(clone, "for-each-ref") == before


def test_a_run_inside_a_hook_of_another_repository_works_on_the_one_it_was_given(remote, clone, monkeypatch, tmp_path):
    git(tmp_path, "init", "--quiet", "stranger")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "stranger" / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "stranger" / ".git" / "index"))
    assert promote(clone, request()).pushed


def test_without_an_identity_a_commit_is_made_all_the_same(remote, clone, monkeypatch):
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    git(clone, "config", "user.useConfigOnly", "true")
    promote(clone, request())
    assert git(remote.folder, "log", "-1", "--format=%an <%ae>", "main") == (
        "bootstrap promote <promote@aks-bootstrap.invalid>"
    )


def test_a_commit_is_signed_where_the_user_signs_commits(remote, clone, tmp_path):
    signer = tmp_path / "gpg"
    signer.write_text(
        "#!/bin/sh\ncat >/dev/null\necho '[GNUPG:] SIG_CREATED ' >&2\n"
        "printf -- '-----BEGIN PGP SIGNATURE-----\\n\\nmine\\n-----END PGP SIGNATURE-----\\n'\n"
    )
    signer.chmod(0o755)
    git(clone, "config", "commit.gpgSign", "true")
    git(clone, "config", "gpg.program", str(signer))
    promote(clone, request())
    assert "gpgsig -----BEGIN PGP SIGNATURE-----" in git(remote.folder, "cat-file", "commit", "main")


def test_a_partial_clone_fetches_no_more_than_it_needs(remote, tmp_path):
    git(remote.folder, "config", "uploadpack.allowFilter", "true")
    promote(remote.clone("another"), request(OTHER))
    git(tmp_path, "clone", "--quiet", "--filter=blob:none", "--no-checkout", f"file://{remote.folder}", "partial")
    partial = tmp_path / "partial"
    promote(partial, request())
    assert f"tag: {SHA}" in remote.text("shop", "dev")
    missing = git(partial, "rev-list", "--objects", "--missing=print", "origin/main").count("?")
    assert missing >= 4, "the other applications' files are not there, and nobody asked for them"


def test_tags_and_hooks_of_the_clone_do_not_go_along(remote, clone):
    git(clone, "tag", "-a", "v1", "-m", "v1")
    git(clone, "config", "push.followTags", "true")
    for hook in ("pre-push", "pre-commit", "commit-msg"):
        path = clone / ".git" / "hooks" / hook
        path.parent.mkdir(exist_ok=True)
        path.write_text("#!/bin/sh\nexit 1\n")
        path.chmod(0o755)
    promote(clone, request())
    assert git(remote.folder, "tag") == ""


@pytest.mark.parametrize(
    ("asked", "error", "says"),
    [
        (request(app="shp"), RefusedError, r"'shp' in gitops/apps: did you mean 'shop'\? there: cart, shop"),
        (request(app="../shop"), RefusedError, r"got '\.\./shop' for an application; allowed: lower-case letters"),
        (request(app="shop\nx: y"), RefusedError, "for an application; allowed: lower-case letters"),
        (request(env="dev\nx: y"), RefusedError, "for an environment; allowed: lower-case letters"),
        (request(app=""), RefusedError, "no application"),
        (request(env="deve"), RefusedError, r"no environment 'deve' .*did you mean 'dev'\? there: dev, prod"),
        (request(env="values"), RefusedError, "no environment 'values'"),
        (request(env="Chart"), RefusedError, "got 'Chart' for an environment"),
        (request(path="image.tagg"), RefusedError, r"dev\.yaml: image\.tagg is not .* did you mean image\.tag"),
        (request(path="image"), RefusedError, "is a mapping"),
        (request(path="image..tag"), RefusedError, "is not a path"),
        (request(DIGEST), RefusedError, r"image\.digest is not in the file"),
        (request("latest"), RefusedError, "can be moved"),
        (request("v1.2.3"), RefusedError, "can be moved"),
        (request("x y"), RefusedError, "neither a tag nor a digest"),
        (request(digest="sha256:1"), RefusedError, "--digest: got 'sha256:1'; allowed: sha256:"),
        (request(f"1.2@{DIGEST}", digest=f"sha256:{'0' * 64}"), RefusedError, "--digest: got sha256:0000"),
        (request(None), BootstrapError, "give an environment and a tag"),
        (request(None, source="dev"), BootstrapError, "are both dev"),
        (request(None, source="tst", env="prod"), RefusedError, "no environment 'tst'"),
        (request(branch="nope"), GitError, "has no branch nope"),
        (request(branch="a:refs/heads/b"), GitError, "--branch: got"),
        (request(branch="-x"), GitError, "has no branch -x"),
        (request(remote="nope"), GitError, "'nope' does not appear to be a git repository"),
        (request(remote="--upload-pack=x"), GitError, "--remote: got"),
        (request(source_run="x\nImage-Digest: y"), BootstrapError, "one line"),
        (request(attempts=0), BootstrapError, "above zero"),
    ],
)
def test_what_cannot_be_is_one_message_and_changes_nothing(remote, clone, asked, error, says):
    tip = remote.tip()
    with pytest.raises(error, match=says) as told:
        promote(clone, asked)
    assert type(told.value) is error
    assert remote.tip() == tip


def test_a_folder_in_no_clone_is_told(tmp_path):
    with pytest.raises(GitError, match="not a git repository"):
        promote(tmp_path, request())


def test_a_credential_in_the_remotes_address_is_not_repeated(clone):
    git(clone, "remote", "set-url", "origin", "http://user:hunter2@127.0.0.1:9/x.git")
    with pytest.raises(GitError) as told:
        promote(clone, request())
    assert "127.0.0.1:9" in str(told.value) and "hunter2" not in str(told.value)


def test_a_password_with_an_at_sign_in_it_is_not_repeated_either():
    assert redact("https://user:p@ss@example.com/shop.git x@y") == "https://example.com/shop.git x@y"


def test_a_mutable_tag_may_be_allowed(remote, clone):
    promote(clone, request("v1.2.3", allow_mutable=True))
    assert "tag: v1.2.3   #" in remote.text("shop", "dev")


def test_a_symbolic_link_and_other_bytes_than_utf8_are_refused(remote, clone):
    work = remote.clone("work")
    file = work / "gitops/apps/shop/dev.yaml"
    file.write_bytes(b"image: {tag: \xff}\n")
    git(work, "commit", "--quiet", "-am", "bytes")
    git(work, "push", "--quiet")
    with pytest.raises(RefusedError, match="not UTF-8"):
        promote(clone, request())
    file.unlink()
    file.symlink_to("prod.yaml")
    git(work, "commit", "--quiet", "-am", "link")
    git(work, "push", "--quiet")
    with pytest.raises(RefusedError, match="not a plain file"):
        promote(clone, request())


def test_a_digest_goes_to_its_own_path_and_a_tag_beside_one_is_refused(remote, clone):
    change(remote, "shop", "dev", lambda text: text.replace("image:\n", "image:\n  digest:\n"))
    assert promote(clone, request()).pushed
    assert promote(clone, request(DIGEST)).edit.path == "image.digest"
    assert f"  digest: {DIGEST}\n" in remote.text("shop", "dev")
    assert f"Image-Digest: {DIGEST}" in remote.message()
    with pytest.raises(RefusedError, match="a digest wins over a tag"):
        promote(clone, request(OTHER))


def test_a_tag_that_a_digest_in_the_base_would_win_over_is_refused(remote, clone):
    change(remote, "shop", "values", lambda text: text.replace('tag: ""', f"digest: {DIGEST}"))
    with pytest.raises(RefusedError, match=r"values\.yaml has image\.digest too, and a digest wins over a tag"):
        promote(clone, request())
    change(remote, "shop", "dev", lambda text: text.replace("image:\n", 'image:\n  digest: ""\n'))
    assert promote(clone, request()).pushed, "the environment takes the base's away"


def test_another_path_may_be_named(remote, clone):
    change(remote, "shop", "dev", lambda text: text + "workers:\n- image: {tag: x}\n")
    promote(clone, request(path="workers[0].image.tag"))
    assert f"- image: {{tag: {SHA}}}" in remote.text("shop", "dev")
    assert "tag: 0000000a" in remote.text("shop", "dev")


def test_a_dry_run_shows_the_change_and_writes_nothing(remote, clone):
    tip, before = remote.tip(), state(clone)
    result = promote(clone, request(dry_run=True))
    assert (remote.tip(), state(clone)) == (tip, before)
    assert f"-  tag: 0000000a   # promote writes this\n+  tag: {SHA}   # promote writes this" in result.diff
    assert result.commit is None and not result.pushed


# Other people's pushes


def test_when_somebody_is_faster_the_edit_is_applied_to_their_tip(remote, clone, monkeypatch):
    meanwhile(
        monkeypatch,
        lambda: promote(remote.clone("b"), request(app="cart")),
        lambda: change(remote, "shop", "dev", lambda text: text.replace("replicas: 1 ", "replicas: 3 ")),
    )
    result = promote(clone, request())
    assert result.attempts == 3
    assert remote.text("shop", "dev") == ENVIRONMENT.format(app="shop", env="dev", tag=SHA).replace("s: 1 ", "s: 3 ")
    assert remote.subjects() == [
        f"deploy: shop dev {SHA} [skip ci]",
        "by hand",
        f"deploy: cart dev {SHA} [skip ci]",
        "start",
    ]
    assert git(remote.folder, "log", "--merges", "--format=%h", "main") == ""


def test_attempts_are_bounded(remote, clone, monkeypatch):
    def busy():
        change(remote, "cart", "dev", lambda text: text + "#\n")

    meanwhile(monkeypatch, *[busy] * 5)
    with pytest.raises(OvertakenError, match=r"moved on at each of 3 attempts.*\[rejected\] \(fetch first\)"):
        promote(clone, request(attempts=3))
    assert SHA not in remote.text("shop", "dev")


def test_time_is_bounded(remote, clone, monkeypatch):
    def busy():
        change(remote, "cart", "dev", lambda text: text + "#\n")

    meanwhile(monkeypatch, *[busy] * 50)
    with pytest.raises(OvertakenError, match="moved on at each of"):
        promote(clone, request(seconds=0.2))


def test_the_same_value_by_somebody_else_is_as_good(remote, clone, monkeypatch):
    meanwhile(monkeypatch, lambda: promote(remote.clone("b"), request(source_run="1")))
    result = promote(clone, request())
    assert result.edit.nothing and not result.pushed and result.attempts == 2
    assert len(remote.subjects()) == 2


def test_another_value_by_somebody_else_is_not_replaced_when_the_order_is_unknown(remote, clone, monkeypatch):
    meanwhile(monkeypatch, lambda: promote(remote.clone("b"), request(OTHER)))
    with pytest.raises(
        OvertakenError, match=rf"changed image.tag from '0000000a' to '{OTHER}'.*deploy: shop dev {OTHER}"
    ):
        promote(clone, request())
    assert OTHER in remote.text("shop", "dev")
    assert len(remote.subjects()) == 2


def run(number, source="example/shop"):
    return {"source_repository": source, "source_run": f"https://github.com/example/shop/actions/runs/{number}"}


def test_a_later_run_replaces_what_an_earlier_one_promoted_meanwhile(remote, clone, monkeypatch):
    meanwhile(monkeypatch, lambda: promote(remote.clone("b"), request(OTHER, **run(9))))
    assert promote(clone, request(**run(10))).attempts == 2
    assert SHA in remote.text("shop", "dev")


def test_an_earlier_run_stops_when_a_later_one_was_there_meanwhile(remote, clone, monkeypatch):
    meanwhile(monkeypatch, lambda: promote(remote.clone("b"), request(OTHER, **run(10))))
    result = promote(clone, request(**run(9)))
    assert result.overtaken and "which a later run promoted" in result.overtaken and not result.pushed
    assert OTHER in remote.text("shop", "dev")


def test_an_earlier_run_never_replaces_a_later_ones_promotion(remote, clone):
    promote(clone, request(OTHER, **run(10)))
    tip = remote.tip()
    told = promote(clone, request(**run(9))).overtaken
    assert told and re.search(f"a later run promoted: .*--expect {OTHER}", told)
    assert remote.tip() == tip
    # another source repository's runs are numbered by themselves; by hand there is no number
    promote(clone, request(**run(9, "example/other")))
    promote(clone, request(OTHER, **run(11)))
    promote(clone, request(THIRD))
    promote(clone, request(SHA, **run(8)))


def test_expect_replaces_that_value_whatever_the_order(remote, clone):
    promote(clone, request(OTHER, **run(10)))
    with pytest.raises(OvertakenError, match=f"is '{OTHER}', not '{THIRD}' as expected"):
        promote(clone, request(expect=THIRD, **run(9)))
    assert promote(clone, request(expect=OTHER, **run(9))).pushed


def test_expect_holds_at_every_attempt(remote, clone, monkeypatch):
    meanwhile(monkeypatch, lambda: promote(remote.clone("b"), request(OTHER, **run(1))))
    with pytest.raises(OvertakenError, match="as expected"):
        promote(clone, request(expect="0000000a", **run(2)))


def test_what_a_revert_took_back_stays_out_until_somebody_lifts_it(remote, clone):
    promote(clone, request())
    revert(remote, "HEAD")
    with pytest.raises(RefusedError, match=rf"{SHA} was taken back by .*Revert .*--force-reverted"):
        promote(clone, request())
    assert promote(clone, request(OTHER)).pushed, "another image is not concerned"
    with pytest.raises(RefusedError):
        promote(clone, request())
    assert promote(clone, request(force_reverted=True)).pushed
    promote(clone, request(OTHER))
    assert promote(clone, request()).pushed, "it was lifted"


def test_reverting_the_revert_lifts_it(remote, clone):
    promote(clone, request())
    revert(remote, "HEAD")
    revert(remote, "HEAD")
    assert promote(clone, request()).edit.nothing
    promote(clone, request(OTHER))
    assert promote(clone, request()).pushed


def test_what_a_revert_of_something_else_brought_back_or_took_along_is_told_apart(remote, clone):
    promote(clone, request(OTHER))
    promote(clone, request())
    revert(remote, "HEAD")
    revert(
        remote, "HEAD", edit=lambda text: text.replace('Revert "Revert "deploy', 'Reapply "deploy').replace('""', '"')
    )
    assert promote(clone, request(OTHER)).pushed, "OTHER left when a revert was reverted: nobody took it back"


def test_a_revert_with_a_subject_of_its_own_and_a_squashed_one_count(remote, clone):
    promote(clone, request())
    promote(clone, request(OTHER, app="cart"))
    revert(remote, "HEAD~1", edit=lambda text: "Back to what worked\n\n" + text.split("\n", 1)[1])
    with pytest.raises(RefusedError, match="Back to what worked"):
        promote(clone, request())
    revert(remote, "HEAD~1", edit=lambda text: text.split("\n")[0] + " (#12)\n\nReverts example/gitops#11")
    with pytest.raises(RefusedError, match="#12"):
        promote(clone, request(OTHER, app="cart"))


def test_a_value_that_another_begins_with_is_another(remote, clone):
    for number, undo in enumerate((None, lambda text: text.split("\n")[0])):
        tag = f"v{number}.2.3"
        promote(clone, request(tag, allow_mutable=True))
        revert(remote, "HEAD", edit=undo)
        with pytest.raises(RefusedError, match="taken back"):
            promote(clone, request(tag, allow_mutable=True))
        assert promote(clone, request(f"v{number}.2", allow_mutable=True)).pushed
        assert promote(clone, request(f"{tag}@{DIGEST}")).pushed


def test_a_revert_that_was_merged_from_a_branch_counts(remote, clone):
    promote(clone, request())
    work = remote.clone("work")
    git(work, "checkout", "--quiet", "-b", "undo")
    git(work, "revert", "--no-edit", "HEAD")
    git(work, "checkout", "--quiet", "main")
    promote(clone, request(app="cart"))
    git(work, "pull", "--quiet", "--ff-only")
    git(work, "merge", "--quiet", "--no-ff", "-m", "Merge pull request #3", "undo")
    git(work, "push", "--quiet")
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, request())


def test_a_promotion_to_an_older_image_is_no_revert(remote, clone):
    promote(clone, request())
    promote(clone, request(OTHER))
    assert promote(clone, request()).pushed
    assert promote(clone, request(OTHER)).pushed


def test_a_revert_is_seen_from_a_clone_of_depth_one(remote, clone):
    promote(clone, request())
    revert(remote, "HEAD")
    promote(clone, request(OTHER))
    with pytest.raises(RefusedError, match="taken back"):
        promote(remote.clone("shallow", "--depth=1", "--no-local"), request())


def test_a_revert_that_lands_meanwhile_counts(remote, clone, monkeypatch):
    def land_and_revert():
        promote(remote.clone("b"), request())
        revert(remote, "HEAD")

    meanwhile(monkeypatch, land_and_revert)
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, request())
    assert remote.subjects()[0].startswith("Revert")


def test_a_reverted_digest_stays_out_under_the_name_of_another_commit(remote, clone):
    promote(clone, request(f"{SHA}@{DIGEST}"))
    revert(remote, "HEAD")
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, request(f"{OTHER}@{DIGEST}"))
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, request(SHA))
    assert promote(clone, request(OTHER)).pushed


def test_a_revert_of_several_commits_counts_for_each_whatever_its_subject_says(remote, clone):
    taken = [str(promote(clone, request(app=app)).commit) for app in ("shop", "cart")]
    revert(
        remote,
        taken[0],
        edit=lambda text: (
            f'Revert "deploy: cart dev {SHA} [skip ci]"\n\n' + "".join(f"This reverts commit {c}.\n" for c in taken)
        ),
    )
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, request())


@pytest.mark.parametrize(
    "subject",
    [
        "deploy: update shop image",
        "deploy: update shop image [skip ci]",
        f"deploy: shop dev+prod {SHA} [skip ci]",
        f"deploy: shop dev {SHA[:7]} [skip ci]",
        # the title that a pull request had before it got another image, and that of one which changed more
        f"deploy: shop dev {OTHER}",
        f"deploy: shop prod {OTHER} (#12)",
    ],
)
def test_a_revert_counts_whatever_the_commit_that_it_names_was_called(remote, clone, subject):
    change(remote, "shop", "dev", lambda text: text.replace("0000000a", SHA), subject)
    revert(remote, "HEAD")
    assert remote.subjects()[0] == f'Revert "{subject}"'
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, request())


def test_a_reverted_image_of_another_environment_is_not_concerned(remote, clone):
    promote(clone, request())
    revert(remote, "HEAD")
    assert promote(clone, request(env="prod")).pushed


# What the remote says


def test_a_hook_that_says_no_is_not_asked_again_and_its_message_is_shown(remote, clone):
    remote.hook("pre-receive", "echo x >> $GIT_DIR/calls; echo 'no deploys on Friday' >&2; exit 1")
    with pytest.raises(
        GitError, match=r"refuses the push to main: .*pre-receive hook declined\)\nno deploys on Friday"
    ):
        promote(clone, request())
    assert (remote.folder / "calls").read_text() == "x\n"
    assert remote.subjects() == ["start"]


def test_a_protected_branch_is_not_tried_again(remote, clone):
    remote.hook("update", '[ "$1" != refs/heads/main ] || { echo "main is protected" >&2; exit 1; }')
    with pytest.raises(GitError, match="main is protected"):
        promote(clone, request())


def wrap_git(tmp_path, monkeypatch, script):
    """Put a program called git before the real one; $REAL is that one."""
    folder = tmp_path / "wrapped"
    folder.mkdir(exist_ok=True)
    (folder / "git").write_text(f'#!/bin/bash\nREAL={shutil.which("git")}\n{script}\nexec $REAL "$@"\n')
    (folder / "git").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")


def test_an_acknowledgement_that_is_lost_is_found_in_the_branch(remote, clone, tmp_path, monkeypatch):
    wrap_git(
        tmp_path, monkeypatch, 'case " $* " in *" push "*) $REAL "$@" >/dev/null 2>&1; echo gone >&2; exit 128;; esac'
    )
    result = promote(clone, request())
    assert result.pushed and result.commit == remote.tip()


def test_a_push_that_never_arrived_is_an_error_in_gits_words(remote, clone, tmp_path, monkeypatch):
    wrap_git(tmp_path, monkeypatch, 'case " $* " in *" push "*) echo "the remote end hung up" >&2; exit 128;; esac')
    with pytest.raises(GitError, match=r"push to main of .* failed: the remote end hung up"):
        promote(clone, request())


def test_git_that_is_not_there_is_told(clone, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(GitError, match="Git is not on PATH"):
        promote(clone, request())


def test_the_json_is_json(clone):
    assert json.loads(json.dumps(promote(clone, request()).to_json()))["after"] == SHA


def test_the_remotes_history_is_sound(remote, clone):
    for number in range(3):
        promote(clone, request(f"aaaaaa{number}"))
    done = subprocess.run(
        ["git", "-C", str(remote.folder), "fsck", "--strict"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
