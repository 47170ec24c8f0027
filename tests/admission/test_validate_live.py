"""``bootstrap validate --live`` against a real API server, with the CRDs of the charts and the program's policies."""

import base64
import json
import ssl
from pathlib import Path
from typing import Any

import pytest

from bootstrap.delivery.api_server import Cluster as Asked
from bootstrap.delivery.api_server import ClusterError
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.validate.live import Live
from bootstrap.delivery.validate.validate import validate
from rehearsal.control_plane import TOKEN
from tests.admission.control_plane import ROOT, Cluster, archives

TRAEFIK = "traefik.io/v1alpha1"


def kubeconfig(cluster: Cluster, folder: Path, token: str = TOKEN) -> Path:
    server = f"https://{cluster.connection.host}:{cluster.connection.port}"
    context = cluster.connection._context  # type: ignore[attr-defined] # it trusts the control plane, and no other
    authority = base64.b64encode(ssl.DER_cert_to_PEM_cert(context.get_ca_certs(True)[0]).encode()).decode()
    path = folder / "kubeconfig"
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": "c", "user": {"token": token}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    }
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.fixture
def asked(cluster: Cluster, tmp_path: Path) -> Any:
    with Asked(kubeconfig(cluster, tmp_path), None) as found:
        yield found


def item(api_version: str, kind: str, spec: dict[str, Any], **metadata: Any) -> Object:
    meta = {"name": "asked", "namespace": "shop", **metadata}
    return Object(document={"apiVersion": api_version, "kind": kind, "metadata": meta, "spec": spec})


@pytest.mark.skipif(archives() is None, reason="needs the charts' archives in AKS_BOOTSTRAP_CHARTS")
def test_a_rule_of_a_crd_is_told_in_the_servers_words(asked: Asked) -> None:
    [refusal] = asked.refusals(item(TRAEFIK, "Middleware", {"addPrefix": {"prefix": "api"}}))
    assert refusal.path == "spec.addPrefix.prefix"
    assert "must start with a '/'" in refusal.message
    assert asked.refusals(item(TRAEFIK, "Middleware", {"addPrefix": {"prefix": "/api"}})) == []


def test_an_unknown_field_is_refused(asked: Asked) -> None:
    [refusal] = asked.refusals(item("v1", "Service", {"prots": [], "ports": [{"port": 80}]}))
    assert "prots" in refusal.message


def test_the_servers_own_rules_are_asked(asked: Asked) -> None:
    told = dict(asked.refusals(item("v1", "Service", {"ports": [{"port": 70000}]})))
    assert "between 1 and 65535" in told["spec.ports[0].port"]


def test_a_policy_of_ours_is_told_by_its_name(asked: Asked) -> None:
    backend = {"service": {"name": "a", "port": {"number": 80}}}
    rule = {"host": "shop.example.net", "http": {"paths": [{"path": "/", "pathType": "Prefix", "backend": backend}]}}
    [refusal] = asked.refusals(item("networking.k8s.io/v1", "Ingress", {"rules": [rule]}))
    assert "ValidatingAdmissionPolicy" in refusal.message


def test_nothing_is_changed(cluster: Cluster, asked: Asked) -> None:
    service = item("v1", "Service", {"ports": [{"port": 80}]})
    assert asked.refusals(service) == []
    assert asked.refusals(item("v1", "Service", {"ports": [{"port": 80}]}, annotations={"helm.sh/hook": "x"})) == []
    assert cluster.request("GET", "/api/v1/namespaces/shop/services/asked")[0] == 404


def test_a_hook_that_is_there_is_judged_all_the_same(cluster: Cluster, asked: Asked) -> None:
    cluster.create(item("v1", "Service", {"ports": [{"port": 80}]}, name="hook").document, "shop")
    hook = {"annotations": {"argocd.argoproj.io/hook": "PreSync"}, "name": "hook"}
    assert asked.refusals(item("v1", "Service", {"ports": [{"port": 80}]}, **hook)) == []
    assert asked.refusals(item("v1", "Service", {"ports": [{"port": 70000}]}, **hook)) != []


@pytest.mark.parametrize(
    ("asked_about", "reason"),
    [
        (item("v1", "Service", {"ports": [{"port": 80}]}, namespace="nowhere"), 'namespaces "nowhere" not found'),
        (item("cert-manager.io/v1", "Certificate", {}), "the cluster has no kind cert-manager.io/v1 Certificate"),
    ],
    ids=["namespace", "kind"],
)
def test_what_is_not_there_yet_is_not_asked(asked: Asked, asked_about: Object, reason: str) -> None:
    with pytest.raises(ClusterError, match=reason):
        asked.refusals(asked_about)


def test_without_the_right_to_ask_it_is_not_asked(cluster: Cluster, tmp_path: Path) -> None:
    path = "/api/v1/namespaces/shop/serviceaccounts/default/token"
    request = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = cluster.request("POST", path, request)[1]["status"]["token"]
    with (
        Asked(kubeconfig(cluster, tmp_path, token), None) as nobody,
        pytest.raises(ClusterError, match="cannot patch resource"),
    ):
        nobody.refusals(item("v1", "Service", {"ports": [{"port": 80}]}))


def test_the_whole_example_is_asked_about(cluster: Cluster, tmp_path: Path) -> None:
    live = Live(environment="dev", kubeconfig=kubeconfig(cluster, tmp_path), context=None)
    report = validate(ROOT, live)
    assert report.findings == []
    assert report.asked
    reasons = {one.reason for one in report.not_asked}
    assert 'namespaces "app-hello" not found' in reasons
    assert "the cluster has no kind argoproj.io/v1alpha1 AppProject" in reasons
