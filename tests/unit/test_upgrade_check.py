"""What `bootstrap upgrade --check` makes of definitions, versions and records; the real ones are in ``tests/e2e``."""

import base64
import gzip
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.errors import BootstrapError, HelmError
from bootstrap.platform.doctor.findings import Diagnosis
from bootstrap.platform.findings import Finding, Verdict
from bootstrap.platform.helm_records import records
from bootstrap.platform.images.helm import Source
from bootstrap.platform.run import settings_of
from bootstrap.platform.upgrade.check import Upgrade, examine, print_check
from bootstrap.platform.upgrade.definitions import changes
from bootstrap.platform.upgrade.versions import chart_step, kubernetes_step, requested_apis, unserved
from bootstrap.platform.verify.cluster import Cluster, ClusterError
from components.release.cluster_api import ClusterApi
from components.release.helm_record import UnreadableRecordError
from components.release.stored_versions import Definition, migrate

ROOT = Path(__file__).resolve().parents[2]


def definition(
    versions: Mapping[str, bool],
    storage: str,
    *,
    stored: Sequence[str] = (),
    release: str | None = "eso",
    keep: bool = False,
) -> dict[str, Any]:
    notes = {"meta.helm.sh/release-name": release, "meta.helm.sh/release-namespace": "eso"} if release else {}
    return {
        "metadata": {
            "name": "things.example.com",
            "annotations": {**notes, **({"helm.sh/resource-policy": "keep"} if keep else {})},
        },
        "spec": {
            "group": "example.com",
            "scope": "Namespaced",
            "names": {"plural": "things"},
            "versions": [
                {"name": name, "served": served, "storage": name == storage} for name, served in versions.items()
            ],
        },
        "status": {"storedVersions": list(stored)},
    }


def thing(name: str, *writers: tuple[str, str, str]) -> dict[str, Any]:
    """Return an object; each writer is a name, a version, and when it wrote."""
    fields = [
        {"manager": manager, "apiVersion": f"example.com/{version}", "time": time} for manager, version, time in writers
    ]
    return {"metadata": {"name": name, "namespace": "shop", "managedFields": fields}}


def found(live: dict[str, Any], wanted: dict[str, Any] | None, *objects: dict[str, Any]) -> list[Finding]:
    chart = Definition.of(wanted) if wanted else None
    return list(changes(Definition.of(live), chart, lambda _: objects, chart="eso 2.0.0"))


BOTH = {"v1beta1": True, "v1": True}


def test_a_definition_that_stays_as_it_is_has_nothing_to_tell() -> None:
    assert found(definition(BOTH, "v1", stored=["v1beta1", "v1"]), definition(BOTH, "v1"), thing("a")) == []


def test_stored_versions_that_leave_are_migrated_by_the_update() -> None:
    [told] = found(definition(BOTH, "v1", stored=["v1beta1", "v1"]), definition({"v1": True}, "v1"), thing("a"))[:1]
    assert told.verdict is Verdict.FINE
    assert told.warning
    assert "may be stored as v1beta1" in told.detail
    assert "rewrites all 1 as v1" in told.detail


def test_the_version_that_is_written_cannot_leave() -> None:
    live = definition({"v1beta1": True}, "v1beta1", stored=["v1beta1"])
    told = found(live, definition({"v1": True}, "v1"))[0]
    assert told.verdict is Verdict.BLOCKED
    assert "stored as v1beta1, which eso 2.0.0 no longer has" in told.detail
    assert "first to a version that stores another one" in told.remedy


def test_a_definition_of_no_release_is_not_migrated_by_the_update() -> None:
    live = definition(BOTH, "v1", stored=["v1beta1", "v1"], release=None)
    assert found(live, definition({"v1": True}, "v1"))[0].verdict is Verdict.BLOCKED


