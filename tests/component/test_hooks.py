"""The hooks that the program registers, run for every addon against an API that writes down what it is asked."""

import asyncio
import functools
import itertools
import re
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pulumi
import pytest

from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.plan.registration import Registration
from components.addons import restored, take_over
from components.addons.addon import Addon
from components.addons.gateway_api import GatewayApi
from components.release import cluster_api, guard, probe
from components.release.guard import Guard
from components.release.helm_record import Claim, Record
from components.release.probe import Probe
from tests.component.conftest import ROOT, STACKS, Program, configured

Call = tuple[str, ...]


@dataclass
class Api:
    """Stands where the cluster's API stands: every addon serves, and nothing is installed."""

    calls: list[Call] = field(default_factory=list)
    probes: list[Probe] = field(default_factory=list)
    signed_in: list[tuple[str, str | None]] = field(default_factory=list)

    def sign_in(self, kubeconfig: str, context: str | None) -> "Api":
        self.signed_in.append((kubeconfig, context))
        return self

    def refusal(self, probe: Probe) -> None:
        self.probes.append(probe)
        self.calls.append(("serve", probe.kind))

    def records(self, release: str, namespace: str) -> list[Record]:
        self.calls.append(("records", release, namespace))
        return []

    def claim_of(self, name: str, namespace: str, holder: str, *, watch_seconds: float) -> Claim:
        self.calls.append(("claim", name, namespace, holder))
        assert watch_seconds == 0, "there is nothing to watch for"
        return Claim.NONE

    def take_lease(self, name: str, namespace: str, holder: str, operation: str) -> None:
        self.calls.append(("take", name, namespace, holder, operation))

    def definitions(self) -> list[dict[str, Any]]:
        self.calls.append(("definitions",))
        return []

    def renew_lease(self, name: str, namespace: str) -> None:
        """Nothing to keep: the tests end within a heartbeat."""

    def end_lease(self, name: str, namespace: str) -> None:
        self.calls.append(("end", name, namespace))

    def restored(self, name: str, namespace: str) -> cluster_api.Restored:
        self.calls.append(("restored", name, namespace))
        return cluster_api.Restored(restored=True, message="secret synced")

    def argo_cd_objects(self, plural: str, namespace: str) -> list[dict[str, Any]]:
        """One that the root Application made, and that nothing owns."""
        self.calls.append(("list", plural, namespace))
        tracking = {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application:argocd/shop"}
        return [{"metadata": {"name": "shop", "annotations": tracking}}] if plural == "applications" else []


@dataclass
class Staged:
    """A program with its hooks and its addons as objects."""

    program: Program
    hooks: dict[str, pulumi.ResourceHook]
    addons: dict[str, Addon]
    """Addons by the logical name of their component."""

    def run(self, names: list[str], resource: Registration) -> Api:
        """Run hooks as the engine would before or after a creation; return what they asked."""
        api = Api()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(cluster_api, "ClusterApi", api.sign_in)
            # nobody has to see a certificate that no cluster has
            patch.setenv(restored.OVERRIDE, "0")
            for name in names:
                args = pulumi.ResourceHookArgs(resource.urn, "", resource.name, resource.type, new_inputs={})
                asyncio.run(_finish(self.hooks[name](args)))
        return api

    def before(self, resource: Registration) -> Api:
        return self.run(resource.hooks.get("before_create", []), resource)

    def after(self, resource: Registration) -> Api:
        return self.run(resource.hooks.get("after_create", []), resource)


async def _finish(running: Awaitable[None] | None) -> None:
    if running is not None:
        await running


def stage(stack: str, changes: dict[str, Any]) -> Staged:
    """Evaluate a program, and keep its hooks and addons."""
    hooks: dict[str, pulumi.ResourceHook] = {}
    addons: dict[str, Addon] = {}
    make_hook, make_addon = pulumi.ResourceHook.__init__, Addon.__init__

    def hook(self: pulumi.ResourceHook, name: str, *rest: Any, **named: Any) -> None:
        assert name not in hooks, f"two hooks are called {name}"
        hooks[name] = self
        make_hook(self, name, *rest, **named)

    def addon(self: Addon, token: str, name: str, opts: pulumi.ResourceOptions | None) -> None:
        addons[name] = self
        make_addon(self, token, name, opts)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pulumi.ResourceHook, "__init__", hook)
        patch.setattr(Addon, "__init__", addon)
        return Staged(Program(evaluate(ROOT, stack, configured(stack, changes))), hooks, addons)


@functools.cache
def _staged(name: str) -> Staged:
    return stage(*STACKS[name])


@pytest.fixture(scope="module", params=STACKS)
def staged(request: pytest.FixtureRequest) -> Staged:
    return _staged(request.param)


def releases_of(p: Program, addon: Registration) -> list[Registration]:
    return [release for release in p.releases if addon.urn in p.above(release)]


def test_every_step_in_the_cluster_is_an_addon_or_has_what_every_cluster_serves(staged: Staged) -> None:
    for step in staged.program.addons:
        groups = {resource.type.partition("/")[0] for resource in staged.program.objects(step)}
        assert step.name in staged.addons or groups == {"kubernetes:admissionregistration.k8s.io"}, step.name


