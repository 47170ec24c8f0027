"""The page on a running stack: what it tells of, in which form, and what becomes of what cannot be read."""

import base64
import dataclasses
import datetime as dt
import gzip
import io
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import HttpResponseError
from azure.core.pipeline.policies import SansIOHTTPPolicy
from kubernetes import config
from rich.console import Console
from typer.testing import CliRunner

from bootstrap import options
from bootstrap.cli import app
from bootstrap.consoles import PlainConsole
from bootstrap.errors import UpError
from bootstrap.platform import drills
from bootstrap.platform.doctor.azure import Clients
from bootstrap.platform.doctor.needs import Needs
from bootstrap.platform.status import azure, gather
from bootstrap.platform.status import cluster as of_cluster
from bootstrap.platform.status.page import Addon, Application, Backups, Certificate, Page, Unread, Version
from bootstrap.platform.status.rendering import print_page, sections, to_markdown
from bootstrap.platform.verify import connect
from bootstrap.platform.verify.cluster import Cluster
from components.addons.charts import PINNED
from settings import Settings
from settings.addons import Charts
from tests.loopback import send_json, serving
from tests.unit.loopback_api import SYSTEM, ApiServer, Refusal, serve_as
from tests.unit.loopback_platform import conditions, named
from tests.unit.test_up_runs import STACK_FILES

NOW = dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC)
APPLICATIONS = "/apis/argoproj.io/v1alpha1/namespaces/argocd/applications"
CERTIFICATES = "/apis/cert-manager.io/v1/certificates"
COMMIT = "a" * 40


def record(name: str, version: str, revision: int, status: str = "deployed") -> dict[str, Any]:
    release = {
        "chart": {"metadata": {"name": name, "version": version}},
        "info": {"last_deployed": "2026-11-20T10:00:00Z"},
    }
    data = base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()
    labels = {"owner": "helm", "name": name, "version": str(revision), "status": status}
    return {"metadata": {"name": f"{name}.v{revision}", "labels": labels}, "data": {"release": data}}


def certificate(name: str, ready: str = "True", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "namespace": "traefik"},
        "status": {**conditions(Ready=ready), **status},
    }


def application(name: str, sync: str, health: str, **status: Any) -> dict[str, Any]:
    return named(name, status={"sync": {"status": sync, "revision": COMMIT}, "health": {"status": health}, **status})


def written(release: bytes) -> str:
    return base64.b64encode(base64.b64encode(release)).decode()


BROKEN = [
    written(gzip.compress(b"{}")[:10] + b"\xff" * 20),
    written(gzip.compress(b"{}")[:-4]),
    written(gzip.compress(b"[]")),
    written(gzip.compress(b"null")),
    written(gzip.compress(b'{"chart": null}')),
    written(gzip.compress(b"{")),
]
"""Records that somebody or something has broken."""


@pytest.fixture
def api() -> Iterator[ApiServer]:
    """A cluster with two addons, two certificates and three applications."""
    with serve_as(ApiServer) as played:
        played.put(SYSTEM, named("kube-system"))
        played.put("/version", {"gitVersion": "v1.35.4"})
        node = {"status": {"nodeInfo": {"kubeletVersion": "v1.35.4"}}}
        played.put("/api/v1/nodes", {"items": [node, node]})
        for chart in PINNED:
            if chart.name in {"cert-manager", "argo-cd"}:
                played.put(
                    f"/api/v1/namespaces/{chart.namespace}/secrets/{chart.name}.v9",
                    record(chart.name, chart.version, 9),
                )
        played.put("/api/v1/namespaces/argocd/secrets/argo-cd.v10", record("argo-cd", "9.0.0", 10, "failed"))
        played.put(
            CERTIFICATES,
            {
                "items": [
                    certificate("fine", notAfter="2027-02-01T00:00:00Z", renewalTime="2027-01-01T00:00:00Z"),
                    certificate("never", ready="False"),
                    certificate("late", notAfter="2026-12-09T12:00:00Z", renewalTime="2026-11-20T00:00:00Z"),
                ]
            },
        )
        played.put(
            APPLICATIONS,
            {
                "items": [
                    application("alpha", "Synced", "Healthy"),
                    application("beta", "OutOfSync", "Degraded", conditions=[{"message": "no\n such \x1b[31m chart"}]),
                ]
            },
        )
        yield played


