"""A rebuild orders no certificate: real controllers, an authority that validates, a name server, clusters that go.

What stands for Azure's vault is another cluster's Secrets, and RFC 2136 for Azure DNS.
"""

from collections.abc import Iterator

import pytest

from tests.admission.control_plane import eventually
from tests.certificates.ca_world import World, generation, missing, world

REBUILDS = 20


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    if lacking := missing():
        pytest.skip(f"the tests of lasting certificates need {', '.join(lacking)}")
    with world(tmp_path_factory.mktemp("certificates")) as made:
        yield made


def test_twenty_rebuilds_keep_the_certificate_and_an_empty_vault_costs_one_order(lasting: World) -> None:
    with generation(lasting, 0) as first:
        first.issue()
        assert first.orders == 1
        serial = first.serial
        stored(lasting)
    for number in range(1, REBUILDS + 1):
        with generation(lasting, number) as rebuilt:
            rebuilt.issue()
            assert (number, rebuilt.serial, rebuilt.orders) == (number, serial, 0)
    lasting.empty()
    with generation(lasting, REBUILDS + 1) as emptied:
        emptied.issue()
        assert emptied.orders == 1
        assert emptied.serial != serial
        stored(lasting)


def stored(lasting: World) -> None:
    eventually(lasting.stored, seconds=120)
