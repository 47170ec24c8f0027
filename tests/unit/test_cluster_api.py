"""What the guard asks of an API server, and what it makes of the answers; the server is one on loopback."""

import base64
import copy
import datetime as dt
import gzip
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import ApiException

from components.release import cluster_api
from components.release.cluster_api import ClusterApi, NotAllowedError
from components.release.helm_record import Claim, Record
from components.release.probe import Probe
from components.release.stored_versions import MigrationError, migrate
from tests.unit.loopback_api import LEASES, SECRETS, SYSTEM, ApiServer, Refusal, serve

PROBE = Probe(
    addon="cert-manager",
    group="cert-manager.io",
    version="v1",
    kind="Issuer",
    plural="issuers",
    namespace="cert-manager",
    spec={"selfSigned": {}},
)
LEASE = f"{LEASES.format('traefik')}/aks-bootstrap-traefik"
RUNNING = "aks-bootstrap.io/operation"


@pytest.fixture
def server() -> Iterator[ApiServer]:
    with serve() as running:
        yield running


@pytest.fixture
def api(server: ApiServer) -> ClusterApi:
    return ClusterApi(json.dumps(server.kubeconfig()))


def encoded(release: dict[str, Any]) -> str:
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()


def secret(name: str, release: str, revision: int, status: str, **labels: str) -> dict[str, Any]:
    body = {"name": release, "info": {"status": status}, "chart": {"metadata": {"name": release}}}
    given = {"owner": "helm", "name": release, "version": str(revision), "status": status, **labels}
    return {
        "metadata": {"name": name, "labels": given},
        "type": "helm.sh/release.v1",
        "data": {"release": encoded(body)},
    }


def record(revision: int, status: str) -> Record:
    return Record(secret=f"v{revision}", revision=revision, status=status, chart="traefik")


@pytest.fixture
def recorded(server: ApiServer) -> ApiServer:
    """Two revisions of a release, one of another, and a Secret of somebody else."""
    place = SECRETS.format("traefik")
    server.put(f"{place}/v1", secret("v1", "traefik", 1, "deployed"))
    server.put(f"{place}/v2", secret("v2", "traefik", 2, "pending-upgrade"))
    server.put(f"{place}/other", secret("other", "nginx", 1, "deployed"))
    server.put(f"{place}/mine", secret("mine", "traefik", 1, "deployed", owner="somebody"))
    return server


def test_it_signs_in_with_a_file_or_with_contents_and_in_the_context_that_is_named(
    server: ApiServer, tmp_path: Path
) -> None:
    text = json.dumps(server.kubeconfig())
    (tmp_path / "config").write_text(text)
    for kubeconfig in (str(tmp_path / "config"), text, f"\n  {text}"):
        for context, token in ((None, "Bearer sesame-one"), ("two", "Bearer sesame-two")):
            server.tokens.clear()
            ClusterApi(kubeconfig, context).records("traefik", "traefik")
            assert server.tokens == {token}


def test_the_records_of_a_release_are_those_that_helm_wrote_of_it(recorded: ApiServer, api: ClusterApi) -> None:
    assert api.records("traefik", "traefik") == [record(1, "deployed"), record(2, "pending-upgrade")]
    assert api.records("traefik", "elsewhere") == []


def test_a_record_without_data_or_labels_of_its_own_is_still_one(server: ApiServer, api: ClusterApi) -> None:
    labels = {"owner": "helm", "name": "traefik"}
    server.put(f"{SECRETS.format('traefik')}/v1", {"metadata": {"labels": labels}})
    assert api.records("traefik", "traefik") == [Record(secret="v1", revision=0, status="unknown", chart="")]


def test_one_record_is_deleted_and_nothing_else(recorded: ApiServer, api: ClusterApi) -> None:
    before = set(recorded.objects)
    api.delete_record(record(2, "pending-upgrade"), "traefik")
    assert before - set(recorded.objects) == {f"{SECRETS.format('traefik')}/v2"}
    with pytest.raises(ApiException):
        api.delete_record(record(2, "pending-upgrade"), "traefik")


