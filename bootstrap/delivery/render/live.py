"""Compares what is rendered with what the cluster has. It reads, and nothing else."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from bootstrap.delivery.api_server import Cluster
from bootstrap.delivery.render.compare import identity
from bootstrap.delivery.render.objects import HIDDEN, Object
from bootstrap.delivery.render.render import Rendered
from bootstrap.delivery.render.subset import Difference, differences


class State(StrEnum):
    """What an object is like in the cluster."""

    MISSING = "missing"
    DIFFERENT = "different"


@dataclass(frozen=True, kw_only=True)
class Drift:
    """One rendered object that the cluster has not, or has otherwise."""

    app: str
    environment: str
    object: Object
    state: State
    fields: Sequence[Difference] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the stable form that programs read."""
        return {
            "app": self.app,
            "environment": self.environment,
            "state": self.state.value,
            **identity(self.object),
            "fields": [{"path": f.path, "rendered": f.rendered, "live": f.live} for f in self.fields],
        }


def compare_live(rendered: Iterable[Rendered], cluster: Cluster) -> list[Drift]:
    """Return the rendered objects that are missing or different; only rendered fields are looked at.

    Hooks are left out: Argo CD creates and deletes them in a sync, and does not compare them either.

    Raises:
        ClusterError: as for :meth:`Cluster.get`.
    """
    found = []
    for part in rendered:
        for item in part.objects:
            if item.is_hook:
                continue
            live = cluster.get(item)
            fields = [] if live is None else list(differences(item.document, live))
            if live is None or fields:
                found.append(
                    Drift(
                        app=part.app,
                        environment=part.environment,
                        object=item,
                        state=State.MISSING if live is None else State.DIFFERENT,
                        fields=[_hide(field) for field in fields] if item.kind == "Secret" else fields,
                    )
                )
    return found


def _hide(field: Difference) -> Difference:
    if not field.path.startswith(("data", "stringData")):
        return field
    return Difference(path=field.path, rendered=HIDDEN, live=None if field.live is None else HIDDEN)
