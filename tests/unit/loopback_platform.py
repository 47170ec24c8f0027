"""A cluster on loopback with a whole platform in it: as healthy as a local stack is, until a test breaks something."""

import base64
import copy
import datetime as dt
import gzip
import json
import re
from typing import Any

from bootstrap.platform.releases import RELEASES
from bootstrap.platform.verify.checks.addons import CRDS, KINDS
from bootstrap.platform.verify.objects import path_of
from bootstrap.platform.verify.workspace import LABEL, NAMESPACE
from components.addons.working_tree import config_map, read_tree
from conventions import REGISTRIES_ANNOTATION, TENANT_LABEL
from tests.unit.loopback_api import ApiServer, Refusal
from tests.unit.loopback_proxies import Authority, split

IMAGE = "quay.io/argoproj/argocd:v3.4.4"
ISSUERS = path_of("cert-manager.io", "v1", "clusterissuers")
CERTIFICATES = path_of("cert-manager.io", "v1", "certificates", "{}")
REQUESTS = path_of("cert-manager.io", "v1", "certificaterequests", "{}")
STORES = path_of("external-secrets.io", "v1", "clustersecretstores")
SECRETS = path_of("external-secrets.io", "v1", "externalsecrets", NAMESPACE)
APPLICATIONS = path_of("argoproj.io", "v1alpha1", "applications", "argocd")
SET = path_of("argoproj.io", "v1alpha1", "applicationsets", "argocd", "tenants")
DEPLOYMENTS = path_of("apps", "v1", "deployments", "{}")
PODS = path_of("", "v1", "pods", "{}")
EVENTS = path_of("", "v1", "events", NAMESPACE)
WEBHOOKS = path_of("admissionregistration.k8s.io", "v1", "validatingwebhookconfigurations")
INGRESSES = path_of("networking.k8s.io", "v1", "ingresses", "argocd")
CONFIGURATION = path_of("", "v1", "configmaps", "argocd", "argocd-cm")
ENFORCE = "pod-security.kubernetes.io/enforce"
RESTRICTED = 'pods "privileged" is forbidden: violates PodSecurity "restricted:latest": privileged'
FOREIGN = "pods \"foreign\" is forbidden: ValidatingAdmissionPolicy 'tenant-pod-images' denied request"


def named(name: str, **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **rest}


def conditions(**states: str) -> dict[str, Any]:
    return {"conditions": [{"type": type_, "status": status, "message": type_} for type_, status in states.items()]}


def now(seconds: float = 0) -> str:
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).isoformat()


