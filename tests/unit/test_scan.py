"""What checkov finds is held to a list of exceptions; and checkov itself, where `make scan` has installed it."""

import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from policy import scan
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
    with pytest.raises(ValidationError, match=lacking):
        read_exceptions(path)


@pytest.mark.skipif(not scan.CHECKOV.exists(), reason="checkov is not installed: `make scan` does it")
def test_every_exception_is_of_use_and_nothing_else_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    for stack in ("prod", "dev"):
        assert scan.main(["--stack", stack], TODAY) == 0
    text = capsys.readouterr().out
    ours = [each.check for each in read_exceptions(EXCEPTIONS) if each.check.startswith("CKV")]
    assert ours and [check for check in ours if check not in text] == []
