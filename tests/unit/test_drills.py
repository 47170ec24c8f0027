"""The record of drills: what becomes a row, what is refused, and what is read from a file that anybody may edit."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.errors import BootstrapError
from bootstrap.platform.ci import drill as drilling
from bootstrap.platform.drills import FILE, Drill, DrillsError, LastDrill, last_drill, record
from bootstrap.platform.rehearse import EngineRun, Rehearsal

ROOT = Path(__file__).resolve().parents[2]
DAY = dt.date(2026, 11, 29)
COMMIT = "0123456789abcdef0123456789abcdef01234567"


def drill(stack: str = "dev", *, day: dt.date = DAY, commit: str = COMMIT, **more: Any) -> Drill:
    return Drill(date=day, stack=stack, commit=commit, **{"real": False, "seconds": 161, **more})


def rehearsal(stack: str = "dev", **more: Any) -> dict[str, Any]:
    done = Rehearsal(
        stack=stack,
        runs=[EngineRun(title="up", spans=[], seconds=seconds) for seconds in (51.269, 109.61)],
        resources=[],
        critical_path=[],
        critical_path_seconds=664,
        critical_path_slow_seconds=963,
    )
    return {**done.to_json(), **more}


def rows(root: Path) -> list[str]:
    return [line for line in (root / FILE).read_text().splitlines() if line.startswith("| 2")]


def test_the_newest_drill_is_on_top_whatever_the_order_in_which_they_are_recorded(tmp_path: Path) -> None:
    for days in (31, 0, 62, 15):
        assert record(tmp_path, drill(day=DAY - dt.timedelta(days=days)))
    assert [row[2:12] for row in rows(tmp_path)] == ["2026-11-29", "2026-11-14", "2026-10-29", "2026-09-28"]


def test_a_drill_that_is_recorded_twice_leaves_every_byte_as_it_was(tmp_path: Path) -> None:
    record(tmp_path, drill(commit="a" * 40))
    record(tmp_path, drill(commit="b" * 40))
    before = (tmp_path / FILE).read_bytes()
    assert b"\r" not in before and before.endswith(b" |\n")
    assert not record(tmp_path, drill(commit="a" * 40))
    assert (tmp_path / FILE).read_bytes() == before


def test_a_drill_that_ends_otherwise_the_second_time_is_one_row_and_the_days_last(tmp_path: Path) -> None:
    record(tmp_path, drill(failure="quota"))
    record(tmp_path, drill("prod"))
    record(tmp_path, drill(commit="b" * 40, failure="again"))
    record(tmp_path, drill())
    assert [row.split(" | ")[1:3] for row in rows(tmp_path)] == [
        ["dev", COMMIT[:12]],
        ["dev", "b" * 12],
        ["prod", COMMIT[:12]],
    ]
    assert last_drill(tmp_path, "dev", DAY).outcome == "succeeded"


def test_a_real_drill_does_not_take_the_place_of_the_rehearsal_of_its_day(tmp_path: Path) -> None:
    record(tmp_path, drill())
    record(tmp_path, drill(real=True, seconds=2412))
    assert [row.split(" | ")[3] for row in rows(tmp_path)] == ["real", "rehearsed"]


def test_a_row_has_the_numbers_that_are_known_and_dashes_for_others() -> None:
    full = drill(typical=664, slow=3605).row()
    assert full == "| 2026-11-29 | dev | 0123456789ab | rehearsed | 11m04s / 60m05s | 161 s | succeeded |"
    assert drill(seconds=None, failure="x").row().endswith("| rehearsed | – / – | – | failed: `x` |")


@pytest.mark.parametrize(
    "failure",
    [
        "two | bars || and `ticks`",
        "<script>&amp;</script> [x](javascript:1)",
        "two\nlines\r\n| 2026-11-29 | dev |",
        "::set-output name=x::y ##[error]",
        "\x1b[31m \u202e \u2028 \x85 \x00",
        "|",
        "",
        "x" * 5000,
    ],
)
def test_what_failed_is_one_cell_whatever_it_is(tmp_path: Path, failure: str) -> None:
    record(tmp_path, drill(failure=failure))
    [row] = rows(tmp_path)
    assert row.count("|") == 8 and len(row) < 2000
    assert not any(mark in row for mark in ("\x1b", "\u202e", "\u2028"))
    assert row.rpartition("failed: ")[2][0] in "`<", "it is code, in which no mark counts"
    last = last_drill(tmp_path, "dev", DAY)
    assert last.outcome == "failed" and last.failure
    assert last.failure[:9] in {
        "two | bar",
        "<script>&",
        r"two\nline",
        r"\x3a:set-",
        r"\x1b[31m ",
        "|",
        "(empty)",
        "x" * 9,
    }
    assert last.failure.endswith("…") is (len(failure) > 200), "what is cut shows that it is"
    before = (tmp_path / FILE).read_bytes()
    assert not record(tmp_path, drill(failure=failure))
    record(tmp_path, drill("prod"))
    assert before.splitlines()[-1] in (tmp_path / FILE).read_bytes().splitlines()


def test_what_somebody_wrote_around_the_table_stays(tmp_path: Path) -> None:
    record(tmp_path, drill(commit="a" * 40))
    text = (tmp_path / FILE).read_text()
    (tmp_path / FILE).write_text(text.replace("# Drills\n", "# Ours\n") + "\nMore of it.\n")
    record(tmp_path, drill())
    found = (tmp_path / FILE).read_text()
    assert found.startswith("# Ours\n") and found.endswith("|\n\nMore of it.\n") and len(rows(tmp_path)) == 2


def test_a_table_that_an_editor_aligned_is_read_and_its_rows_are_kept(tmp_path: Path) -> None:
    record(tmp_path, drill(commit="a" * 40))
    text = (tmp_path / FILE).read_text().replace(" | ", "   |  ").replace("---|", " :--- |").replace("\n", "\r\n")
    (tmp_path / FILE).write_bytes(text.encode())
    assert last_drill(tmp_path, "dev", DAY).days == 0
    record(tmp_path, drill())
    assert rows(tmp_path)[1] == text.rstrip().splitlines()[-1]


ROW = drill().row()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: "", "has 0 tables of drills"),
        (lambda text: text + text, "has 2 tables of drills"),
        (lambda text: text.replace("|---|", "|===|"), "tables of drills"),
        (lambda text: text.replace("2026-11-29", "2026-11-31"), r"drills.md:8: date: got '2026-11-31'"),
        (lambda text: text.replace("2026-11-29", "yesterday"), "date: got 'yesterday'"),
        (lambda text: text.replace("2026-11-29", "२०२६-११-२९"), "date"),
        (lambda text: text.replace("| dev |", "| <b> |"), "stack: got '<b>'"),
        (lambda text: text.replace("| 0123456789ab |", "| main |"), "commit: got 'main'"),
        (lambda text: text.replace("| rehearsed |", "| invented |"), "what: got 'invented'; allowed: rehearsed, real"),
        (lambda text: text.replace("| succeeded |", "| fine |"), "outcome: got 'fine'"),
        (lambda text: text.replace("| succeeded |", "| failed |"), "outcome: got 'failed'"),
        (lambda text: text.replace("| succeeded |", "| succeeded | more |"), "another number of columns"),
        (lambda text: text.replace("| succeeded |", "| succeeded"), "another number of columns"),
        (lambda text: text + "<<<<<<< HEAD\n" + ROW + "\n", "drills.md:10: a row outside the table"),
        (lambda text: text.replace("rehearsed", "\x1b[31m" + "x" * 500), r"what: got '\\\\x1b"),
    ],
)
def test_a_record_that_somebody_damaged_is_refused_with_its_line_and_left_as_it_was(
    tmp_path: Path, damage: Any, message: str
) -> None:
    record(tmp_path, drill())
    damaged = damage((tmp_path / FILE).read_text())
    (tmp_path / FILE).write_text(damaged)
    with pytest.raises(DrillsError, match=message) as told:
        last_drill(tmp_path, "dev", DAY)
    assert len(str(told.value)) < 400 and "\x1b" not in str(told.value)
    with pytest.raises(DrillsError):
        record(tmp_path, drill("prod"))
    assert (tmp_path / FILE).read_text() == damaged


def test_a_record_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / FILE).write_bytes(b"\xff\xfe|")
    with pytest.raises(DrillsError, match="is not text"):
        last_drill(tmp_path, "dev", DAY)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stack": "a|b"}, "the drill: stack: got|the drill: got another number"),
        ({"stack": "a b"}, "the drill: stack: got 'a b'"),
        ({"commit": "main"}, "the drill: commit: got 'main'"),
        ({"commit": "abc\n| x |"}, "the drill: "),
    ],
)
def test_a_drill_that_could_not_be_read_again_is_not_written(
    tmp_path: Path, given: dict[str, Any], message: str
) -> None:
    with pytest.raises(DrillsError, match=message):
        record(tmp_path, drill(**given))
    assert not (tmp_path / FILE).exists()


def test_the_last_drill_of_a_stack_is_the_youngest_of_its_own_wherever_it_stands(tmp_path: Path) -> None:
    assert last_drill(tmp_path, "dev", DAY) == LastDrill()
    record(tmp_path, drill("prod"))
    assert last_drill(tmp_path, "dev", DAY) == LastDrill()
    record(tmp_path, drill(day=dt.date(2026, 9, 1)))
    with (tmp_path / FILE).open("a") as file:
        file.write(drill(day=dt.date(2026, 10, 15), failure="no | quota").row() + "\n")
    assert last_drill(tmp_path, "dev", DAY) == LastDrill(
        date=dt.date(2026, 10, 15), days=45, what="rehearsed", outcome="failed", failure="no | quota"
    )


# --- from what a run printed -----------------------------------------------------------------------------------------


def test_a_rehearsal_has_the_critical_path_and_the_seconds_of_both_runs() -> None:
    found = drilling.drill("dev", commit=COMMIT, date="2026-11-29", rehearsal=rehearsal())
    assert found == drill(typical=664, slow=963, seconds=161)
    older = {key: text for key, text in rehearsal().items() if key != "criticalPathSlowSeconds"}
    assert drilling.drill("dev", commit=COMMIT, rehearsal=older).slow is None


def test_a_real_drill_has_the_seconds_of_somebodys_clock() -> None:
    found = drilling.drill("prod", commit=COMMIT, rehearsal=rehearsal("prod"), real=True, seconds=2412)
    assert (found.real, found.seconds, found.typical) == (True, 2412, 664)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give what `bootstrap rehearse"),
        ({"real": True}, "how long did it take"),
        ({"seconds": 3, "rehearsal": rehearsal()}, "--seconds is measured in a real drill"),
        ({"rehearsal": {}}, "not output of `bootstrap rehearse"),
        ({"rehearsal": rehearsal(version=2)}, "not output of"),
        ({"rehearsal": rehearsal("prod")}, "of stack 'prod', and --stack is 'dev'"),
        ({"rehearsal": rehearsal(acts=[{"seconds": 1}])}, "rebuilt nothing: run it with --rebuild"),
        ({"rehearsal": rehearsal(acts={})}, "no list of runs"),
        ({"rehearsal": rehearsal(acts=[1, 2])}, "no list of runs"),
        ({"rehearsal": rehearsal(acts=[{}, {}])}, "acts: seconds: got 'None'"),
        ({"rehearsal": rehearsal(acts=[{"seconds": float("nan")}] * 2)}, "acts: seconds: got 'nan'"),
        ({"rehearsal": rehearsal(criticalPathSeconds=True)}, "criticalPathSeconds: got 'True'"),
        ({"rehearsal": rehearsal(criticalPathSeconds=-1)}, "criticalPathSeconds: got '-1'"),
        ({"rehearsal": rehearsal(criticalPathSlowSeconds="9" * 900)}, "criticalPathSlowSeconds: got '9{60}'"),
        ({"rehearsal": rehearsal(), "date": "tomorrow"}, "--date: got 'tomorrow'"),
        ({"rehearsal": rehearsal(), "date": "9999-12-31"}, "yet to come"),
    ],
)
def test_what_is_no_drill_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(BootstrapError, match=message):
        drilling.drill("dev", commit=COMMIT, **given)


@pytest.mark.parametrize(
    ("log", "failure"),
    [
        (
            "✓ starting\nerror: pulumi up (dev, from nothing) failed:\nmore\nerror: update failed\n",
            "pulumi up (dev, from nothing) failed",
        ),
        ("\x1b[31merror: \x1b[0m\n\nerror: quota\n", "quota"),
        ("warning: x\n\x1b[31merror: quota\x1b[0m\ndone\n", "quota"),
        ("Killed\n\n", "Killed"),
        (" \n", "nothing was printed"),
    ],
)
def test_what_failed_is_the_first_error_of_the_log(log: str, failure: str) -> None:
    assert drilling.failure_in(log) == failure


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("bootstrap.platform.ci.commands.ROOT", tmp_path)
    (tmp_path / "drill.json").write_text(json.dumps(rehearsal()))
    (tmp_path / "drill.txt").write_bytes(b"error: no \xff quota\n")
    return tmp_path


def run(project: Path, *arguments: str) -> str:
    done = CliRunner().invoke(app, ["ci", "drill", "--stack", "dev", "--commit", COMMIT, *arguments])
    assert done.exit_code == 0, (done.output, done.exception)
    return done.stdout


def test_the_command_records_a_drill_and_one_that_failed(project: Path) -> None:
    given = (str(project / "drill.json"), "--date", "2026-11-01")
    assert "| 2026-11-01 | dev | 0123456789ab | rehearsed | 11m04s / 16m03s | 161 s |" in run(project, *given)
    assert run(project, *given) == "docs/drills.md: the drill is there already\n"
    run(project, "--failed", str(project / "drill.txt"), "--date", "2026-11-02")
    run(project, "--real", "--seconds", "2412", "--date", "2026-11-03")
    assert [row.split(" | ", 4)[-1] for row in rows(project)] == [
        "– / – | 2412 s | succeeded |",
        "– / – | – | failed: `no � quota` |",
        "11m04s / 16m03s | 161 s | succeeded |",
    ]


def test_without_a_commit_it_is_the_one_that_is_checked_out(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bootstrap.revision.commit_of", lambda root, revision: f"{'d' * 40}" * (root == project))
    done = CliRunner().invoke(app, ["ci", "drill", "--stack", "dev", str(project / "drill.json")])
    assert done.exit_code == 0, (done.output, done.exception)
    assert f"| {'d' * 12} |" in rows(project)[0]


def test_the_record_of_this_repository_can_be_read() -> None:
    last_drill(ROOT, "dev", DAY)
