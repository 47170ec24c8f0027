"""The health check that Argo CD runs on child Applications, in a real Lua."""

from typing import Any

import pytest
from lupa import LuaRuntime

from components.addons.argocd_values import APPLICATION_HEALTH

SPEC = {
    "source": {"repoURL": "https://git.example", "path": "apps/web", "targetRevision": "main"},
    "destination": {"namespace": "web"},
}


def health(status, spec=SPEC):
    lua = LuaRuntime(unpack_returned_tuples=True)

    def table(value):
        if isinstance(value, dict):
            return lua.table_from({key: table(item) for key, item in value.items()})
        return lua.table_from([table(item) for item in value]) if isinstance(value, list) else value

    lua.globals()["obj"] = table({"spec": spec, **({"status": status} if status is not None else {})})
    verdict = lua.execute(APPLICATION_HEALTH)
    return verdict["status"], verdict["message"]


def status(sync="Synced", verdict="Healthy", compared=SPEC):
    return {"sync": {"status": sync, "comparedTo": compared}, "health": {"status": verdict}}


@pytest.mark.parametrize("verdict", ["Healthy", "Progressing", "Degraded", "Suspended", "Missing"])
def test_a_synced_child_is_as_healthy_as_it_says(verdict):
    assert health(status(verdict=verdict))[0] == verdict


def test_a_child_that_nobody_has_looked_at_is_progressing():
    assert health(None)[0] == "Progressing"
    assert health({"health": {"status": "Healthy"}})[0] == "Progressing"


def test_a_stale_verdict_does_not_count_after_a_change_of_the_spec():
    before = {**SPEC, "source": {**SPEC["source"], "targetRevision": "v1"}}
    assert health(status(compared=before)) == ("Progressing", "not compared with its spec yet")
    assert health(status(verdict="Degraded", compared=before))[0] == "Progressing"


def test_several_sources_are_compared_in_order():
    several: dict[str, Any] = {
        "sources": [SPEC["source"], {"repoURL": "https://other"}],
        "destination": SPEC["destination"],
    }
    assert health(status(compared=several), several)[0] == "Healthy"
    turned = {**several, "sources": several["sources"][::-1]}
    assert health(status(compared=turned), several)[0] == "Progressing"


@pytest.mark.parametrize(
    ("asked", "compared"),
    [
        ({"directory": {"recurse": True}}, {"directory": {"recurse": True, "jsonnet": {}}}),
        ({"helm": {"skipCrds": False, "valueFiles": ["a"]}}, {"helm": {"valueFiles": ["a"]}}),
        ({"helm": {}}, {}),
    ],
)
def test_what_argo_cds_own_types_add_or_drop_is_no_difference(asked, compared):
    spec = {**SPEC, "source": {**SPEC["source"], **asked}}
    assert health(status(compared={**SPEC, "source": {**SPEC["source"], **compared}}), spec)[0] == "Healthy"


def test_several_sources_come_back_with_an_empty_single_one():
    several: dict[str, Any] = {"sources": [SPEC["source"]], "destination": SPEC["destination"]}
    assert health(status(compared={**several, "source": {"repoURL": ""}}), several)[0] == "Healthy"


@pytest.mark.parametrize("sync", ["OutOfSync", "Unknown"])
def test_a_child_with_missing_resources_is_not_healthy(sync):
    """Missing resources drop out of an application's health: only its sync status tells."""
    assert health(status(sync=sync)) == ("Progressing", f"not synced: {sync}")


def test_a_degraded_child_is_degraded_though_it_is_not_synced():
    assert health(status(sync="OutOfSync", verdict="Degraded"))[0] == "Degraded"