@pytest.fixture
def cluster(api: ApiServer) -> Cluster:
    load: Any = config
    return Cluster(load.new_client_from_config_dict(api.kubeconfig()))


def settings(*, image_updater: bool = False) -> Settings:
    argocd = SimpleNamespace(image_updater=image_updater)
    return cast("Settings", SimpleNamespace(argocd=argocd, charts=Charts()))


def test_versions_are_those_that_run(cluster: Cluster) -> None:
    assert of_cluster.versions(cluster) == [
        Version(what="API server", version="v1.35.4"),
        Version(what="nodes (2)", version="v1.35.4"),
    ]


def test_an_addon_is_its_last_revision_beside_what_is_pinned(cluster: Cluster) -> None:
    found = {each.name: each for each in of_cluster.addons(cluster, settings())}
    assert (found["argo-cd"].version, found["argo-cd"].revision, found["argo-cd"].status) == ("9.0.0", 10, "failed")
    assert found["cert-manager"].version == found["cert-manager"].pinned
    assert found["traefik"].version is None and found["traefik"].status == "not installed"
    assert "argocd-image-updater" not in found, "it is off"
    assert "argocd-image-updater" in {each.name for each in of_cluster.addons(cluster, settings(image_updater=True))}


@pytest.mark.parametrize("data", [None, "", "bm90IGJhc2U2NA==", *BROKEN])
def test_a_record_that_cannot_be_read_hides_no_other_addon(cluster: Cluster, api: ApiServer, data: str | None) -> None:
    found = record("argo-cd", "9.0.0", 11)
    api.put("/api/v1/namespaces/argocd/secrets/argo-cd.v11", {**found, "data": {"release": data}})
    shown = {each.name: each for each in of_cluster.addons(cluster, settings())}
    assert (shown["argo-cd"].version, shown["argo-cd"].revision) == ("unreadable", 11)
    assert shown["cert-manager"].version == shown["cert-manager"].pinned


def test_the_certificate_that_ends_first_is_at_the_top(cluster: Cluster) -> None:
    found = of_cluster.certificates(cluster, NOW)
    assert [(each.name, each.days, each.ready) for each in found] == [
        ("never", None, False),
        ("late", 10, True),
        ("fine", 63, True),
    ]


def test_an_application_that_is_not_well_is_at_the_top_with_its_reason(cluster: Cluster) -> None:
    beta, alpha = of_cluster.applications(cluster)
    assert (beta.name, beta.revision, beta.sync, beta.health) == ("beta", "a" * 7, "OutOfSync", "Degraded")
    assert "no such" in beta.message and "\n" not in beta.message and not alpha.message


# --- Azure -----------------------------------------------------------------------------------------------------------

AKS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks"
INSTANCE = "/subscriptions/s/resourceGroups/b/providers/Microsoft.DataProtection/backupVaults/v/backupInstances/aks"


class Anonymous(SansIOHTTPPolicy[Any, Any]):
    """A bearer token goes over HTTPS only."""


class Nobody:
    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken("e30.e30.", 9999999999)


@pytest.fixture
def answers() -> dict[str, Any]:
    return {
        AKS: {
            "properties": {
                "currentKubernetesVersion": "1.34.4",
                "supportPlan": "KubernetesOfficial",
                "agentPoolProfiles": [
                    {
                        "name": "system",
                        "count": 3,
                        "vmSize": "Standard_D4ds_v5",
                        "currentOrchestratorVersion": "1.34.4",
                    },
                    {"name": "old", "count": 1, "vmSize": "Standard_NV6s_v3", "currentOrchestratorVersion": "1.34.4"},
                ],
            }
        },
        INSTANCE: {"properties": {"currentProtectionState": "ProtectionConfigured"}},
    }


