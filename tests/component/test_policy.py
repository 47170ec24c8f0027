"""The rules of policy/: what each refuses, that production's plan keeps them, and ``bootstrap policy``."""

import datetime as dt
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.errors import BootstrapError
from bootstrap.platform.policy import report as policies
from bootstrap.platform.policy.plan import stack_of
from bootstrap.platform.policy.report import exceptions, report
from components.addons.charts import PINNED
from components.azure.roles import TXT_RECORD_ACTIONS, Role
from policy import allowed as allowing
from policy.allowed import allowed
from policy.exceptions import ExceptionEntry
from policy.finding import findings
from policy.resource import Stack, at
from policy.rules import every_rule
from settings.rules import RULES as SETTINGS_RULES
from tests.component.conftest import Program
from tests.policy_cases import CASES, Case

TODAY = dt.date(2026, 11, 28)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_refuses_what_it_is_for_and_names_it(case: Case, production: Callable[[], Stack]) -> None:
    [rule] = [each for each in every_rule() if each.name == case.rule]
    messages = [message for _, message in rule.violations(case.apply(production()))]
    assert any(case.says in message for message in messages), messages
    if case.says not in " ".join(message for _, message in rule.violations(production())):
        assert all("allowed: " in message or "allowed on: " in message for message in messages)


def test_every_rule_has_a_case_that_it_refuses() -> None:
    assert sorted({case.rule for case in CASES}) == sorted(each.name for each in every_rule())


@pytest.mark.parametrize("rule", every_rule(), ids=lambda each: each.name)
def test_every_rule_says_what_holds_and_where_that_comes_from(rule) -> None:
    assert re.fullmatch(r"[A-Z].*\.", rule.title) and rule.source.startswith("https://")


@pytest.mark.parametrize(
    "stack", ["prod", "dev", "local", "prod, updating images", "dev, reporting", "prod, backed up"]
)
def test_every_plan_keeps_the_rules_but_for_its_exceptions(stack: str, every_program) -> None:
    found = report(every_program(stack).evaluation, TODAY)
    assert [(each.resource.label, each.message) for each in found.violated] == []


@pytest.mark.parametrize(
    "changes",
    [
        {"cluster": {"apiServer": {"exposure": "private", "authorizedIpRanges": []}}},
        {
            "cluster": {"apiServer": {"exposure": "vnetIntegrated", "authorizedIpRanges": []}},
            "network": {"apiServerSubnetCidr": "10.20.16.0/27"},
        },
        {
            "nodePools": [{"name": "win", "vmSize": "Standard_D8ds_v5", "minCount": 1, "maxCount": 3, "os": "windows"}],
            "network": {"dataPlane": "azure"},
        },
    ],
    ids=lambda changes: str(sorted(changes)),
)
def test_what_settings_offer_to_production_is_not_refused(changes, program) -> None:
    found = report(program("prod", **changes).evaluation, TODAY)
    assert [(each.rule.name, each.resource.label, each.message) for each in found.violated] == []


def test_a_stack_file_that_opens_the_cluster_is_refused(program: Callable[..., Program]) -> None:
    opened = program(
        "dev",
        cluster={"apiServer": {"exposure": "openToTheWorld", "authorizedIpRanges": []}, "localAccounts": True},
        keyVault={"purgeProtection": False},
        argocd={"defaultRole": "role:admin"},
    )
    broken = {each.rule.name for each in report(opened.evaluation, TODAY).violated}
    assert broken == {"aks-closed-api-server", "aks-local-accounts", "vault-purge-protection", "argocd-default-role"}


def test_every_exception_from_a_rule_is_of_use(every_program) -> None:
    rules = {each.name for each in every_rule()}
    used = {
        (each.exception.check, each.exception.stacks)
        for stack in ("prod", "dev", "local")
        for each in report(every_program(stack).evaluation, TODAY).findings
        if each.exception
    }
    assert {(each.check, each.stacks) for each in exceptions() if each.check in rules} == used


