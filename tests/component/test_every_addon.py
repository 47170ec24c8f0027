"""What holds for every addon, asked of each that the program registers: a new one is held to it unnamed."""

import itertools
import re
from collections.abc import Callable
from typing import Any

import pytest

from bootstrap.platform.plan.registration import Registration
from components.addons import charts
from components.addons.charts import PINNED
from components.addons.placement import SYSTEM_POOL_TOLERATIONS
from components.release.chart import Chart
from settings.addons import CHART_NAMES, ChartOverride, Charts
from tests.component.conftest import STACKS, UPDATING, Program
from tests.component.rehearsed_charts import is_on, parts, section, tolerations

CHARTS = [chart for chart in vars(charts).values() if isinstance(chart, Chart)]
"""Every chart that the program pins."""
TEST_PODS = {"configmapTest", "tests"}
"""Sections of pods that only `helm test` would create. https://helm.sh/docs/topics/chart_tests/"""
SECTIONS = {
    field.alias or name: name for name, field in Charts.model_fields.items() if field.annotation is ChartOverride
}
"""Every section of ``charts`` in a stack file that overrides one chart: its key, and its field."""


def seconds(timeout: str) -> int:
    found = re.fullmatch(r"(\d+)s", timeout)
    assert found, timeout
    return int(found[1])


def names(releases: list[Registration]) -> list[str]:
    return [release.inputs["name"] for release in releases]


def test_the_stacks_here_install_every_chart(program: Callable[..., Program]) -> None:
    installed = {name for stack, changes in STACKS.values() for name in names(program(stack, **changes).releases)}
    assert installed == {chart.name for chart in CHARTS} == {chart.name for chart in PINNED}
    assert len(installed) >= 5


def test_no_two_releases_share_a_name_or_a_namespace(each: Program) -> None:
    assert len(set(names(each.releases))) == len(each.releases)
    assert len({release.inputs["namespace"] for release in each.releases}) == len(each.releases)


def test_every_version_is_pinned(each: Program) -> None:
    for release in each.releases:
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", release.inputs["version"]), release.name


@pytest.mark.parametrize("chosen", [600, 90])
def test_every_release_is_waited_for_and_the_wait_is_bounded(program: Callable[..., Program], chosen: int) -> None:
    for stack, changes in STACKS.values():
        changed = {} if chosen == 600 else {"charts": {"timeoutSeconds": chosen}}
        for release in program(stack, **changes, **changed).releases:
            assert release.inputs["timeout"] == chosen
            assert "skipAwait" not in release.inputs, release.name
            for operation in ("create", "update"):
                assert seconds(release.timeouts[operation]) == chosen + 120, "Helm's own wait must end first"


@pytest.mark.parametrize("changes", [{}, {"mirror": "oci://mirror.example.com/charts"}], ids=["pinned", "mirror"])
def test_crds_that_helm_would_never_upgrade_are_applied_before_the_release(
    program: Callable[..., Program], changes: dict[str, Any]
) -> None:
    p = program("prod", charts=changes)
    applied = p.several("kubernetes:helm.sh/v4:Chart")
    assert applied
    for crds in applied:
        release = p.release(crds.inputs["name"])
        assert crds.provider == p.cluster_provider(crds=True).urn
        for key in ("chart", "version", "repositoryOpts", "namespace"):
            assert crds.inputs.get(key) == release.inputs.get(key), "of the chart that is installed, and no other"
        assert release.inputs["skipCrds"] is True
        assert p.waits_for(release, crds)
        assert crds.retain_on_delete, "keepCrds, whose default is true"
        assert crds.deleted_with == release.deleted_with
    assert not any(crds.retain_on_delete for crds in program("local").several("kubernetes:helm.sh/v4:Chart"))


def test_a_few_revisions_of_every_release_are_kept(each: Program) -> None:
    for release in each.releases:
        assert release.inputs["maxHistory"] == 5, "going back needs one; each is a Secret of up to a megabyte"


def test_every_replaced_release_leaves_its_name_before_the_next_takes_it(each: Program) -> None:
    for release in each.releases:
        assert release.delete_before_replace, release.name


