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
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from components.azure.resource_types import name_of

RETRIED = (429, 503)
"""HTTP statuses after which the real provider's client retries."""


class AzureError(Exception):
    """A request that Azure rejects; ``code`` is Azure's, ``status`` HTTP's."""

    def __init__(self, code: str, text: str, status: int = 400) -> None:
        """Format the message as azure-native does."""
        super().__init__(f'Status={status} Code="{code}" Message="{text}"')
        self.code, self.status = code, status


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


class Cloud:
    """Resources by id, in a file that processes share under a lock."""

    def __init__(self, path: Path) -> None:
        """Use an existing file; :meth:`create` writes a new one."""
        self._path = path

    @classmethod
    def create(
        cls, path: Path, *, behaviour: Behaviour | None = None, control_planes: tuple[ControlPlaneAddress, ...] = ()
    ) -> "Cloud":
        """Write the file of an empty cloud, with the control planes that its clusters will take in order."""
        cloud = cls(path)
        empty = {
            "behaviour": asdict(behaviour or Behaviour()),
            "controlPlanes": [{**asdict(plane), "cluster": None} for plane in control_planes],
            "resources": {},
            "softDeleted": {},
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
            content = json.loads(self._path.read_text(encoding="utf-8"))
            yield content
            written = self._path.with_suffix(".new")
            written.write_text(json.dumps(content), encoding="utf-8")
            written.replace(self._path)

    def _read(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
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
            due = fault.call <= number < fault.call + fault.times
            if due and (fault.type, fault.operation) == (type_, operation):
                raise AzureError(fault.code, f"injected failure of {key}, call {number}", fault.status)

    def get(self, id_: str) -> dict[str, Any] | None:
        """Return a resource, or None where there is none; one that is still being created is returned too."""
        found: dict[str, Any] | None = self._read()["resources"].get(id_.lower())
        return found

    def descendants(self, id_: str) -> list[dict[str, Any]]:
        """Return the resources nested below an id, oldest first."""
        found = self._read()["resources"].items()
        return [resource for key, resource in found if key.startswith(f"{id_.lower()}/")]

    def put(self, id_: str, type_: str, inputs: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Accept a creation, which completes after some seconds whether or not the caller waits.

        Args:
            id_: ARM id.
            type_: token without ``azure-native:``.
            inputs: the resource's properties.
            seconds: how long it takes.

        Raises:
            AzureError: Azure would reject it.
        """
        with self._open() as content:
            _validate(content, id_, type_, inputs)
            content["serial"] += 1
            resource = {
                "id": id_,
                "type": type_,
                "serial": content["serial"],
                "inputs": dict(inputs),
                "drift": {},
                "ready": time.time() + seconds,
            }
            content["resources"][id_.lower()] = resource
            if type_ == "resources:Deployment":
                _deploy(content, id_, inputs)
            if type_ == "containerservice:ManagedCluster":
                resource["controlPlane"] = _assign_control_plane(content, id_)
            if type_ == "keyvault:Vault":
                content["softDeleted"].pop(name_of(id_), None)
            _log_change(content, "create", id_)
        return resource

    def patch(self, id_: str, inputs: Mapping[str, Any]) -> dict[str, Any]:
        """Accept an update, which also ends any drift of the resource.

        Raises:
            AzureError: there is no such resource.
        """
        with self._open() as content:
            resource: dict[str, Any] | None = content["resources"].get(id_.lower())
            if resource is None:
                raise AzureError("ResourceNotFound", f"{id_} was not found", 404)
            _validate_update(resource, inputs)
            resource["inputs"] = dict(inputs)
            resource["drift"] = {}
            if resource["type"] == "resources:Deployment":
                _deploy(content, id_, inputs)
            _log_change(content, "update", id_)
        return resource

    def delete(self, id_: str) -> None:
        """Delete a resource and everything below it; a vault is only soft-deleted.

        Raises:
            AzureError: a lock forbids it.
        """
        with self._open() as content:
            doomed = [key for key in content["resources"] if key == id_.lower() or key.startswith(f"{id_.lower()}/")]
            for key in doomed:
                if _locked(content, key) and ":ManagementLock" not in content["resources"][key]["type"]:
                    raise AzureError("ScopeLocked", f"{id_} cannot be deleted: a lock is on {key}", 409)
            for key in doomed:
                resource = content["resources"].pop(key)
                if resource["type"] == "keyvault:Vault":
                    content["softDeleted"][name_of(resource["id"])] = resource
                for plane in content["controlPlanes"]:
                    if plane["cluster"] == key:
                        plane["cluster"] = None
                        plane["used"] = True
            _log_change(content, "delete", id_)

    # used by tests and rehearsals: changes outside Pulumi

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


def _validate(content: dict[str, Any], id_: str, type_: str, inputs: Mapping[str, Any]) -> None:
    resources = content["resources"]
    if id_.lower() in resources:
        # azure-native's own message: it reads before it creates
        raise AzureError("AlreadyExists", f"cannot create already existing resource '{id_}'", 409)
    group = id_.lower().split("/providers/")[0]
    if type_ != "resources:ResourceGroup" and "/resourcegroups/" in group and group not in resources:
        raise AzureError("ResourceGroupNotFound", f"Resource group '{group}' could not be found.", 404)
    parent = id_.lower().rsplit("/", 2)[0]
    nested = "/" in parent.rpartition("/providers/")[2]
    if nested and "/providers/" in parent and parent not in resources:
        raise AzureError("ParentResourceNotFound", f"'{parent}' could not be found.", 404)
    if type_ == "keyvault:Vault":
        deleted = content["softDeleted"].get(name_of(id_))
        recover = (inputs.get("properties") or {}).get("createMode") == "recover"
        if deleted and not recover:
            raise AzureError("ConflictError", f"A vault with the name '{name_of(id_)}' exists in deleted state.", 409)
        if recover and not deleted:
            raise AzureError("VaultNotFound", f"There is no deleted vault '{name_of(id_)}' to recover.", 404)
    if type_ in {"keyvault:Vault", "containerregistry:Registry"}:
        taken = [r["id"] for r in resources.values() if r["type"] == type_ and name_of(r["id"]) == name_of(id_)]
        if taken:
            raise AzureError("NameUnavailable", f"The name '{name_of(id_)}' is already in use.", 409)
    if type_ == "authorization:RoleAssignment":
        _validate_role_assignment(resources, inputs)


def _validate_update(resource: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    if resource["type"] != "containerservice:ManagedCluster":
        return
    before, after = (str(each["kubernetesVersion"]).split(".")[:2] for each in (resource["inputs"], inputs))
    if before != after and inputs["autoUpgradeProfile"]["upgradeChannel"] != "none":
        # https://github.com/hashicorp/terraform-provider-azurerm/issues/17839
        raise AzureError(
            "NotAllAgentPoolOrchestratorVersionSpecifiedAndUnchanged",
            "Using managed cluster api, all Agent pools' OrchestratorVersion must be all specified or all unspecified.",
        )


def _validate_role_assignment(resources: Mapping[str, Any], inputs: Mapping[str, Any]) -> None:
    # a group of the stack file has been in the directory for long, an identity of this run has not
    if inputs.get("principalType") not in {"ServicePrincipal", "Group"}:
        raise AzureError("PrincipalNotFound", f"Principal {inputs['principalId']} does not exist in the directory.")
    same = ("principalId", "roleDefinitionId", "scope")
    for resource in resources.values():
        if resource["type"] != "authorization:RoleAssignment":
            continue
        if all(resource["inputs"][key] == inputs[key] for key in same):
            raise AzureError("RoleAssignmentExists", "The role assignment already exists.", 409)
        if resource["inputs"]["roleAssignmentName"] == inputs["roleAssignmentName"]:
            raise AzureError(
                "RoleAssignmentUpdateNotPermitted",
                "Tenant ID, application ID, principal ID and scope are not allowed to be updated.",
            )


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


def _locked(content: dict[str, Any], key: str) -> bool:
    scopes = [
        resource["inputs"]["scope"].lower()
        for resource in content["resources"].values()
        if resource["type"] == "authorization:ManagementLockByScope"
    ]
    return any(key == scope or key.startswith(f"{scope}/") for scope in scopes)


def _log_change(content: dict[str, Any], operation: str, id_: str) -> None:
    content["log"].append({"at": dt.datetime.now(dt.UTC).isoformat(), "operation": operation, "id": id_})