def test_a_record_that_is_marked_failed_is_otherwise_as_it_was(recorded: ApiServer, api: ClusterApi) -> None:
    path = f"{SECRETS.format('traefik')}/v2"
    before = copy.deepcopy(recorded.objects)
    api.fail_record(record(2, "pending-upgrade"), "traefik")
    after = recorded.objects[path]
    assert after["metadata"]["labels"] == {**before[path]["metadata"]["labels"], "status": "failed"}
    release = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(after["data"]["release"]))))
    assert release == {"name": "traefik", "info": {"status": "failed"}, "chart": {"metadata": {"name": "traefik"}}}
    assert after["type"] == "helm.sh/release.v1"
    assert {p: o for p, o in recorded.objects.items() if p != path} == {p: o for p, o in before.items() if p != path}


def test_a_record_that_changes_meanwhile_is_not_overwritten(recorded: ApiServer, api: ClusterApi) -> None:
    path = f"{SECRETS.format('traefik')}/v2"
    recorded.between.append((path, secret("v2", "traefik", 2, "deployed")))
    with pytest.raises(ApiException) as refused:
        api.fail_record(record(2, "pending-upgrade"), "traefik")
    assert refused.value.status == 409
    assert recorded.objects[path]["metadata"]["labels"]["status"] == "deployed"


def test_a_lease_that_is_not_there_is_none_and_any_other_refusal_is_an_error(
    server: ApiServer, api: ClusterApi
) -> None:
    assert api.lease("aks-bootstrap-traefik", "traefik") is None
    for status in (403, 500):
        server.refusals["GET"] = Refusal(status, "no")
        with pytest.raises(ApiException):
            api.lease("aks-bootstrap-traefik", "traefik")
        with pytest.raises(ApiException):
            api.claim_of("aks-bootstrap-traefik", "traefik", "us", watch_seconds=0)


