"""What the account may do as which Argo CD applies an application: its honest work, and nothing that leads on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.delivery.clusters import read_cluster
from bootstrap.delivery.render.application import platform_objects
from bootstrap.delivery.render.render import render
from bootstrap.platform.plan.evaluate import evaluate
from conventions import ARGO_CD_NAMESPACE, TENANT_KINDS
from rehearsal.control_plane import TOKEN
from tests.admission.control_plane import Answer, Cluster, Document

ROOT = Path(__file__).resolve().parents[2]
STACK = "prod"
OTHER = "app-bank"
RBAC = "rbac.authorization.k8s.io/v1"

ATTACKS = {
    "an AppProject of Argo CD's": "/apis/argoproj.io/v1alpha1/namespaces/argocd/appprojects/hello",
    "an AppProject in its own namespace": "/apis/argoproj.io/v1alpha1/namespaces/{own}/appprojects/hello",
    "an Application beside the platform's": "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications/evil",
    "an Application in its own namespace": "/apis/argoproj.io/v1alpha1/namespaces/{own}/applications/evil",
    "an ApplicationSet": "/apis/argoproj.io/v1alpha1/namespaces/argocd/applicationsets/evil",
    "Argo CD's configuration": "/api/v1/namespaces/argocd/configmaps/argocd-cm",
    "a cluster Secret of Argo CD's": "/api/v1/namespaces/argocd/secrets/in-cluster",
    "its Namespace": "/api/v1/namespaces/{own}",
    "another Namespace": "/api/v1/namespaces/app-evil",
    "a ClusterRole": f"/apis/{RBAC}/clusterroles/evil",
    "a ClusterRoleBinding": f"/apis/{RBAC}/clusterrolebindings/evil",
    "a Role of its own": f"/apis/{RBAC}/namespaces/{{own}}/roles/evil",
    "a RoleBinding of its own": f"/apis/{RBAC}/namespaces/{{own}}/rolebindings/argocd",
    "a RoleBinding in another's namespace": f"/apis/{RBAC}/namespaces/{OTHER}/rolebindings/evil",
    "a Deployment in another's namespace": f"/apis/apps/v1/namespaces/{OTHER}/deployments/evil",
    "a Job in the operator's namespace": "/apis/batch/v1/namespaces/external-secrets/jobs/evil",
    "a Pod in kube-system": "/api/v1/namespaces/kube-system/pods/evil",
    "a Secret": "/api/v1/namespaces/{own}/secrets/evil",
    "a SecretStore": "/apis/external-secrets.io/v1/namespaces/{own}/secretstores/evil",
    "a ClusterSecretStore": "/apis/external-secrets.io/v1/clustersecretstores/vault",
    "a PushSecret": "/apis/external-secrets.io/v1alpha1/namespaces/{own}/pushsecrets/evil",
    "a Certificate": "/apis/cert-manager.io/v1/namespaces/{own}/certificates/evil",
    "an Issuer": "/apis/cert-manager.io/v1/namespaces/{own}/issuers/evil",
    "a TLSOption": "/apis/traefik.io/v1alpha1/namespaces/{own}/tlsoptions/default",
    "a TLSStore": "/apis/traefik.io/v1alpha1/namespaces/{own}/tlsstores/default",
    "a TraefikService": "/apis/traefik.io/v1alpha1/namespaces/{own}/traefikservices/evil",
    "a ServersTransport": "/apis/traefik.io/v1alpha1/namespaces/{own}/serverstransports/evil",
    "a DaemonSet": "/apis/apps/v1/namespaces/{own}/daemonsets/evil",
    "an EndpointSlice": "/apis/discovery.k8s.io/v1/namespaces/{own}/endpointslices/evil",
    "a CustomResourceDefinition": "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/evil.example.com",
    "an admission policy": "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/tenant-pod-images",
    "a PersistentVolume": "/api/v1/persistentvolumes/evil",
    "a PriorityClass": "/apis/scheduling.k8s.io/v1/priorityclasses/evil",
    "an IngressClass": "/apis/networking.k8s.io/v1/ingressclasses/traefik",
    "a ResourceQuota": "/api/v1/namespaces/{own}/resourcequotas/evil",
}
"""Objects by their paths; what they would say does not matter, as nobody gets to it."""


class Account:
    """The account as which Argo CD applies an application."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self._user = cluster, name

    def patch(self, path: str, body: Document) -> Answer:
        """Apply an object without keeping it, as Argo CD does it: a name is impersonated, and no groups."""
        headers = {
            "Authorization": f"Bearer {TOKEN}",
            "Content-Type": "application/apply-patch+yaml",
            "Impersonate-User": self._user,
        }
        query = "fieldManager=argocd-controller&force=true&dryRun=All"
        self._cluster.connection.request("PATCH", f"{path}?{query}", json.dumps(body), headers)
        response = self._cluster.connection.getresponse()
        return response.status, json.loads(response.read())

    def apply(self, document: Document, namespace: str) -> Answer:
        """Apply an object without keeping it."""
        return self.patch(f"{self._cluster.path(document, namespace)}/{document['metadata']['name']}", document)


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> dict[str, Any]:
    """The platform's part of hello in production: what the program and the chart ``tenants/`` make."""
    for item in evaluate(ROOT, STACK).registrations:
        if item.type in {f"kubernetes:{RBAC}:ClusterRole", f"kubernetes:{RBAC}:ClusterRoleBinding"}:
            cluster.create({**item.inputs, "apiVersion": RBAC, "kind": item.type.rpartition(":")[2]})
    for name in (ARGO_CD_NAMESPACE, "external-secrets", OTHER):
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    made = [manifest.document for manifest in platform_objects(ROOT, read_cluster(ROOT, STACK))]
    project = next(d for d in made if d["kind"] == "AppProject" and d["metadata"]["name"] == "hello")
    for document in made:
        # Argo CD is not in this cluster
        if document["kind"] != "AppProject":
            cluster.create(document, document["metadata"].get("namespace", ""))
    (account,) = project["spec"]["destinationServiceAccounts"]
    return {"namespace": account["namespace"], "account": f"system:serviceaccount:{account['defaultServiceAccount']}"}


