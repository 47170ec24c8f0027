"""Updates: what is there already, what controllers write, and what grows large."""

from typing import Any

import pytest

from conventions import HOSTS_ANNOTATION, REGISTRIES_ANNOTATION, TENANT_LABEL, VAULT_KEYS_ANNOTATION
from tests.admission.cases import Case, shared
from tests.admission.control_plane import Cluster, eventually

MERGE = "application/merge-patch+json"
EVIL = "evil.example.net/shop:1"


def made(base: str, namespace: str, **changes: Any) -> dict[str, Any]:
    spelled = {path.replace("__", "."): value for path, value in changes.items()}
    return Case(name="", base=base, changes=spelled).document(namespace)


@pytest.fixture(scope="module")
def late(cluster: Cluster) -> Cluster:
    """A namespace that becomes an application's when objects that may not be there are there already."""
    cluster.namespace("late", {}, {"team": "platform"})
    deployment = made("Deployment", "late")
    deployment["metadata"]["finalizers"] = ["example.com/held"]
    deployment["spec"]["template"]["spec"]["containers"][0]["image"] = EVIL
    for document in (deployment, made("Service", "late", spec__type="NodePort"), made("Ingress", "late")):
        cluster.create(document, "late")
    metadata = {"metadata": {"labels": {TENANT_LABEL: "late"}}}
    assert cluster.request("PATCH", "/api/v1/namespaces/late", metadata, MERGE)[0] == 200
    eventually(lambda: cluster.apply({**made("Ingress", "late"), "metadata": {"name": "new"}}, "late")[0] == 403)
    return cluster


def test_what_is_there_may_be_scaled_labelled_and_deleted(late: Cluster) -> None:
    path = "/apis/apps/v1/namespaces/late/deployments/shop"
    for change in (
        {"spec": {"replicas": 0}},
        {"metadata": {"annotations": {"deployment.kubernetes.io/revision": "2"}}},
    ):
        assert late.request("PATCH", path, change, MERGE)[0] == 200
    assert late.request("PATCH", f"{path}/scale", {"spec": {"replicas": 1}}, MERGE)[0] == 200
    labels = {"metadata": {"labels": {"team": "shop"}}}
    assert late.request("PATCH", "/apis/networking.k8s.io/v1/namespaces/late/ingresses/shop", labels, MERGE)[0] == 200
    assert late.request("DELETE", path)[0] == 200
    assert late.request("PATCH", path, {"metadata": {"finalizers": []}}, MERGE)[0] == 200
    assert late.request("GET", path)[0] == 404


def test_what_is_there_may_not_be_changed_into_something_else_that_is_not_allowed(late: Cluster) -> None:
    port = {"spec": {"ports": [{"port": 81}]}}
    status, answer = late.request("PATCH", "/api/v1/namespaces/late/services/shop", port, MERGE)
    assert status == 403 and "spec.type: got NodePort" in answer["message"]
    annotation = {"metadata": {"annotations": {"traefik.ingress.kubernetes.io/router.priority": "9"}}}
    path = "/apis/networking.k8s.io/v1/namespaces/late/ingresses/shop"
    assert late.request("PATCH", path, annotation, MERGE)[0] == 403


@pytest.fixture(scope="module")
def running(cluster: Cluster) -> Cluster:
    """A namespace in which objects stay."""
    cluster.namespace("running", shared("namespaces")["shop"])
    cluster.settle()
    return cluster


@pytest.mark.parametrize(("image", "verdict"), [(EVIL, 403), ("example.azurecr.io/shop:debug", 200)])
def test_a_container_that_is_added_to_a_running_pod_is_judged(running: Cluster, image: str, verdict: int) -> None:
    running.create(made("Pod", "running"), "running")
    limits = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    added = {"name": f"debug-{verdict}", "image": image, "securityContext": limits}
    path = "/api/v1/namespaces/running/pods/shop/ephemeralcontainers"
    kind = "application/strategic-merge-patch+json"
    status, answer = running.request("PATCH", path, {"spec": {"ephemeralContainers": [added]}}, kind)
    assert status == verdict, answer
    assert verdict == 200 or "tenant-pod-images" in answer["message"]


def test_a_pod_that_has_its_node_may_be_updated(running: Cluster) -> None:
    pod = {**made("Pod", "running"), "metadata": {"name": "placed"}}
    running.create(pod, "running")
    target = {"apiVersion": "v1", "kind": "Binding", "metadata": {"name": "placed"}, "target": {"name": "node-1"}}
    assert running.request("POST", "/api/v1/namespaces/running/pods/placed/binding", target)[0] == 201
    path = "/api/v1/namespaces/running/pods/placed"
    assert running.request("GET", path)[1]["spec"]["nodeName"] == "node-1"
    assert running.request("PATCH", path, {"spec": {"activeDeadlineSeconds": 60}}, MERGE)[0] == 200


