"""`bootstrap verify` against a cluster on loopback: healthy, broken, and one that does not let it ask."""

import base64
import gzip
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from xml.etree import ElementTree

import pytest
from kubernetes import client
from rich.console import Console

from bootstrap.errors import UpError
from bootstrap.platform.cluster_commands import ClusterCommands
from bootstrap.platform.findings import Finding, Verdict
from bootstrap.platform.reach import Entry
from bootstrap.platform.verify import verify, workspace
from bootstrap.platform.verify.checks import CHECKS
from bootstrap.platform.verify.checks.addons import CRDS
from bootstrap.platform.verify.cluster import Cluster
from bootstrap.platform.verify.report import Report, print_report
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import LABEL, NAMESPACE, Workspace
from settings import parse
from tests.unit.loopback_api import serve_as
from tests.unit.loopback_platform import (
    APPLICATIONS,
    CERTIFICATES,
    CONFIGURATION,
    DEPLOYMENTS,
    EVENTS,
    IMAGE,
    INGRESSES,
    ISSUERS,
    PODS,
    SET,
    STORES,
    WEBHOOKS,
    Platform,
    application,
    conditions,
    named,
    now,
    waiting,
)
from tests.unit.loopback_proxies import Authority, Proxies, proxies, split

ZONE = "local.example.com"
LOCAL = {
    "environment": "local",
    "target": "local",
    "dns": {"zone": ZONE},
    "certificates": {"issuer": "self-signed"},
    "argocd": {"adminEnabled": True},
    "ingress": {"serviceType": "NodePort"},
    "gitops": {"repoUrl": "https://github.com/acme/repo.git", "source": "workingTree"},
}
PACE = 0.02


@dataclass
class World:
    """A cluster, its proxies, and whoever asks."""

    platform: Platform
    proxies: Proxies
    settings: dict[str, Any]
    image: str = IMAGE
    pulled: str = f"{IMAGE}@sha256:{'1' * 64}"
    address: str = "127.0.0.1"
    egress_url: str = ""

    def target(self) -> Target:
        configuration = client.Configuration()
        configuration.host = self.platform.url
        cluster = Cluster(client.ApiClient(configuration), pace=PACE)
        door = Entry(address=self.address, https=self.proxies.https, http=self.proxies.http)
        return Target(
            stack="local",
            settings=parse(self.settings),
            cluster=cluster,
            workspace=Workspace(cluster, images=[self.image]),
            door=door,
            commands=ClusterCommands(context="one"),
            run="",
            image=self.image,
            pulled_image=self.pulled,
        )

    def examine(self, *checks: str) -> Report:
        chosen = [check for check in CHECKS if not checks or check.name in checks]
        console = Console(file=io.StringIO())
        return verify.examine(self.target(), console=console, egress_url=self.egress_url, checks=chosen)

    def change(self, path: str, **parts: Any) -> None:
        self.platform.put(path, {**self.platform.objects[path], **parts})

    def crd(self, name: str) -> dict[str, Any]:
        return self.platform.objects[f"{CRDS}/{name}"]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(workspace, "_BEAT_SECONDS", 0.02)
    with serve_as(Platform) as platform, proxies(platform.authority, ZONE) as played:
        yield World(platform=platform, proxies=played, settings=LOCAL)


# --- healthy ---------------------------------------------------------------------------------------------------------


def test_a_healthy_cluster_gives_no_alarm_and_keeps_nothing(world: World) -> None:
    found = world.examine()
    assert [each for each in found.findings if each.verdict is not Verdict.FINE or each.warning] == [
        each for each in found.findings if each.check == "egress"
    ]
    assert {each.check for each in found.findings} == {check.name for check in CHECKS if check.applies(world.target())}
    assert world.platform.residue == []


def test_the_gateway_api_is_asked_about_where_the_stack_has_it(world: World) -> None:
    subjects = {each.subject for each in world.examine("kinds", "webhooks").findings}
    assert "gateway.networking.k8s.io" not in subjects and "Gateway of the Gateway API" not in subjects
    world.settings = {**LOCAL, "ingress": {"serviceType": "NodePort", "gatewayApi": True}}
    subjects = {each.subject for each in world.examine("kinds", "webhooks").findings}
    assert {"gateway.networking.k8s.io", "Gateway of the Gateway API"} <= subjects


