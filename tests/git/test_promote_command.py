"""``bootstrap promote`` as a pipeline runs it: arguments, output, exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.git.loopback_registry import serve
from tests.git.remotes import change, git, revert

ROOT = Path(__file__).resolve().parents[2]
SHA, OTHER = "4f2a9c1d", "5a5a5a5a"


@pytest.fixture
def bootstrap(clone):
    def run(*arguments, cwd=None):
        start = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bootstrap.cli import main; main()"
        command = [sys.executable, "-c", start, "promote", *arguments, "--repository", str(clone)]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)

    return run


def test_promoting_says_what_it_did_and_shows_the_change(remote, bootstrap):
    done = bootstrap("shop", "dev", SHA)
    assert done.returncode == 0, done.stderr
    assert f"promoted shop to dev on main ({remote.tip()[:10]})" in done.stdout
    assert f"image.tag of gitops/apps/shop/dev.yaml: 0000000a → {SHA}" in done.stdout
    assert f"+  tag: {SHA}   # promote writes this" in done.stdout
    again = bootstrap("shop", "dev", SHA)
    assert again.returncode == 0
    assert f"shop dev has {SHA} already (image.tag of gitops/apps/shop/dev.yaml): nothing to do" in again.stdout


def test_every_option_reaches_the_commit(remote, bootstrap):
    digest = f"sha256:{'ab' * 32}"
    git(remote.folder, "branch", "release", "main")
    change(remote, "shop", "prod", lambda text: text + "worker: {tag: x}\n")
    git(remote.folder, "branch", "-f", "release", "main")
    done = bootstrap(
        "shop",
        "prod",
        "v1.2",
        "--path",
        "worker.tag",
        "--branch",
        "release",
        "--allow-mutable",
        "--expect",
        "x",
        "--source-repository",
        "example/shop",
        "--source-run",
        "12",
        "--digest",
        digest,
        "--attempts",
        "3",
        "--timeout",
        "20",
        "--remote",
        "origin",
        "--force-reverted",
        "--format",
        "json",
    )
    assert done.returncode == 0, done.stderr
    assert remote.message("release") == (
        f"deploy: shop prod v1.2@{digest} [skip ci]\n\n"
        f"Source-Repository: example/shop\nSource-Run: 12\nImage-Digest: {digest}"
    )
    told = json.loads(done.stdout)
    assert told["commit"] == remote.tip("release") and told["path"] == "worker.tag" and told["branch"] == "release"


def test_the_json_is_the_same_set_of_keys_whatever_happens(remote, bootstrap):
    shown = [
        json.loads(bootstrap("shop", *words, "--format", "json").stdout)
        for words in (
            ("dev", SHA, "--dry-run"),
            ("dev", SHA),
            ("dev", SHA),
            ("--from", "dev", "--to", "prod"),
        )
    ]
    keys = {"app", "environment", "path", "before", "after", "commit", "branch", "pushed", "pullRequest", "attempts"}
    assert all(set(one) == keys | {"file", "diff", "dryRun", "overtaken", "unrendered"} for one in shown)
    assert [one["pushed"] for one in shown] == [False, True, False, True]
    assert [one["branch"] for one in shown] == ["main", "main", "main", "promote/shop-prod"]


def test_an_overtaken_run_ends_well_and_says_so(remote, bootstrap):
    bootstrap("shop", "dev", OTHER, "--source-repository", "example/shop", "--source-run", "10")
    tip = remote.tip()
    ours = ("shop", "dev", SHA, "--source-repository", "example/shop", "--source-run", "9")
    done = bootstrap(*ours)
    assert done.returncode == 0, done.stderr
    assert f"overtaken, nothing to do for {SHA}: image.tag" in done.stdout and "later run" in done.stdout
    assert "+  tag" not in done.stdout and remote.tip() == tip
    told = json.loads(bootstrap(*ours, "--format", "json").stdout)
    assert told["overtaken"] is True and told["pushed"] is False
    assert bootstrap(*ours, "--expect", SHA).returncode == 3


def test_a_dry_run_says_would(remote, bootstrap):
    done = bootstrap("shop", "dev", SHA, "--dry-run")
    assert done.returncode == 0
    assert "would promote shop to dev on main" in done.stdout and f"+  tag: {SHA}" in done.stdout
    assert remote.subjects() == ["start"]


def test_from_and_to_say_where_to_open_the_pull_request(remote, bootstrap):
    bootstrap("shop", "dev", SHA)
    done = bootstrap("shop", "--from", "dev", "--to", "prod")
    assert done.returncode == 0, done.stderr
    assert "on promote/shop-prod" in done.stdout
    assert "open a pull request from promote/shop-prod into main" in done.stdout
    assert "carries this already" in bootstrap("shop", "--from", "dev", "--to", "prod").stdout


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("shop", "dev", "latest"), 2, "can be moved"),
        (("shp", "dev", SHA), 2, "did you mean 'shop'?"),
        (("shop", "tst", SHA), 2, "there: dev, prod"),
        (("shop", "dev", SHA, "--path", "image.name"), 2, "is not in the file"),
        (("shop", "dev", SHA, "--expect", OTHER), 3, "as expected"),
        (("shop", "dev", SHA, "--branch", "nope"), 1, "has no branch nope"),
        (("shop", "dev"), 1, "give an environment and a tag"),
        (("shop",), 1, "give an environment and a tag"),
        (("shop", "--from", "dev"), 1, "--from and --to go together"),
        (("shop", "prod", "--from", "dev", "--to", "prod"), 1, "--from and --to go together"),
        (("shop", "dev", SHA, "--nope"), 1, "No such option"),
        (("shop", "dev", SHA, "--timeout", "soon"), 1, "Invalid value"),
        (("shop", "dev", SHA, "--format", "markdown"), 1, "allowed for promote: text, json"),
        ((), 1, "Missing argument"),
    ],
)
def test_each_exit_status_has_its_message_and_no_traceback(remote, bootstrap, words, status, says):
    done = bootstrap(*words)
    assert done.returncode == status, done.stderr
    assert says in done.stderr and "Traceback" not in done.stderr
    assert done.stdout == ""
    assert remote.subjects() == ["start"]


def test_a_reverted_image_ends_with_2_and_a_missing_one_with_4(remote, bootstrap):
    bootstrap("shop", "dev", SHA)
    revert(remote, "HEAD")
    assert bootstrap("shop", "dev", SHA).returncode == 2
    with serve() as registry:
        change(remote, "shop", "values", lambda _: f"image: {{repository: '{registry.host}/team/shop'}}\n")
        done = bootstrap("shop", "dev", OTHER, "--verify")
        assert (done.returncode, done.stdout) == (4, "")
        assert f"there is no {registry.host}/team/shop:{OTHER}" in done.stderr
        assert bootstrap("shop", "dev", SHA, "--verify", "--force-reverted").returncode == 0


def test_it_does_not_matter_where_it_is_run(remote, bootstrap, tmp_path):
    assert bootstrap("shop", "dev", SHA, cwd=tmp_path).returncode == 0
