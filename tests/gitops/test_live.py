"""``bootstrap render --live`` against an API server that is played on loopback: no cluster."""

import copy
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from bootstrap.delivery.api_server import Cluster, ClusterError
from bootstrap.delivery.manifests import load_all
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.live import State, compare_live
from bootstrap.delivery.render.objects import parse_documents
from bootstrap.delivery.render.render import Rendered, render
from tests.gitops.conftest import ROOT
from tests.loopback import send_json

PLURALS = {
    "NetworkPolicy": "networkpolicies",
    "ServiceAccount": "serviceaccounts",
    "ExternalSecret": "externalsecrets",
    "PodDisruptionBudget": "poddisruptionbudgets",
    "Service": "services",
    "Deployment": "deployments",
    "HorizontalPodAutoscaler": "horizontalpodautoscalers",
    "Ingress": "ingresses",
    "Secret": "secrets",
}


class ApiServer:
    """Answers GET as an API server does; remembers every request."""

    def __init__(self):
        self.objects: dict[str, Any] = {}
        self.requests: list[Any] = []
        self.refuse: int | None = None
        self.missing: set[str] = set()
        played = self

        class Handler(BaseHTTPRequestHandler):
            def handle_any(self):
                played.requests.append((self.command, self.path))
                status, body = played.answer(self.path.split("?")[0])
                send_json(self, status, body)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = handle_any

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def kubeconfig(self, folder):
        """Write a kubeconfig of this server, and return its path."""
        path = folder / "kubeconfig"
        path.write_text(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\n"
            f"clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{self.server.server_address[1]}'}}}}]\n"
            "users: [{name: c, user: {token: not-a-real-token}}]\n"
            "contexts: [{name: c, context: {cluster: c, user: c}}]\n"
        )
        return path

    def put(self, document):
        group = document["apiVersion"]
        prefix = f"/apis/{group}" if "/" in group else f"/api/{group}"
        metadata = document["metadata"]
        path = f"{prefix}/namespaces/{metadata['namespace']}/{PLURALS[document['kind']]}/{metadata['name']}"
        self.objects[path] = document
        return path

    def answer(self, path):
        if path in self.objects:
            return (self.refuse, {"kind": "Status", "code": self.refuse}) if self.refuse else (200, self.objects[path])
        groups: dict[str, set[str]] = {}
        for document in self.objects.values():
            groups.setdefault(document["apiVersion"], set()).add(document["kind"])
        named = sorted(version for version in groups if "/" in version and version not in self.missing)
        if path == "/version":
            return 200, {"major": "1", "minor": "35"}
        if path == "/api":
            return 200, {"kind": "APIVersions", "versions": ["v1"]}
        if path == "/apis":
            return 200, {
                "kind": "APIGroupList",
                "groups": [
                    {
                        "name": v.split("/")[0],
                        "versions": [{"groupVersion": v, "version": v.split("/")[1]}],
                        "preferredVersion": {"groupVersion": v, "version": v.split("/")[1]},
                    }
                    for v in named
                ],
            }
        version = path.removeprefix("/apis/").removeprefix("/api/")
        if version in groups or version == "v1":
            return 200, {
                "kind": "APIResourceList",
                "groupVersion": version,
                "resources": [
                    {"name": PLURALS[kind], "singularName": kind.lower(), "namespaced": True, "kind": kind, "verbs": []}
                    for kind in sorted(groups.get(version, ()))
                ],
            }
        return 404, {"kind": "Status", "code": 404}


@pytest.fixture
def server():
    played = ApiServer()
    yield played
    played.stop()


@pytest.fixture
def cluster(server, tmp_path):
    path = server.kubeconfig(tmp_path)
    opened = []

    def connect():
        opened.append(Cluster(path, None))
        return opened[-1]

    yield connect
    for one in opened:
        one.__exit__()


@pytest.fixture(scope="module")
def rendered():
    return render(ROOT, "hello", "prod")


