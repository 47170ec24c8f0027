"""Names are deterministic and within Azure's limits; sizes are read off their names."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.azure.naming import Names, pool_name
from settings.azure_facts import VM_SIZE, active_vcpus, ephemeral_disk_gib, is_burstable, why_no_vm_size
from settings.pools import NodePool


def names(platform="platform", environment="prod", **changes):
    given = {"location": "swedencentral", "generation": 1, "subscription_id": "0" * 36, **changes}
    return Names(platform=platform, environment=environment, **given)


def pool(**changes):
    return NodePool(**{"name": "apps", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 3, **changes})


LIMITS = {
    "key_vault": r"[a-zA-Z](?!.*--)[a-zA-Z0-9-]{1,22}[a-zA-Z0-9]",
    "container_registry": r"[a-zA-Z0-9]{5,50}",
    "cluster": r"[a-z]([a-z0-9-]{0,52}[a-z0-9])",
    "cluster_nodes_group": r"[\w.()-]{1,80}",
    "foundation_group": r"[\w.()-]{1,90}",
    "log_analytics": r"[a-zA-Z0-9][a-zA-Z0-9-]{2,61}[a-zA-Z0-9]",
}


@given(
    platform=st.from_regex(r"[a-z][a-z0-9]{0,11}", fullmatch=True),
    environment=st.from_regex(r"[a-z][a-z0-9]{0,7}", fullmatch=True),
    generation=st.integers(1, 999),
)
def test_every_name_is_one_that_azure_takes(platform, environment, generation):
    n = names(platform, environment, generation=generation)
    for attribute, form in LIMITS.items():
        assert re.fullmatch(form, getattr(n, attribute)), f"{attribute}: {getattr(n, attribute)}"
    assert 3 <= len(n.identity("external-secrets")) <= 128
    assert 3 <= len(n.federated_credential("external-secrets")) <= 120


def test_global_names_differ_between_subscriptions_and_not_between_runs():
    assert names().key_vault == names().key_vault
    assert names().key_vault != names(subscription_id="1" * 36).key_vault


def test_only_the_clusters_names_carry_the_generation():
    first, second = names(), names(generation=2)
    assert first.cluster != second.cluster and first.cluster_group != second.cluster_group
    assert first.key_vault == second.key_vault and first.identity("kubelet") == second.identity("kubelet")


def test_a_role_assignments_name_follows_from_what_it_is():
    name = names().role_assignment(scope="vault", role="reader", consumer="a")
    assert name == names().role_assignment(scope="VAULT", role="reader", consumer="a"), "ARM ids have no case"
    others = [
        names().role_assignment(scope="zone", role="reader", consumer="a"),
        names().role_assignment(scope="vault", role="writer", consumer="a"),
        names().role_assignment(scope="vault", role="reader", consumer="b"),
    ]
    others.append(names(environment="dev").role_assignment(scope="vault", role="reader", consumer="a"))
    others.append(names(subscription_id="1" * 36).role_assignment(scope="vault", role="reader", consumer="a"))
    assert name not in others and len(set(others)) == 5


@given(name=st.from_regex(r"[a-z][a-z0-9]{0,9}", fullmatch=True))
def test_a_pools_name_fits_linux(name):
    assert re.fullmatch(r"[a-z][a-z0-9]{0,11}", pool_name(pool(name=name), ("1",)))


def test_a_pools_name_changes_only_with_what_cannot_be_changed_in_place():
    base = pool_name(pool(), ("1",))
    assert base == pool_name(pool(maxCount=9, labels={"a": "b"}), ("1",))
    for changed in (pool(vmSize="Standard_D8ds_v5"), pool(spot=True, minCount=0), pool(maxPods=60)):
        assert pool_name(changed, ("1",)) != base
    assert pool_name(pool(), ("1", "2")) != base


@pytest.mark.parametrize(
    ("size", "cores", "disk", "burstable"),
    [
        ("Standard_D4ds_v5", 4, 150, False),
        ("Standard_D4s_v5", 4, 0, False),
        ("Standard_D4s_v3", 4, 100, False),
        ("Standard_D8ads_v6", 8, 440, False),
        ("Standard_E16ds_v5", 16, 600, False),
        ("Standard_B2ms", 2, 0, True),
        ("Standard_NC24ads_A100_v4", 24, 0, False),
        ("Standard_E4-2ds_v5", 2, 150, False),
    ],
)
def test_a_size_is_read_off_its_name(size, cores, disk, burstable):
    assert re.fullmatch(VM_SIZE, size) and why_no_vm_size(size) is None
    assert (active_vcpus(size), ephemeral_disk_gib(size), is_burstable(size)) == (cores, disk, burstable)


@pytest.mark.parametrize("text", ["D4ds_v5", "Standard_", "standard_D4ds_v5", "Standard_D4ds v5", "", "Standard_D_v5"])
def test_what_is_not_a_size_is_refused(text):
    assert re.fullmatch(VM_SIZE, text) is None or why_no_vm_size(text)
    assert ephemeral_disk_gib(text) == 0
