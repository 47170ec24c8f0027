"""The guard's steps around an operation, against an API that is played."""

from collections.abc import Sequence
from typing import Any, cast

import pulumi
import pytest

from components.release.cluster_api import ClusterApi
from components.release.guard import Guard
from components.release.helm_record import Claim, Operation, Record, ReleaseConflictError
from components.release.lease import HEARTBEAT_SECONDS, WATCH_SECONDS
from components.release.probe import (
    PREVIEW_SECONDS,
    PROBE_SECONDS,
    NotServingError,
    Probe,
    await_serving,
    await_webhooks,
)

PROBE = Probe(addon="cert-manager", group="g", version="v1", kind="Issuer", plural="issuers", namespace="n", spec={})


def record(revision: int, status: str, chart: str = "traefik") -> Record:
    return Record(secret=f"v{revision}", revision=revision, status=status, chart=chart)


class Api:
    """Answers with what it was given, and keeps every call."""

    def __init__(
        self, *refusals: str, records: Sequence[Record] = (), claim: Claim = Claim.NONE, renewals: Sequence[bool] = ()
    ) -> None:
        self.refusals, self.found, self.claim, self.renewals = list(refusals), list(records), claim, list(renewals)
        self.calls: list[tuple[Any, ...]] = []
        self.guard: Guard | None = None

    @property
    def played(self) -> ClusterApi:
        return cast("ClusterApi", self)

    @property
    def steps(self) -> list[str]:
        return [call[0] for call in self.calls]

    def refusal(self, probe: Probe) -> str | None:
        self.calls.append(("serve", probe))
        return self.refusals.pop(0) if self.refusals else None

    def records(self, *place: str) -> list[Record]:
        self.calls.append(("records", *place))
        return self.found

    def claim_of(self, *lease: str, watch_seconds: float) -> Claim:
        self.calls.append(("claim", *lease, watch_seconds))
        return self.claim

    def take_lease(self, *lease: str) -> None:
        self.calls.append(("lease", *lease))

    def delete_record(self, record: Record, namespace: str) -> None:
        self.calls.append(("delete", record, namespace))

    def fail_record(self, record: Record, namespace: str) -> None:
        self.calls.append(("fail", record, namespace))

    def definitions(self) -> list[dict[str, Any]]:
        self.calls.append(("definitions",))
        return []

    def renew_lease(self, *lease: str) -> None:
        self.calls.append(("renew", *lease))
        works = self.renewals.pop(0)
        if not self.renewals and self.guard:
            self.guard.ended.set()
        if not works:
            raise ConnectionError("gone")

    def end_lease(self, *lease: str) -> None:
        self.calls.append(("end", *lease))


@pytest.fixture
def guard() -> Guard:
    return Guard(release="traefik", namespace="ingress", chart="traefik", needs=[PROBE])


@pytest.fixture(autouse=True)
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(pulumi.log, "warn", said.append)
    return said


def test_a_first_installation_asks_who_serves_and_what_is_there_and_takes_the_lease(
    guard: Guard, warned: list[str]
) -> None:
    api = Api()
    guard.begin(api.played, "us", Operation.CREATE)
    lease = ("aks-bootstrap-traefik", "ingress", "us")
    assert api.calls == [
        ("serve", PROBE),
        ("records", "traefik", "ingress"),
        ("claim", *lease, 0),
        ("lease", *lease, "create"),
    ]
    assert warned == []


def test_what_a_dead_run_left_goes_only_when_the_lease_is_taken(guard: Guard, warned: list[str]) -> None:
    left = [record(1, "deployed"), record(2, "pending-upgrade")]
    api = Api(records=left, claim=Claim.OURS)
    guard.begin(api.played, "us", Operation.CREATE)
    assert api.steps == ["serve", "records", "claim", "lease", "delete", "delete"]
    assert api.calls[-2:] == [("delete", left[0], "ingress"), ("delete", left[1], "ingress")]
    assert len(warned) == 1 and "left behind by a run that died" in warned[0]


def test_a_first_revision_that_died_in_an_update_is_marked_failed_under_the_lease(guard: Guard) -> None:
    api = Api(records=[record(1, "pending-install")], claim=Claim.OURS)
    guard.begin(api.played, "us", Operation.UPDATE)
    assert api.steps == ["serve", "records", "claim", "lease", "fail", "definitions"]
    assert api.calls[-3:-1] == [
        ("lease", "aks-bootstrap-traefik", "ingress", "us", "update"),
        ("fail", record(1, "pending-install"), "ingress"),
    ]


@pytest.mark.parametrize(("status", "seconds"), [("deployed", 0), ("pending-upgrade", WATCH_SECONDS)])
def test_a_live_run_is_watched_for_only_where_an_operation_looks_unfinished(
    guard: Guard, status: str, seconds: float
) -> None:
    api = Api(records=[record(1, "superseded"), record(2, status)], claim=Claim.OURS)
    guard.begin(api.played, "us", Operation.UPDATE)
    assert [call[-1] for call in api.calls if call[0] == "claim"] == [seconds]