@pytest.fixture(scope="module")
def hello(cluster: Cluster, place: dict[str, Any]) -> Iterator[Account]:
    yield Account(cluster, place["account"])


def test_an_honest_application_is_applied(hello: Account, place: dict[str, Any]) -> None:
    objects = render(ROOT, "hello", STACK).objects
    assert len(objects) > 5
    for item in objects:
        status, answer = hello.apply(item.document, place["namespace"])
        assert status in {200, 201}, (item.label, answer["message"])


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_account_may_not_touch(hello: Account, place: dict[str, Any], attack: str) -> None:
    status, answer = hello.patch(ATTACKS[attack].format(own=place["namespace"]), {})
    assert (status, answer["reason"]) == (403, "Forbidden"), answer
    assert f'User "{place["account"]}" cannot patch resource' in answer["message"]


def test_every_kind_of_an_application_is_its_own_in_its_namespace_alone(
    cluster: Cluster, place: dict[str, Any]
) -> None:
    for kind in TENANT_KINDS:
        for namespace, allowed in ((place["namespace"], True), (OTHER, False), (ARGO_CD_NAMESPACE, False)):
            for verb in ("create", "patch", "delete"):
                attributes = {"namespace": namespace, "verb": verb, "group": kind.group, "resource": kind.plural}
                review = {
                    "apiVersion": "authorization.k8s.io/v1",
                    "kind": "SubjectAccessReview",
                    "spec": {"user": place["account"], "resourceAttributes": attributes},
                }
                _, answer = cluster.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
                assert answer["status"]["allowed"] is allowed, attributes


def test_what_the_account_may_write_is_still_judged(hello: Account, place: dict[str, Any]) -> None:
    deployment = next(i.document for i in render(ROOT, "hello", STACK).objects if i.kind == "Deployment")
    foreign = json.loads(json.dumps(deployment))
    foreign["spec"]["template"]["spec"]["containers"][0]["image"] = "docker.io/evil/miner@sha256:" + "a" * 64
    status, answer = hello.apply(foreign, place["namespace"])
    assert status == 403 and "ValidatingAdmissionPolicy 'tenant-workload-images'" in answer["message"]
    policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "default-deny"}}
    status, answer = hello.apply({**policy, "spec": {"podSelector": {}, "egress": [{}]}}, place["namespace"])
    assert status == 403 and "ValidatingAdmissionPolicy" in answer["message"]
