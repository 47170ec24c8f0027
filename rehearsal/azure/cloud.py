"""The cloud behind the stand-in: resources in a file, with the behaviour of Azure Resource Manager.

The file outlives the provider's process, as Azure outlives a killed run: a creation that was accepted continues
without its caller. Tests and rehearsals read the file, and change resources outside Pulumi.
"""

import contextlib
import copy
import datetime as dt
import fcntl
import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.azure.resource_types import name_of
from rehearsal.azure import refusals
from rehearsal.azure.refusals import AzureError


@dataclass(frozen=True, kw_only=True)
class Fault:
    """An injected failure of calls for one type and operation."""

    type: str
    """Token without ``azure-native:``, such as ``keyvault:Vault``."""
    operation: str = "create"
    """create, update, delete or read."""
    call: int = 1
    """Number of the first call that fails; calls count from 1."""
    times: int = 1
    """Number of consecutive calls that fail."""
    code: str = "InternalServerError"
    status: int = 500
    accepted: bool = False
    """Whether the request is accepted, and its operation fails later: the resource exists then, failed."""

    def is_due(self, type_: str, operation: str, call: int) -> bool:
        """Tell whether it applies to a call."""
        return (self.type, self.operation) == (type_, operation) and self.call <= call < self.call + self.times


@dataclass(frozen=True, kw_only=True)
class ControlPlaneAddress:
    """The control plane that a cluster's kubeconfig points at."""

    name: str
    server: str
    """URL of the API server."""
    certificate_authority: str
    """PEM certificate, in base64."""


@dataclass(frozen=True, kw_only=True)
class Behaviour:
    """How this cloud behaves; by default nothing fails, and everything is instant."""

    seconds_per_minute: float = 0.0
    """Real seconds for each minute that Azure typically takes; 0 makes everything instant."""
    faults: tuple[Fault, ...] = ()
    patch: str = "4"
    """Patch version of every cluster and pool, such as 1.35.4 for minor version 1.35."""
    role_seconds: float = 0.0
    """Seconds until a new role assignment takes effect."""
    directory_seconds: float = 60.0
    """Seconds until a new identity is found by who does not say that it is a service principal."""


