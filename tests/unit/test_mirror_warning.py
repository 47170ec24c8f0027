"""A mirror in Azure that the nodes' identity may not read is warned of."""

import pytest

from settings.images import Images, warnings_of


@pytest.mark.parametrize(
    ("mirror", "host", "warned"),
    [
        (None, None, False),
        ("mirror.example.com/addons", None, False),
        ("example.azurecr.io/addons", "example.azurecr.io", False),
        ("example.azurecr.io/addons", "other.azurecr.io", True),
        ("example.azurecr.io", None, True),
    ],
)
def test_a_mirror_in_azure_is_the_registry_that_nodes_may_read(
    mirror: str | None, host: str | None, warned: bool
) -> None:
    found = list(warnings_of(Images(mirror=mirror), host))
    assert bool(found) is warned
    assert all("AcrPull" in warning and "registry.mode: existing" in warning for warning in found)
