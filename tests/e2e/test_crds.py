"""CRDs that no release owns: Traefik's, which Helm would never upgrade, and the Gateway API's."""

import subprocess
from typing import Any

import pytest
from kubernetes import client, config

from rehearsal.chart_repository import SOURCES
from rehearsal.project import Project
from tests.e2e.inspect_cluster import everything

MIDDLEWARES = "middlewares.traefik.io"


@pytest.fixture
def api(cluster: Any) -> Any:
    return config.new_client_from_config(str(cluster.plane.kubeconfig))


def crd(api: Any, name: str) -> Any:
    return client.ApiextensionsV1Api(api).read_custom_resource_definition(name)


def test_crds_that_helm_installed_are_taken_over_and_upgraded(cluster: Any, local: Project, api: Any) -> None:
    simulator = cluster.simulate()
    # as Helm leaves it: of an older version, and owned by Helm's field manager
    for document in (SOURCES / "traefik" / "crds" / "crds.yaml").read_text().split("---\n"):
        if MIDDLEWARES in document:
            old = document.replace(
                "served: true", "served: true\n      deprecated: true\n      deprecationWarning: old"
            )
            command = ["kubectl", f"--kubeconfig={cluster.plane.kubeconfig}", "create", "-f", "-"]
            subprocess.run([*command, "--field-manager=helm"], input=old, text=True, check=True, capture_output=True)
    old_uid = crd(api, MIDDLEWARES).metadata.uid

    local.pulumi("up", "--yes")

    taken = crd(api, MIDDLEWARES)
    assert taken.metadata.uid == old_uid, "its objects would have gone with it"
    assert set(local.changes("--refresh", "--expect-no-changes")) == {"same"}
    simulator.stop()


def test_crds_that_are_kept_outlive_the_stack(cluster: Any, local: Project, api: Any) -> None:
    simulator = cluster.simulate()
    local.configure({"charts": {"keepCrds": True}})
    local.pulumi("up", "--yes")
    uid = crd(api, MIDDLEWARES).metadata.uid
    local.pulumi("destroy", "--yes")
    assert local.resources() == []
    assert crd(api, MIDDLEWARES).metadata.uid == uid
    simulator.stop()


@pytest.mark.smoke
def test_the_gateway_apis_crds_come_first_and_go_last(cluster: Any, local: Project, api: Any) -> None:
    simulator = cluster.simulate()
    before = everything(api)
    manifest = f"{cluster.charts}/gateway-api.yaml"
    local.configure({"ingress": {"gatewayApi": True, "gatewayApiManifest": manifest}})

    local.pulumi("preview")
    local.pulumi("up", "--yes")

    assert crd(api, "gateways.gateway.networking.k8s.io")
    assert set(local.changes("--expect-no-changes")) == {"same"}
    local.pulumi("destroy", "--yes")
    assert everything(api) - before == set()
    simulator.stop()