def test_every_release_asks_whether_the_addon_before_it_serves(staged: Staged) -> None:
    p = staged.program
    asked = 0
    addons = [step for step in p.addons if step.name in staged.addons]
    # what only adds an object to another's release has nothing to be asked
    installed = [step for step in addons if releases_of(p, step) or type(staged.addons[step.name]).probe is not None]
    for before, addon in itertools.pairwise(installed):
        probe = type(staged.addons[before.name]).probe
        own = [release for release in releases_of(p, addon) if p.above(release)[1] == addon.urn]
        for resource in own if probe else []:
            assert probe in staged.before(resource).probes, resource.name
            asked += 1
    assert asked >= 2


def test_every_custom_resource_comes_after_a_probe_of_whoever_judges_it(staged: Staged) -> None:
    p = staged.program
    probes = [type(addon).probe for addon in staged.addons.values()]
    judges = {probe.group: probe for probe in probes if probe is not None}
    hooked = {r.urn: staged.before(r).probes for r in p.custom if r.hooks.get("before_create") and _in_cluster(r)}
    judged = 0
    for resource in p.custom:
        group = re.match(r"kubernetes:(.+)/", resource.type)
        if group and group[1] in judges:
            before = {resource.urn, *p.before(resource)}
            asked = [probe for urn, probes in hooked.items() if urn in before for probe in probes]
            assert judges[group[1]] in asked, resource.name
            judged += 1
    assert judged >= 4


def _in_cluster(resource: Registration) -> bool:
    return resource.type.startswith("kubernetes:")


def test_every_release_is_checked_and_leased_before_it_is_touched(staged: Staged) -> None:
    p = staged.program
    provider = p.cluster_provider()
    holder = f"{pulumi.get_organization()}/aks-bootstrap/{p.evaluation.stack}/<{provider.name}.id>"
    for release in p.releases:
        name, namespace = release.inputs["name"], release.inputs["namespace"]
        api = staged.before(release)
        steps = list(itertools.dropwhile(lambda call: call[0] == "serve", api.calls))
        lease = f"aks-bootstrap-{name}"
        assert steps == [
            ("records", name, namespace),
            ("claim", lease, namespace, holder),
            ("take", lease, namespace, holder, "create"),
        ]
        assert staged.after(release).calls == [("end", lease, namespace)]


