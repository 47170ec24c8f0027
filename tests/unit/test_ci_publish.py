"""One comment and one issue, whoever else writes what looks like them, and however often a run is repeated."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.platform.ci import publish
from bootstrap.platform.ci.github import GitHub, GitHubError
from bootstrap.platform.ci.markers import digest_marker, is_stack, marker
from tests.loopback_github import REPOSITORY, github

ROOT = Path(__file__).resolve().parents[2]
DIGEST = "5d" * 32
TOKEN = "token-of-the-test"
SOMEBODY = {"login": "mallory", "type": "User"}


def text(stack="dev", more="", digest=DIGEST):
    return f"{marker(stack)}\n{digest_marker(digest)}\n### Preview {more}\n"


@pytest.fixture
def server():
    with github() as found:
        yield found


@pytest.fixture
def api(server):
    return GitHub(url=server.url, repository=REPOSITORY, token=TOKEN, sleep=lambda _: None)


def test_a_pull_request_edited_five_times_has_one_comment_for_each_stack(server, api):
    server.comment(7, "looks good", SOMEBODY)
    for n in range(5):
        for stack in ("dev", "prod"):
            publish.comment(api, stack, 7, text(stack, f"number {n}"))
    ours = [each["body"] for each in server.comments.values() if each["user"] != SOMEBODY]
    assert ours == [text("dev", "number 4"), text("prod", "number 4")]


def test_the_same_comment_is_not_written_again(server, api):
    assert publish.comment(api, "dev", 7, text()) == "commented"
    assert publish.comment(api, "dev", 7, text()) == "the comment is there already"
    assert [method for method, _ in server.requests] == ["GET", "POST", "GET"]


def test_a_comment_is_found_behind_a_hundred_others(server, api):
    server.page = 3
    for n in range(10):
        server.comment(7, f"{n}", SOMEBODY)
    publish.comment(api, "dev", 7, text(more="1"))
    assert publish.comment(api, "dev", 7, text(more="2")) == "edited the comment"
    assert len(server.comments) == 11


def test_somebody_elses_comment_with_the_same_marker_is_neither_edited_nor_believed(server, api):
    forged = server.comment(7, text(digest="0" * 64), SOMEBODY)
    server.comment(7, text(digest="1" * 64), {"login": "github-actions[bot]", "type": "User"})
    server.pulls.append({"number": 7, "merged_at": "2026-01-01", "merge_commit_sha": "c1", "commits": ["c1"]})
    assert publish.reviewed(api, "dev", "c1") is None
    publish.comment(api, "dev", 7, text())
    assert server.comments[forged["id"]]["body"] == text(digest="0" * 64)
    assert publish.reviewed(api, "dev", "c1") == DIGEST


def test_two_comments_of_two_runs_at_once_become_one(server, api):
    server.comment(7, text(more="1"))
    server.comment(7, text(more="2"))
    publish.comment(api, "dev", 7, text(more="3"))
    assert [each["body"] for each in server.comments.values()] == [text(more="3")]


@pytest.mark.parametrize("given", ["", "hello", text("prod"), text() + "x" * 4000, "\n" + text()])
def test_what_is_no_comment_about_the_stack_is_not_published(server, api, given):
    with pytest.raises(BootstrapError, match="this is not a comment of"):
        publish.comment(api, "dev", 7, given)
    assert server.requests == []


def test_the_digest_is_that_of_the_pull_request_that_became_the_commit(server, api):
    server.comment(5, text(digest="1" * 64))
    server.comment(7, text())
    server.comment(7, text("prod", digest="2" * 64))
    server.pulls += [
        {"number": 5, "merged_at": None, "merge_commit_sha": "c1", "commits": ["c1"]},
        {"number": 6, "merged_at": "2026-01-01", "merge_commit_sha": "c0", "commits": ["c0", "c1"]},
        {"number": 7, "merged_at": "2026-01-01", "merge_commit_sha": "c1", "commits": ["c1"]},
    ]
    assert publish.reviewed(api, "dev", "c1") == DIGEST
    assert publish.reviewed(api, "prod", "c1") == "2" * 64
    assert publish.reviewed(api, "test", "c1") is None
    assert publish.reviewed(api, "dev", "c9") is None


def test_labels_are_those_of_now_whatever_they_are_called(server, api):
    server.page = 2
    server.labels[7] = ["replace:zone", "$(x)\n", 'a"b']
    assert json.loads(publish.labels(api, 7)) == {"pull_request": {"labels": [{"name": n} for n in server.labels[7]]}}
    assert json.loads(publish.labels(api, 8)) == {"pull_request": {"labels": []}}


def test_a_digest_in_the_text_of_a_comment_is_not_believed(server, api):
    server.comment(7, f"{marker('dev')}\nIt failed:\n\n{digest_marker(DIGEST)}\n")
    server.pulls.append({"number": 7, "merged_at": "2026-01-01", "merge_commit_sha": "c1", "commits": ["c1"]})
    assert publish.reviewed(api, "dev", "c1") is None


def test_the_issue_about_drift_is_opened_edited_and_closed(server, api):
    assert publish.issue(api, "dev", None) == "no drift, and no issue"
    opened = publish.issue(api, "dev", "~ disableLocalAccounts: true => false")
    assert publish.issue(api, "dev", "~ disableLocalAccounts: true => false") == "the issue is there already"
    assert publish.issue(api, "prod", "~ tags") != opened
    assert publish.issue(api, "dev", "~ vmSize").startswith("edited issue")
    dev, prod = server.issues.values()
    assert (dev["title"], dev["state"]) == ("Stack dev has drifted", "open")
    assert "~ vmSize" in dev["body"]
    assert "disableLocalAccounts" not in dev["body"]
    assert publish.issue(api, "dev", None) == "closed the issue"
    assert (dev["state"], prod["state"]) == ("closed", "open")
    assert publish.issue(api, "dev", "~ again").startswith("opened issue")
    assert len(server.issues) == 3


def test_the_issue_about_a_drill_is_another_one_than_that_about_drift(server, api):
    assert publish.issue(api, "dev", None, "drill") == "no drill has failed, and no issue"
    publish.issue(api, "dev", "~ vmSize")
    assert publish.issue(api, "dev", "error: quota", "drill").startswith("opened issue")
    assert publish.issue(api, "dev", "error: quota", "drill") == "the issue is there already"
    drift, drill = server.issues.values()
    assert (drift["title"], drill["title"]) == ("Stack dev has drifted", "A drill of stack dev has failed")
    assert drill["body"].startswith(f"{marker('dev', 'drill')}\n")
    assert "```text\nerror: quota\n```" in drill["body"]
    assert publish.issue(api, "dev", None, "drill") == "closed the issue"
    assert (drift["state"], drill["state"]) == ("open", "closed")
    assert [each["body"] for each in server.comments.values()] == ["A drill has succeeded."]


def test_somebody_elses_issue_with_the_same_marker_is_left_alone(server, api):
    server.issues[1] = {"number": 1, "state": "open", "user": SOMEBODY, "body": f"{marker('dev', 'drift')}\n"}
    publish.issue(api, "dev", None)
    assert server.issues[1]["state"] == "open"


def test_a_drift_is_text_whatever_is_in_it(server, api):
    publish.issue(api, "dev", "```\n# forged\n::add-mask::x\n\u202e")
    [made] = server.issues.values()
    assert "````diff\n```\n# forged\n" in made["body"]
    assert "\u202e" not in made["body"]
    publish.issue(api, "dev", "x" * 100_000)
    assert len(made["body"]) < 25_000
    assert "The rest, 80000 characters" in made["body"]


def test_a_drift_that_takes_more_room_than_it_has_characters_still_fits_into_an_issue(server, api):
    # a mark of direction is spelled out in six characters, and GitHub takes 65,536
    publish.issue(api, "dev", "\u202e" * 40_000)
    [made] = server.issues.values()
    assert len(made["body"]) < 25_000


def test_a_drift_that_was_cut_within_a_letter_is_told(server):
    command = [sys.executable, "-S", "-m", "bootstrap.platform.ci.publish", "issue", "--stack", "dev"]
    known = {"PATH": os.environ["PATH"], **server.environment()}
    done = subprocess.run(
        command, cwd=ROOT, env=known, input="~ é".encode()[:-1], capture_output=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert "~ \ufffd" in server.issues[1]["body"]


def test_an_answer_that_asks_for_patience_is_asked_for_again(server, api):
    server.failures += [502, 503]
    assert publish.comment(api, "dev", 7, text()) == "commented"
    server.failures += [502]
    with pytest.raises(GitHubError, match=r"POST .*: 502 try again"):
        api.send("POST", "/issues", {"title": "x"})
    assert server.issues == {}, "what may have been done is not done again"
    server.failures += [404]
    with pytest.raises(GitHubError, match="404"):
        publish.issue(api, "dev", None)


def test_a_link_to_somewhere_else_gets_no_token(server):
    api = GitHub(url="http://127.0.0.1:1", repository=REPOSITORY, token=TOKEN, sleep=lambda _: None)
    with pytest.raises(GitHubError):
        list(api.every("/issues"))
    with github() as other:
        api = GitHub(url=server.url, repository=REPOSITORY, token=TOKEN, sleep=lambda _: None)
        server.page, server.url = 1, other.url
        server.issues |= {n: {"number": n, "state": "open", "user": SOMEBODY, "body": ""} for n in (1, 2)}
        assert len(list(api.every("/issues?state=open"))) == 1
        assert other.requests == []


def run(server, *arguments, given="", **environment):
    # without site-packages: it must need nothing but Python
    command = [sys.executable, "-S", "-m", "bootstrap.platform.ci.publish", *arguments]
    known = {"PATH": os.environ["PATH"], **server.environment(), **environment}
    return subprocess.run(command, cwd=ROOT, env=known, input=given, capture_output=True, text=True, check=False)


def test_it_needs_nothing_but_python(server):
    done = run(server, "comment", "--stack", "dev", "--pull-request", "7", given=text())
    assert (done.returncode, done.stdout) == (0, "commented\n"), done.stderr
    assert server.tokens == {"Bearer token-of-the-run"}
    server.pulls.append({"number": 7, "merged_at": "2026-01-01", "merge_commit_sha": "c1", "commits": ["c1"]})
    assert run(server, "reviewed", "--stack", "dev", "--commit", "c1").stdout == f"{DIGEST}\n"
    assert run(server, "labels", "--pull-request", "7").stdout == '{"pull_request": {"labels": []}}\n'
    assert run(server, "reviewed", "--stack", "dev", "--commit", "c2").stdout == "\n"
    assert run(server, "issue", "--stack", "dev", given="~ x").stdout.startswith("opened issue")
    assert run(server, "issue", "--stack", "dev", given=" \n").stdout == "closed the issue\n"
    drill = ("issue", "--about", "drill", "--stack", "dev")
    assert run(server, *drill, given="error: quota").stdout.startswith("opened issue")
    assert [each["title"] for each in server.issues.values()][1:] == ["A drill of stack dev has failed"]
    assert run(server, *drill).stdout == "closed the issue\n"


@pytest.mark.parametrize(
    ("environment", "message"),
    [
        ({"GITHUB_TOKEN": ""}, "GITHUB_TOKEN is not set"),
        ({"GITHUB_TOKEN": "", "GITHUB_API_URL": ""}, "GITHUB_API_URL, GITHUB_TOKEN are not set"),
        ({"GITHUB_API_URL": "file:///etc"}, "allowed: https://"),
        ({"GITHUB_REPOSITORY": "a/b/../c"}, "allowed: https://…, owner/name"),
        ({"GITHUB_API_URL": "http://127.0.0.1:1"}, "refused"),
    ],
)
def test_what_is_wrong_is_said_and_the_token_is_not(server, environment, message):
    done = run(server, "issue", "--stack", "dev", given="x", **environment)
    assert done.returncode == 1
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "token-of-the-run" not in done.stderr + done.stdout


def test_the_command_line_has_it_too(server, monkeypatch, capsys):
    for name, value in server.environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text().encode())))
    assert publish.main(["comment", "--stack", "dev", "--pull-request", "7"]) == 0
    assert capsys.readouterr().out == "commented\n"
    assert publish.main(["comment", "--stack", "a b", "--pull-request", "7"]) == 1
    assert "allowed: a stack's name" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "fine"), [("dev", True), ("prod-2_x.y", True), ("", False), ("a>b", False), ("a\n", False)]
)
def test_a_stacks_name_can_stand_in_a_marker(name, fine):
    assert is_stack(name) is fine


# --- the commands ---

PREVIEWS = ROOT / "tests/previews"


def bootstrap(*arguments):
    command = [Path(sys.executable).parent / "bootstrap", "ci", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def test_the_comment_takes_labels_from_the_runs_event_and_from_options(tmp_path):
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"labels": [{"name": "$(x)"}, {"name": "replace:zone"}]}}))
    full = tmp_path / "full.md"
    given = [str(PREVIEWS / "zone.json"), "--stack", "dev", "--event", str(event), "--full", str(full)]
    lacking = bootstrap("comment", *given)
    assert (lacking.returncode, lacking.stderr) == (3, "")
    assert "add the label `replace:record`, and" in lacking.stdout
    assert lacking.stdout.startswith(marker("dev"))
    assert full.read_text().startswith(marker("dev"))
    agreed = bootstrap("comment", *given, "--label", "x", "--label", "replace:record", "--format", "json")
    assert agreed.returncode == 0
    found = json.loads(agreed.stdout)
    assert (found["missingLabels"], found["exitStatus"], found["changes"]) == ([], 0, 9)
    assert {loss["label"] for loss in found["losses"]} == {"replace:record", "replace:zone"}


def test_a_digest_that_was_not_reviewed_ends_with_three():
    first = bootstrap("digest", str(PREVIEWS / "calm.json"))
    assert first.returncode == 0
    digest = first.stdout.strip()
    assert bootstrap("digest", str(PREVIEWS / "calm-later.json"), "--reviewed", digest).returncode == 0
    for other in ("", "0" * 64):
        stopped = bootstrap("digest", str(PREVIEWS / "calm.json"), "--reviewed", other)
        assert stopped.returncode == 3
        assert "somebody has to look again" in stopped.stderr
    assert bootstrap("digest", str(PREVIEWS / "same.json"), "--reviewed", "").returncode == 0, "nothing would change"
    assert bootstrap("digest", str(PREVIEWS / "mistake.json")).returncode == 1


@pytest.mark.parametrize("content", [b"", b"[1]", b"\xff\xfe", b'{"pull_request": {"labels": [1]}}'])
def test_a_file_that_is_something_else_is_one_message(tmp_path, content):
    file = tmp_path / "x.json"
    file.write_bytes(content)
    done = bootstrap("comment", str(PREVIEWS / "calm.json"), "--stack", "dev", "--event", str(file))
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr
