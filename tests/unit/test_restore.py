"""Restores from a vault: which backup is taken, what Azure is asked, and what becomes of one that does not end well."""

import datetime as dt
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import AccessToken
from typer.testing import CliRunner, Result

from bootstrap.cli import app
from bootstrap.errors import BootstrapError
from bootstrap.platform import restore as commanding
from components.restore import bring_back as restoring
from components.restore.bring_back import Wish, bring_back, chosen
from components.restore.vault import ENDPOINT_OVERRIDE, Backups, Cluster, Job, Point, RestoreError
from rehearsal.azure.backup_service import BackupService
from rehearsal.azure.cloud import Cloud
from tests.loopback import serving

SUBSCRIPTION = "5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51"
GROUP, VAULT = "rg-platform-prod-backup", "bvault-platform-prod"
BASE = f"/subscriptions/{SUBSCRIPTION}/resourceGroups"
NOW = dt.datetime.now(dt.UTC)
RECORDING = os.environ.get("AKS_BOOTSTRAP_RESTORE_RECORDING", "")


class Somebody:
    """Signs in without asking anybody."""

    def get_token(self, *_: str, **__: Any) -> AccessToken:
        return AccessToken("token", 2**31)


@dataclass
class Remembered:
    """A cluster's memory: of a restore that was begun, and of its own age."""

    begun: str | None = None
    old: dt.timedelta = dt.timedelta(minutes=10)

    def age(self) -> dt.timedelta:
        return self.old

    def job(self) -> str | None:
        return self.begun

    def remember(self, job: str) -> None:
        self.begun = job


DAILY = Wish(every=dt.timedelta(hours=24))


def restore(
    backups: Backups,
    generation: int = 3,
    memory: Remembered | None = None,
    wish: Wish = DAILY,
    say: Callable[[str], None] = print,
) -> Job | None:
    return bring_back(backups, cluster(generation), memory or Remembered(), wish, say, now=NOW)


def cluster(generation: int) -> Cluster:
    name = f"aks-platform-prod-g{generation}"
    id_ = f"{BASE}/rg-platform-prod-g{generation}/providers/Microsoft.ContainerService/managedClusters/{name}"
    return Cluster(id=id_, location="swedencentral")


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BackupService]:
    """A vault with backups of generations 1 and 2, of which the second is newer; 3 is the new cluster."""
    cloud = Cloud.create(tmp_path / "cloud.json", behaviour=None, control_planes=())
    cloud.put(f"{BASE}/{GROUP}", "resources:ResourceGroup", {"location": "swedencentral"}, 0)
    vault = f"{BASE}/{GROUP}/providers/Microsoft.DataProtection/backupVaults/{VAULT}"
    cloud.put(vault, "dataprotection:BackupVault", {"location": "swedencentral"}, 0)
    for generation, seconds in ((1, -86400), (2, -3600), (3, -60)):
        source = {"datasourceType": "Microsoft.ContainerService/managedClusters", "resourceId": cluster(generation).id}
        name = cluster(generation).name
        inputs = {"properties": {"friendlyName": name, "dataSourceInfo": source, "policyInfo": {"policyId": "p"}}}
        cloud.put(f"{vault}/backupInstances/{name}", "dataprotection:BackupInstance", inputs, seconds)
    found = BackupService(cloud)
    monkeypatch.setenv(ENDPOINT_OVERRIDE, found.url)
    monkeypatch.setattr(restoring, "POLL_SECONDS", 0.01)
    yield found
    found.stop()


@pytest.fixture
def backups(service: BackupService) -> Backups:
    return Backups(Somebody(), SUBSCRIPTION, GROUP, VAULT, poll=0)


def test_the_latest_backup_of_another_cluster_is_restored_with_all_but_what_the_platform_fills(
    service: BackupService, backups: Backups
) -> None:
    said: list[str] = []
    memory = Remembered()
    job = restore(backups, memory=memory, say=said.append)
    assert job is not None and job.status == "Completed" and not job.notes
    assert list(service.restores) == [memory.begun]
    (restored,) = service.restores.values()
    assert restored.instance == cluster(2).name
    target = restored.body["restoreTargetInfo"]
    for part in ("datasourceInfo", "datasourceSetInfo"):
        assert {target[part][key] for key in ("resourceID", "resourceUri")} == {cluster(3).id}
    (criteria,) = target["restoreCriteria"]
    assert criteria["conflictPolicy"] == "Skip" and criteria["persistentVolumeRestoreMode"] == "RestoreWithVolumeData"
    assert criteria["includeClusterScopeResources"] is True
    assert "argocd" in criteria["excludedNamespaces"] and "includedNamespaces" not in criteria
    assert said[0] == f"restoring {point_of(backups, 2)} into aks-platform-prod-g3"
    assert any("InProgress" in line for line in said)


