"""What answers each control of the benchmarks, and ``bootstrap evidence``."""

import ast
import datetime as dt
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.platform.evidence import answers, rendering
from bootstrap.platform.evidence.answers import Evidence, LiveValue, NoClusterError, Shown, Status, evidence, meets
from bootstrap.platform.evidence.controls import ControlsError, Must, read_benchmarks
from bootstrap.platform.evidence.live import UnreadableError, asking, run
from bootstrap.platform.policy.report import exceptions
from components.azure.resource_types import RESOURCE_TYPES
from policy.exceptions import ExceptionEntry
from policy.rules import every_rule
from tests.component.conftest import Program

ROOT = Path(__file__).resolve().parents[2]
TODAY = dt.date(2026, 11, 28)
BENCHMARKS = read_benchmarks()
CONTROLS = [(benchmark, control) for benchmark in BENCHMARKS for control in benchmark.controls]
CONTROL_IDS = {f"{benchmark.id}-{control.id}": control for benchmark, control in CONTROLS}

# of each section, as kube-bench lists them: cfg/aks-1.8, see the source in controls.yaml
CIS_SECTIONS = {
    "2.1": 1,
    "3.1": 4,
    "3.2": 9,
    "4.1": 12,
    "4.2": 5,
    "4.4": 2,
    "4.5": 2,
    "4.6": 3,
    "5.1": 4,
    "5.2": 1,
    "5.3": 1,
    "5.4": 5,
    "5.5": 2,
}


@pytest.fixture(scope="module")
def of_prod(prod: Program) -> Evidence:
    return evidence(prod.evaluation, today=TODAY)


def test_the_cis_controls_are_those_of_the_source_and_each_is_there_once() -> None:
    [cis] = [each for each in BENCHMARKS if each.id == "CIS"]
    expected = [f"{section}.{n}" for section, count in CIS_SECTIONS.items() for n in range(1, count + 1)]
    assert [each.id for each in cis.controls] == expected
    assert len(CONTROL_IDS) == len(CONTROLS)


@pytest.mark.parametrize("benchmark", BENCHMARKS, ids=lambda each: each.id)
def test_a_benchmark_names_its_source_by_commit(benchmark) -> None:
    assert benchmark.source.startswith("https://github.com/") and len(benchmark.source.split("/")[6]) == 40