@pytest.mark.parametrize(
    ("records", "claim", "operation"),
    [
        ([record(1, "pending-install")], Claim.OURS_ALIVE, Operation.CREATE),
        ([record(1, "deployed")], Claim.OTHERS, Operation.CREATE),
        ([record(1, "deployed")], Claim.NONE, Operation.CREATE),
        ([record(1, "deployed", "nginx")], Claim.OURS, Operation.CREATE),
        ([], Claim.OURS, Operation.UPDATE),
    ],
)
def test_a_conflict_takes_no_lease_and_touches_nothing(
    guard: Guard, records: list[Record], claim: Claim, operation: Operation
) -> None:
    api = Api(records=records, claim=claim)
    with pytest.raises(ReleaseConflictError):
        guard.begin(api.played, "us", operation)
    assert api.steps == ["serve", "records", "claim"]


def test_a_conflict_names_the_release_and_its_namespace(guard: Guard) -> None:
    api = Api(records=[record(1, "deployed")])
    with pytest.raises(ReleaseConflictError, match="release ingress/traefik"):
        guard.begin(api.played, "us", Operation.CREATE)


def test_nothing_is_asked_of_a_release_whose_needs_do_not_serve(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refusing(Api):
        def refusal(self, probe: Probe) -> str | None:
            monkeypatch.setattr("components.release.probe.time.monotonic", lambda: float("inf"))
            super().refusal(probe)
            return "no endpoints"

    api = Refusing()
    with pytest.raises(NotServingError, match=r"after 180 s .* no endpoints"):
        guard.begin(api.played, "us", Operation.CREATE)
    assert set(api.steps) == {"serve"}


def test_the_lease_is_renewed_until_the_operation_has_ended_though_a_renewal_fails(guard: Guard) -> None:
    api = Api(renewals=[True, False, False, True])
    api.guard = guard
    guard.keep_alive(api.played, every_seconds=0)
    assert api.calls == [("renew", "aks-bootstrap-traefik", "ingress")] * 4


def test_an_operation_that_has_ended_is_not_renewed(guard: Guard) -> None:
    api = Api()
    guard.end(api.played)
    assert guard.ended.is_set()
    guard.keep_alive(api.played, every_seconds=0)
    assert api.calls == [("end", "aks-bootstrap-traefik", "ingress")]


def test_a_live_run_has_several_heartbeats_before_it_counts_as_dead() -> None:
    assert WATCH_SECONDS >= 3 * HEARTBEAT_SECONDS > 0


def test_an_addon_that_serves_is_asked_once() -> None:
    api = Api()
    await_serving(api, [PROBE], sleep=lambda _: pytest.fail("slept"))
    assert api.steps == ["serve"]


def test_an_addon_that_is_not_there_yet_is_asked_again() -> None:
    slept: list[float] = []
    api = Api("no endpoints", "x509")
    await_serving(api, [PROBE], sleep=slept.append)
    assert api.steps == ["serve"] * 3 and slept == [2, 2]


def test_an_addon_that_never_serves_is_named_with_its_last_refusal() -> None:
    with pytest.raises(NotServingError, match=r"cert-manager does not serve.*Issuer \(g/v1\).*no endpoints"):
        await_serving(Api(*["no endpoints"] * 9), [PROBE], seconds=0, sleep=lambda _: None)


def test_the_wait_for_an_addon_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("components.release.probe.time.monotonic", lambda: now)
    with pytest.raises(NotServingError):
        await_serving(Api(*["no"] * 1000), [PROBE], sleep=sleep)
    assert now == PROBE_SECONDS


def test_every_need_is_asked_and_the_probe_is_an_object_of_its_kind() -> None:
    other = Probe(addon="other", group="o", version="v2", kind="Thing", plural="things", namespace="m", spec={"a": 1})
    api = Api()
    await_serving(api, [PROBE, other], sleep=lambda _: pytest.fail("slept"))
    assert api.calls == [("serve", PROBE), ("serve", other)]
    assert other.body == {
        "apiVersion": "o/v2",
        "kind": "Thing",
        "metadata": {"name": "aks-bootstrap-probe", "namespace": "m"},
        "spec": {"a": 1},
    }


DOWN = 'Internal error occurred: failed calling webhook "webhook.cert-manager.io": failed to call webhook: EOF'
DENIED = 'admission webhook "webhook.cert-manager.io" denied the request: spec.acme: not allowed'


@pytest.mark.parametrize("refusal", [DENIED, "the server could not find the requested resource", "HTTP 503"])
def test_a_preview_waits_for_nothing_but_a_webhook_that_is_down(refusal: str) -> None:
    api = Api(refusal)
    await_webhooks(api, [PROBE], sleep=lambda _: pytest.fail("slept"))
    assert api.steps == ["serve"]


def test_a_preview_gives_a_webhook_the_time_of_a_rollout() -> None:
    slept: list[float] = []
    api = Api(DOWN, DOWN)
    await_webhooks(api, [PROBE], sleep=slept.append)
    assert api.steps == ["serve"] * 3 and slept == [1, 1]


def test_a_webhook_that_stays_down_is_named_in_a_preview_with_the_ways_out(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr("components.release.probe.time.monotonic", lambda: now)
    with pytest.raises(NotServingError, match="the webhook of cert-manager is down") as told:
        await_webhooks(Api(*[DOWN] * 1000), [PROBE, PROBE], sleep=sleep)
    assert now == PREVIEW_SECONDS, "over all needs"
    for words in (DOWN, "`kubectl get pods -n n`", "`make up SKIP_PREVIEW=1`"):
        assert words in str(told.value)
