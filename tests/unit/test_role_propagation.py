"""Azure takes a role at once and knows it later: what is tried again, and for how long."""

import pytest

from components.azure.role_propagation import DELAYS_SECONDS, delay_before_retry

MISSING = "Code=LinkedAuthorizationFailed: the client has no permission to perform subnets/join/action"


def test_a_role_that_is_not_known_yet_is_waited_for_with_growing_pauses():
    assert [delay_before_retry([MISSING] * tries) for tries in (1, 2, 3)] == [5, 10, 20]


def test_the_wait_has_a_bound_of_ten_minutes():
    assert 540 <= sum(DELAYS_SECONDS) <= 660
    assert delay_before_retry([MISSING] * (len(DELAYS_SECONDS) + 1)) is None


@pytest.mark.parametrize("error", ["QuotaExceeded", "cannot create already existing resource", ""])
def test_any_other_failure_is_final(error):
    assert delay_before_retry([error]) is None


def test_the_newest_failure_decides():
    assert delay_before_retry(["QuotaExceeded", MISSING]) is None
    assert delay_before_retry([]) is None