def point_of(backups: Backups, generation: int) -> Point:
    return next(point for point in backups.points() if point.cluster == cluster(generation).name)


def test_the_backup_of_a_time_is_the_latest_before_it(backups: Backups) -> None:
    assert [point.cluster for point in backups.points()] == [cluster(g).name for g in (3, 2, 1)]
    wish = Wish(at=NOW - dt.timedelta(hours=2), every=dt.timedelta(hours=24))
    found = chosen(backups, cluster(3), wish, now=NOW)
    assert found is not None and found.cluster == cluster(1).name
    with pytest.raises(RestoreError, match=r"g1, aks-\S+-g2 there is no backup by 2000-01-01 00:00 UTC"):
        restore(backups, wish=Wish(at=dt.datetime(2000, 1, 1, tzinfo=dt.UTC), every=dt.timedelta(hours=24)))


def test_a_backup_of_long_ago_is_taken_only_where_it_is_asked_for(service: BackupService, backups: Backups) -> None:
    for generation in (2, 3):
        service.cloud.remove(instance(service, generation))
    aged = NOW + dt.timedelta(days=120)
    with pytest.raises(RestoreError, match="is older than one should be") as refused:
        bring_back(backups, cluster(3), Remembered(), DAILY, print, now=aged)
    assert not service.restores
    # the message has what to write
    named = re.search(r'backup\.restore: "([^"]+)"', str(refused.value))
    assert named
    wish = Wish(at=dt.datetime.fromisoformat(named[1]), every=dt.timedelta(hours=24))
    assert bring_back(backups, cluster(3), Remembered(), wish, print, now=aged) is not None


def instance(service: BackupService, generation: int) -> str:
    found = service.cloud.resources("dataprotection:BackupInstance")
    return next(str(each["id"]) for each in found if each["id"].endswith(f"-g{generation}"))


def test_a_vault_that_knows_no_other_cluster_restores_nothing(service: BackupService, backups: Backups) -> None:
    for generation in (1, 2):
        service.cloud.remove(instance(service, generation))
    assert restore(backups) is None
    assert not service.restores


def test_a_cluster_that_should_have_a_backup_and_has_none_ends_the_run(
    service: BackupService, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BackupService, "_points", lambda *_: iter(()))
    with pytest.raises(RestoreError, match=r"of aks-platform-prod-g1, aks-platform-prod-g2 there is no backup"):
        restore(backups)
    assert not service.restores


def test_a_run_that_died_goes_on_with_the_restore_that_it_began(service: BackupService, backups: Backups) -> None:
    memory = Remembered(backups.begin(point_of(backups, 1), cluster(3)))
    job = restore(backups, memory=memory)
    assert job is not None and job.id == memory.begun and job.done
    assert len(service.restores) == 1


def test_what_is_restored_is_not_restored_again_but_into_a_cluster_that_is_made_anew(
    service: BackupService, backups: Backups
) -> None:
    memory, said = Remembered(), list[str]()
    restore(backups, memory=memory)
    restore(backups, memory=memory, say=said.append)
    assert len(service.restores) == 1 and "was restored before" in said[0]
    # of the same name and ARM id
    restore(backups, memory=Remembered())
    assert len(service.restores) == 2


def test_a_namespace_that_was_restored_by_hand_is_not_all_of_it(service: BackupService, backups: Backups) -> None:
    backups.begin(point_of(backups, 2), cluster(3), ["app-shop"])
    said: list[str] = []
    restore(backups, say=said.append)
    assert "another restore into aks-platform-prod-g3 goes on" in said[0]
    assert len(service.restores) == 2