@pytest.fixture
def served(server, rendered):
    """Every object in the cluster as a cluster has it: with defaults, a status, and others' fields."""
    paths = {}
    for item in rendered.objects:
        live = copy.deepcopy(item.document)
        live["metadata"] |= {"uid": "u", "resourceVersion": "7", "managedFields": [{"manager": "argocd-controller"}]}
        live["metadata"].setdefault("annotations", {})["argocd.argoproj.io/tracking-id"] = "hello"
        live["status"] = {"observedGeneration": 1}
        if item.kind == "Deployment":
            live["spec"] |= {"replicas": 5, "progressDeadlineSeconds": 600}
            pod = live["spec"]["template"]["spec"]
            pod |= {"dnsPolicy": "ClusterFirst", "restartPolicy": "Always"}
            pod["containers"][0] |= {"terminationMessagePath": "/dev/termination-log"}
            pod["containers"][0]["resources"]["requests"]["cpu"] = "0.05"
            pod["containers"].insert(0, {"name": "injected", "image": "sidecar"})
        if item.kind == "Service":
            live["spec"] |= {"clusterIP": "10.0.0.9", "sessionAffinity": "None"}
        paths[item.kind] = server.put(live)
    return paths


def test_what_the_cluster_adds_is_no_difference(cluster, served, rendered):
    assert compare_live([rendered], cluster()) == []


def test_it_only_ever_reads(cluster, server, served, rendered):
    compare_live([rendered], cluster())
    assert len(server.requests) > len(rendered.objects)
    assert {method for method, _ in server.requests} == {"GET"}


def test_an_object_that_is_not_there_is_missing(cluster, server, served, rendered):
    del server.objects[served["Ingress"]]
    [drift] = compare_live([rendered], cluster())
    assert (drift.object.label, drift.state) == ("Ingress app-hello/hello", State.MISSING)


def test_a_kind_that_the_cluster_does_not_have_is_missing(cluster, server, served, rendered):
    server.missing.add("external-secrets.io/v1")
    [drift] = compare_live([rendered], cluster())
    assert (drift.object.kind, drift.state) == ("ExternalSecret", State.MISSING)


def test_a_field_that_somebody_changed_is_told_with_both_values(cluster, server, served, rendered):
    container = server.objects[served["Deployment"]]["spec"]["template"]["spec"]["containers"][1]
    container["image"] = "example.azurecr.io/hello:by-hand"
    del container["readinessProbe"]
    [drift] = compare_live([rendered], cluster())
    told = {field.path: (field.rendered, field.live) for field in drift.fields}
    assert told.keys() == {
        "spec.template.spec.containers[web].image",
        "spec.template.spec.containers[web].readinessProbe",
    }
    assert told["spec.template.spec.containers[web].image"][1] == "example.azurecr.io/hello:by-hand"
    assert drift.to_json()["state"] == "different"


def test_the_text_of_a_secret_is_not_told(cluster, server):
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {token: bmV3}\n"
    objects = parse_documents(load_all(text, "s"), source="s", namespace="app-hello", kinds=Kinds(ROOT))
    live = copy.deepcopy(objects[0].document)
    live["data"] = {"token": "b2xk"}
    server.put(live)
    [drift] = compare_live([Rendered(app="a", environment="dev", namespace="app-hello", objects=objects)], cluster())
    assert [(f.path, f.rendered, f.live) for f in drift.fields] == [("data.token", "[secret]", "[secret]")]


def test_an_api_server_that_refuses_is_an_error_and_not_a_difference(cluster, server, served, rendered):
    server.refuse = 403
    with pytest.raises(ClusterError, match=r"http://127\.0\.0\.1:\d+ answers 403 to NetworkPolicy app-hello/hello"):
        compare_live([rendered], cluster())


def test_an_api_server_that_is_not_there_is_told(cluster, server):
    server.stop()
    with pytest.raises(ClusterError, match=r"http://127\.0\.0\.1:\d+ does not answer"):
        cluster()


def test_without_a_kubeconfig_none_is_guessed(monkeypatch):
    monkeypatch.delenv("KUBECONFIG", raising=False)
    with pytest.raises(ClusterError, match="set KUBECONFIG, or say --kubeconfig"):
        Cluster(None, None)


def test_a_kubeconfig_that_is_none_is_told(tmp_path):
    with pytest.raises(ClusterError, match="nowhere cannot be used"):
        Cluster(tmp_path / "nowhere", None)
