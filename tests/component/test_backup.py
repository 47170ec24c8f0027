"""Backups: what outlives a cluster, what goes with it, who may do what, what comes back, and when people are told."""

import asyncio
import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from azure.core.exceptions import ClientAuthenticationError

from components.access import ClusterAccess
from components.azure.roles import Role
from components.restore import bring_back as restoring
from components.restore import hook as hooking
from components.restore.hook import RestoreArgs, restore_hook
from components.restore.vault import ENDPOINT_OVERRIDE, PLATFORM_NAMESPACES
from rehearsal.azure.backup_service import BackupService
from rehearsal.azure.cloud import Cloud
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


def test_a_new_generation_is_restored_before_anything_deploys_applications(program: Callable[..., Program]) -> None:
    p = program("prod", cluster={"generation": 2}, **BACKED_UP)
    project = p.one(":AppProject", "root-project-g2")
    assert "restore-g2" in project.hooks["before_create"]
    for kind in ("kubernetesconfiguration:Extension", "containerservice:TrustedAccessRoleBinding"):
        assert p.waits_for(project, p.one(kind))
    instance = p.one("dataprotection:BackupInstance")
    for later in (p.one(":ApplicationSet"), p.one(":Application")):
        assert p.waits_for(later, project)
        # an empty cluster's backup would be the latest
        assert p.waits_for(instance, later)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"cluster": {"generation": 2}, "backup": {"enabled": True, "restore": "none"}},
        {"cluster": {"generation": 2}, "backup": {"enabled": False}},
    ],
    ids=["the first cluster", "not wanted", "not backed up"],
)
def test_nothing_else_waits_for_backups(program: Callable[..., Program], changes: dict[str, Any]) -> None:
    p = program("prod", **{**BACKED_UP, **changes})
    assert not any(hook.startswith("restore-") for r in p.all for hooks in r.hooks.values() for hook in hooks)
    project = p.one(":AppProject")
    assert not any(p.waits_for(project, instance) for instance in p.several("dataprotection:BackupInstance"))


def test_what_the_platform_fills_is_left_out(each: Program) -> None:
    filled = {r.inputs["namespace"] for r in each.releases} | {
        r.inputs["metadata"]["name"] for r in each.several("core/v1:Namespace")
    }
    assert filled and filled - {"kube-system", "local-vault"} <= set(PLATFORM_NAMESPACES)


@pytest.fixture
def restore(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Run the hook of a new cluster, against a vault with another one's backup or none."""
    monkeypatch.setattr(restoring, "POLL_SECONDS", 0.01)

    async def invoke(token: str, _: Any, __: Any) -> dict[str, str]:
        assert token == "azure-native:authorization:getClientToken"
        return {"token": "of the program's provider"}

    monkeypatch.setattr(pulumi.runtime, "invoke_async", invoke)
    notes_in_cluster: dict[str, str] = {}

    async def cluster(_: Any) -> Any:
        return SimpleNamespace(
            age=lambda: dt.timedelta(minutes=9),
            remembered=lambda name, namespace: notes_in_cluster.get(f"{namespace}/{name}"),
            remember=lambda name, namespace, note: notes_in_cluster.update({f"{namespace}/{name}": note}),
        )

    monkeypatch.setattr(hooking, "sign_in", cluster)
    base = "/subscriptions/5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51/resourceGroups"
    vault = f"{base}/rg-backup/providers/Microsoft.DataProtection/backupVaults/vault"
    id_ = f"{base}/rg-{{name}}/providers/Microsoft.ContainerService/managedClusters/{{name}}"

    async def known() -> str:
        return id_.format(name="g2")

    args = RestoreArgs(
        access=cast("ClusterAccess", None),
        every=dt.timedelta(hours=6),
        subscription_id=base.split("/")[2],
        resource_group_name="rg-backup",
        vault_name="vault",
        cluster_id=cast("pulumi.Output[str]", SimpleNamespace(future=known)),
        location="swedencentral",
        at=None,
        provider=None,
    )

    def run(*, backed_up: bool = True, ends: str = "Completed", notes: list[Any] | None = None) -> None:
        cloud = Cloud.create(tmp_path / "cloud.json")
        cloud.put(f"{base}/rg-backup", "resources:ResourceGroup", {"location": "swedencentral"}, 0)
        cloud.put(vault, "dataprotection:BackupVault", {"location": "swedencentral"}, 0)
        if backed_up:
            source = {
                "datasourceType": "Microsoft.ContainerService/managedClusters",
                "resourceId": id_.format(name="g1"),
            }
            properties = {"dataSourceInfo": source, "policyInfo": {"policyId": "p"}}
            cloud.put(f"{vault}/backupInstances/g1", "dataprotection:BackupInstance", {"properties": properties}, 0)
        service = BackupService(cloud, ends=ends, notes=notes or [])
        monkeypatch.setenv(ENDPOINT_OVERRIDE, service.url)
        hooks: list[Any] = []
        monkeypatch.setattr(pulumi, "ResourceHook", lambda name, run, opts: hooks.append(run))
        restore_hook("restore", args)
        try:
            asyncio.run(hooks[0](None))
        finally:
            service.stop()

    return run


def test_the_hook_restores_as_whoever_the_program_is(
    restore: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        restore(ends="CompletedWithWarnings", notes=[{"code": "KubernetesBackupGenericWarning", "message": "role"}])
    assert "restoring g1 of" in caplog.text and "into g2" in caplog.text
    assert "KubernetesBackupGenericWarning: role" in caplog.text


def test_a_vault_without_backups_lets_pass_loudly(
    restore: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    restore(backed_up=False)
    assert "NOTHING RESTORED: vault has no backups of another cluster" in caplog.text


def test_a_restore_that_fails_ends_the_run_and_says_the_two_ways_on(restore: Callable[..., None]) -> None:
    with pytest.raises(pulumi.RunError) as failed:
        restore(ends="Failed", notes=[{"code": "Broken", "message": "a disk"}])
    for part in ("Broken: a disk", "No application was deployed", "run `pulumi up` again", "backup.restore: none"):
        assert part in str(failed.value)


def test_a_preview_restores_nothing_and_says_what_will_be(
    restore: Callable[..., None], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    with caplog.at_level("INFO"):
        restore(ends="Failed")
    assert "restored before Argo CD deploys any, where the vault has a backup" in caplog.text


def test_who_cannot_sign_in_is_refused_as_azures_clients_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuses(*_: Any) -> Any:
        raise RuntimeError("invoke failed: AADSTS700024")

    monkeypatch.setattr(pulumi.runtime, "invoke_async", refuses)

    async def ask() -> Any:
        token = hooking._ProvidersToken(asyncio.get_running_loop(), None)
        return await asyncio.to_thread(token.get_token)

    with pytest.raises(ClientAuthenticationError, match="AADSTS700024"):
        asyncio.run(ask())
