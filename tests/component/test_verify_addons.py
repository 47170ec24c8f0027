"""`bootstrap verify` asks about every addon that the program registers."""

import pytest

from bootstrap.options import ROOT
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.releases import installed
from bootstrap.platform.run import settings_of
from bootstrap.platform.verify.checks.addons import KINDS
from bootstrap.platform.verify.checks.webhooks import PROBES
from components.addons.addon import Addon
from components.release.kubernetes_types import RELEASE


@pytest.mark.parametrize("stack", ["local", "dev", "prod"])
def test_every_release_has_its_workloads_read(stack: str) -> None:
    registered = [each.inputs for each in evaluate(ROOT, stack).registrations if each.type == RELEASE]
    assert {str(each["namespace"]): str(each["name"]) for each in registered} == installed(settings_of(ROOT, stack))


def test_every_probe_is_sent_and_every_probed_group_has_its_kinds_read() -> None:
    probes = [addon.probe for addon in _addons() if addon.probe is not None]
    assert probes and {probe.kind for probe in probes} == {probe.kind for probe in PROBES}
    assert {probe.group for probe in probes} <= {group for group, _ in KINDS.values()}


def _addons() -> list[type[Addon]]:
    evaluate(ROOT, "local")
    return [each for each in Addon.__subclasses__() if each.__module__.startswith("components.")]
