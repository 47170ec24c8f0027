"""Rebuilds: the new cluster serves, DNS records move, the old cluster is deleted, even if it no longer exists."""

import time
from typing import Any

import pytest

from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.recover import recover, retained
from rehearsal.azure.cloud import Behaviour, Fault
from tests.e2e.inspect_cluster import helm_records, namespaces, root_application

FAST = Behaviour(seconds_per_minute=0.5)


def clusters(sandbox: Any) -> list[str]:
    return [r["id"].rsplit("/", 1)[-1] for r in sandbox.cloud.resources("containerservice:ManagedCluster")]


def record_addresses(sandbox: Any) -> set[str]:
    return {r["inputs"]["aRecords"][0]["ipv4Address"] for r in host_records(sandbox)}


def host_records(sandbox: Any) -> list[Any]:
    return [r for r in sandbox.cloud.resources("dns:RecordSet") if "aRecords" in r["inputs"]]


def foundation(sandbox: Any) -> dict[str, int]:
    kinds = ("keyvault:Vault", "dns:Zone", "managedidentity:UserAssignedIdentity", "network:PublicIPAddress")
    return {r["id"]: r["serial"] for kind in kinds for r in sandbox.cloud.resources(kind)}


@pytest.fixture
def built(make_sandbox):
    sandbox = make_sandbox("dev", planes=2, behaviour=FAST, audit=True)
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    return sandbox


@pytest.mark.smoke
def test_dns_records_move_after_the_new_cluster_serves_and_before_the_old_one_is_deleted(built, client_of):
    sandbox = built
    old = client_of(sandbox.planes[0])
    kept, address, there = foundation(sandbox), record_addresses(sandbox), namespaces(old)
    cleared = sandbox.planes[0].requests("delete")  # by Helm, which deletes its hooks after they have run

    sandbox.project.configure({"cluster": {"generation": 2}})
    run = sandbox.project.run_recorded("up", "--yes", "--skip-preview", "--refresh")

    assert run.done.returncode == 0, run.done.stdout[-3000:]
    ingress = run.log.span(type_="helm.sh/v3:Release", name="ingress-g2")
    record = run.log.span(type_="dns:RecordSet", name="record-wildcard")
    gone = next(s for s in run.log.spans() if s.operation == "delete" and s.type.endswith(":ManagedCluster"))
    assert ingress.ends <= record.begins
    assert record.ends <= gone.begins
    assert clusters(sandbox) == ["aks-platform-dev-g2"]
    assert record_addresses(sandbox).isdisjoint(address)
    assert foundation(sandbox) == kept, "no resource of the foundation was recreated"
    assert root_application(client_of(sandbox.planes[1])) is not None
    assert sandbox.planes[0].requests("delete") == cleared, "nothing was deleted inside the old cluster"
    assert namespaces(old) == there
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def test_a_rebuild_works_after_the_old_cluster_has_been_deleted(built, client_of):
    sandbox = built
    group = next(r for r in sandbox.cloud.resources("resources:ResourceGroup") if r["id"].endswith("-g1"))
    sandbox.cloud.remove(group["id"])
    sandbox.planes[0].stop()

    sandbox.project.configure({"cluster": {"generation": 2}})
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)

    assert done.returncode == 0, done.stdout[-3000:]
    assert clusters(sandbox) == ["aks-platform-dev-g2"]
    assert root_application(client_of(sandbox.planes[1])) is not None
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}
    sandbox.planes[0].start()


def test_a_destroy_completes_without_an_api_server(make_sandbox):
    sandbox = make_sandbox("dev", behaviour=FAST)
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    sandbox.planes[0].stop()
    sandbox.project.pulumi("destroy", "--yes", "--skip-preview")
    assert sandbox.project.resources() == []
    assert sandbox.cloud.resources() == []
    sandbox.planes[0].start()


def test_a_rebuild_in_another_region_keeps_the_foundation_and_uses_addresses_of_that_region(built, client_of):
    sandbox = built
    vaults = [r["serial"] for r in sandbox.cloud.resources("keyvault:Vault")]
    sandbox.project.configure({"cluster": {"generation": 2, "location": "norwayeast"}})
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    (cluster,) = sandbox.cloud.resources("containerservice:ManagedCluster")
    assert cluster["inputs"]["location"] == "norwayeast"
    assert [r["serial"] for r in sandbox.cloud.resources("keyvault:Vault")] == vaults
    (record,) = host_records(sandbox)
    addresses = [r["id"] for r in sandbox.cloud.resources("network:PublicIPAddress") if "ingress" in r["id"]]
    assert addresses and all("norwayeast" in address for address in addresses)
    assert record["inputs"]["aRecords"]
    assert root_application(client_of(sandbox.planes[1])) is not None


def test_a_stack_that_comes_back_to_a_region_takes_the_addresses_that_it_left_there(make_sandbox):
    sandbox = make_sandbox("prod", planes=3)
    project, cloud = sandbox.project, sandbox.cloud
    project.pulumi("up", "--yes", "--skip-preview")
    there = {r["id"]: r["serial"] for r in cloud.resources("network:PublicIPAddress") if "ingress" in r["id"]}
    project.configure({"cluster": {"generation": 2, "location": "norwayeast"}})
    project.pulumi("up", "--yes", "--skip-preview")
    assert there.items() <= {r["id"]: r["serial"] for r in cloud.resources("network:PublicIPAddress")}.items()

    project.configure({"cluster": {"generation": 3, "location": "swedencentral"}})
    done = project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0 and "cannot create already existing resource" in done.stdout
    found = recover(project.pulumi, report=print, kept=retained(evaluate(project.folder, "prod")))
    assert len(found.imported) >= len(there)
    project.pulumi("up", "--yes", "--skip-preview")
    assert set(project.changes("--expect-no-changes")) == {"same"}
    assert there.items() <= {r["id"]: r["serial"] for r in cloud.resources("network:PublicIPAddress")}.items()


