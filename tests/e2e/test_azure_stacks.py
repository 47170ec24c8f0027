"""The life of dev and prod on the real engine, from the first preview to the destroy."""

import itertools
import json
from typing import Any

import pytest

from bootstrap.platform.plan.evaluate import evaluate
from rehearsal.azure.cloud import Behaviour
from tests.e2e.inspect_cluster import helm_records, root_application

FAST = 0.5
"""Real seconds for each minute that Azure typically takes."""


@pytest.fixture(params=["dev", "prod"])
def built(request, make_sandbox):
    """A deployed stack, and the event log of its deployment."""
    sandbox = make_sandbox(request.param, behaviour=Behaviour(seconds_per_minute=FAST))
    sandbox.project.pulumi("preview")
    up = sandbox.project.run_recorded("up", "--yes", "--skip-preview")
    assert up.done.returncode == 0, up.done.stdout[-3000:]
    return sandbox, up.log


def releases(log):
    found = {s.name.rsplit("-", 1)[0]: s for s in log.spans() if s.type.endswith("helm.sh/v3:Release")}
    return [found[name] for name in ("cert-manager", "ingress", "external-secrets", "argocd")]


@pytest.mark.smoke
def test_a_stack_is_deployed_in_order_shows_no_drift_and_is_destroyed(built, client_of):
    sandbox, log = built
    cloud, project = sandbox.cloud, sandbox.project
    api = client_of(sandbox.planes[0])

    # no addon begins before the previous one serves; node pools are created in parallel
    spans = releases(log)
    for earlier, later in itertools.pairwise(spans):
        assert earlier.ends <= later.begins
    root = log.span(type_="argoproj.io/v1alpha1:Application")
    assert spans[-1].ends <= root.begins
    pools = [s for s in log.spans() if s.type.endswith("containerservice:AgentPool")]
    assert pools and all(pool.begins < spans[-1].begins and pool.ends > spans[0].begins for pool in pools)
    application = root_application(api)
    assert application and application["spec"]["source"]["path"] == "tenants"

    assert set(project.changes("--expect-no-changes")) == {"same"}
    evaluated, state = evaluate(project.folder, project.stack), project.resources()
    urns = {resource["urn"] for resource in state}
    assert {found.urn for found in evaluated.registrations} <= urns, "a plan names resources as the engine does"
    assert {found.parent for found in evaluated.registrations} <= urns

    # changes by the owners of a property are not drift
    for pool in cloud.resources("containerservice:AgentPool"):
        cloud.drift(pool["id"], "count", pool["inputs"]["minCount"] + 1)
    cluster = cloud.resources("containerservice:ManagedCluster")[0]
    cloud.drift(cluster["id"], "agentPoolProfiles.0.count", 3)
    cloud.drift(cluster["id"], "currentKubernetesVersion", "1.35.9")
    cloud.drift(cluster["id"], "agentPoolProfiles.0.currentOrchestratorVersion", "1.35.9")
    assert set(project.changes("--refresh", "--expect-no-changes")) == {"same"}

    # a change of a property that only this program owns is drift
    cloud.drift(cluster["id"], "disableLocalAccounts", False)
    assert project.changes("--refresh")["update"] >= 1
    cloud.drift(cluster["id"], "disableLocalAccounts", True)

    prod = project.stack == "prod"
    project.pulumi("destroy", "--yes", "--skip-preview", *(["--exclude-protected"] if prod else []))
    left = project.resources()
    if prod:
        assert {r["type"].split(":")[-1] for r in left if r["custom"]} >= {"Vault", "Zone", "Registry"}
        # the vault opens to the nodes' subnet, which stays with it
        kept = what_stays(left)
        assert not [r["urn"] for r in left if r["custom"] and "providers" not in r["type"] and r["urn"] not in kept]
        addresses = {r["type"] for r in cloud.resources() if "ingress" in r["id"].split("/")[-1]}
        assert "network:PublicIPAddress" in addresses, "what customers allow-list is retained"
    else:
        assert left == []
        assert cloud.resources() == []


def what_stays(resources):
    """Return the URNs of what is protected, and of all that it depends on."""
    found = {r["urn"]: r for r in resources}
    kept, todo = set(), [r["urn"] for r in resources if r.get("protect")]
    while todo:
        urn = todo.pop()
        if urn in found and urn not in kept:
            kept.add(urn)
            todo += [*(found[urn].get("dependencies") or ()), found[urn].get("parent", "")]
    return kept


