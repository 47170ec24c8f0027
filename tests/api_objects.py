"""Objects that an API server takes or refuses, each with the recorded verdict of Kubernetes 1.36."""

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

NAMESPACE = "app-shop"

Fields = dict[str, Any]
ABSENT = object()
"""Takes the field away."""

LABELS = {"app": "shop"}
TEMPLATE: Fields = {
    "metadata": {"labels": LABELS},
    "spec": {"containers": [{"name": "shop", "image": "example.azurecr.io/shop:1"}]},
}
JOB = {"template": {"spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}}
SELECTOR = {"matchLabels": LABELS}
CLAIM = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
BACKEND = {"service": {"name": "shop", "port": {"number": 80}}}
HTTP = {"paths": [{"path": "/", "pathType": "Prefix", "backend": BACKEND}]}

BASES: Mapping[str, tuple[str, str, Fields]] = {
    "ConfigMap": ("v1", "configmaps", {"data": {"level": "debug"}}),
    "PersistentVolumeClaim": ("v1", "persistentvolumeclaims", {"spec": CLAIM}),
    "Service": (
        "v1",
        "services",
        {"spec": {"selector": LABELS, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]}},
    ),
    "ServiceAccount": ("v1", "serviceaccounts", {}),
    "Deployment": ("apps/v1", "deployments", {"spec": {"selector": SELECTOR, "template": TEMPLATE}}),
    "StatefulSet": (
        "apps/v1",
        "statefulsets",
        {"spec": {"selector": SELECTOR, "serviceName": "shop", "template": TEMPLATE}},
    ),
    "HorizontalPodAutoscaler": (
        "autoscaling/v2",
        "horizontalpodautoscalers",
        {
            "spec": {
                "maxReplicas": 3,
                "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop"},
                "metrics": [
                    {
                        "type": "Resource",
                        "resource": {"name": "cpu", "target": {"type": "Utilization", "averageUtilization": 80}},
                    }
                ],
            }
        },
    ),
    "Job": ("batch/v1", "jobs", {"spec": JOB}),
    "CronJob": ("batch/v1", "cronjobs", {"spec": {"schedule": "30 2 * * *", "jobTemplate": {"spec": JOB}}}),
    "Ingress": (
        "networking.k8s.io/v1",
        "ingresses",
        {"spec": {"rules": [{"host": "shop.example.com", "http": HTTP}]}},
    ),
    "NetworkPolicy": (
        "networking.k8s.io/v1",
        "networkpolicies",
        {"spec": {"podSelector": {}, "egress": [{"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}]}},
    ),
    "PodDisruptionBudget": (
        "policy/v1",
        "poddisruptionbudgets",
        {"spec": {"maxUnavailable": 1, "selector": SELECTOR}},
    ),
}
"""By kind: its API version, the name of its resource, and an object that every API server takes."""


@dataclass(frozen=True)
class Row:
    """An object by its kind and what is changed, and the fields that are refused; none where it is taken."""

    kind: str
    changes: Mapping[str, Any]
    refused: tuple[str, ...] = ()
    message: str = ""
    """What the server's message holds, where it refuses with no list of fields."""
    server: tuple[str, ...] = ()
    """How the server spells the fields, where it is not as they stand in the object."""

    @property
    def name(self) -> str:
        """What a test report calls it."""
        changes = ", ".join(
            f"{path}={'absent' if value is ABSENT else str(value)[:40]}" for path, value in self.changes.items()
        )
        return f"{self.kind}: {changes}"

    @property
    def resource(self) -> str:
        """The path of its kind's collection, for a request."""
        version, plural, _ = BASES[self.kind]
        return f"/{'apis' if '/' in version else 'api'}/{version}/namespaces/{NAMESPACE}/{plural}"

    @property
    def document(self) -> Fields:
        """The whole object."""
        version, _, fields = BASES[self.kind]
        metadata = {"name": "shop", "namespace": NAMESPACE}
        made = copy.deepcopy({"apiVersion": version, "kind": self.kind, "metadata": metadata, **fields})
        for path, value in self.changes.items():
            change(made, path, value)
        return made


def change(document: Fields, path: str, value: object) -> None:
    """Set a field at a path such as ``spec.ports[0].port``; what is missing on the way is made."""
    steps = [int(step) if step.isdecimal() else step for step in re.findall(r"[^.\[\]]+", path)]
    place: Any = document
    for step, following in pairwise(steps):
        if isinstance(step, int):
            if step == len(place):
                place.append({})
            place = place[step]
        else:
            place = place.setdefault(step, [] if isinstance(following, int) else {})
    if value is ABSENT:
        del place[steps[-1]]
    elif isinstance(place, list):
        place[steps[-1] : steps[-1] + 1] = [value]
    else:
        place[steps[-1]] = value


def refused(kind: str, path: str, value: object, *fields: str, message: str = "", **others: Any) -> Row:
    """A change of one field that is refused there, unless other fields are named."""
    return Row(kind, {path: value, **others}, fields or (path,), message)


def taken(kind: str, path: str, value: object) -> Row:
    """A change of one field that is taken."""
    return Row(kind, {path: value})


POD = "spec.template.spec"
BOX = f"{POD}.containers[0]"
RULE = "spec.rules[0].http.paths[0]"
PEER = "spec.egress[0].to[0]"
PORT = "spec.egress[0].ports[0]"
LIVE, READY = f"{BOX}.livenessProbe", f"{BOX}.readinessProbe"
GET = {"httpGet": {"path": "/", "port": 8080}}
TARGET = "spec.metrics[0].resource.target"

METADATA = [
    *(Row(kind, {}) for kind in BASES),
    refused("ConfigMap", "metadata.name", "a..b"),
    refused("Service", "metadata.name", "a.b"),
    taken("Service", "metadata.name", "a" * 63),
    refused("Service", "metadata.name", "a" * 64),
    taken("Deployment", "metadata.name", "shop.v2"),
    taken("StatefulSet", "metadata.name", "shop-0"),
    refused("StatefulSet", "metadata.name", "shop.v2"),
    taken("CronJob", "metadata.name", "c" * 52),
    refused("CronJob", "metadata.name", "c" * 53),
    refused("ConfigMap", "metadata.labels", {"a/b/c": "x"}),
    refused("ConfigMap", "metadata.labels", {"-a": "x"}),
    refused("ConfigMap", "metadata.labels", {"Example.com/a": "x"}),
    refused("ConfigMap", "metadata.labels", {"a" * 64: "x"}),
    taken("ConfigMap", "metadata.labels", {"example.com/A_b.c": "X_y.z", "empty": ""}),
    refused("ConfigMap", "metadata.labels", {"a": "x" * 64}),
    refused("ConfigMap", "metadata.labels", {"a": "no space"}),
    refused("ServiceAccount", "metadata.annotations", {"a b": "x"}),
    taken("ServiceAccount", "metadata.annotations", {"Example.com/A": "any text, of any length " * 9}),
    refused("ServiceAccount", "metadata.annotations", {"a": "x" * 262144}),
    Row(
        "Deployment",
        {"spec.template.metadata.annotations": {"/a": "x"}},
        ("spec.template.metadata.annotations",),
        server=("spec.template.annotations",),
    ),
    refused("ConfigMap", "data", {"a b": "x"}, "data[a b]"),
    refused("ConfigMap", "data", {"..a": "x"}, "data[..a]"),
    taken("ConfigMap", "data", {".a_B-c": "x"}),
]

CONTAINERS = [
    *(
        refused("Deployment", f"{BOX}.ports[0]", {"containerPort": n}, f"{BOX}.ports[0].containerPort")
        for n in (-1, 65536)
    ),
    taken("Deployment", f"{BOX}.ports[0]", {"containerPort": 65535, "name": "http-8080"}),
    refused("Deployment", f"{BOX}.ports[0]", {"containerPort": 80, "name": "sixteen-letters-"}, f"{BOX}.ports[0].name"),
    refused("Deployment", f"{BOX}.ports[0]", {"containerPort": 80, "name": "8080"}, f"{BOX}.ports[0].name"),
    refused("Deployment", f"{BOX}.ports[0]", {"containerPort": 80, "name": "a--b"}, f"{BOX}.ports[0].name"),
    refused("Deployment", f"{BOX}.ports[0]", {"containerPort": 80, "protocol": "tcp"}, f"{BOX}.ports[0].protocol"),
    refused(
        "Deployment",
        f"{BOX}.ports",
        [{"containerPort": 80, "name": "http"}, {"containerPort": 81, "name": "http"}],
        f"{BOX}.ports[1].name",
    ),
    refused(
        "Deployment",
        f"{BOX}.ports",
        [{"containerPort": 80}, {"containerPort": 80}],
        f"{BOX}.ports[1]",
        message='.ports: duplicate entries for key [containerPort=80,protocol="TCP"]',
    ),
    refused("Deployment", f"{BOX}.name", "Shop"),
    refused("Deployment", f"{BOX}.image", ABSENT),
    refused("Deployment", f"{BOX}.imagePullPolicy", "Sometimes"),
    refused(
        "Deployment", f"{POD}.initContainers[0]", {"name": "shop", "image": "a:1"}, f"{POD}.initContainers[0].name"
    ),
    refused("Deployment", f"{POD}.containers", [], message=""),
    refused(
        "Deployment",
        f"{BOX}.env",
        [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}],
        f"{BOX}.env[1]",
        message='.env: duplicate entries for key [name="A"]',
    ),
    refused("Deployment", f"{BOX}.env[0]", {"name": "A=B"}, f"{BOX}.env[0].name"),
    taken("Deployment", f"{BOX}.env[0]", {"name": "a b.c-D"}),
    refused(
        "Deployment",
        f"{BOX}.env[0]",
        {"name": "A", "value": "x", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}},
        f"{BOX}.env[0].valueFrom",
    ),
    refused("Deployment", f"{BOX}.env[0]", {"name": "A", "valueFrom": {}}, f"{BOX}.env[0].valueFrom"),
    refused("Deployment", f"{BOX}.envFrom[0]", {"secretRef": {"name": "S"}}, f"{BOX}.envFrom[0].secretRef.name"),
    refused("Deployment", f"{BOX}.volumeMounts[0]", {"name": "data", "mountPath": "/d"}, f"{BOX}.volumeMounts[0].name"),
    Row(
        "Deployment",
        {
            f"{POD}.volumes": [{"name": "data", "emptyDir": {}}],
            f"{BOX}.volumeMounts[0]": {"name": "data", "mountPath": "/d", "subPath": "a/b"},
        },
    ),
    Row(
        "Deployment",
        {
            f"{POD}.volumes": [{"name": "data", "emptyDir": {}}],
            f"{BOX}.volumeMounts[0]": {"name": "data", "mountPath": "/d", "subPath": "../b"},
        },
        (f"{BOX}.volumeMounts.subPath",),
    ),
    refused("Deployment", f"{POD}.volumes[0]", {"name": "Data", "emptyDir": {}}, f"{POD}.volumes[0].name"),
    refused(
        "Deployment",
        f"{POD}.volumes[0]",
        {"name": "data", "emptyDir": {}, "secret": {"secretName": "s"}},
        f"{POD}.volumes[0].secret",
    ),
    refused(
        "Deployment",
        f"{POD}.volumes[0]",
        {"name": "data", "configMap": {"name": "c", "defaultMode": 512}},
        f"{POD}.volumes[0].configMap.defaultMode",
    ),
    *(taken("Deployment", f"{BOX}.resources", {"requests": {"cpu": v}}) for v in ("100m", 1, 0.5, "1e-1", "0.5", ".5")),
    taken("Deployment", f"{BOX}.resources", {"requests": {"memory": "1024Mi"}, "limits": {"memory": "1Gi"}}),
    refused(
        "Deployment",
        f"{BOX}.resources",
        {"requests": {"memory": "1025Mi"}, "limits": {"memory": "1Gi"}},
        f"{BOX}.resources.requests",
    ),
    refused(
        "Deployment",
        f"{BOX}.resources",
        {"requests": {"cpu": 1}, "limits": {"cpu": "999m"}},
        f"{BOX}.resources.requests",
    ),
    refused("Deployment", f"{BOX}.resources", {"limits": {"cpu": "-1"}}, f"{BOX}.resources.limits[cpu]"),
    refused("Deployment", f"{BOX}.resources", {"limits": {"mem": "1"}}, f"{BOX}.resources.limits[mem]"),
    refused(
        "Deployment",
        f"{BOX}.resources",
        {"limits": {"memory": "1gb"}},
        f"{BOX}.resources.limits[memory]",
        message="quantities must match the regular expression",
    ),
    *(
        refused("Deployment", f"{LIVE}", {**GET, key: -1}, f"{LIVE}.{key}")
        for key in ("periodSeconds", "timeoutSeconds")
    ),
    taken("Deployment", LIVE, {**GET, "periodSeconds": 0, "failureThreshold": 0}),
    refused("Deployment", LIVE, {**GET, "successThreshold": 2}, f"{LIVE}.successThreshold"),
    taken("Deployment", READY, {**GET, "successThreshold": 2}),
    refused("Deployment", LIVE, {**GET, "tcpSocket": {"port": 1}}, f"{LIVE}.tcpSocket"),
    refused("Deployment", LIVE, {"periodSeconds": 1}, LIVE),
    refused("Deployment", LIVE, {"httpGet": {"port": 0}}, f"{LIVE}.httpGet.port"),
    refused("Deployment", LIVE, {"httpGet": {"port": "HTTP"}}, f"{LIVE}.httpGet.port"),
    refused("Deployment", LIVE, {"exec": {"command": []}}, f"{LIVE}.exec.command"),
    refused("Deployment", f"{BOX}.lifecycle.preStop", {"sleep": {"seconds": 31}}, f"{BOX}.lifecycle.preStop.sleep"),
    taken("Deployment", f"{BOX}.lifecycle.preStop", {"sleep": {"seconds": 30}}),
    Row(
        "Deployment",
        {f"{BOX}.lifecycle.preStop": {"sleep": {"seconds": 31}}, f"{POD}.terminationGracePeriodSeconds": 31},
    ),
    refused("Deployment", f"{BOX}.lifecycle.preStop", {}, f"{BOX}.lifecycle.preStop"),
]

PODS = [
    # the Pods stop at once
    taken("Deployment", f"{POD}.terminationGracePeriodSeconds", -1),
    taken("Deployment", f"{POD}.terminationGracePeriodSeconds", 0),
    refused("Deployment", f"{POD}.restartPolicy", "Never"),
    refused("Deployment", f"{POD}.serviceAccountName", "Shop"),
    refused("Deployment", f"{POD}.nodeSelector", {"a b": "x"}),
    refused("Deployment", f"{POD}.tolerations[0]", {"value": "x"}, f"{POD}.tolerations[0].operator"),
    refused("Deployment", f"{POD}.tolerations[0]", {"key": "a", "effect": "No"}, f"{POD}.tolerations[0].effect"),
    refused(
        "Deployment",
        f"{POD}.tolerations[0]",
        {"key": "a", "operator": "Exists", "effect": "NoSchedule", "tolerationSeconds": 1},
        f"{POD}.tolerations[0].effect",
    ),
    taken("Deployment", f"{POD}.tolerations[0]", {"operator": "Exists"}),
    refused(
        "Deployment",
        f"{POD}.topologySpreadConstraints[0]",
        {"maxSkew": 0, "topologyKey": "zone", "whenUnsatisfiable": "ScheduleAnyway"},
        f"{POD}.topologySpreadConstraints[0].maxSkew",
    ),
]

WORKLOADS = [
    refused("Deployment", "spec.replicas", -1),
    taken("Deployment", "spec.replicas", 0),
    refused("Deployment", "spec.minReadySeconds", 600, "spec.progressDeadlineSeconds"),
    refused("Deployment", "spec.revisionHistoryLimit", -1),
    refused("Deployment", "spec.selector", {"matchLabels": {"app": "other"}}, "spec.template.metadata.labels"),
    taken("Deployment", "spec.selector", {"matchExpressions": [{"key": "app", "operator": "Exists"}]}),
    refused(
        "Deployment",
        "spec.selector",
        {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["shop"]}]},
        "spec.template.metadata.labels",
    ),
    refused(
        "Deployment", "spec.strategy", {"rollingUpdate": {"maxSurge": "25"}}, "spec.strategy.rollingUpdate.maxSurge"
    ),
    taken("Deployment", "spec.strategy", {"rollingUpdate": {"maxSurge": "200%", "maxUnavailable": 0}}),
    *(
        refused(
            "Deployment",
            "spec.strategy",
            {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": value}},
            "spec.strategy.rollingUpdate.maxUnavailable",
        )
        for value in ("101%", -1)
    ),
    refused(
        "Deployment",
        "spec.strategy",
        {"rollingUpdate": {"maxSurge": "0%", "maxUnavailable": 0}},
        "spec.strategy.rollingUpdate.maxUnavailable",
    ),
    refused(
        "Deployment",
        "spec.strategy",
        {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}},
        "spec.strategy.rollingUpdate",
    ),
    refused("StatefulSet", "spec.replicas", -1),
    refused("StatefulSet", "spec.podManagementPolicy", "Serial"),
    Row(
        "StatefulSet",
        {
            "spec.volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": CLAIM}],
            f"{BOX}.volumeMounts[0]": {"name": "data", "mountPath": "/d"},
        },
    ),
    refused("Job", f"{POD}.restartPolicy", ABSENT),
    refused("Job", "spec.backoffLimit", -1),
    taken("Job", "spec.completionMode", "Indexed"),
    Row("Job", {"spec.completionMode": "Indexed", "spec.parallelism": 2}, ("spec.completions",)),
    *(
        taken("CronJob", "spec.schedule", s)
        for s in ("@hourly", "@every 1h30m", "*/5 0-6,8 ? jan-MAR mon", "5/10 * * * 6")
    ),
    *(
        refused("CronJob", "spec.schedule", s)
        for s in ("* * * *", "60 * * * *", "0 24 * * *", "0 0 0 * *", "* * * * 7", "9-5 * * * *", "*/0 * * * *")
    ),
    refused("CronJob", "spec.schedule", "@often"),
    refused("CronJob", "spec.schedule", "TZ=UTC 0 0 * * *"),
    taken("CronJob", "spec.timeZone", "Europe/Stockholm"),
    refused("CronJob", "spec.timeZone", "Europe/Stokholm"),
    refused("CronJob", "spec.timeZone", "Local"),
    refused("CronJob", "spec.concurrencyPolicy", "Wait"),
    refused("CronJob", "spec.failedJobsHistoryLimit", -1),
    refused("CronJob", "spec.jobTemplate.spec.template.spec.containers[0].name", "A"),
    refused("HorizontalPodAutoscaler", "spec.maxReplicas", 0),
    refused("HorizontalPodAutoscaler", "spec.minReplicas", 4, "spec.maxReplicas"),
    Row(
        "HorizontalPodAutoscaler",
        {"spec.minReplicas": 0},
        ("spec.minReplicas",),
        server=("spec.minReplicas", "spec.metrics"),
    ),
    taken("HorizontalPodAutoscaler", "spec.minReplicas", 3),
    refused("HorizontalPodAutoscaler", f"{TARGET}.averageUtilization", 0),
    taken("HorizontalPodAutoscaler", f"{TARGET}.averageUtilization", 150),
    refused("PodDisruptionBudget", "spec.minAvailable", 1, "spec"),
    refused("PodDisruptionBudget", "spec.maxUnavailable", "101%"),
    refused("PodDisruptionBudget", "spec.maxUnavailable", "half"),
    taken("PodDisruptionBudget", "spec.maxUnavailable", "100%"),
    refused("PersistentVolumeClaim", "spec.accessModes", []),
    refused("PersistentVolumeClaim", "spec.accessModes", ["ReadWrite"]),
    refused("PersistentVolumeClaim", "spec.resources", {"requests": {"storage": "0"}}, "spec.resources[storage]"),
    refused("PersistentVolumeClaim", "spec.resources", {}, "spec.resources[storage]"),
]