@pytest.mark.parametrize(
    ("writers", "blocked"),
    [
        ([("argocd-controller", "v1beta1", "2026-01-01T00:00:00Z")], True),
        ([("argocd-controller", "v1", "2026-01-01T00:00:00Z")], False),
        # the API server keeps the entry of the version that somebody wrote before
        (
            [
                ("argocd-controller", "v1beta1", "2026-01-01T00:00:00Z"),
                ("argocd-controller", "v1", "2026-02-01T00:00:00Z"),
            ],
            False,
        ),
        ([("argocd-controller", "v1", "2026-02-01T00:00:00Z"), ("kubectl", "v1beta1", "2026-01-01T00:00:00Z")], True),
    ],
)
def test_objects_written_in_a_version_that_is_no_longer_served(
    writers: list[tuple[str, str, str]], blocked: bool
) -> None:
    wanted = definition({"v1beta1": False, "v1": True}, "v1")
    told = found(definition(BOTH, "v1", stored=["v1"]), wanted, *(thing(f"a-{n}", *writers) for n in range(7)))
    assert [each.verdict for each in told] == [Verdict.BLOCKED if blocked else Verdict.FINE]
    if blocked:
        assert "shop/a-0, shop/a-1, shop/a-2, shop/a-3, shop/a-4 and 2 more" in told[0].detail


def test_who_only_writes_the_status_does_not_count() -> None:
    written = thing("a", ("controller", "v1beta1", "2026-01-01T00:00:00Z"))
    written["metadata"]["managedFields"][0]["subresource"] = "status"
    wanted = definition({"v1beta1": False, "v1": True}, "v1")
    assert found(definition(BOTH, "v1", stored=["v1"]), wanted, written)[0].verdict is Verdict.FINE


def test_a_kind_that_the_chart_no_longer_has() -> None:
    live = definition(BOTH, "v1", stored=["v1"])
    [told] = found(live, None, thing("a"))
    assert told.verdict is Verdict.BLOCKED
    assert "deletes it with all 1 objects: shop/a" in told.detail
    assert found(live, None) == []
    assert found(definition(BOTH, "v1", keep=True), None, thing("a")) == []


@pytest.mark.parametrize(
    ("installed", "wanted", "verdict", "text"),
    [
        ("v1.21.1", "v1.21.1", Verdict.FINE, "v1.21.1 is installed"),
        ("v1.21.1", "1.21.1", Verdict.FINE, "v1.21.1 is installed"),
        ("1.20.0", "1.21.1", Verdict.FINE, "1.20.0 → 1.21.1"),
        ("1.19.0", "1.21.1", Verdict.FINE, "skips 1 minor version:"),
        ("1.18.0", "1.21.1", Verdict.FINE, "skips 2 minor versions:"),
        ("9.7.1", "10.0.0", Verdict.FINE, "major version"),
        ("1.21.1", "1.20.9", Verdict.BLOCKED, "goes back"),
        ("latest", "1.20.9", Verdict.UNKNOWN, "not a semantic version"),
    ],
)
def test_steps_of_a_chart(installed: str, wanted: str, verdict: Verdict, text: str) -> None:
    told = chart_step("cert-manager", installed, wanted)
    assert told.verdict is verdict
    assert text in f"{told.detail} {told.cause}"
    assert told.warning is ("skips" in text or "major" in text)


@pytest.mark.parametrize(
    ("running", "wanted", "again", "verdict", "text"),
    [
        ("v1.36.3", "1.36", False, Verdict.FINE, "1.36; Azure supports 1.36 until 2027-06-30"),
        ("v1.35.3", "1.36", False, Verdict.FINE, "1.35 → 1.36; Azure supports"),
        ("v1.34.3", "1.36", False, Verdict.BLOCKED, "one minor version at a time"),
        ("v1.34.3", "1.36", True, Verdict.FINE, "as a new cluster beside this one"),
        ("v1.36.3", "1.35", False, Verdict.BLOCKED, "does not go back"),
        ("v1.36.3", "1.99", True, Verdict.FINE, "1.36 → 1.99, as a new cluster beside this one"),
    ],
)
def test_steps_of_kubernetes(running: str, wanted: str, again: bool, verdict: Verdict, text: str) -> None:
    [told] = kubernetes_step(running, wanted, long_term=False, next_generation=again)
    assert told.verdict is verdict
    assert text in told.detail


