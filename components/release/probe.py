"""Whether an addon serves: an object that the API server takes only when it does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

PROBE_SECONDS = 180.0
"""How long an addon may take to serve once its workloads are available; webhooks need seconds."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """An object that the API server takes only when an addon serves: its CRD is there and its webhook answers."""

    addon: str
    """Who has to answer, as the message names it."""
    group: str
    version: str
    kind: str
    plural: str
    namespace: str
    spec: dict[str, Any]

    @property
    def body(self) -> dict[str, Any]:
        """The object; it is only ever sent as a dry run."""
        return {
            "apiVersion": f"{self.group}/{self.version}",
            "kind": self.kind,
            "metadata": {"name": "aks-bootstrap-probe", "namespace": self.namespace},
            "spec": self.spec,
        }


class Api(Protocol):
    """Whoever can ask the API server."""

    def refusal(self, probe: Probe) -> str | None:
        """Return why a probe is refused, or None when the addon serves."""


class NotServingError(Exception):
    """An addon that the next one needs does not serve; the text names it."""


def await_serving(
    api: Api,
    needs: Sequence[Probe],
    *,
    seconds: float = PROBE_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until every probe is taken.

    Raises:
        NotServingError: an addon did not serve in time.
    """
    deadline = time.monotonic() + seconds
    for probe in needs:
        while (refusal := api.refusal(probe)) is not None:
            if time.monotonic() >= deadline:
                raise NotServingError(
                    f"{probe.addon} does not serve: after {seconds:.0f} s a dry run of "
                    f"{probe.kind} ({probe.group}/{probe.version}) is still refused: {refusal}"
                )
            sleep(2)
