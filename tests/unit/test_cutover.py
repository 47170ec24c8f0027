"""When records move to a new cluster: what they wait for, what they do not, and what is said when they stay."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest
from kubernetes.client import ApiException

from bootstrap.options import ROOT
from bootstrap.platform.run import settings_of
from components.cutover import cutover, in_azure
from components.cutover.applications import Applications, compare
from components.cutover.cutover import SECONDS_OVERRIDE, Cutover, CutoverArgs

OLD, NEW = "203.0.113.4", "203.0.113.5"


def application(name: str, sync: str = "Synced", health: str = "Healthy") -> dict[str, Any]:
    return {"metadata": {"name": name}, "status": {"sync": {"status": sync}, "health": {"status": health}}}


@dataclass
class Side:
    """A cluster's API: what it answers is made of what a test says, one step for each time that it is asked."""

    steps: list[list[dict[str, Any]] | Exception]
    certificate: str | None = None
    """Why the certificate is not issued."""
    asked: int = 0

    def argo_cd_objects(self, plural: str, namespace: str) -> list[dict[str, Any]]:
        assert (plural, namespace) == ("applications", "argocd")
        step = self.steps[min(self.asked, len(self.steps) - 1)]
        self.asked += 1
        if isinstance(step, Exception):
            raise step
        return step

    def certificate_refusal(self, name: str, namespace: str) -> str | None:
        assert (name, namespace) == ("default-certificate", "traefik")
        return self.certificate

    def tls_certificate(self, secret: str, namespace: str) -> str:
        assert (secret, namespace) == ("default-certificate", "traefik")
        return "PEM"


@dataclass
class Move:
    """A record that is about to move, between two sides."""

    new: Side
    old: Side | None
    refusals: list[str | None] = field(default_factory=lambda: [None])
    """What the new address answers, in order; the last one for good."""
    seen: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)

    def run(self, patch: pytest.MonkeyPatch, *, records: int = 1, to: str = NEW, seconds: str = "0.05") -> None:
        answers = iter(self.refusals)
        last = self.refusals[-1]

        async def sign_in(access: object) -> Side:
            return self.new

        async def old_side(metadata: Mapping[str, str]) -> Side | None:
            assert metadata == {"cluster": "old", "resourceGroup": "rg"}
            return self.old

        def refusal(address: str, port: int, **named: object) -> str | None:
            assert (address, port) == (NEW, 443)
            assert named == {"zone": "example.com", "host": "argocd.example.com", "certificate": "PEM"}
            return next(answers, last)

        async def sleep(wait: float) -> None:
            self.slept.append(wait)

        patch.setenv(SECONDS_OVERRIDE, seconds)
        patch.setattr(cutover, "sign_in", sign_in)
        patch.setattr(cutover, "refusal", refusal)
        patch.setattr(cutover, "_POLL_SECONDS", 0.001)
        patch.setattr(pulumi.log, "info", self.seen.append)
        patch.setattr(pulumi.log, "warn", self.seen.append)
        patch.setattr(pulumi, "ResourceHook", lambda name, callback: SimpleNamespace(name=name, callback=callback))
        args = CutoverArgs(
            access=cast("Any", None),
            old_side=cast("Any", old_side),
            host="argocd.example.com",
            zone="example.com",
            default_certificate=True,
            ttl_seconds=300,
        )
        made = Cutover("cutover", args)
        (before,), (after,) = cast("Any", made.hooks.before_update), cast("Any", made.hooks.after_update)
        hooks = [
            pulumi.ResourceHookArgs(
                "urn",
                "id",
                f"record-{index}",
                "azure-native:dns:RecordSet",
                old_inputs={
                    "aRecords": [{"ipv4Address": OLD}],
                    "metadata": {"cluster": "old", "resourceGroup": "rg"},
                },
                new_inputs={"aRecords": [{"ipv4Address": to}]},
            )
            for index in range(records)
        ]

        async def engine() -> None:
            await asyncio.gather(*(before.callback(hook) for hook in hooks))
            with pytest.MonkeyPatch.context() as inner:
                inner.setattr(asyncio, "sleep", sleep)
                await asyncio.gather(*(after.callback(hook) for hook in hooks))

        asyncio.run(engine())


