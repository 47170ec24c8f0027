"""The command on machines as they are: streams, home, Git and signals that are not what a developer's are."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pydantic_core import SchemaError

from bootstrap.cli import main

ROOT = Path(__file__).resolve().parents[2]
START = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from bootstrap.cli import main; main()"
RENDER = ("render", "root", "dev")
needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="needs Helm on PATH")
AS_ROOT = os.geteuid() == 0


def command(*arguments):
    return [sys.executable, "-c", START, *arguments]


def run(*arguments, environment=None, **options):
    done = subprocess.run(
        command(*arguments),
        capture_output="stdout" not in options,
        stderr=subprocess.PIPE if "stdout" in options else None,
        check=False,
        env={**os.environ, "COLUMNS": "140", **(environment or {})},
        **options,
    )
    assert b"Traceback" not in done.stderr and b"Exception ignored" not in done.stderr, done.stderr.decode()
    return done


def drop_capabilities():
    """Give up what lets root write where others may not."""
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)


UNPRIVILEGED = {"preexec_fn": drop_capabilities} if AS_ROOT else {}


# --- the command line itself -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "Missing command."),
        (("app",), "Missing command."),
        (("frob",), "No such command 'frob'."),
        (("--nope",), "No such option: --nope"),
        (("doctor", "--format", "markdown"), "--format: got 'markdown'; allowed for doctor: text, json"),
        (("history", "--format", "markdown"), "--format: got 'markdown'; allowed for history: text, json"),
        (
            ("rollback", "hello", "dev", "--format", "markdown"),
            "--format: got 'markdown'; allowed for rollback: text, json",
        ),
        (("plan", "--format", "xml"), "'xml' is not one of 'text', 'markdown', 'json'"),
        (("rehearse", "--kill-at", "x"), "Invalid value for '--kill-at'"),
        (("plan", "--against", ""), "Invalid value for '--against': got '', as from a variable that is not set"),
        (("plan", "--against", "  "), "Invalid value for '--against'"),
        (("render", "--all", "--against", ""), "Invalid value for '--against'"),
        (("overlay", "--history", ""), "Invalid value for '--history'"),
        (("app", "new", "shop", "--image", ""), "Invalid value for '--image'"),
        (("app", "new", "shop", "--chart", ""), "Invalid value for '--chart'"),
        (("promote", "hello", "dev", "abc1234", "--path", ""), "Invalid value for '--path'"),
        (("promote", "hello", "dev", "abc1234", "--repository", ""), "Invalid value for '--repository'"),
        (("promote", "hello", "--from", "", "--to", "prod"), "Invalid value for '--from'"),
        (
            ("promote", "hello", "dev", "abc1234", "--timeout", "nan"),
            "--timeout: got nan; allowed: a number of seconds",
        ),
        (("promote", "hello", "dev", "abc1234", "--timeout", "inf"), "--timeout: got inf"),
        (("promote", "hello", "dev", "abc1234", "--timeout", "-1"), "--timeout: got -1"),
        (
            ("promote", "hello", "dev", "abc1234", "--attempts", "0"),
            "--attempts: got 0; allowed: a whole number above zero",
        ),
    ],
)
def test_a_wrong_command_line_is_one_line_and_ends_with_1(arguments, told, tmp_path):
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    [line] = done.stderr.decode().splitlines()
    assert line.startswith("error: ") and told in line and done.stdout == b""


# --- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [
        {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
    ],
)
def test_a_result_is_printed_in_every_encoding(environment):
    done = run("plan", "--stack", "local", environment=environment)
    assert done.returncode == 0, done.stderr.decode()
    assert b"critical path" in done.stdout and b"#" in done.stdout
    done = run("render", "h\udcff→", "dev", environment=environment)
    assert done.returncode == 1 and done.stderr.startswith(b"error: there is no application 'h")


@needs_helm
def test_a_reader_that_has_seen_enough_gets_no_traceback():
    """As in `bootstrap render … | head -1`, whose pipe is closed by then."""
    reads, writes = os.pipe()
    os.close(reads)
    done = run(*RENDER, stdout=writes)
    os.close(writes)
    assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(RENDER, marks=needs_helm),
        pytest.param((*RENDER, "--format", "json"), marks=needs_helm),
        ("--help",),
    ],
)
def test_a_full_disk_is_told(arguments):
    with Path("/dev/full").open("wb") as full:
        done = run(*arguments, stdout=full)
    assert (done.returncode, done.stderr.decode()) == (
        1,
        "error: standard output: No space left on device\n",
    )


@needs_helm
def test_a_full_disk_for_messages_too_still_ends_with_1():
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(command(*RENDER), stdout=full, stderr=full, check=False)
    assert done.returncode == 1


def test_closed_streams_are_told_before_anything_is_done():
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" >&-', "sh", *command(*RENDER)], stderr=subprocess.PIPE, check=False, text=True
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: standard output is closed") and "Traceback" not in done.stderr
    silent = subprocess.run(["sh", "-c", 'exec "$@" 2>&-', "sh", *command("frob")], capture_output=True, check=False)
    assert (silent.returncode, silent.stdout) == (1, b"")


# --- who runs it, and where ------------------------------------------------------------------------------------------


@needs_helm
def test_without_git_it_is_one_message(tmp_path):
    (tmp_path / "helm").symlink_to(str(shutil.which("helm")))
    for arguments in (("plan", "--against", "HEAD"), ("render", "root", "dev", "--against", "HEAD")):
        done = run(*arguments, environment={"PATH": str(tmp_path)})
        assert (done.returncode, done.stderr.decode()[:28]) == (1, "error: Git is not on PATH: i")


@pytest.mark.parametrize(
    "arguments", [pytest.param(RENDER, marks=needs_helm), ("plan", "--stack", "local"), ("validate", "--help")]
)
def test_an_identity_without_a_home_can_work(arguments):
    """A container's arbitrary number: no entry for it, no HOME."""
    unknown = "import pwd; pwd.getpwuid = {}.__getitem__; " + START
    environment = {key: text for key, text in os.environ.items() if key not in {"HOME", "USER", "LOGNAME"}}
    done = subprocess.run(
        [sys.executable, "-c", unknown, *arguments], capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == 0, done.stderr


def test_a_home_that_is_none_is_no_registry_credential(monkeypatch):
    from bootstrap.registry_credentials import credential_of  # noqa: PLC0415

    def nowhere(_):
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("DOCKER_CONFIG", raising=False)
    monkeypatch.setattr(Path, "expanduser", nowhere)
    assert credential_of("registry.example.com") is None


@pytest.fixture
def clone(tmp_path):
    """The project in a folder below a repository's top."""
    copy = tmp_path / "top" / "platform"
    shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "tests", "docs"))
    git(copy.parent, "init", "-q", "-b", "main")
    git(copy.parent, "add", ".")
    git(copy.parent, "commit", "-qm", "start")
    return copy


