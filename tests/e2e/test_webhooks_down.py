"""An admission webhook that nobody answers: previews get past what a dead run left, and name one that is down."""

from typing import Any

import pytest
from kubernetes import client, config

from tests.e2e.inspect_cluster import helm_records, wait_for

WEBHOOKS = {"cert-manager": "cert-manager-webhook", "external-secrets": "external-secrets-webhook"}
"""Deployments that answer, by namespace."""


@pytest.fixture
def api(cluster: Any) -> Any:
    return config.new_client_from_config(str(cluster.plane.kubeconfig))


def scale(api: Any, namespace: str, replicas: int) -> None:
    client.AppsV1Api(api).patch_namespaced_deployment_scale(
        WEBHOOKS[namespace], namespace, {"spec": {"replicas": replicas}}
    )


def ready(api: Any, namespace: str) -> int:
    status: Any = client.AppsV1Api(api).read_namespaced_deployment(WEBHOOKS[namespace], namespace).status
    return int(status.ready_replicas or 0)


def configurations(api: Any) -> set[str]:
    found: Any = client.AdmissionregistrationV1Api(api).list_validating_webhook_configuration().items
    return {item.webhooks[0].client_config.service.namespace for item in found}


@pytest.mark.parametrize("namespace", WEBHOOKS)
def test_a_plain_up_repairs_an_addon_that_a_dead_run_half_installed(cluster, local, api, namespace):
    simulator = cluster.simulate()
    try:
        run = local.start("up", "--yes", "--skip-preview")
        wait_for(lambda: namespace in configurations(api))
        local.kill(run)
        scale(api, namespace, 0)  # its pods never started
        wait_for(lambda: ready(api, namespace) == 0)
        local.pulumi("cancel", "--yes")
        assert helm_records(api, namespace).get("1") in {"pending-install", "deployed"}

        done = local.pulumi("up", "--yes")

        assert "left behind by a run that died" in done.stdout or "finished, and the acknowledgement" in done.stdout
        assert ready(api, namespace) > 0
        assert set(local.changes("--expect-no-changes")) == {"same"}
    finally:
        simulator.stop()


def test_a_preview_names_a_webhook_that_is_down_and_the_update_without_one_gets_there(cluster, local, api):
    simulator = cluster.simulate()
    try:
        local.pulumi("up", "--yes", "--skip-preview")
        scale(api, "cert-manager", 0)
        wait_for(lambda: ready(api, "cert-manager") == 0)
        assert set(local.changes("--expect-no-changes")) == {"same"}, "nothing changes, so nobody is asked"

        # the certificate asks the webhook, and the release brings its pods back
        local.configure(
            {
                "dns": {"zone": "other.example.com"},
                "charts": {"certManager": {"values": {"webhook": {"replicaCount": 2}}}},
            }
        )
        failed = local.pulumi("preview", check=False)
        assert failed.returncode != 0
        for words in ("the webhook of cert-manager is down", "kubectl get pods -n cert-manager", "--skip-preview"):
            assert words in failed.stdout + failed.stderr

        local.pulumi("up", "--yes", "--skip-preview")
        assert ready(api, "cert-manager") == 2
        assert set(local.changes("--expect-no-changes")) == {"same"}
    finally:
        simulator.stop()
