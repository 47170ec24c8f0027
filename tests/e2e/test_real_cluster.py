"""The local stack's story on a cluster whose pods are real, with the real charts: from empty to empty.

The cluster is the one that AKS_BOOTSTRAP_E2E_KUBECONFIG names, such as kind's; it has to be empty, and it is again in
the end. AKS_BOOTSTRAP_CHARTS may name a folder with the charts' archives, where no registry can be reached. The tests
are chapters, in order: each goes on where the one before it ended.
"""

import json
import socket
import ssl
import subprocess
import time
from base64 import b64decode
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from bootstrap.platform.reach import Entry, entry
from components.addons.external_secrets import LOCAL_SECRETS_NAMESPACE
from conventions import SECRET_STORE
from rehearsal.project import Project
from rehearsal.sandbox import served_charts
from tests.e2e.clone import Clone
from tests.e2e.inspect_cluster import everything, helm_records, namespaces, wait_for

APPLICATIONS = ("argoproj.io", "v1alpha1", "argocd", "applications")
HELLO = "gitops/apps/hello/local.yaml"


@dataclass(frozen=True, kw_only=True)
class Story:
    """The clone, the cluster, and what was in it at the beginning."""

    clone: Clone
    api: Any
    before: frozenset[str]

    def application(self, name: str) -> dict[str, Any]:
        found: Any = client.CustomObjectsApi(self.api).get_namespaced_custom_object(*APPLICATIONS, name)
        return dict(found)

    def healthy(self, name: str) -> bool:
        """Return whether an application is what Git says, and works."""
        try:
            status = self.application(name).get("status", {})
        except client.ApiException:
            return False
        return bool(
            status.get("sync", {}).get("status") == "Synced" and status.get("health", {}).get("status") == "Healthy"
        )

    def up(self) -> str:
        done = self.clone.bootstrap("up", "--yes", "--no-verify")
        assert done.returncode == 0, done.stdout[-6000:] + done.stderr
        return done.stdout

    def get(self, host: str, path: str = "/") -> tuple[int, str]:
        """Ask for a page by HTTPS, and trust nobody but the stack's own authority."""
        secret: Any = client.CoreV1Api(self.api).read_namespaced_secret("self-signed-ca", "cert-manager")
        trusted = ssl.create_default_context(cadata=b64decode(secret.data["ca.crt"]).decode())
        found: Entry = entry(self.api, mapped=False)
        assert not found.command, "the proxies have no address"
        with (
            socket.create_connection((found.address, found.port), timeout=10) as plain,
            trusted.wrap_socket(plain, server_hostname=host) as connection,
        ):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = b"".join(iter(lambda: connection.recv(65536), b"")).decode(errors="replace")
        return int(answer.split()[1]), answer

    def change(self, old: str, new: str) -> None:
        """Commit a change of what hello's local environment differs in."""
        path = self.clone.folder / HELLO
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new))
        self.git("commit", "--quiet", "--all", "--message", f"{old!r} -> {new!r}")

    def git(self, *arguments: str) -> None:
        identity = ["-c", "user.name=e2e", "-c", "user.email=e2e@example.com", "-c", "commit.gpgsign=false"]
        subprocess.run(["git", *identity, *arguments], cwd=self.clone.folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, real_kubeconfig: Path, real_charts: Path | None) -> Iterator[Story]:
    folder = tmp_path_factory.mktemp("story")
    clone = Clone.create(folder / "clone", real_kubeconfig)
    api = config.new_client_from_config(str(real_kubeconfig))
    taken = {"cert-manager", "traefik", "external-secrets", "argocd"} & namespaces(api)
    assert not taken, f"the cluster is not empty: {taken}"
    with ExitStack() as contexts:
        if real_charts is not None:
            clone.configure("charts", mirror=contexts.enter_context(served_charts(folder / "charts", real_charts)))
        made = Story(clone=clone, api=api, before=frozenset(everything(api)))
        made.git("init", "--quiet", "--initial-branch", "main")
        made.git("add", "--all")
        made.git("commit", "--quiet", "--message", "the project")
        yield made
        clone.bootstrap("recover")
        clone.bootstrap("down", "--yes")


