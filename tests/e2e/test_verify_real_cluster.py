"""`bootstrap verify` on a cluster whose pods are real: a healthy platform, and one thing wrong after the other.

The cluster is that of ``test_real_cluster.py``, empty before and after. Every Pod is Ready in each of these faults, but
for the two that take some away: what is wrong is what no readiness probe shows.
"""

import base64
import io
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from kubernetes import config
from rich.console import Console

from bootstrap.platform.findings import Finding, Verdict
from bootstrap.platform.verify import served, verify
from bootstrap.platform.verify.checks import CHECKS
from bootstrap.platform.verify.cluster import Cluster, ClusterError
from bootstrap.platform.verify.connect import connect
from bootstrap.platform.verify.objects import path_of
from bootstrap.platform.verify.workspace import LABEL, NAMESPACE
from rehearsal.project import Project
from rehearsal.sandbox import served_charts
from tests.e2e.clone import Clone
from tests.e2e.inspect_cluster import everything, namespaces, wait_for
from tests.unit.loopback_proxies import Authority, split

ZONE = "local.example.com"
CERTIFICATE = path_of("cert-manager.io", "v1", "certificates", "traefik", "default-certificate")
SECRET = path_of("", "v1", "secrets", "traefik", "default-certificate")
STORE = path_of("external-secrets.io", "v1", "clustersecretstores", name="vault")
ROLES = path_of("rbac.authorization.k8s.io", "v1", "rolebindings", "local-vault")
ISSUER = path_of("cert-manager.io", "v1", "clusterissuers", name="self-signed")
WEBHOOKS = path_of("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations")
POLICIES = path_of("networking.k8s.io", "v1", "networkpolicies", "argocd")
INGRESSES = path_of("networking.k8s.io", "v1", "ingresses", "argocd")
CLASS = path_of("networking.k8s.io", "v1", "ingressclasses", name="traefik")
CRD = path_of("apiextensions.k8s.io", "v1", "customresourcedefinitions", name="challenges.acme.cert-manager.io")
ROOT = path_of("argoproj.io", "v1alpha1", "applications", "argocd", "root")
QUOTAS = path_of("", "v1", "resourcequotas", "app-hello")
CAINJECTOR = path_of("apps", "v1", "deployments", "cert-manager", "cert-manager-cainjector")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """A clone, and the cluster that it has been deployed to."""

    clone: Clone
    api: Any
    cluster: Cluster

    def examine(self, *checks: str) -> list[Finding]:
        target = connect(self.clone.folder, "local", Console(file=io.StringIO()))
        chosen = [check for check in CHECKS if not checks or check.name in checks]
        report = verify.examine(target, console=Console(file=io.StringIO()), checks=chosen)
        assert self.residue() == []
        return list(report.findings)

    def residue(self) -> list[str]:
        found = [NAMESPACE] if NAMESPACE in namespaces(self.api) else []
        secrets = self.cluster.items("/api/v1/secrets", labelSelector=f"{LABEL}=true")
        return found + [each["metadata"]["name"] for each in secrets]

    def wrong(self, *checks: str) -> list[Finding]:
        return [each for each in self.examine(*checks) if each.verdict is Verdict.FAILED or each.warning]

    def put(self, path: str, body: dict[str, Any]) -> None:
        """Write an object back as it was, whatever became of it."""
        metadata = {key: value for key, value in body["metadata"].items() if key not in {"resourceVersion", "uid"}}
        now = self.cluster.find(path)
        if now is None:
            self.cluster.create(path.rpartition("/")[0], {**body, "metadata": metadata})
        else:
            metadata["resourceVersion"] = now["metadata"]["resourceVersion"]
            self.cluster._send("PUT", path, {}, {**body, "metadata": metadata})

    def default_certificate(self) -> str:
        """Return the name of who signed what is served for the zone."""
        door = connect(self.clone.folder, "local", Console(file=io.StringIO())).door
        return served.certificate(door.address, door.https, f"any.{ZONE}").issuer.rfc4514_string()


@pytest.fixture(scope="module")
def platform(
    tmp_path_factory: pytest.TempPathFactory, real_kubeconfig: Path, real_charts: Path | None
) -> Iterator[Platform]:
    folder = tmp_path_factory.mktemp("platform")
    clone = Clone.create(folder / "clone", real_kubeconfig)
    api = config.new_client_from_config(str(real_kubeconfig))
    taken = {"cert-manager", "traefik", "external-secrets", "argocd"} & namespaces(api)
    assert not taken, f"the cluster is not empty: {taken}"
    with ExitStack() as contexts:
        patch = contexts.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("KUBECONFIG", str(real_kubeconfig))
        if real_charts is not None:
            clone.configure("charts", mirror=contexts.enter_context(served_charts(folder / "charts", real_charts)))
        yield Platform(clone=clone, api=api, cluster=Cluster(api))
        clone.bootstrap("recover")
        clone.bootstrap("down", "--yes")


