"""`bootstrap verify` asks about every addon that the program registers."""

import re

import pytest

from bootstrap.options import ROOT
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.releases import installed
from bootstrap.platform.verify.checks.addons import KINDS
from bootstrap.platform.verify.checks.webhooks import PROBES
from bootstrap.stackfile import read_stack
from components.addons.addon import Addon
from components.addons.charts import PINNED
from rehearsal.chart_repository import SOURCES
from settings import read
from tests.component.conftest import STACKS, Program, configured


@pytest.mark.parametrize("named", STACKS)
def test_every_release_has_its_workloads_read(named: str, every_program) -> None:
    stack, changes = STACKS[named]
    settings = read({**read_stack(ROOT, stack).values, **configured(stack, changes)}, stack=stack)
    registered = {str(each.inputs["namespace"]): str(each.inputs["name"]) for each in every_program(named).releases}
    assert registered == installed(settings)


def test_every_probe_is_sent_and_every_probed_group_has_its_kinds_read() -> None:
    probes = [addon.probe for addon in _addons() if addon.probe is not None]
    assert probes and {probe.kind for probe in probes} == {probe.kind for probe in PROBES}
    assert {probe.group for probe in probes} <= KINDS.keys()


@pytest.mark.parametrize("chart", PINNED, ids=lambda chart: chart.name)
def test_the_kinds_of_every_chart_are_read_and_are_ones_that_it_brings(chart) -> None:
    folder = SOURCES / chart.name / ("crds" if chart.crds_folder else "templates")
    crds = "".join(file.read_text(encoding="utf-8") for file in folder.glob("crds*.yaml"))
    assert crds
    assert chart.kinds.keys() <= KINDS.keys()
    assert set(re.findall(r"^  group: (\S+)$", crds, re.MULTILINE)) == chart.kinds.keys()


def test_the_crds_that_helm_would_not_upgrade_are_those_that_a_chart_says_so_of(each: Program) -> None:
    apart = {release.inputs["name"] for release in each.releases if release.inputs.get("skipCrds")}
    assert apart == {chart.name for chart in PINNED if chart.crds_folder}


def _addons() -> list[type[Addon]]:
    evaluate(ROOT, "local")
    return [each for each in Addon.__subclasses__() if each.__module__.startswith("components.")]
