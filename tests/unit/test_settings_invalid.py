"""Every mistake a stack file can make is told by its path, with what was given and what is allowed."""

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from settings import parse
from settings.azure_facts import VM_SIZE, why_no_vm_size
from settings.report import SettingsError, format_path
from settings.secrets import warnings_of

STACKS = Path(__file__).resolve().parents[1] / "stacks"
CASES = sorted((STACKS / "invalid").glob("*.yaml"))


def valid() -> dict[str, Any]:
    return dict(YAML(typ="safe").load(STACKS / "valid.yaml"))


def change(stack: dict[str, Any], path: str, value: Any, *, remove: bool = False) -> None:
    *above, last = path.split(".")
    place: Any = stack
    for part in above:
        place = place[int(part)] if part.isdigit() else place.setdefault(part, {})
    if remove:
        del place[last]
    else:
        place[last] = value


def test_the_stack_that_the_cases_differ_from_is_valid():
    assert parse(valid()).environment == "dev"


@pytest.mark.parametrize("case", sorted((STACKS / "valid").glob("*.yaml")), ids=lambda path: path.stem)
def test_what_a_stack_may_say_is_not_refused(case: Path):
    stack = valid()
    for path, value in YAML(typ="safe").load(case)["set"].items():
        change(stack, path, value)
    assert parse(stack).environment == "dev"


SIZES = """
D2s_v3 D4ds_v5 D2pls_v6 D8alds_v6 D2_v3 D16ads_v7 D2nlds_v6 E104ids_v5 E96iads_v5 E4-2ds_v5 E20_v5 E128bds_v5 F4s F8s_v2
F2amds_v7 FX12mds FX4ms_v2 B2ms B2ats_v2 B4pls_v2 A2m_v2 D2_v2 DS3_v2 L8s_v3 L8aos_v4 M8-2ms_v2 M416-208s_v2 M48s_1_v3
M896ixds_32_v3 NC4as_T4_v3 NC24ads_A100_v4 NC80adis_H100_v5 NCC40ads_H100_v5 ND96isr_H100_v5 ND128isr_NDR_GB200_v6
NV36adms_A10_v5 NG32ads_V620_v1 NP10s HB120-16rs_v3 HX176rs HC44rs DC4as_cc_v5 DC2eds_v6 EC4ads_v5 H16mr
D8ds_v8 E6000ds_v9
"""
NO_SIZES = """
D3ds_v5 D4sd_v5 D4ds d4ds_v5 D4ds_v50 D4ds-v5 D4das_v5 D4ds_v3 D6s_v5 Q4s_v5 D04s_v5 D0s_v5 E4s D4s_V5 D4ss_v5
D4_v6 D4z_v5 D٤s_v5 E4-8s_v5
"""


@pytest.mark.parametrize("size", SIZES.split())
def test_a_size_is_judged_by_its_form(size):
    assert why_no_vm_size(f"Standard_{size}") is None
    assert re.fullmatch(VM_SIZE, f"Standard_{size}")


@pytest.mark.parametrize("size", NO_SIZES.split())
def test_a_size_that_cannot_be_is_refused(size):
    stack = valid()
    change(stack, "nodePools.0.vmSize", f"Standard_{size}")
    with pytest.raises(SettingsError, match=r"nodePools\[0\].vmSize: got .*allowed: an Azure size name"):
        parse(stack)


def test_a_secret_of_a_refused_value_is_not_repeated():
    stack = valid()
    token = "ghp_" + "0123456789abcdef" * 2
    change(stack, "gitops.repoUrl", f"https://x-access-token:{token}@github.com/a/b")
    change(stack, "charts", {"mirror": f"https://charts.example.com/{token}"})
    change(stack, "tags.extra", {token: f"https://u:{token}@h" + "x" * 300})
    change(stack, "dns.zone", {"password": "hunter2", "url": f"https://u:{token}@h"})
    with pytest.raises(SettingsError) as refused:
        parse(stack)
    assert "hunter2" not in str(refused.value)
    assert not any(token in problem.message for problem in refused.value.problems)


def test_passwords_in_chart_values_are_warned_of_with_the_way_by_a_secret():
    stack = valid()
    secrets = {
        "adminPassword": "hunter2",
        "existingSecret": "name",
        "extra": [{"token": "t0ps3cret"}],
        "tokenTtl": "1h",
    }
    change(stack, "charts", {"traefik": {"values": secrets}})
    warnings = list(warnings_of(parse(stack).charts))
    assert [warning.split(" ")[0] for warning in warnings] == [
        "aks-bootstrap:charts.traefik.values.adminPassword",
        "aks-bootstrap:charts.traefik.values.extra[0].token",
    ]
    assert all("ExternalSecret" in warning and "hunter2" not in warning for warning in warnings)


def test_there_are_enough_cases():
    assert len(CASES) >= 80


@pytest.mark.parametrize("case", CASES, ids=lambda path: path.stem)
def test_a_mistake_is_told_by_its_path_with_its_remedy(case: Path):
    mistake = YAML(typ="safe").load(case)
    stack = valid()
    for path, value in mistake["set"].items():
        change(stack, path, value)
    for path in mistake.get("remove", []):
        change(stack, path, None, remove=True)

    with pytest.raises(SettingsError) as refused:
        parse(stack)

    told: dict[str, str] = {}
    for problem in refused.value.problems:
        told[format_path(problem.path)] = told.get(format_path(problem.path), "") + problem.message
    path = f"aks-bootstrap:{mistake['path']}"
    assert path in told, f"told about {told}"
    for words in mistake["says"]:
        assert words in told[path]
    assert path in str(refused.value)


def test_all_mistakes_are_told_at_once():
    stack = valid()
    change(stack, "environment", "Development")
    change(stack, "cluster.tier", "Gold")
    change(stack, "nodePools.0.vmSize", "D4")
    change(stack, "nodePool", [{}, {}])
    change(stack, "network.dnsServiceIp", "172.17.0.10")
    change(stack, "argocd.host", "argocd.other.org")

    with pytest.raises(SettingsError) as refused:
        parse(stack)

    assert [format_path(problem.path).removeprefix("aks-bootstrap:") for problem in refused.value.problems] == [
        "argocd.host",
        "cluster.tier",
        "environment",
        "network.dnsServiceIp",
        "nodePool",
        "nodePools[0].vmSize",
    ]
    assert "6 mistakes" in str(refused.value)
    assert "nothing was changed" in str(refused.value)


def test_two_rules_broken_in_one_section_are_both_told():
    stack = valid()
    change(stack, "nodePools.0.minCount", 9)
    change(stack, "nodePools.0.name", "Apps")

    with pytest.raises(SettingsError) as refused:
        parse(stack)

    assert len(refused.value.problems) == 2