def test_a_claim_is_restored_with_its_volume_by_azures_extension_alone(running: Cluster) -> None:
    claim = made("PersistentVolumeClaim", "running")
    path = "/api/v1/namespaces/running/persistentvolumeclaims"
    restored = {**claim, "metadata": {"name": "restored"}, "spec": {**claim["spec"], "volumeName": "pv-restored"}}
    extension = "system:serviceaccount:dataprotection-microsoft:dataprotection-microsoft-kubernetes-agent"
    for other in ("system:serviceaccount:dataprotection-microsoft-2:agent", "dataprotection-microsoft"):
        status, answer = running.request("POST", path, restored, user=other)
        assert status == 403 and "spec.volumeName: got pv-restored" in answer["message"]
    assert running.request("POST", path, restored, user=extension)[0] == 201


def test_only_the_control_plane_gives_a_claim_its_volume(running: Cluster) -> None:
    running.create({**made("PersistentVolumeClaim", "running"), "metadata": {"name": "claim"}}, "running")
    path = "/api/v1/namespaces/running/persistentvolumeclaims/claim"
    volume = {"spec": {"volumeName": "pv-bank"}}
    status, answer = running.request("PATCH", path, volume, MERGE)
    assert status == 403 and "spec.volumeName: got pv-bank" in answer["message"]
    binder = "system:serviceaccount:kube-system:persistent-volume-binder"
    own = "system:serviceaccount:running:persistent-volume-binder"
    assert running.request("PATCH", path, volume, MERGE, user=own)[0] == 403
    assert running.request("PATCH", path, volume, MERGE, user=binder)[0] == 200
    resized = {"spec": {"resources": {"requests": {"storage": "2Gi"}}}}
    status, answer = running.request("PATCH", path, resized, MERGE)
    assert "ValidatingAdmissionPolicy" not in answer.get("message", ""), "the volume is the one that it has"


@pytest.mark.parametrize("path", ["/default-deny", "?fieldSelector=metadata.name%3Ddefault-deny"])
def test_the_account_that_applies_an_application_does_not_delete_the_platforms_default(
    running: Cluster, path: str
) -> None:
    default = {**made("NetworkPolicy", "running"), "metadata": {"name": "default-deny"}}
    running.create(default, "running")
    collection = "/apis/networking.k8s.io/v1/namespaces/running/networkpolicies"
    tenant, root = (f"system:serviceaccount:argocd:{account}" for account in ("app-running", "root"))
    opened = {"spec": {"podSelector": {"matchLabels": {"app": "nobody"}}}}
    status, answer = running.request("DELETE", f"{collection}{path}", user=tenant)
    assert status == 403 and "tenant-default-deny" in answer["message"]
    assert running.request("PATCH", f"{collection}/default-deny", opened, MERGE, user=tenant)[0] == 403
    assert running.request("DELETE", f"{collection}{path}", user=root)[0] == 200


def test_what_is_as_large_as_it_gets_is_within_the_budget(cluster: Cluster) -> None:
    """https://kubernetes.io/docs/reference/using-api/cel/#resource-constraints: beyond it, the answer would be no."""
    hosts = [f"host-{number}.example.com" for number in range(300)]
    annotations = {
        HOSTS_ANNOTATION: ",".join(hosts),
        VAULT_KEYS_ANNOTATION: ",".join(f"shop-{number}-*" for number in range(100)),
        REGISTRIES_ANNOTATION: ",".join(f"registry-{number}.example.com/shop" for number in range(50)),
    }
    cluster.namespace("large", annotations)
    match = " || ".join(f"Host(`{host}`)" for host in hosts[:100])
    routes = [{"match": match}, *({"match": f"Host(`{host}`) && PathPrefix(`/api/orders`)"} for host in hosts[:50])]
    holes = ["169.254.0.0/16", "168.63.129.16/32", *(f"10.{number}.0.0/16" for number in range(100))]
    block = {"ipBlock": {"cidr": "0.0.0.0/0", "except": holes}}
    image = {"image": "registry-49.example.com/shop/a/long/name:1.2.3"}
    every = [
        made("Ingress", "large", spec__rules=[{"host": host} for host in hosts], spec__tls=[{"hosts": hosts}]),
        made("IngressRoute", "large", spec__routes=routes),
        made("NetworkPolicy", "large", spec__egress=[{"to": [block] * 10}] * 10),
        made(
            "ExternalSecret",
            "large",
            spec__data=[{"secretKey": f"k{n}", "remoteRef": {"key": f"shop-{n % 100}-key"}} for n in range(500)],
        ),
        made(
            "Deployment",
            "large",
            spec__template__spec__containers=[{"name": f"c{number}", **image} for number in range(60)],
        ),
    ]
    for document in every:
        status, answer = cluster.apply(document, "large")
        assert status == 201, answer["message"][:500]
