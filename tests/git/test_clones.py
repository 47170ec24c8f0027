"""What a promotion finds in a clone (locks, mirrors, addresses, signatures), and that it leaves nothing there."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Request
from bootstrap.errors import GitError
from tests.git.remotes import git

ROOT = Path(__file__).resolve().parents[2]
SHA, OTHER = "4f2a9c1d", "5a5a5a5a"
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bootstrap.cli import main; main()"
LOCKS = ["index", "HEAD", "packed-refs", "shallow", "config", "refs/heads/main", "refs/remotes/origin/main"]


def request(value=SHA, **more):
    return Request(app="shop", environment="dev", value=value, **more)


def run(clone, *words, env=None):
    command = [sys.executable, "-c", START, "promote", *words, "--repository", str(clone)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=env)


@pytest.mark.parametrize("options", [[], ["--depth=1", "--no-local"]], ids=["whole", "shallow"])
def test_locks_that_a_killed_git_left_in_the_clone_do_not_matter(remote, clone, options):
    promote(clone, request(OTHER))
    folder = remote.clone("locked", *options)
    for lock in LOCKS:
        path = folder / ".git" / f"{lock}.lock"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert git(folder, "update-ref", "-d", "refs/heads/x", check=False) == ""
    assert promote(folder, request()).pushed
    assert all((folder / ".git" / f"{lock}.lock").exists() for lock in LOCKS)


def test_a_clone_that_may_not_be_written_does(remote, clone):
    readonly = [path for path in [clone, *clone.rglob("*")] if not path.is_symlink()]
    modes = {path: path.stat() for path in readonly}
    before = {path: (about.st_mtime_ns, about.st_size) for path, about in modes.items()}
    assert promote(clone, request()).pushed
    after = {path: (path.stat().st_mtime_ns, path.stat().st_size) for path in [clone, *clone.rglob("*")]}
    assert after == before


# Remotes


def test_a_mirror_gets_one_commit_on_one_branch(remote, clone):
    mirror = remote.clone("mirror", "--mirror")
    git(remote.folder, "branch", "kept", "main")
    git(mirror, "branch", "stray", "main")
    assert git(mirror, "config", "remote.origin.mirror") == "true"
    assert promote(mirror, request()).pushed
    assert git(remote.folder, "for-each-ref", "--format=%(refname:short)", "refs/heads").split() == ["kept", "main"]


@pytest.mark.parametrize("how", ["pushurl", "pushInsteadOf"])
def test_a_remote_is_read_where_it_is_written(remote, clone, how):
    stale = remote.folder.parent / "stale.git"
    git(remote.folder.parent, "clone", "--quiet", "--bare", str(remote.folder), str(stale))
    promote(clone, request(OTHER))
    git(clone, "remote", "set-url", "origin", str(stale))
    if how == "pushurl":
        git(clone, "remote", "set-url", "--push", "origin", str(remote.folder))
    else:
        git(clone, "config", f"url.{remote.folder}.pushInsteadOf", str(stale))
    result = promote(clone, request())
    assert result.pushed and result.attempts == 1 and result.edit.before == OTHER
    assert git(stale, "log", "-1", "--format=%s", "main") == "start"


def test_a_remote_that_is_pushed_to_several_addresses_is_refused_by_name(remote, clone):
    git(clone, "remote", "set-url", "--add", "--push", "origin", str(remote.folder))
    git(clone, "remote", "set-url", "--add", "--push", "origin", "https://user:hunter2@example.com/x.git")
    with pytest.raises(
        GitError, match=r"origin of .*clone is pushed to 2 addresses .*//example\.com.*--remote"
    ) as told:
        promote(clone, request())
    assert "hunter2" not in str(told.value) and remote.subjects() == ["start"]
    assert promote(clone, request(remote=str(remote.folder))).pushed


def test_settings_of_an_included_file_are_in_force_and_given_once(remote, clone, tmp_path, monkeypatch):
    """A checkout action keeps its credential in a file that is included for this clone alone."""
    (tmp_path / "identity").write_text("[user]\n\tname = Included\n\temail = i@example.com\n")
    git(clone, "config", f"includeIf.gitdir:{clone}/.git.path", str(tmp_path / "identity"))
    for role in ("AUTHOR", "COMMITTER"):
        monkeypatch.delenv(f"GIT_{role}_NAME")
        monkeypatch.delenv(f"GIT_{role}_EMAIL")
    promote(clone, request())
    assert git(remote.folder, "log", "-1", "--format=%an <%ae>", "main") == "Included <i@example.com>"


# Signatures


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"gpg.program": "/nowhere/gpg"}, r"gpg\.format openpgp, no user\.signingKey and the program /nowhere/gpg"),
        ({"gpg.program": "false", "user.signingKey": "ABCD"}, r"user\.signingKey ABCD and the program false"),
        ({"gpg.format": "ssh"}, r"gpg\.format ssh, no user\.signingKey and the program ssh-keygen"),
        ({"gpg.format": "ssh", "user.signingKey": "/nowhere/key"}, r"user\.signingKey /nowhere/key"),
    ],
)
def test_a_commit_that_cannot_be_signed_is_told_with_what_is_configured_and_where(remote, clone, settings, says):
    git(clone, "config", "commit.gpgSign", "true")
    for key, text in settings.items():
        git(clone, "config", key, text)
    with pytest.raises(GitError, match=says) as told:
        promote(clone, request())
    assert re.search(r"commit\.gpgSign is true \(file:\.git/config\).*commit\.gpgSign false", str(told.value))
    assert remote.subjects() == ["start"]


# What is left behind


@pytest.fixture
def temporary(tmp_path):
    folder = tmp_path / "temporary"
    folder.mkdir()
    return folder


def test_success_and_failure_leave_nothing(remote, clone, temporary):
    env = {**os.environ, "TMPDIR": str(temporary)}
    refs = git(clone, "for-each-ref")
    assert run(clone, "shop", "dev", SHA, env=env).returncode == 0
    assert run(clone, "shop", "dev", "latest", env=env).returncode == 2
    assert run(clone, "shop", "dev", OTHER, "--remote", "nope", env=env).returncode == 1
    git(clone, "remote", "set-url", "--add", "--push", "origin", "a")
    git(clone, "remote", "set-url", "--add", "--push", "origin", "b")
    assert run(clone, "shop", "dev", OTHER, env=env).returncode == 1
    assert list(temporary.iterdir()) == []
    assert git(clone, "for-each-ref") == refs


def _waiting(remote, clone, temporary):
    """Start a promotion whose push waits, and return it when it does."""
    remote.hook("pre-receive", f"touch {temporary.parent}/waits; sleep 20")
    process = subprocess.Popen(
        [sys.executable, "-c", START, "promote", "shop", "dev", SHA, "--repository", str(clone)],
        env={**os.environ, "TMPDIR": str(temporary)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    until = time.monotonic() + 30
    while not (temporary.parent / "waits").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
    return process


def test_sigterm_leaves_nothing(remote, clone, temporary):
    process = _waiting(remote, clone, temporary)
    assert len(list(temporary.iterdir())) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait() == 128 + signal.SIGTERM
    assert list(temporary.iterdir()) == []
    assert git(clone, "for-each-ref", "refs/bootstrap") == ""


def test_what_a_killed_run_left_goes_with_a_later_run_and_what_a_running_one_has_stays(remote, clone, temporary):
    env = {**os.environ, "TMPDIR": str(temporary)}
    process = _waiting(remote, clone, temporary)
    (folder,) = temporary.iterdir()
    old = time.time() - 7200
    os.utime(folder, (old, old))
    run(clone, "shop", "dev", "latest", env=env)
    assert folder.exists(), "somebody works there"
    process.kill()
    process.wait()
    run(clone, "shop", "dev", "latest", env=env)
    assert not folder.exists()


def test_the_branch_is_fetched_while_the_rest_loads(clone):
    script = """
import sys
from bootstrap.delivery.promote.command import Git
begin = Git.begin
def watched(self, *command, **more):
    if "fetch" in command:
        print("loaded" if "bootstrap.delivery.promote.attempts" in sys.modules else "loads", file=sys.stderr)
    return begin(self, *command, **more)
Git.begin = watched
"""
    command = [sys.executable, "-c", script + START, "promote", "shop", "dev", SHA, "--repository", str(clone)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr.splitlines() == ["loads"], "one fetch"


def test_a_fetch_that_nobody_waits_for_is_ended(clone, temporary, monkeypatch):
    git(clone, "config", "protocol.ext.allow", "always")
    git(clone, "remote", "set-url", "origin", "ext::sleep 30")
    monkeypatch.setattr("tempfile.tempdir", str(temporary))

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("bootstrap.delivery.promote.attempts.write", interrupted)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        promote(clone, Request(app="shop", environment="dev", value=SHA))
    assert time.monotonic() - began < 20
    assert list(temporary.iterdir()) == []