class Cloud:
    """Resources by id, in a file that processes share under a lock."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        """Use an existing file; :meth:`create` writes a new one."""
        self._path = path
        self.now = clock

    @classmethod
    def create(
        cls,
        path: Path,
        *,
        behaviour: Behaviour | None = None,
        control_planes: tuple[ControlPlaneAddress, ...] = (),
        clock: Callable[[], float] = time.time,
    ) -> "Cloud":
        """Write the file of an empty cloud, with the control planes that its clusters will take in order."""
        cloud = cls(path, clock=clock)
        empty = {
            "behaviour": asdict(behaviour or Behaviour()),
            "controlPlanes": [{**asdict(plane), "cluster": None} for plane in control_planes],
            "resources": {},
            "softDeleted": {},
            "foreign": [],
            "principals": {},
            "occupied": {},
            "gone": {},
            "calls": {},
            "log": [],
            "serial": 0,
        }
        path.write_text(json.dumps(empty), encoding="utf-8")
        return cloud

    @contextlib.contextmanager
    def _open(self) -> Iterator[dict[str, Any]]:
        with self._path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            content = self._read()
            yield content
            written = self._path.with_suffix(".new")
            written.write_text(json.dumps(content), encoding="utf-8")
            written.replace(self._path)

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        resources, now = content["resources"], self.now()
        for key in [key for key, found in resources.items() if found.get("deleting") and found["ready"] <= now]:
            content["gone"][key] = resources.pop(key)["ready"]
        return content

    # used by the provider

    @property
    def behaviour(self) -> Behaviour:
        """Its current behaviour."""
        data = self._read()["behaviour"]
        return Behaviour(**{**data, "faults": tuple(Fault(**fault) for fault in data["faults"])})

    def control_plane(self, name: str) -> ControlPlaneAddress:
        """Return the control plane of a name."""
        found = next(plane for plane in self._read()["controlPlanes"] if plane["name"] == name)
        return ControlPlaneAddress(**{key: found[key] for key in ("name", "server", "certificate_authority")})

    def count(self, type_: str, operation: str) -> None:
        """Count a call, and apply the faults of :attr:`behaviour`.

        Raises:
            AzureError: a fault applies to this call.
        """
        with self._open() as content:
            key = f"{type_}/{operation}"
            number = content["calls"][key] = content["calls"].get(key, 0) + 1
        for fault in self.behaviour.faults:
            if not fault.accepted and fault.is_due(type_, operation, number):
                raise AzureError(fault.code, f"injected failure of {key}, call {number}", fault.status)

    def _due(self, content: Mapping[str, Any], type_: str) -> AzureError | None:
        """Return what an injected fault makes an accepted creation fail with."""
        number = content["calls"].get(f"{type_}/create", 0)
        for data in content["behaviour"]["faults"]:
            fault = Fault(**data)
            if fault.accepted and fault.is_due(type_, "create", number):
                return AzureError(fault.code, f"injected failure of the operation of {type_}", 200)
        return None

    def not_found(self, id_: str, type_: str) -> AzureError:
        """Return what Azure says of a resource that is not there."""
        return refusals.not_found(self._read(), id_, type_, self.now())

    def holders(self, id_: str) -> list[str]:
        """Return the ids, in lower case, of the resources that hold one against its deletion."""
        return [holder for holder, held in refusals.holds(self._read()) if held == id_.lower()]

    def get(self, id_: str) -> dict[str, Any] | None:
        """Return a resource, or None where there is none; one that is still being created is returned too."""
        found: dict[str, Any] | None = self._read()["resources"].get(id_.lower())
        return found

    def id_as_written(self, key: str) -> str:
        """Return an id as its creator wrote it."""
        found = self._read()["resources"].get(key)
        return str(found["id"]) if found else key

    def descendants(self, id_: str) -> list[dict[str, Any]]:
        """Return the resources nested below an id, oldest first."""
        found = self._read()["resources"].items()
        return [resource for key, resource in found if key.startswith(f"{id_.lower()}/")]

    def put(self, id_: str, type_: str, inputs: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Accept a creation or an update, which completes after some seconds whether or not the caller waits.

        An update ends any drift of the resource.

        Args:
            id_: ARM id.
            type_: token without ``azure-native:``.
            inputs: the resource's properties, as the SDK has them.
            seconds: how long it takes.

        Raises:
            AzureError: Azure would reject it.
        """
        with self._open() as content:
            now = self.now()
            refusals.refuse_put(content, id_, type_, inputs, now)
            resource: dict[str, Any] | None = content["resources"].get(id_.lower())
            created = resource is None
            if resource is None:
                content["serial"] += 1
                resource = {"id": id_, "type": type_, "serial": content["serial"], "begun": now}
                content["resources"][id_.lower()] = resource
                if type_ == "containerservice:ManagedCluster":
                    resource["controlPlane"] = _assign_control_plane(content, id_)
                if type_ == "keyvault:Vault":
                    content["softDeleted"].pop(name_of(id_), None)
            resource.update(inputs=dict(inputs), drift={}, created=created, changed=now, ready=now + seconds)
            if type_ == "resources:Deployment":
                _deploy(content, id_, inputs)
            error = refusals.failure(content, id_, type_, inputs, now) or self._due(content, type_)
            resource["failure"] = error and {"code": error.code, "message": error.text}
            _log_change(content, "create" if created else "update", id_)
        return resource

    def delete(self, id_: str, seconds: float = 0) -> None:
        """Delete a resource and everything below it; a vault is only soft-deleted.

        Args:
            id_: ARM id.
            seconds: how long a resource group stays, with nothing in it.

        Raises:
            AzureError: a lock forbids it, or another resource holds what would go.
        """
        with self._open() as content:
            doomed = [key for key in content["resources"] if key == id_.lower() or key.startswith(f"{id_.lower()}/")]
            refusals.refuse_delete(content, set(doomed))
            for key in doomed:
                resource = content["resources"].pop(key)
                if resource["type"] == "resources:ResourceGroup" and seconds > 0:
                    resource.update(deleting=True, ready=self.now() + seconds)
                    content["resources"][key] = resource
                if resource["type"] == "keyvault:Vault":
                    content["softDeleted"][name_of(resource["id"])] = resource
                for plane in content["controlPlanes"]:
                    if plane["cluster"] == key:
                        plane["cluster"] = None
                        plane["used"] = True
            _log_change(content, "delete", id_)

    # used by tests and rehearsals: changes outside Pulumi

    def hold(self, holder: str, held: str) -> None:
        """Let a resource of a type that this cloud does not have hold one of its resources against deletion."""
        with self._open() as content:
            content["foreign"].append((holder.lower(), held.lower()))

    def release(self, held: str) -> None:
        """Let go what :meth:`hold` holds."""
        with self._open() as content:
            content["foreign"] = [pair for pair in content["foreign"] if pair[1] != held.lower()]

    def occupy(self, id_: str, seconds: float) -> None:
        """Let somebody else's operation change a resource for some seconds."""
        with self._open() as content:
            content["occupied"][id_.lower()] = self.now() + seconds

    def meet(self, principal: str) -> None:
        """Let a principal that is no identity of this cloud join the directory."""
        with self._open() as content:
            content["principals"].setdefault(principal, self.now())

    def resources(self, type_: str = "") -> list[dict[str, Any]]:
        """Return the resources of a type, or all of them."""
        return [copy.deepcopy(r) for r in self._read()["resources"].values() if type_ in ("", r["type"])]

    def drift(self, id_: str, path: str, value: object) -> None:
        """Change a property outside Pulumi, as the autoscaler, an upgrade channel or a person would.

        Args:
            id_: the resource.
            path: dotted, such as ``count`` or ``tags.owner``.
            value: the value that reads return from now on; plain JSON data.
        """
        with self._open() as content:
            content["resources"][id_.lower()]["drift"][path] = value

    def remove(self, id_: str) -> None:
        """Delete a resource and everything below it outside Pulumi, despite locks."""
        with self._open() as content:
            for key in [k for k in content["resources"] if k == id_.lower() or k.startswith(f"{id_.lower()}/")]:
                del content["resources"][key]
                for plane in content["controlPlanes"]:
                    if plane["cluster"] == key:
                        plane.update(cluster=None, used=True)

    def recreate(self, id_: str) -> None:
        """Replace a cluster outside Pulumi by one of the same name: its uid changes, its API server may be empty."""
        with self._open() as content:
            content["serial"] += 1
            content["resources"][id_.lower()]["serial"] = content["serial"]

    def rotate(self, control_plane: str, certificate_authority: str) -> None:
        """Change the certificate authority that clusters report for a control plane."""
        with self._open() as content:
            for plane in content["controlPlanes"]:
                if plane["name"] == control_plane:
                    plane["certificate_authority"] = certificate_authority

    def behave(self, behaviour: Behaviour) -> None:
        """Change how the cloud behaves from now on, and reset the call counters."""
        with self._open() as content:
            content["behaviour"], content["calls"] = asdict(behaviour), {}

    def log(self) -> list[dict[str, Any]]:
        """Return every accepted change in order, each with ``at``, ``operation`` and ``id``."""
        found: list[dict[str, Any]] = self._read()["log"]
        return found