@pytest.fixture
def clients(answers: dict[str, Any]) -> Iterator[Clients]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            if url.path == f"{INSTANCE}/recoveryPoints":
                page, more = (
                    [{"properties": {"recoveryPointTime": "2026-11-28T01:00:00Z"}}],
                    f"http://{self.headers['Host']}/more",
                )
                send_json(self, 200, {"value": page, "nextLink": more})
            elif url.path == "/more":
                send_json(self, 200, {"value": [{"properties": {"recoveryPointTime": "2026-11-29T01:00:00Z"}}]})
            elif url.path in answers:
                assert url.query.startswith("api-version=20")
                send_json(self, 200, answers[url.path])
            else:
                send_json(self, 404, {"error": {"code": "ResourceNotFound", "message": "not there"}})

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with serving(server):
        endpoint = f"http://127.0.0.1:{server.server_port}"
        yield Clients("s", Nobody(), endpoint=endpoint, authentication=Anonymous())


def needs(*, enabled: bool = True) -> Needs:
    found = SimpleNamespace(
        cluster=SimpleNamespace(id=f"{AKS}-g2"),
        settings=SimpleNamespace(backup=SimpleNamespace(enabled=enabled)),
        of=lambda _: [SimpleNamespace(id=f"{INSTANCE}-g2", api_version="2025-01-01")],
        subscription="/subscriptions/s",
        subscription_id="s",
        azure=SimpleNamespace(tenant_id="t"),
        cluster_settings=SimpleNamespace(kubelogin="azurecli"),
    )
    return cast("Needs", found)


def test_a_version_has_the_day_that_azure_supports_it_to(clients: Clients) -> None:
    found = {each.what: each for each in azure.versions(clients, AKS, NOW.date())}
    kubernetes = found["Kubernetes (standard support)"]
    assert (kubernetes.version, str(kubernetes.supported_until), kubernetes.days) == ("1.34.4", "2026-11-30", 1)
    assert found["pool old: vmSize"].days == -60
    assert "pool system: vmSize" not in found, "nothing of it ends"


def test_what_azure_does_not_have_is_told_by_its_status(clients: Clients) -> None:
    with pytest.raises(HttpResponseError) as told:
        clients.read(f"{AKS}-g2", "2025-01-01")
    assert told.value.status_code == 404


def test_the_last_backup_is_the_youngest_of_all_pages(clients: Clients) -> None:
    assert azure.backups(clients, needs(), AKS) == Backups(
        enabled=True, state="ProtectionConfigured", last="2026-11-29T01:00:00Z"
    )
    assert azure.backups(clients, needs(enabled=False), AKS) == Backups(enabled=False)


# --- the page --------------------------------------------------------------------------------------------------------


@pytest.fixture
def page() -> Page:
    return Page(
        stack="prod",
        target="azure",
        at=NOW,
        generation=2,
        deployed_generation=1,
        cluster="aks-platform-prod-g1",
        versions=[Version(what="Kubernetes", version="1.34.4", supported_until=dt.date(2026, 11, 30), days=1)],
        addons=[
            Addon(name="traefik", namespace="traefik", version="40.0.0", pinned="41.3.0", status="deployed", revision=2)
        ],
        certificates=[
            Certificate(
                namespace="traefik", name="w" * 50, ready=True, expires="2027-02-01T00:00:00Z", renews=None, days=63
            )
        ],
        applications=[
            Application(name="shop`|<b>", revision="abcdef0", sync="Synced", health="Degraded", message="[red]x | y")
        ],
        backup=Backups(enabled=False),
        drill=drills.LastDrill(
            date=dt.date(2026, 11, 2), days=27, what="rehearsed", outcome="failed", failure="[red]no|quota"
        ),
        drift=True,
        unread=[Unread(what="nodes", why="no right to read it")],
    )


def marks(page: Page) -> dict[str, str]:
    return {section.title: "".join(mark for mark, _, _ in section.rows) for section in sections(page)}


def test_the_page_marks_what_somebody_should_look_at(page: Page) -> None:
    assert marks(page) == {
        "cluster": "!",
        "versions": "!",
        "addons": "!",
        "certificates": "✓",
        "applications": "✗",
        "backup": "!",
        "drill": "✗",
        "drift": "✗",
        "could not be read": "!",
    }
    page.generation = 1
    page.versions = [Version(what="Kubernetes", version="1.33", supported_until=dt.date(2026, 7, 31), days=-121)]
    page.backup = Backups(enabled=True, state="ProtectionConfigured", last="2026-11-29T01:00:00+00:00")
    page.drift = None
    assert {key: marks(page).get(key) for key in ("cluster", "versions", "backup", "drift")} == {
        "cluster": "✓",
        "versions": "✗",
        "backup": "✓",
        "drift": None,
    }
    page.backup = Backups(enabled=True, last="2026-11-26T01:00:00+00:00")
    assert marks(page)["backup"] == "!", "none for two days"