def test_long_term_support_ends_later() -> None:
    [told] = kubernetes_step("v1.36.3", "1.36", long_term=True, next_generation=False)
    assert "until 2028-06-30" in told.detail


METRICS = """\
# HELP apiserver_requested_deprecated_apis [STABLE] Gauge of deprecated APIs that have been requested
# TYPE apiserver_requested_deprecated_apis gauge
apiserver_requested_deprecated_apis{group="",removed_release="",resource="endpoints",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="flow",removed_release="1.36",resource="a",subresource="",version="v1"} 1
apiserver_requested_deprecated_apis{group="",removed_release="1.38",resource="b",subresource="status",version="v2"} 1
apiserver_requested_deprecated_apis{group="",removed_release="1.36",resource="c",subresource="",version="v2"} 0
"""


def test_apis_that_the_next_version_no_longer_serves() -> None:
    told = list(requested_apis(METRICS, "1.36"))
    assert [(each.subject, each.verdict, each.warning) for each in told] == [
        ("a of flow/v1", Verdict.BLOCKED, False),
        ("b of v2", Verdict.FINE, True),
    ]


MANIFEST = """\
---
# Source: a/templates/a.yaml
apiVersion: policy/v1beta1
kind: PodSecurityPolicy
metadata:
  labels:
    name: other
  name: "a"
spec: {}
---
kind: ConfigMap
apiVersion: v1
metadata: {name: b}
data: {text: "apiVersion: none/v9"}
---
"""


def test_what_of_a_record_is_no_longer_served() -> None:
    documents = MANIFEST.split("---\n")
    assert list(unserved(documents, {"v1"})) == [("policy/v1beta1", "PodSecurityPolicy", "a")]
    assert list(unserved(documents, {"policy/v1beta1"})) == [("v1", "ConfigMap", "b")]
    nameless = ["apiVersion: a/v1\nkind: A\nmetadata: [\n"]
    assert list(unserved(nameless, {})) == [("a/v1", "A", "without a name")]


class Secrets(Cluster):
    """Answers with Secrets."""

    def __init__(self, *secrets: dict[str, Any]) -> None:
        self.secrets = list(secrets)

    def items(self, path: str, **query: str) -> list[dict[str, Any]]:
        assert (path, query) == ("/api/v1/namespaces/n/secrets", {"labelSelector": "owner=helm,name=a"})
        return self.secrets


def helm_secret(revision: int, data: str) -> dict[str, Any]:
    return {"metadata": {"name": f"a.v{revision}", "labels": {"version": str(revision)}}, "data": {"release": data}}


def encoded(release: object) -> str:
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()


def test_the_last_revision_is_what_counts() -> None:
    releases = {n: encoded({"chart": {"metadata": {"version": f"1.{n}"}}, "manifest": ""}) for n in (9, 10)}
    record = records(Secrets(*(helm_secret(n, data) for n, data in releases.items())), "a", "n")[-1]
    assert record.version == "1.10"
    assert records(Secrets(), "a", "n") == []


@pytest.mark.parametrize(
    "data",
    ["", "AAAA", encoded([]), encoded({"chart": None}), base64.b64encode(base64.b64encode(b"\x1f\x8b\x08")).decode()],
)
def test_a_record_that_is_none(data: str) -> None:
    [record] = records(Secrets(helm_secret(1, data)), "a", "n")
    with pytest.raises(UnreadableRecordError, match=r"n/a\.v1 holds no record of Helm's"):
        assert record.version


