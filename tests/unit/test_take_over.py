"""The root Application waits until the ApplicationSet owns what it would otherwise delete."""

from typing import Any

import pytest

from components.addons.take_over import NotTakenOverError, await_owners, without_owner
from tests.clock import Clock

OWNER = [{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "tenants"}]


def application(name: str, *, tracked_by: str | None = "root", owned: bool = False) -> dict[str, Any]:
    tracking = f"{tracked_by}:argoproj.io/Application:argocd/{name}"
    return {
        "metadata": {
            "name": name,
            **({"annotations": {"argocd.argoproj.io/tracking-id": tracking}} if tracked_by else {}),
            **({"ownerReferences": OWNER} if owned else {}),
        }
    }


class Api:
    """Lists Applications as they are at each look, the last of which stays."""

    def __init__(self, *looks: list[dict[str, Any]], conditions: list[dict[str, str]] | None = None) -> None:
        self.looks = list(looks)
        self.conditions = conditions
        self.asked: list[tuple[str, str]] = []

    def argo_cd_objects(self, plural: str, namespace: str) -> list[dict[str, Any]]:
        self.asked.append((plural, namespace))
        if plural == "applicationsets":
            return [{"metadata": {"name": "tenants"}, "status": {"conditions": self.conditions}}]
        return self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]


def wait(api: Api, seconds: float = 30) -> float:
    """Return for how long it waited."""
    clock = Clock()
    await_owners(api, seconds=seconds, sleep=clock.sleep, clock=clock)
    return clock.now


def test_it_waits_until_every_application_is_owned() -> None:
    shop, cart = application("shop"), application("cart")
    owned = [application("shop", owned=True), application("cart", owned=True)]
    api = Api([shop, cart], [shop, owned[1]], owned)
    assert wait(api) > 0
    assert api.asked == [("applications", "argocd")] * 3


@pytest.mark.parametrize(
    "there",
    [
        [],
        [application("shop", owned=True)],
        [application("shop", tracked_by="other")],
        [application("shop", tracked_by="rooted")],
        [application("root", tracked_by=None)],
        [{"metadata": {"name": "shop", "annotations": None}}],
    ],
)
def test_it_does_not_wait_for_what_the_root_application_would_not_delete(there: list[dict[str, Any]]) -> None:
    api = Api(there)
    assert wait(api, seconds=0) == 0
    assert len(api.asked) == 1


def test_only_what_has_no_owner_is_named_and_in_order() -> None:
    there = [
        application("shop"),
        application("bank", owned=True),
        application("cart"),
        application("a", tracked_by="x"),
    ]
    assert without_owner(there) == ["cart", "shop"]


def test_it_gives_up_with_the_names_the_controllers_reason_and_what_to_do() -> None:
    conditions = [
        {"type": "ParametersGenerated", "status": "True", "message": "fine"},
        {"type": "ErrorOccurred", "status": "True", "message": "shop.yaml: chart is missing"},
    ]
    api = Api([application("shop"), application("cart"), application("bank", owned=True)], conditions=conditions)
    with pytest.raises(NotTakenOverError) as error:
        wait(api)
    message = str(error.value)
    assert message.startswith(
        "the root Application would delete cart, shop, which the ApplicationSet has not taken over"
    )
    assert "(shop.yaml: chart is missing)" in message
    assert "Run `bootstrap app migrate`" in message and "gitops.platform" in message
    assert "bank" not in message


@pytest.mark.parametrize(
    "conditions", [None, [], [{"type": "ErrorOccurred", "status": "False", "message": "was solved"}]]
)
def test_without_a_reason_of_the_controllers_it_gives_none(conditions: list[dict[str, str]] | None) -> None:
    with pytest.raises(NotTakenOverError) as error:
        wait(Api([application("shop")], conditions=conditions))
    assert "has not taken over. Run" in str(error.value)


def test_it_looks_once_more_when_the_time_is_over() -> None:
    assert wait(Api([application("shop")], [application("shop", owned=True)]), seconds=1) > 1
