"""Reads what Azure and the cluster have, with `az` and `kubectl` and whoever is signed in; changes nothing."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from bootstrap.platform.evidence.answers import LiveValue, meets
from bootstrap.platform.evidence.controls import Control, LiveAzure, LiveKubelet, LiveObjects
from bootstrap.platform.plan import arm
from bootstrap.platform.plan.registration import Evaluation
from policy.resource import at

Run = Callable[[Sequence[str]], Any]
"""Runs a command, and returns the JSON that it prints."""

_SECONDS = 60


class UnreadableError(Exception):
    """A value cannot be read; the text says why."""


def run(arguments: Sequence[str]) -> Any:
    """Run a command that reads.

    Raises:
        UnreadableError: it is not there, it fails, or prints something else than JSON.
    """
    if shutil.which(arguments[0]) is None:
        raise UnreadableError(f"{arguments[0]} is not on PATH")
    try:
        done = subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=_SECONDS)
    except subprocess.TimeoutExpired:
        raise UnreadableError(f"{arguments[0]} took more than {_SECONDS} s") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines()
        raise UnreadableError(said[-1] if said else f"{arguments[0]} ended with {done.returncode}")
    try:
        return json.loads(done.stdout)
    except (ValueError, RecursionError):
        raise UnreadableError(f"{arguments[0]} printed no JSON") from None


def asking(evaluation: Evaluation, context: str | None = None, run: Run = run) -> Callable[[Control], LiveValue]:
    """Return what reads live values of a stack.

    Args:
        evaluation: what the program registered, which says how Azure calls each resource.
        context: the kubeconfig's context that is the stack's cluster; the current one where it is left out.
        run: runs commands.
    """
    kubectl = ["kubectl", *(["--context", context] if context else [])]
    requests = arm.requests(evaluation)
    types = {each.name: each.type for each in evaluation.registrations}

    @cache
    def kubelet() -> Any:
        nodes = run([*kubectl, "get", "nodes", "--output", "json"])["items"]
        if not nodes:
            raise UnreadableError("the cluster has no node")
        name = nodes[0]["metadata"]["name"]
        return run([*kubectl, "get", "--raw", f"/api/v1/nodes/{name}/proxy/configz"])["kubeletconfig"]

    def azure(live: LiveAzure) -> list[Any]:
        found = [each for each in requests if types[each.name].endswith(live.of) and re.search(live.name, each.name)]
        if not found:
            raise UnreadableError(f"no {live.of} in this stack")
        # az prints nothing where a query finds null, and a list with null in it as it is
        show = ["az", "resource", "show", "--output", "json", "--query", f"[{live.query}]"]
        values = []
        for each in found:
            [value] = run([*show, "--ids", each.id, "--api-version", each.api_version])
            values.append(value)
        return values

    def objects(live: LiveObjects) -> list[Any]:
        items = run([*kubectl, "get", *live.get, "--output", "json"])["items"]
        matching = [each for each in items if not live.names or re.fullmatch(live.names, each["metadata"]["name"])]
        if not matching:
            raise UnreadableError(f"the cluster has none of {' '.join(live.get)}")
        return [at(each, live.path) for each in matching]

    def ask(control: Control) -> LiveValue:
        live = control.live
        if live is None:
            return LiveValue(note="nothing to ask")
        try:
            if isinstance(live, LiveKubelet):
                values = [at(kubelet(), live.kubelet)]
            else:
                values = azure(live) if isinstance(live, LiveAzure) else objects(live)
        except UnreadableError as error:
            return LiveValue(note=f"cannot be known: {error}")
        except (KeyError, TypeError, ValueError):
            return LiveValue(note="cannot be known: the answer has another form")
        value = values[0] if len(values) == 1 else values
        return LiveValue(value=value, holds=all(meets(each, live.must) for each in values))

    return ask