def test_image_updater_is_asked_about_where_the_stack_has_it(world: World) -> None:
    assert "argocd-image-updater" not in {each.subject for each in world.examine("workloads").findings}
    credential = {"name": "acme", "url": "https://github.com/acme", "kind": "password", "vaultSecret": "s"}
    argocd = {"adminEnabled": True, "imageUpdaterWriteBack": "git", "repositories": [credential]}
    world.settings = {**LOCAL, "gitops": {"repoUrl": "https://github.com/acme/repo.git"}, "argocd": argocd}
    assert "argocd-image-updater" in {each.subject for each in world.examine("workloads").findings}


def test_only_its_own_objects_are_written(world: World) -> None:
    world.examine()
    written = [
        (method, path) for method, path, query in world.platform.requests if method != "GET" and "dryRun" not in query
    ]
    strange = [each for each in written if NAMESPACE not in each[1] and "local-vault/secrets" not in each[1]]
    assert strange == [("POST", "/api/v1/namespaces")]


# --- broken ----------------------------------------------------------------------------------------------------------

STALE = 'failed calling webhook "w": tls: failed to verify certificate: x509: certificate signed by unknown authority'
DEPLOYMENT = f"{DEPLOYMENTS.format('traefik')}/traefik"


def unserved(w: World) -> None:
    crd = w.crd("certificates.cert-manager.io")
    crd["spec"]["versions"][1]["served"] = False


def lost_version(w: World) -> None:
    crd = w.crd("externalsecrets.external-secrets.io")
    crd["status"]["storedVersions"] = ["v1beta1", "v1"]


def bundle(text: str) -> Callable[[World], None]:
    def change(w: World) -> None:
        w.platform.objects[f"{WEBHOOKS}/cert-manager"]["webhooks"][0]["clientConfig"]["caBundle"] = text

    return change


def store(name: str = "vault", **kubernetes: Any) -> Callable[[World], None]:
    def change(w: World) -> None:
        provider = w.platform.objects[f"{STORES}/{name}"]["spec"]["provider"]["kubernetes"]
        provider.update(kubernetes)
        w.change(f"{STORES}/{name}", status=conditions(Ready="False"))

    return change


def role(w: World) -> None:
    w.platform.unwell["canary"] = conditions(Ready="False")
    w.platform.put(f"{EVENTS}/e", named("e", message="cannot get Secret: secrets is forbidden"))


def issuer(spec: dict[str, Any]) -> Callable[[World], None]:
    def change(w: World) -> None:
        w.change(f"{ISSUERS}/self-signed", spec=spec, status=conditions(Ready="False"))
        w.platform.unwell["issued"] = conditions(Ready="False")

    return change


def gone(*paths: str) -> Callable[[World], None]:
    def change(w: World) -> None:
        for path in paths:
            del w.platform.objects[path]

    return change


TRAEFIKS = (
    "/api/v1/namespaces/traefik/secrets/default-certificate",
    f"{CERTIFICATES.format('traefik')}/default-certificate",
)


def expired(w: World) -> None:
    pem = w.proxies.authority.leaf("default", ZONE, f"*.{ZONE}", begun=90, left=-1)
    w.proxies.serve("", pem)
    data = {"tls.crt": base64.b64encode(split(pem)[1].encode()).decode()}
    w.change(TRAEFIKS[0], data=data)


def traefiks_own(w: World) -> None:
    gone(*TRAEFIKS)(w)
    w.proxies.serve("", w.proxies.authority.leaf("TRAEFIK DEFAULT CERT", "nobody.traefik.default"))


def a_strangers(w: World) -> None:
    w.proxies.serve("", Authority("stranger").leaf("default", ZONE, f"*.{ZONE}"))


def cut_off(w: World) -> None:
    message = "failed to generate manifest: rpc error: code = Unavailable desc = connection error: dial tcp :8081"
    error = [{"type": "ComparisonError", "message": message}]
    for name in ("root", "hello"):
        w.platform.put(f"{APPLICATIONS}/{name}", application(name, "Unknown", conditions=error))


