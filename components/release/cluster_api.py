"""What the release guard asks of the API server, through the official client.

Load it on demand (``startup.on_demand``): the client takes a third of a second, and a preview never needs it.
"""

import base64
import datetime as dt
import json
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

from kubernetes import config
from kubernetes.client import (
    ApiClient,
    ApiException,
    CoordinationV1Api,
    CoreV1Api,
    CustomObjectsApi,
    V1ConfigMap,
    V1Lease,
    V1LeaseSpec,
    V1ObjectMeta,
)
from urllib3.exceptions import HTTPError

from components.release.helm_record import Claim, Record, marked_failed, parse_record
from components.release.lease import WATCH_SECONDS
from components.release.probe import Probe
from components.release.stored_versions import Definition, MigrationError

_CALL_SECONDS = (5, 35)
"""To connect, and to answer: webhooks may take 30 seconds."""
_RENEWAL_SECONDS = (2, 2)
"""As before; a renewal that hangs would make a live run look dead."""
_NOTE = "note"
_RUNNING = "aks-bootstrap.io/operation"
_DEFINITIONS = ("apiextensions.k8s.io", "v1", "customresourcedefinitions")
_PAGE = 500
"""Objects of one answer, as kubectl has it."""


UNREACHABLE = (ApiException, HTTPError)
"""What a call raises that the API server refuses, or does not answer."""


class Restored(NamedTuple):
    """What an ExternalSecret came to."""

    restored: bool
    message: str


class NotAllowedError(Exception):
    """The API server refuses the sign-in, or what it asks for; waiting would not help."""


