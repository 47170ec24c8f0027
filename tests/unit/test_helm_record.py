"""What the guard makes of Helm's record: heal our dead runs, touch nothing else."""

import base64
import gzip
import json

import pytest

from components.release.helm_record import (
    Claim,
    Operation,
    Record,
    ReleaseConflictError,
    UnreadableRecordError,
    Verdict,
    decoded,
    judge,
    judge_unfinished,
    marked_failed,
    parse_record,
)


def record(status, revision=1, chart="traefik"):
    return Record(secret=f"sh.helm.release.v1.traefik.v{revision}", revision=revision, status=status, chart=chart)


def decide(records, operation=Operation.CREATE, claim=Claim.OURS):
    return judge(
        release="traefik", namespace="traefik", chart="traefik", operation=operation, records=records, claim=claim
    )


def encoded(release):
    return base64.b64encode(base64.b64encode(gzip.compress(json.dumps(release).encode()))).decode()


def test_a_first_installation_finds_nothing_and_says_nothing():
    assert decide([], claim=Claim.NONE) == decide([], claim=Claim.OURS)
    assert decide([]) == Verdict(drop=(), fail=(), message="")


@pytest.mark.parametrize(
    ("status", "words"),
    [
        ("pending-install", "left behind by a run that died"),
        ("deployed", "acknowledgement was lost"),
        ("failed", "Pulumi has no state of it"),
        ("uninstalling", "left behind by a run that died"),
    ],
)
def test_a_creation_over_our_own_record_removes_the_record_and_says_so(status, words):
    verdict = decide([record(status)])
    assert verdict.drop == (record(status),)
    assert words in verdict.message
    assert "traefik/traefik (revision 1" in verdict.message


def test_every_revision_of_a_creation_goes():
    records = [record("superseded", 1), record("deployed", 2)]
    assert decide(records).drop == tuple(records)


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback"])
def test_an_update_goes_back_to_the_last_deployed_revision(status):
    verdict = decide([record("deployed", 3), record(status, 4)], Operation.UPDATE)
    assert verdict.drop == (record(status, 4),)
    assert "back to revision 3 (deployed)" in verdict.message


def test_an_update_of_a_healthy_release_does_nothing():
    for status in ("deployed", "failed"):
        assert decide([record(status, 2)], Operation.UPDATE).drop == ()


@pytest.mark.parametrize("status", ["pending-install", "pending-upgrade"])
@pytest.mark.parametrize("operation", list(Operation))
def test_a_run_that_is_alive_is_left_alone(status, operation):
    with pytest.raises(ReleaseConflictError, match="another run of this stack"):
        decide([record("deployed", 1), record(status, 2)], operation, Claim.OURS_ALIVE)


@pytest.mark.parametrize(
    ("claim", "owner"),
    [
        (Claim.NONE, "somebody outside this program"),
        (Claim.OTHERS, "another stack, or to this one before its state was lost,"),
    ],
)
@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (
            "deployed",
            "remove it with `helm uninstall traefik -n traefik`, or take it over with `bootstrap adopt`",
        ),
        ("failed", "remove it with `helm uninstall traefik -n traefik`, or take it over with `bootstrap adopt`"),
        ("pending-install", "wait for it to end, or end it with `helm rollback traefik -n traefik`"),
    ],
)
def test_somebody_elses_release_is_left_alone_and_the_remedy_is_a_command(claim, owner, status, remedy):
    with pytest.raises(ReleaseConflictError) as refused:
        decide([record(status)], claim=claim)
    assert str(refused.value) == (
        f"release traefik/traefik (revision 1, {status}) belongs to {owner} and was not touched; {remedy}"
    )


def test_a_release_of_another_chart_is_left_alone_even_under_our_lease():
    with pytest.raises(ReleaseConflictError, match="is of the chart 'nginx', not 'traefik'"):
        decide([record("deployed", chart="nginx")])


def test_a_record_that_cannot_be_read_is_left_alone():
    with pytest.raises(ReleaseConflictError, match=r"is of the chart '\(unreadable\)', not 'traefik'"):
        decide([record("pending-install", chart="")])


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback"])
def test_an_upgrade_without_a_revision_to_go_back_to_is_marked_failed(status):
    verdict = decide([record(status, 7)], Operation.UPDATE)
    assert (verdict.drop, verdict.fail) == ((), (record(status, 7),))


@pytest.mark.parametrize("status", ["pending-install", "uninstalling"])
def test_an_older_revision_is_not_gone_back_to_from_an_installation(status):
    verdict = decide([record("uninstalled", 1), record(status, 2)], Operation.UPDATE)
    assert (verdict.drop, verdict.fail) == ((), (record(status, 2),))


