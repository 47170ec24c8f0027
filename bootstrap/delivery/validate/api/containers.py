"""Containers of a Pod: ports, environment, mounts, resources, probes and hooks."""

from typing import Any

from bootstrap.delivery.manifests import section
from bootstrap.delivery.validate.api.fields import (
    CONFIG_KEY,
    ENVIRONMENT,
    LABEL,
    PORT_NAME,
    SUBDOMAIN,
    Fields,
    Found,
    choice,
    integer,
    is_qualified_name,
    items,
    one_of,
    port,
    quantity,
    required,
    text,
    unique,
)
from bootstrap.delivery.validate.structure import Mistake

_HANDLERS = ("exec", "httpGet", "tcpSocket", "grpc")
_PROBES = ("livenessProbe", "readinessProbe", "startupProbe")


def check_container(container: Fields, path: str, volumes: frozenset[str], grace: int, *, init: bool) -> Found:
    """Yield what is wrong with a container: validateContainerCommon and validateContainers in core.

    Args:
        container: its fields.
        path: where it is.
        volumes: names of the Pod's volumes.
        grace: the Pod's ``terminationGracePeriodSeconds``.
        init: whether it is of ``initContainers``.
    """
    yield from required(container, path, "name", "image")
    yield from text(container, path, "name", LABEL)
    yield from choice(container, path, "imagePullPolicy", "Always", "IfNotPresent", "Never")
    yield from _ports(container, path)
    yield from _environment(container, path)
    yield from _mounts(container, path, volumes)
    yield from check_resources(section(container, "resources"), f"{path}.resources")
    yield from _security(section(container, "securityContext"), f"{path}.securityContext")
    sidecar = not init or container.get("restartPolicy") == "Always"
    for key in (*_PROBES, "lifecycle"):
        if container.get(key) is not None and not sidecar:
            yield Mistake(path=f"{path}.{key}", text="is there; allowed: none without restartPolicy: Always")
        elif container.get(key) is not None and key in _PROBES:
            yield from _probe(container[key], f"{path}.{key}", key)
    for hook in ("postStart", "preStop") if sidecar else ():
        if (handler := section(container, "lifecycle").get(hook)) is not None:
            yield from _hook(handler, f"{path}.lifecycle.{hook}", grace)


def _ports(container: Fields, path: str) -> Found:
    # core validateContainerPorts; a key of two entries is refused by the server-side apply that Argo CD uses
    found = list(items(container, "ports", path))
    for where, item in found:
        yield from text(item, where, "name", PORT_NAME)
        yield from port(item, where, "containerPort", named=False)
        yield from integer(item, where, "hostPort", most=65535)
        yield from choice(item, where, "protocol", "TCP", "UDP", "SCTP")
    yield from unique(((f"{where}.name", item["name"]) for where, item in found if item.get("name")), "a name")
    keys = ((where, (item["containerPort"], item.get("protocol") or "TCP")) for where, item in found)
    yield from unique(keys, "a port and protocol")


def _environment(container: Fields, path: str) -> Found:
    # core ValidateEnv, validateEnvVarValueFrom, ValidateEnvFrom
    found = list(items(container, "env", path))
    for where, item in found:
        yield from required(item, where, "name")
        yield from text(item, where, "name", ENVIRONMENT)
        source = item.get("valueFrom")
        if source is None:
            continue
        if item.get("value"):
            yield Mistake(path=f"{where}.valueFrom", text="is there beside value; allowed: one of them")
        keys = ("fieldRef", "resourceFieldRef", "configMapKeyRef", "secretKeyRef", "fileKeyRef")
        given = [key for key in keys if source.get(key) is not None]
        if len(given) != 1:
            yield Mistake(
                path=f"{where}.valueFrom", text=f"got {len(given)} sources; allowed: one of {', '.join(keys)}"
            )
        for key in ("configMapKeyRef", "secretKeyRef"):
            if key in given:
                yield from required(source[key], f"{where}.valueFrom.{key}", "name")
                yield from text(source[key], f"{where}.valueFrom.{key}", "name", SUBDOMAIN)
                yield from text(source[key], f"{where}.valueFrom.{key}", "key", CONFIG_KEY)
    yield from unique(((where, item["name"]) for where, item in found), "a name")
    for where, item in items(container, "envFrom", path):
        yield from text(item, where, "prefix", ENVIRONMENT)
        yield from one_of(item, where, "configMapRef", "secretRef")
        for key in ("configMapRef", "secretRef"):
            if item.get(key) is not None:
                yield from required(item[key], f"{where}.{key}", "name")
                yield from text(item[key], f"{where}.{key}", "name", SUBDOMAIN)


