"""``bootstrap recover``: makes a stack ready for `pulumi up` after a run that died.

A run that dies leaves a lock, and a note of what it was creating. Azure goes on with what it has accepted, so that the
next `up` would meet resources that it does not know and Azure would refuse them as existing. What exists is taken into
the state; what does not is forgotten. Helm releases need none of this: they heal by themselves.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bootstrap.errors import BootstrapError
from components.azure.resource_types import PREFIX, resource_type
from components.release import kubernetes_types
from components.release.kubernetes_types import RELEASE, kubernetes_id

WAIT_SECONDS = 30 * 60
"""How long Azure may take to finish what the dead run asked for; a cluster takes 9-13 minutes."""
_LOOK_EVERY_SECONDS = 5
_NOT_THERE = ("does not exist", "was not found", "NotFound")


class RecoverError(BootstrapError):
    """A stack cannot be recovered; the text says what Pulumi said."""


class Pulumi(Protocol):
    """Runs the CLI on one stack, and returns what it printed."""

    def __call__(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run ``pulumi`` with arguments; with ``check``, a failure is an exception."""


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What was found and done."""

    taken: tuple[str, ...]
    """Logical names of what Azure had made and the state did not know."""
    forgotten: tuple[str, ...]
    """Logical names of what had not come to be."""


def recover(pulumi: Pulumi, *, say: Callable[[str], None], sleep: Callable[[float], None] = time.sleep) -> Recovered:
    """Remove the lock, and settle every creation that was under way.

    Args:
        pulumi: runs the CLI on the stack.
        say: told what is done.
        sleep: waits; replaced in tests.

    Raises:
        RecoverError: Pulumi fails, or Azure does not finish in time.
    """
    say("removing the dead run's lock")
    pulumi("cancel", "--yes", check=False)  # there may be none
    state = json.loads(pulumi("stack", "export").stdout)
    pending = [
        operation["resource"]
        for operation in state["deployment"].get("pending_operations") or []
        # a component is only a place in the state
        if operation["type"] == "creating" and operation["resource"]["custom"]
    ]
    if not state["deployment"].get("pending_operations"):
        say("nothing was being created")
        return Recovered(taken=(), forgotten=())
    subscription = _subscription(state)
    state["deployment"]["pending_operations"] = []
    _import_state(pulumi, state)

    taken, forgotten = [], []
    for resource in pending:
        name = resource["urn"].rsplit("::", 1)[-1]
        id_ = _id(resource, subscription)
        if id_ is not None and _take(pulumi, resource, id_, say):
            _await_ready(pulumi, resource["urn"], name, say, sleep)
            taken.append(name)
        else:
            forgotten.append(name)
    for what, names in (("taken into the state", taken), ("forgotten, as it had not come to be", forgotten)):
        if names:
            say(f"{what}: {', '.join(names)}")
    say("ready for `pulumi up`")
    return Recovered(taken=tuple(taken), forgotten=tuple(forgotten))


def _id(resource: Mapping[str, Any], subscription: str) -> str | None:
    """Return where to look for what was being created; None for what needs no looking."""
    type_, inputs = resource["type"], resource["inputs"]
    if type_.startswith(PREFIX):
        return resource_type(type_).arm_id(inputs, subscription)
    if type_.startswith(kubernetes_types.PREFIX) and type_ != RELEASE:
        return kubernetes_id(type_, inputs)
    return None


def import_entry(resource: Mapping[str, Any], id_: str) -> dict[str, Any]:
    """Return the import file of one resource. https://www.pulumi.com/docs/iac/cli/commands/pulumi_import/."""
    parent, provider = resource.get("parent"), resource["provider"].rsplit("::", 1)[0]
    return {
        "nameTable": {"provider": provider, **({"parent": parent} if parent else {})},
        "resources": [
            {
                "type": resource["type"],
                "name": resource["urn"].rsplit("::", 1)[-1],
                "id": id_,
                "provider": "provider",
                **({"parent": "parent"} if parent else {}),
            }
        ],
    }


def _take(pulumi: Pulumi, resource: Mapping[str, Any], id_: str, say: Callable[[str], None]) -> bool:
    say(f"looking for {id_}")
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-recover-") as folder:
        file = Path(folder) / "import.json"
        file.write_text(json.dumps(import_entry(resource, id_)), encoding="utf-8")
        done = pulumi(
            "import",
            "--file",
            str(file),
            "--yes",
            "--skip-preview",
            "--generate-code=false",
            "--protect=false",
            check=False,
        )
    if done.returncode == 0:
        return True
    printed = done.stdout + done.stderr
    if any(words in printed for words in _NOT_THERE):
        return False
    raise RecoverError(f"{id_} could not be taken into the state:\n{printed[-2000:]}")


def _await_ready(
    pulumi: Pulumi, urn: str, name: str, say: Callable[[str], None], sleep: Callable[[float], None]
) -> None:
    for _ in range(WAIT_SECONDS // _LOOK_EVERY_SECONDS):
        resources = json.loads(pulumi("stack", "export").stdout)["deployment"]["resources"]
        found: dict[str, Any] = next((r for r in resources if r["urn"] == urn), {})
        condition = found.get("outputs", {}).get("provisioningState", "Succeeded")
        if condition == "Succeeded":
            return
        say(f"{name} is there and {condition}; waiting for Azure")
        sleep(_LOOK_EVERY_SECONDS)
        pulumi("refresh", "--yes", "--skip-preview", "--target", urn)
    raise RecoverError(
        f"{name} is not ready after {WAIT_SECONDS // 60} minutes; look at it in Azure, then run this again"
    )


def _subscription(state: Mapping[str, Any]) -> str:
    for resource in state["deployment"].get("resources") or []:
        if resource["type"] == "pulumi:providers:azure-native":
            return str(resource["inputs"]["subscriptionId"])
    return ""


def _import_state(pulumi: Pulumi, state: Mapping[str, Any]) -> None:
    with tempfile.TemporaryDirectory(prefix="aks-bootstrap-recover-") as folder:
        file = Path(folder) / "state.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(state), encoding="utf-8")
        pulumi("stack", "import", "--file", str(file))