def no_revision(w: World) -> None:
    error = [{"type": "ComparisonError", "message": "unable to resolve 'nowhere' to a commit SHA"}]
    found = application("root", "Unknown", conditions=error)
    found["spec"]["source"]["targetRevision"] = "nowhere"
    w.platform.put(f"{APPLICATIONS}/root", found)


def degraded(w: World) -> None:
    broken = {"kind": "Deployment", "namespace": "app-hello", "name": "hello", "health": {"status": "Degraded"}}
    w.platform.put(f"{APPLICATIONS}/hello", application("hello", health="Degraded", resources=[broken]))


def no_pods(w: World) -> None:
    resource = {"group": "apps", "kind": "Deployment", "namespace": "app-hello", "name": "hello"}
    w.platform.put(f"{APPLICATIONS}/hello", application("hello", health="Progressing", resources=[resource]))
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota"}
    found = named("hello", spec={"replicas": 1}, status={"conditions": [refused]})
    w.platform.put(f"{DEPLOYMENTS.format('app-hello')}/hello", found)


def no_deployment(w: World) -> None:
    no_pods(w)
    gone(f"{DEPLOYMENTS.format('app-hello')}/hello")(w)


def no_longer_compared(w: World) -> None:
    w.platform.comparing = False
    w.platform.put(f"{APPLICATIONS}/hello", application("hello", reconciledAt=now(-300)))


def page(status: int, change: Callable[[World], None] = lambda _: None) -> Callable[[World], None]:
    def both(w: World) -> None:
        w.proxies.pages["/healthz"] = status
        change(w)

    return both


def of_class(name: str) -> Callable[[World], None]:
    def change(w: World) -> None:
        w.platform.objects[f"{INGRESSES}/argocd-server"]["spec"]["ingressClassName"] = name

    return change


def configured(**data: str) -> Callable[[World], None]:
    def change(w: World) -> None:
        w.platform.objects[CONFIGURATION]["data"].update({key.replace("_", "."): value for key, value in data.items()})

    return change


def scaled(w: World) -> None:
    w.platform.objects[DEPLOYMENT]["spec"]["replicas"] = 0


def unavailable(w: World) -> None:
    w.platform.objects[DEPLOYMENT]["status"]["availableReplicas"] = 0
    w.change(f"{PODS.format('traefik')}/traefik", status=waiting("ImagePullBackOff", "no such image"))


def lifted(w: World) -> None:
    w.platform.objects["/api/v1/namespaces/app-hello"]["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] = (
        "privileged"
    )


def refused_by_a_webhook(w: World) -> None:
    lifted(w)
    w.platform.refused["pods"] = 'admission webhook "x" denied the request: privileged is forbidden'


def becomes(name: str, status: dict[str, Any]) -> Callable[[World], None]:
    return lambda w: w.platform.unwell.update({name: status})


def ended(text: str, code: int = 0) -> dict[str, Any]:
    return {"containerStatuses": [{"state": {"terminated": {"exitCode": code, "reason": "Error", "message": text}}}]}