def test_up_ends_with_a_verify_that_finds_nothing(platform: Platform) -> None:
    done = platform.clone.bootstrap("up", "--yes")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
    assert "local: " in done.stdout.splitlines()[-1] and "failed" not in done.stdout.splitlines()[-1]
    assert platform.residue() == []


def test_a_healthy_cluster_gives_no_warning_and_keeps_nothing(platform: Platform) -> None:
    before = everything(platform.api)
    began = time.monotonic()
    done = platform.clone.bootstrap("verify", "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert time.monotonic() - began < 90
    findings = json.loads(done.stdout)["findings"]
    assert [each for each in findings if each["warning"]] == []
    # no echo service is named, and the registry may be out of reach
    unknown = {each["check"] for each in findings if each["verdict"] == "cannot be known"}
    assert unknown <= {"egress", "pods"}
    assert everything(platform.api) - before == set()


def test_its_report_is_junits_too(platform: Platform) -> None:
    done = platform.clone.bootstrap("verify", "--format", "junit")
    assert ElementTree.fromstring(done.stdout).get("failures") == "0"


def test_a_killed_run_leaves_what_the_next_one_removes(platform: Platform) -> None:
    run = platform.clone.start("verify")
    wait_for(lambda: len(platform.residue()) > 1, 60)
    Project.kill(run)
    assert platform.residue()
    assert platform.wrong("secrets", "security") == []


# --- one thing wrong -------------------------------------------------------------------------------------------------


@contextmanager
def changed(platform: Platform, path: str, body: dict[str, Any]) -> Iterator[None]:
    """Merge into an object, and write it back as it was."""
    before = platform.cluster.get(path)
    platform.cluster.patch(path, body)
    try:
        yield
    finally:
        platform.put(path, before)


@contextmanager
def removed(platform: Platform, *paths: str) -> Iterator[None]:
    """Delete objects, and make them again."""
    before = {path: platform.cluster.get(path) for path in paths}
    for path in paths:
        platform.cluster.delete(path)
    try:
        yield
    finally:
        for path, body in before.items():
            platform.put(path, body)


def stranger() -> str:
    return base64.b64encode(Authority("stranger").pem.encode()).decode()


def store(platform: Platform) -> AbstractContextManager[None]:
    account = {"name": "default", "namespace": "external-secrets"}
    return changed(platform, STORE, {"spec": {"provider": {"kubernetes": {"auth": {"serviceAccount": account}}}}})


def role(platform: Platform) -> AbstractContextManager[None]:
    return removed(platform, *(f"{ROLES}/{each['metadata']['name']}" for each in platform.cluster.items(ROLES)))


def issuer(platform: Platform) -> AbstractContextManager[None]:
    return changed(platform, ISSUER, {"spec": {"ca": {"secretName": "nowhere"}}})


@contextmanager
def no_default(platform: Platform) -> Iterator[None]:
    """Take the default certificate away: Traefik serves one of its own."""
    before = platform.default_certificate()
    with removed(platform, CERTIFICATE):
        platform.cluster.delete(SECRET)
        wait_for(lambda: platform.default_certificate() != before, 60)
        yield
    wait_for(lambda: platform.default_certificate() == before, 60)


@contextmanager
def expired(platform: Platform) -> Iterator[None]:
    """Put an expired certificate in the default one's place."""
    before = platform.default_certificate()
    key, certificate = split(Authority("stranger").leaf("default", f"*.{ZONE}", begun=90, left=-1))
    data = {
        "tls.key": base64.b64encode(key.encode()).decode(),
        "tls.crt": base64.b64encode(certificate.encode()).decode(),
    }
    with removed(platform, CERTIFICATE):
        platform.cluster.patch(SECRET, {"data": data})
        wait_for(lambda: "stranger" in platform.default_certificate(), 60)
        yield
    wait_for(lambda: platform.default_certificate() == before, 60)


def webhook(name: str, **metadata: Any) -> Callable[[Platform], AbstractContextManager[None]]:
    """Give a webhook configuration another authority, and keep its controller from mending it."""

    def change(platform: Platform) -> AbstractContextManager[None]:
        webhooks = platform.cluster.get(f"{WEBHOOKS}/{name}")["webhooks"]
        for each in webhooks:
            each["clientConfig"]["caBundle"] = stranger()
        return changed(platform, f"{WEBHOOKS}/{name}", {"metadata": metadata, "webhooks": webhooks})

    return change


def cut_off(platform: Platform) -> AbstractContextManager[None]:
    return changed(platform, f"{POLICIES}/argocd-repo-server", {"spec": {"ingress": None}})


def another_host(platform: Platform) -> AbstractContextManager[None]:
    rules = platform.cluster.get(f"{INGRESSES}/argocd-server")["spec"]["rules"]
    return changed(platform, f"{INGRESSES}/argocd-server", {"spec": {"rules": [{**rules[0], "host": f"other.{ZONE}"}]}})


def another_class(platform: Platform) -> AbstractContextManager[None]:
    return changed(platform, f"{INGRESSES}/argocd-server", {"spec": {"ingressClassName": "nginx"}})


def no_class(platform: Platform) -> AbstractContextManager[None]:
    return removed(platform, CLASS)


@contextmanager
def unserved(platform: Platform) -> Iterator[None]:
    """Store objects in a version of another name, as after an update, and serve the old one no longer."""
    before = platform.cluster.get(CRD)
    [old] = before["spec"]["versions"]
    versions = [{**old, "served": False, "storage": False}, {**old, "name": "v2"}]
    platform.cluster.patch(CRD, {"spec": {"versions": versions}})
    try:
        yield
    finally:
        platform.cluster.patch(CRD, {"spec": {"versions": [old, {**old, "name": "v2", "storage": False}]}})
        platform.cluster.patch(f"{CRD}/status", {"status": {"storedVersions": ["v1"]}})
        platform.cluster.patch(CRD, {"spec": {"versions": [old]}})


def nowhere(platform: Platform) -> AbstractContextManager[None]:
    return changed(platform, ROOT, {"spec": {"source": {"targetRevision": "nowhere"}}})


@contextmanager
def no_pods(platform: Platform) -> Iterator[None]:
    """Let an application's Pods go, and no other come."""
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}, "spec": {"hard": {"pods": "0"}}}
    platform.cluster.create(QUOTAS, quota)
    try:
        pods = path_of("", "v1", "pods", "app-hello")
        for each in platform.cluster.items(pods):
            platform.cluster.delete(f"{pods}/{each['metadata']['name']}")
        yield
    finally:
        platform.cluster.delete(f"{QUOTAS}/none")


