"""Promotions that people merge: the branch, what it never throws away, and the pull request through `gh`."""

import json

import pytest

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.pull_request import how_to_open
from bootstrap.delivery.promote.request import Request
from bootstrap.errors import GitError, RefusedError
from tests.git.remotes import change, git, meanwhile, revert

SHA, OTHER = "4f2a9c1d", "5a5a5a5a"
DIGEST = f"sha256:{'ab' * 32}"
BRANCH = "promote/shop-prod"

GH = r"""#!/usr/bin/env python3
'''Plays gh: keeps pull requests in a file, and every call with what was piped in.'''
import json, os, sys
state = os.environ["FAKE_GH"]
try:
    kept = json.load(open(state))
except FileNotFoundError:
    kept = {"calls": [], "requests": []}
words = sys.argv[1:]
given = sys.stdin.read()
kept["calls"].append({"words": words, "given": given})
option = lambda name: words[words.index(name) + 1]
status = 0
if os.environ.get("FAKE_GH_FAILS") in words:
    print("HTTP 401: Bad credentials (https://user:hunter2@api.github.com)", file=sys.stderr)
    status = 1
elif words[:2] == ["pr", "list"]:
    print(json.dumps([r for r in kept["requests"] if r["head"] == option("--head")]))
elif words[:2] == ["pr", "create"]:
    url = f"https://github.com/example/gitops/pull/{len(kept['requests']) + 1}"
    kept["requests"].append({"number": len(kept["requests"]) + 1, "url": url, "head": option("--head"),
                             "isCrossRepository": False, "title": option("--title"), "body": given})
    print("Creating pull request\n" + url)
elif words[0] == "api":
    kept["requests"][int(words[-4].rsplit("/")[-1]) - 1].update(json.loads(given))
else:
    status = 2
json.dump(kept, open(state, "w"))
sys.exit(status)
"""


@pytest.fixture
def on_github(remote, clone, tmp_path, monkeypatch):
    """The remote as GitHub's by SSH: the address is GitHub's, the repository behind it is the bare one."""
    ssh = tmp_path / "ssh"
    # what GitHub gets is `git-receive-pack 'example/gitops.git'`
    ssh.write_text(f"#!/bin/sh\nfor last; do :; done\nexec ${{last%% *}} '{remote.folder}'\n")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    git(clone, "remote", "set-url", "origin", "git@github.com:example/gitops.git")
    return clone


@pytest.fixture
def gh(tmp_path, monkeypatch):
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "gh").write_text(GH)
    (folder / "gh").chmod(0o755)
    state = tmp_path / "gh.json"
    monkeypatch.setenv("FAKE_GH", str(state))
    monkeypatch.setenv("PATH", str(folder), prepend=":")
    return lambda: json.loads(state.read_text())


@pytest.fixture
def no_gh(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)


def to_prod(**more):
    return Request(**{"app": "shop", "environment": "prod", "source": "dev", "pull_request": True, **more})


def direct(value=SHA, env="dev", app="shop", **more):
    return Request(app=app, environment=env, value=value, **more)


def merge(remote, message):
    """Merge the promotion's branch as GitHub's squash button does, and keep the branch."""
    work = remote.folder.parent / "merging"
    if not work.exists():
        remote.clone("merging")
    git(work, "fetch", "--quiet")
    git(work, "reset", "--quiet", "--hard", "origin/main")
    git(work, "merge", "--quiet", "--squash", f"origin/{BRANCH}")
    git(work, "commit", "--quiet", "-m", message)
    git(work, "push", "--quiet", "origin", "HEAD:main")


def test_what_dev_runs_goes_to_a_branch_of_its_own(remote, clone):
    promote(clone, direct())
    main = remote.tip()
    result = promote(clone, to_prod())
    assert remote.tip() == main
    assert remote.message(BRANCH) == f"deploy: shop prod {SHA}", "checks are not skipped on a pull request"
    assert git(remote.folder, "rev-parse", f"{BRANCH}^") == main
    assert f"tag: {SHA}" in remote.text("shop", "prod", BRANCH)
    assert (result.branch, result.pushed, result.commit) == (BRANCH, True, remote.tip(BRANCH))
    assert result.pull_request is None
    assert result.hint == f"open a pull request from {BRANCH} into main"


def test_a_value_may_go_by_pull_request_too(remote, clone):
    promote(clone, direct(env="prod", pull_request=True, source_run="7"))
    assert remote.message(BRANCH) == f"deploy: shop prod {SHA}\n\nSource-Run: 7"


