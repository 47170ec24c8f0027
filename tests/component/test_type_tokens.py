"""Type tokens and logical names are part of every URN: a changed one is another resource, in every stack."""

import re
from collections.abc import Callable, Iterator

import pytest

from tests.component.conftest import ALERTING, PRIVATE, Program

FROZEN = frozenset(
    {
        "aks-bootstrap:argocd:ArgoCd",
        "aks-bootstrap:cert_manager:CertManager",
        "aks-bootstrap:cluster:Cluster",
        "aks-bootstrap:cluster_monitoring:ClusterMonitoring",
        "aks-bootstrap:dns_records:DnsRecords",
        "aks-bootstrap:existing_cluster:ExistingCluster",
        "aks-bootstrap:external_secrets:ExternalSecrets",
        "aks-bootstrap:foundation:Foundation",
        "aks-bootstrap:foundation:IngressAddresses",
        "aks-bootstrap:image_updater:ImageUpdater",
        "aks-bootstrap:ingress:Ingress",
        "aks-bootstrap:network:Network",
        "aks-bootstrap:node_pool:NodePool",
        "aks-bootstrap:release:Release",
        "aks-bootstrap:root_application:RootApplication",
        "aks-bootstrap:system_pool:SystemPoolUpdate",
        "aks-bootstrap:workload_identity:FederatedCredential",
        "aks-bootstrap:workload_identity:Identity",
    }
)
"""Tokens of released versions. They say nothing of where a class lies today; a release adds its new ones."""


@pytest.fixture(scope="module")
def programs(program: Callable[..., Program]) -> list[Program]:
    updater = {
        "imageUpdaterWriteBack": "git",
        "repositories": [{"name": "apps", "url": "https://github.com/example", "vaultSecret": "token"}],
    }
    return [
        program("dev"),
        program("prod"),
        program("local"),
        program("dev", argocd=updater),
        program("prod", **ALERTING),
        program("prod", keyVault={"allowedIpRanges": []}, **PRIVATE),
    ]


def tokens(programs: list[Program]) -> Iterator[str]:
    for p in programs:
        yield from (resource.type for resource in p.all if resource.type.startswith("aks-bootstrap:"))


def test_every_token_of_a_release_is_still_in_use(programs: list[Program]) -> None:
    assert set(tokens(programs)) >= FROZEN


def test_tokens_have_one_form(programs: list[Program]) -> None:
    for token in tokens(programs):
        assert re.fullmatch(r"aks-bootstrap:[a-z]+(_[a-z]+)*:([A-Z][a-z]+)+", token)


def test_logical_names_are_short_and_leave_out_the_stacks_name(programs: list[Program]) -> None:
    for p in programs:
        for resource in p.all:
            assert resource.name == resource.name.lower() and " " not in resource.name
            stack = p.evaluation.stack
            assert not resource.name.startswith(f"{stack}-") or stack == "local", "it is in the URN already"
