"""A rebuild whose names wait for the new side, on the real engine; certificates and applications are played."""

import base64
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client

from components.cutover.cutover import ADDRESS_OVERRIDE, SECONDS_OVERRIDE
from rehearsal.azure.cloud import Behaviour
from tests.e2e.inspect_cluster import wait_for
from tests.tls_page import certificate, proxies

FAST = Behaviour(seconds_per_minute=0.5)
APPLICATIONS = ("argoproj.io", "v1alpha1", "argocd", "applications")
CERTIFICATES = ("cert-manager.io", "v1", "traefik", "certificates")


@dataclass(frozen=True, kw_only=True)
class Side:
    """One cluster, whose controllers the test plays."""

    api: Any

    def applications(self, **states: str) -> None:
        """Say what Argo CD thinks of applications, such as ``Synced, Healthy``, and make those that are not there."""
        custom = client.CustomObjectsApi(self.api)
        for name, state in states.items():
            sync, _, health = state.partition(", ")
            status = {"sync": {"status": sync}, "health": {"status": health}}
            body = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name}, "spec": {}}
            with suppress(client.ApiException):
                custom.create_namespaced_custom_object(*APPLICATIONS, body)
            custom.patch_namespaced_custom_object(*APPLICATIONS, name, {"status": status})

    def issue(self, pem: str) -> None:
        """Say that cert-manager has issued the default certificate."""
        ready = {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}
        custom = client.CustomObjectsApi(self.api)
        # fails while there is none
        custom.patch_namespaced_custom_object(*CERTIFICATES, "default-certificate", ready)
        secret = client.V1Secret(
            metadata=client.V1ObjectMeta(name="default-certificate"),
            data={"tls.crt": base64.b64encode(pem.encode()).decode()},
        )
        client.CoreV1Api(self.api).create_namespaced_secret("traefik", secret)


def led_to(sandbox: Any) -> set[str]:
    records = [r for r in sandbox.cloud.resources("dns:RecordSet") if "aRecords" in r["inputs"]]
    return {r["inputs"]["aRecords"][0]["ipv4Address"] for r in records}


def clusters(sandbox: Any) -> set[str]:
    return {r["id"].rsplit("/", 1)[-1] for r in sandbox.cloud.resources("containerservice:ManagedCluster")}


def test_names_wait_for_the_new_side_and_nothing_of_the_old_one_is_touched(
    make_sandbox: Any, client_of: Any, tmp_path: Path
) -> None:
    sandbox = make_sandbox("dev", planes=2, behaviour=FAST, audit=True, dns={"cutover": "serving"})
    project = sandbox.project
    project.pulumi("up", "--yes", "--skip-preview")
    old, new = Side(api=client_of(sandbox.planes[0])), Side(api=client_of(sandbox.planes[1]))
    old.applications(root="Synced, Healthy", shop="Synced, Healthy", sick="Synced, Degraded")
    address, both = led_to(sandbox), {"aks-platform-dev-g1", "aks-platform-dev-g2"}
    file, pem = certificate(tmp_path, "dev.example.com")
    project.configure({"cluster": {"generation": 2}})

    def stays(port: int, why: str) -> None:
        project.environment[SECONDS_OVERRIDE], project.environment[ADDRESS_OVERRIDE] = "6", f"127.0.0.1:{port}"
        done = project.pulumi("up", "--yes", "--skip-preview", check=False)
        assert done.returncode != 0
        told = " ".join(done.stdout.split())
        assert "names still lead to the old side, of which nothing was touched" in told
        assert why in told, told[-3000:]
        assert led_to(sandbox) == address
        assert clusters(sandbox) == both

    with proxies(file, 200) as port:
        stays(port, "certificate traefik/default-certificate is not issued: cert-manager has not looked at it yet")
        new.issue(pem)
        new.applications(root="Synced, Healthy", shop="Synced, Degraded", sick="Synced, Degraded")
        stays(port, "does not serve: shop (Synced, Degraded), which is healthy on the old cluster.")
        new.applications(shop="Synced, Healthy")
        done = project.pulumi("up", "--yes", "--skip-preview", check=False)
    told = " ".join(done.stdout.split())
    assert done.returncode == 0, told[-3000:]
    assert "are unhealthy, as they are on the old cluster too: sick (Synced, Degraded)" in told
    assert "has moved; keeping the old cluster for 6 s" in told
    assert led_to(sandbox).isdisjoint(address)
    assert clusters(sandbox) == {"aks-platform-dev-g2"}
    assert set(project.changes("--expect-no-changes")) == {"same"}


@pytest.mark.parametrize("gone", ["the cluster", "its API server"])
def test_when_the_old_side_is_gone_names_wait_for_ingress_alone(
    make_sandbox: Any, client_of: Any, tmp_path: Path, gone: str
) -> None:
    sandbox = make_sandbox("dev", planes=2, behaviour=FAST, dns={"cutover": "serving"})
    project = sandbox.project
    project.pulumi("up", "--yes", "--skip-preview")
    if gone == "the cluster":
        group = next(r for r in sandbox.cloud.resources("resources:ResourceGroup") if r["id"].endswith("-g1"))
        sandbox.cloud.remove(group["id"])
    sandbox.planes[0].stop()
    file, pem = certificate(tmp_path, "dev.example.com")
    project.configure({"cluster": {"generation": 2}})
    new = Side(api=client_of(sandbox.planes[1]))
    with proxies(file, 403) as port:
        project.environment[SECONDS_OVERRIDE], project.environment[ADDRESS_OVERRIDE] = "60", f"127.0.0.1:{port}"
        run = project.start("up", "--yes", "--skip-preview")

        def issued() -> bool:
            with suppress(client.ApiException):
                new.issue(pem)
                return True
            return False

        wait_for(issued, 240)
        assert run.wait(timeout=300) == 0
    assert clusters(sandbox) == {"aks-platform-dev-g2"}
    sandbox.planes[0].start()