class Rewriting:
    """Keeps what of each kind is rewritten."""

    def __init__(self, live: dict[str, Any]) -> None:
        self.live = live
        self.rewritten: list[tuple[str, ...]] = []

    def definitions(self) -> list[dict[str, Any]]:
        return [self.live]

    def rewrite(self, kind: Definition) -> int:
        self.rewritten.append(kind.others)
        return 0

    def keep_stored_version(self, kind: Definition) -> None:
        assert kind.others == self.rewritten[-1]


@pytest.mark.parametrize(
    ("stored", "release", "others"),
    [
        (["v1beta1", "v1"], "eso", [("v1beta1",)]),
        (["v1"], "eso", []),
        ([], "eso", []),
        (["v1beta1", "v1"], "another", []),
        (["v1beta1", "v1"], None, []),
    ],
)
def test_only_a_releases_own_kinds_are_migrated(stored: list[str], release: str | None, others: list[Any]) -> None:
    api = Rewriting(definition(BOTH, "v1", stored=stored, release=release))
    migrate(cast("ClusterApi", api), "eso", "eso")
    assert api.rewritten == others


class Answering(Cluster):
    """Answers by path."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers

    def get(self, path: str, **query: str) -> dict[str, Any]:
        known: dict[str, dict[str, Any]] = {
            "/version": {"gitVersion": "v1.36.3"},
            "/apis": {"groups": [{"versions": [{"groupVersion": "apps/v1"}]}]},
            "/api/v1/namespaces/n/secrets": {"items": self.answers["secrets"]},
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions": {"items": [self.answers["live"]]},
            "/apis/example.com/v1/things": {"items": [thing("a", ("argocd", "v1beta1", "2026"))]},
        }
        return known[path]

    def text(self, path: str) -> str:
        if self.answers.get("forbidden"):
            raise ClusterError(403, 'User "me" cannot get path "/metrics"')
        return METRICS


def asked(cluster: Cluster, *, objects: Sequence[Mapping[str, Any]] = ()) -> dict[tuple[str, str], Finding]:
    upgrade = Upgrade(
        settings=settings_of(ROOT, "local"),
        cluster=cluster,
        releases=[{"name": "a", "namespace": "n", "version": "2.0.0", "values": {}}],
        objects=objects,
    )
    return {
        (each.check, each.subject): each for each in examine("local", upgrade, console=Console(quiet=True)).findings
    }


def record_of(version: str, manifest: str = "") -> list[dict[str, Any]]:
    return [helm_secret(1, encoded({"chart": {"metadata": {"version": version}}, "manifest": manifest}))]


@pytest.fixture
def rendered(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The definitions that Helm renders of the chart."""
    found: list[dict[str, Any]] = [definition({"v1beta1": False, "v1": True}, "v1")]
    monkeypatch.setattr(Source, "definitions", lambda *_: iter(found))
    return found


def test_everything_that_stands_against_an_upgrade_is_told_at_once(rendered: list[dict[str, Any]]) -> None:
    live = definition(BOTH, "v1", stored=["v1"])
    cluster = Answering(secrets=record_of("1.9.0", MANIFEST), live=live)
    ours = {"apiVersion": "example.com/v1beta1", "kind": "Thing", "metadata": {"name": "ours"}}
    served = {"apiVersion": "example.com/v1", "kind": "Thing", "metadata": {"name": "fine"}}
    found = asked(cluster, objects=[ours, served, {"apiVersion": "v1", "kind": "Secret"}])
    blocked = {key for key, each in found.items() if each.verdict is Verdict.BLOCKED}
    assert blocked == {
        ("kubernetes", "a of flow/v1"),
        ("charts", "a"),
        ("definitions", "things.example.com"),
        ("definitions", "Thing ours"),
    }
    assert "PodSecurityPolicy a of policy/v1beta1" in found["charts", "a"].detail
    assert "writes it as example.com/v1beta1, which a 2.0.0 does not serve" in found["definitions", "Thing ours"].detail


