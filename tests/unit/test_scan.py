"""What checkov finds is held to a list of exceptions; and checkov itself, where `make scan` has installed it."""

import datetime as dt
import io
import json
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from ruamel.yaml import YAML

from policy import scan
from policy.allowed import PATH, Allowed
from policy.checked import PolicyFileError, read
from policy.exceptions import EXCEPTIONS, ExceptionEntry, read_exceptions

TODAY = dt.date(2026, 11, 28)
ENTRY = {"check": "CKV_1", "resources": "vaults", "reason": "because", "owner": "us", "until": "2026-12-31"}


def entry(**changes: str) -> ExceptionEntry:
    return ExceptionEntry.model_validate({**ENTRY, **changes})


def results(*failed: tuple[str, str]) -> dict[str, Any]:
    found = [{"check_id": check, "check_name": f"{check} title", "resource": name} for check, name in failed]
    return {"results": {"failed_checks": found}, "summary": {"passed": 3}}


VAULT, CLUSTER = ("CKV_1", "Microsoft.KeyVault/vaults.kv"), ("CKV_1", "Microsoft.ContainerService/managedClusters.a")


@pytest.mark.parametrize(
    ("changes", "stack", "explained"),
    [
        ({}, "prod", True),
        ({"until": "2026-11-28"}, "prod", True),
        ({"until": "2026-11-27"}, "prod", False),
        ({"check": "CKV_2"}, "prod", False),
        ({"resources": "registries"}, "prod", False),
        ({"stacks": "(?!prod).*"}, "prod", False),
        ({"stacks": "(?!prod).*"}, "dev", True),
    ],
)
def test_an_exception_is_for_its_check_its_resources_its_stacks_and_its_time(
    changes: dict[str, str], stack: str, explained: bool
) -> None:
    [found] = scan.findings(stack, results(VAULT), [entry(**changes)])
    assert found.explained(TODAY) is explained


def test_what_is_no_exception_is_shown_first_and_by_its_title() -> None:
    found = scan.findings("prod", results(VAULT, CLUSTER), [entry()])
    written = io.StringIO()
    scan.show("prod", 3, found, TODAY, Console(file=written, width=80))
    lines = written.getvalue().splitlines()
    assert lines[0].startswith("✗  CKV_1") and "managedClusters.a" in lines[0] and "CKV_1 title" in lines[1]
    assert lines[-1] == "prod: 3 passed, 1 exceptions, 1 unexplained"
    assert [each["explained"] for each in scan.to_json("prod", found, TODAY)["findings"]] == [True, False]


def test_an_exception_whose_time_is_up_hides_no_later_one() -> None:
    [found] = scan.findings("prod", results(VAULT), [entry(until="2026-01-01"), entry()])
    assert found.explained(TODAY)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        ({"passed": 0, "failed": 0, "resource_count": 0}, "nothing to look at"),
        ([], "nothing to look at"),
        ({"results": {"failed_checks": []}, "summary": {"resource_count": 0, "parsing_errors": 0}}, "0 resources"),
        ({"results": {"failed_checks": []}, "summary": {"resource_count": 9, "parsing_errors": 1}}, "1 errors"),
        ({"results": {"failed_checks": []}, "summary": {"resource_count": 9, "parsing_errors": 0}}, ""),
    ],
)
def test_an_answer_of_no_scan_is_no_pass(answer: object, why: str) -> None:
    assert why in scan.why_not_scanned(answer) and bool(why) == bool(scan.why_not_scanned(answer))


@pytest.mark.parametrize("lacking", ["reason", "owner", "until"])
def test_an_exception_without_a_reason_an_owner_or_an_end_is_a_mistake(tmp_path: Path, lacking: str) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text("- " + "\n  ".join(f"{key}: {value}" for key, value in ENTRY.items() if key != lacking) + "\n")
    with pytest.raises(PolicyFileError, match=rf"0\.{lacking} is missing"):
        read_exceptions(path)


def test_every_mistake_of_an_exception_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "exceptions.yaml"
    wrong = {**ENTRY, "resources": "(", "stacks": "*", "until": "soon", "note": "x"}
    path.write_text(json.dumps([ENTRY, wrong]))
    with pytest.raises(PolicyFileError) as told:
        read_exceptions(path)
    lines = str(told.value).splitlines()
    assert lines[0] == f"{path}:"
    assert [line.split(":")[0] for line in lines[1:]] == ["  1.resources", "  1.stacks", "  1.until", "  1.note"]
    assert "got '('; allowed: a regular expression" in lines[1] and "got 'soon'" in lines[3] and "unknown" in lines[4]


@pytest.mark.parametrize("text", ["a: [", "[" * 400, "!!bool maybe", "\x00", "? {a: b}\n: c", "text", "", "{a: b}"])
def test_a_file_of_rules_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "exceptions.yaml"
    path.write_text(text)
    with pytest.raises(PolicyFileError, match=r"exceptions\.yaml"):
        read_exceptions(path)


def test_a_file_of_rules_that_is_not_there_or_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"\xe9")
    for name in ("none.yaml", "latin.yaml"):
        with pytest.raises(PolicyFileError, match=name):
            read_exceptions(tmp_path / name)


def test_what_is_allowed_is_checked_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "allowed.yaml"
    given = YAML(typ="safe").load(PATH.read_text())
    given["roles"][1]["groups"], given["roles"][0]["scopes"] = ["ok", "["], 3
    path.write_text(json.dumps({**given, "tag": []}))
    with pytest.raises(PolicyFileError) as told:
        read(path, Allowed)
    for part in ("roles.1.groups.1: got '['; allowed: a regular expression", "roles.0.scopes: got 3", "tag: unknown"):
        assert part in str(told.value)


def test_the_scan_ends_with_one_error_for_a_list_that_is_none(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse() -> list[ExceptionEntry]:
        raise PolicyFileError("exceptions.yaml:\n  0.until is missing")

    monkeypatch.setattr(scan, "read_exceptions", refuse)
    assert scan.main(["--stack", "dev"]) == 2
    assert capsys.readouterr().err == "make scan: exceptions.yaml:\n  0.until is missing\n"


@pytest.mark.skipif(not scan.CHECKOV.exists(), reason="checkov is not installed: `make scan` does it")
def test_every_exception_is_of_use_and_nothing_else_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    for stack in ("prod", "dev"):
        assert scan.main(["--stack", stack], TODAY) == 0
    text = capsys.readouterr().out
    ours = [each.check for each in read_exceptions(EXCEPTIONS) if each.check.startswith("CKV")]
    assert ours and [check for check in ours if check not in text] == []
