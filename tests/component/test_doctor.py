"""The doctor against subscriptions on loopback: healthy ones, broken ones, and ones that do not let it ask."""

import datetime as dt
import io
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dns.resolver
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError, ServiceRequestError
from rich.console import Console

from bootstrap.errors import UpError
from bootstrap.options import ROOT
from bootstrap.platform.doctor import doctor
from bootstrap.platform.doctor.azure import Clients, WritingError
from bootstrap.platform.doctor.checks import charts, machine, offers
from bootstrap.platform.doctor.doctor import Surroundings, diagnose, print_diagnosis
from bootstrap.platform.doctor.findings import Diagnosis
from bootstrap.platform.doctor.needs import Chart, Needs, grants
from bootstrap.platform.findings import Finding, Verdict
from bootstrap.platform.plan import arm
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.run import Choice, settings_of
from settings.azure_facts import NEWEST_KUBERNETES, OLDEST_KUBERNETES
from settings.retirements import RETIREMENTS, WARNING_DAYS, retirements
from tests.component.loopback_arm import (
    ACCESS,
    CONTRIBUTOR,
    OWNER,
    PRINCIPAL,
    LoopbackAzure,
    Subscription,
    assignment,
    definition,
)

NAME_SERVERS = ["ns1-01.azure-dns.com.", "ns2-01.azure-dns.net."]
TODAY = dt.date(2026, 11, 28)


class Names(dns.resolver.Resolver):
    """Answers for one zone."""

    def __init__(self, servers: list[str] | None) -> None:
        super().__init__(configure=False)
        self.servers = servers

    def resolve(self, *args: Any, **options: Any) -> Any:
        if self.servers is None:
            raise dns.resolver.NXDOMAIN
        return [SimpleNamespace(target=server) for server in self.servers]


@dataclass
class World:
    """A subscription, and the machine that asks it."""

    loopback: LoopbackAzure
    azure: Subscription
    around: Surroundings
    tools: Path
    charts: dict[str, int] = field(default_factory=dict)
    """Status of the answer for a chart that is not there as it should be; 0 leaves the version out."""
    token: bool = True
    template: dict[str, Any] | None = None

    def without(self, tool: str) -> None:
        (self.tools / tool).unlink()

    def pulumi(self, *, printed: str = version("pulumi"), listed: str = "[]", status: int = 0) -> None:
        script = f"#!/bin/sh\n[ \"$1\" = version ] && echo v{printed} && exit 0\necho '{listed}'\nexit {status}\n"
        path = self.tools / "pulumi"
        path.write_text(script)
        path.chmod(0o755)

    def state(self, url: str) -> None:
        self.around = replace(self.around, state=url)

    def resolving(self, servers: list[str] | None) -> None:
        self.around = replace(self.around, resolver=Names(servers))


@pytest.fixture(scope="module")
def program() -> dict[str, Any]:
    """The plans of two stacks."""
    return {stack: (settings_of(ROOT, stack), evaluate(ROOT, stack)) for stack in ("prod", "dev")}


@contextmanager
def serving_charts(world: World, needs: Needs) -> Iterator[None]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            name = self.path.split("/")[1]
            wrong = world.charts.get(name)
            (found,) = {chart.version for chart in real if chart.name.rpartition("/")[2] == name}
            self.send_response(wrong or 200)
            self.end_headers()
            if not wrong:
                shown = "0.0.1" if wrong == 0 else found
                self.wfile.write(f"entries:\n  {name}:\n  - urls: [{name}-{shown}.tgz]\n".encode())

        def log_message(self, *args: object) -> None:
            pass

    real = needs.charts
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    needs.charts = [
        Chart(name=name, version=each.version, repository=f"http://127.0.0.1:{server.server_port}/{name}")
        for each in real
        for name in [each.name.rpartition("/")[2]]
    ]
    try:
        yield
    finally:
        needs.charts = real
        server.shutdown()
        server.server_close()


