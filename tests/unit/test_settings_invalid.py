"""Every mistake a stack file can make is told by its path, with what was given and what is allowed."""

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from settings import parse
from settings.report import SettingsError, format_path

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
    change(stack, "argocd", {"host": "argocd.other.org"})

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
