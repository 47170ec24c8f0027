"""The namespace of one run, in which everything that it makes is made, and with which everything goes.

A run that is killed leaves it behind. The next one takes it for dead when nobody renews its heartbeat, which is
watched rather than compared with a clock that may be another machine's.
"""

import datetime as dt
import re
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from bootstrap.errors import UpError
from bootstrap.platform.verify.cluster import Cluster, ClusterError
from bootstrap.platform.verify.objects import condition, name_of, path_of, said
from components.addons.external_secrets import LOCAL_SECRETS_NAMESPACE
from conventions import FACT_PREFIX, REGISTRIES_ANNOTATION, TENANT_LABEL, VAULT_KEYS_ANNOTATION

NAMESPACE = "aks-bootstrap-verify"
"""Where everything is made; nothing else is in it."""
LABEL = f"{FACT_PREFIX}verify"
"""Label of everything that is made, inside the namespace and outside."""
CANARY = "verify-canary"
"""Begins the name of the secret that is read back; in a vault it is the whole name."""
_AT_WORK = f"another `bootstrap verify` is at work in the namespace {NAMESPACE}; run this when it is over"
_ALIVE = f"{FACT_PREFIX}verify-alive"
_BEAT_SECONDS, _WATCH_SECONDS, _GONE_SECONDS = 3.0, 8.0, 60.0


class Workspace:
    """Makes the namespace, and removes it."""

    def __init__(self, cluster: Cluster, *, images: Sequence[str] = ()) -> None:
        """Prepare; nothing is made yet.

        Args:
            cluster: where it is made.
            images: what its pods run, which admission has to allow.
        """
        self._cluster, self._images = cluster.apart(), images
        self._over = threading.Event()
        self._ours = False
        """Whether the namespace may be one that this run has made."""
        self.missing = ""
        """Why there is no namespace; empty where there is one."""

    def open(self) -> None:
        """Remove what a dead run left, and make the namespace; where that is not allowed, :attr:`missing` says why.

        Raises:
            UpError: another run is at work, or the namespace is somebody else's.
        """
        try:
            self._take_over()
            self._ours = True
            self._cluster.create(path_of("", "v1", "namespaces"), self._body())
        except ClusterError as error:
            # an answer that got lost may be that of a creation
            self._ours = self._ours and not 400 <= error.status < 500
            if error.status == 409:
                raise UpError(_AT_WORK) from None
            self.missing = f"the namespace {NAMESPACE} cannot be made: {error}"
            return
        threading.Thread(target=self._stay_alive, daemon=True).start()

    def close(self) -> str:
        """Remove everything that was made, and wait until it is gone; another run's namespace is left alone.

        Returns:
            What is left and why; empty where nothing is.
        """
        self._over.set()
        if not self._ours:
            return ""
        try:
            self._sweep()
            if self._cluster.until(self._gone, _GONE_SECONDS) is None:
                return self._stuck()
        except ClusterError as error:
            return str(error)
        return ""

    def make(self, group: str, version: str, plural: str, body: Mapping[str, Any], namespace: str = NAMESPACE) -> None:
        """Create an object of the run's own.

        Raises:
            ClusterError: it is refused.
        """
        metadata = {**body["metadata"], "namespace": namespace}
        metadata["labels"] = {**metadata.get("labels", {}), LABEL: "true"}
        self._cluster.create(path_of(group, version, plural, namespace), {**body, "metadata": metadata})

    def _body(self) -> dict[str, Any]:
        """Return the namespace: an application's to stores and admission policies, with nothing that is not needed."""
        # without digest, and without tag: a colon before the last slash is that of a port
        registries = sorted({re.sub(":[^/]*$", "", image.partition("@")[0]) for image in self._images})
        return {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {
                "name": NAMESPACE,
                "labels": {
                    LABEL: "true",
                    TENANT_LABEL: NAMESPACE,
                    "app.kubernetes.io/managed-by": "aks-bootstrap",
                    "pod-security.kubernetes.io/enforce": "restricted",
                },
                "annotations": {
                    _ALIVE: _now(),
                    VAULT_KEYS_ANNOTATION: f"{CANARY}*",
                    REGISTRIES_ANNOTATION: ",".join(registries),
                },
            },
        }

    def _take_over(self) -> None:
        found = self._cluster.find(_PATH)
        if found is None:
            self._sweep()
            return
        if (found["metadata"].get("labels") or {}).get(LABEL) != "true":
            raise UpError(f"the namespace {NAMESPACE} is not of `bootstrap verify`; remove it, or let it be renamed")
        alive = _sign(found)
        if not found["metadata"].get("deletionTimestamp") and self._cluster.until(
            lambda: _moved(self._cluster, alive), _WATCH_SECONDS
        ):
            raise UpError(_AT_WORK)
        self._sweep()
        if self._cluster.until(self._gone, _GONE_SECONDS) is None:
            raise UpError(f"what a dead run left cannot be removed: {self._stuck()}")

    def _sweep(self) -> None:
        """Remove what runs made, here and in the place of a local cluster's vault."""
        secrets = path_of("", "v1", "secrets", LOCAL_SECRETS_NAMESPACE)
        try:
            for secret in self._cluster.items(secrets, labelSelector=f"{LABEL}=true"):
                self._cluster.delete(f"{secrets}/{name_of(secret)}")
        except ClusterError as error:
            if not error.no_right:
                raise
        if (found := self._cluster.find(_PATH)) is None:
            return
        if (found["metadata"].get("labels") or {}).get(LABEL) == "true":
            # pods that end at once do not hold up the namespace
            for pod in self._cluster.items(path_of("", "v1", "pods", NAMESPACE)):
                self._cluster.delete(path_of("", "v1", "pods", NAMESPACE, name_of(pod)))
            self._cluster.delete(_PATH)

    def _gone(self) -> bool | None:
        return True if self._cluster.find(_PATH) is None else None

    def _stuck(self) -> str:
        found = self._cluster.find(_PATH) or {}
        reasons = [
            said(state)
            for type_ in (
                "NamespaceDeletionDiscoveryFailure",
                "NamespaceContentRemaining",
                "NamespaceFinalizersRemaining",
            )
            if (state := condition(found, type_)).get("status") == "True"
        ]
        return f"the namespace {NAMESPACE} does not go: {'; '.join(reasons) or 'nothing is said of why'}"

    def _stay_alive(self) -> None:
        while not self._over.wait(_BEAT_SECONDS):
            try:
                self._cluster.patch(_PATH, {"metadata": {"annotations": {_ALIVE: _now()}}})
            except ClusterError:
                continue  # tried again at the next beat


_PATH = path_of("", "v1", "namespaces", name=NAMESPACE)


def _moved(cluster: Cluster, before: str) -> bool | None:
    found = cluster.find(_PATH)
    return True if found is not None and _sign(found) != before else None


def _sign(found: Mapping[str, Any]) -> str:
    return str((found["metadata"].get("annotations") or {}).get(_ALIVE, ""))


def _now() -> str:
    return dt.datetime.now(dt.UTC).isoformat()
