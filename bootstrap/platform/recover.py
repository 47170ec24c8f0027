"""``bootstrap recover``: makes a stack ready for `pulumi up` after a run that died.

A run that dies leaves a lock, and pending operations in the state for the resources that it was creating. Azure
completes the creations that it has accepted, so that the next `up` would fail on resources that already exist. Those
that exist are imported into the state; the pending operations of the others are discarded. Helm releases are left out:
the hooks of the next `up` repair them (decision 2). One whose upgrade was interrupted, or that failed, leaves the
state: a refresh would take the values of the revision that Helm never finished for those of the release. What Azure
kept when Pulumi deleted it, such as the addresses of a region that the stack left and comes back to, is imported too.
"""

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from bootstrap.errors import BootstrapError
from bootstrap.platform.plan.arm import requests
from bootstrap.platform.plan.registration import Evaluation
from components.azure.resource_types import PREFIX, resource_type
from components.release import kubernetes_types
from components.release.kubernetes_types import RELEASE, kubernetes_id

WAIT_SECONDS = 30 * 60
"""How long to wait for a creation that Azure has accepted; a cluster takes 9-13 minutes."""
_POLL_SECONDS = 5
_NOT_FOUND = ("does not exist", "was not found", "NotFound")


class RecoverError(BootstrapError):
    """A stack cannot be recovered; the text ends with Pulumi's output, or names the remedy."""