def test_every_release_is_guarded_before_and_after(each: Program) -> None:
    for release in each.releases:
        hooks = release.hooks
        assert hooks["before_create"] == hooks["before_update"] != [], release.name
        assert hooks["after_create"] == hooks["after_update"] != [], release.name
        assert set(hooks) == {"before_create", "before_update", "after_create", "after_update"}


def test_every_namespace_enforces_the_restricted_pod_security_standard(each: Program) -> None:
    for namespace in each.several("core/v1:Namespace"):
        labels = namespace.inputs["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted", namespace.name


def test_every_release_has_a_namespace_of_its_own_that_warns_too(each: Program) -> None:
    for release in each.releases:
        (namespace,) = [r for r in each.several("core/v1:Namespace") if r.parent == release.parent]
        metadata = namespace.inputs["metadata"]
        assert metadata["name"] == release.inputs["namespace"]
        assert metadata["labels"]["pod-security.kubernetes.io/warn"] == "restricted"
        assert metadata["labels"]["app.kubernetes.io/managed-by"] == "aks-bootstrap"
        assert each.waits_for(release, namespace)


def test_every_object_waits_for_all_of_the_addon_before(each: Program) -> None:
    assert len(each.addons) >= 5
    for before, addon in itertools.pairwise(each.addons):
        for later, earlier in itertools.product(each.objects(addon), each.objects(before)):
            assert each.waits_for(later, earlier), f"{later.name} of {addon.name} and {earlier.name} of {before.name}"
            assert not each.waits_for(earlier, later)


def test_every_custom_resource_comes_after_the_release_that_brings_its_kind(each: Program) -> None:
    own = {addon.urn: [r for r in each.releases if addon.urn in each.above(r)] for addon in each.addons}
    known: list[Registration] = []
    for addon in each.addons:
        known += own[addon.urn]
        for resource in each.objects(addon):
            if resource not in known and not re.match(r"kubernetes:(core|rbac)", resource.type):
                brought = [*known, *each.several("kubernetes:helm.sh/v4:Chart")]
                assert any(each.waits_for(resource, release) for release in brought), resource.name


def test_the_system_pools_toleration_is_the_one_that_its_taint_asks_for(prod: Program) -> None:
    (taint,) = prod.one("containerservice:ManagedCluster").inputs["agentPoolProfiles"][0]["nodeTaints"]
    key, value, effect = re.split("[=:]", taint)
    assert [{"key": key, "operator": "Equal", "value": value, "effect": effect}] == SYSTEM_POOL_TOLERATIONS


def test_every_workload_of_every_addon_runs_on_the_system_pool(each: Program) -> None:
    for release in each.releases:
        chart, values = release.inputs["name"], release.inputs["values"]
        workloads = [place for place in parts(chart, "tolerations") if place != ("global",)]
        assert workloads, chart
        for place in workloads:
            if is_on(chart, values, place):
                assert tolerations(values, place) == SYSTEM_POOL_TOLERATIONS, f"{chart} {'.'.join(place)}"


def test_every_workload_of_every_addon_asks_for_what_it_needs_and_has_a_memory_limit(each: Program) -> None:
    checked = 0
    for release in each.releases:
        chart, values = release.inputs["name"], release.inputs["values"]
        for place in parts(chart, "resources"):
            if is_on(chart, values, place) and not TEST_PODS.intersection(place):
                asked = (section(values, place) or {}).get("resources") or {}
                assert set(asked.get("requests", {})) == {"cpu", "memory"}, f"{chart} {'.'.join(place)}"
                assert set(asked.get("limits", {})) == {"memory"}, f"{chart} {'.'.join(place)}"
                checked += 1
    assert checked > 10


def test_production_runs_two_of_each_with_a_budget_and_nothing_else_has_one(dev: Program, prod: Program) -> None:
    """A budget over one replica would stop every drain."""
    checked = 0
    for small, large in zip(dev.releases, prod.releases, strict=True):
        chart = small.inputs["name"]
        for place in parts(chart, "replicaCount", "podDisruptionBudget"):
            one, two = section(small.inputs["values"], place), section(large.inputs["values"], place)
            assert one and two, f"{chart} {place}"
            assert (one["replicaCount"], two["replicaCount"]) == (1, 2)
            assert two["podDisruptionBudget"] == {"enabled": True, "minAvailable": 1}
            assert one["podDisruptionBudget"]["enabled"] is False
            checked += 1
    assert checked >= 6


def test_an_uninstall_keeps_crds_unless_the_stack_says_otherwise(program: Callable[..., Program]) -> None:
    for keep in (True, False):
        p = program("dev", **UPDATING, charts={"keepCrds": keep})
        for release in p.releases:
            crds = release.inputs["values"].get("crds")
            if crds is None:
                assert ("crds",) not in parts(release.inputs["name"], "keep"), release.name
            elif "annotations" in crds:
                assert crds["annotations"] == ({"helm.sh/resource-policy": "keep"} if keep else {})
            else:
                assert crds["keep"] is keep


def test_every_chart_has_a_section_of_its_own_in_the_stack_file() -> None:
    def found_in(chart: Chart) -> list[str]:
        marked = {key: ChartOverride(version=f"{number}.0.0") for number, key in enumerate(SECTIONS)}
        override = chart.override(Charts.model_validate(marked))
        return [key for key, section in marked.items() if section == override]

    found = {key: chart.name for chart in CHARTS for key in found_in(chart)}
    assert found == CHART_NAMES and found.keys() == SECTIONS.keys()
    assert len(CHARTS) == len(SECTIONS)


OVERRIDE: dict[str, Any] = {
    "repository": "https://charts.example",
    "version": "99.1.2",
    "values": {"tolerations": [], "ofTheStack": {"deep": True}},
}


@pytest.mark.parametrize("key", SECTIONS)
def test_what_a_stack_overrides_of_one_chart_takes_effect_there_and_nowhere_else(
    program: Callable[..., Program], key: str
) -> None:
    before, after = program("dev", **UPDATING), program("dev", **UPDATING, charts={key: OVERRIDE})
    (chart,) = [c for c in CHARTS if c.override(Charts.model_validate({key: OVERRIDE})).version == "99.1.2"]
    for plain, changed in zip(before.releases, after.releases, strict=True):
        if changed.inputs["name"] != chart.name:
            assert changed.inputs == plain.inputs
            continue
        assert changed.inputs["version"] == "99.1.2"
        assert changed.inputs["repositoryOpts"] == {"repo": "https://charts.example"}
        assert changed.inputs["chart"] == chart.name
        values = changed.inputs["values"]
        assert values["ofTheStack"] == {"deep": True} and values["tolerations"] == []
        kept = plain.inputs["values"].keys() - {"tolerations"}
        assert kept and {key: values[key] for key in kept} == {key: plain.inputs["values"][key] for key in kept}


def test_one_mirror_serves_all_charts(program: Callable[..., Program]) -> None:
    web = program("dev", **UPDATING, charts={"mirror": "https://charts.corp.example"})
    oci = program("dev", **UPDATING, charts={"mirror": "oci://registry.corp.example/charts"})
    for one, other in zip(web.releases, oci.releases, strict=True):
        name = one.inputs["name"]
        assert one.inputs["repositoryOpts"] == {"repo": "https://charts.corp.example"}
        assert one.inputs["chart"] == name
        assert other.inputs["chart"] == f"oci://registry.corp.example/charts/{name}"
        assert "repositoryOpts" not in other.inputs


def test_every_chart_is_drawn_from_where_it_is_pinned(program: Callable[..., Program]) -> None:
    releases = {release.inputs["name"]: release.inputs for release in program("dev", **UPDATING).releases}
    for chart in CHARTS:
        inputs = releases[chart.name]
        assert inputs["version"] == chart.version
        if chart.repository.startswith("oci://"):
            assert (inputs["chart"], inputs.get("repositoryOpts")) == (f"{chart.repository}/{chart.name}", None)
        else:
            assert (inputs["chart"], inputs["repositoryOpts"]) == (chart.name, {"repo": chart.repository})