def test_an_update_is_leased_as_one(staged: Staged) -> None:
    release = staged.program.releases[0]
    args = pulumi.ResourceHookArgs(release.urn, "", release.name, release.type, new_inputs={}, old_outputs={})
    api = Api()
    record = Record(secret="v1", revision=1, status="deployed", chart=release.inputs["name"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api, "records", lambda *_: [record])
        patch.setattr(cluster_api, "ClusterApi", api.sign_in)
        (before,), (after,) = release.hooks["before_update"], release.hooks["after_update"]
        asyncio.run(_finish(staged.hooks[before](args)))
        asyncio.run(_finish(staged.hooks[after](args)))
    assert [call[-1] for call in api.calls if call[0] == "take"] == ["update"]
    assert ("definitions",) in api.calls, "stored versions are looked at before"
    assert api.calls[-1][0] == "end"


OLD_SOURCE = {"path": "gitops/environments/dev", "directory": {"recurse": True}}


@pytest.mark.parametrize(
    ("old_inputs", "waits"),
    [
        ({"spec": {"source": OLD_SOURCE}}, True),
        ({"spec": {"source": {"path": "tenants", "helm": {}}}}, False),
        ({"spec": {}}, False),
        ({}, False),
        (None, False),
    ],
)
def test_the_root_application_waits_for_owners_where_it_read_a_folder_of_applications(
    staged: Staged, monkeypatch: pytest.MonkeyPatch, old_inputs: dict[str, Any] | None, waits: bool
) -> None:
    root = staged.program.one("argoproj.io/v1alpha1:Application")
    [hook] = [name for name in root.hooks["before_update"] if name.endswith("-take-over")]
    assert hook not in root.hooks["before_create"], "what is created has made nothing yet"
    api = Api()
    monkeypatch.setattr(cluster_api, "ClusterApi", api.sign_in)
    monkeypatch.setattr(take_over, "await_owners", functools.partial(take_over.await_owners, seconds=0))
    args = pulumi.ResourceHookArgs(root.urn, "", root.name, root.type, new_inputs={}, old_inputs=old_inputs)
    with pytest.raises(take_over.NotTakenOverError, match="would delete shop,") if waits else nullcontext():
        asyncio.run(_finish(staged.hooks[hook](args)))
    assert [call[1] for call in api.calls] == (["applications", "applicationsets"] if waits else [])


def test_hooks_sign_in_as_the_provider_does(staged: Staged) -> None:
    p = staged.program
    provider = p.cluster_provider()
    for resource in p.custom:
        if _in_cluster(resource):
            for kubeconfig, context in staged.before(resource).signed_in:
                assert kubeconfig
                assert context == provider.inputs.get("context")


def test_no_hook_asks_a_cluster_that_is_not_known_yet(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    async def unknown(_: object) -> None:
        return None

    monkeypatch.setattr(pulumi.Output, "future", unknown)
    for resource in staged.program.custom:
        if _in_cluster(resource):
            assert staged.before(resource).calls == staged.after(resource).calls == []


def previewed(staged: Staged, monkeypatch: pytest.MonkeyPatch, refuse: Callable[[Probe], str]) -> list[str]:
    """Run, as a preview does, what comes before every resource in the cluster; return who was told that it is down."""
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: True)
    monkeypatch.setattr(guard, "await_webhooks", functools.partial(probe.await_webhooks, seconds=0))
    monkeypatch.setattr(Api, "refusal", lambda _, asked: refuse(asked))
    down = []
    for resource in staged.program.custom:
        hooks = [
            name
            for name in resource.hooks.get("before_create", [])
            if (opts := staged.hooks[name].opts) and opts.on_dry_run
        ]
        if _in_cluster(resource) and hooks:
            try:
                staged.run(hooks, resource)
            except probe.NotServingError as error:
                assert "is down, and a preview needs it" in str(error)
                down.append(resource.name)
    return down


def test_a_preview_says_which_webhook_is_down(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = {
        "cert-manager.io": {"ClusterIssuer", "Certificate"},
        "external-secrets.io": {"ClusterSecretStore", "ExternalSecret"},
    }
    for group, kinds in judged.items():

        def refuse(asked: Probe, group: str = group) -> str:
            return "failed calling webhook" if asked.group == group else ""

        down = previewed(staged, monkeypatch, refuse)
        expected = {r.name for r in staged.program.custom if r.inputs.get("kind") in kinds}
        assert expected <= set(down)


@pytest.mark.parametrize("answer", ["the server could not find the requested resource", "denied the request", ""])
def test_a_preview_minds_nothing_else(staged: Staged, monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    assert previewed(staged, monkeypatch, lambda _: answer) == []


def test_who_may_only_read_may_preview(staged: Staged, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Probe) -> str:
        raise cluster_api.NotAllowedError

    assert previewed(staged, monkeypatch, refuse) == []


def test_a_preview_asks_nothing_of_what_the_run_is_going_to_install(
    staged: Staged, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unknown(_: object) -> bool:
        return False

    monkeypatch.setattr(pulumi.Output, "is_known", unknown)
    judged = {"ClusterIssuer", "Certificate", "ClusterSecretStore", "ExternalSecret"}
    down = previewed(staged, monkeypatch, lambda _: "failed calling webhook")
    assert [r.name for r in staged.program.custom if r.name in down and r.inputs.get("kind") in judged] == []


def test_cert_manager_waits_for_the_gateway_api_only_where_it_is_served() -> None:
    for served in (False, True):
        staged = stage("local", {"ingress": {"gatewayApi": served}})
        release = staged.program.release("cert-manager")
        assert (GatewayApi.probe in staged.before(release).probes) is served


STATUSES = [("deployed", False), ("pending-upgrade", True), ("failed", True)]


@pytest.mark.parametrize(("status", "looks"), STATUSES)
@pytest.mark.parametrize("dry", [False, True])
def test_a_release_that_a_refresh_took_for_finished_is_settled_by_an_update_and_by_no_preview(
    monkeypatch: pytest.MonkeyPatch, status: str, looks: bool, dry: bool, tmp_path: Path
) -> None:
    seen: list[str] = []
    monkeypatch.setenv(guard.AGAIN, str(tmp_path / "again"))
    monkeypatch.setattr(pulumi.runtime, "is_dry_run", lambda: dry)
    monkeypatch.setattr(pulumi.log, "warn", seen.append)
    watched = Guard(release="traefik", namespace="traefik", chart="traefik", needs=[])
    api = Api()
    api.records = lambda *_: [  # type: ignore[method-assign] # of this test
        Record(secret="v1", revision=1, status="deployed", chart="traefik"),
        Record(secret="v2", revision=2, status=status, chart="traefik"),
    ]
    api.claim_of = lambda *_, **__: Claim.OURS  # type: ignore[method-assign] # of this test
    dropped: list[str] = []
    monkeypatch.setattr(Api, "delete_record", lambda _, record, __: dropped.append(record.secret), raising=False)
    monkeypatch.setattr(guard, "sign_in", lambda _: _value(api))
    monkeypatch.setattr(guard, "_holder", lambda _: _value("us"))
    callbacks: list[Any] = []
    output = SimpleNamespace(apply=callbacks.append)
    guard.settle_unfinished(cast("Any", None), watched, cast("Any", output))
    running = callbacks[0](SimpleNamespace(status=status))
    if looks and not dry:
        with pytest.raises(pulumi.RunError, match=f"revision 2, {status}.*run `pulumi up` again"):
            asyncio.run(running)
        assert dropped == ["v1", "v2"] and (tmp_path / "again").exists()
    else:
        asyncio.run(running)
        assert dropped == [] and not (tmp_path / "again").exists()
    assert bool(seen) is (looks and dry)


async def _value(value: Any) -> Any:
    return value