class Pulumi(Protocol):
    """Runs the CLI on one stack, and returns the completed process with its output."""

    def __call__(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run ``pulumi`` with arguments; with ``check``, raise an exception if it fails."""


@dataclass(frozen=True, kw_only=True)
class Recovered:
    """What happened to the resources whose creation was pending."""

    imported: tuple[str, ...]
    """Logical names of those that existed, and are now in the state."""
    discarded: tuple[str, ...]
    """Logical names of those that did not exist, and of Helm releases."""


@dataclass(frozen=True, kw_only=True)
class Retained:
    """A resource of the program that outlives its deletion by Pulumi, so that Azure may have it and the state not."""

    urn: str
    type: str
    id: str
    provider: str
    """URN of its provider."""
    parent: str | None


def retained(evaluation: Evaluation) -> list[Retained]:
    """Return what a program would create in Azure and would leave there: addresses of a region, a vault."""
    ids = {request.name: request.id for request in requests(evaluation)}
    return [
        Retained(urn=found.urn, type=found.type, id=ids[found.name], provider=found.provider, parent=found.parent)
        for found in evaluation.registrations
        if found.retain_on_delete and found.type.startswith(PREFIX) and found.provider is not None
    ]


def recover(
    pulumi: Pulumi,
    *,
    report: Callable[[str], None],
    kept: Sequence[Retained] = (),
    sleep: Callable[[float], None] = time.sleep,
) -> Recovered:
    """Remove the lock, and resolve every pending creation.

    Args:
        pulumi: runs the CLI on the stack.
        report: called with a line of text for every step.
        kept: what the program would create and Azure may have kept; it is imported where the state lacks it.
        sleep: waits for a number of seconds; replaced in tests.

    Raises:
        RecoverError: Pulumi fails, or Azure does not finish in time.
    """
    report("removing the dead run's lock")
    pulumi("cancel", "--yes", check=False)  # fails if there is no lock
    state = json.loads(pulumi("stack", "export").stdout)
    pending = [
        operation["resource"]
        for operation in state["deployment"].get("pending_operations") or []
        # a component exists only in the state
        if operation["type"] == "creating" and operation["resource"]["custom"]
    ]
    unfinished = _unfinished_releases(state)
    known = {found["urn"] for found in state["deployment"].get("resources") or []}
    # without its parent nothing can be imported: the next `up` creates the parent before it fails
    lacking = [found for found in kept if found.urn not in known and found.parent in {None, *known}]
    if not state["deployment"].get("pending_operations") and not unfinished and not lacking:
        report("nothing was being created")
        return Recovered(imported=(), discarded=())
    subscription = _subscription(state)
    if unfinished:
        _take_out(state, unfinished)
    state["deployment"]["pending_operations"] = []
    _import_state(pulumi, state)

    imported, discarded = [], [urn.rsplit("::", 1)[-1] for urn in unfinished]
    for resource in pending:
        name = resource["urn"].rsplit("::", 1)[-1]
        id_ = _id(resource, subscription)
        if id_ is not None and _import_resource(pulumi, resource, id_, report):
            _await_ready(pulumi, resource["urn"], name, report, sleep)
            imported.append(name)
        else:
            discarded.append(name)
    for found in lacking:
        resource = {"urn": found.urn, "type": found.type, "provider": f"{found.provider}::id", "parent": found.parent}
        if found.urn not in {each["urn"] for each in pending} and _import_resource(pulumi, resource, found.id, report):
            imported.append(found.urn.rsplit("::", 1)[-1])
    dropped = "discarded, as not found or a Helm release, which the next `up` repairs"
    for what, names in (("imported into the state", imported), (dropped, discarded)):
        if names:
            report(f"{what}: {', '.join(names)}")
    report("ready for `pulumi up`")
    return Recovered(imported=tuple(imported), discarded=tuple(discarded))


def _unfinished_releases(state: Mapping[str, Any]) -> list[str]:
    """Return the URNs of releases whose upgrade was interrupted, or whose last operation failed and is in the state."""
    upgraded = [
        operation["resource"]["urn"]
        for operation in state["deployment"].get("pending_operations") or []
        if operation["type"] == "updating" and operation["resource"]["type"] == RELEASE
    ]
    failed = [
        found["urn"]
        for found in state["deployment"].get("resources") or []
        if found["type"] == RELEASE and found.get("initErrors")
    ]
    return list(dict.fromkeys([*upgraded, *failed]))


def _take_out(state: dict[str, Any], urns: Collection[str]) -> None:
    """Remove resources from a state, and from what the others say they depend on."""
    resources = [found for found in state["deployment"].get("resources") or [] if found["urn"] not in urns]
    for found in resources:
        found["dependencies"] = [urn for urn in found.get("dependencies") or [] if urn not in urns]
        found["propertyDependencies"] = {
            name: [urn for urn in of_property or [] if urn not in urns]
            for name, of_property in (found.get("propertyDependencies") or {}).items()
        }
    state["deployment"]["resources"] = resources


def _id(resource: Mapping[str, Any], subscription: str) -> str | None:
    """Return the id by which a resource can be imported; None for one that is not imported, such as a release."""
    type_, inputs = resource["type"], resource["inputs"]
    if type_.startswith(PREFIX):
        return resource_type(type_).arm_id(inputs, subscription)
    if type_.startswith(kubernetes_types.PREFIX) and type_ != RELEASE:
        return kubernetes_id(type_, inputs)
    return None


def import_entry(resource: Mapping[str, Any], id_: str) -> dict[str, Any]:
    """Return the import file of one resource, as https://www.pulumi.com/docs/iac/cli/commands/pulumi_import/ has it."""
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


def _import_resource(pulumi: Pulumi, resource: Mapping[str, Any], id_: str, report: Callable[[str], None]) -> bool:
    report(f"looking for {id_}")
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
    if any(words in printed for words in _NOT_FOUND):
        return False
    raise RecoverError(f"{id_} could not be imported into the state:\n{printed[-2000:]}")


def _await_ready(
    pulumi: Pulumi, urn: str, name: str, report: Callable[[str], None], sleep: Callable[[float], None]
) -> None:
    for _ in range(WAIT_SECONDS // _POLL_SECONDS):
        resources = json.loads(pulumi("stack", "export").stdout)["deployment"]["resources"]
        found: dict[str, Any] = next((r for r in resources if r["urn"] == urn), {})
        condition = found.get("outputs", {}).get("provisioningState", "Succeeded")
        if condition == "Succeeded":
            return
        report(f"{name} exists with provisioning state {condition}; waiting for Azure")
        sleep(_POLL_SECONDS)
        pulumi("refresh", "--yes", "--skip-preview", "--target", urn)
    raise RecoverError(
        f"{name} is not ready after {WAIT_SECONDS // 60} minutes; check it in Azure, then run this command again"
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
