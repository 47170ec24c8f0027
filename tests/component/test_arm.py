"""Bodies of requests: shaped as Azure's own type tables say, named by ids, with dependencies that lead somewhere."""

import copy
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.platform.plan.arm import Request, requests, template
from bootstrap.platform.plan.registration import Evaluation
from components.azure.resource_types import PREFIX
from tests.component.arm_types import UNKNOWN, Types
from tests.component.conftest import ALERTING, BACKED_UP, PRIVATE, ROOT, Program

TABLES = os.environ.get("AKS_BOOTSTRAP_ARM")
needs_tables = pytest.mark.skipif(TABLES is None, reason="AKS_BOOTSTRAP_ARM names no folder with Azure's type tables")

POOL = {"name": "more", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 3}
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "dev": ("dev", {}),
    "prod": ("prod", {}),
    "private API server": ("dev", {"cluster": {"apiServer": {"exposure": "private", "authorizedIpRanges": []}}}),
    "API server in the network": (
        "prod",
        {
            "network": {"apiServerSubnetCidr": "10.20.16.0/27"},
            "cluster": {"apiServer": {"exposure": "vnetIntegrated", "authorizedIpRanges": []}},
        },
    ),
    "open API server": ("dev", {"cluster": {"apiServer": {"exposure": "openToTheWorld", "authorizedIpRanges": []}}}),
    "pods in a subnet": ("dev", {"network": {"podAddressing": "podSubnet", "podSubnetCidr": "10.20.64.0/18"}}),
    "Calico and Windows": (
        "dev",
        {"network": {"dataPlane": "azure"}, "nodePools": [{**POOL, "name": "win", "os": "windows"}]},
    ),
    "node auto-provisioning": (
        "dev",
        {
            "cluster": {"nodeAutoProvisioning": True},
            "nodePools": [{**POOL, "minCount": 2, "maxCount": 2}],
            "systemPool": {"minCount": 2, "maxCount": 2},
        },
    ),
    "spot, labels, taints": (
        "dev",
        {
            "nodePools": [
                {**POOL, "spot": True, "spotMaxPrice": 0.5, "labels": {"a": "b"}, "taints": ["a=b:NoSchedule"]}
            ]
        },
    ),
    "everything observed": (
        "dev",
        {
            "observability": {
                "containerInsights": True,
                "managedPrometheus": True,
                "defender": True,
                "azurePolicy": True,
            }
        },
    ),
    "alerts": ("prod", ALERTING),
    "backed up": ("prod", BACKED_UP),
    "a key for etcd": (
        "prod",
        {
            "cluster": {
                "etcdEncryption": {
                    "keyId": "https://kv-keys.vault.azure.net/keys/etcd/0123456789abcdef0123456789abcdef",
                    "vaultResourceId": "/subscriptions/5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51/resourceGroups/rg-keys"
                    "/providers/Microsoft.KeyVault/vaults/kv-keys",
                }
            }
        },
    ),
    "private endpoints": ("prod", {**PRIVATE, "keyVault": {"allowedIpRanges": []}}),
    "hardened nodes": (
        "prod",
        {
            "systemPool": {"trustedLaunch": True, "encryptionAtHost": True},
            "nodePools": [{**POOL, "fips": True, "encryptionAtHost": True, "ssh": True}],
        },
    ),
    "another's zone": ("prod", {"dns": {"mode": "existing", "resourceGroup": "rg-dns"}}),
    "registry, autoscalers, long-term support": (
        "prod",
        {
            "registry": {"mode": "create"},
            "cluster": {
                "keda": True,
                "verticalPodAutoscaler": True,
                "tier": "Premium",
                "longTermSupport": True,
                "localAccounts": False,
            },
        },
    ),
}


@pytest.fixture(scope="module", params=VARIANTS)
def evaluation(request: pytest.FixtureRequest, program: Callable[..., Program]) -> Evaluation:
    stack, changes = VARIANTS[request.param]
    return program(stack, **changes).evaluation


