"""Restores from a vault: which backup is taken, what Azure is asked, and what becomes of one that does not end well."""

import datetime as dt
import json
import os
from collections.abc import Callable, Iterator
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
from components.restore.bring_back import bring_back, chosen
from components.restore.vault import ENDPOINT_OVERRIDE, Backups, Cluster, Point, RestoreError
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
    job = bring_back(backups, cluster(3), said.append, now=NOW)
    assert job is not None and job.status == "Completed" and not job.notes
    (restored,) = service.restores.values()
    assert restored.instance == cluster(2).name
    asked = restored.body
    target = asked["restoreTargetInfo"]
    for part in ("datasourceInfo", "datasourceSetInfo"):
        assert {target[part][key] for key in ("resourceID", "resourceUri")} == {cluster(3).id}
    (criteria,) = target["restoreCriteria"]
    assert criteria["conflictPolicy"] == "Skip" and criteria["persistentVolumeRestoreMode"] == "RestoreWithVolumeData"
    assert criteria["includeClusterScopeResources"] is True
    assert "argocd" in criteria["excludedNamespaces"] and "includedNamespaces" not in criteria
    assert said[0] == f"restoring {job_point(backups, 2)} into aks-platform-prod-g3"
    assert any("InProgress" in line for line in said)


def job_point(backups: Backups, generation: int) -> Point:
    return next(point for point in backups.points() if point.cluster == cluster(generation).name)


def test_the_backup_of_a_time_is_the_latest_before_it(backups: Backups) -> None:
    points = backups.points()
    assert [point.cluster for point in points] == [cluster(g).name for g in (3, 2, 1)]
    at = NOW - dt.timedelta(hours=2)
    found = chosen(points, into=cluster(3), at=at)
    assert found is not None and found.cluster == cluster(1).name
    with pytest.raises(RestoreError, match=r"no cluster was backed up by 2000-01-01 00:00 UTC"):
        bring_back(backups, cluster(3), print, now=NOW, at=dt.datetime(2000, 1, 1, tzinfo=dt.UTC))


def test_a_vault_without_backups_of_others_restores_nothing(service: BackupService, backups: Backups) -> None:
    for resource in service.cloud.resources("dataprotection:BackupInstance"):
        if not resource["id"].endswith("-g3"):
            service.cloud.remove(resource["id"])
    assert bring_back(backups, cluster(3), print, now=NOW) is None
    assert not service.restores


def test_a_run_that_died_goes_on_with_the_restore_that_it_began(service: BackupService, backups: Backups) -> None:
    begun = backups.begin(job_point(backups, 1), cluster(3))
    job = bring_back(backups, cluster(3), print, now=NOW)
    assert job is not None and job.id == begun and job.done
    assert len(service.restores) == 1


def test_what_is_restored_is_not_restored_again(service: BackupService, backups: Backups) -> None:
    bring_back(backups, cluster(3), print, now=NOW)
    said: list[str] = []
    bring_back(backups, cluster(3), said.append, now=NOW)
    assert len(service.restores) == 1 and "was restored before" in said[0]
    # and another cluster is
    bring_back(backups, cluster(2), print, now=NOW)
    assert len(service.restores) == 2


def test_a_restore_that_fails_says_why_and_the_next_run_begins_another(
    service: BackupService, backups: Backups
) -> None:
    service.ends = "Failed"
    service.notes = [{"code": "UserErrorOutOfDisks", "message": "No room.", "recommendedAction": ["Make  some."]}]
    with pytest.raises(RestoreError, match=r"restore \S+ failed: UserErrorOutOfDisks: No room\. Make some\.$"):
        bring_back(backups, cluster(3), print, now=NOW)
    service.ends, service.notes = "Completed", []
    assert bring_back(backups, cluster(3), print, now=NOW) is not None
    assert len(service.restores) == 2


def test_warnings_are_handed_on(service: BackupService, backups: Backups) -> None:
    service.ends = "CompletedWithWarnings"
    service.notes = [{"code": "UserErrorStorageClassMissingForPVC", "message": "no class gold"}]
    job = bring_back(backups, cluster(3), print, now=NOW)
    assert job is not None and list(job.notes) == ["UserErrorStorageClassMissingForPVC: no class gold"]


def test_what_azure_refuses_is_one_sentence_and_nothing_is_restored(service: BackupService, backups: Backups) -> None:
    service.refuses = {
        "code": "UserErrorMissingRequiredPermissions",
        "message": "Appropriate permissions\nare missing.",
    }
    with pytest.raises(RestoreError) as refused:
        bring_back(backups, cluster(3), print, now=NOW)
    assert "UserErrorMissingRequiredPermissions" in str(refused.value) and "\n" not in str(refused.value)
    assert "cannot be restored into aks-platform-prod-g3" in str(refused.value)
    assert not service.restores


def test_one_that_takes_too_long_goes_on_in_azure(
    service: BackupService, backups: Backups, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(restoring.SECONDS_OVERRIDE, "0.0001")
    with pytest.raises(RestoreError, match=r"is InProgress after 0 minutes, and goes on in Azure"):
        bring_back(backups, cluster(3), print, now=NOW)


def test_nobody_who_answers_is_an_error_of_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENDPOINT_OVERRIDE, "http://127.0.0.1:9")
    with pytest.raises(RestoreError, match="earlier restores cannot be listed"):
        bring_back(Backups(Somebody(), SUBSCRIPTION, GROUP, VAULT, poll=0, tries=0), cluster(3), print, now=NOW)


@pytest.fixture
def command(service: BackupService, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run ``bootstrap restore`` for the stack of that vault, whose cluster is the third."""
    backups = Backups(Somebody(), SUBSCRIPTION, GROUP, VAULT, poll=0)
    stack = commanding.Stack(vault=VAULT, backups=backups, cluster=cluster(3))
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
    point = job_point(backups, 1)
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
        (["--point", "0123"], "say with --namespace"),
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
    assert job.status == "Completed" and job.point == point.id
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
