"""Backups: what outlives a cluster, what goes with it, who may do what, and when people are told."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from components.azure.roles import Role
from settings.backup import Backup, warning_of
from tests.component.conftest import BACKED_UP, Program

REGION = "swedencentral"


@pytest.fixture
def backed_up(program: Callable[..., Program]) -> Program:
    return program("prod", **BACKED_UP)


def test_nothing_is_backed_up_unless_the_stack_asks_for_it(each: Program, backed_up: Program) -> None:
    asked = any(r.type.endswith("backup:BackupVault") for r in each.all)
    types = ("dataprotection:BackupVault", "kubernetesconfiguration:Extension", "storage:StorageAccount")
    assert all(bool(each.several(type_)) == asked for type_ in types)
    assert all(backed_up.several(type_) for type_ in types)


def test_the_vault_and_its_backups_stay_when_generations_and_regions_change(program: Callable[..., Program]) -> None:
    first, second = (program("prod", cluster={"generation": g}, **BACKED_UP) for g in (1, 2))
    for kind in ("dataprotection:BackupVault", "dataprotection:BackupPolicy", "storage:StorageAccount"):
        kept, later = first.one(kind), second.one(kind)
        assert kept.urn == later.urn and kept.inputs == later.inputs and kept.retain_on_delete
    old, new = (p.one("dataprotection:BackupInstance") for p in (first, second))
    assert old.urn != new.urn and old.inputs["backupInstanceName"] != new.inputs["backupInstanceName"]
    assert old.retain_on_delete and old.deleted_with is None


def test_a_vault_that_is_to_go_with_its_environment_keeps_nothing_back(program: Callable[..., Program]) -> None:
    p = program("dev", **BACKED_UP)
    vault = p.one("dataprotection:BackupVault")
    assert vault.inputs["properties"]["securitySettings"]["softDeleteSettings"]["state"] == "Off"
    assert not vault.retain_on_delete and not p.one("dataprotection:BackupInstance").retain_on_delete


def test_what_runs_in_the_cluster_goes_with_it(backed_up: Program) -> None:
    cluster = backed_up.one("containerservice:ManagedCluster")
    for kind in ("kubernetesconfiguration:Extension", "containerservice:TrustedAccessRoleBinding"):
        assert backed_up.one(kind).deleted_with == cluster.urn


def test_everything_is_there_when_azure_validates_the_cluster(backed_up: Program) -> None:
    instance = backed_up.one("dataprotection:BackupInstance")
    roles = [r for r in backed_up.several("authorization:RoleAssignment") if "after_create" in r.hooks]
    ours = [r for r in roles if not r.name.startswith(("kubelet-", "control-plane-network", "control-plane-managed"))]
    assert {(r.inputs["roleDefinitionId"].rsplit("/", 1)[-1], r.inputs["scope"]) for r in ours} == {
        (Role.READER, f"<snapshots-{REGION}.id>"),
        (Role.CONTRIBUTOR, f"<snapshots-{REGION}.id>"),
        (Role.READER, f"<{backed_up.one('containerservice:ManagedCluster').name}.id>"),
        (Role.STORAGE_BLOB_DATA_CONTRIBUTOR, f"<backup-storage-{REGION}.id>"),
    }
    for earlier in (*ours, backed_up.one("kubernetesconfiguration:Extension")):
        assert backed_up.waits_for(instance, earlier), earlier.name
    assert any("settled" in hook for hook in instance.hooks["before_create"])


def test_addons_wait_for_no_backup(backed_up: Program) -> None:
    instance = backed_up.one("dataprotection:BackupInstance")
    for release in backed_up.releases:
        assert not backed_up.waits_for(release, instance)


def test_only_the_clusters_subnets_reach_the_account_and_nobody_by_its_keys(backed_up: Program) -> None:
    account = backed_up.one("storage:StorageAccount").inputs
    assert account["allowSharedKeyAccess"] is account["allowBlobPublicAccess"] is False
    assert account["networkRuleSet"]["defaultAction"] == "Deny"
    nodes = backed_up.one("network:Subnet", f"nodes-{REGION}") if backed_up.several("network:Subnet") else None
    assert account["networkRuleSet"]["virtualNetworkRules"]
    if nodes is not None:
        assert {"service": "Microsoft.Storage"} in nodes.inputs["serviceEndpoints"]
    settings = backed_up.one("kubernetesconfiguration:Extension").inputs["configurationSettings"]
    assert settings["configuration.backupStorageLocation.config.useAAD"] == "true"


def test_the_schedule_is_the_stacks_and_another_one_is_another_policy(program: Callable[..., Program]) -> None:
    policy = program("prod", **BACKED_UP).one("dataprotection:BackupPolicy")
    rule, kept = policy.inputs["properties"]["policyRules"]
    (interval,) = rule["trigger"]["schedule"]["repeatingTimeIntervals"]
    assert interval.endswith("T01:00:00+00:00/PT6H")
    assert kept["lifecycles"][0]["deleteAfter"]["duration"] == "P30D"
    other = program("prod", **{**BACKED_UP, "backup": {"enabled": True}}).one("dataprotection:BackupPolicy")
    assert other.urn != policy.urn and other.inputs["backupPolicyName"] != policy.inputs["backupPolicyName"]


def test_people_are_told_of_backups_that_fail(backed_up: Program, program: Callable[..., Program]) -> None:
    rule = backed_up.one("alertsmanagement:AlertProcessingRuleByName").inputs["properties"]
    assert rule["scopes"] == [f"<backup-vault-{REGION}.id>"]
    assert rule["actions"] == [{"actionType": "AddActionGroups", "actionGroupIds": ["<alerts.id>"]}]
    vault = backed_up.one("dataprotection:BackupVault").inputs["properties"]
    assert vault["monitoringSettings"]["azureMonitorAlertSettings"] == {"alertsForAllJobFailures": "Enabled"}
    nobody = program("prod", backup={"enabled": True})
    assert nobody.several("alertsmanagement:AlertProcessingRuleByName") == []


@pytest.mark.parametrize(
    ("given", "warned"), [({}, True), ({"enabled": True}, False), ({"enabled": False}, False)], ids=json.dumps
)
def test_whoever_did_not_decide_is_warned(given: dict[str, Any], warned: bool) -> None:
    assert (warning_of(Backup.model_validate(given)) is not None) is warned


def test_the_warning_is_one_of_production_alone(
    program: Callable[..., Program], caplog: pytest.LogCaptureFixture
) -> None:
    program("prod", tags={"extra": {"asked": "backup"}})
    assert caplog.text.count("NO BACKUP") == 1
    caplog.clear()
    program("dev", tags={"extra": {"asked": "backup"}})
    program("prod", backup={"enabled": False}, tags={"extra": {"asked": "backup"}})
    assert "NO BACKUP" not in caplog.text