def test_up_from_an_empty_cluster_ends_with_the_way_to_argo_cd(story: Story) -> None:
    told = story.up()
    assert "page     https://argocd.local.example.com:" in told
    wait_for(lambda: story.healthy("root") and story.healthy("hello"), 300)


def test_every_pod_is_ready_under_the_restricted_standard(story: Story) -> None:
    core: Any = client.CoreV1Api(story.api)
    ours = [
        found.metadata
        for found in core.list_namespace().items
        if (found.metadata.labels or {}).get("app.kubernetes.io/managed-by") == "aks-bootstrap"
        or found.metadata.name == "app-hello"
    ]
    assert len(ours) >= 5
    for namespace in ours:
        assert namespace.labels["pod-security.kubernetes.io/enforce"] == "restricted"
        for pod in core.list_namespaced_pod(namespace.name).items:
            ready = any(c.type == "Ready" and c.status == "True" for c in pod.status.conditions or [])
            assert ready or pod.status.phase == "Succeeded", f"{namespace.name}/{pod.metadata.name}"


def test_a_second_up_changes_nothing_and_there_is_no_drift(story: Story) -> None:
    assert "unchanged" in story.up()
    done = story.clone.bootstrap("drift")
    assert done.returncode == 0, done.stdout + done.stderr


def test_pages_are_served_with_certificates_of_the_local_authority(story: Story) -> None:
    assert story.get("hello.local.example.com")[0] == 200
    assert story.get("argocd.local.example.com")[0] == 200


def test_a_secret_of_the_store_arrives_in_another_namespace(story: Story) -> None:
    core: Any = client.CoreV1Api(story.api)
    secret = client.V1Secret(metadata=client.V1ObjectMeta(name="hello-e2e"), string_data={"value": "sesame"})
    core.create_namespaced_secret(LOCAL_SECRETS_NAMESPACE, secret)
    custom = client.CustomObjectsApi(story.api)
    place = ("external-secrets.io", "v1", "app-hello", "externalsecrets")
    spec = {
        "refreshInterval": "1h",
        "secretStoreRef": {"kind": "ClusterSecretStore", "name": SECRET_STORE},
        "target": {"name": "e2e"},
        "data": [{"secretKey": "token", "remoteRef": {"key": "bank-e2e", "property": "value"}}],
    }
    body = {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "e2e", "namespace": "app-hello"},
        "spec": spec,
    }
    with pytest.raises(client.ApiException, match="got the vault key bank-e2e; allowed: hello-"):
        custom.create_namespaced_custom_object(*place, body)
    spec["data"] = [{"secretKey": "token", "remoteRef": {"key": "hello-e2e", "property": "value"}}]
    custom.create_namespaced_custom_object(*place, body)

    def arrived() -> bool:
        found: Any = core.list_namespaced_secret("app-hello", field_selector="metadata.name=e2e").items
        return bool(found) and b64decode(found[0].data["token"]) == b"sesame"

    wait_for(arrived, 60)
    custom.delete_namespaced_custom_object(*place, "e2e")
    core.delete_namespaced_secret("hello-e2e", LOCAL_SECRETS_NAMESPACE)


def test_argo_cd_reverts_what_somebody_changes_by_hand(story: Story) -> None:
    apps: Any = client.AppsV1Api(story.api)
    apps.patch_namespaced_deployment_scale("hello", "app-hello", {"spec": {"replicas": 0}})
    wait_for(lambda: apps.read_namespaced_deployment("hello", "app-hello").spec.replicas == 1, 60)
    wait_for(lambda: story.healthy("hello"), 120)