def test_a_digest_that_dev_runs_is_promoted_as_one(remote, clone):
    for env in ("dev", "prod"):
        change(remote, "shop", env, lambda text: text.replace("image:\n", "image:\n  digest: ''\n"))
    promote(clone, direct(DIGEST))
    assert promote(clone, to_prod()).edit.path == "image.digest"
    assert f"digest: '{DIGEST}'" in remote.text("shop", "prod", BRANCH)


def test_an_environment_that_runs_nothing_promotes_nothing(remote, clone):
    change(remote, "shop", "dev", lambda text: text.replace("tag: 0000000a", "tag:"))
    with pytest.raises(RefusedError, match=r"dev\.yaml runs nothing yet"):
        promote(clone, to_prod())


def test_prod_that_runs_it_already_needs_no_branch(remote, clone):
    result = promote(clone, to_prod())
    assert result.edit.nothing and result.branch == "main"
    assert remote.tip(BRANCH) == ""


def test_the_same_promotion_again_leaves_branch_and_reviews_alone_though_main_moved_on(remote, clone):
    promote(clone, direct())
    first = promote(clone, to_prod())
    promote(clone, direct(OTHER, app="cart"))
    again = promote(clone, to_prod())
    assert remote.tip(BRANCH) == first.commit
    assert not again.pushed and again.commit is None


def test_the_next_promotion_replaces_the_branch_on_the_new_tip(remote, clone):
    promote(clone, direct())
    promote(clone, to_prod())
    promote(clone, direct(OTHER))
    promote(clone, to_prod())
    assert git(remote.folder, "rev-parse", f"{BRANCH}^") == remote.tip()
    assert f"tag: {OTHER}" in remote.text("shop", "prod", BRANCH)


def test_a_file_that_changed_on_main_gets_a_fresh_branch(remote, clone):
    promote(clone, direct())
    promote(clone, to_prod())
    change(remote, "shop", "prod", lambda text: text.replace("replicas: 1", "replicas: 5"))
    assert promote(clone, to_prod()).pushed
    assert "replicas: 5" in remote.text("shop", "prod", BRANCH)


def test_a_branch_that_was_squash_merged_and_kept_is_used_again(remote, clone):
    promote(clone, direct())
    promote(clone, to_prod())
    merge(remote, f"deploy: shop prod {SHA} (#1)")
    assert promote(clone, to_prod()).edit.nothing
    promote(clone, direct(OTHER))
    assert promote(clone, to_prod()).pushed
    assert git(remote.folder, "rev-list", "--count", f"main..{BRANCH}") == "1"


def test_a_merged_pull_request_that_was_reverted_stays_out(remote, clone):
    promote(clone, direct())
    promote(clone, to_prod())
    merge(remote, f"deploy: shop prod {SHA} (#1)")
    work = remote.folder.parent / "merging"
    git(work, "revert", "--no-edit", "HEAD")
    git(
        work, "commit", "--quiet", "--amend", "-m", f'Revert "deploy: shop prod {SHA} (#1)" (#2)\n\nReverts example/x#1'
    )
    git(work, "push", "--quiet", "origin", "HEAD:main")
    with pytest.raises(RefusedError, match="taken back"):
        promote(clone, to_prod())


def test_somebodys_own_commits_on_the_branch_are_never_thrown_away(remote, clone):
    promote(clone, direct())
    promote(clone, to_prod())
    work = remote.clone("work")
    git(work, "checkout", "--quiet", BRANCH)
    (work / "fix").write_text("x")
    git(work, "add", "fix")
    git(work, "commit", "--quiet", "-m", "a fix that goes with it")
    git(work, "push", "--quiet")
    tip = remote.tip(BRANCH)
    promote(clone, direct(OTHER))
    with pytest.raises(RefusedError, match=r"commits that are not of a promotion \(.* a fix that goes with it\)"):
        promote(clone, to_prod())
    assert remote.tip(BRANCH) == tip


def test_a_commit_pushed_to_the_branch_meanwhile_is_not_thrown_away_either(remote, clone, monkeypatch):
    promote(clone, direct())
    promote(clone, to_prod())
    promote(clone, direct(OTHER))

    def push_a_fix():
        work = remote.clone("work")
        git(work, "checkout", "--quiet", BRANCH)
        git(work, "commit", "--quiet", "--allow-empty", "-m", "a fix")
        git(work, "push", "--quiet")

    meanwhile(monkeypatch, push_a_fix)
    with pytest.raises(RefusedError, match="a fix"):
        promote(clone, to_prod())
    assert remote.subjects(BRANCH)[0] == "a fix"


