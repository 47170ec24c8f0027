"""Whether an addon serves: an object that the API server takes only when it does."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

PROBE_SECONDS = 180.0
"""How long an addon may take to serve once its workloads are available; webhooks need seconds."""
PREVIEW_SECONDS = 10.0
"""How long a preview waits for a webhook, such as one whose pod is being replaced."""
WEBHOOK_DOWN = "failed calling webhook"
"""How the API server begins its refusal where a webhook cannot be asked; whatever a webhook answers is no outage.

https://github.com/kubernetes/apiserver/blob/v0.36.0/pkg/admission/plugin/webhook/errors.go
"""


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


def await_webhooks(
    api: Api,
    needs: Sequence[Probe],
    *,
    seconds: float = PREVIEW_SECONDS,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait, in a preview, until no addon's webhook is down; an addon that is not there at all is no obstacle.

    The provider asks the API server for the result of every custom resource that changes, through these webhooks.

    Raises:
        NotServingError: a webhook is down; the text names it and the ways out.
    """
    deadline = time.monotonic() + seconds
    for probe in needs:
        while WEBHOOK_DOWN in (refusal := api.refusal(probe) or ""):
            if time.monotonic() >= deadline:
                raise NotServingError(
                    f"the webhook of {probe.addon} is down, and a preview needs it: {refusal}; look at its pods with "
                    f"`kubectl get pods -n {probe.namespace}`; if this update repairs it, skip the preview: "
                    "`pulumi up --skip-preview`, or `make up SKIP_PREVIEW=1`"
                )
            sleep(1)