@pytest.fixture(scope="module")
def found(evaluation: Evaluation) -> list[Request]:
    return requests(evaluation)


def test_every_azure_resource_is_a_request_with_an_id_of_its_own(program: Callable[..., Program]) -> None:
    p = program("prod")
    made = requests(p.evaluation)
    assert [r.name for r in made] == [r.name for r in p.custom if r.type.startswith(PREFIX)]
    assert len({r.id.lower() for r in made}) == len(made)
    for r in made:
        assert r.id.startswith("/subscriptions/b7c40d13-") and "<" not in r.id, r.name


def test_a_request_comes_after_those_that_its_body_names(found: list[Request]) -> None:
    ids = {r.id for r in found}
    seen: set[str] = set()
    for r in found:
        assert set(r.depends_on) <= seen, f"{r.name} comes before what it depends on"
        named = {id_ for id_ in ids if f'"{id_}"' in json.dumps(r.body)}
        assert named <= seen
        seen.add(r.id)


def test_what_azure_makes_up_is_marked_and_nothing_else_is(found: list[Request]) -> None:
    for r in found:
        text = json.dumps(r.body)
        assert len(r.unknown) == sum(1 for _ in texts(r.body) if UNKNOWN.search(_))
        assert ".id>" not in text, f"{r.name}: every id is known"
        assert r.secret == []


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def nested(whole: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for resource in whole["resources"]:
        if resource["type"] == "Microsoft.Resources/deployments" and "resourceGroup" in resource:
            yield resource


def test_the_template_has_every_request_once_and_waits_in_no_circle(evaluation: Evaluation) -> None:
    found, whole = requests(evaluation), template(evaluation)
    inside = [r for part in nested(whole) for r in part["properties"]["template"]["resources"]]
    groups = [r for r in whole["resources"] if r["type"] == "Microsoft.Resources/resourceGroups"]
    assert sorted(r["type"] for r in [*inside, *groups]) == sorted(r.type for r in found)

    waits = {part["name"]: {n for n in part["dependsOn"] if not n.startswith("[")} for part in nested(whole)}
    done: set[str] = set()
    while ready := {name for name, before in waits.items() if before <= done} - done:
        done |= ready
    assert done == waits.keys()
    for part in nested(whole):
        known: set[str] = set()
        members = part["properties"]["template"]["resources"]
        for member in members:
            for before in member.get("dependsOn", []):
                assert before.split("/")[-1] in {m["name"].split("/")[-1] for m in members}
            known.add(member["name"])
            assert member["name"].count("/") == member["type"].count("/") - 1


def test_the_template_asks_azure_for_what_only_azure_knows(evaluation: Evaluation) -> None:
    text = json.dumps(template(evaluation))
    assert not UNKNOWN.search(text)
    assert "reference('/subscriptions/" in text and ".oidcIssuerProfile.issuerURL]" in text
    assert ("[format('{0}/32', reference(" in text) == ("authorizedIPRanges" in text)


def test_text_beside_what_is_unknown_cannot_end_the_expression(program: Callable[..., Program]) -> None:
    found = program("dev", tags={"extra": {"note": "<kubelet.principalId>', concat('{0}"}})
    whole = json.dumps(template(found.evaluation))
    assert "[format('{0}'', concat(''{{0}}', reference(" in whole


@pytest.mark.parametrize("option", ["--arm", "--arm-template"])
def test_the_command_prints_nothing_but_json(option: str) -> None:
    code = "from bootstrap.cli import main; main()"
    command = [sys.executable, "-c", code, "plan", "--stack", "prod", option]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert {"version", "stack", "requests"} == json.loads(done.stdout).keys() or "$schema" in json.loads(done.stdout)


# --- Azure's own tables ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def types() -> Types:
    assert TABLES is not None
    return Types.load(Path(TABLES))


LATER = {
    "Microsoft.AlertsManagement/actionRules",
    "Microsoft.AlertsManagement/prometheusRuleGroups",
    # of a later version than other types of the same provider
    "Microsoft.Authorization/roleDefinitions",
    "Microsoft.DataProtection/backupVaults",
    "Microsoft.DataProtection/backupVaults/backupInstances",
    "Microsoft.DataProtection/backupVaults/backupPolicies",
    "Microsoft.Insights/actionGroups",
    "Microsoft.Insights/activityLogAlerts",
    "Microsoft.KubernetesConfiguration/extensions",
    "Microsoft.Network/privateDnsZones",
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices/containers",
}
"""Types that collections of tables from before November 2026 lack; where they do, nobody judges these bodies."""


@needs_tables
def test_every_body_is_one_that_azures_tables_take(found: list[Request], types: Types) -> None:
    known = [r for r in found if types.has(r.type, r.api_version)]
    assert {r.type for r in found if r not in known} <= LATER, "no table"
    assert len(known) > len(found) / 2
    wrong = {r.name: types.wrong(r.type, r.api_version, r.body) for r in known}
    assert {name: mistakes for name, mistakes in wrong.items() if mistakes} == {}


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    for key, item in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(item, (dict, list)):
            yield from places(item, (*path, key))


def changed(body: dict[str, Any], path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> dict[str, Any]:
    mutant = copy.deepcopy(body)
    owner: Any = mutant
    for key in path[:-1]:
        owner = owner[key]
    change(owner, path[-1])
    return mutant


def rename(owner: Any, key: Any) -> None:
    owner[f"{key}x"] = owner.pop(key)


def retype(owner: Any, key: Any) -> None:
    owner[key] = 7 if isinstance(owner[key], (str, dict, list, bool)) else "seven"


def respell(owner: Any, key: Any) -> None:
    owner[key] = f"{owner[key]}x"


ENUMS = {
    "mode",
    "type",
    "osSKU",
    "osType",
    "osDiskType",
    "scaleSetPriority",
    "upgradeChannel",
    "nodeOSUpgradeChannel",
    "expander",
    "networkPlugin",
    "networkDataplane",
    "networkPolicy",
    "outboundType",
    "loadBalancerSku",
    "publicIPAddressVersion",
    "publicIPAllocationMethod",
    "principalType",
    "level",
    "tier",
    "undrainableNodeBehavior",
    "zoneType",
    "kind",
    "dayOfWeek",
}
"""Properties whose values Azure lists."""
FREE = {
    "tags",
    "nodeLabels",
    "addonProfiles",
    "config",
    "userAssignedIdentities",
    "identityProfile",
    "template",
    "extensionSettings",
}
"""Objects whose keys, or whose contents, are the user's."""


@needs_tables
def test_mutants_of_bodies_are_refused(program: Callable[..., Program], types: Types) -> None:
    """A table that took everything would prove nothing."""
    caught = {"names": [0, 0], "types": [0, 0], "enums": [0, 0]}
    for r in requests(program("prod").evaluation):
        if not types.has(r.type, r.api_version):
            continue
        for path in places(r.body):
            if FREE & set(path[:-1]):
                continue
            kinds = {"types": retype, **({"names": rename} if isinstance(path[-1], str) else {})}
            if path[-1] in ENUMS:
                kinds["enums"] = respell
            for kind, change in kinds.items():
                caught[kind][1] += 1
                caught[kind][0] += bool(types.wrong(r.type, r.api_version, changed(r.body, path, change)))
    assert {kind: tried > 20 for kind, (_, tried) in caught.items()} == dict.fromkeys(caught, True)
    rates = {kind: refused / tried for kind, (refused, tried) in caught.items()}
    assert rates["names"] >= 0.99 and rates["types"] >= 0.99 and rates["enums"] >= 0.8, rates
