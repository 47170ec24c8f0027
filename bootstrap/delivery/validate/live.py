"""Asks a cluster's API server whether it would take what is rendered for it; nothing is changed there."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bootstrap.delivery.api_server import Cluster, ClusterError, SilentError
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.validate.findings import Finding


@dataclass(frozen=True, kw_only=True)
class Live:
    """Which cluster is asked."""

    environment: str
    """Whose objects it is asked about."""
    kubeconfig: Path | None
    context: str | None


@dataclass(frozen=True, kw_only=True)
class NotAsked:
    """An object that nothing is known of."""

    where: str
    reason: str

    def to_json(self) -> dict[str, str]:
        """Return the stable form that programs read."""
        return {"where": self.where, "reason": self.reason}


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the API server says."""

    asked: int
    """How many objects it judged."""
    findings: list[Finding]
    not_asked: list[NotAsked]


def ask(live: Live, objects: Iterable[tuple[str, Object]]) -> Answers:
    """Ask about objects, each with how findings call it.

    Raises:
        ClusterError: the kubeconfig cannot be used.
    """
    objects = list(objects)
    try:
        with Cluster(live.kubeconfig, live.context) as cluster:
            return _ask(cluster, objects)
    except SilentError as error:
        return Answers(
            asked=0, findings=[], not_asked=[NotAsked(where=where, reason=str(error)) for where, _ in objects]
        )


def _ask(cluster: Cluster, objects: Iterable[tuple[str, Object]]) -> Answers:
    answers = Answers(asked=0, findings=[], not_asked=[])
    asked, silent = 0, ""
    for where, item in objects:
        if silent:
            answers.not_asked.append(NotAsked(where=where, reason=silent))
            continue
        try:
            refusals = cluster.refusals(item)
        except ClusterError as error:
            # each further question would take as long as this one
            silent = str(error) if isinstance(error, SilentError) else ""
            answers.not_asked.append(NotAsked(where=where, reason=str(error)))
            continue
        asked += 1
        answers.findings.extend(
            Finding(where=where, path=path, message=f"{cluster.server} refuses it: {message}")
            for path, message in refusals
        )
    return Answers(asked=asked, findings=answers.findings, not_asked=answers.not_asked)