def unscheduled(message: str) -> dict[str, Any]:
    return {"conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}]}


def old_tls(w: World) -> None:
    w.proxies.old = True


def echo(w: World) -> None:
    w.egress_url = "http://echo.example.com"
    w.platform.unwell["egress"] = ended("nothing of the kind")


def refused_store(w: World) -> None:
    w.change(f"{STORES}/vault", status=conditions(Ready="False"))
    for second, text in (("1", "an older one"), ("2", "client is not allowed to get secrets")):
        event = named(second, message=text, lastTimestamp=f"2026-11-29T00:00:0{second}Z")
        w.platform.put(f"/api/v1/namespaces/default/events/{second}", event)


FAULTS: dict[str, tuple[Callable[[World], Any], str, str, str, str]] = {
    # what is wrong: (how, check, what is seen, the likely cause, what mends it)
    "a CRD is gone": (
        gone(f"{CRDS}/middlewares.traefik.io"),
        "kinds",
        "there is none",
        "it was deleted",
        "make up",
    ),
    "a stored version is not served": (
        unserved,
        "kinds",
        "stored as v1, and v1alpha1 is served",
        "update of",
        "/spec/versions/1/served",
    ),
    "a stored version is gone": (
        lost_version,
        "kinds",
        "stored as v1beta1",
        "before its objects were migrated",
        "storedVersions",
    ),
    "a CRD is not established": (
        lambda w: w.crd("issuers.cert-manager.io")["status"].update(
            conditions(Established="False", NamesAccepted="True")
        ),
        "kinds",
        "not Established",
        "names clash",
        "kubectl --context one describe crd issuers",
    ),
    "a stale caBundle": (
        lambda w: w.platform.refused.update(issuers=STALE),
        "webhooks",
        "unknown authority",
        "caBundle",
        "cert-manager-cainjector",
    ),
    "a stale caBundle of the other": (
        lambda w: w.platform.refused.update(externalsecrets=STALE),
        "webhooks",
        "unknown authority",
        "caBundle",
        "external-secrets-cert-controller",
    ),
    "no pod behind a webhook": (
        lambda w: w.platform.refused.update(issuers='failed calling webhook "w": no endpoints available for service'),
        "webhooks",
        "no endpoints",
        "no Pod stands behind",
        "get pods",
    ),
    "a webhook that is not reached": (
        lambda w: w.platform.refused.update(issuers='failed calling webhook "w": context deadline exceeded'),
        "webhooks",
        "deadline",
        "NetworkPolicy",
        "networkpolicies",
    ),
    "a stale caBundle of somebody else's webhook": (
        lambda w: w.platform.refused.update(appprojects=STALE),
        "webhooks",
        "unknown authority",
        "somebody else's webhook",
        "get validatingwebhookconfigurations",
    ),
    "another refusal": (
        lambda w: w.platform.refused.update(appprojects="no"),
        "webhooks",
        "no",
        "CRD is not there",
        "get crd",
    ),
    "no caBundle": (bundle(""), "webhooks", "has no caBundle", "has not written it", "rollout restart"),
    "a caBundle of nothing": (
        bundle("bm90aGluZw=="),
        "webhooks",
        "holds no certificate",
        "somebody else",
        "rollout restart",
    ),
    "scaled to 0": (scaled, "workloads", "scaled to 0", "by hand", "scale deployment/traefik --replicas=1"),
    "not available": (unavailable, "workloads", "0 of 1 available", "ImagePullBackOff: no such image", "describe"),
    "a workload is gone": (
        gone(DEPLOYMENT),
        "workloads",
        "there is none",
        "it was deleted",
        "helm --kube-context one -n traefik get manifest traefik | kubectl --context one apply -f -",
    ),
    "nothing runs": (
        gone(DEPLOYMENT),
        "workloads",
        "nothing runs in it",
        "not installed",
        "helm --kube-context one -n traefik get manifest",
    ),
    "another service account": (
        store(auth={"serviceAccount": {"name": "default"}}),
        "secrets",
        "not Ready",
        "signs in as default",
        "make up",
    ),
    "another namespace": (
        store("argocd", remoteNamespace="default"),
        "secrets",
        "not Ready",
        "reads namespace default",
        "make up",
    ),
    "no store": (gone(f"{STORES}/argocd"), "secrets", "there is none", "deleted", "make up"),
    "the role is gone": (role, "secrets", "secrets is forbidden", "lost its role in namespace local-vault", "make up"),
    "another value": (
        lambda w: setattr(w.platform, "value", "other"),
        "secrets",
        "another value",
        "another namespace",
        "clustersecretstore",
    ),
    "no issuer": (gone(f"{ISSUERS}/self-signed"), "certificates", "there is none", "deleted", "make up"),
    "another authority": (
        issuer({"ca": {"secretName": "other"}}),
        "certificates",
        "not Ready",
        "signs with Secret other",
        "make up",
    ),
    "no authority": (
        lambda w: (
            gone("/api/v1/namespaces/cert-manager/secrets/self-signed-ca")(w),
            issuer({"ca": {"secretName": "self-signed-ca"}})(w),
        ),
        "certificates",
        "not Ready",
        "self-signed-ca, is gone",
        "make up",
    ),
    "nothing is issued": (
        becomes("issued", conditions(Ready="False")),
        "certificates",
        "not after 45 s",
        "cert-manager does not",
        "logs",
    ),
    "a certificate is not ready": (
        lambda w: w.change(TRAEFIKS[1], status=conditions(Ready="False")),
        "certificates",
        "not Ready",
        "issuer does not issue",
        "describe",
    ),
    "the default certificate expired": (
        expired,
        "https",
        "expired on",
        "somebody replaced the Secret",
        "delete secret",
    ),
    "the default certificate is gone": (
        traefiks_own,
        "https",
        "Traefik's self-made",
        "is gone, and so is its Secret",
        "make up",
    ),
    "another authority's certificate": (
        a_strangers,
        "https",
        "no client trusts",
        "TLSStore",
        "helm --kube-context one -n traefik",
    ),
    "TLS 1.1": (old_tls, "https", "TLS 1.1 is spoken", "TLSOption", "helm --kube-context one -n traefik"),
    "no redirect": (
        lambda w: setattr(w.proxies, "location", ""),
        "https",
        "answered 404",
        "redirection",
        "helm --kube-context one -n traefik",
    ),
    "nothing is served": (
        lambda w: setattr(w.proxies, "https", 9),
        "https",
        "nothing is served",
        "no proxy is ready",
        "get service",
    ),
    "no Ingress": (
        page(404, gone(f"{INGRESSES}/argocd-server")),
        "argocd",
        "answered 404",
        "no Ingress for this host",
        "helm --kube-context one -n argocd",
    ),
    "another class": (
        page(404, of_class("nginx")),
        "argocd",
        "answered 404",
        "class nginx",
        "helm --kube-context one -n argocd",
    ),
    "no class": (
        page(404, gone("/apis/networking.k8s.io/v1/ingressclasses/traefik")),
        "argocd",
        "answered 404",
        "IngressClass traefik is gone",
        "helm --kube-context one -n traefik",
    ),
    "no class, and Traefik remembers": (
        gone("/apis/networking.k8s.io/v1/ingressclasses/traefik"),
        "argocd",
        "still answers",
        "IngressClass traefik is gone",
        "helm --kube-context one -n traefik",
    ),
    "the store says why in an event": (
        refused_store,
        "secrets",
        "client is not allowed",
        "lost its role",
        "make up",
    ),
    "no endpoints": (
        page(503, gone("/apis/discovery.k8s.io/v1/namespaces/argocd/endpointslices/argocd-server")),
        "argocd",
        "answered 503",
        "has no ready endpoints",
        "endpointslices",
    ),
    "argocd-server is cut off": (page(504), "argocd", "answered 504", "Traefik does not reach", "networkpolicies"),
    "the repo-server is cut off": (
        cut_off,
        "argocd",
        "connection error",
        "does not reach the repo-server",
        "networkpolicies",
    ),
    "no such revision": (no_revision, "argocd", "unable to resolve", "no revision nowhere", "make up"),
    "a child is degraded": (
        degraded,
        "argocd",
        "Synced, Degraded",
        "Deployment app-hello/hello is Degraded",
        "describe deployment/hello",
    ),
    "a child has no Pods": (
        no_pods,
        "argocd",
        "Synced, Progressing",
        "Deployment app-hello/hello has 0 of 1 Pods available: exceeded quota",
        "describe deployment/hello",
    ),
    "a child has lost its Deployment": (
        no_deployment,
        "argocd",
        "Synced, Progressing",
        "Deployment app-hello/hello is gone",
        "describe deployment/hello",
    ),
    "nothing is compared": (no_longer_compared, "argocd", "last compared", "repo-server", "networkpolicies"),
    "no root": (gone(f"{APPLICATIONS}/root"), "argocd", "there is none", "it was deleted", "make up"),
    "no ApplicationSet": (gone(SET), "argocd", "there is none", "it was deleted", "make up"),
    "nothing is generated": (
        lambda w: w.change(SET, status=conditions(ErrorOccurred="True")),
        "argocd",
        "not up to date: ErrorOccurred",
        "cannot be read",
        "describe applicationset tenants",
    ),
    "admin off": (
        configured(admin_enabled="false"),
        "argocd",
        "admin.enabled is false",
        "by hand",
        "helm --kube-context one -n argocd",
    ),
    "Dex": (configured(dex_config="x"), "argocd", "Dex is configured", "by hand", "helm --kube-context one -n argocd"),
    "another sign-in": (
        configured(oidc_config="issuer: https://evil.example.com"),
        "argocd",
        "https://evil.example.com",
        "by hand",
        "helm --kube-context one -n argocd",
    ),
    "a Pod fails": (
        becomes("run", ended("no", 1)),
        "pods",
        "does not run: Error with 1: no",
        "image has no shell",
        "get events",
    ),
    "no room": (becomes("run", unscheduled("0/1 nodes")), "pods", "0/1 nodes", "no node takes", "get nodes"),
    "no right to pull": (
        becomes("pull", waiting("ErrImagePull", "401 Unauthorized")),
        "pods",
        "401",
        "AcrPull",
        "get nodes",
    ),
    "an image is gone": (
        becomes("pull", waiting("ErrImagePull", "manifest unknown")),
        "pods",
        "manifest unknown",
        "no longer has it",
        "images check",
    ),
    "nothing enforces": (
        becomes("client", ended("open=yes closed=yes")),
        "network",
        "that a policy closes",
        "nothing enforces",
        "get pods",
    ),
    "no network": (
        becomes("client", ended("open=no closed=no")),
        "network",
        "is not reached",
        "does not carry",
        "kube-system",
    ),
    "no way out": (echo, "egress", "no address in the answer", "no way out", "curl http://echo.example.com"),
    "a label is lifted": (
        lifted,
        "security",
        "would be taken",
        "enforce is privileged",
        "kubectl --context one label namespace app-hello",
    ),
    "a label is lifted, and a webhook refuses": (
        refused_by_a_webhook,
        "security",
        "Pod Security does not refuse a privileged Pod, and something else does: admission webhook",
        "enforce is privileged",
        "kubectl --context one label namespace app-hello",
    ),
    "no admission policies": (
        lambda w: w.platform.refused.update(policies=""),
        "security",
        "does not allow would be taken",
        "gone",
        "make up",
    ),
}


ANY_CLUSTERS = re.compile(r"\b(kubectl|helm) (?!--(kube-)?context one )")
"""A command that asks whichever cluster the reader's kubeconfig is set to."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_told_with_its_cause_and_what_mends_it(world: World, fault: str) -> None:
    change, check, seen, cause, remedy = FAULTS[fault]
    change(world)
    report = world.examine(check)
    found = report.of(Verdict.FAILED)
    assert report.failed and world.platform.residue == []
    fitting = [each for each in found if seen in each.detail and cause in each.cause and remedy in each.remedy]
    assert fitting, "\n".join(map(str, found))
    assert all(each.asked and each.cause and each.remedy for each in found)
    assert not [each.remedy for each in found if ANY_CLUSTERS.search(each.remedy)]


def test_applications_that_up_has_just_sent_on_their_way_get_longer(world: World) -> None:
    world.platform.put(f"{APPLICATIONS}/hello", application("hello", health="Progressing"))
    arrive = threading.Timer(2.5, world.platform.put, [f"{APPLICATIONS}/hello", application("hello")])
    chosen = [check for check in CHECKS if check.name == "argocd"]
    arrive.start()
    target = replace(world.target(), just_deployed=True)
    assert not verify.examine(target, console=Console(file=io.StringIO()), checks=chosen).failed
    degraded(world)
    begun = time.monotonic()
    assert verify.examine(
        replace(world.target(), just_deployed=True), console=Console(file=io.StringIO()), checks=chosen
    ).failed
    assert time.monotonic() - begun < 3, "what is lost is not waited for"


@pytest.mark.parametrize("ahead", [-3600.0, 3600.0])
def test_a_machine_whose_clock_differs_from_the_clusters_sees_the_same(world: World, ahead: float) -> None:
    world.platform.ahead = ahead
    assert not world.examine("argocd").failed
    world.platform.comparing = False
    for name in ("root", "hello"):
        world.platform.put(f"{APPLICATIONS}/{name}", application(name, reconciledAt=now(ahead - 300)))
    [found] = {each.detail.partition(" s ago")[0] for each in world.examine("argocd").of(Verdict.FAILED)}
    assert re.fullmatch(r"last compared 30\d", found)


IN_AZURE = {"azure", "dns", "kept-certificate"}
"""Checks that a stack on another cluster has nothing for."""


def test_every_check_fails_for_some_fault() -> None:
    local = {check.name for check in CHECKS} - IN_AZURE
    assert {check for _, check, *_ in FAULTS.values()} == local


# --- not to be known -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("check", [check.name for check in CHECKS if check.name not in IN_AZURE])
def test_what_may_not_be_asked_is_never_passed(world: World, check: str) -> None:
    world.platform.forbidden = "."
    world.address = ""
    found = world.examine(check).findings
    assert found and {each.verdict for each in found} == {Verdict.UNKNOWN}


unready = {"status": "False", "reason": "ContainersNotReady", "message": "containers with unready status"}


def room_on_its_way(w: World) -> None:
    becomes("run", unscheduled("0/1 nodes"))(w)
    w.platform.put(f"{EVENTS}/up", named("up", reason="TriggeredScaleUp", message="pool 1->2"))


def broken_record(w: World) -> None:
    broken = base64.b64encode(base64.b64encode(gzip.compress(b"{}")[:10] + b"\xff" * 20)).decode()
    w.change("/api/v1/namespaces/traefik/secrets/sh.helm.release.v1.traefik.v1", data={"release": broken})


UNKNOWN: dict[str, tuple[Callable[[World], Any], str, str]] = {
    "no image": (lambda w: setattr(w, "image", ""), "pods", "no image is known"),
    "no right to read a release": (
        lambda w: setattr(w.platform, "forbidden", "GET .*/secrets"),
        "workloads",
        "what it rendered cannot be read",
    ),
    "a record of a release that is broken": (
        broken_record,
        "workloads",
        "what it rendered cannot be read",
    ),
    "a registry that takes its time": (
        becomes("pull", {"conditions": [{**unready, "type": "Ready"}]}),
        "pods",
        "not pulled after 20 s",
    ),
    "no image by digest": (lambda w: setattr(w, "pulled", ""), "pods", "came from no registry"),
    "no image for a server": (lambda w: setattr(w, "image", ""), "network", "no image is known"),
    "no registry here": (
        becomes("pull", waiting("ErrImagePull", "dial tcp: no such host")),
        "pods",
        "does not reach the registry",
    ),
    "servers that do not start": (
        becomes("open", waiting("ErrImagePull", "no")),
        "network",
        "do not run: ErrImagePull",
    ),
    "a client that does not end": (becomes("client", {}), "network", "did not come to its end"),
    "no echo service": (lambda _: None, "egress", "no echo service was named"),
    "no way to the proxies": (lambda w: setattr(w, "address", ""), "https", "no address leads to them"),
    "no privileged dry runs": (
        lambda w: setattr(w.platform, "forbidden", "POST .*/pods"),
        "security",
        "it cannot be asked",
    ),
    "something else refuses": (
        lambda w: w.platform.refused.update(pods='admission webhook "x" denied the request: privileged is forbidden'),
        "security",
        "refused for another reason: admission webhook",
    ),
    "room is on its way": (room_on_its_way, "pods", "one is on its way: pool 1->2"),
}


@pytest.mark.parametrize("gap", UNKNOWN)
def test_what_cannot_be_asked_is_told_as_that(world: World, gap: str) -> None:
    change, check, told = UNKNOWN[gap]
    change(world)
    report = world.examine(check)
    assert not report.failed
    assert [each for each in report.of(Verdict.UNKNOWN) if told in each.detail], report.findings


# --- the run itself --------------------------------------------------------------------------------------------------


def test_what_a_dead_run_left_is_removed_by_the_next(world: World) -> None:
    made = {"metadata": {"name": NAMESPACE, "labels": {LABEL: "true"}}}
    world.platform.put(f"/api/v1/namespaces/{NAMESPACE}", made)
    world.platform.put(f"/api/v1/namespaces/{NAMESPACE}/pods/old", named("old"))
    world.platform.put(
        "/api/v1/namespaces/local-vault/secrets/verify-canary-old", {"metadata": {"labels": {LABEL: "true"}}}
    )
    assert not world.examine().failed
    assert world.platform.residue == []


def test_somebody_elses_namespace_is_left_alone(world: World) -> None:
    world.platform.put(f"/api/v1/namespaces/{NAMESPACE}", named(NAMESPACE))
    with pytest.raises(UpError, match="is not of `bootstrap verify`"):
        world.examine("security")
    assert f"/api/v1/namespaces/{NAMESPACE}" in world.platform.objects


def test_a_namespace_that_does_not_go_is_told(world: World) -> None:
    world.platform.stuck = True
    [found] = [each for each in world.examine("security").findings if each.check == "clean-up"]
    assert "does not go: finalizers" in found.detail


def test_an_interrupted_run_removes_what_it_made(world: World) -> None:
    def interrupt(_: Target) -> Iterator[Finding]:
        raise KeyboardInterrupt
        yield

    check = Check(name="x", does="x", ask=interrupt)
    with pytest.raises(KeyboardInterrupt):
        verify.examine(world.target(), console=Console(file=io.StringIO()), checks=[check])
    assert world.platform.residue == []


def test_a_check_that_does_not_come_back_cannot_be_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_GRACE_SECONDS", 0.0)
    over = threading.Event()

    def hang(_: Target) -> Iterator[Finding]:
        over.wait(30)
        yield from ()

    check = Check(name="x", does="x", ask=hang, seconds=0.1)
    begun = time.monotonic()
    [found] = verify.examine(world.target(), console=Console(file=io.StringIO()), checks=[check]).findings
    over.set()
    assert found.verdict is Verdict.UNKNOWN and "no answer within" in found.detail
    assert time.monotonic() - begun < 10


def test_a_check_that_stumbles_ends_no_other(world: World) -> None:
    del world.platform.objects[DEPLOYMENT]["spec"]["replicas"]
    world.platform.objects[DEPLOYMENT]["spec"] = "of another form"
    found = world.examine("workloads", "kinds").findings
    assert [each.detail for each in found if each.verdict is Verdict.UNKNOWN and "AttributeError" in each.detail]
    assert [each for each in found if each.check == "kinds" and each.verdict is Verdict.FINE]


def test_what_a_check_found_before_it_stumbled_is_kept(world: World) -> None:
    def stumble(_: Target) -> Iterator[Finding]:
        yield Finding(check="x", subject="first", verdict=Verdict.FAILED, detail="d")
        raise ZeroDivisionError

    check = Check(name="x", does="x", ask=stumble)
    found = verify.examine(world.target(), console=Console(file=io.StringIO()), checks=[check]).findings
    assert [each.verdict for each in found] == [Verdict.FAILED, Verdict.UNKNOWN]


def test_no_secret_value_is_shown(world: World) -> None:
    world.platform.value = "sesame"
    assert "sesame" not in json.dumps(world.examine().to_json())


@pytest.mark.parametrize("width", [80, 200])
def test_a_report_is_for_eyes_and_for_programs(world: World, width: int) -> None:
    lifted(world)
    found = world.examine()
    written = io.StringIO()
    print_report(found, Console(file=written, width=width))
    lines = written.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert any(re.match("✗ +security", line) for line in lines) and any("cause:" in line for line in lines)
    data = json.loads(json.dumps(found.to_json()))
    assert data["version"] == 1 and data["failed"] is True and data["stack"] == "local"
    assert {"check", "subject", "verdict", "detail", "remedy", "warning", "asked", "cause"} == set(data["findings"][0])
    suite = ElementTree.fromstring(found.to_junit())
    assert int(suite.get("failures", "")) == len(suite.findall("testcase/failure")) == 1
    assert int(suite.get("skipped", "")) == len(suite.findall("testcase/skipped"))
    assert len(suite.findall("testcase")) == len(found.findings)


def test_a_name_that_is_an_escape_sequence_is_shown_as_text() -> None:
    found = Finding(check="x", subject="\x1b[31m\ufffe", verdict=Verdict.FAILED, detail="d\x00")
    suite = ElementTree.fromstring(Report(stack="s", findings=[found], seconds=1).to_junit())
    assert suite.find("testcase").get("name") == "\\x1b[31m"  # type: ignore[union-attr]