def test_a_cluster_that_is_not_new_is_left_as_it_is(service: BackupService, backups: Backups) -> None:
    said: list[str] = []
    restore(backups, memory=Remembered(old=dt.timedelta(days=120)), say=said.append)
    assert not service.restores and "is 120 days old" in said[0]


def test_a_restore_that_fails_says_why_and_the_next_run_begins_another(
    service: BackupService, backups: Backups
) -> None:
    memory = Remembered()
    service.ends = "Failed"
    service.notes = [{"code": "UserErrorOutOfDisks", "message": "No room.", "recommendedAction": ["Make  some."]}]
    with pytest.raises(RestoreError, match=r"restore \S+ failed: UserErrorOutOfDisks: No room\. Make some\.$"):
        restore(backups, memory=memory)
    service.ends, service.notes = "Completed", []
    assert restore(backups, memory=memory) is not None
    assert len(service.restores) == 2


@pytest.mark.parametrize(
    ("code", "message", "lost"),
    [
        ("KubernetesBackupGenericWarning", "could not restore, ClusterRole x already exists", False),
        ("KubernetesBackupGenericWarning", "could not restore, PersistentVolumeClaim data already exists", True),
        ("UserErrorStorageClassMissingForPVC", "no class gold", True),
    ],
)
def test_warnings_of_volumes_end_the_run_and_others_are_handed_on(
    service: BackupService, backups: Backups, code: str, message: str, lost: bool
) -> None:
    service.ends, service.notes = "CompletedWithWarnings", [{"code": code, "message": message}]
    if lost:
        memory = Remembered()
        for _ in range(2):  # until somebody says that it is all right
            with pytest.raises(RestoreError, match=f"is incomplete: {code}: "):
                restore(backups, memory=memory)
        assert len(service.restores) == 1
    else:
        job = restore(backups)
        assert job is not None and list(job.notes) == [f"{code}: {message}"]


def test_what_azure_refuses_is_one_sentence_and_nothing_is_restored(service: BackupService, backups: Backups) -> None:
    service.refuses = {
        "code": "UserErrorMissingRequiredPermissions",
        "message": "Appropriate permissions\nare missing.",
    }
    with pytest.raises(RestoreError) as refused:
        restore(backups)
    assert str(refused.value).count("UserErrorMissingRequiredPermissions") == 1 and "\n" not in str(refused.value)
    assert "cannot be restored into aks-platform-prod-g3" in str(refused.value)
    assert not service.restores


def test_one_that_takes_too_long_goes_on_in_azure(
    service: BackupService, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(restoring.SECONDS_OVERRIDE, "0.0001")
    with pytest.raises(RestoreError, match=r"is InProgress after 0 minutes; it continues in Azure"):
        restore(backups)


def test_nobody_who_answers_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_OVERRIDE, "http://127.0.0.1:9")
    with pytest.raises(RestoreError, match="earlier restores cannot be listed"):
        restore(Backups(Somebody(), SUBSCRIPTION, GROUP, VAULT, poll=0, tries=0))


