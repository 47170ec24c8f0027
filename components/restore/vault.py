"""A vault's backups of clusters, and restores from them, as Azure Backup has them.

https://learn.microsoft.com/rest/api/dataprotection
"""

import datetime as dt
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from azure.core.credentials import TokenCredential
from azure.core.exceptions import AzureError, HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.dataprotection import DataProtectionMgmtClient, models

from components.addons.charts import PINNED
from conventions import BACKUP_NAMESPACE, CLUSTER_ARM_TYPE

ENDPOINT = "https://management.azure.com"
ENDPOINT_OVERRIDE = "AKS_BOOTSTRAP_BACKUP_ENDPOINT"
"""Environment variable with another address that answers for backups, such as a rehearsal's."""

_STORE = models.DataStoreTypes.OPERATIONAL_STORE
_RESTORE = "Restore"
_LOOKED_BACK = dt.timedelta(days=7)
"""Jobs before that are not of this cluster's beginning."""

PLATFORM_NAMESPACES = tuple(sorted({BACKUP_NAMESPACE, *(chart.namespace for chart in PINNED)}))
"""Namespaces that this program fills; Azure itself leaves out those of Kubernetes."""


class RestoreError(Exception):
    """Nothing was restored, or not all; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Point:
    """One backup."""

    cluster: str
    """Name of the cluster that it is of."""
    instance: str
    """What the vault calls that cluster."""
    id: str
    at: dt.datetime

    def __str__(self) -> str:
        """Say which it is."""
        return f"{self.cluster} of {self.at:%Y-%m-%d %H:%M} UTC"


@dataclass(frozen=True, kw_only=True)
class Cluster:
    """The cluster that is restored into."""

    id: str
    """Its ARM id."""
    location: str

    @property
    def name(self) -> str:
        """Its name in Azure."""
        return self.id.rpartition("/")[2]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What became of one restore."""

    id: str
    status: str
    """InProgress, Completed, CompletedWithWarnings, Failed, Cancelled, Cancelling, Paused."""
    notes: Sequence[str]
    """What Azure says was wrong, or remarkable."""

    @property
    def done(self) -> bool:
        """Whether it came to its end; warnings tell what did not come back."""
        return self.status in {"Completed", "CompletedWithWarnings"}

    @property
    def over(self) -> bool:
        """Whether it goes on no more."""
        return self.done or self.status in {"Failed", "Cancelled"}