class Platform(ApiServer):
    """The API server of such a cluster, and what its controllers would do."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self.authority = Authority()
        self.refused: dict[str, str] = {}
        """Why a dry run of a kind is refused, by the kind's plural."""
        self.forbidden = ""
        """What this sign-in may not do: a form that a method and a path fit."""
        self.unwell: dict[str, dict[str, Any]] = {}
        """What becomes of an object that is made, by its name: its status."""
        self.value = ""
        """What arrives in the place of a secret; its own value when empty."""
        self.stuck = False
        """Whether a namespace that is deleted stays."""
        self.comparing = True
        """Whether Argo CD goes on comparing."""
        self._fill()

    def _fill(self) -> None:
        for group, plurals in KINDS.items():
            for plural in plurals:
                self.put(f"{CRDS}/{plural}.{group}", _crd(f"{plural}.{group}", group))
        bundle = base64.b64encode(self.authority.pem.encode()).decode()
        for namespace in ("cert-manager", "external-secrets"):
            service = {"namespace": namespace, "name": "webhook"}
            webhook = {"name": f"webhook.{namespace}", "clientConfig": {"service": service, "caBundle": bundle}}
            self.put(f"{WEBHOOKS}/{namespace}", named(namespace, webhooks=[webhook]))
        tree = config_map(read_tree("https://github.com/acme/repo.git"))[0]
        for namespace, release in RELEASES.items():
            labels = {ENFORCE: "restricted"}
            self.put(f"/api/v1/namespaces/{namespace}", {"metadata": {"name": namespace, "labels": labels}})
            name = "argocd-repo-server" if namespace == "argocd" else release
            self.put(f"{DEPLOYMENTS.format(namespace)}/{name}", _deployment(name, tree))
            self.put(f"{PODS.format(namespace)}/{name}", _pod(name, IMAGE))
            self.put(f"/api/v1/namespaces/{namespace}/secrets/sh.helm.release.v1.{release}.v1", _record(release, name))
        tenant = {
            "name": "app-hello",
            "labels": {TENANT_LABEL: "hello", ENFORCE: "restricted"},
            "annotations": {REGISTRIES_ANNOTATION: "ghcr.io/stefanprodan,quay.io/acme"},
        }
        self.put("/api/v1/namespaces/app-hello", {"metadata": tenant})
        self.put(f"{PODS.format('app-hello')}/hello", _pod("hello", "ghcr.io/stefanprodan/podinfo@sha256:" + "0" * 64))
        self.put("/api/v1/nodes/one", {"metadata": {"name": "one", "labels": {"kubernetes.azure.com/mode": "system"}}})
        provider = {
            "kubernetes": {"remoteNamespace": "local-vault", "auth": {"serviceAccount": {"name": "vault-reader"}}}
        }
        for name in ("vault", "argocd"):
            self.put(f"{STORES}/{name}", named(name, spec={"provider": provider}, status=conditions(Ready="True")))
        self.put("/api/v1/namespaces/external-secrets/serviceaccounts/vault-reader", named("vault-reader"))
        for name, spec in {
            "self-signed": {"ca": {"secretName": "self-signed-ca"}},
            "letsencrypt-staging": {"acme": {}},
        }.items():
            self.put(f"{ISSUERS}/{name}", named(name, spec=spec, status=conditions(Ready="True")))
        for namespace, name in (
            ("cert-manager", "self-signed-ca"),
            ("traefik", "default-certificate"),
            ("argocd", "argocd-server-tls"),
        ):
            _, certificate = split(self.authority.leaf(name))
            text = self.authority.pem if name == "self-signed-ca" else certificate
            data = {"ca.crt": self.authority.pem, "tls.crt": text}
            encoded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
            self.put(f"/api/v1/namespaces/{namespace}/secrets/{name}", named(name, data=encoded))
            status = {**conditions(Ready="True"), "renewalTime": now(86400)}
            self.put(f"{CERTIFICATES.format(namespace)}/{name}", named(name, status=status))
        self.put(f"{INGRESSES}/argocd-server", _ingress("argocd.local.example.com"))
        self.put("/apis/networking.k8s.io/v1/ingressclasses/traefik", named("traefik"))
        slices = path_of("discovery.k8s.io", "v1", "endpointslices", "argocd")
        labels = {"kubernetes.io/service-name": "argocd-server"}
        endpoints = [{"conditions": {"ready": True}}]
        self.put(
            f"{slices}/argocd-server", {"metadata": {"name": "argocd-server", "labels": labels}, "endpoints": endpoints}
        )
        data = {
            "url": "https://argocd.local.example.com",
            "admin.enabled": "true",
            "timeout.reconciliation": "15s",
            "timeout.reconciliation.jitter": "0s",
        }
        self.put(CONFIGURATION, named("argocd-cm", data=data))
        for name in ("root", "hello"):
            self.put(f"{APPLICATIONS}/{name}", application(name))
        self.put(SET, named("tenants", status=conditions(ErrorOccurred="False", ResourcesUpToDate="True")))

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> dict[str, Any]:
        if self.forbidden and re.search(self.forbidden, f"{method} {path}"):
            raise Refusal(403, f'{path} is forbidden: User "somebody" cannot do this')
        plural = path.rpartition("/")[2]
        if method == "POST" and "dryRun" in query:
            self._judge(path, plural, body)
        if method == "GET" and plural.islower() and path not in self.objects and self._is_list(path):
            return self._list(path, query)
        if method == "DELETE":
            return self._delete(path)
        answer = super().answer(method, path, query, body)
        if method == "POST" and "dryRun" not in query:
            self._control(f"{path}/{body['metadata']['name']}", body)
        return answer

    def _is_list(self, path: str) -> bool:
        parts = path.strip("/").split("/")
        depth = len(parts) - (2 if parts[0] == "api" else 3)
        return depth == 1 or (depth == 3 and parts[-3] == "namespaces")

    def _list(self, path: str, query: dict[str, str]) -> dict[str, Any]:
        wanted = dict(pair.partition("=")[::2] for pair in query.get("labelSelector", "").split(",") if pair)
        items = [copy.deepcopy(found) for place, found in self.objects.items() if place.rsplit("/", 1)[0] == path]
        if path == APPLICATIONS and self.comparing:
            for each in items:
                each["status"]["reconciledAt"] = now(1 + self.ahead)

        def fits(labels: dict[str, str]) -> bool:
            return all(key in labels and value in ("", labels[key]) for key, value in wanted.items())

        return {"items": [each for each in items if fits(each["metadata"].get("labels") or {})]}

    def _judge(self, path: str, plural: str, body: Any) -> None:
        if plural in self.refused:
            raise Refusal(403, self.refused[plural])
        if plural != "pods":
            return
        metadata = self.objects.get(f"/api/v1/namespaces/{path.split('/')[4]}", {}).get("metadata") or {}
        labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
        [container] = body["spec"]["containers"]
        if container["securityContext"].get("privileged") and labels.get(ENFORCE) == "restricted":
            raise Refusal(403, RESTRICTED)
        # validating policies come after Pod Security
        allowed = annotations.get(REGISTRIES_ANNOTATION, "").split(",")
        foreign = not any(container["image"].startswith(f"{each}/") for each in allowed)
        if TENANT_LABEL in labels and foreign and "policies" not in self.refused:
            raise Refusal(422, FOREIGN)

    def _control(self, path: str, body: Any) -> None:
        """Do what controllers do."""
        kind, name = body["kind"], body["metadata"]["name"]
        default: dict[str, Any] = {
            "ExternalSecret": conditions(Ready="True"),
            "Certificate": conditions(Ready="True"),
            "Pod": _ran("open=yes closed=no" if name == "client" else "ran"),
        }.get(kind, {})
        if kind == "Pod" and name in {"open", "closed"}:
            default = {"podIP": "10.0.0.1", "containerStatuses": [{"ready": True, "state": {"running": {}}}]}
        status = self.unwell.get(name, default)
        if status:
            self.put(path, {**self.objects[path], "status": status})
        if kind == "ExternalSecret" and status == default:
            key = body["spec"]["data"][0]["remoteRef"]["key"]
            written = self.objects.get(f"/api/v1/namespaces/local-vault/secrets/{key}", {}).get("stringData", {})
            value = self.value or written.get("value", "public")
            data = {"value": base64.b64encode(value.encode()).decode()}
            self.put(f"/api/v1/namespaces/{NAMESPACE}/secrets/{name}", named(name, data=data))

    def _delete(self, path: str) -> dict[str, Any]:
        if path not in self.objects:
            raise Refusal(404, "not found")
        if path == f"/api/v1/namespaces/{NAMESPACE}" and self.stuck:
            status = {
                "conditions": [{"type": "NamespaceFinalizersRemaining", "status": "True", "message": "finalizers"}]
            }
            self.put(path, {**self.objects[path], "status": status})
            return {}
        found = self.objects.pop(path)
        for inner in [
            each for each in self.objects if each.startswith(f"{path}/") or f"/namespaces/{NAMESPACE}/" in each
        ]:
            if path == f"/api/v1/namespaces/{NAMESPACE}":
                self.objects.pop(inner)
        return found

    @property
    def residue(self) -> list[str]:
        """What runs made, and have not removed."""
        return [
            path
            for path, found in self.objects.items()
            if NAMESPACE in path or LABEL in (found["metadata"].get("labels") or {})
        ]


