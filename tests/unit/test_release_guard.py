"""The guard's waiting, against an API server that is played."""

import pytest

from components.release.probe import NotServingError, Probe, await_serving

PROBE = Probe(addon="cert-manager", group="g", version="v1", kind="Issuer", plural="issuers", namespace="n", spec={})


class Api:
    def __init__(self, *refusals):
        self.refusals, self.asked = list(refusals), 0

    def refusal(self, probe):
        self.asked += 1
        return self.refusals.pop(0) if self.refusals else None


def test_an_addon_that_serves_is_asked_once():
    api = Api()
    await_serving(api, [PROBE], sleep=lambda _: pytest.fail("slept"))
    assert api.asked == 1


def test_an_addon_that_is_not_there_yet_is_asked_again():
    api, slept = Api("no endpoints", "x509"), []
    await_serving(api, [PROBE], sleep=slept.append)
    assert api.asked == 3 and slept == [2, 2]


def test_an_addon_that_never_serves_is_named_with_its_last_refusal():
    with pytest.raises(NotServingError, match=r"cert-manager does not serve.*Issuer \(g/v1\).*no endpoints"):
        await_serving(Api(*["no endpoints"] * 9), [PROBE], seconds=0, sleep=lambda _: None)
