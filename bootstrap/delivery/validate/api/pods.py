"""Templates of Pods: the containers beside each other, volumes and scheduling."""

from itertools import chain

from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.validate.api.containers import check_container, descending
from bootstrap.delivery.validate.api.fields import (
    CONFIG_KEY,
    LABEL,
    SUBDOMAIN,
    Fields,
    Found,
    choice,
    integer,
    is_qualified_name,
    items,
    one_of,
    required,
    text,
    unique,
)
from bootstrap.delivery.validate.api.metadata import label_map, labels, selector
from bootstrap.delivery.validate.structure import Mistake

_GRACE = 30
"""Seconds that a Pod has to stop where it does not set them: SetDefaults_PodSpec in pkg/apis/core/v1/defaults.go."""

_CONDITIONS = {"In": True, "NotIn": True, "Gt": True, "Lt": True, "Exists": False, "DoesNotExist": False}
"""Whether an operator of node selectors has values."""


def check_template(template: Fields, path: str, *restarts: str, claims: frozenset[str] = frozenset()) -> Found:
    """Yield what is wrong with a Pod template: ValidatePodTemplateSpec and ValidatePodSpec in core.

    Args:
        template: its fields.
        path: where it is.
        restarts: the ``restartPolicy`` that its owner allows.
        claims: names of volumes that the owner adds.
    """
    yield from labels(section(template, "metadata"), f"{path}.metadata")
    spec, path = section(template, "spec"), f"{path}.spec"
    if (policy := spec.get("restartPolicy") or "Always") not in restarts:
        yield Mistake(path=f"{path}.restartPolicy", text=f"got {policy!r}; allowed: {', '.join(restarts)}")
    given = spec.get("terminationGracePeriodSeconds")
    grace = _GRACE if given is None else int(given)
    volumes = frozenset(str(volume["name"]) for volume in entries(spec.get("volumes"))) | claims
    yield from required(spec, path, "containers")
    for key in ("initContainers", "containers"):
        for where, container in items(spec, key, path):
            yield from check_container(container, where, volumes, grace, init=key == "initContainers")
    every = chain(items(spec, "containers", path), items(spec, "initContainers", path))
    yield from unique(((f"{where}.name", container["name"]) for where, container in every), "a name")
    yield from _volumes(spec, path)
    yield from _scheduling(spec, path)
    yield from integer(spec, path, "activeDeadlineSeconds", least=1)
    yield from choice(spec, path, "dnsPolicy", "ClusterFirst", "ClusterFirstWithHostNet", "Default", "None")
    yield from text(spec, path, "serviceAccountName", SUBDOMAIN)
    yield from text(spec, path, "priorityClassName", SUBDOMAIN)
    yield from text(spec, path, "hostname", LABEL)
    yield from text(spec, path, "subdomain", LABEL)
    context = section(spec, "securityContext")
    yield from integer(context, f"{path}.securityContext", "runAsUser", "runAsGroup", "fsGroup")


def _volumes(spec: Fields, path: str) -> Found:
    # core ValidateVolumes, validateVolumeSource
    found = list(items(spec, "volumes", path))
    for where, volume in found:
        yield from required(volume, where, "name")
        yield from text(volume, where, "name", LABEL)
        yield from one_of(volume, where, *(key for key in volume if key != "name"), need=False)
        for kind, name in (("configMap", "name"), ("secret", "secretName"), ("persistentVolumeClaim", "claimName")):
            if volume.get(kind) is not None:
                source, there = volume[kind], f"{where}.{kind}"
                yield from required(source, there, name)
                yield from integer(source, there, "defaultMode", most=0o777)
                yield from _projected(source, there)
        for there, source in items(section(volume, "projected"), "sources", f"{where}.projected"):
            for kind in ("configMap", "secret"):
                if source.get(kind) is not None:
                    yield from required(source[kind], f"{there}.{kind}", "name")
                    yield from _projected(source[kind], f"{there}.{kind}")
    yield from unique(((f"{where}.name", volume["name"]) for where, volume in found), "a name")