ATTACKS = {
    # the project has the kind, and the policy reads the object
    "ValidatingAdmissionPolicy 'tenant-service'": """\
apiVersion: v1
kind: Service
metadata: { name: evil }
spec: { type: LoadBalancer, ports: [{ port: 80 }] }
""",
    "Namespace": """\
apiVersion: v1
kind: Namespace
metadata: { name: app-hello, labels: { pod-security.kubernetes.io/enforce: privileged } }
""",
    "ClusterRoleBinding": """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: { name: evil }
roleRef: { apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin }
subjects: [{ kind: ServiceAccount, name: default, namespace: app-hello }]
""",
}


@pytest.mark.parametrize("refuser", ATTACKS)
def test_what_leads_out_of_its_namespace_is_refused_whoever_merged_it(story: Story, refuser: str) -> None:
    evil = story.clone.folder / "gitops/charts/web/templates/evil.yaml"
    evil.write_text(ATTACKS[refuser])
    story.git("add", "--all")
    story.git("commit", "--quiet", "--message", "evil")
    story.up()

    def refused() -> bool:
        return refuser in json.dumps(story.application("hello").get("status", {}).get("operationState", {}))

    wait_for(refused, 120)
    objects = everything(story.api)
    assert not [name for name in objects if "evil" in name]
    namespace: Any = client.CoreV1Api(story.api).read_namespace("app-hello")
    assert namespace.metadata.labels["pod-security.kubernetes.io/enforce"] == "restricted"
    evil.unlink()
    story.git("commit", "--quiet", "--all", "--message", "no evil")
    story.up()
    wait_for(lambda: story.healthy("hello"), 420)


def level(story: Story) -> str:
    found: Any = client.AppsV1Api(story.api).read_namespaced_deployment("hello", "app-hello")
    settled = found.status.updated_replicas == found.spec.replicas == found.status.available_replicas
    [container] = found.spec.template.spec.containers
    return next((e.value for e in container.env if e.name == "PODINFO_LEVEL"), "") if settled else ""


def test_a_commit_rolls_out_and_its_revert_rolls_back(story: Story) -> None:
    story.change("PODINFO_LEVEL: debug", "PODINFO_LEVEL: warn")
    story.up()
    wait_for(lambda: level(story) == "warn" and story.healthy("hello"), 180)
    story.git("revert", "--no-edit", "HEAD")
    story.up()
    wait_for(lambda: level(story) == "debug" and story.healthy("hello"), 180)


@pytest.mark.parametrize(
    ("namespace", "chart", "values"),
    [
        ("traefik", "traefik", {"deployment": {"podAnnotations": {"e2e": "killed"}}}),
        ("argocd", "argoCd", {"global": {"podAnnotations": {"e2e": "killed"}}}),
    ],
)
def test_a_killed_upgrade_is_repaired_by_the_next_up(
    story: Story, namespace: str, chart: str, values: dict[str, Any]
) -> None:
    story.clone.configure("charts", **{chart: {"values": values}})
    run = story.clone.start("up", "--yes")
    wait_for(lambda: "pending-upgrade" in helm_records(story.api, namespace).values(), 120)
    Project.kill(run)
    recovered = story.clone.bootstrap("recover")
    assert recovered.returncode == 0, recovered.stdout + recovered.stderr
    assert "left behind by a run that died" in story.up()
    pods: Any = client.CoreV1Api(story.api).list_namespaced_pod(namespace).items
    assert any((pod.metadata.annotations or {}).get("e2e") == "killed" for pod in pods), "the upgrade was made"
    assert set(helm_records(story.api, namespace).values()) <= {"deployed", "superseded"}
    wait_for(lambda: story.healthy("hello"), 180)


def test_down_leaves_nothing_behind(story: Story) -> None:
    began = time.monotonic()
    done = story.clone.bootstrap("down", "--yes")
    assert done.returncode == 0, done.stdout + done.stderr
    left = frozenset(everything(story.api)) - story.before
    assert left == set(), json.dumps(sorted(left), indent=1)
    assert time.monotonic() - began < 600, "no finalizer was waited for"