class ClusterApi:
    """The few calls that the guard makes."""

    def __init__(self, kubeconfig: str, context: str | None = None) -> None:
        """Sign in.

        Args:
            kubeconfig: a path, or the contents as JSON.
            context: context in it; the current one when None.
        """
        load: Any = config  # the client's config module is not typed
        self._client: ApiClient
        if kubeconfig.lstrip().startswith("{"):
            self._client = load.new_client_from_config_dict(json.loads(kubeconfig), context=context)
        else:
            self._client = load.new_client_from_config(kubeconfig, context=context)

    def records(self, release: str, namespace: str) -> list[Record]:
        """Return Helm's records of a release."""
        found = CoreV1Api(self._client).list_namespaced_secret(
            namespace, label_selector=f"owner=helm,name={release}", _request_timeout=_CALL_SECONDS
        )
        return [
            parse_record(
                secret.metadata.name, secret.metadata.labels or {}, str((secret.data or {}).get("release", ""))
            )
            for secret in found.items
            if secret.metadata and secret.metadata.name
        ]

    def delete_record(self, record: Record, namespace: str) -> None:
        """Remove one record; nothing else goes with it."""
        CoreV1Api(self._client).delete_namespaced_secret(record.secret, namespace, _request_timeout=_CALL_SECONDS)

    def fail_record(self, record: Record, namespace: str) -> None:
        """Mark one record failed; a record that changes meanwhile is a conflict, and an error."""
        api = CoreV1Api(self._client)
        secret: Any = api.read_namespaced_secret(record.secret, namespace, _request_timeout=_CALL_SECONDS)
        secret.data["release"] = marked_failed(secret.data["release"])
        secret.metadata.labels["status"] = "failed"
        api.replace_namespaced_secret(record.secret, namespace, secret, _request_timeout=_CALL_SECONDS)

    def lease(self, name: str, namespace: str) -> Any:
        """Return a lease, or None."""
        try:
            return CoordinationV1Api(self._client).read_namespaced_lease(
                name, namespace, _request_timeout=_CALL_SECONDS
            )
        except ApiException as error:
            if error.status == 404:
                return None
            raise

    def claim_of(self, name: str, namespace: str, holder: str, *, watch_seconds: float = WATCH_SECONDS) -> Claim:
        """Return whose lease it is, and, for ours, whether the run that took it is still alive.

        A clock on another machine may be off, so the lease is watched rather than its time trusted.
        """
        lease = self.lease(name, namespace)
        if lease is None:
            return Claim.NONE
        if lease.spec.holder_identity != holder:
            return Claim.OTHERS
        if _RUNNING not in (lease.metadata.annotations or {}):
            return Claim.OURS
        still = threading.Event()
        still.wait(watch_seconds)
        later = self.lease(name, namespace)
        moved = later is not None and later.spec.renew_time != lease.spec.renew_time
        return Claim.OURS_ALIVE if moved else Claim.OURS

    def take_lease(self, name: str, namespace: str, holder: str, operation: str) -> None:
        """Write the lease of an operation that starts now."""
        now = dt.datetime.now(dt.UTC)
        api = CoordinationV1Api(self._client)
        body = V1Lease(
            metadata=V1ObjectMeta(
                name=name,
                namespace=namespace,
                labels={"app.kubernetes.io/managed-by": "aks-bootstrap"},
                annotations={_RUNNING: operation},
            ),
            spec=V1LeaseSpec(
                holder_identity=holder,
                acquire_time=now,
                renew_time=now,
                lease_duration_seconds=int(WATCH_SECONDS),
            ),
        )
        _write(api.create_namespaced_lease, api.patch_namespaced_lease, body)

    def renew_lease(self, name: str, namespace: str) -> None:
        """Renew the lease of an operation that goes on."""
        body = {
            "spec": {"renewTime": dt.datetime.now(dt.UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")}
        }
        CoordinationV1Api(self._client).patch_namespaced_lease(name, namespace, body, _request_timeout=_RENEWAL_SECONDS)

    def end_lease(self, name: str, namespace: str) -> None:
        """Mark the operation as over; the lease stays, and records who owns the release."""
        body = {"metadata": {"annotations": {_RUNNING: None}}}
        CoordinationV1Api(self._client).patch_namespaced_lease(name, namespace, body, _request_timeout=_CALL_SECONDS)

    def age(self) -> dt.timedelta:
        """Return how long ago the cluster was made: its own namespace is its first object."""
        found: Any = CoreV1Api(self._client).read_namespace("kube-system", _request_timeout=_CALL_SECONDS)
        made: dt.datetime = found.metadata.creation_timestamp
        return dt.datetime.now(dt.UTC) - made

    def remembered(self, name: str, namespace: str) -> str | None:
        """Return what an earlier run noted down in the cluster; None where it noted nothing."""
        try:
            found: Any = CoreV1Api(self._client).read_namespaced_config_map(
                name, namespace, _request_timeout=_CALL_SECONDS
            )
        except ApiException as error:
            if error.status == 404:
                return None
            raise
        return str((found.data or {}).get(_NOTE) or "") or None

    def remember(self, name: str, namespace: str, note: str) -> None:
        """Note something down in the cluster, for the runs after this one."""
        api = CoreV1Api(self._client)
        body = V1ConfigMap(
            metadata=V1ObjectMeta(
                name=name, namespace=namespace, labels={"app.kubernetes.io/managed-by": "aks-bootstrap"}
            ),
            data={_NOTE: note},
        )
        _write(api.create_namespaced_config_map, api.patch_namespaced_config_map, body)

    def certificate_refusal(self, name: str, namespace: str) -> str | None:
        """Return why one of cert-manager's certificates is not ready, or None when it is."""
        try:
            found: Any = CustomObjectsApi(self._client).get_namespaced_custom_object(
                "cert-manager.io", "v1", namespace, "certificates", name, _request_timeout=_CALL_SECONDS
            )
        except ApiException as error:
            if error.status == 404:
                return "it is not there"
            raise
        ready = _ready(found)
        if ready is not None and ready["status"] == "True":
            return None
        return str((ready or {}).get("message") or "cert-manager has not looked at it yet")

    def restored(self, name: str, namespace: str) -> Restored | None:
        """Return what an ExternalSecret came to, or None while nobody has looked at it."""
        found: Any = CustomObjectsApi(self._client).get_namespaced_custom_object(
            "external-secrets.io", "v1", namespace, "externalsecrets", name, _request_timeout=_CALL_SECONDS
        )
        ready = _ready(found)
        if ready is None:
            return None
        return Restored(restored=ready["status"] == "True", message=str(ready.get("message", "")))

    def tls_certificate(self, secret: str, namespace: str) -> str:
        """Return the certificates in a TLS Secret, PEM; its key is not looked at."""
        found: Any = CoreV1Api(self._client).read_namespaced_secret(secret, namespace, _request_timeout=_CALL_SECONDS)
        return base64.b64decode(found.data["tls.crt"]).decode()

    def argo_cd_objects(self, plural: str, namespace: str) -> list[dict[str, Any]]:
        """Return Argo CD's objects of a kind; none where the cluster does not have the kind."""
        try:
            found: Any = CustomObjectsApi(self._client).list_namespaced_custom_object(
                "argoproj.io", "v1alpha1", namespace, plural, _request_timeout=_CALL_SECONDS
            )
        except ApiException as error:
            if error.status == 404:
                return []
            raise
        return list(found["items"])

    def definitions(self) -> list[dict[str, Any]]:
        """Return every CustomResourceDefinition."""
        # the client's own classes check what they read, and refuse what other programs write
        return list(self._custom().list_cluster_custom_object(*_DEFINITIONS, _request_timeout=_CALL_SECONDS)["items"])

    def rewrite(self, kind: Definition) -> int:
        """Write every object of a kind as it is, so that it is stored in the version that is written now.

        Returns:
            how many there are.
        """
        count, more = 0, None
        while True:
            page = self._custom().list_cluster_custom_object(
                kind.group, kind.storage, kind.plural, limit=_PAGE, _continue=more, _request_timeout=_CALL_SECONDS
            )
            for found in page["items"]:
                self._rewrite(kind, found)
            count += len(page["items"])
            if not (more := page["metadata"].get("continue")):
                return count

    def _rewrite(self, kind: Definition, found: dict[str, Any]) -> None:
        name, where = found["metadata"]["name"], (kind.group, kind.storage)
        try:
            if kind.namespaced:
                self._custom().replace_namespaced_custom_object(
                    *where, found["metadata"]["namespace"], kind.plural, name, found, _request_timeout=_CALL_SECONDS
                )
            else:
                self._custom().replace_cluster_custom_object(
                    *where, kind.plural, name, found, _request_timeout=_CALL_SECONDS
                )
        except ApiException as error:
            # gone, or written by somebody else since it was read, and so in the version that is written now
            if error.status not in {404, 409}:
                place = "/".join(part for part in (found["metadata"].get("namespace"), name) if part)
                raise MigrationError(
                    f"{kind.name} {place} cannot be rewritten as {kind.storage}: {_reason(error)}; its addon's release "
                    "was left alone. Mend or delete the object, then run `pulumi up` again"
                ) from None

    def keep_stored_version(self, kind: Definition) -> None:
        """Note in a kind's definition that every object is stored in the version that is written."""
        self._custom().patch_cluster_custom_object_status(
            *_DEFINITIONS, kind.name, {"status": {"storedVersions": [kind.storage]}}, _request_timeout=_CALL_SECONDS
        )

    def _custom(self) -> Any:
        return CustomObjectsApi(self._client)

    def refusal(self, probe: Probe) -> str | None:
        """Send a probe as a dry run; return why it was refused, or None when the addon serves."""
        try:
            CustomObjectsApi(self._client).create_namespaced_custom_object(
                probe.group,
                probe.version,
                probe.namespace,
                probe.plural,
                probe.body,
                dry_run="All",
                _request_timeout=_CALL_SECONDS,
            )
        except ApiException as error:
            if error.status in {401, 403} and "admission webhook" not in str(error.body):
                raise NotAllowedError(f"the cluster refuses this sign-in: {_reason(error)}") from None
            return _reason(error)
        except HTTPError as error:
            return f"the API server does not answer ({type(error).__name__})"
        return None


def _write(create: Callable[..., Any], patch: Callable[..., Any], body: Any) -> None:
    """Create an object, or change the one that is there."""
    name, namespace = body.metadata.name, body.metadata.namespace
    try:
        create(namespace, body, _request_timeout=_CALL_SECONDS)
    except ApiException as error:
        if error.status != 409:
            raise
        patch(name, namespace, body, _request_timeout=_CALL_SECONDS)


def _ready(found: dict[str, Any]) -> dict[str, Any] | None:
    """Return the condition Ready of an object; None while nobody has looked at it."""
    conditions = (found.get("status") or {}).get("conditions") or ()
    return next((condition for condition in conditions if condition["type"] == "Ready"), None)


def _reason(error: Any) -> str:
    try:
        return str(json.loads(error.body)["message"])
    except (TypeError, ValueError, LookupError):
        return f"HTTP {error.status} {error.reason}"