@pytest.mark.parametrize(
    ("renews", "told"),
    [("2027-01-01T00:00:00Z", "renews 2027-01-01"), ("2026-11-20T00:00:00Z", "was due to renew 2026-11-20")],
)
def test_a_certificate_is_shown_with_the_day_on_which_it_renews(page: Page, renews: str, told: str) -> None:
    [found] = page.certificates or ()
    page.certificates = [dataclasses.replace(found, renews=renews)]
    [(_, _, shown)] = next(each.rows for each in sections(page) if each.title == "certificates")
    assert shown == f"until 2027-02-01 (63 days), {told}"


@pytest.mark.parametrize(
    ("days", "mark", "told"),
    [
        (0, "✓", "rehearsed, succeeded, 0 days ago"),
        (1, "✓", "rehearsed, succeeded, 1 day ago"),
        (45, "✓", "rehearsed, succeeded, 45 days ago"),
        (46, "!", "rehearsed, succeeded, 46 days ago"),
        (-1, "!", "rehearsed, succeeded; the date is yet to come"),
    ],
)
def test_a_drill_that_is_older_than_a_month_and_a_half_is_marked(page: Page, days: int, mark: str, told: str) -> None:
    date = NOW.date() - dt.timedelta(days=days)
    page.drill = drills.LastDrill(date=date, days=days, what="rehearsed", outcome="succeeded")
    [section] = [each for each in sections(page) if each.title == "drill"]
    assert section.rows == [(mark, f"last {date}", told)]


def test_a_stack_that_was_never_drilled_is_marked_and_a_local_one_has_no_such_line(page: Page) -> None:
    page.drill = drills.LastDrill()
    [section] = [each for each in sections(page) if each.title == "drill"]
    assert section.rows == [("!", "never", "no rebuild of prod has been rehearsed: docs/ci.md#drills")]
    page.drill = None
    assert "drill" not in marks(page)


@pytest.mark.parametrize("width", [80, 200])
def test_the_page_fits_a_terminal_and_loses_nothing(page: Page, width: int) -> None:
    out = io.StringIO()
    print_page(page, PlainConsole(file=out, width=width))
    text = out.getvalue()
    assert max(map(len, text.splitlines())) <= width
    joined = "".join(text.split())
    for told in ("w" * 50, "shop`|<b>", "[red]x|y", "supporteduntil2026-11-30(1days)", "noright"):
        assert told in joined or width == 80
    assert joined.count("w") >= 50, "a name is folded, and not cut"


def test_markdown_takes_nobodys_text_for_its_own(page: Page) -> None:
    text = to_markdown(page)
    assert "<b>" not in text and "## prod (azure)" in text
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.count("|") == 4 for line in rows)


def test_json_has_every_part_under_a_name_that_stays(page: Page) -> None:
    found = json.loads(json.dumps(page.to_json()))
    assert list(found) == [
        "version",
        "stack",
        "target",
        "at",
        "cluster",
        "generation",
        "versions",
        "addons",
        "certificates",
        "applications",
        "backup",
        "drill",
        "drift",
        "unread",
    ]
    assert found["drill"] == {
        "date": "2026-11-02",
        "days": 27,
        "what": "rehearsed",
        "outcome": "failed",
        "failure": "[red]no|quota",
    }
    assert found["versions"] == [{"what": "Kubernetes", "version": "1.34.4", "supportedUntil": "2026-11-30", "days": 1}]
    assert found["generation"] == {"asked": 2, "deployed": 1}
    assert Page(stack="s", target="local", at=NOW).to_json()["applications"] is None


# --- the command -----------------------------------------------------------------------------------------------------