def _projected(source: Fields, path: str) -> Found:
    # core validateKeyToPath
    for where, item in items(source, "items", path):
        yield from required(item, where, "key", "path")
        yield from descending(item["path"], f"{where}.path")
        yield from integer(item, where, "mode", most=0o777)
        yield from text(item, where, "key", CONFIG_KEY)


def _scheduling(spec: Fields, path: str) -> Found:
    # core ValidateTolerations, validateTopologySpreadConstraints, validateAffinity
    yield from label_map(section(spec, "nodeSelector"), f"{path}.nodeSelector")
    for where, item in items(spec, "tolerations", path):
        yield from _toleration(item, where)
    found = list(items(spec, "topologySpreadConstraints", path))
    for where, item in found:
        yield from integer(item, where, "maxSkew", "minDomains", least=1)
        yield from required(item, where, "topologyKey", "whenUnsatisfiable")
        yield from choice(item, where, "whenUnsatisfiable", "DoNotSchedule", "ScheduleAnyway")
        yield from selector(section(item, "labelSelector"), f"{where}.labelSelector")
    yield from unique(
        ((where, (item["topologyKey"], item["whenUnsatisfiable"])) for where, item in found), "a key and consequence"
    )
    node = f"{path}.affinity.nodeAffinity"
    needed = section(spec, "affinity", "nodeAffinity", "requiredDuringSchedulingIgnoredDuringExecution")
    for where, term in items(needed, "nodeSelectorTerms", f"{node}.requiredDuringSchedulingIgnoredDuringExecution"):
        yield from _node_term(term, where)
    wished = section(spec, "affinity", "nodeAffinity")
    for where, item in items(wished, "preferredDuringSchedulingIgnoredDuringExecution", node):
        yield from integer(item, where, "weight", least=1, most=100)
        yield from _node_term(section(item, "preference"), f"{where}.preference")
    for kind in ("podAffinity", "podAntiAffinity"):
        terms, place = section(spec, "affinity", kind), f"{path}.affinity.{kind}"
        for where, term in items(terms, "requiredDuringSchedulingIgnoredDuringExecution", place):
            yield from _pod_term(term, where)
        for where, item in items(terms, "preferredDuringSchedulingIgnoredDuringExecution", place):
            yield from integer(item, where, "weight", least=1, most=100)
            yield from _pod_term(section(item, "podAffinityTerm"), f"{where}.podAffinityTerm")


def _toleration(item: Fields, path: str) -> Found:
    key, operator = item.get("key") or "", item.get("operator") or "Equal"
    if key and not is_qualified_name(key):
        yield Mistake(path=f"{path}.key", text=f"got {key!r}; allowed: the key of a taint")
    if not key and operator != "Exists":
        yield Mistake(path=f"{path}.operator", text="got Equal without a key; allowed: Exists")
    if item.get("tolerationSeconds") is not None and item.get("effect") != "NoExecute":
        yield Mistake(path=f"{path}.effect", text="is not NoExecute, which tolerationSeconds needs")
    yield from choice(item, path, "operator", "Equal", "Exists")
    if operator == "Exists" and item.get("value"):
        yield Mistake(path=f"{path}.operator", text="got Exists with a value; allowed: Equal")
    yield from choice(item, path, "effect", "NoSchedule", "PreferNoSchedule", "NoExecute")


def _node_term(term: Fields, path: str) -> Found:
    for where, item in items(term, "matchExpressions", path):
        if item["operator"] not in _CONDITIONS:
            text_ = f"got {item['operator']!r}; allowed: {', '.join(_CONDITIONS)}"
            yield Mistake(path=f"{where}.operator", text=text_)
        elif bool(item.get("values")) != _CONDITIONS[item["operator"]]:
            allowed = "values" if _CONDITIONS[item["operator"]] else "no values"
            yield Mistake(path=f"{where}.values", text=f"allowed with {item['operator']}: {allowed}")


def _pod_term(term: Fields, path: str) -> Found:
    yield from required(term, path, "topologyKey")
    yield from selector(section(term, "labelSelector"), f"{path}.labelSelector")