def test_production_has_no_exception_that_settings_refuse() -> None:
    """What settings/production.py refuses, no exception lets production have."""
    counterparts = {
        "closed_api_server": "aks-closed-api-server",
        "ranges_of_somebody": "aks-closed-api-server",
        "ranges_of_writers": "vault-firewall",
        "closed_vault": "vault-firewall",
        "no_local_accounts": "aks-local-accounts",
        "service_level": "aks-service-level",
        "three_system_nodes": "pool-system-nodes",
        "purge_protection": "vault-purge-protection",
        "several_zones": "pool-zones",
        "no_admin_account": "argocd-no-admin",
        "not_everybody_is_admin": "argocd-default-role",
        "maintenance_windows": "aks-maintenance",
    }
    in_production = {each.check.__name__ for each in SETTINGS_RULES if each.check.__module__ == "settings.production"}
    assert in_production == counterparts.keys(), "a rule of settings/production.py has no counterpart here"
    refused = set(counterparts.values())
    assert refused <= {each.name for each in every_rule()}
    assert [each for each in exceptions() if each.check in refused and re.fullmatch(each.stacks, "prod")] == []


def test_an_exception_whose_time_is_up_is_a_violation(prod: Program) -> None:
    late = max(each.until for each in exceptions()) + dt.timedelta(days=1)
    found = report(prod.evaluation, late)
    assert found.violated and found.violated == list(found.findings)


def test_every_pinned_chart_and_every_role_of_the_program_is_allowed_and_nothing_else() -> None:
    for chart in PINNED:
        given = chart.reference if chart.oci else chart.repository
        assert any(given.startswith(each.rstrip("/")) for each in allowed().chart_repositories), given
    assert {each.id for each in allowed().roles} == {role.value for role in Role}
    assert {action for each in allowed().custom_roles for action in each.actions} == set(TXT_RECORD_ACTIONS)


def test_the_command_prints_json_that_scripts_can_rely_on(prod: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    found = report(prod.evaluation, TODAY).to_json()
    assert list(found) == ["version", "stack", "rules", "findings"]
    assert {tuple(each) for each in found["findings"]} == {
        ("rule", "type", "resource", "message", "explained", "reason", "owner", "until")
    }
    json.dumps(found)


def test_the_commands_exit_status_tells_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert CliRunner().invoke(app, ["policy", "--stack", "local"]).exit_code == 0
    monkeypatch.setattr(policies, "exceptions", list[ExceptionEntry])
    done = CliRunner().invoke(app, ["policy", "--stack", "local"])
    assert done.exit_code == 2 and "argocd-no-admin" in done.output and "1 violated" in done.output


@pytest.mark.parametrize("command", ["policy", "evidence"])
def test_a_file_of_rules_that_is_none_is_an_error_with_every_place(
    command: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "allowed.yaml").write_text("{roles: [{name: a, id: b, scopes: [], groups: ['(']}], nobody: x}")
    monkeypatch.setattr(allowing, "PATH", tmp_path / "allowed.yaml")
    allowed.cache_clear()
    try:
        done = CliRunner().invoke(app, [command, "--stack", "dev"])
    finally:
        allowed.cache_clear()
    assert isinstance(done.exception, BootstrapError) and done.exception.exit_code == 1
    assert all(part in str(done.exception) for part in ("roles.0.groups.0: got '('", "nobody: unknown", "tags is miss"))


def test_markdown_is_refused() -> None:
    assert CliRunner().invoke(app, ["policy", "--format", "markdown"]).exit_code == 1


@pytest.mark.parametrize(
    ("path", "found"),
    [("a.b", 1), ("list[1].c", 2), ("list[7].c", None), ("a.b.c", None), ("list.c", None), ("text[0]", None)],
)
def test_a_path_leads_to_what_is_there_or_to_nothing(path: str, found: object) -> None:
    assert at({"a": {"b": 1}, "list": [{}, {"c": 2}], "text": "x"}, path) == found


def test_findings_carry_the_exception_that_is_for_their_stack(prod: Program) -> None:
    other = Stack(name="live", resources=stack_of(prod.evaluation).resources)
    entry = ExceptionEntry(check="registry-firewall", stacks="prod", reason="r", owner="o", until=TODAY)
    rules = [each for each in every_rule() if each.name == "registry-firewall"]
    [here] = findings(stack_of(prod.evaluation), rules, [entry])
    [there] = findings(other, rules, [entry])
    assert here.explained(TODAY) and not there.explained(TODAY)
