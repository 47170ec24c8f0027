"""The local stack on an existing cluster: up, no changes, down; and up again after a killed run."""

import contextlib
import time
from typing import Any

import pytest
from kubernetes import client, config

from tests.e2e.inspect_cluster import everything, helm_records, root_application, wait_for

PLACE = ("argoproj.io", "v1alpha1", "argocd")

BALANCED = {"ingress": {"serviceType": "LoadBalancer", "nodePorts": None}}
"""Traefik's release is ready once its Service has an address."""


@pytest.fixture
def api(cluster: Any) -> Any:
    return config.new_client_from_config(str(cluster.plane.kubeconfig))


@pytest.fixture
def simulate(cluster: Any):
    with contextlib.ExitStack() as stack:

        def start(**options):
            simulator = cluster.simulate(**options)
            stack.callback(simulator.stop)
            return simulator

        yield start


@pytest.mark.smoke
def test_after_up_there_are_no_changes_and_down_leaves_nothing(cluster, local, api, simulate):
    simulate()
    before = everything(api)
    local.pulumi("preview")
    local.pulumi("up", "--yes")

    root = root_application(api)
    assert root and root["spec"]["source"]["path"] == "tenants"
    secret: Any = client.CoreV1Api(api).read_namespaced_secret("in-cluster", "argocd")
    assert secret.metadata.annotations["aks-bootstrap.io/dns-zone"] == "local.example.com"
    assert set(local.changes("--expect-no-changes")) == {"same"}
    assert set(local.changes("--refresh", "--expect-no-changes")) == {"same"}

    local.pulumi("destroy", "--yes")

    assert local.resources() == []
    assert everything(api) - before == set()


@pytest.mark.smoke
def test_a_killed_installation_is_repaired_by_the_next_up(cluster, local, api, simulate):
    local.configure(BALANCED)
    simulate(addresses=False)  # without an address Traefik's release waits, and its run is killed there
    run = local.start("up", "--yes", "--skip-preview")
    wait_for(lambda: helm_records(api, "traefik") == {"1": "pending-install"})
    local.kill(run)
    simulate()

    local.pulumi("cancel", "--yes")
    done = local.pulumi("up", "--yes", "--skip-preview")

    assert "left behind by a run that died" in done.stdout
    assert helm_records(api, "traefik") == {"1": "deployed"}
    assert set(local.changes("--expect-no-changes")) == {"same"}


def test_an_addon_is_not_installed_before_the_previous_one_serves(cluster, local, api, simulate):
    simulate(webhooks=False)
    run = local.start("up", "--yes", "--skip-preview")
    wait_for(lambda: helm_records(api, "cert-manager") == {"1": "deployed"})
    time.sleep(5)
    assert helm_records(api, "traefik") == {}, "cert-manager is installed, and its webhook does not answer"
    simulate()
    assert run.wait(timeout=120) == 0
    assert helm_records(api, "argocd") == {"1": "deployed"}


@pytest.mark.smoke
def test_a_release_of_another_owner_is_not_changed(cluster, local, api, simulate, tmp_path):
    simulate()
    local.pulumi("up", "--yes", "--skip-preview")
    secret: Any = client.CoreV1Api(api).list_namespaced_secret("traefik", label_selector="owner=helm").items[0]
    client.CoordinationV1Api(api).delete_namespaced_lease("aks-bootstrap-traefik", "traefik")
    urn = next(
        r["urn"]
        for r in local.resources()
        if r["type"].endswith(":Release") and "ingress" in r["urn"] and "helm.sh" in r["type"]
    )
    local.pulumi("state", "delete", urn, "--yes", "--target-dependents")

    done = local.pulumi("up", "--yes", "--skip-preview", check=False)

    assert done.returncode != 0
    assert "belongs to somebody outside this program and was not touched" in done.stdout
    after: Any = client.CoreV1Api(api).list_namespaced_secret("traefik", label_selector="owner=helm").items
    assert [s.metadata.uid for s in after] == [secret.metadata.uid]


def test_a_release_that_a_live_run_is_installing_is_not_changed(cluster, local, api, simulate):
    local.configure(BALANCED)
    simulator = simulate(addresses=False)  # the first run stays alive, waiting for Traefik's address
    first = local.start("up", "--yes", "--skip-preview")
    wait_for(lambda: helm_records(api, "traefik") == {"1": "pending-install"})
    local.pulumi("cancel", "--yes")  # removes the lock of the first run

    second = local.pulumi("up", "--yes", "--skip-preview", check=False)

    assert second.returncode != 0
    assert "is being changed by another run of this stack" in second.stdout
    assert helm_records(api, "traefik") == {"1": "pending-install"}
    simulator.stop()
    local.kill(first)


def test_image_updater_can_read_applications_and_not_change_them(cluster, local, api, simulate):
    simulate()
    repository = {"name": "apps", "url": "https://github.com/acme", "vaultSecret": "token"}
    local.configure({"argocd": {"imageUpdaterWriteBack": "git", "repositories": [repository]}})
    local.configure({"gitops": {"source": "git", "repoUrl": "https://github.com/acme/platform.git"}})
    local.pulumi("up", "--yes")

    assert client.AppsV1Api(api).read_namespaced_deployment("argocd-image-updater-controller", "argocd-image-updater")

    def may(verb, resource, group="argoproj.io"):
        asked = client.V1ResourceAttributes(namespace="argocd", verb=verb, resource=resource, group=group)
        review = client.V1SubjectAccessReview(
            spec=client.V1SubjectAccessReviewSpec(
                user="system:serviceaccount:argocd-image-updater:argocd-image-updater", resource_attributes=asked
            )
        )
        answer: Any = client.AuthorizationV1Api(api).create_subject_access_review(review)
        return answer.status.allowed

    assert may("list", "applications") and may("get", "secrets", "")
    assert may("update", "imageupdaters", "argocd-image-updater.argoproj.io")
    writing = ("patch", "update", "create", "delete")
    assert [(verb, what) for what in ("applications", "appprojects") for verb in writing if may(verb, what)] == []
    assert [(verb, what) for what in ("secrets", "configmaps") for verb in writing if may(verb, what, "")] == []
    assert set(local.changes("--expect-no-changes")) == {"same"}

    local.pulumi("destroy", "--yes")
    assert local.resources() == []