def functions(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("test", sorted({control.test for _, control in CONTROLS if control.test}))
def test_the_test_that_holds_a_control_exists(test: str) -> None:
    file, _, name = test.partition("::")
    assert name in functions(ROOT / file)


def test_what_a_control_asks_of_the_plan_can_be_there() -> None:
    """A misspelled rule or type would be found by nobody: an optional resource need not be there."""
    rules = {each.name for each in every_rule()}
    azure = {each.pulumi_type for each in RESOURCE_TYPES}
    for id_, control in CONTROL_IDS.items():
        for planned in control.planned:
            assert planned.rule is None or planned.rule in rules, f"{id_}: {planned.rule}"
            assert planned.of is None or planned.of.startswith("kubernetes:") or planned.of in azure, id_
        of = getattr(control.live, "of", None)
        assert of is None or of in azure, id_


def test_every_control_has_one_answer_in_production_and_none_is_prose_alone(of_prod: Evidence) -> None:
    assert [each.id for each in of_prod.unmet] == []
    for each in of_prod.answers:
        if each.status is Status.MET:
            assert each.shown and all(one.holds for one in each.shown) and each.control.test, each.id
        else:
            assert each.exceptions and all(one.owner and one.until >= TODAY for one in each.exceptions), each.id


@pytest.mark.parametrize("stack", ["dev", "dev, reporting"])
def test_every_control_has_an_answer_in_dev(stack: str, every_program: Callable[[str], Program]) -> None:
    assert [each.id for each in evidence(every_program(stack).evaluation, today=TODAY).unmet] == []


def test_every_exception_is_from_a_check_that_exists_and_one_for_a_control_is_of_use(of_prod: Evidence) -> None:
    rules = {each.name for each in every_rule()}
    ours = {each.check for each in exceptions() if each.check not in rules and not each.check.startswith("CKV_")}
    assert ours <= set(CONTROL_IDS)
    assert ours == {one.check for each in of_prod.answers for one in each.exceptions} & set(CONTROL_IDS)


def test_a_property_that_is_otherwise_needs_an_exception(prod: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "exceptions", list[ExceptionEntry])
    unmet = {each.id for each in evidence(prod.evaluation, today=TODAY).unmet}
    assert {"CIS-5.3.1", "CIS-5.4.2", "CIS-4.1.3"} <= unmet
    assert not {"CIS-2.1.1", "CIS-5.5.2", "CIS-5.1.4", "MCSB-NS-2.55615ac9"} & unmet


def test_a_private_cluster_needs_no_exception_from_being_one(program: Callable[..., Program]) -> None:
    private = program("prod", cluster={"apiServer": {"exposure": "private", "authorizedIpRanges": []}})
    found = {each.id: each for each in evidence(private.evaluation, today=TODAY).answers}
    assert found["CIS-5.4.2"].status is Status.MET and not found["CIS-5.4.2"].exceptions


def test_an_exception_that_is_over_leaves_the_control_unmet(prod: Program) -> None:
    last = min(each.until for each in exceptions() if each.check == "CIS-4.1.3")
    for day, unmet in ((last, False), (last + dt.timedelta(days=1), True)):
        found = evidence(prod.evaluation, today=day)
        assert ("CIS-4.1.3" in {each.id for each in found.unmet}) is unmet


def test_a_stack_that_breaks_a_rule_leaves_its_controls_unmet(program: Callable[..., Program]) -> None:
    opened = program(
        "dev",
        cluster={"apiServer": {"exposure": "openToTheWorld", "authorizedIpRanges": []}, "localAccounts": True},
        keyVault={"purgeProtection": False},
    )
    unmet = {each.id for each in evidence(opened.evaluation, today=TODAY).unmet}
    assert unmet == {"CIS-4.1.1", "CIS-5.4.1", "CIS-5.5.1", "MCSB-NS-2.0e246bcf", "MCSB-DP-8.0b60c0b2"}


def test_a_stack_without_a_cluster_in_azure_is_told(local: Program) -> None:
    with pytest.raises(NoClusterError, match="local has no AKS cluster"):
        evidence(local.evaluation)


@pytest.mark.parametrize(
    ("must", "value", "expected"),
    [
        ({"equals": True}, True, True),
        ({"equals": True}, None, False),
        ({"equals": False}, None, False),
        ({"contains": "audit"}, [{"category": "kube-Audit-admin"}], True),
        ({"contains": "audit"}, None, False),
        ({"not": "none"}, "patch", True),
        ({"not": "none"}, "none", False),
        ({"not": "none"}, None, False),
        ({"present": True}, [], False),
        ({"present": True}, 0, True),
        ({"absent": True}, None, True),
        ({"absent": True}, False, False),
    ],
)
def test_a_value_is_what_it_has_to_be_or_not(must: dict[str, Any], value: object, expected: bool) -> None:
    assert meets(value, Must.model_validate(must)) is expected


@pytest.mark.parametrize(
    ("control", "says"),
    [
        ({"planned": [{"rule": "tags"}]}, "a test for what is planned"),
        ({"test": "tests/a.py::test_a"}, "a test for what is planned"),
        ({"planned": [{"of": "a", "path": "b"}], "test": "tests/a.py::test_a"}, "a rule, or must"),
        ({"planned": [{"rule": "a", "of": "b"}], "test": "tests/a.py::test_a"}, "of together with path"),
        ({"planned": [{"of": "a", "path": "b", "must": {}}], "test": "tests/a.py::test_a"}, "one of equals"),
        ({"note": "prose"}, "note"),
    ],
)
def test_a_control_that_is_written_wrongly_is_told_by_its_place(
    control: dict[str, Any], says: str, tmp_path: Path
) -> None:
    benchmark = {"id": "X", "name": "x", "version": "1", "source": "https://example.com"}
    whole = [{**benchmark, "controls": [{"id": "1", "title": "t", **control}]}]
    path = tmp_path / "controls.yaml"
    path.write_text(json.dumps(whole))
    with pytest.raises(ControlsError, match=r"0\.controls\.0") as caught:
        read_benchmarks(path)
    assert says in str(caught.value)


# --- live ------------------------------------------------------------------------------------------------------------


def answering(commands: list[Sequence[str]], kubelet: dict[str, Any] | None = None) -> Callable[[Sequence[str]], Any]:
    """Return what answers as `az` and `kubectl` do for production as it is planned."""

    def answer(arguments: Sequence[str]) -> Any:
        commands.append(arguments)
        if arguments[0] == "az":
            return printed_by_az(str(arguments[arguments.index("--query") + 1]))
        if "--raw" in arguments:
            return {"kubeletconfig": kubelet or {}}
        if "nodes" in arguments:
            return {"items": [{"metadata": {"name": "node-0"}}]}
        raise UnreadableError("Forbidden")

    return answer


def printed_by_az(query: str) -> Any:
    """Return what `az` prints, which of a null is nothing: https://github.com/microsoft/knack/blob/dev/knack/output.py."""
    wanted = {"disableLocalAccounts": True, "enableRBAC": True, "adminUserEnabled": True}
    value = wanted.get(query.strip("[]").rsplit(".", 1)[-1])
    if query.startswith("["):
        return [value]
    if value is None:
        raise UnreadableError("az printed no JSON")
    return value


def test_live_values_are_asked_for_by_commands_that_read(prod: Program) -> None:
    commands: list[Sequence[str]] = []
    found = evidence(prod.evaluation, today=TODAY, ask=asking(prod.evaluation, "prod", answering(commands)))
    assert {tuple(each[:3]) for each in commands if each[0] == "az"} == {("az", "resource", "show")}
    kubectl = [each for each in commands if each[0] == "kubectl"]
    assert {(*each[1:4],) for each in kubectl} == {("--context", "prod", "get")}
    by_id = {each.id: each for each in found.answers}
    assert by_id["CIS-5.5.1"].live == LiveValue(value=True, holds=True)
    assert by_id["CIS-4.2.1"].live == LiveValue(note="cannot be known: Forbidden")
    assert by_id["CIS-4.2.1"].status is Status.MET
    [asked] = [each for each in commands if "[properties.disableLocalAccounts]" in each]
    ids = str(asked[asked.index("--ids") + 1])
    assert ids.endswith(
        "/resourceGroups/rg-platform-prod-g1/providers/Microsoft.ContainerService/managedClusters/aks-platform-prod-g1"
    )


def test_what_is_otherwise_in_azure_is_unmet_whatever_the_plan_has(prod: Program) -> None:
    found = evidence(prod.evaluation, today=TODAY, ask=asking(prod.evaluation, run=answering([])))
    [registry] = [each for each in found.answers if each.id == "CIS-5.1.2"]
    assert registry.live.holds is False and registry.status is Status.UNMET


def test_what_azure_has_not_is_a_value_that_does_not_hold_and_no_failure_to_read(prod: Program) -> None:
    found = evidence(prod.evaluation, today=TODAY, ask=asking(prod.evaluation, run=answering([])))
    [private] = [each for each in found.answers if each.id == "CIS-5.4.2"]
    assert private.live == LiveValue(value=None, holds=False)


@pytest.mark.parametrize("answer", [[], {}, None])
def test_an_answer_of_another_form_is_told_as_one(answer: object, prod: Program) -> None:
    ask = asking(prod.evaluation, run=lambda _: answer)
    assert ask(CONTROL_IDS["CIS-5.5.1"]) == LiveValue(note="cannot be known: the answer has another form")


def test_the_kubelet_is_read_once_and_each_of_its_settings_is_held(prod: Program) -> None:
    hardened = {
        "authentication": {"anonymous": {"enabled": False}, "x509": {"clientCAFile": "/etc/kubernetes/certs/ca.crt"}},
        "authorization": {"mode": "Webhook"},
        "streamingConnectionIdleTimeout": "4h0m0s",
        "makeIPTablesUtilChains": True,
        "eventRecordQPS": 0,
        "rotateCertificates": True,
        "serverTLSBootstrap": True,
    }
    commands: list[Sequence[str]] = []
    ask = asking(prod.evaluation, run=answering(commands, hardened))
    controls = [control for id_, control in CONTROL_IDS.items() if id_.startswith("CIS-3.2")]
    assert [ask(each).holds for each in controls] == [True] * 9
    assert len([each for each in commands if "--raw" in each]) == 1
    broken = asking(
        prod.evaluation, run=answering([], {"readOnlyPort": 10255, "authorization": {"mode": "AlwaysAllow"}})
    )
    assert [broken(each).holds for each in controls] == [False] * 9


def test_a_tool_that_is_not_there_is_named_and_its_failure_is_its_own_words() -> None:
    with pytest.raises(UnreadableError, match="no-such-tool is not on PATH"):
        run(["no-such-tool"])
    with pytest.raises(UnreadableError, match="No such file"):
        run(["ls", "/no/such/file"])
    with pytest.raises(UnreadableError, match="printed no JSON"):
        run(["echo", "text"])
    with pytest.raises(UnreadableError, match="printed no JSON"):
        run(["echo", "[" * 100_000])
    with pytest.raises(UnreadableError, match="printed no JSON"):
        run(["true"])
    assert run(["echo", "[1]"]) == [1]


# --- rendering -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [80, 200])
def test_the_table_fits_and_shows_every_control(of_prod: Evidence, width: int) -> None:
    written = io.StringIO()
    rendering.print_evidence(of_prod, of_prod.answers, Console(file=written, width=width))
    text = written.getvalue()
    assert max(map(len, text.splitlines())) <= width
    assert all(f"  {each.control.id} " in text for each in of_prod.answers)
    assert "(by AKS)" in text and "prod: 89 controls" in text


def test_markdown_is_a_table_whose_rows_are_whole(of_prod: Evidence) -> None:
    rows = [line for line in rendering.to_markdown(of_prod, of_prod.answers).splitlines() if line.startswith("|")]
    assert len(rows) == len(of_prod.answers) + 2 * len(of_prod.benchmarks)
    assert {row.replace("\\|", "").count("|") for row in rows} == {6}
    assert any("apiServerAccessProfile.authorizedIPRanges" in row and "198.51.100.0/24" in row for row in rows)


def test_text_of_somebody_else_becomes_no_markdown(of_prod: Evidence) -> None:
    hostile = "a|b `c` <img src=x>\n# d [e](https://f) \\"
    first = of_prod.answers[0]
    shown = [
        Shown(resource=hostile, path=hostile, value=hostile, holds=True, rule=None),
        Shown(resource="", path="", value=hostile, holds=False, rule="tags"),
    ]
    entry = ExceptionEntry(check="CIS-2.1.1", reason=hostile, owner=hostile, until=TODAY)
    lives = (LiveValue(note=hostile), LiveValue(value=hostile, holds=True), LiveValue(value=[hostile], holds=False))
    answers_ = [replace(first, shown=shown, exceptions=[entry], live=live) for live in lives]
    text = rendering.to_markdown(replace(of_prod, answers=answers_), answers_)
    rows = [line for line in text.splitlines() if line.startswith(f"| {first.control.id} ")]
    assert len(rows) == 3 and {row.count("|") for row in rows} == {6}
    for sign in ("<img", "`c`", "[e]", "# d", "\\", "https://f"):
        assert sign not in "".join(rows), sign


def test_a_check_prints_what_is_unmet_as_json_too(of_prod: Evidence) -> None:
    found = rendering.to_json(of_prod, of_prod.answers[:2])
    assert [each["id"] for each in found["controls"]] == [each.id for each in of_prod.answers[:2]]


def test_json_is_stable_and_says_what_was_not_asked(of_prod: Evidence) -> None:
    found = rendering.to_json(of_prod, of_prod.answers)
    assert list(found) == ["version", "stack", "date", "benchmarks", "controls"]
    keys = ("id", "title", "status", "responsibility", "planned", "live", "test", "exceptions")
    assert {tuple(each) for each in found["controls"]} == {keys}
    assert {each["live"]["note"] for each in found["controls"]} == {"not asked"}
    json.dumps(found)


def test_the_commands_exit_status_tells_an_unmet_control(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(app, ["evidence", "--stack", "dev", "--check"])
    assert done.exit_code == 0 and done.output.splitlines() == [done.output.strip()]
    monkeypatch.setattr(answers, "exceptions", list[ExceptionEntry])
    done = CliRunner().invoke(app, ["evidence", "--stack", "dev", "--check", "--format", "markdown"])
    assert done.exit_code == 2 and "| 4.1.3 " in done.output and "| 5.5.2 " not in done.output
    done = CliRunner().invoke(app, ["evidence", "--stack", "dev", "--check", "--format", "json"])
    assert done.exit_code == 2
    assert {each["status"] for each in json.loads(done.output)["controls"]} == {"unmet"}