NETWORK = [
    refused("Service", "spec.ports[0].port", 0),
    refused("Service", "spec.ports[0].port", 65536),
    refused("Service", "spec.ports[0].targetPort", 70000),
    taken("Service", "spec.ports[0].targetPort", "http-main"),
    refused("Service", "spec.ports[0].targetPort", "80"),
    refused("Service", "spec.ports[1]", {"port": 81}, "spec.ports[1].name"),
    refused("Service", "spec.ports[1]", {"port": 81, "name": "http"}, "spec.ports[1].name"),
    refused(
        "Service",
        "spec.ports[1]",
        {"port": 80, "name": "other"},
        message='.spec.ports: duplicate entries for key [port=80,protocol="TCP"]',
    ),
    refused("Service", "spec.ports", []),
    Row("Service", {"spec.ports": [], "spec.clusterIP": "None"}),
    refused("Service", "spec.type", "Internal"),
    refused("Service", "spec.selector", {"a b": "c"}),
    *(taken("Ingress", "spec.rules[0].host", host) for host in ("*.example.com", "example")),
    *(
        refused("Ingress", "spec.rules[0].host", host)
        for host in ("Shop.example.com", "192.0.2.1", "shop.example.com:80", "a.*.example.com", "*")
    ),
    refused("Ingress", f"{RULE}.pathType", "prefix"),
    refused("Ingress", f"{RULE}.path", "shop"),
    refused("Ingress", f"{RULE}.path", "/a//b"),
    refused("Ingress", f"{RULE}.path", ""),
    refused("Ingress", f"{RULE}.backend.service.port", {"number": 65536}, f"{RULE}.backend.service.port.number"),
    refused("Ingress", f"{RULE}.backend.service.port", {"number": 80, "name": "http"}, f"{RULE}.backend"),
    refused("Ingress", f"{RULE}.backend.service.port", {}, f"{RULE}.backend"),
    refused("Ingress", "spec.rules", [], "spec"),
    refused("Ingress", "spec.tls", [{"hosts": ["a_b"]}], "spec.tls[0].hosts[0]"),
    refused("NetworkPolicy", f"{PEER}.ipBlock.cidr", "192.0.2.0"),
    refused("NetworkPolicy", f"{PEER}.ipBlock.cidr", "192.0.2.0/33"),
    refused("NetworkPolicy", f"{PEER}.ipBlock.cidr", "192.0.2.1/24"),
    taken("NetworkPolicy", f"{PEER}.ipBlock.cidr", "2001:db8::/32"),
    taken("NetworkPolicy", f"{PEER}.ipBlock.except", ["192.0.2.128/25"]),
    refused("NetworkPolicy", f"{PEER}.ipBlock.except", ["198.51.100.0/25"], f"{PEER}.ipBlock.except[0]"),
    refused("NetworkPolicy", f"{PEER}.ipBlock.except", ["192.0.2.0/24"], f"{PEER}.ipBlock.except[0]"),
    refused("NetworkPolicy", f"{PEER}.podSelector", {}, PEER),
    refused("NetworkPolicy", PEER, {}),
    refused("NetworkPolicy", PORT, {"port": 0}, f"{PORT}.port"),
    refused("NetworkPolicy", PORT, {"port": 80, "endPort": 79}, f"{PORT}.endPort"),
    refused("NetworkPolicy", PORT, {"port": "http", "endPort": 90}, f"{PORT}.endPort"),
    taken("NetworkPolicy", PORT, {"port": 80, "endPort": 90}),
    refused("NetworkPolicy", "spec.policyTypes", ["egress"], "spec.policyTypes[0]"),
]

ROWS = [*METADATA, *CONTAINERS, *PODS, *WORKLOADS, *NETWORK]