def lifted(platform: Platform) -> AbstractContextManager[None]:
    labels = {"pod-security.kubernetes.io/enforce": "privileged"}
    return changed(platform, "/api/v1/namespaces/traefik", {"metadata": {"labels": labels}})


@contextmanager
def scaled(platform: Platform) -> Iterator[None]:
    with changed(platform, CAINJECTOR, {"spec": {"replicas": 0}}):
        yield


FAULTS: dict[str, tuple[Callable[[Platform], AbstractContextManager[None]], str, str]] = {
    # what is wrong: (how, check, the likely cause)
    "a store with another service account": (store, "secrets", "signs in as default"),
    "the store's role is gone": (role, "secrets", "lost its role"),
    "an issuer with another authority": (issuer, "certificates", "signs with Secret nowhere"),
    "an expired default certificate": (expired, "https", "default-certificate is gone, so that nobody renews"),
    "no default certificate": (no_default, "https", "is gone, and so is its Secret"),
    "a stale caBundle of cert-manager's webhook": (
        webhook("cert-manager-webhook", annotations={"cert-manager.io/inject-ca-from-secret": None}),
        "webhooks",
        "the caBundle",
    ),
    "a stale caBundle of External Secrets' webhook": (
        webhook("secretstore-validate", labels={"external-secrets.io/component": None}),
        "webhooks",
        "the caBundle",
    ),
    "a repo-server that is cut off": (cut_off, "argocd", "repo-server"),
    "an Ingress of another host": (another_host, "argocd", "has no Ingress for this host"),
    "an Ingress of another class": (another_class, "argocd", "class nginx"),
    "no Ingress class": (no_class, "argocd", "IngressClass traefik is gone"),
    "a stored version that is not served": (unserved, "kinds", "before its objects were migrated"),
    "a root of no revision": (nowhere, "argocd", "has no revision nowhere"),
    "an application without Pods": (no_pods, "argocd", "Deployment app-hello/hello has 0 of"),
    "a namespace that takes privileged Pods": (lifted, "security", "is privileged, not restricted"),
    "a workload that is scaled to 0": (scaled, "workloads", "by hand"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_told_with_its_cause(platform: Platform, fault: str) -> None:
    sabotage, check, cause = FAULTS[fault]
    with sabotage(platform):
        found = platform.wrong(check)
    assert [each for each in found if cause in each.cause], "\n".join(map(str, found))
    assert all(each.check == check and each.remedy for each in found)


def test_every_fault_was_mended_and_nothing_is_left(platform: Platform) -> None:
    def well() -> bool:
        try:
            return platform.wrong() == []
        except ClusterError:
            return False

    wait_for(well, 300)
    assert platform.residue() == []