@pytest.mark.parametrize("status", ["pending-install", "uninstalling"])
def test_a_first_revision_that_died_is_marked_failed_as_helm_upgrades_from_there(status):
    verdict = decide([record(status)], Operation.UPDATE)
    assert verdict.fail == (record(status),)
    assert verdict.drop == ()
    assert "marked failed" in verdict.message


def test_a_release_that_helm_forgot_is_refreshed_by_hand():
    with pytest.raises(ReleaseConflictError, match="pulumi refresh"):
        decide([], Operation.UPDATE)


def test_helms_encoding_is_read():
    data = encoded({"chart": {"metadata": {"name": "traefik"}}})
    found = parse_record("sh.helm.release.v1.traefik.v7", {"version": "7", "status": "pending-upgrade"}, data)
    assert found == record("pending-upgrade", 7)
    assert found.in_progress


def test_marking_a_revision_failed_changes_nothing_else():
    release = {"chart": {"metadata": {"name": "traefik"}}, "info": {"status": "pending-install", "notes": "é"}}
    data = marked_failed(encoded(release))
    found = json.loads(gzip.decompress(base64.b64decode(base64.b64decode(data))))
    assert found == {**release, "info": {"status": "failed", "notes": "é"}}


@pytest.mark.parametrize("data", ["", "!!!", base64.b64encode(b"plain").decode()])
def test_what_is_not_helms_encoding_has_no_chart(data):
    assert parse_record("x", {}, data).chart == ""


def test_a_record_that_says_nothing_of_itself_is_the_oldest_and_in_no_progress():
    found = parse_record("x", {}, "")
    assert found == Record(secret="x", revision=0, status="unknown", chart="")
    assert not found.in_progress


def test_a_lease_names_operations_as_pulumi_does():
    assert [operation.value for operation in Operation] == ["create", "update"]


# --- what a refresh took for finished ---------------------------------------------------------------------------------


def unfinished(records, claim=Claim.OURS):
    return judge_unfinished(release="traefik", namespace="traefik", chart="traefik", records=records, claim=claim)


@pytest.mark.parametrize("status", ["pending-upgrade", "pending-rollback", "failed"])
def test_a_release_that_no_run_finished_has_no_record_left_that_the_next_refresh_could_read(status):
    records = [record(status, 4), record("superseded", 2), record("deployed", 3)]
    verdict = unfinished(records)
    assert set(verdict.drop) == set(records)
    assert f"revision 4, {status}" in verdict.message and "left behind" in verdict.message


@pytest.mark.parametrize("records", [[], [record("deployed", 2), record("superseded", 1)]])
def test_a_release_that_is_finished_by_now_stays_as_it_is(records):
    assert unfinished(records) == Verdict()


@pytest.mark.parametrize("claim", [Claim.OURS_ALIVE, Claim.OTHERS, Claim.NONE])
def test_an_operation_that_may_be_alive_is_left_alone(claim):
    with pytest.raises(ReleaseConflictError, match="wait for it to end, or end it with `helm rollback traefik"):
        unfinished([record("deployed", 1), record("pending-upgrade", 2)], claim)


@pytest.mark.parametrize("claim", [Claim.OTHERS, Claim.NONE])
def test_a_failed_release_of_somebody_else_keeps_its_records(claim):
    with pytest.raises(
        ReleaseConflictError,
        match=r"release traefik/traefik \(revision 2, failed\) belongs to .* and was not touched; remove it with "
        "`helm uninstall traefik -n traefik`",
    ):
        unfinished([record("deployed", 1), record("failed", 2)], claim)


def test_a_failed_release_of_another_chart_keeps_its_records():
    with pytest.raises(ReleaseConflictError, match="is of the chart 'nginx', not 'traefik'"):
        unfinished([record("failed", 1, chart="nginx")])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ("a", r"is damaged \(Error\)"),
        (base64.b64encode(base64.b64encode(b"plain")).decode(), r"is damaged \(BadGzipFile\)"),
        (base64.b64encode(base64.b64encode(gzip.compress(b"{")[:-9])).decode(), r"is damaged \(EOFError\)"),
        (base64.b64encode(base64.b64encode(gzip.compress(b"{"))).decode(), r"is damaged \(JSONDecodeError\)"),
        (base64.b64encode(base64.b64encode(gzip.compress(b"[]"))).decode(), "is not an object"),
    ],
)
def test_a_record_that_helm_did_not_write_is_told_with_what_is_wrong(data, why):
    with pytest.raises(UnreadableRecordError, match=f"^Helm's record {why}$"):
        decoded(data)
