"""A token that expires in the middle of a promotion: what is said, and that nothing is half done."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.errors import GitError
from tests.git.remotes import Remote, change, git, meanwhile
from tests.loopback_git import GitHost, git_host

SHA, TOKEN = "4f2a9c1d", "ghs_of-this-run"
REQUEST = Request(app="shop", environment="dev", value=SHA, render=False)


@pytest.fixture
def host(remote: Remote) -> Iterator[GitHost]:
    with git_host(remote.folder.parent) as found:
        found.tokens.add(TOKEN)
        yield found


@pytest.fixture
def by_http(remote: Remote, clone: Path, host: GitHost, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The clone, whose remote asks for a token; Git gets it as in the workflow."""
    git(clone, "remote", "set-url", "origin", f"{host.url}/{remote.folder.name}")
    helper = '!f() { test "$1" != get || printf "username=x-access-token\\npassword=%s\\n" "$GITOPS_TOKEN"; }; f'
    entry = {"COUNT": "1", "KEY_0": f"credential.{host.url}.helper", "VALUE_0": helper}
    for name, value in entry.items():
        monkeypatch.setenv(f"GIT_CONFIG_{name}", value)
    monkeypatch.setenv("GITOPS_TOKEN", TOKEN)
    return clone


def expires(host: GitHost, when: Callable[[str, str], bool]) -> None:
    """Let the token expire just before a request is answered."""

    def before(method: str, path: str) -> None:
        if when(method, path):
            host.tokens.clear()

    host.before = before


MOMENTS = {
    "before anything": lambda method, path: True,
    "before the push": lambda method, path: "git-receive-pack" in path,
    "in the push": lambda method, path: method == "POST" and path.endswith("git-receive-pack"),
}


def test_with_its_token_a_promotion_lands(remote: Remote, by_http: Path, host: GitHost) -> None:
    done = promote(by_http, REQUEST)
    assert (done.pushed, remote.tip()) == (True, done.commit)
    assert host.passwords == {TOKEN}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_token_that_has_expired_is_told_with_what_helps(
    remote: Remote, by_http: Path, host: GitHost, moment: str
) -> None:
    before = remote.tip()
    expires(host, MOMENTS[moment])
    with pytest.raises(GitError, match=r"(?s)refuses the credential.*expired.*run this again") as told:
        promote(by_http, REQUEST)
    assert TOKEN not in str(told.value)
    assert (remote.tip(), remote.text("shop", "dev").count(SHA)) == (before, 0)
    host.before = lambda method, path: None
    host.tokens.add(TOKEN)
    assert promote(by_http, REQUEST).pushed
    assert len(remote.subjects()) == 2


def test_one_that_expires_after_a_first_push_came_too_late_changes_nothing_of_what_was_faster(
    remote: Remote, by_http: Path, host: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    meanwhile(
        monkeypatch, lambda: change(remote, "cart", "dev", lambda text: text.replace("replicas: 1", "replicas: 3"))
    )
    expires(host, lambda method, path: len(remote.subjects()) > 1 and method == "GET" and "upload-pack" in path)
    with pytest.raises(GitError, match="refuses the credential"):
        promote(by_http, REQUEST)
    assert remote.subjects() == ["by hand", "start"]
    assert len([path for _, path in host.requests if path.endswith("service=git-receive-pack")]) == 2, "one push, twice"


def test_a_pull_requests_branch_is_not_there_without_its_commit(remote: Remote, by_http: Path, host: GitHost) -> None:
    expires(host, MOMENTS["in the push"])
    with pytest.raises(GitError, match=r"(?s)refuses the push to promote/shop-dev: .*refuses the credential"):
        promote(by_http, replace(REQUEST, pull_request=True))
    assert git(remote.folder, "for-each-ref", "--format=%(refname)") == "refs/heads/main"


def test_where_git_has_no_credential_at_all_it_is_told_too(
    remote: Remote, by_http: Path, host: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_COUNT", "0")
    with pytest.raises(GitError, match=r"could not read Username.*refuses the credential"):
        promote(by_http, REQUEST)
    assert host.passwords == set()
