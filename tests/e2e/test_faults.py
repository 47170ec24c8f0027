"""Failures of Azure, a chart or a cluster: a clear message, nothing lost, and the next run continues."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from bootstrap.platform.recover import recover
from rehearsal.azure.cloud import Behaviour, Fault
from rehearsal.azure.refusals import AzureError
from rehearsal.sandbox import simulating
from tests.e2e.inspect_cluster import helm_records, namespaces, root_application, wait_for


def test_throttled_requests_are_retried_silently(make_sandbox):
    throttled = tuple(
        Fault(type=type_, times=2, code="TooManyRequests", status=429)
        for type_ in ("network:VirtualNetwork", "keyvault:Vault", "containerservice:ManagedCluster")
    )
    sandbox = make_sandbox("dev", behaviour=Behaviour(faults=throttled))
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


@pytest.mark.smoke
def test_a_request_is_retried_while_a_role_assignment_propagates(make_sandbox):
    fault = Fault(type="containerservice:ManagedCluster", code="LinkedAuthorizationFailed", status=403)
    sandbox = make_sandbox("dev", behaviour=Behaviour(faults=(fault,)))
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert "a role is not effective yet; next try in 5 s" in done.stdout
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def test_new_roles_get_their_time_before_the_cluster_that_needs_them(make_sandbox):
    sandbox = make_sandbox("dev", behaviour=Behaviour(role_seconds=4), role_seconds=6)
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert "to take effect" in done.stdout and "is not effective yet" not in done.stdout
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def test_a_cluster_that_failed_after_it_was_accepted_is_repaired_by_the_next_run(make_sandbox):
    """It exists, so that a second creation would be refused: the engine keeps it, and updates it."""
    fault = Fault(type="containerservice:ManagedCluster", code="LinkedAuthorizationFailed", accepted=True)
    sandbox = make_sandbox("dev", behaviour=Behaviour(faults=(fault,)))
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0 and 'Status=200 Code="LinkedAuthorizationFailed"' in done.stdout
    [cluster] = sandbox.cloud.resources("containerservice:ManagedCluster")
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    [repaired] = sandbox.cloud.resources("containerservice:ManagedCluster")
    assert repaired["serial"] == cluster["serial"], "it is the same cluster"
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


@pytest.mark.parametrize(
    "type_",
    [
        "network:NatGateway",
        "keyvault:Vault",
        "containerservice:ManagedCluster",
        "containerservice:AgentPool",
        "managedidentity:FederatedIdentityCredential",
    ],
)
def test_a_failure_in_azure_is_reported_and_the_next_run_continues(make_sandbox, type_):
    sandbox = make_sandbox("dev", behaviour=Behaviour(faults=(Fault(type=type_, code="QuotaExceeded", status=400),)))
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert 'Code="QuotaExceeded"' in done.stdout
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def test_a_role_assignment_without_a_principal_type_is_rejected(make_sandbox):
    """The tests above prove something only if the stand-in rejects what Azure Resource Manager rejects."""
    sandbox = make_sandbox("dev", simulate=False)
    scope = "/subscriptions/s/resourceGroups/g"
    sandbox.cloud.put(scope, "resources:ResourceGroup", {}, 0)
    principal = "7a1d0c6e-3f0b-4c56-9a2e-5d0e6f0b9c11"
    inputs = {"principalId": principal, "scope": scope, "roleDefinitionId": "r", "roleAssignmentName": "a"}
    id_ = f"{scope}/providers/Microsoft.Authorization/roleAssignments/a"
    with pytest.raises(AzureError, match="PrincipalNotFound"):
        sandbox.cloud.put(id_, "authorization:RoleAssignment", inputs, 0)


def test_a_deleted_vault_is_recovered_if_the_stack_file_requests_it(make_sandbox):
    sandbox = make_sandbox("dev")
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    sandbox.project.pulumi("destroy", "--yes", "--skip-preview")
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0 and "exists in deleted state" in done.stdout
    sandbox.project.configure({"keyVault": {"recover": True}})
    sandbox.project.pulumi("up", "--yes", "--skip-preview", "--target", "**vault**", "--target-dependents", check=False)
    assert sandbox.cloud.resources("keyvault:Vault")


def test_a_preview_rejects_an_input_that_azure_would_reject(make_sandbox):
    sandbox = make_sandbox("dev", simulate=False)
    path = sandbox.project.folder / "components" / "azure" / "network.py"
    path.write_text(path.read_text().replace("network.IPAllocationMethod.STATIC", '"Statick"'))
    done = sandbox.project.pulumi("preview", check=False)
    assert done.returncode != 0
    assert "publicIPAllocationMethod" in done.stdout and "got 'Statick'; allowed: Static, Dynamic" in done.stdout


def test_a_webhook_without_a_backend_times_out_with_an_error_that_names_the_addon(make_sandbox, client_of):
    sandbox = make_sandbox("dev", simulate=False)
    release = sandbox.project.folder / "components" / "release" / "probe.py"
    release.write_text(release.read_text().replace("PROBE_SECONDS = 180.0", "PROBE_SECONDS = 10.0"))
    with simulating(sandbox.planes, webhooks=False):
        done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "cert-manager does not serve: after 10 s a dry run of Issuer" in done.stdout
    assert root_application(client_of(sandbox.planes[0])) is None, "the root Application is not seeded early"
    with simulating(sandbox.planes):
        sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert root_application(client_of(sandbox.planes[0])) is not None


def test_a_missing_crd_times_out_with_an_error_that_names_the_addon(make_sandbox, client_of):
    sandbox = make_sandbox("dev")
    release = sandbox.project.folder / "components" / "release" / "probe.py"
    release.write_text(release.read_text().replace("PROBE_SECONDS = 180.0", "PROBE_SECONDS = 10.0"))
    sandbox.project.configure({"charts": {"externalSecrets": {"values": {"installCRDs": False}}}})
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "External Secrets Operator does not serve" in done.stdout
    assert helm_records(client_of(sandbox.planes[0]), "argocd") == {}
    sandbox.project.configure({"charts": {"externalSecrets": {"values": {"installCRDs": True}}}})
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def test_a_release_that_never_becomes_ready_fails_and_the_next_runs_repair_it(make_sandbox, client_of):
    sandbox = make_sandbox("dev", simulate=False)
    with simulating(sandbox.planes, addresses=False):
        sandbox.project.configure({"charts": {"timeoutSeconds": 60}})
        done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert helm_records(client_of(sandbox.planes[0]), "traefik") == {"1": "failed"}
    with simulating(sandbox.planes):
        # a refresh took the failed revision for the release's state: this run removes it, and says so
        done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
        assert "(revision 1, failed) was left behind" in done.stdout and "run `pulumi up` again" in done.stdout
        sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert helm_records(client_of(sandbox.planes[0]), "traefik") == {"1": "deployed"}
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


@pytest.mark.parametrize("again", [False, True], ids=["SIGINT", "SIGINT then SIGTERM"])
def test_the_run_after_an_interrupted_one_completes_the_stack(make_sandbox, client_of, again):
    sandbox = make_sandbox("dev", simulate=False)
    api = client_of(sandbox.planes[0])
    with simulating(sandbox.planes, addresses=False):
        run = sandbox.project.start("up", "--yes", "--skip-preview")
        wait_for(lambda: "traefik" in namespaces(api) and helm_records(api, "traefik") == {"1": "pending-install"})
        os.killpg(run.pid, signal.SIGINT)
        if again:
            time.sleep(7.5)
            os.killpg(run.pid, signal.SIGTERM)
        run.wait(timeout=150)
    sandbox.project.kill(run)
    with simulating(sandbox.planes):
        recover(sandbox.project.pulumi, report=lambda _: None)
        sandbox.project.pulumi("up", "--yes", "--skip-preview")
    assert "deployed" in helm_records(api, "traefik").values()
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}


def forget(project: Any, urn: str, file: Path) -> None:
    """Remove one resource from the state, as if the run had died before it was recorded."""
    exported = json.loads(project.pulumi("stack", "export").stdout)
    resources = [r for r in exported["deployment"]["resources"] if r["urn"] != urn]
    for other in resources:
        other["dependencies"] = [d for d in other.get("dependencies") or [] if d != urn]
        for key, urns in (other.get("propertyDependencies") or {}).items():
            other["propertyDependencies"][key] = [d for d in urns or [] if d != urn]
    exported["deployment"]["resources"] = resources
    file.write_text(json.dumps(exported))
    project.pulumi("stack", "import", "--file", str(file))


def uids(api: Any) -> set[str]:
    listed: Any = client.AppsV1Api(api).list_namespaced_deployment("cert-manager")
    return {deployment.metadata.uid for deployment in listed.items}


def test_a_release_that_completed_without_reaching_the_state_is_adopted(make_sandbox, client_of, tmp_path):
    sandbox = make_sandbox("dev")
    api = client_of(sandbox.planes[0])
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    deployments = uids(api)
    release = next(
        r for r in sandbox.project.resources() if r["type"].endswith("v3:Release") and "cert-manager" in r["urn"]
    )
    forget(sandbox.project, release["urn"], tmp_path / "state.json")

    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)

    assert done.returncode == 0, done.stdout[-3000:]
    assert "finished, and the acknowledgement was lost" in done.stdout
    assert uids(api) == deployments, "no workload was taken down"
    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}
