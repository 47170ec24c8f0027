"""The cluster in Azure: its autoscaler, its upgrade channel and its maintenance windows are those of the stack."""

from collections.abc import Iterator, Mapping
from typing import Any

from azure.core.exceptions import AzureError, HttpResponseError

from bootstrap.platform.findings import Finding, failed, fine, first_line, unknown
from bootstrap.platform.verify.target import Asked, Check, Target

_WINDOWS = "Microsoft.ContainerService/managedClusters/maintenanceConfigurations"
_PROFILES = {"autoScalerProfile": "autoscaler", "autoUpgradeProfile": "upgrade channels"}


def azure(target: Target) -> Iterator[Finding]:
    """Read the cluster, and compare it with what the plan asks for."""
    if target.azure is None:
        return
    planned, cluster = target.azure.needs.cluster, target.azure.cluster_id
    found = _read(target.azure, cluster, planned.api_version)
    if isinstance(found, str):
        yield unknown("azure", "cluster", found, f"az resource show --ids {cluster}")
        return
    for key, subject in _PROFILES.items():
        yield _compared(target, subject, planned.body["properties"].get(key) or {}, found.get(key) or {})
    for request in target.azure.needs.of(_WINDOWS):
        subject = f"window {request.id.rpartition('/')[2]}"
        id_ = cluster + request.id.removeprefix(planned.id)
        window = _read(target.azure, id_, request.api_version)
        if isinstance(window, str):
            yield unknown("azure", subject, window, f"az resource show --ids {id_}")
        else:
            yield _compared(target, subject, request.body["properties"], window)


def _read(asked: Asked, id_: str, api_version: str) -> dict[str, Any] | str:
    """Return a resource's properties, or why they cannot be had; one that is not there has none."""
    try:
        return dict(asked.clients.read(id_, api_version).get("properties") or {})
    except AzureError as error:
        if isinstance(error, HttpResponseError) and error.status_code == 404:
            return {}
        return f"Azure does not answer: {first_line(error)}"


def _compared(target: Target, subject: str, wanted: Mapping[str, Any], found: Mapping[str, Any]) -> Finding:
    differing = sorted(_differing("", wanted, found))
    if not differing:
        return fine("azure", subject, "as asked")
    return failed(
        "azure",
        subject,
        "; ".join(differing[:4]),
        cause="somebody changed it in Azure, or a run died before it was written",
        remedy=f"bootstrap drift --stack {target.stack}; make up STACK={target.stack}",
    )


def _differing(path: str, wanted: Any, found: Any) -> Iterator[str]:
    """Yield where what was asked for is not what is there; what Azure adds is its own."""
    if isinstance(wanted, Mapping):
        inner = found if isinstance(found, Mapping) else {}
        for key, value in wanted.items():
            yield from _differing(f"{path}.{key}" if path else key, value, inner.get(key))
    elif str(wanted).lower() != str(found).lower():
        yield f"{path} is {found}, asked for {wanted}"


CHECK = Check(
    name="azure",
    does="reads the cluster and its maintenance windows from Azure, and compares them with the plan",
    ask=azure,
    applies=lambda target: not target.local,
)
