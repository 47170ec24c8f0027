"""How a run of `bootstrap verify` ends: what it made goes, what is another run's stays, and no wait outlives it."""

import io
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

import pytest
from rich.console import Console

from bootstrap.errors import UpError
from bootstrap.platform.findings import Finding
from bootstrap.platform.verify import verify, workspace
from bootstrap.platform.verify.checks import CHECKS
from bootstrap.platform.verify.cluster import Cluster, EndedError
from bootstrap.platform.verify.target import Check, Target
from bootstrap.platform.verify.workspace import NAMESPACE, Workspace
from tests.unit.loopback_api import Refusal, serve_as
from tests.unit.loopback_platform import Platform
from tests.unit.loopback_proxies import proxies
from tests.unit.test_verify_checks import LOCAL, ZONE, World

T = TypeVar("T")
PATH = f"/api/v1/namespaces/{NAMESPACE}"
QUIET = Console(file=io.StringIO())


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(workspace, "_BEAT_SECONDS", 0.02)
    with serve_as(Platform) as platform, proxies(platform.authority, ZONE) as played:
        yield World(platform=platform, proxies=played, settings=LOCAL)


def test_a_run_that_is_refused_leaves_the_namespace_of_the_one_at_work(world: World) -> None:
    first = Workspace(world.target().cluster)
    first.open()
    with pytest.raises(UpError, match="another `bootstrap verify` is at work"):
        world.examine("security")
    assert PATH in world.platform.objects
    assert first.close() == "" and world.platform.residue == []


def test_a_run_that_another_has_overtaken_leaves_its_namespace(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    found = Cluster.find

    def overtaken(cluster: Cluster, path: str) -> object:
        """Answer that there is no namespace, and let another run make one at once."""
        answer = found(cluster, path)
        if path == PATH and answer is None:
            world.platform.put(PATH, {"metadata": {"name": NAMESPACE, "labels": {workspace.LABEL: "true"}}})
        return answer

    monkeypatch.setattr(Cluster, "find", overtaken)
    monkeypatch.setattr(Workspace, "_sweep", lambda _: None)
    with pytest.raises(UpError, match="another `bootstrap verify` is at work"):
        world.examine("security")
    assert PATH in world.platform.objects


def test_a_namespace_whose_creation_was_not_answered_is_removed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = world.platform.answer

    def unanswered(method: str, path: str, query: dict[str, str], body: object) -> object:
        found = answer(method, path, query, body)
        if (method, path) == ("POST", "/api/v1/namespaces"):
            raise Refusal(504, "the answer came too late")
        return found

    monkeypatch.setattr(world.platform, "answer", unanswered)
    assert not world.examine("security").failed
    assert world.platform.residue == []


def test_an_interrupt_while_the_namespace_is_made_removes_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    create = Cluster.create

    def interrupted(cluster: Cluster, path: str, body: dict[str, object], **options: bool) -> object:
        create(cluster, path, body, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(Cluster, "create", interrupted)
    with pytest.raises(KeyboardInterrupt):
        world.examine("security")
    assert world.platform.residue == []


def test_a_wait_that_begins_after_the_run_ended_ends_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verify, "_GRACE_SECONDS", 0.0)
    released, how = threading.Event(), list[BaseException]()

    def hang(target: Target) -> Iterator[Finding]:
        released.wait(30)
        try:
            target.cluster.until(lambda: None, 1000)
        except EndedError as error:
            how.append(error)
        finished.set()
        yield from ()

    finished = threading.Event()
    verify.examine(world.target(), console=QUIET, checks=[Check(name="x", does="x", ask=hang, seconds=0.1)])
    released.set()
    assert finished.wait(10) and how, "it would have gone on to ask, and to make objects"


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_a_check_may_take_as_long_as_its_waits_do(world: World, monkeypatch: pytest.MonkeyPatch, check: Check) -> None:
    waits: list[float] = []
    until = Cluster.until

    def counted(cluster: Cluster, look: Callable[[], T | None], seconds: float, *, every: float = 1.0) -> T | None:
        waits.append(seconds)
        return until(cluster, look, seconds, every=every)

    target = world.target()
    if check.applies(target):
        target.workspace.open()
        monkeypatch.setattr(Cluster, "until", counted)
        list(check.ask(target))
        monkeypatch.undo()
        target.workspace.close()
    assert sum(waits) <= check.seconds