class Backups:
    """The backups in a vault."""

    def __init__(
        self,
        credential: TokenCredential,
        subscription_id: str,
        resource_group: str,
        vault: str,
        *,
        poll: float = 5,
        tries: int = 5,
    ) -> None:
        """Name the vault; nothing is asked yet.

        Args:
            credential: signs in to Azure Resource Manager.
            subscription_id: of the vault.
            resource_group: of the vault.
            vault: its name.
            poll: seconds between two questions how an operation goes.
            tries: how often a question without an answer is asked again.
        """
        endpoint = os.environ.get(ENDPOINT_OVERRIDE) or ENDPOINT
        # a bearer token goes over HTTPS alone
        anonymous = {} if endpoint.startswith("https:") else {"authentication_policy": _Nobody()}
        arguments: dict[str, Any] = {"base_url": endpoint, "polling_interval": poll, "retry_total": tries, **anonymous}
        self._client = DataProtectionMgmtClient(
            credential, subscription_id, credential_scopes=[f"{ENDPOINT}/.default"], **arguments
        )
        self._vault = (resource_group, vault)

    def points(self) -> list[Point]:
        """Return all complete backups of clusters, the latest first.

        Raises:
            RestoreError: Azure does not say.
        """
        with _Said("backups cannot be listed"):
            found = [point for name, cluster in self._instances() for point in self._points_of(name, cluster)]
        return sorted(found, key=lambda point: point.at, reverse=True)

    def clusters(self) -> list[str]:
        """Return the names of the clusters that the vault keeps backups of, or is to keep.

        Raises:
            RestoreError: Azure does not say.
        """
        with _Said("clusters in the vault cannot be listed"):
            return [cluster for _, cluster in self._instances()]

    def _instances(self) -> Iterable[tuple[str, str]]:
        for each in self._client.backup_instances.list(*self._vault):
            source = each.properties.data_source_info if each.properties else None
            if each.name and source and (source.datasource_type or "").lower() == CLUSTER_ARM_TYPE.lower():
                yield each.name, source.resource_id.rpartition("/")[2]

    def _points_of(self, instance: str, cluster: str) -> Iterable[Point]:
        # what a filter of times looks like is not documented alike everywhere
        for each in self._client.recovery_points.list(*self._vault, instance):
            found = each.properties
            if not each.name or not isinstance(found, models.AzureBackupDiscreteRecoveryPoint):
                continue
            stores = {store.type for store in found.recovery_point_data_stores_details or ()}
            if _STORE in stores and found.recovery_point_state != models.RecoveryPointCompletionState.PARTIAL:
                yield Point(cluster=cluster, instance=instance, id=each.name, at=found.recovery_point_time)

    def going_into(self, cluster: str, *, now: dt.datetime) -> list[str]:
        """Return the ids of the restores of the last days into a cluster that go on.

        Args:
            cluster: its ARM id.
            now: the time.

        Raises:
            RestoreError: Azure does not say.
        """
        found = []
        with _Said("earlier restores cannot be listed"):
            for each in self._client.jobs.list(*self._vault):
                job = each.properties
                if not each.name or not job or job.operation_category != _RESTORE or _job(each.name, job).over:
                    continue
                if job.start_time > now - _LOOKED_BACK:
                    # a list leaves out where to
                    whole = self._client.jobs.get(*self._vault, each.name).properties
                    extended = whole.extended_info if whole else None
                    if extended and (extended.recovery_destination or "").lower() == cluster.lower():
                        found.append(each.name)
        return found

    def begin(self, point: Point, cluster: Cluster, namespaces: Sequence[str] = ()) -> str:
        """Let Azure check a restore, and begin it; return the job's id.

        Args:
            point: the backup.
            cluster: where to; backups have to be on there.
            namespaces: what comes back; everything but the platform's own when empty.

        Raises:
            RestoreError: Azure refuses; nothing was changed.
        """
        request = models.AzureBackupRecoveryPointBasedRestoreRequest(
            recovery_point_id=point.id,
            source_data_store_type=models.SourceDataStoreType.OPERATIONAL_STORE,
            restore_target_info=models.ItemLevelRestoreTargetInfo(
                recovery_option=models.RecoveryOption.FAIL_IF_EXISTS,
                restore_location=cluster.location,
                datasource_info=models.Datasource({"objectType": "Datasource", **_source(cluster)}),
                datasource_set_info=models.DatasourceSet({"objectType": "DatasourceSet", **_source(cluster)}),
                restore_criteria=[
                    models.KubernetesClusterRestoreCriteria(
                        # snapshots are bound to what has no namespace; all else that has none comes too
                        include_cluster_scope_resources=True,
                        included_namespaces=list(namespaces) or None,
                        excluded_namespaces=None if namespaces else list(PLATFORM_NAMESPACES),
                        persistent_volume_restore_mode=models.PersistentVolumeRestoreMode.RESTORE_WITH_VOLUME_DATA,
                        conflict_policy=models.ExistingResourcePolicy.SKIP,
                    )
                ],
            ),
        )
        where = (*self._vault, point.instance)
        with _Said(f"{point} cannot be restored into {cluster.name}"):
            check = models.ValidateRestoreRequestObject(restore_request_object=request)
            self._client.backup_instances.begin_validate_for_restore(*where, check).result()
            # an answer that is lost may be of a restore that has begun
            poller = self._client.backup_instances.begin_trigger_restore(*where, request, retry_status=0, retry_read=0)
            begun = poller.result()
        # an ARM id in what is recorded, the job's name alone in what is documented
        return (begun.job_id or "").rpartition("/")[2]

    def job(self, id_: str) -> Job:
        """Return how a restore goes.

        Raises:
            RestoreError: Azure does not say.
        """
        with _Said(f"the restore {id_} cannot be looked at"):
            found = self._client.jobs.get(*self._vault, id_).properties
        return _job(id_, found) if found else Job(id=id_, status="unknown", notes=())


class _Nobody(SansIOHTTPPolicy[Any, Any]):
    """Leaves requests as they are."""


class _Said:
    """Turns what Azure refuses into one sentence."""

    def __init__(self, what: str) -> None:
        self._what = what

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Say what failed, and why."""
        if isinstance(error, AzureError):
            said = error.error.message if isinstance(error, HttpResponseError) and error.error else None
            code = f"{error.error.code}: " if isinstance(error, HttpResponseError) and error.error and said else ""
            raise RestoreError(f"{self._what}: {code}{' '.join((said or error.message).split())}") from None


def _source(cluster: Cluster) -> dict[str, str]:
    return {
        "datasourceType": CLUSTER_ARM_TYPE,
        "resourceID": cluster.id,
        "resourceUri": cluster.id,
        "resourceName": cluster.name,
        "resourceType": CLUSTER_ARM_TYPE,
        "resourceLocation": cluster.location,
    }


def _job(id_: str, found: models.AzureBackupJob) -> Job:
    extended = found.extended_info
    warnings = [detail.warning for detail in (extended.warning_details if extended else None) or ()]
    return Job(
        id=id_,
        status=found.status,
        notes=[_note(error) for error in [*(found.error_details or ()), *warnings]],
    )


def _note(error: models.UserFacingError) -> str:
    said = " ".join([error.message or "", *(error.recommended_action or ())])
    return f"{error.code}: {' '.join(said.split())}"
