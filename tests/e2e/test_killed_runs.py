"""`kill -9` of everything, again and again on one stack: one command and the next `up` go on from where it died."""

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
POINTS = 40
DEATHS_OF_AN_INSTALLATION = 2

RELEASES = {
    "cert-manager-g1": ("certManager", lambda mark: {"podAnnotations": mark}),
    "ingress-g1": ("traefik", lambda mark: {"deployment": {"podAnnotations": mark}}),
    "external-secrets-g1": ("externalSecrets", lambda mark: {"podAnnotations": mark}),
    "argocd-g1": ("argoCd", lambda mark: {"global": {"podAnnotations": mark}}),
}


def is_release(span: Span) -> bool:
    return span.type == RELEASE


class Deaths:
    """Kills runs of one stack, and keeps what they died of."""

    def __init__(self, sandbox: Any) -> None:
        self.sandbox = sandbox
        self.aimed: Counter[str] = Counter()
        """Deaths by the URN at whose beginning they were decided."""
        self.caught: set[str] = set()
        """URNs of what was under way in one of them."""
        self.died: set[tuple[str, str]] = set()
        """Operations and types that were; releases by name."""

    def one(self, left_to_live: Callable[[Span], float | None]) -> bool:
        """Kill one run, and settle what it left; False where it came to its end alive."""
        target: list[tuple[Span, float]] = []

        def aim(span: Span) -> float | None:
            left = None if target or span.ends is not None else left_to_live(span)
            if left is not None:
                target.append((span, left))
            return left

        spans = self.sandbox.project.up_until_killed(aim)
        if spans is None:
            return False
        under_way = [span for span in spans if not span.type.startswith(("aks-bootstrap:", "pulumi:"))]
        (span, left) = target[0]
        self.aimed[span.urn] += 1
        self.died |= {(span.operation, span.name if is_release(span) else span.type) for span in under_way}
        self.caught |= {span.urn for span in under_way}
        settled = recover(self.sandbox.project.pulumi, report=lambda _: None, sleep=lambda _: time.sleep(1))
        print(  # noqa: T201 - the table of points is part of the result
            f"{self.aimed.total():2} {left:4.2f}s after {span.name} ({span.type.rsplit(':', 1)[-1]}) began; "
            f"under way: {', '.join(sorted(f'{s.operation} {s.name}' for s in under_way)) or 'nothing'}; "
            f"taken over: {', '.join(settled.imported) or '-'}",
            flush=True,
        )
        return True


def test_forty_deaths_and_a_convergence(make_sandbox, client_of):
    """During every Azure resource, each release as it is installed and upgraded, and what stands between them."""
    chance = random.Random(SEED)  # noqa: S311 - reproducible, not secret
    sandbox = make_sandbox("dev", behaviour=Behaviour(seconds_per_minute=6.0), audit=True)
    deaths = Deaths(sandbox)

    def on_the_way(span: Span) -> float | None:
        if is_release(span):
            longest = 1.5 if deaths.aimed[span.urn] else 0.1
            return chance.uniform(0, longest) if deaths.aimed[span.urn] < DEATHS_OF_AN_INSTALLATION else None
        known = span.urn in deaths.caught or span.urn in deaths.aimed
        real = span.type.startswith(("azure-native:", "kubernetes:"))
        return chance.uniform(0, 0.1) if real and not known else None

    while deaths.one(on_the_way):
        pass
    for resource in sandbox.project.resources():
        type_, urn = resource["type"], resource["urn"]
        if type_.startswith("azure-native:") and ("create", type_) not in deaths.died:
            # it was done while a run that was aimed at something else had some time left: once more
            sandbox.project.pulumi("destroy", "--yes", "--skip-preview", "--target", urn)
            assert deaths.one(functools.partial(lambda urn, span: 0.0 if span.urn == urn else None, urn)), urn
    for mark in range(2 * POINTS):
        if deaths.aimed.total() >= POINTS and all(("update", name) in deaths.died for name in RELEASES):
            break
        name, (chart, values) = list(RELEASES.items())[mark % len(RELEASES)]
        sandbox.project.configure({"charts": {chart: {"values": values({"rehearsal": str(mark)})}}})
        deaths.one(
            functools.partial(
                lambda name, span: chance.uniform(0, 1.5) if is_release(span) and span.name == name else None, name
            )
        )

    assert deaths.aimed.total() >= POINTS
    program = {found.type for found in evaluate(sandbox.project.folder, "dev").registrations}
    assert {t for t in program if t.startswith("azure-native:")} <= {type_ for _, type_ in deaths.died}
    for operation in ("create", "update"):
        assert set(RELEASES) <= {name for done, name in deaths.died if done == operation}, operation
    check_convergence(sandbox, client_of(sandbox.planes[0]))


def check_convergence(sandbox: Any, api: Any) -> None:
    sandbox.project.pulumi("up", "--yes", "--skip-preview")

    assert set(sandbox.project.changes("--expect-no-changes")) == {"same"}
    assert root_application(api) is not None
    known = {
        r["id"].lower() for r in sandbox.project.resources() if r["type"].startswith("azure-native:") and r["custom"]
    }
    assert {r["id"].lower() for r in sandbox.cloud.resources()} == known, (
        "no duplicate, and nothing that the state lacks"
    )
    uninstalled = [
        r for r in sandbox.planes[0].requests("delete") if r["objectRef"]["resource"] in {"deployments", "services"}
    ]
    assert uninstalled == [], "no running workload was taken down"
    for namespace in ("cert-manager", "traefik", "external-secrets", "argocd"):
        latest = client.CoreV1Api(api).list_namespaced_secret(namespace, label_selector="owner=helm,status=deployed")
        assert len(latest.items) == 1, namespace