def test_what_dev_ran_at_the_first_look_is_what_goes(remote, clone, monkeypatch):
    promote(clone, direct())

    def dev_moves_on():
        promote(remote.clone("b"), direct(OTHER))
        git(remote.folder, "branch", BRANCH, "main~1")

    meanwhile(monkeypatch, dev_moves_on)
    assert promote(clone, to_prod()).attempts == 2
    assert f"tag: {SHA}" in remote.text("shop", "prod", BRANCH)


def run(number, source="example/shop"):
    return {"source_repository": source, "source_run": f"https://github.com/{source}/actions/runs/{number}"}


def test_the_trailers_of_the_promotion_that_is_copied_go_along(remote, clone):
    promote(clone, direct(digest=DIGEST, **run(7)))
    promote(clone, to_prod())
    assert remote.message(BRANCH).split("\n\n")[1].splitlines() == [
        "Source-Repository: example/shop",
        "Source-Run: https://github.com/example/shop/actions/runs/7",
        f"Image-Digest: {DIGEST}",
    ]


@pytest.mark.parametrize("copied", [True, False])
def test_an_earlier_run_does_not_replace_what_the_open_pull_request_has_of_a_later_one(remote, clone, copied):
    promote(clone, direct(OTHER, **run(10)))
    promote(clone, to_prod() if copied else direct(OTHER, env="prod", pull_request=True, **run(10)))
    tip = remote.tip(BRANCH)
    result = promote(clone, direct(env="prod", pull_request=True, **run(9)))
    assert result.overtaken and f"has {OTHER} at image.tag" in result.overtaken and not result.pushed
    assert promote(clone, direct(env="prod", pull_request=True, dry_run=True, **run(9))).overtaken
    assert remote.tip(BRANCH) == tip
    assert promote(clone, direct(env="prod", pull_request=True, **run(9, "example/other"))).pushed, "not comparable"
    assert promote(clone, direct(OTHER, env="prod", pull_request=True, **run(10))).pushed
    assert promote(clone, direct(env="prod", pull_request=True, **run(11))).pushed
    assert promote(clone, direct("6b6b6b6b", env="prod", pull_request=True, expect="0000000a", **run(1))).pushed


def test_an_earlier_run_does_not_replace_what_a_later_one_brought_into_prod(remote, clone):
    promote(clone, direct(OTHER, **run(10)))
    promote(clone, to_prod())
    merge(remote, f"deploy: shop prod {OTHER} (#1)\n\n" + remote.message(BRANCH).split("\n\n")[1])
    assert promote(clone, direct(env="prod", pull_request=True, **run(9))).overtaken


def test_an_image_that_came_into_dev_later_is_not_replaced_by_one_that_came_earlier(remote, clone, monkeypatch):
    """Two runs copy what dev runs, without numbers; the slower one looked at dev before the other image came."""
    promote(clone, direct())

    def dev_moves_on_and_is_copied():
        promote(remote.clone("b"), direct(OTHER))
        promote(remote.clone("c"), to_prod())

    meanwhile(monkeypatch, dev_moves_on_and_is_copied)
    result = promote(clone, to_prod())
    assert result.overtaken and result.attempts == 2
    assert f"tag: {OTHER}" in remote.text("shop", "prod", BRANCH)


def test_an_image_that_dev_went_back_to_replaces_the_one_before(remote, clone):
    promote(clone, direct(**run(1)))
    promote(clone, direct(OTHER, **run(2)))
    promote(clone, to_prod())
    revert(remote, "HEAD")
    assert promote(clone, to_prod()).pushed
    assert f"tag: {SHA}" in remote.text("shop", "prod", BRANCH)


def test_a_dry_run_makes_no_branch(remote, clone, gh):
    promote(clone, direct())
    result = promote(clone, to_prod(dry_run=True))
    assert f"+  tag: {SHA}" in result.diff and result.branch == BRANCH
    assert remote.tip(BRANCH) == ""