def test_neither_the_state_nor_the_output_of_a_run_contains_a_secret(built):
    sandbox, _ = built
    again = sandbox.project.pulumi("up", "--yes", "--diff", "--show-sames", "--show-reads")
    exported = sandbox.project.pulumi("stack", "export").stdout
    for text in (again.stdout + again.stderr, exported):
        assert "certificate-authority-data" not in text, "the kubeconfig is a secret"
        assert "PRIVATE KEY" not in text
    deployment = json.loads(exported)["deployment"]
    provider = next(r for r in deployment["resources"] if r["type"] == "pulumi:providers:kubernetes")
    assert set(provider["inputs"]["kubeconfig"]) == {"4dabf18193072939515e22adb298388d", "ciphertext"}


def test_a_new_version_and_new_bounds_are_applied_in_place_to_every_pool(make_sandbox):
    sandbox = make_sandbox("dev", cluster={"upgradeChannel": "none"})
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    sandbox.project.configure({"cluster": {"kubernetesVersion": "1.36"}, "systemPool": {"maxCount": 5}})
    summary: dict[str, Any] = sandbox.project.changes("--refresh")
    assert "replace" not in summary and "delete" not in summary and "create" not in summary
    sandbox.project.pulumi("up", "--yes", "--skip-preview", "--refresh")
    cluster = sandbox.cloud.resources("containerservice:ManagedCluster")[0]["inputs"]
    assert cluster["kubernetesVersion"] == "1.36"
    assert cluster["agentPoolProfiles"][0]["orchestratorVersion"] == "1.36"
    assert cluster["agentPoolProfiles"][0]["maxCount"] == 5
    pool = sandbox.cloud.resources("containerservice:AgentPool")[0]["inputs"]
    assert pool["orchestratorVersion"] == "1.36"
    assert set(sandbox.project.changes("--refresh", "--expect-no-changes")) == {"same"}


def test_a_change_that_would_replace_the_running_cluster_is_rejected_and_changes_nothing(make_sandbox, client_of):
    sandbox = make_sandbox("dev")
    sandbox.project.pulumi("up", "--yes", "--skip-preview")
    before = sandbox.cloud.log()
    sandbox.project.configure({"network": {"podCidr": "10.245.0.0/16"}})
    done = sandbox.project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert done.returncode != 0
    assert "cannot create already existing resource" in done.stdout
    assert sandbox.cloud.log() == before
    assert helm_records(client_of(sandbox.planes[0]), "argocd") == {"1": "deployed"}


def test_a_minor_version_is_refused_in_place_while_there_is_an_upgrade_channel(make_sandbox):
    sandbox = make_sandbox("dev")
    project = sandbox.project
    project.pulumi("up", "--yes", "--skip-preview")
    project.configure({"cluster": {"kubernetesVersion": "1.36"}})
    for command in (["preview"], ["up", "--yes", "--skip-preview"]):
        refused = project.pulumi(*command, check=False)
        assert refused.returncode != 0
        assert "raise cluster.generation in the same edit" in refused.stdout + refused.stderr
    [cluster] = sandbox.cloud.resources("containerservice:ManagedCluster")
    assert cluster["inputs"]["kubernetesVersion"] == "1.35"


def test_a_pool_that_has_to_be_another_is_there_before_the_old_one_goes(make_sandbox):
    sandbox = make_sandbox("dev")
    project = sandbox.project
    project.pulumi("up", "--yes", "--skip-preview")
    [before] = sandbox.cloud.resources("containerservice:AgentPool")
    project.configure({"nodePools": [{"name": "apps", "vmSize": "Standard_D8ds_v5", "minCount": 1, "maxCount": 5}]})
    project.pulumi("up", "--yes")
    [after] = sandbox.cloud.resources("containerservice:AgentPool")
    assert after["id"] != before["id"]
    order = [
        (entry["operation"], entry["id"]) for entry in sandbox.cloud.log() if entry["id"] in (before["id"], after["id"])
    ]
    assert order == [("create", before["id"]), ("create", after["id"]), ("delete", before["id"])]


def test_another_place_in_a_running_generation_touches_nothing_of_the_cluster(make_sandbox):
    sandbox = make_sandbox("dev")
    project = sandbox.project
    project.pulumi("up", "--yes", "--skip-preview")
    [cluster] = sandbox.cloud.resources("containerservice:ManagedCluster")
    project.configure({"cluster": {"location": "norwayeast"}})
    failed = project.pulumi("up", "--yes", "--skip-preview", check=False)
    assert failed.returncode != 0, "the name is taken by the running cluster"
    assert [c["id"] for c in sandbox.cloud.resources("containerservice:ManagedCluster")] == [cluster["id"]]
    deleted = [entry["id"] for entry in sandbox.cloud.log() if entry["operation"] == "delete"]
    assert [id_ for id_ in deleted if id_.startswith(cluster["id"].split("/providers/")[0])] == []