@pytest.fixture(scope="module")
def loopback() -> Iterator[LoopbackAzure]:
    """What answers in Azure's place."""
    azure = LoopbackAzure()
    yield azure
    azure.stop()


@pytest.fixture
def world(loopback: LoopbackAzure, program: dict[str, Any], tmp_path: Path) -> World:
    """A healthy one, for prod."""
    return make_world(loopback, program, "prod", tmp_path)


def make_world(loopback: LoopbackAzure, program: dict[str, Any], stack: str, folder: Path) -> World:
    settings, evaluation = program[stack]
    subscription = Subscription.healthy(Needs(settings, evaluation))
    subscription.accounts["stateaccount"] = {
        "isVersioningEnabled": True,
        "deleteRetentionPolicy": {"enabled": True, "days": 30},
    }
    tools = folder / "bin"
    tools.mkdir()
    for name in ("kubelogin", "git", "az"):
        (tools / name).write_text("#!/bin/sh\n")
        (tools / name).chmod(0o755)
    around = Surroundings(
        root=folder,
        state="azblob://state?storage_account=stateaccount",
        environment={"PATH": str(tools)},
        resolver=Names(NAME_SERVERS),
        today=TODAY,
    )
    made = World(loopback=loopback, azure=subscription, around=around, tools=tools)
    made.pulumi()
    zone = subscription.needs.of("Microsoft.Network/dnsZones")[0].id.rpartition("/")[2]
    subscription.zones[zone] = NAME_SERVERS
    return made


def examine(world: World, monkeypatch: pytest.MonkeyPatch) -> Diagnosis:
    needs = world.azure.needs
    # `pulumi` is started by its name
    monkeypatch.setenv("PATH", str(world.tools))
    clients = world.loopback.serving(world.azure)
    with serving_charts(world, needs):
        if not world.token:
            monkeypatch.setattr(clients, "claims", refuse)
        console = Console(file=io.StringIO())
        return diagnose(needs, clients, world.around, console=console, template=world.template)


def refuse() -> Any:
    raise ClientAuthenticationError("Please run 'az login' to set up an account")


# --- healthy ---------------------------------------------------------------------------------------------------------


def running(world: World) -> None:
    """The stack is there already, and has used what it needs."""
    world.azure.existing = {request.id.lower() for request in world.azure.needs.requests}
    world.azure.taken = {request.id.rpartition("/")[2] for request in world.azure.needs.requests}


def running_to_the_last_address(world: World) -> None:
    running(world)
    world.azure.network = {name: [3, 3] for name in world.azure.network}


def two_roles(world: World) -> None:
    scope = world.azure.needs.subscription
    world.azure.assignments = [assignment(CONTRIBUTOR, scope), assignment(ACCESS, scope)]


def a_condition_beside_a_full_role(world: World) -> None:
    world.azure.assignments.append(
        assignment(ACCESS, world.azure.needs.subscription, "@Request[...] ForAnyOfAnyValues")
    )


def denied_to_others(world: World) -> None:
    permissions = [{"actions": ["*"], "notActions": []}]
    somebody = {"principals": [{"id": "somebody-else"}], "excludePrincipals": []}
    all_but_us = {"principals": [{"id": f"{0:08}-0000-0000-0000-{0:012}"}], "excludePrincipals": [{"id": PRINCIPAL}]}
    all_but_a_group_of_ours = {**all_but_us, "excludePrincipals": [{"id": "our-group"}]}
    world.azure.claims.update(groups=["our-group"])
    world.azure.denials = [
        {"properties": {"denyAssignmentName": "d", "permissions": permissions, **who}}
        for who in (somebody, all_but_us, all_but_a_group_of_ours)
    ]


def no_zone_yet(world: World) -> None:
    world.azure.zones = {}


def warned_quota_names(world: World) -> None:
    """Azure leaves quotas out that it does not count there."""
    world.azure.network = {}


