"""Decides from Helm's own record of a release what has to happen before an operation. Pure: no I/O.

Helm keeps one Secret for each revision (type ``helm.sh/release.v1``). A run that dies in the middle leaves its revision
``pending-*``, and from then on Helm refuses every operation: "cannot re-use a name that is still in use" or "another
operation is in progress" (pulumi-kubernetes issue 2054).
"""

import base64
import gzip
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Operation(StrEnum):
    """What Pulumi is about to do with the release."""

    CREATE = "create"
    UPDATE = "update"


class Claim(StrEnum):
    """Who last operated on the release, by the lease that every run of this program takes."""

    NONE = "none"
    """Nobody who takes leases: the release is not ours."""
    OTHERS = "others"
    """Another stack, another copy of this one, or this one before its state was lost."""
    OURS = "ours"
    """This stack, whose lock we hold: the run that took the lease is over or dead."""
    OURS_ALIVE = "ours-alive"
    """This stack, and the run still renews the lease: somebody cancelled the lock of a live run."""


@dataclass(frozen=True, kw_only=True)
class Record:
    """One revision in Helm's storage."""

    secret: str
    """Name of the Secret."""
    revision: int
    status: str
    """As Helm spells it: deployed, superseded, failed, pending-install, pending-upgrade, pending-rollback, ..."""
    chart: str
    """Name of the chart; empty when the record cannot be read."""

    @property
    def in_progress(self) -> bool:
        """Whether Helm considers an operation on this revision unfinished."""
        return self.status.startswith("pending-") or self.status == "uninstalling"


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What to do before the operation."""

    drop: tuple[Record, ...] = ()
    """Records to remove; workloads are never touched."""
    fail: tuple[Record, ...] = ()
    """Records to mark failed, which Helm upgrades from."""
    message: str = ""
    """What was found and is done about it; empty when there is nothing to report."""


class UnreadableRecordError(ValueError):
    """A revision's Secret does not hold what Helm writes into it."""


class ReleaseConflictError(Exception):
    """The release is in a state that the program must not touch; the text names the command to run."""


def parse_record(secret_name: str, labels: Mapping[str, str], data: str) -> Record:
    """Read a revision from its Secret.

    Args:
        secret_name: name of the Secret.
        labels: its labels; Helm puts ``version`` and ``status`` there.
        data: ``data.release``: JSON, gzipped, base64-encoded by Helm and once more by Kubernetes.
    """
    return Record(
        secret=secret_name,
        revision=int(labels.get("version", "0")),
        status=labels.get("status", "unknown"),
        chart=_chart_name(data),
    )


def judge(
    *, release: str, namespace: str, chart: str, operation: Operation, records: Sequence[Record], claim: Claim
) -> Verdict:
    """Decide what has to happen to Helm's records before an operation.

    Raises:
        ReleaseConflictError: the release is somebody else's, or its operation is alive, or the case is one that only a
            person can judge.
    """
    if not records:
        if operation is Operation.UPDATE:
            raise ReleaseConflictError(
                f"Pulumi knows the release {namespace}/{release} and Helm does not; "
                "run `pulumi refresh`, then `pulumi up`"
            )
        return Verdict()
    ordered = sorted(records, key=lambda record: record.revision)
    last = ordered[-1]
    what = f"release {namespace}/{release} (revision {last.revision}, {last.status})"
    pending = last.in_progress

    if pending and claim is Claim.OURS_ALIVE:
        raise ReleaseConflictError(
            f"{what} is being changed by another run of this stack; "
            "wait for it to end, or stop its process, then run `pulumi up` again"
        )
    if operation is Operation.UPDATE and not pending:
        return Verdict()
    _refuse_of_others(what, last, release=release, namespace=namespace, chart=chart, claim=claim)
    return _heal(what, last, ordered, operation)


