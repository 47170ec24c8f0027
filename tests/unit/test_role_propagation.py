"""A cluster waits for what is left of the time of roles that its own run assigned."""

import pytest

from components.azure.role_propagation import OVERRIDE, RolePropagation


@pytest.mark.parametrize(
    ("assigned", "now", "left"),
    [
        ([100.0], 110.0, 50.0),
        ([90.0, 100.0], 110.0, 50.0),
        ([100.0], 160.0, 0.0),
        ([100.0], 900.0, 0.0),
        ([], 1.0, 0.0),
    ],
    ids=["just now", "the last one counts", "a minute ago", "long ago", "in an earlier run"],
)
def test_only_what_is_left_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, assigned: list[float], now: float, left: float
) -> None:
    monkeypatch.delenv(OVERRIDE, raising=False)
    propagation = RolePropagation()
    for each in assigned:
        propagation.remember(each)
    assert propagation.left(now) == left


def test_a_rehearsal_has_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(OVERRIDE, "0")
    propagation = RolePropagation()
    propagation.remember(100.0)
    assert propagation.left(100.0) == 0
