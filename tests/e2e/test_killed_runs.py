"""`kill -9` of the CLI and its plugins, forty times on one stack: `bootstrap recover` and the next `up` continue."""

import functools
import random
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from kubernetes import client

from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.recover import recover
from components.release.kubernetes_types import RELEASE
from rehearsal.azure.cloud import Behaviour
from rehearsal.events import Span
from tests.e2e.inspect_cluster import root_application

SEED = 20261124
KILLS = 40
KILLS_OF_AN_INSTALLATION = 2

RELEASES = {
    "cert-manager-g1": ("certManager", lambda mark: {"podAnnotations": mark}),
    "ingress-g1": ("traefik", lambda mark: {"deployment": {"podAnnotations": mark}}),
    "external-secrets-g1": ("externalSecrets", lambda mark: {"podAnnotations": mark}),
    "argocd-g1": ("argoCd", lambda mark: {"global": {"podAnnotations": mark}}),
}


def is_release(span: Span) -> bool:
    return span.type == RELEASE


class KilledRuns:
    """Kills runs of one stack, and records which operations were interrupted."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox
        self.triggers: Counter[str] = Counter()
        """Number of kills by the URN of the resource whose operation triggered them."""
        self.in_progress: set[str] = set()
        """URNs of resources with an operation in progress at one of the kills."""
        self.interrupted: set[tuple[str, str]] = set()
        """The interrupted operations, with the resource's type, or the name of a release."""

    def once(self, delay_after: Callable[[Span], float | None]) -> bool:
        """Start a run, kill it and recover the stack; return False if the run ended before the kill."""
        target: list[tuple[Span, float]] = []

        def kill_after(span: Span) -> float | None:
            delay = None if target or span.ends is not None else delay_after(span)
            if delay is not None:
                target.append((span, delay))
            return delay

        spans = self.sandbox.project.up_until_killed(kill_after)
        if spans is None:
            return False
        under_way = [span for span in spans if not span.type.startswith(("aks-bootstrap:", "pulumi:"))]
        (span, delay) = target[0]
        self.triggers[span.urn] += 1
        self.interrupted |= {(span.operation, span.name if is_release(span) else span.type) for span in under_way}
        self.in_progress |= {span.urn for span in under_way}
        recovered = recover(self.sandbox.project.pulumi, report=lambda _: None, sleep=lambda _: time.sleep(1))
        print(  # noqa: T201 - the table of kills is part of the result
            f"{self.triggers.total():2} {delay:4.2f}s after {span.name} ({span.type.rsplit(':', 1)[-1]}) began; "
            f"under way: {', '.join(sorted(f'{s.operation} {s.name}' for s in under_way)) or 'nothing'}; "
            f"imported: {', '.join(recovered.imported) or '-'}",
            flush=True,
        )
        return True


def test_a_stack_converges_after_forty_killed_runs(make_sandbox, client_of):
    """Every type of Azure resource and every release's installation and upgrade is interrupted at least once."""
    chance = random.Random(SEED)
    sandbox = make_sandbox("dev", behaviour=Behaviour(seconds_per_minute=6.0), audit=True)
    killed = KilledRuns(sandbox)

    def during_creation(span: Span) -> float | None:
        if is_release(span):
            longest = 1.5 if killed.triggers[span.urn] else 0.1
            return chance.uniform(0, longest) if killed.triggers[span.urn] < KILLS_OF_AN_INSTALLATION else None
        known = span.urn in killed.in_progress or span.urn in killed.triggers
        real = span.type.startswith(("azure-native:", "kubernetes:"))
        return chance.uniform(0, 0.1) if real and not known else None

    while killed.once(during_creation):
        pass
    for resource in sandbox.project.resources():
        type_, urn = resource["type"], resource["urn"]
        if type_.startswith("azure-native:") and ("create", type_) not in killed.interrupted:
            # it completed during the delay before a kill that another resource triggered: once more
            sandbox.project.pulumi("destroy", "--yes", "--skip-preview", "--target", urn)
            assert killed.once(functools.partial(lambda urn, span: 0.0 if span.urn == urn else None, urn)), urn
    for mark in range(2 * KILLS):
        if killed.triggers.total() >= KILLS and all(("update", name) in killed.interrupted for name in RELEASES):
            break
        name, (chart, values) = list(RELEASES.items())[mark % len(RELEASES)]
        sandbox.project.configure({"charts": {chart: {"values": values({"rehearsal": str(mark)})}}})
        killed.once(
            functools.partial(
                lambda name, span: chance.uniform(0, 1.5) if is_release(span) and span.name == name else None, name
            )
        )

    assert killed.triggers.total() >= KILLS
    program = {found.type for found in evaluate(sandbox.project.folder, "dev").registrations}
    assert {t for t in program if t.startswith("azure-native:")} <= {type_ for _, type_ in killed.interrupted}
    for operation in ("create", "update"):
        assert set(RELEASES) <= {name for done, name in killed.interrupted if done == operation}, operation
    check_convergence(sandbox, client_of(sandbox.planes[0]))


def check_convergence(sandbox: Any, api: Any) -> None:
    sandbox.project.pulumi("up", "--yes", "--skip-preview")

    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}
    assert root_application(api) is not None
    known = {
        r["id"].lower() for r in sandbox.project.resources() if r["type"].startswith("azure-native:") and r["custom"]
    }
    assert {r["id"].lower() for r in sandbox.cloud.resources()} == known, (
        "no duplicate, and nothing that the state does not contain"
    )
    uninstalled = [
        r for r in sandbox.planes[0].requests("delete") if r["objectRef"]["resource"] in {"deployments", "services"}
    ]
    assert uninstalled == [], "no running workload was taken down"
    for namespace in ("cert-manager", "traefik", "external-secrets", "argocd"):
        latest = client.CoreV1Api(api).list_namespaced_secret(namespace, label_selector="owner=helm,status=deployed")
        assert len(latest.items) == 1, namespace
