"""`kill -9` of everything, again and again on one stack: one command and the next `up` go on from where it died."""

import random
import threading
import time
from typing import Any

from kubernetes import client

from bootstrap.recover import recover
from rehearsal.azure.cloud import Manners
from rehearsal.events import EventLog, Span
from tests.e2e.looks import root_application

SEED = 20261124
POINTS = 40

RELEASES = ["cert-manager-g1", "ingress-g1", "external-secrets-g1", "argocd-g1"]


def kill(on: Any, delay: float) -> list[Span]:
    """Run `up` and kill it soon after its first change has begun; return what was under way, nothing where it ended."""
    changing = threading.Event()

    def look(span: Span) -> None:
        if not span.type.startswith(("aks-bootstrap:", "pulumi:")):
            changing.set()

    log = EventLog(on.project.event_log(), on_change=look)
    with log:
        run = on.project.begin("up", "--yes", "--skip-preview", f"--event-log={log.path}")
        while run.poll() is None and not changing.wait(0.1):
            pass
        if not changing.is_set():
            return []
        time.sleep(delay)
        on.project.kill(run)
    return [span for span in log.spans() if span.ends is None and ":" in span.type.removeprefix("aks-bootstrap:")]


def test_forty_deaths_and_a_convergence(stage, client_of):
    """Resources of every Azure type, each of the releases, and what stands between them, with seeded delays."""
    chance = random.Random(SEED)  # noqa: S311 - reproducible, not secret
    on = stage("dev", manners=Manners(seconds_per_minute=2.0), audit=True)
    seen: set[str] = set()
    before: list[str] = []
    stuck = 0
    for number in range(1, POINTS + 1):
        # a step that was killed twice is let through, or one long step would take all the points: a release takes
        # seconds, after eight in which its dead run is watched for a sign of life
        delay = round(chance.uniform(12, 16) if stuck > 1 else chance.uniform(0, 0.8), 2)
        under_way = kill(on, delay)
        if not under_way:
            # everything is there: from now on, upgrades are killed
            chart, values = chance.choice(
                [
                    ("certManager", {"podAnnotations": {"rehearsal": str(number)}}),
                    ("traefik", {"deployment": {"podAnnotations": {"rehearsal": str(number)}}}),
                    ("externalSecrets", {"podAnnotations": {"rehearsal": str(number)}}),
                    ("argoCd", {"global": {"podAnnotations": {"rehearsal": str(number)}}}),
                ]
            )
            on.project.configure({"charts": {chart: {"values": values}}})
            under_way = kill(on, delay)
        names = sorted(f"{s.operation} {s.name}" for s in under_way if not s.type.startswith(("aks-boot", "pulumi:")))
        stuck = stuck + 1 if set(names) & set(before) else 0
        before = names
        seen |= {span.type for span in under_way} | {span.name for span in under_way if "Release" in span.type}
        settled = recover(on.project.pulumi, say=lambda _: None, sleep=lambda _: time.sleep(1))
        print(  # noqa: T201 - the table of points is part of the result
            f"{number:2} {delay:4.2f}s killed during {', '.join(names) or 'nothing'}; "
            f"taken over: {', '.join(settled.taken) or '-'}"
        )
    assert set(RELEASES) <= seen, "every release was killed at least once"
    assert len({type_ for type_ in seen if type_.startswith("azure-native:")}) >= 8

    on.project.pulumi("up", "--yes", "--skip-preview")

    assert set(on.project.changes("--expect-no-changes")) == {"same"}
    api = client_of(on.planes[0])
    assert root_application(api) is not None
    known = {r["id"].lower() for r in on.project.resources() if r["type"].startswith("azure-native:") and r["custom"]}
    assert {r["id"].lower() for r in on.cloud.resources()} == known, "no duplicate, and nothing that the state lacks"
    uninstalled = [
        r for r in on.planes[0].requests("delete") if r["objectRef"]["resource"] in {"deployments", "services"}
    ]
    assert uninstalled == [], "no running workload was taken down"
    for namespace in ("cert-manager", "traefik", "external-secrets", "argocd"):
        latest = client.CoreV1Api(api).list_namespaced_secret(namespace, label_selector="owner=helm,status=deployed")
        assert len(latest.items) == 1, namespace