def test_a_failed_rebuild_leaves_the_old_generation_unchanged_and_can_be_abandoned(built, client_of):
    sandbox = built
    address = record_addresses(sandbox)
    sandbox.cloud.behave(
        Behaviour(seconds_per_minute=0.5, faults=(Fault(type="dns:RecordSet", operation="update", times=99),))
    )
    sandbox.project.configure({"cluster": {"generation": 2}})
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert set(clusters(sandbox)) == {"aks-platform-dev-g1", "aks-platform-dev-g2"}
    assert record_addresses(sandbox) == address
    assert root_application(client_of(sandbox.planes[0])) is not None

    sandbox.cloud.behave(FAST)
    sandbox.project.configure({"cluster": {"generation": 1}})
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert clusters(sandbox) == ["aks-platform-dev-g1"]
    assert record_addresses(sandbox) == address
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def test_a_cluster_recreated_outside_pulumi_under_the_same_name_is_detected(make_sandbox, client_of):
    sandbox = make_sandbox("dev", behaviour=FAST)
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    (cluster,) = sandbox.cloud.resources("containerservice:ManagedCluster")
    port = sandbox.planes[0].port
    sandbox.planes[0].stop()
    sandbox.planes[0].start(port=port)
    sandbox.cloud.rotate(sandbox.planes[0].name, sandbox.planes[0].address.certificate_authority)
    sandbox.cloud.recreate(cluster["id"])
    assert namespaces(client_of(sandbox.planes[0])) == {"default", "kube-node-lease", "kube-public", "kube-system"}

    summary = sandbox.project.changes()
    assert set(summary) != {"same"}, "the state describes a cluster that is not empty"
    assert summary["replace"] > 10


def test_a_rotated_certificate_authority_replaces_nothing(make_sandbox):
    sandbox = make_sandbox("dev", behaviour=FAST)
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    before = sandbox.project.resources()
    sandbox.cloud.rotate(sandbox.planes[0].name, sandbox.planes[0].address.certificate_authority + "Cg==")
    assert "replace" not in sandbox.project.changes()
    uids = {r["urn"]: r["id"] for r in before if r["type"].startswith("kubernetes:") and "id" in r}
    assert uids == {
        r["urn"]: r["id"] for r in sandbox.project.resources() if r["type"].startswith("kubernetes:") and "id" in r
    }


def test_of_two_concurrent_ups_one_succeeds_and_the_other_reports_the_lock(make_sandbox):
    sandbox = make_sandbox("dev", behaviour=Behaviour(seconds_per_minute=1.0))
    first = sandbox.project.start("up", "--yes", "--skip-preview")
    while not sandbox.cloud.resources():
        time.sleep(0.1)
    second = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert second.returncode != 0
    assert "the stack is currently locked by 1 lock" in second.stdout + second.stderr
    assert first.wait(timeout=180) == 0
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def test_a_temporary_outage_of_the_api_server_loses_no_state(make_sandbox, client_of):
    sandbox = make_sandbox("dev", behaviour=FAST)
    run = sandbox.project.start("up", "--yes", "--skip-preview")
    api = None
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        api = api or client_of(sandbox.planes[0])
        if "traefik" in namespaces(api):
            break
        time.sleep(0.2)
    sandbox.planes[0].pause()
    time.sleep(6)
    sandbox.planes[0].resume()
    run.wait(timeout=240)
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    for namespace in ("cert-manager", "traefik", "external-secrets", "argocd"):
        assert "deployed" in helm_records(api, namespace).values()
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def test_applications_are_restored_before_argo_cd_deploys_them(make_sandbox, client_of):
    sandbox = make_sandbox("dev", planes=2, backup={"enabled": True})
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert not sandbox.backups.restores, "the first cluster has nothing to restore"

    sandbox.project.configure({"cluster": {"generation": 2}})
    sandbox.backups.ends, sandbox.backups.notes = "Failed", [{"code": "NoDisk", "message": "a disk cannot be made"}]
    failed = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert failed.returncode != 0 and "NoDisk: a disk cannot be made" in failed.stdout
    assert "No application was deployed" in failed.stdout and "Traceback" not in failed.stdout
    assert root_application(client_of(sandbox.planes[1])) is None

    sandbox.backups.ends, sandbox.backups.notes = "Completed", []
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert "restoring aks-platform-dev-g1 of" in done.stdout
    assert root_application(client_of(sandbox.planes[1])) is not None
    *_, restored = sandbox.backups.restores.values()
    assert restored.instance == "aks-platform-dev-g1" and len(sandbox.backups.restores) == 2
    target = restored.body["restoreTargetInfo"]["datasourceInfo"]["resourceID"]
    assert target.endswith("/aks-platform-dev-g2")
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}