@pytest.fixture
def command(service: BackupService, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``bootstrap restore`` for the stack of that vault, whose cluster is the third."""
    backups = Backups(Somebody(), SUBSCRIPTION, GROUP, VAULT, poll=0)
    stack = commanding.Stack(name="prod", vault=VAULT, backups=backups, cluster=cluster(3))
    monkeypatch.setattr(commanding, "stack_of", lambda *_: stack)

    def run(*arguments: str, **options: Any) -> Result:
        return CliRunner().invoke(app, ["restore", "--stack", "prod", *arguments], **options)

    return run


def test_the_list_has_the_latest_first_and_ids_to_copy(command: Callable[..., Result], backups: Backups) -> None:
    listed = command()
    assert listed.exit_code == 0
    points = backups.points()
    lines = [line for line in listed.output.splitlines() if any(point.id in line for point in points)]
    assert [line.split()[-1] for line in lines] == [point.id for point in points]
    assert "bootstrap restore --stack prod --namespace <namespace>" in listed.output
    found = json.loads(command("--format", "json").stdout)
    assert [each["id"] for each in found["backups"]] == [point.id for point in points]
    assert found["cluster"] == cluster(3).name


def test_a_namespace_comes_back_from_the_latest_backup_of_all(
    command: Callable[..., Result], service: BackupService
) -> None:
    done = command("--namespace", "shop", "-n", "blog", "--yes")
    assert done.exit_code == 0, done.output
    (restored,) = service.restores.values()
    assert restored.instance == cluster(3).name
    (criteria,) = restored.body["restoreTargetInfo"]["restoreCriteria"]
    assert criteria["includedNamespaces"] == ["shop", "blog"] and "excludedNamespaces" not in criteria
    assert "restored (Completed" in done.output and "what is there stays as it is" in done.output


def test_a_backup_is_chosen_by_its_id(command: Callable[..., Result], service: BackupService, backups: Backups) -> None:
    point = point_of(backups, 1)
    assert command("-n", "shop", "--point", point.id, "-y").exit_code == 0
    (restored,) = service.restores.values()
    assert restored.body["recoveryPointId"] == point.id and restored.instance == cluster(1).name


def test_whoever_does_not_agree_restores_nothing(command: Callable[..., Result], service: BackupService) -> None:
    assert command("-n", "shop", input="n\n").exit_code == 1
    assert not service.restores


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-n", "argocd", "-n", "kube-system"], "--namespace: got argocd, kube-system"),
        (["--point", "0123"], "--point without --namespace"),
        (["-n", "shop", "--point", "0123", "-y"], "--point: got '0123'"),
        (["-n", "shop", "--format", "json"], "allowed for the list"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_restored_is_refused(
    command: Callable[..., Result], service: BackupService, arguments: list[str], said: str
) -> None:
    refused = command(*arguments)
    assert isinstance(refused.exception, BootstrapError) and said in str(refused.exception)
    assert not service.restores


@pytest.mark.skipif(not RECORDING, reason="AKS_BOOTSTRAP_RESTORE_RECORDING names no recorded restore of Azure's")
def test_a_restore_that_azure_answered_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent is what Azure took there, and each answer is read; the recording is a list of ``interactions``."""
    steps = json.loads(Path(RECORDING).read_text(encoding="utf-8"))["interactions"]
    sent: list[tuple[str, str, Any]] = []

    class Replay(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.reply(None)

        def do_POST(self) -> None:
            self.reply(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def reply(self, body: Any) -> None:
            path = urlsplit(self.path).path
            step = next(
                s
                for s in steps
                if s["request"]["method"] == self.command and urlsplit(s["request"]["uri"]).path == path
            )
            # the last answer to a question stays
            if sum(s["request"]["uri"] == step["request"]["uri"] for s in steps) > 1:
                steps.remove(step)
            sent.append((self.command, path, (step["request"]["body"], body)))
            answer = step["response"]
            data = json.dumps(answer["body"]).encode() if answer["body"] else b""
            self.send_response(answer["status"])
            for header, value in answer["headers"].items():
                if header != "content-length":
                    self.send_header(header, value.replace("https://management.azure.com", url))
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Replay)
    url = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setenv(ENDPOINT_OVERRIDE, url)
    restored = next(s["request"] for s in steps if s["request"]["uri"].partition("?")[0].endswith("/restore"))
    _, _, subscription, _, group, _, _, _, vault, _, instance, _ = urlsplit(restored["uri"]).path.split("/")
    where = restored["body"]["restoreTargetInfo"]
    into = Cluster(id=where["datasourceInfo"]["resourceId"], location=where["restoreLocation"])
    with serving(server):
        backups = Backups(Somebody(), subscription, group, vault, poll=0)
        (point,) = backups._points_of(instance, into.name)
        id_ = backups.begin(point, into)
        job = restoring.await_job(backups, id_, print, sleep=lambda _: None)
    assert job.status == "Completed"
    for _, _, (theirs, ours) in sent:
        if theirs is not None:
            # the recorded one leaves out no namespace
            ours_alone = set(leaves(ours)) ^ set(leaves(theirs))
            assert {path[-2] for path in ours_alone} == {"excludedNamespaces"}


def leaves(value: Any, *path: str) -> Iterator[tuple[str, ...]]:
    """Yield every value in a request, with the way to it; one that is null asks for nothing."""
    if isinstance(value, dict):
        for key, item in value.items():
            # Azure took both spellings, and answers with the second
            yield from leaves(item, *path, "resourceID" if key == "resourceId" else key)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item, *path)
    elif value is not None:
        yield (*path, str(value).lower())