def _mounts(container: Fields, path: str, volumes: frozenset[str]) -> Found:
    # core ValidateVolumeMounts; the paths of subPath are those of the server, without the index
    found = list(items(container, "volumeMounts", path))
    for where, item in found:
        yield from required(item, where, "name", "mountPath")
        if item["name"] and item["name"] not in volumes:
            known = ", ".join(sorted(volumes)) or "none"
            yield Mistake(path=f"{where}.name", text=f"got {item['name']!r}; volumes of the Pod: {known}")
        for key in ("subPath", "subPathExpr"):
            if item.get(key):
                yield from descending(item[key], f"{path}.volumeMounts.{key}")
        if item.get("subPath") and item.get("subPathExpr"):
            yield Mistake(path=f"{where}.subPathExpr", text="is there beside subPath; allowed: one of them")
    yield from unique(((f"{where}.mountPath", item["mountPath"]) for where, item in found), "a path")


def descending(value: str, path: str) -> Found:
    """Yield a path that is absolute or leaves its folder: core validateLocalDescendingPath."""
    if value.startswith("/") or ".." in value.split("/"):
        yield Mistake(path=path, text=f"got {value!r}; allowed: a relative path without ..")


def check_resources(resources: Fields, path: str) -> Found:
    """Yield quantities that are none or negative, and requests over limits: core validateResourceRequirements."""
    amounts: dict[str, dict[str, Any]] = {"limits": {}, "requests": {}}
    for side, found in amounts.items():
        for name, value in section(resources, side).items():
            where = f"{path}.{side}[{name}]"
            amount = quantity(value)
            standard = name in {"cpu", "memory", "ephemeral-storage"} or name.startswith("hugepages-")
            if not standard and not ("/" in name and is_qualified_name(name)):
                allowed = "cpu, memory, ephemeral-storage, hugepages-<size>, or an extended resource behind a DNS name"
                yield Mistake(path=where, text=f"got {name!r}; allowed: {allowed}")
            elif amount is None:
                yield Mistake(path=where, text=f"got {value!r}; allowed: a quantity such as 100m or 128Mi")
            elif amount < 0 or (not standard and amount != int(amount)):
                allowed = "0 or more" if standard else "a whole number from 0"
                yield Mistake(path=where, text=f"got {value}; allowed: {allowed}")
            else:
                found[name] = amount
    for name, amount in amounts["requests"].items():
        limit = amounts["limits"].get(name)
        shared = name in {"cpu", "memory", "ephemeral-storage"}
        if limit is None and not shared and name not in section(resources, "limits"):
            yield Mistake(
                path=f"{path}.limits", text=f"is missing {name}, of which a limit equal to the request is needed"
            )
        elif limit is not None and (amount > limit or (amount != limit and not shared)):
            allowed = "at most the limit" if shared else "the limit"
            given, most = resources["requests"][name], resources["limits"][name]
            yield Mistake(path=f"{path}.requests", text=f"got {given} of {name}; allowed: {allowed}, {most}")


def _security(context: Fields, path: str) -> Found:
    # core ValidateSecurityContext
    yield from integer(context, path, "runAsUser", "runAsGroup")
    if context.get("allowPrivilegeEscalation") is False and context.get("privileged"):
        yield Mistake(path=path, text="got allowPrivilegeEscalation: false with privileged: true; allowed: one of them")


def _handler(handler: Fields, path: str, *kinds: str) -> Found:
    # core validateHandler
    yield from one_of(handler, path, *kinds)
    if handler.get("exec") is not None:
        yield from required(handler["exec"], f"{path}.exec", "command")
    for key in ("httpGet", "tcpSocket", "grpc"):
        if handler.get(key) is not None:
            yield from port(handler[key], f"{path}.{key}", "port", named=key != "grpc")
    yield from choice(section(handler, "httpGet"), f"{path}.httpGet", "scheme", "HTTP", "HTTPS")


def _probe(probe: Fields, path: str, kind: str) -> Found:
    # core validateProbe, validateLivenessProbe, validateReadinessProbe; 0 means the default
    yield from _handler(probe, path, *_HANDLERS)
    numbers = ("initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold")
    yield from integer(probe, path, *numbers)
    if kind != "readinessProbe" and (probe.get("successThreshold") or 1) > 1:
        yield Mistake(path=f"{path}.successThreshold", text=f"got {probe['successThreshold']}; allowed: 1")
    if kind == "readinessProbe" and probe.get("terminationGracePeriodSeconds") is not None:
        yield Mistake(path=f"{path}.terminationGracePeriodSeconds", text="is there; allowed: none in a readinessProbe")
    elif kind != "readinessProbe":
        yield from integer(probe, path, "terminationGracePeriodSeconds", least=1)


def _hook(handler: Fields, path: str, grace: int) -> Found:
    # core validateLifecycle, validateSleepAction
    yield from _handler(handler, path, "exec", "httpGet", "tcpSocket", "sleep")
    if (sleep := handler.get("sleep")) is not None and not 0 <= sleep["seconds"] <= grace:
        allowed = f"0 to terminationGracePeriodSeconds, {grace}"
        yield Mistake(path=f"{path}.sleep", text=f"got {sleep['seconds']}; allowed: {allowed}")