def _refuse_of_others(what: str, last: Record, *, release: str, namespace: str, chart: str, claim: Claim) -> None:
    if last.chart != chart:
        raise ReleaseConflictError(
            f"{what} is of the chart {last.chart or '(unreadable)'!r}, not {chart!r}: "
            "it is somebody else's and was not touched; "
            f"look at it with `helm status {release} -n {namespace}` and move it out of the way"
        )
    if claim in {Claim.NONE, Claim.OTHERS}:
        owner = (
            "another stack, or to this one before its state was lost,"
            if claim is Claim.OTHERS
            else "somebody outside this program"
        )
        remedy = (
            f"wait for it to end, or end it with `helm rollback {release} -n {namespace}`"
            if last.in_progress
            else f"remove it with `helm uninstall {release} -n {namespace}`, or take it over with `bootstrap adopt`"
        )
        raise ReleaseConflictError(f"{what} belongs to {owner} and was not touched; {remedy}")


def judge_unfinished(*, release: str, namespace: str, chart: str, records: Sequence[Record], claim: Claim) -> Verdict:
    """Decide what has to happen to the records of a release that a refresh took for finished.

    A refresh merges the values of Helm's last revision into the state, whether Helm ever finished it or not: nothing is
    left to update then, and nothing repairs it, not even the revision before. Without any record the next refresh takes
    the release out of the state, and the run installs it over what is there, as after an installation that died.
    https://github.com/pulumi/pulumi-kubernetes/blob/v4.34.2/provider/pkg/provider/helm_release.go

    Raises:
        ReleaseConflictError: an operation is alive, or it is somebody else's.
    """
    ordered = sorted(records, key=lambda record: record.revision)
    if not ordered or ordered[-1].status == "deployed":
        return Verdict()
    last = ordered[-1]
    what = f"release {namespace}/{release} (revision {last.revision}, {last.status})"
    if last.in_progress and claim is Claim.OURS_ALIVE:
        raise ReleaseConflictError(
            f"{what} is being changed by another run of this stack; "
            f"wait for it to end, or end it with `helm rollback {release} -n {namespace}`"
        )
    _refuse_of_others(what, last, release=release, namespace=namespace, chart=chart, claim=claim)
    return Verdict(
        drop=tuple(ordered),
        message=f"{what} was left behind by a run that died or failed; its record is removed",
    )


def _heal(what: str, last: Record, ordered: Sequence[Record], operation: Operation) -> Verdict:
    if operation is Operation.CREATE:
        if last.status == "deployed":
            found = "finished, and the acknowledgement was lost"
        elif last.status == "failed":
            found = "failed, and Pulumi has no state of it"
        else:
            found = "was left behind by a run that died"
        return Verdict(
            drop=tuple(ordered),
            message=f"{what} {found}; its record is removed, and Helm adopts what is already there",
        )
    if last.status in {"pending-upgrade", "pending-rollback"} and len(ordered) > 1:
        back = ordered[-2]
        return Verdict(
            drop=(last,),
            message=f"{what} was left behind by a run that died; back to revision {back.revision} ({back.status})",
        )
    return Verdict(
        fail=(last,),
        message=f"{what} was left behind by a run that died, with no revision to go back to; it is marked failed, "
        "and Helm upgrades what is already there",
    )


def marked_failed(data: str) -> str:
    """Return a revision's data with the status ``failed``; the rest of it is as it was."""
    release = decoded(data)
    release["info"]["status"] = "failed"
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()


def decoded(data: str) -> dict[str, Any]:
    """Return what Helm wrote down of a revision.

    Raises:
        UnreadableRecordError: it is not what Helm writes.
    """
    try:
        release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(data))))
    except (ValueError, TypeError, OSError, EOFError, zlib.error) as error:
        raise UnreadableRecordError(f"Helm's record is damaged ({type(error).__name__})") from None
    if not isinstance(release, dict):
        raise UnreadableRecordError("Helm's record is not an object")
    return release


def _chart_name(data: str) -> str:
    try:
        return str(decoded(data)["chart"]["metadata"]["name"])
    except (UnreadableRecordError, KeyError, TypeError):
        return ""