def _deploy(content: dict[str, Any], id_: str, inputs: Mapping[str, Any]) -> None:
    """Apply a deployment's template: it writes pools of a cluster, the only type that the program deploys this way."""
    group = id_.split("/providers/", maxsplit=1)[0]
    for resource in inputs["properties"]["template"]["resources"]:
        cluster_name, pool = resource["name"].split("/")
        cluster = content["resources"].get(
            f"{group}/providers/Microsoft.ContainerService/managedClusters/{cluster_name}".lower()
        )
        inline = cluster["inputs"]["agentPoolProfiles"] if cluster else []
        found = next((profile for profile in inline if profile["name"] == pool), None)
        if found is None:
            raise AzureError("ResourceNotFound", f"there is no pool {resource['name']}", 404)
        for fixed in ("vmSize", "osDiskType", "maxPods", "availabilityZones", "vnetSubnetID"):
            if resource["properties"].get(fixed) != found.get(fixed):
                raise AzureError("PropertyChangeNotAllowed", f"Changing property 'properties.{fixed}' is not allowed.")
        found.update(resource["properties"])


def _assign_control_plane(content: dict[str, Any], id_: str) -> str | None:
    for plane in content["controlPlanes"]:
        if plane["cluster"] is None and not plane.get("used"):
            plane["cluster"] = id_.lower()
            return str(plane["name"])
    raise AzureError("QuotaExceeded", "this rehearsal has no control plane left for another cluster")


def _log_change(content: dict[str, Any], operation: str, id_: str) -> None:
    content["log"].append({"at": dt.datetime.now(dt.UTC).isoformat(), "operation": operation, "id": id_})
