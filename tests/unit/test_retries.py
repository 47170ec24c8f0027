"""What Azure refuses for the moment is tried again: what that is, and for how long."""

import pytest

from components.azure.retries import BUSY, DELAYS_SECONDS, ROLES, delay_before_retry

WHY = 'Code="LinkedAuthorizationFailed" Message="the client has no permission to perform subnets/join/action"'
MISSING = f"Status=403 {WHY}"


def test_a_role_that_is_not_known_yet_is_waited_for_with_growing_pauses():
    assert [delay_before_retry([MISSING] * tries, ROLES) for tries in (1, 2, 3)] == [5, 10, 20]


def test_the_wait_has_a_bound_of_ten_minutes():
    assert 540 <= sum(DELAYS_SECONDS) <= 660
    assert delay_before_retry([MISSING] * (len(DELAYS_SECONDS) + 1), ROLES) is None


@pytest.mark.parametrize("error", ['Status=409 Code="QuotaExceeded"', "cannot create already existing resource", ""])
def test_any_other_failure_is_final(error):
    assert delay_before_retry([error], ROLES) is None


def test_what_was_accepted_and_failed_later_exists_and_is_not_created_again():
    assert delay_before_retry([f"Status=200 {WHY}"], ROLES) is None


def test_the_newest_failure_decides():
    assert delay_before_retry(['Status=409 Code="QuotaExceeded"', MISSING], ROLES) is None
    assert delay_before_retry([], ROLES) is None


@pytest.mark.parametrize(
    "error",
    [
        'Status=409 Code="AnotherOperationInProgress" Message="Another operation on this or dependent resource"',
        'Status=409 Code="OperationNotAllowed" Message="Another agentpool operation is in progress"',
        'Status=400 Code="SetVNetOwnershipFailed" Message="Failed to set ownership of the subnet"',
        'Status=400 Code="VirtualNetworkNotInSucceededState" Message="The virtual network is Updating"',
    ],
)
def test_a_network_that_is_busy_is_waited_for_and_a_quota_is_not(error):
    assert delay_before_retry([error], BUSY) == 5
    assert delay_before_retry([error], ROLES) is None
    quota = 'Status=400 Code="OperationNotAllowed" Message="exceeding approved Total Regional Cores quota"'
    assert delay_before_retry([quota], BUSY) is None