def test_a_release_that_is_not_there_is_installed(rendered: list[dict[str, Any]]) -> None:
    found = asked(Answering(secrets=[], live=definition(BOTH, "v1")))
    assert found["charts", "a"].detail == "2.0.0 is installed by the next update"


def test_a_version_that_is_installed_needs_no_chart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = asked(Answering(secrets=record_of("2.0.0"), live=definition(BOTH, "v1")))
    assert found["charts", "a"].detail == "2.0.0 is installed"


def test_without_helm_or_rights_it_cannot_be_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    found = asked(Answering(secrets=record_of("1.9.0"), live=definition(BOTH, "v1"), forbidden=True))
    assert {each.verdict for each in found.values()} == {Verdict.UNKNOWN}
    assert "Helm is not on PATH" in found["charts", "a"].detail
    assert "no right to ask" in found["kubernetes", "version"].detail


def test_a_chart_whose_definitions_are_none_cannot_be_compared(rendered: list[dict[str, Any]]) -> None:
    rendered[:] = [{"kind": "CustomResourceDefinition", "metadata": {"name": "things.example.com"}, "spec": {}}]
    found = asked(Answering(secrets=record_of("1.9.0"), live=definition(BOTH, "v1")))
    assert found["charts", "a"].verdict is Verdict.UNKNOWN
    assert "it cannot be compared: KeyError" in found["charts", "a"].detail


def test_what_helm_refuses_stands_against_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise HelmError("a: chart requires kubeVersion: >= 1.99.0 which is incompatible with Kubernetes v1.36.3")

    monkeypatch.setattr(Source, "definitions", refuse)
    found = asked(Answering(secrets=record_of("1.9.0"), live=definition(BOTH, "v1")))
    assert found["charts", "a"].verdict is Verdict.BLOCKED
    assert "requires kubeVersion" in found["charts", "a"].detail


@pytest.mark.parametrize("width", [80, 200])
def test_what_is_printed(width: int) -> None:
    told = io.StringIO()
    findings = [chart_step("argo-cd", "9.7.1", "10.1.1"), chart_step("traefik", "41.3.0", "41.2.0")]
    console = Console(file=told, width=width)
    print_check(Diagnosis(stack="local", findings=findings, seconds=3), console)
    assert "9.7.1 → 10.1.1" in told.getvalue()
    assert "local: 1 fine, 1 blocked; 3 s" in told.getvalue()
    assert max(map(len, told.getvalue().splitlines())) <= width


@pytest.mark.parametrize("blocked", [False, True])
@pytest.mark.parametrize("words", [[], ["--check"], ["--check", "--format", "json"]])
def test_the_update_follows_only_where_nothing_stands_against_it(
    monkeypatch: pytest.MonkeyPatch, blocked: bool, words: list[str]
) -> None:
    done: list[str] = []
    steps = [("1.20.0", "1.21.1"), *([("1.21.1", "1.20.0")] if blocked else [])]
    diagnosis = Diagnosis(stack="prod", findings=[chart_step("a", *step) for step in steps])
    monkeypatch.setattr("bootstrap.platform.upgrade.check.check", lambda *_, **__: diagnosis)
    monkeypatch.setattr("bootstrap.platform.up.up", lambda _, stack, **__: done.append(stack))

    ran = CliRunner().invoke(app, ["upgrade", "--stack", "prod", *words])

    assert ran.exit_code == (2 if blocked else 0), ran.output
    assert done == (["prod"] if not words and not blocked else [])
    if "json" in words:
        assert json.loads(ran.stdout)["blocked"] is blocked


def test_what_programs_read_holds_nothing_of_an_update() -> None:
    ran = CliRunner().invoke(app, ["upgrade", "--stack", "local", "--format", "json"])
    assert isinstance(ran.exception, BootstrapError)
    assert "got --format json; allowed with --check" in str(ran.exception)