def _crd(name: str, group: str) -> dict[str, Any]:
    versions = [{"name": "v1alpha1", "served": True}, {"name": "v1", "served": True}]
    status = {**conditions(Established="True", NamesAccepted="True"), "storedVersions": ["v1"]}
    return named(name, spec={"group": group, "versions": versions}, status=status)


def _deployment(name: str, tree: str) -> dict[str, Any]:
    template = {"spec": {"containers": [{"image": IMAGE}], "volumes": [{"configMap": {"name": tree}}]}}
    spec = {"replicas": 1, "template": template, "selector": {"matchLabels": {"app": name}}}
    status = {"availableReplicas": 1, "updatedReplicas": 1, "observedGeneration": 1}
    return {"metadata": {"name": name, "generation": 1}, "spec": spec, "status": status}


def _record(release: str, name: str) -> dict[str, Any]:
    manifest = f"---\n---\nkind: Deployment\nmetadata: {{name: {name}}}\n---\nkind: Service\nmetadata: {{name: x}}\n"
    written = base64.b64encode(gzip.compress(json.dumps({"manifest": manifest}).encode()))
    labels = {"owner": "helm", "name": release, "status": "deployed"}
    return {"metadata": {"labels": labels}, "data": {"release": base64.b64encode(written).decode()}}


def _pod(name: str, image: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"app": name}}
    return {
        "metadata": metadata,
        "spec": {"nodeName": "one", "containers": [{"image": image}]},
        "status": {"phase": "Running", "containerStatuses": [{"ready": True, "state": {}, "imageID": image}]},
    }


def _ran(text: str, *, code: int = 0) -> dict[str, Any]:
    return {"containerStatuses": [{"ready": False, "state": {"terminated": {"exitCode": code, "message": text}}}]}


def waiting(reason: str, message: str) -> dict[str, Any]:
    return {"containerStatuses": [{"ready": False, "state": {"waiting": {"reason": reason, "message": message}}}]}


def _ingress(host: str) -> dict[str, Any]:
    return named("argocd-server", spec={"ingressClassName": "traefik", "rules": [{"host": host}]})


def application(name: str, sync: str = "Synced", health: str = "Healthy", **status: Any) -> dict[str, Any]:
    source = {"repoURL": "file:///working-tree/repository", "targetRevision": "main"}
    found = {
        "sync": {"status": sync, "revision": "0" * 40},
        "health": {"status": health},
        "reconciledAt": now(),
        **status,
    }
    return named(name, spec={"source": source}, status=found)