def test_gh_opens_the_pull_request_with_the_change_in_its_body(remote, on_github, gh):
    promote(on_github, direct())
    result = promote(on_github, to_prod(source_repository="https://github.com/example/shop"))
    assert result.pull_request == "https://github.com/example/gitops/pull/1" and result.hint is None
    (opened,) = gh()["requests"]
    assert opened["head"] == BRANCH
    assert opened["title"] == f"deploy: shop prod {SHA}"
    assert "```diff\n--- a/gitops/apps/shop/prod.yaml\n+++ b/gitops/apps/shop/prod.yaml\n" in opened["body"]
    assert f"-  tag: 0000000a   # promote writes this\n+  tag: {SHA}   # promote writes this" in opened["body"]
    assert "Source-Repository: https://github.com/example/shop" in opened["body"]
    assert all("github.com/example/gitops" in call["words"] for call in gh()["calls"])


def test_gh_updates_the_pull_request_that_is_open(remote, on_github, gh):
    promote(on_github, direct())
    promote(on_github, to_prod())
    promote(on_github, direct(OTHER))
    result = promote(on_github, to_prod())
    (opened,) = gh()["requests"]
    assert result.pull_request == opened["url"]
    assert opened["title"] == f"deploy: shop prod {OTHER}"
    assert f"+  tag: {OTHER}" in opened["body"] and SHA not in opened["body"]


def test_a_forks_pull_request_of_the_same_name_is_not_ours(remote, on_github, gh, tmp_path):
    promote(on_github, direct())
    theirs = {"number": 1, "url": "x", "head": BRANCH, "isCrossRepository": True, "title": "theirs", "body": ""}
    (tmp_path / "gh.json").write_text(json.dumps({"calls": [], "requests": [theirs]}))
    assert promote(on_github, to_prod()).pull_request == "https://github.com/example/gitops/pull/2"
    assert gh()["requests"][0] == theirs


def test_when_gh_fails_the_next_run_opens_what_is_missing(remote, on_github, gh, monkeypatch):
    promote(on_github, direct())
    monkeypatch.setenv("FAKE_GH_FAILS", "create")
    with pytest.raises(GitError, match=r"branch is pushed, .* `gh pr create` says HTTP 401: Bad credentials") as told:
        promote(on_github, to_prod())
    assert "hunter2" not in str(told.value)
    monkeypatch.delenv("FAKE_GH_FAILS")
    tip = remote.tip(BRANCH)
    result = promote(on_github, to_prod())
    assert result.pull_request and not result.pushed and remote.tip(BRANCH) == tip


def test_a_fence_in_the_file_does_not_end_the_bodys(remote, on_github, gh):
    change(remote, "shop", "prod", lambda text: text.replace("# promote writes this", "# ``` here"))
    promote(on_github, direct())
    promote(on_github, to_prod())
    body = gh()["requests"][0]["body"]
    assert body.startswith("````diff\n") and "\n````\n" in body


def test_without_gh_it_says_where_to_open_it(on_github, no_gh):
    promote(on_github, direct())
    result = promote(on_github, to_prod())
    assert result.pull_request is None
    assert result.hint == (
        "open the pull request: https://github.com/example/gitops/compare/main...promote/shop-prod?expand=1"
    )


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("https://github.com/example/gitops.git", "https://github.com/example/gitops/compare/main...promote/shop-prod"),
        (
            "ssh://git@github.com:22/example/gitops",
            "https://github.com/example/gitops/compare/main...promote/shop-prod",
        ),
        ("https://contoso.ghe.com/a/b", "https://contoso.ghe.com/a/b/compare/main...promote/shop-prod"),
        (
            "https://dev.azure.com/contoso/platform/_git/gitops",
            "https://dev.azure.com/contoso/platform/_git/gitops/pullrequestcreate?sourceRef=promote%2Fshop-prod&targetRef=main",
        ),
        (
            "git@ssh.dev.azure.com:v3/contoso/platform/gitops",
            "https://dev.azure.com/contoso/platform/_git/gitops/pullrequestcreate?sourceRef=promote%2Fshop-prod&targetRef=main",
        ),
    ],
)
def test_the_page_of_each_host_is_known(url, page):
    assert page in how_to_open(url, to_prod(), None)


def test_the_address_that_a_host_answers_with_is_passed_on(remote, clone):
    remote.hook(
        "post-receive", "echo 'To create a merge request, visit:' >&2; echo '  https://git.example.com/new?x=1' >&2"
    )
    promote(clone, direct())
    hint = promote(clone, to_prod()).hint
    assert hint and hint.endswith(f"from {BRANCH} into main: https://git.example.com/new?x=1")