WELL = [application("root"), application("shop")]


def test_names_move_when_the_new_side_serves_and_the_old_one_stays_until_resolvers_forget_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    move = Move(new=Side([WELL]), old=Side([WELL]))
    move.run(monkeypatch, seconds="900")
    assert move.slept == [300]
    assert move.seen == ["record-0 has moved; keeping the old cluster for 300 s, until resolver caches expire"]


def test_several_records_wait_once(monkeypatch: pytest.MonkeyPatch) -> None:
    move = Move(new=Side([WELL]), old=Side([WELL]))
    move.run(monkeypatch, records=9)
    assert move.new.asked == 1
    assert len(move.slept) == 9


def test_several_records_wait_once_for_what_never_serves_too(monkeypatch: pytest.MonkeyPatch) -> None:
    move = Move(new=Side([[]]), old=Side([WELL]))
    with pytest.raises(pulumi.RunError, match="of which nothing was touched"):
        move.run(monkeypatch, records=3)
    assert len([told for told in move.seen if told.startswith("DNS stays on the old cluster until")]) == 1


def test_a_record_that_leads_to_the_same_place_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    move = Move(new=Side([[]]), old=Side([WELL]))
    move.run(monkeypatch, to=OLD)
    assert (move.new.asked, move.slept, move.seen) == (0, [], [])


def test_it_goes_on_as_soon_as_what_was_missing_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    down = ApiException(status=503)
    coming = [[application("root")], [application("root"), application("shop", "OutOfSync", "Missing")]]
    move = Move(
        new=Side([down, [], *coming, WELL]), old=Side([WELL]), refusals=["no route to host", "no route to host", None]
    )
    move.run(monkeypatch, seconds="60")
    waits = [told.partition("serves: ")[2] for told in move.seen[:-1]]
    assert waits == [
        "its API server does not answer (ApiException)",
        "no route to host; there is no root Application yet; root (not there), which is healthy on the old cluster; "
        "shop (not there), which is healthy on the old cluster",
        "shop (not there), which is healthy on the old cluster",
        "shop (OutOfSync, Missing), which is healthy on the old cluster",
    ]


@pytest.mark.parametrize(
    ("new", "refusals", "why"),
    [
        (Side([WELL], certificate="Order failed: CAA"), [None], "default-certificate is not issued: Order failed: CAA"),
        (Side([WELL]), ["203.0.113.5:443 answers 404"], "203.0.113.5:443 answers 404"),
        (
            Side([[application("root"), application("shop", health="Degraded")]]),
            [None],
            "shop (Synced, Degraded), which",
        ),
        (Side([[application("shop")]]), [None], "there is no root Application yet"),
        (Side([ApiException(status=401)]), [None], "its API server does not answer"),
    ],
)
def test_names_stay_when_the_time_is_over(
    monkeypatch: pytest.MonkeyPatch, new: Side, refusals: list[str | None], why: str
) -> None:
    move = Move(new=new, old=Side([WELL]), refusals=refusals)
    with pytest.raises(pulumi.RunError, match="names still lead to the old side, of which nothing was touched") as told:
        move.run(monkeypatch)
    assert why in str(told.value) and "dns.cutover: immediate" in str(told.value)
    assert move.slept == []


def test_what_is_sick_on_both_sides_is_listed_and_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    unhealthy = [application("root"), application("shop", health="Degraded")]
    move = Move(new=Side([unhealthy]), old=Side([unhealthy]))
    move.run(monkeypatch)
    assert (
        "DNS moves although these are unhealthy, as they are on the old cluster too: shop (Synced, Degraded)"
        in move.seen
    )
    assert move.slept