def moment(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def take(api: ClusterApi, holder: str = "us", operation: str = "create") -> None:
    api.take_lease("aks-bootstrap-traefik", "traefik", holder, operation)


def test_a_lease_names_its_holder_its_operation_and_when_it_began(server: ApiServer, api: ClusterApi) -> None:
    before = dt.datetime.now(dt.UTC)
    take(api)
    lease = server.objects[LEASE]
    assert lease["metadata"]["annotations"] == {RUNNING: "create"}
    assert lease["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "aks-bootstrap"}
    assert (lease["metadata"]["name"], lease["metadata"]["namespace"]) == ("aks-bootstrap-traefik", "traefik")
    assert lease["spec"]["holderIdentity"] == "us"
    assert lease["spec"]["leaseDurationSeconds"] == 8
    assert lease["spec"]["acquireTime"] == lease["spec"]["renewTime"]
    assert before <= moment(lease["spec"]["renewTime"]) <= dt.datetime.now(dt.UTC)


def test_a_lease_that_is_there_is_taken_over(server: ApiServer, api: ClusterApi) -> None:
    take(api, "them")
    first = server.objects[LEASE]["spec"]["renewTime"]
    take(api, "us", "update")
    lease = server.objects[LEASE]
    assert (lease["spec"]["holderIdentity"], lease["metadata"]["annotations"]) == ("us", {RUNNING: "update"})
    assert moment(lease["spec"]["renewTime"]) > moment(first)


def test_a_lease_that_is_refused_is_an_error_and_not_patched(server: ApiServer, api: ClusterApi) -> None:
    server.refusals["POST"] = Refusal(403, "no")
    with pytest.raises(ApiException):
        take(api)
    assert [method for method, _, _ in server.requests] == ["POST"]


def test_a_renewal_moves_the_time_and_nothing_else(server: ApiServer, api: ClusterApi) -> None:
    take(api)
    before = copy.deepcopy(server.objects[LEASE])
    api.renew_lease("aks-bootstrap-traefik", "traefik")
    after = copy.deepcopy(server.objects[LEASE])
    renewed = after["spec"].pop("renewTime")
    assert moment(renewed) > moment(before["spec"].pop("renewTime"))
    assert renewed.endswith("Z") and len(renewed) == len("2026-01-01T00:00:00.000000Z"), "as the API has it"
    for lease in (before, after):
        lease["metadata"].pop("resourceVersion")
    assert after == before


def test_a_lease_that_ended_still_tells_who_owns_the_release(server: ApiServer, api: ClusterApi) -> None:
    take(api)
    api.end_lease("aks-bootstrap-traefik", "traefik")
    assert RUNNING not in server.objects[LEASE]["metadata"].get("annotations", {})
    assert api.claim_of("aks-bootstrap-traefik", "traefik", "us", watch_seconds=60) is Claim.OURS


def claim(api: ClusterApi, holder: str = "us", watch_seconds: float = 0.1) -> Claim:
    return api.claim_of("aks-bootstrap-traefik", "traefik", holder, watch_seconds=watch_seconds)


def test_without_a_lease_nobody_claims_the_release(api: ClusterApi) -> None:
    assert claim(api) is Claim.NONE


def test_a_lease_of_another_holder_is_others_without_watching_it(api: ClusterApi) -> None:
    take(api, "them")
    assert claim(api, watch_seconds=60) is Claim.OTHERS


def test_our_lease_that_is_not_renewed_is_of_a_dead_run(api: ClusterApi) -> None:
    take(api)
    assert claim(api) is Claim.OURS


def test_our_lease_that_is_renewed_is_of_a_live_run(api: ClusterApi) -> None:
    take(api)
    ended = threading.Event()

    def live() -> None:
        while not ended.wait(0.02):
            api.renew_lease("aks-bootstrap-traefik", "traefik")

    run = threading.Thread(target=live)
    run.start()
    try:
        assert claim(api, watch_seconds=0.5) is Claim.OURS_ALIVE
    finally:
        ended.set()
        run.join()


def test_our_lease_that_goes_while_it_is_watched_is_of_no_live_run(server: ApiServer, api: ClusterApi) -> None:
    take(api)
    gone = threading.Timer(0.05, server.objects.clear)
    gone.start()
    assert claim(api, watch_seconds=0.5) is Claim.OURS
    gone.join()


def test_a_probe_that_is_taken_is_a_dry_run_that_leaves_nothing(server: ApiServer, api: ClusterApi) -> None:
    assert api.refusal(PROBE) is None
    ((method, path, query),) = server.requests
    assert (method, path) == ("POST", "/apis/cert-manager.io/v1/namespaces/cert-manager/issuers")
    assert query["dryRun"] == "All"
    assert server.objects == {}


@pytest.mark.parametrize(
    ("status", "message"),
    [
        (404, "the server could not find the requested resource"),
        (500, 'failed calling webhook "webhook.cert-manager.io": no endpoints available'),
        (403, 'admission webhook "webhook.cert-manager.io" denied the request: no'),
        (422, "spec: Invalid value"),
    ],
)
def test_an_addon_that_does_not_serve_is_a_reason_to_wait(
    server: ApiServer, api: ClusterApi, status: int, message: str
) -> None:
    server.refusals["POST"] = Refusal(status, message)
    assert api.refusal(PROBE) == message


@pytest.mark.parametrize("status", [401, 403])
def test_a_sign_in_that_is_refused_ends_the_wait(server: ApiServer, api: ClusterApi, status: int) -> None:
    server.refusals["POST"] = Refusal(status, "issuers is forbidden")
    with pytest.raises(NotAllowedError, match="the cluster refuses this sign-in: issuers is forbidden"):
        api.refusal(PROBE)


@pytest.mark.parametrize("body", ["<html>", "", "[]", "{}"])
def test_an_answer_that_is_not_kubernetes_is_told_by_its_status(server: ApiServer, api: ClusterApi, body: str) -> None:
    server.refusals["POST"] = Refusal(503, "", body)
    assert api.refusal(PROBE) == "HTTP 503 Service Unavailable"


def test_an_api_server_that_takes_too_long_is_a_reason_to_wait(
    server: ApiServer, api: ClusterApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_api, "_CALL_SECONDS", (1, 0.05))
    server.seconds = 0.3
    assert api.refusal(PROBE) == "the API server does not answer (ReadTimeoutError)"


def test_an_api_server_that_is_gone_is_a_reason_to_wait() -> None:
    with serve() as server:
        api = ClusterApi(json.dumps(server.kubeconfig()))
    assert api.refusal(PROBE) == "the API server does not answer (MaxRetryError)"


def test_no_call_waits_for_ever(recorded: ApiServer, api: ClusterApi, monkeypatch: pytest.MonkeyPatch) -> None:
    take(api)
    monkeypatch.setattr(cluster_api, "_CALL_SECONDS", (1, 0.05))
    monkeypatch.setattr(cluster_api, "_RENEWAL_SECONDS", (1, 0.05))
    recorded.seconds = 0.3
    name, namespace = "aks-bootstrap-traefik", "traefik"
    for call in (
        lambda: api.lease(name, namespace),
        lambda: take(api),
        lambda: api.renew_lease(name, namespace),
        lambda: api.end_lease(name, namespace),
        lambda: api.records("traefik", namespace),
        lambda: api.delete_record(record(1, "deployed"), namespace),
        lambda: api.fail_record(record(2, "pending-upgrade"), namespace),
    ):
        with pytest.raises(Exception, match="timed out"):
            call()


DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/things.example.com"
THINGS = "/apis/example.com/v1/namespaces/shop/things"


def things(server: ApiServer, count: int) -> None:
    notes = {"meta.helm.sh/release-name": "eso", "meta.helm.sh/release-namespace": "eso"}
    versions = [{"name": name, "served": True, "storage": name == "v1"} for name in ("v1beta1", "v1")]
    spec = {"group": "example.com", "scope": "Namespaced", "names": {"plural": "things"}, "versions": versions}
    metadata = {"name": "things.example.com", "annotations": notes}
    server.put(DEFINITION, {"metadata": metadata, "spec": spec, "status": {"storedVersions": ["v1beta1", "v1"]}})
    server.put(f"{DEFINITION}/status", server.objects[DEFINITION])
    for number in range(count):
        found = {"metadata": {"name": f"a-{number}", "namespace": "shop"}, "spec": {"number": number}}
        server.put(f"{THINGS}/a-{number}", found)
    # the real API server lists every namespace's; this one keeps them by their path
    server.lists["/apis/example.com/v1/things"] = THINGS


def test_every_object_is_rewritten_as_it_is(server: ApiServer, api: ClusterApi) -> None:
    things(server, 3)
    before = {path: found["spec"] for path, found in server.objects.items() if path.startswith(THINGS)}

    assert migrate(api, "eso", "eso") == ["things.example.com: 3 objects rewritten as v1, none is v1beta1"]

    written = [path for method, path, _ in server.requests if method == "PUT"]
    assert written == sorted(before)
    assert {path: server.objects[path]["spec"] for path in before} == before
    assert server.objects[f"{DEFINITION}/status"]["status"] == {"storedVersions": ["v1"]}


@pytest.mark.parametrize("status", [404, 409])
def test_what_somebody_else_deletes_or_writes_meanwhile_needs_no_rewriting(
    server: ApiServer, api: ClusterApi, status: int
) -> None:
    things(server, 2)
    server.refusals["PUT"] = Refusal(status, "somebody was faster")
    assert len(migrate(api, "eso", "eso")) == 1


def test_an_object_that_is_refused_ends_the_migration_and_is_named(server: ApiServer, api: ClusterApi) -> None:
    things(server, 2)
    server.refusals["PUT"] = Refusal(422, "spec.number: Invalid value")
    with pytest.raises(MigrationError, match=r"things.example.com shop/a-0 .* as v1: spec.number: Invalid value;"):
        migrate(api, "eso", "eso")
    assert server.objects[DEFINITION]["status"] == {"storedVersions": ["v1beta1", "v1"]}


def test_kinds_of_other_releases_are_left_alone(server: ApiServer, api: ClusterApi) -> None:
    things(server, 2)
    assert migrate(api, "cert-manager", "eso") == []
    assert {method for method, _, _ in server.requests} == {"GET"}


def test_what_is_noted_in_a_cluster_is_there_for_the_next_run(server: ApiServer, api: ClusterApi) -> None:
    assert api.remembered("restore", "argocd") is None
    for note in ("first", "second"):
        api.remember("restore", "argocd", note)
        assert api.remembered("restore", "argocd") == note
    assert api.remembered("restore", "other") is None
    server.refusals["GET"] = Refusal(403, "forbidden")
    with pytest.raises(ApiException):
        api.remembered("restore", "argocd")


def test_a_cluster_is_as_old_as_its_own_namespace(server: ApiServer, api: ClusterApi) -> None:
    made = dt.datetime.now(dt.UTC) - dt.timedelta(days=3)
    server.put(SYSTEM, {"metadata": {"creationTimestamp": made.strftime("%Y-%m-%dT%H:%M:%SZ")}})
    assert abs(api.age() - dt.timedelta(days=3)) < dt.timedelta(minutes=1)
