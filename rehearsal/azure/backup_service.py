"""Azure Backup as the stand-in has it: backups of the cloud's clusters, and restores from them, on loopback.

Bodies have the form of answers that Azure's command line has on record (Azure/azure-cli-extensions, dataprotection). An
operation that goes on is spelled ``Inprogress`` there, and a job ``InProgress``; a list of jobs has no details here.
"""

import datetime as dt
import itertools
import json
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from components.azure.resource_types import name_of
from conventions import CLUSTER_ARM_TYPE
from rehearsal.azure.cloud import Cloud

_INSTANCE = "dataprotection:BackupInstance"


@dataclass(kw_only=True)
class Restored:
    """One restore, and how often it was looked at."""

    instance: str
    body: Mapping[str, Any]
    began: dt.datetime
    ends: str
    looks: int = 0


@dataclass
class BackupService:
    """Answers for every vault of a cloud; each cluster in one has a backup of the moment that it was taken in."""

    cloud: Cloud
    restores: dict[str, Restored] = field(default_factory=dict)
    """By the job's id."""
    refuses: Mapping[str, Any] | None = None
    """Azure's error, which every check of a restore ends with."""
    ends: str = "Completed"
    """How restores that begin now end."""
    notes: list[Mapping[str, Any]] = field(default_factory=list)
    """What is said of one that does not end well: errors where it failed, warnings otherwise."""

    def __post_init__(self) -> None:
        """Listen."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._answer(service.get(urlsplit(self.path).path))

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                operation = service.post(urlsplit(self.path).path, body)
                self.send_response(202)
                for header, kind in (("Azure-AsyncOperation", "operationStatus"), ("Location", "operationResults")):
                    self.send_header(
                        header, f"{service.url}{service.vault_of(self.path)}/{kind}/{operation}?t=1&s=a%2Bb"
                    )
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _answer(self, body: Mapping[str, Any] | None) -> None:
                shown = body if body is not None else {"error": {"code": "ResourceNotFound", "message": self.path}}
                data = json.dumps(shown).encode()
                self.send_response(200 if body is not None else 404)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *_: object) -> None:
                """Print nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._numbers = itertools.count(1)
        self._operations: dict[str, str | None] = {}
        self._asked: set[str] = set()
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()

    def vault_of(self, path: str) -> str:
        """Return the vault's part of a path."""
        found = re.match(r"/subscriptions/[^/]+/resourceGroups/[^/]+/providers/[^/]+/backupVaults/[^/]+", path)
        return found[0] if found else ""

    def get(self, path: str) -> dict[str, Any] | None:
        """Answer a question; None where there is no such thing."""
        vault = self.vault_of(path)
        rest = path.removeprefix(vault).strip("/").split("/")
        match rest:
            case ["backupInstances"]:
                return {"value": list(self._instances(vault))}
            case ["backupInstances", name, "recoveryPoints"]:
                return {"value": list(self._points(vault, name))}
            case ["backupJobs"]:
                return {"value": [self._job(vault, id_, details=False) for id_ in self.restores]}
            case ["backupJobs", id_] if id_ in self.restores:
                self.restores[id_].looks += 1
                return self._job(vault, id_, details=True)
            case ["operationStatus" | "operationResults" as kind, number] if number in self._operations:
                result = kind == "operationResults"
                return self._result(vault, number) if result else self._operation(vault, path, number)
            case _:
                return None

    def post(self, path: str, body: Mapping[str, Any]) -> str:
        """Take a check or a restore, and return the operation's name."""
        number = str(next(self._numbers))
        self._operations[number] = None
        if path.endswith("/restore"):
            id_ = f"00000000-0000-0000-0000-{int(number):012}"
            instance = path.rpartition("/")[0].rpartition("/")[2]
            self.restores[id_] = Restored(instance=instance, body=body, began=dt.datetime.now(dt.UTC), ends=self.ends)
            self._operations[number] = id_
        return number

    def _operation(self, vault: str, path: str, number: str) -> dict[str, Any]:
        about: dict[str, Any] = {"id": path, "name": number, "startTime": "2026-01-01T00:00:00Z"}
        if self._operations[number] is None and self.refuses is not None:
            return {**about, "status": "Failed", "error": self.refuses, "endTime": "2026-01-01T00:00:01Z"}
        if number not in self._asked:
            self._asked.add(number)
            return {**about, "status": "Inprogress", "endTime": "0001-01-01T00:00:00Z"}
        ended = {**about, "status": "Succeeded", "endTime": "2026-01-01T00:00:02Z"}
        if self._operations[number] is not None:
            ended["properties"] = self._result(vault, number)
        return ended

    def _result(self, vault: str, number: str) -> dict[str, Any]:
        id_ = self._operations[number]
        job = {"jobId": f"{vault}/backupJobs/{id_}"} if id_ else {}
        return {**job, "objectType": "OperationJobExtendedInfo"}

    def _instances(self, vault: str) -> Iterator[dict[str, Any]]:
        for resource in self.cloud.resources(_INSTANCE):
            if resource["id"].lower().startswith(f"{vault}/".lower()):
                asked = resource["inputs"]["properties"]
                source = {f"{k[:-2]}ID" if k == "resourceId" else k: v for k, v in asked["dataSourceInfo"].items()}
                yield {
                    "id": resource["id"],
                    "name": name_of(resource["id"]),
                    "type": "Microsoft.DataProtection/backupVaults/backupInstances",
                    "properties": {
                        "friendlyName": asked.get("friendlyName"),
                        "dataSourceInfo": source,
                        "dataSourceSetInfo": source | {"objectType": "DatasourceSet"},
                        "policyInfo": asked["policyInfo"],
                        "currentProtectionState": "ProtectionConfigured",
                        "provisioningState": "Succeeded",
                        "objectType": "BackupInstance",
                    },
                }

    def _points(self, vault: str, name: str) -> Iterator[dict[str, Any]]:
        for resource in self.cloud.resources(_INSTANCE):
            if resource["id"].lower() == f"{vault}/backupInstances/{name}".lower():
                taken = dt.datetime.fromtimestamp(resource["ready"], dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f0Z")
                point = f"{abs(hash(resource['id'])):032x}"
                store = {"type": "OperationalStore", "creationTime": taken, "expiryTime": None, "state": "COMMITTED"}
                yield {
                    "id": f"{resource['id']}/recoveryPoints/{point}",
                    "name": point,
                    "type": "Microsoft.DataProtection/backupVaults/backupInstances/recoveryPoints",
                    "properties": {
                        "objectType": "AzureBackupDiscreteRecoveryPoint",
                        "recoveryPointId": point,
                        "recoveryPointTime": taken,
                        "recoveryPointType": "Incremental",
                        "recoveryPointDataStoresDetails": [{**store, "id": point, "visible": True}],
                        "expiryTime": None,
                        "recoveryPointState": None,
                    },
                }

    def _job(self, vault: str, id_: str, *, details: bool) -> dict[str, Any]:
        restored = self.restores[id_]
        target = restored.body["restoreTargetInfo"]["datasourceInfo"]["resourceID"]
        going = restored.looks < 2
        failed = not going and restored.ends == "Failed"
        warned = [{"resourceName": None, "warning": note} for note in self.notes]
        extended = {
            "sourceRecoverPoint": {"recoveryPointID": restored.body["recoveryPointId"]},
            "recoveryDestination": target,
            "subTasks": [],
            "warningDetails": warned if not going and not failed else None,
        }
        return {
            "id": f"{vault}/backupJobs/{id_}",
            "name": id_,
            "type": "Microsoft.DataProtection/backupVaults/backupJobs",
            "properties": {
                "activityID": id_,
                "subscriptionId": vault.split("/")[2],
                "backupInstanceId": f"{vault}/backupInstances/{restored.instance}",
                "dataSourceType": CLUSTER_ARM_TYPE,
                "startTime": restored.began.strftime("%Y-%m-%dT%H:%M:%S.%f0Z"),
                "operationCategory": "Restore",
                "operation": "Restore",
                "status": "InProgress" if going else restored.ends,
                "isUserTriggered": True,
                "errorDetails": self.notes if failed else None,
                "extendedInfo": extended if details else None,
            },
        }
