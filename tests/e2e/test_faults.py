"""What goes wrong in Azure, in a chart or in a cluster: a clear message, nothing lost, and the next run goes on."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from bootstrap.platform.recover import recover
from rehearsal.azure.cloud import AzureError, Fault, Manners
from rehearsal.stage import playing
from tests.e2e.looks import helm_records, namespaces, root_application, wait_for


def test_what_azure_only_throttles_is_tried_again_and_nobody_notices(stage):
    throttled = tuple(
        Fault(type=type_, times=2, code="TooManyRequests", status=429)
        for type_ in ("network:VirtualNetwork", "keyvault:Vault", "containerservice:ManagedCluster")
    )
    on = stage("dev", manners=Manners(faults=throttled))
    on.project.pulumi("up", "--yes", "--skip-preview")
    assert set(on.project.changes("--expect-no-changes")) == {"same"}


@pytest.mark.smoke
def test_a_role_that_is_still_spreading_is_waited_for(stage):
    fault = Fault(type="containerservice:ManagedCluster", code="LinkedAuthorizationFailed", status=403)
    on = stage("dev", manners=Manners(faults=(fault,)))
    done = on.project.pulumi("up", "--yes", "--skip-preview")
    assert "a role is not effective yet; next try in 5 s" in done.stdout
    assert set(on.project.changes("--expect-no-changes")) == {"same"}


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
def test_a_failure_of_azure_is_told_and_the_next_run_goes_on(stage, type_):
    on = stage("dev", manners=Manners(faults=(Fault(type=type_, code="QuotaExceeded", status=400),)))
    done = on.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert 'Code="QuotaExceeded"' in done.stdout
    on.project.pulumi("up", "--yes", "--skip-preview")
    assert set(on.project.changes("--expect-no-changes")) == {"same"}


def test_a_role_assignment_without_its_principals_type_would_be_refused(stage):
    """The stand-in has ARM's manners: without them the tests above would prove nothing."""
    on = stage("dev", play=False)
    scope = "/subscriptions/s/resourceGroups/g"
    on.cloud.put(scope, "resources:ResourceGroup", {}, 0)
    inputs = {"principalId": "p", "scope": scope, "roleDefinitionId": "r", "roleAssignmentName": "a"}
    id_ = f"{scope}/providers/Microsoft.Authorization/roleAssignments/a"
    with pytest.raises(AzureError, match="PrincipalNotFound"):
        on.cloud.put(id_, "authorization:RoleAssignment", inputs, 0)


def test_a_deleted_vault_is_taken_back_when_the_stack_file_says_so(stage):
    on = stage("dev")
    on.project.pulumi("up", "--yes", "--skip-preview")
    on.project.pulumi("destroy", "--yes", "--skip-preview")
    done = on.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0 and "exists in deleted state" in done.stdout
    on.project.configure({"keyVault": {"recover": True}})
    on.project.pulumi("up", "--yes", "--skip-preview", "--target", "**vault**", "--target-dependents", check=False)
    assert on.cloud.resources("keyvault:Vault")


def test_a_mistake_that_azure_would_refuse_is_refused_by_the_preview(stage):
    on = stage("dev", play=False)
    path = on.project.folder / "components" / "azure" / "network.py"
    path.write_text(path.read_text().replace("network.IPAllocationMethod.STATIC", '"Statick"'))
    done = on.project.pulumi("preview", check=False)
    assert done.returncode != 0
    assert "publicIPAllocationMethod" in done.stdout and "got 'Statick'; allowed: Static, Dynamic" in done.stdout


def test_a_webhook_with_no_backend_is_a_bounded_error_that_names_the_addon(stage, client_of):
    on = stage("dev", play=False)
    release = on.project.folder / "components" / "release" / "probe.py"
    release.write_text(release.read_text().replace("PROBE_SECONDS = 180.0", "PROBE_SECONDS = 10.0"))
    with playing(on.planes, webhooks=False):
        done = on.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "cert-manager does not serve: after 10 s a dry run of Issuer" in done.stdout
    assert root_application(client_of(on.planes[0])) is None, "the root Application is not seeded early"
    with playing(on.planes):
        on.project.pulumi("up", "--yes", "--skip-preview")
    assert root_application(client_of(on.planes[0])) is not None


def test_a_missing_crd_is_a_bounded_error_that_names_the_addon(stage, client_of):
    on = stage("dev")
    release = on.project.folder / "components" / "release" / "probe.py"
    release.write_text(release.read_text().replace("PROBE_SECONDS = 180.0", "PROBE_SECONDS = 10.0"))
    on.project.configure({"charts": {"externalSecrets": {"values": {"installCRDs": False}}}})
    done = on.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "External Secrets Operator does not serve" in done.stdout
    assert helm_records(client_of(on.planes[0]), "argocd") == {}
    on.project.configure({"charts": {"externalSecrets": {"values": {"installCRDs": True}}}})
    on.project.pulumi("up", "--yes", "--skip-preview")
    assert set(on.project.changes("--expect-no-changes")) == {"same"}


def test_a_release_that_never_becomes_ready_fails_and_fixed_values_mend_it(stage, client_of):
    on = stage("dev", play=False)
    with playing(on.planes, addresses=False):
        on.project.configure({"charts": {"timeoutSeconds": 60}})
        done = on.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert helm_records(client_of(on.planes[0]), "traefik") == {"1": "failed"}
    with playing(on.planes):
        on.project.pulumi("up", "--yes", "--skip-preview")
    assert helm_records(client_of(on.planes[0]), "traefik")["2"] == "deployed"
    assert set(on.project.changes("--expect-no-changes")) == {"same"}


@pytest.mark.parametrize("again", [False, True], ids=["SIGINT", "SIGINT then SIGTERM"])
def test_an_interrupted_run_leaves_what_the_next_one_goes_on_from(stage, client_of, again):
    on = stage("dev", play=False)
    api = client_of(on.planes[0])
    with playing(on.planes, addresses=False):
        run = on.project.begin("up", "--yes", "--skip-preview")
        wait_for(lambda: "traefik" in namespaces(api) and helm_records(api, "traefik") == {"1": "pending-install"})
        os.killpg(run.pid, signal.SIGINT)
        if again:
            time.sleep(7.5)
            os.killpg(run.pid, signal.SIGTERM)
        run.wait(timeout=150)
    on.project.kill(run)
    with playing(on.planes):
        recover(on.project.pulumi, say=lambda _: None)
        on.project.pulumi("up", "--yes", "--skip-preview")
    assert "deployed" in helm_records(api, "traefik").values()
    assert set(on.project.changes("--expect-no-changes")) == {"same"}


def forget(project: Any, urn: str, file: Path) -> None:
    """Take one resource out of the state, as if the run had died before it was written down."""
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


def test_a_release_that_finished_while_its_acknowledgement_was_lost_is_adopted(stage, client_of, tmp_path):
    on = stage("dev")
    api = client_of(on.planes[0])
    on.project.pulumi("up", "--yes", "--skip-preview")
    deployments = uids(api)
    release = next(r for r in on.project.resources() if r["type"].endswith("v3:Release") and "cert-manager" in r["urn"])
    forget(on.project, release["urn"], tmp_path / "state.json")

    done = on.project.pulumi("up", "--yes", "--skip-preview", check=False)

    assert done.returncode == 0, done.stdout[-3000:]
    assert "finished, and the acknowledgement was lost" in done.stdout
    assert uids(api) == deployments, "no workload was taken down"
    assert set(on.project.changes("--expect-no-changes")) == {"same"}