def exactly_enough(world: World) -> None:
    needs = world.azure.needs
    for nodes in needs.nodes:
        family = world.azure.skus[nodes.vm_size]["family"]
        world.azure.cores[family][1] = 0
    world.azure.cores["cores"][1] = 0
    for nodes in needs.nodes:
        each = int(world.azure.skus[nodes.vm_size]["capabilities"][0]["value"]) * (2 * nodes.fewest + nodes.surge)
        for family in (world.azure.skus[nodes.vm_size]["family"], "cores"):
            world.azure.cores[family][1] += each


def other_restrictions(world: World) -> None:
    """A size that is restricted in a zone that nobody asks for."""
    for sku in world.azure.skus.values():
        sku["locationInfo"][0]["zones"].append("4")
        sku["restrictions"] = [
            {"type": "Zone", "reasonCode": "NotAvailableForSubscription", "restrictionInfo": {"zones": ["4"]}}
        ]


def newer_pulumi(world: World) -> None:
    world.pulumi(printed="9.0.0-alpha.1")


HEALTHY = (
    lambda world: None,
    running,
    running_to_the_last_address,
    two_roles,
    a_condition_beside_a_full_role,
    denied_to_others,
    no_zone_yet,
    warned_quota_names,
    exactly_enough,
    other_restrictions,
    newer_pulumi,
)