@pytest.mark.parametrize("old", [None, Side([ApiException(status=503)])])
def test_where_the_old_side_is_gone_no_application_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, old: Side | None
) -> None:
    move = Move(new=Side([[application("root"), application("shop", health="Degraded")]]), old=old)
    move.run(monkeypatch)
    assert "the cluster that names lead to cannot be asked" in move.seen[0]


def test_an_old_side_that_goes_meanwhile_is_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    old = Side([WELL, ApiException(status=503)])
    move = Move(new=Side([[application("root"), application("shop", health="Degraded")]]), old=old)
    with pytest.raises(pulumi.RunError, match="shop"):
        move.run(monkeypatch)


def test_the_time_is_half_an_hour_unless_somebody_says_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECONDS_OVERRIDE, raising=False)
    assert cutover._seconds() == 1800


@pytest.mark.parametrize(
    ("new", "old", "worse", "unhealthy"),
    [
        ({"a": "Synced, Healthy"}, {"a": "Synced, Healthy"}, (), ()),
        ({"a": "Synced, Progressing"}, {"a": "Synced, Healthy"}, ("a (Synced, Progressing)",), ()),
        ({"a": "OutOfSync, Healthy"}, {"a": "Synced, Healthy"}, ("a (OutOfSync, Healthy)",), ()),
        ({"a": "OutOfSync, Missing"}, {"a": "OutOfSync, Healthy"}, (), ("a (OutOfSync, Missing)",)),
        ({"a": "Synced, Healthy"}, {"a": "Synced, Degraded"}, (), ()),
        ({}, {"a": "Synced, Healthy"}, ("a (not there)",), ()),
        ({}, {"a": "Synced, Degraded"}, (), ("a (not there)",)),
        ({"new": "Unknown, Unknown"}, {}, ("new (Unknown, Unknown)",), ()),
        ({"a": "Synced, Degraded"}, None, (), ("a (Synced, Degraded)",)),
    ],
)
def test_an_application_may_be_as_sick_as_it_was(
    new: dict[str, str], old: dict[str, str] | None, worse: tuple[str, ...], unhealthy: tuple[str, ...]
) -> None:
    found = compare(Applications(states=new), None if old is None else Applications(states=old))
    assert (found.worse, found.unhealthy) == (worse, unhealthy)


def test_an_application_that_nobody_has_looked_at_is_unknown() -> None:
    fresh = {"metadata": {"name": "shop"}}
    assert Applications.of([fresh, application("root")]).states == {
        "shop": "Unknown, Unknown",
        "root": "Synced, Healthy",
    }


def test_the_old_cluster_is_asked_for_by_the_provider_of_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[CutoverArgs] = []
    asked: list[pulumi.InvokeOptions] = []

    class Kept:
        hooks = None

        def __init__(self, _: str, args: CutoverArgs) -> None:
            given.append(args)

    async def kubeconfig_of(group: str, name: str, *, opts: pulumi.InvokeOptions, **_: str) -> None:
        assert (group, name) == ("rg-g1", "aks-g1")
        asked.append(opts)

    monkeypatch.setattr(in_azure, "Cutover", Kept)
    monkeypatch.setattr(in_azure, "kubeconfig_of", kubeconfig_of)
    provider = cast("pulumi.ProviderResource", object())
    cluster = SimpleNamespace(access=SimpleNamespace(name=lambda base: base))
    in_azure.cutover_hooks(settings_of(ROOT, "prod"), cast("Any", cluster), provider)
    assert asyncio.run(_old_side(given[0], {"resourceGroup": "rg-g1", "cluster": "aks-g1"})) is None
    assert [opts.provider for opts in asked] == [provider]
    assert asyncio.run(_old_side(given[0], {})) is None and len(asked) == 1


async def _old_side(args: CutoverArgs, metadata: Mapping[str, str]) -> Any:
    return await args.old_side(metadata)