def git(folder, *arguments):
    identity = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def run_in(clone, *arguments, **options):
    start = START.replace(repr(str(ROOT)), repr(str(clone)))
    environment = {key: text for key, text in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", start, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**environment, "COLUMNS": "140", **options.pop("environment", {})},
        **{"cwd": "/", **options},
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done


@needs_helm
def test_a_project_below_the_repositorys_top_is_compared(clone):
    for arguments in (("plan", "--stack", "local"), RENDER):
        done = run_in(clone, *arguments, "--against", "HEAD")
        assert done.returncode == 0, done.stderr
        assert "no change against HEAD" in done.stdout


def test_a_stack_that_is_new_since_then_is_added(clone):
    text = (clone / "Pulumi.local.yaml").read_text(encoding="utf-8")
    (clone / "Pulumi.mine.yaml").write_text(text.replace("environment: local", "environment: mine"), encoding="utf-8")
    done = run_in(clone, "plan", "--stack", "mine", "--against", "HEAD", "--format", "json")
    assert done.returncode == 2, done.stderr
    plan = json.loads(done.stdout)
    assert {change["kind"] for change in plan["changes"]} == {"added"}
    assert len(plan["changes"]) > 10
    missing = run_in(clone, "plan", "--stack", "nope", "--against", "HEAD")
    assert missing.returncode == 1 and "there is no Pulumi.nope.yaml" in missing.stderr


@needs_helm
def test_an_environment_that_is_new_since_then_is_added(clone):
    stack = (clone / "Pulumi.dev.yaml").read_text(encoding="utf-8")
    (clone / "Pulumi.stage.yaml").write_text(stack.replace("environment: dev", "environment: stage"), encoding="utf-8")
    tenant = clone / "tenants/hello.yaml"
    tenant.write_text(tenant.read_text(encoding="utf-8") + "  stage: {}\n", encoding="utf-8")
    done = run_in(clone, "render", "root", "stage", "--against", "HEAD", "--format", "json")
    assert done.returncode == 2, done.stderr
    changes = json.loads(done.stdout)["changes"]
    assert {change["kind"] for change in changes} == {"added"}
    assert sorted(change["objectKind"] for change in changes) == [
        "AppProject",  # its own, and the emptied default
        "AppProject",
        "Application",
        "Namespace",
        "NetworkPolicy",
        "RoleBinding",
        "ServiceAccount",
    ]


@needs_helm
def test_gits_own_words_are_passed_on(clone, tmp_path):
    done = run_in(clone, *RENDER, "--against", "HEAD", environment={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
    assert done.returncode == 1
    assert "dubious ownership" in done.stderr and "safe.directory" in done.stderr
    shutil.rmtree(clone.parent / ".git")
    done = run_in(clone, *RENDER, "--against", "HEAD", environment={"GIT_CEILING_DIRECTORIES": str(tmp_path)})
    assert done.returncode == 1 and "not a git repository" in done.stderr


@needs_helm
def test_a_hooks_variables_do_not_lead_to_another_repository(clone, tmp_path):
    """Git sets them where a hook or an alias runs the command."""
    done = run_in(clone, *RENDER, "--against", "HEAD", environment={"GIT_DIR": str(tmp_path), "GIT_INDEX_FILE": "x"})
    assert done.returncode == 0, done.stderr


def files_of_applications(clone):
    return sorted(path for folder in ("gitops", "tenants") for path in (clone / folder).rglob("*"))


def test_a_folder_that_may_not_be_written_stays_as_it_is(clone):
    before = files_of_applications(clone)
    folder = clone / "tenants"
    folder.chmod(0o555)
    done = run_in(clone, "app", "new", "shop", **UNPRIVILEGED)
    folder.chmod(0o755)
    assert done.returncode == 1
    assert "tenants/.shop.yaml.new cannot be written: Permission denied; nothing" in done.stderr
    assert files_of_applications(clone) == before


# --- being ended -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("after", [0.3, 1.2])
def test_ended_in_the_middle_of_a_comparison_nothing_is_left(clone, tmp_path, number, status, after):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    # a program that does not end by itself, at the revision and now
    (clone / "__main__.py").write_text("import time\n\ntime.sleep(60)\n")
    git(clone.parent, "commit", "-qam", "sleeps")
    # a shell lets what it starts in the background ignore Ctrl-C, and tests may be run there
    heeds = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    start = heeds + START.replace(repr(str(ROOT)), repr(str(clone)))
    process = subprocess.Popen(
        [sys.executable, "-c", start, "plan", "--stack", "local", "--against", "HEAD"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, "TMPDIR": str(scratch)},
    )
    deadline = time.monotonic() + 60
    while not any(scratch.glob("aks-bootstrap-*/__main__.py")) and time.monotonic() < deadline:
        time.sleep(0.02)
    time.sleep(after)
    err = ended_by(process, number)
    assert process.returncode == status, err
    assert "Traceback" not in err
    assert list(scratch.iterdir()) == []


def ended_by(process, number):
    """End a program as somebody does who asks again: one that comes while Python runs a finalizer is lost."""
    for _ in range(3):
        process.send_signal(number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.communicate(timeout=20)[1]
    raise AssertionError("it goes on, although it was asked to end three times")


# --- Make ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text", ["a b; touch pwned", "$(touch pwned)", "$(shell touch pwned)", "a'b", "`touch pwned`", '"; touch pwned; "']
)
@pytest.mark.parametrize("said", ["argument", "variable"])
@pytest.mark.parametrize("place", [("STACK", "plan", 3), ("KILL_AT", "rehearse", 5), ("EGRESS_URL", "verify", 5)])
def test_what_make_is_given_is_no_command(tmp_path, text, said, place):
    variable, target, position = place
    if shutil.which("make") is None:
        pytest.skip("needs Make on PATH")
    (tmp_path / ".venv/bin").mkdir(parents=True)
    (tmp_path / "Makefile").write_text((ROOT / "Makefile").read_text().replace(f"{target}: setup", f"{target}:"))
    tool = tmp_path / ".venv/bin/bootstrap"
    tool.write_text(f'#!/bin/sh\nprintf "%s\\n" "$#" "${position}"\n')
    tool.chmod(0o755)
    done = subprocess.run(
        ["make", "-s", target, *([f"{variable}={text}"] if said == "argument" else [])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **({variable: text} if said == "variable" else {})},
    )
    assert done.stdout == f"{position}\n{text}\n", done.stderr
    assert not (tmp_path / "pwned").exists()


def test_an_interrupt_that_a_library_turned_into_its_own_error_is_one(monkeypatch):
    def interrupted(**_):
        raise SchemaError('Error building "model" validator:\n  KeyboardInterrupt: ')

    monkeypatch.setattr("bootstrap.cli.app", interrupted)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