@pytest.mark.parametrize("change", HEALTHY)
def test_a_healthy_subscription_gives_no_alarm(
    world: World, change: Callable[[World], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    change(world)
    found = examine(world, monkeypatch)
    assert found.of(Verdict.BLOCKED) == []
    # nobody says that before a deployment
    assert {each.check for each in found.of(Verdict.UNKNOWN)} <= {"reach", *(["dns"] if not world.azure.zones else [])}


def test_a_healthy_dev_subscription_gives_no_alarm(
    loopback: LoopbackAzure, program: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = make_world(loopback, program, "dev", tmp_path)
    world.state(f"file://{tmp_path}")
    assert examine(world, monkeypatch).of(Verdict.BLOCKED) == []


# --- broken ----------------------------------------------------------------------------------------------------------


def deny(world: World) -> None:
    permissions = [{"actions": ["Microsoft.Network/*"], "notActions": ["*/read"]}]
    who = {"principals": [{"id": PRINCIPAL}], "excludePrincipals": []}
    properties = {"denyAssignmentName": "hub only", "permissions": permissions, **who}
    world.azure.denials = [{"properties": properties}]


def deny_a_group(world: World) -> None:
    deny(world)
    world.azure.claims.update(groups=["our-group"])
    world.azure.denials[0]["properties"]["principals"] = [{"id": "our-group"}]


def eligible(world: World) -> None:
    scope = world.azure.needs.subscription
    world.azure.assignments = []
    world.azure.eligible = [{"properties": {"roleDefinitionId": definition(OWNER), "scope": scope}}]


def sku_of(world: World) -> dict[str, Any]:
    return world.azure.skus[world.azure.needs.nodes[0].vm_size]


def restrict(world: World, kind: str, zones: list[str] | None = None) -> None:
    info = {"zones": zones} if zones else {}
    sku_of(world)["restrictions"] = [
        {"type": kind, "reasonCode": "NotAvailableForSubscription", "restrictionInfo": info}
    ]


def offered(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.azure.providers["Microsoft.ContainerService"]["resourceTypes"][0]
    return found


def set_to(target: dict[str, Any], **values: Any) -> None:
    target.update(values)


def name_in(world: World, type_: str) -> str:
    return world.azure.needs.of(type_)[0].id.rpartition("/")[2]


def quota(world: World, family: str, limit: int) -> None:
    world.azure.cores[family][1] = limit


def one_generation_only(world: World) -> None:
    exactly_enough(world)
    world.azure.cores["cores"][1] -= 1


VAULTS, REGISTRIES = "Microsoft.KeyVault/vaults", "Microsoft.ContainerRegistry/registries"

FAULTS: dict[str, tuple[Callable[[World], Any], str, str, str]] = {
    # what is wrong: (how, check, what the finding says, what the remedy says)
    "no token": (lambda w: setattr(w, "token", False), "sign-in", "az login", "az login --tenant"),
    "another tenant": (lambda w: w.azure.claims.update(tid="t2"), "sign-in", "tenant t2", "az login --tenant"),
    "no subscription": (lambda w: setattr(w.azure, "visible", False), "sign-in", "does not see it", "role assignment"),
    "disabled": (lambda w: setattr(w.azure, "state", "Disabled"), "sign-in", "is disabled", "subscription enable"),
    "tenant moved": (lambda w: setattr(w.azure, "tenant", "t3"), "sign-in", "tenant t3", "azure.tenantId t3"),
    "no role": (lambda w: w.azure.assignments.clear(), "roles", "not granted", "--role 'Contributor'"),
    "no right to give rights": (
        lambda w: setattr(w.azure, "assignments", [assignment(CONTRIBUTOR, w.azure.needs.subscription)]),
        "roles",
        "Microsoft.Authorization/",
        "--role 'User Access Administrator'",
    ),
    "only rights": (
        lambda w: setattr(w.azure, "assignments", [assignment(ACCESS, w.azure.needs.subscription)]),
        "roles",
        "not granted",
        "--role 'Contributor'",
    ),
    "eligible": (eligible, "roles", "eligible, and not active", "Privileged Identity Management"),
    "denied to a group": (deny_a_group, "roles", "'hub only' stops Microsoft.Network/", "denyAssignments"),
    "denied": (deny, "roles", "'hub only' stops Microsoft.Network/", "denyAssignments"),
    "provider": (
        lambda w: w.azure.providers["Microsoft.Monitor"].update(registrationState="NotRegistered"),
        "providers",
        "notregistered",
        "az provider register --namespace Microsoft.Monitor",
    ),
    "provider is registering": (
        lambda w: w.azure.providers["Microsoft.Insights"].update(registrationState="Registering"),
        "providers",
        "registering",
        "az provider register --namespace Microsoft.Insights",
    ),
    "API version": (lambda w: set_to(offered(w), apiVersions=["2031-01-01"]), "providers", "no API version", "newer"),
    "region": (lambda w: set_to(offered(w), locations=["Mars East"]), "providers", "is not offered in", "region"),
    "size": (lambda w: w.azure.skus.pop(w.azure.needs.nodes[0].vm_size), "sizes", "not offered in", "list-skus"),
    "size restricted": (lambda w: restrict(w, "Location"), "sizes", "not for this subscription", "list-skus"),
    "size in a zone": (lambda w: restrict(w, "Zone", ["2"]), "sizes", "zone 2; zones left: 1, 3", "list-skus"),
    "size without zones": (
        lambda w: set_to(sku_of(w)["locationInfo"][0], zones=[]),
        "sizes",
        "zones left: none",
        "list-skus",
    ),
    "family's vCPUs": (lambda w: quota(w, sku_of(w)["family"], 1), "quota", "1 left of 1", "az quota update"),
    "region's vCPUs": (lambda w: quota(w, "cores", 2), "quota", "2 left of 2", "--resource-name cores"),
    "vCPUs for a rebuild": (one_generation_only, "quota", "a rebuild beside it needs", "az quota update"),
    "addresses": (
        lambda w: w.azure.network.update(StaticPublicIPAddresses=[10, 10]),
        "addresses",
        "0 left of 10",
        "--resource-name StaticPublicIPAddresses",
    ),
    "prefixes": (lambda w: w.azure.network.update(PublicIPPrefixes=[5, 5]), "addresses", "0 left of 5", "az quota"),
    "NAT gateways": (lambda w: w.azure.network.update(NatGateways=[5, 5]), "addresses", "0 left of 5", "az quota"),
    "Kubernetes": (lambda w: w.azure.versions.pop("1.35"), "kubernetes", "not offered; offered: 1.34", "get-versions"),
    "long-term support only": (
        lambda w: w.azure.versions["1.35"].update(capabilities={"supportPlan": ["AKSLongTermSupport"]}),
        "kubernetes",
        "only with AKSLongTermSupport",
        "cluster.longTermSupport: true",
    ),
    "vault's name": (lambda w: w.azure.taken.add(name_in(w, VAULTS)), "names", "already in use", "keyVault.name"),
    "deleted vault": (
        lambda w: w.azure.deleted_vaults.add(name_in(w, VAULTS)),
        "names",
        "a deleted vault has its name",
        "keyVault.recover: true",
    ),
    "registry's name": (
        lambda w: w.azure.taken.add(name_in(w, REGISTRIES)),
        "names",
        "already in use",
        "registry.name",
    ),
    "delegated elsewhere": (lambda w: w.resolving(["ns.example.net."]), "dns", "ns.example.net", "set NS to ns1-01"),
    "not delegated": (lambda w: w.resolving(None), "dns", "delegated to nobody", "set NS to ns1-01"),
    "state on a disk": (lambda w: w.state("file:///tmp/state"), "state", "this machine's disk", "pulumi login azblob"),
    "state unreadable": (lambda w: w.pulumi(status=1), "state", "cannot be read", "pulumi login 'azblob:"),
    "state not versioned": (
        lambda w: w.azure.accounts["stateaccount"].update(isVersioningEnabled=False),
        "state",
        "not versioned",
        "--enable-versioning true",
    ),
    "state not soft-deleted": (
        lambda w: w.azure.accounts["stateaccount"].update(deleteRetentionPolicy={"enabled": False}),
        "state",
        "not soft-deleted",
        "--enable-delete-retention true",
    ),
    "state locked": (
        lambda w: w.pulumi(listed=json.dumps([{"name": "organization/p/prod", "updateInProgress": True}])),
        "state",
        "holds the lock of stack prod",
        "make recover STACK=prod",
    ),
    "chart gone": (lambda w: w.charts.update(traefik=404), "charts", "HTTP 404", "curl -I"),
    "chart's version gone": (lambda w: w.charts.update(traefik=0), "charts", "does not have it", "helm search repo"),
    "no pulumi": (lambda w: w.without("pulumi"), "tools", "not on PATH", "install"),
    "old pulumi": (lambda w: w.pulumi(printed="3.100.0"), "tools", "3.100.0 is older", "or newer"),
    "no kubelogin": (lambda w: w.without("kubelogin"), "tools", "not on PATH", "kubelogin"),
    "no Azure CLI": (lambda w: w.without("az"), "tools", "not on PATH", "azure-cli"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_the_command_that_mends_it(
    world: World, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    inject, check, detail, remedy = FAULTS[fault]
    inject(world)
    found = examine(world, monkeypatch).of(Verdict.BLOCKED)
    named = [each for each in found if each.check == check and detail in f"{each.detail}" and remedy in each.remedy]
    assert named, found
    assert {each.check for each in found} == {check}, "nothing else is wrong"


def test_a_policy_that_denies_a_resource_is_named(
    world: World, program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.template = arm.template(program["prod"][1])
    found = examine(world, monkeypatch)
    assert found.of(Verdict.BLOCKED) == []
    assert ("what-if", "3 create") in {(each.check, each.detail) for each in found.findings}
    inner = {"code": "RequestDisallowedByPolicy", "target": "vnet", "message": "Resource 'vnet' was disallowed."}
    world.azure.validation = {"code": "InvalidTemplateDeployment", "message": "see details", "details": [inner]}
    [only] = examine(world, monkeypatch).of(Verdict.BLOCKED)
    assert (only.check, only.subject) == ("what-if", "vnet")
    assert only.detail.startswith("RequestDisallowedByPolicy") and "az policy assignment list" in only.remedy


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_preflight_that_azure_does_not_answer_cannot_be_known(
    world: World, program: dict[str, Any], monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    world.template = arm.template(program["prod"][1])
    clients = world.loopback.serving(world.azure)

    def failing(*_: object) -> Any:
        error = HttpResponseError(message="try again")
        error.status_code = status
        raise error

    monkeypatch.setattr(clients.deployments.deployments, "begin_validate_at_subscription_scope", failing)
    with serving_charts(world, world.azure.needs):
        found = diagnose(
            world.azure.needs, clients, world.around, console=Console(file=io.StringIO()), template=world.template
        )
    assert found.of(Verdict.BLOCKED) == [] or "what-if" not in {each.check for each in found.of(Verdict.BLOCKED)}
    assert "what-if" in {each.check for each in found.of(Verdict.UNKNOWN)}


def test_all_clients_share_one_token() -> None:
    class Counting:
        asked = 0

        def get_token(self, *_: str, **__: object) -> AccessToken:
            self.asked += 1
            return AccessToken("header.e30.signature", int(time.time()) + 3600)

    credential = Counting()
    clients = Clients("s", credential)
    with ThreadPoolExecutor(max_workers=8) as threads:
        list(threads.map(lambda _: clients.claims(), range(16)))
    assert credential.asked == 1


def test_a_subscription_whose_payment_is_due_is_a_warning(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.azure.state = "PastDue"
    found = examine(world, monkeypatch)
    assert found.of(Verdict.BLOCKED) == []
    assert any(each.warning and "past due" in each.detail for each in found.findings)


def test_a_pulumi_that_hangs_cannot_be_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_SECONDS", 0.2)
    (world.tools / "pulumi").write_text("#!/bin/sh\nexec /bin/sleep 20\n")
    found = examine(world, monkeypatch)
    assert found.of(Verdict.BLOCKED) == []
    assert {"tools", "state"} <= {each.check for each in found.of(Verdict.UNKNOWN)}


def test_a_credential_in_the_states_address_is_not_shown(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "hunter2"
    monkeypatch.setattr(world, "around", replace(world.around, state=f"postgres://me:{secret}@db.example.com/state"))
    (world.tools / "pulumi").write_text(f"#!/bin/sh\necho postgres://me:{secret}@db.example.com >&2; exit 1\n")
    found = examine(world, monkeypatch)
    told = [each for each in found.findings if each.check == "state"]
    assert told and secret not in json.dumps(found.to_json()), told
    assert "db.example.com" in told[0].subject


def test_a_pulumi_that_up_installed_for_this_project_is_found(tmp_path: Path) -> None:
    program = tmp_path / ".tools" / "pulumi" / "bin" / "pulumi"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    path = doctor._environment(tmp_path, Choice(name="state", description=""))["PATH"]
    assert shutil.which("pulumi", path=path.rpartition(os.pathsep)[2]) == str(program)


# --- not allowed to ask ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "check"),
    [
        ("roleAssignments$", "roles"),
        ("denyAssignments$", "roles"),
        ("providers/Microsoft.Network$", "providers"),
        ("Compute/skus$", "sizes"),
        ("Compute/locations", "sizes"),
        ("Network/locations", "addresses"),
        ("kubernetesVersions$", "kubernetes"),
        ("deletedVaults", "names"),
        ("checkNameAvailability$", "names"),
        ("dnsZones", "dns"),
        ("storageAccounts", "state"),
    ],
)
def test_what_may_not_be_asked_cannot_be_known(
    world: World, path: str, check: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.azure.forbidden = (path,)
    found = examine(world, monkeypatch)
    assert found.of(Verdict.BLOCKED) == []
    assert any(each.check == check and "no right to ask" in each.detail for each in found.of(Verdict.UNKNOWN))


def test_a_role_under_a_condition_cannot_be_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    scope, condition = world.azure.needs.subscription, "@Request[Microsoft.Authorization/roleAssignments:...]"
    world.azure.assignments = [assignment(CONTRIBUTOR, scope), assignment(ACCESS, scope, condition)]
    found = examine(world, monkeypatch)
    assert found.of(Verdict.BLOCKED) == []
    [conditioned] = [each for each in found.of(Verdict.UNKNOWN) if each.check == "roles"]
    assert condition in conditioned.detail and "Microsoft.Authorization/" in conditioned.detail


def test_an_azure_that_does_not_answer_cannot_be_known(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object) -> Any:
        raise ServiceRequestError("connection refused")

    monkeypatch.setattr(offers, "kubernetes", unreachable)
    found = examine(world, monkeypatch)
    assert found.of(Verdict.BLOCKED) == []
    assert ("kubernetes", "no answer: connection refused") in {(each.check, each.detail) for each in found.findings}


# --- how it asks -----------------------------------------------------------------------------------------------------


def test_ten_seconds_are_enough_with_300_ms_for_every_answer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.azure.delay = 0.3
    found = examine(world, monkeypatch)
    assert found.of(Verdict.BLOCKED) == []
    assert found.seconds < 10


def test_nothing_is_changed_and_every_question_is_on_record(
    world: World, program: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    world.template = arm.template(program["prod"][1])
    found = examine(world, monkeypatch)
    assert sorted(found.calls) == sorted(world.azure.calls)
    posts = {call.rpartition("/")[2] for call in found.calls if not call.startswith("GET ")}
    assert posts == {"checkNameAvailability", "validate", "whatIf"}


def test_a_request_that_would_change_something_is_not_sent(world: World) -> None:
    clients = world.loopback.serving(world.azure)
    with pytest.raises(WritingError, match="DELETE"):
        clients.vaults.vaults.delete("group", "vault")
    assert world.azure.calls == []


def test_a_local_stack_has_nobody_to_ask() -> None:
    with pytest.raises(UpError, match="stack local has target local; allowed: a stack with target: azure"):
        Needs(settings_of(ROOT, "local"), evaluate(ROOT, "local"))


def test_what_is_found_is_told_to_eyes_and_to_programs(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.azure.versions.pop("1.35")
    found = examine(world, monkeypatch)
    written = io.StringIO()
    print_diagnosis(found, Console(file=written, width=80))
    assert re.search(r"✗ +kubernetes", written.getvalue()) and "→ az aks get-versions" in written.getvalue()
    assert "1 blocked" in written.getvalue()
    assert max(map(len, written.getvalue().splitlines())) <= 80
    data = json.loads(json.dumps(found.to_json()))
    assert data["blocked"] is True and data["version"] == 1
    assert {"check", "subject", "verdict", "detail", "remedy", "warning", "asked", "cause"} == set(data["findings"][0])


# --- parts -----------------------------------------------------------------------------------------------------------


def test_surge_is_rounded_up_and_pools_of_their_own_count(program: dict[str, Any]) -> None:
    nodes = {each.pool: each for each in Needs(*program["prod"]).nodes}
    assert nodes["system"].fewest == 3 and nodes["system"].surge == 1, "33 % of 3"
    assert len(nodes) == 3


def test_a_plan_needs_the_rights_of_its_requests(program: dict[str, Any]) -> None:
    needs = Needs(*program["prod"])
    assert set(needs.actions) == {needs.subscription}
    assert {f"{request.type}/write" for request in needs.requests} <= set(needs.actions[needs.subscription])
    assert "Microsoft.Network/virtualNetworks/subnets/join/action" in needs.actions[needs.subscription]
    # only a vault with rules for subnets joins them
    joins = "Microsoft.Network/virtualNetworks/subnets/joinViaServiceEndpoint/action"
    dev = Needs(*program["dev"])
    assert joins in needs.actions[needs.subscription] and joins not in dev.actions[dev.subscription]


@pytest.mark.parametrize(
    ("pattern", "action", "expected"),
    [
        ("*", "Microsoft.Network/virtualNetworks/write", True),
        ("Microsoft.Network/*", "microsoft.network/virtualNetworks/write", True),
        ("*/read", "Microsoft.Network/virtualNetworks/write", False),
        ("Microsoft.Authorization/*/Write", "Microsoft.Authorization/roleAssignments/write", True),
        ("Microsoft.Net", "Microsoft.Network/virtualNetworks/read", False),
    ],
)
def test_a_pattern_of_a_role_has_an_action_in_it(pattern: str, action: str, expected: bool) -> None:
    assert grants(pattern, action) is expected


def ends(needs: Needs, today: dt.date) -> dict[str, Finding]:
    return {found.subject: found for found in offers.ends(needs, today)}


def test_what_azure_retires_is_warned_of_ninety_days_before_and_stops_nothing(program: dict[str, Any]) -> None:
    needs = Needs(*program["prod"])
    end = dt.date(2027, 3, 31)
    early = ends(needs, end - dt.timedelta(days=WARNING_DAYS + 1))["Kubernetes 1.35"]
    soon = ends(needs, end - dt.timedelta(days=WARNING_DAYS))["Kubernetes 1.35"]
    late = ends(needs, end + dt.timedelta(days=1))["Kubernetes 1.35"]
    assert (early.warning, soon.warning, late.warning) == (False, True, True)
    assert {early.verdict, soon.verdict, late.verdict} == {Verdict.FINE}
    assert "support ended on 2027-03-31" in late.detail and "cluster.generation" in late.remedy


def test_long_term_support_has_its_own_end() -> None:
    body = {"kubernetesVersion": "1.35", "supportPlan": "AKSLongTermSupport"}
    assert [found.name for found in retirements({"properties": body})] == ["Kubernetes 1.35 with long-term support"]


@pytest.mark.parametrize(
    ("size", "series"),
    [
        ("Standard_D4ds_v5", None),
        ("Standard_D4s_v3", None),
        ("Standard_DS3_v2", "D, Ds, Dv2, Dsv2 and Ls"),
        ("Standard_F8s_v2", "F, Fs, Fsv2, Lsv2, G, Gs, Av2, Amv2 and B"),
        ("Standard_F8ams_v6", None),
        ("Standard_B4ms", "F, Fs, Fsv2, Lsv2, G, Gs, Av2, Amv2 and B"),
        ("Standard_B4s_v2", None),
        ("Standard_L8s_v3", None),
        ("Standard_L8s", "D, Ds, Dv2, Dsv2 and Ls"),
    ],
)
def test_series_that_azure_retires_are_told_from_their_successors(size: str, series: str | None) -> None:
    found = [each.name for each in retirements([{"vmSize": size}])]
    assert found == ([f"virtual machines of the {series} series"] if series else [])


def test_every_retirement_names_its_source_and_what_to_do() -> None:
    for each in RETIREMENTS:
        assert each.source.startswith("https://") and each.instead and each.on.year < 2040


def test_every_kubernetes_version_that_a_stack_may_ask_for_has_its_end() -> None:
    for minor in range(OLDEST_KUBERNETES, NEWEST_KUBERNETES + 1):
        for plan in ("KubernetesOfficial", "AKSLongTermSupport"):
            assert len(list(retirements({"kubernetesVersion": f"1.{minor}", "supportPlan": plan}))) == 1, minor


def test_a_chart_in_a_registry_is_asked_for_by_its_manifest() -> None:
    [found] = charts.chart(Chart(name="oci://127.0.0.1:1/charts/x", version="1.0.0", repository=""))
    assert found.verdict is Verdict.BLOCKED and "https://127.0.0.1:1/v2/charts/x/manifests/1.0.0" in found.detail