@pytest.fixture
def project(api: ApiServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    for stack, text in STACK_FILES.items():
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(text)
    (tmp_path / "kubeconfig").write_text(json.dumps(api.kubeconfig()))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    monkeypatch.setattr(options, "ROOT", tmp_path)
    return tmp_path


def test_a_local_stack_has_a_page_without_azure_and_nothing_is_changed(project: Path, api: ApiServer) -> None:
    page = gather.gather(project, "local", console=Console(quiet=True))
    assert page.unread == [] and page.backup is None and page.generation is None and page.drill is None
    assert page.applications and page.certificates and page.addons and page.versions
    assert {method for method, *_ in api.requests} == {"GET"}


def test_what_may_not_be_read_is_on_the_page_and_the_rest_is_too(project: Path, api: ApiServer) -> None:
    class Picky(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            if key == CERTIFICATES:
                raise Refusal(403, 'certificates is forbidden: User "somebody" cannot list resource "certificates"')
            return super().__contains__(key)

    api.objects = Picky(api.objects)
    page = gather.gather(project, "local", console=Console(quiet=True))
    assert [(each.what, each.why.partition(":")[0]) for each in page.unread] == [
        ("certificates", "no right to read it")
    ]
    assert page.certificates is None and page.applications


def test_a_cluster_that_does_not_answer_leaves_a_page_that_says_so(project: Path, api: ApiServer) -> None:
    api.refusals["GET"] = Refusal(503, "no")
    page = gather.gather(project, "local", console=Console(quiet=True))
    assert [each.what for each in page.unread] == ["the cluster"] and page.applications is None


def test_a_stack_in_azure_whose_parts_do_not_answer_is_a_page_still(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UpError("not here")

    monkeypatch.setattr(gather, "prepare", refuse)
    monkeypatch.setattr("bootstrap.platform.plan.evaluate.evaluate", refuse)
    page = gather.gather(project, "dev", console=Console(quiet=True))
    assert [(each.what, each.why) for each in page.unread] == [("the state", "not here"), ("the plan", "not here")]
    assert page.generation == 1 and page.deployed_generation is None
    assert page.drill == drills.LastDrill()

    drill = drills.Drill(date=page.at.date() - dt.timedelta(days=3), stack="dev", commit=COMMIT, real=False)
    drills.record(project, drill)
    last = gather.gather(project, "dev", console=Console(quiet=True)).drill
    assert last is not None and (last.days, last.outcome) == (3, "succeeded")

    (project / drills.FILE).write_text("<<<<<<< HEAD\n")
    page = gather.gather(project, "dev", console=Console(quiet=True))
    assert page.drill is None and page.unread[0].what == "drills" and "has 0 tables" in page.unread[0].why


def test_a_stack_file_that_asks_for_the_next_cluster_leaves_the_page_to_the_one_that_is_up(
    project: Path, clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {"resourceGroup": "g", "clusterName": "aks"}
    monkeypatch.setattr(gather, "prepare", lambda *_: None)
    monkeypatch.setattr(connect, "outputs_of", lambda _: outputs)
    monkeypatch.setattr("bootstrap.platform.plan.evaluate.evaluate", lambda *_: None)
    monkeypatch.setattr("bootstrap.platform.doctor.needs.Needs", lambda *_: needs())
    monkeypatch.setattr("bootstrap.platform.doctor.azure.Clients", lambda *_: clients)
    page = gather.gather(project, "dev", console=Console(quiet=True))
    assert page.backup == Backups(enabled=True, state="ProtectionConfigured", last="2026-11-29T01:00:00Z")
    assert page.versions and page.versions[0].version == "1.34.4"
    assert clients.calls[-1].endswith("/managedClusters/aks/listClusterUserCredential")


def test_drift_is_asked_for_only_on_request(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def compare(_: Path, stack: str, **__: object) -> bool:
        asked.append(stack)
        return True

    monkeypatch.setattr("bootstrap.platform.up.drift", compare)
    assert gather.gather(project, "local", console=Console(quiet=True)).drift is None and asked == []
    assert gather.gather(project, "local", console=Console(quiet=True), drift=True).drift is True and asked == ["local"]


@pytest.mark.parametrize("form", ["text", "markdown", "json"])
def test_the_command_prints_the_page_in_every_form(project: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setattr("bootstrap.platform.commands.ROOT", project)
    done = CliRunner().invoke(app, ["status", "--stack", "local", "--format", form])
    assert done.exit_code == 0, done.output
    assert "beta" in done.stdout
    if form == "json":
        assert json.loads(done.stdout)["version"] == 1
