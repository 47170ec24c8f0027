"""What Helm wrote down of the releases in a cluster."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bootstrap.platform.verify.cluster import Cluster
from bootstrap.platform.verify.objects import path_of
from components.release.helm_record import UnreadableRecordError, decoded

_DOCUMENTS = re.compile(r"^---.*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Record:
    """One revision of a release; all but its number and status is read when it is asked for."""

    name: str
    namespace: str
    revision: int
    status: str
    """As Helm spells it."""
    secret: str
    """Name of the Secret that holds it."""
    data: str
    """What the Secret holds."""

    @cached_property
    def release(self) -> dict[str, Any]:
        """What Helm wrote.

        Raises:
            UnreadableRecordError: it is not what Helm writes.
        """
        try:
            return decoded(self.data)
        except UnreadableRecordError as error:
            raise self._unreadable(str(error)) from None

    @property
    def version(self) -> str:
        """The chart's version.

        Raises:
            UnreadableRecordError: the record has none.
        """
        try:
            return str(self.release["chart"]["metadata"]["version"])
        except (LookupError, TypeError):
            raise self._unreadable("it has no version") from None

    @property
    def documents(self) -> list[str]:
        """What Helm rendered, a text for each object.

        Raises:
            UnreadableRecordError: the record cannot be read.
        """
        return _DOCUMENTS.split(str(self.release.get("manifest") or ""))

    def _unreadable(self, why: str) -> UnreadableRecordError:
        return UnreadableRecordError(f"Secret {self.namespace}/{self.secret} holds no record of Helm's: {why}")


def records(cluster: Cluster, name: str, namespace: str, *labels: str) -> Sequence[Record]:
    """Return the revisions of a release, the earliest first.

    Args:
        cluster: where it is.
        name: the release.
        namespace: of it.
        labels: what else is asked of the Secrets' labels, such as ``status=deployed``.

    Raises:
        ClusterError: the cluster does not say.
    """
    selector = ",".join(("owner=helm", f"name={name}", *labels))
    found = []
    for secret in cluster.items(path_of("", "v1", "secrets", namespace), labelSelector=selector):
        given = secret["metadata"].get("labels") or {}
        found.append(
            Record(
                name=name,
                namespace=namespace,
                revision=int(given.get("version", "0")),
                status=given.get("status", "unknown"),
                secret=secret["metadata"]["name"],
                data=str((secret.get("data") or {}).get("release") or ""),
            )
        )
    return sorted(found, key=lambda record: record.revision)
