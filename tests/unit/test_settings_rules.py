"""Where the rules across sections draw their lines: the last value that is allowed, and the first that is not."""

from typing import Any

import pytest

from settings import parse
from settings.merge import merge
from settings.production import PRODUCTION_DEFAULTS
from settings.report import SettingsError, format_path
from tests.unit.test_settings_invalid import valid

Stack = dict[str, Any]


def told(changes: Stack, *, deployed: bool = False) -> dict[str, str]:
    """Return every mistake of the valid stack with some changes, by its path."""
    stack = {key: value for key, value in merge(valid(), changes).items() if value is not None}
    try:
        parse(stack, deployed=deployed)
    except SettingsError as refused:
        problems = refused.problems
        return {format_path(found.path).removeprefix("aks-bootstrap:"): found.message for found in problems}
    return {}


def pool(**changes: Any) -> Stack:
    return {"name": "apps", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 3, **changes}


def steady(nodes: int) -> Stack:
    """A pool of so many nodes, the one that an upgrade adds included."""
    return pool(maxCount=nodes - 1, maxSurge="1")


def windows(**changes: Any) -> Stack:
    return pool(name="win", os="windows", **changes)


def production(**changes: Any) -> Stack:
    return {"production": True, **changes}


PROVISIONING = {"cluster": {"nodeAutoProvisioning": True}, "systemPool": {"minCount": 3, "maxCount": 3}}
ZONELESS = {"azure": {"location": "ukwest"}}
AZURE_DATA_PLANE = {"network": {"dataPlane": "azure"}, "cluster": {"kubernetesVersion": "1.34"}}
OTHER_ID = "11111111-2222-4333-8444-555555555555"
SUBSCRIPTION = "5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51"
TENANT = "0a6c9be4-41d7-4f0c-8f52-9d3e7b6a2c10"
OWN = "allowed: an id of its own"
GIT = {"imageUpdaterWriteBack": "git"}
AZURE_REPOS = "https://dev.azure.com/example"
REPO = f"{AZURE_REPOS}/platform/_git/apps"


def repository(url: str, kind: str = "password") -> Stack:
    secret = {} if kind == "workloadIdentity" else {"vaultSecret": "s"}
    app = {"githubAppId": 1, "githubAppInstallationId": 2} if kind == "githubApp" else {}
    return {"name": kind.lower() + str(len(url)), "url": url, "kind": kind, **secret, **app}


def sign_in(**changes: Any) -> Stack:
    return {"argocd": {"signIn": {"applicationClientId": OTHER_ID, **changes}}}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        # zones
        {**ZONELESS, "cluster": {"zones": []}, "nodePools": [pool(zones=[])]},
        {**ZONELESS, "cluster": {"zones": ["1"], "location": "swedencentral"}},
        {"nodePools": [pool(zones=["1"])]},
        # pools
        {"nodePools": [pool(), pool(name="more")]},
        {**AZURE_DATA_PLANE, "nodePools": [windows()]},
        {**PROVISIONING, "nodePools": [pool(minCount=2, maxCount=2)]},
        {"cluster": {"nodeAutoProvisioning": False}, "nodePools": [pool()]},
        {
            "network": {"apiServerSubnetCidr": "10.20.16.0/27"},
            "cluster": {"apiServer": {"exposure": "vnetIntegrated", "authorizedIpRanges": []}},
        },
        # certificates and hosts
        {"certificates": {"issuer": "self-signed", "email": None}},
        {"argocd": {"host": "dev.example.com"}, "dns": {"records": ["@"]}},
        {"argocd": {"host": "cd.dev.example.com"}, "dns": {"records": ["cd"]}},
        {"argocd": {"host": "cd.dev.example.com"}, "dns": {"records": ["*"]}},
        # image updater
        {"argocd": {**GIT, "repositories": [repository("https://github.com/example")]}},
        {"argocd": {**GIT, "repositories": [repository("https://github.com/example", "githubApp")]}},
        {
            "argocd": {
                **GIT,
                "repositories": [repository(AZURE_REPOS, "workloadIdentity"), repository("https://github.com/example")],
            }
        },
        {"argocd": {"repositories": [repository(AZURE_REPOS, "workloadIdentity")]}, "gitops": {"repoUrl": REPO}},
        # nodes of Argo CD
        {"argocd": {"highAvailability": True}, "systemPool": {"minCount": 1, "maxCount": 3}},
        {"systemPool": {"minCount": 1, "maxCount": 2}},
        {"ingress": {"replicas": 6}, "systemPool": {"minCount": 1, "maxCount": 3}},
        {"ingress": {"replicas": 16}, "systemPool": {"vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 3}},
        # tags of the zone
        {"tags": {"extra": {f"tag{number}": "x" for number in range(11)}}},
        {"tags": {"extra": {"a-b_c.d9": "x", "_a": "x"}}},
        {"tags": {"extra": {"9 lives": "x"}}, "dns": {"mode": "existing", "resourceGroup": "rg"}},
        # ids
        sign_in(adminGroups=["9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12"]),
        # production
        production(),
        production(cluster={"zones": ["1", "3"]}),
        production(**ZONELESS, cluster={"zones": []}),
        production(systemPool={"minCount": 3}),
        production(argocd={"defaultRole": "role:readonly"}),
        {
            "cluster": {"localAccounts": True, "zones": ["1"], "tier": "Free"},
            "argocd": {"adminEnabled": True, "defaultRole": "role:admin"},
        },
        {
            "cluster": {"apiServer": {"exposure": "openToTheWorld", "authorizedIpRanges": []}},
            "keyVault": {"purgeProtection": False},
        },
    ],
)
def test_what_is_within_the_lines_is_taken(changes: Stack) -> None:
    assert told(changes) == {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            {**ZONELESS, "cluster": {"zones": ["1", "2"]}, "nodePools": [pool(zones=[]), pool(name="b", zones=["3"])]},
            {
                "cluster.zones": "got 1, 2; allowed in ukwest: none, as the region has no zones",
                "nodePools[1].zones": "got 3; allowed in ukwest: none, as the region has no zones",
            },
        ),
        (
            {**PROVISIONING, "network": {"dataPlane": "azure"}, "nodePools": [pool(minCount=1, maxCount=1)]},
            {"cluster.nodeAutoProvisioning": "got true with network.dataPlane 'azure'; allowed with it: cilium"},
        ),
        (
            {"ingress": {"replicas": 8}, "systemPool": {"minCount": 1, "maxCount": 3}},
            {
                "systemPool.minCount": "got 1 of Standard_D2ds_v5, with room for 950 m of CPU; the addons request "
                "1090 m; allowed: 2 or more, a larger vmSize, or fewer ingress.replicas"
            },
        ),
        (
            {"cluster": {"location": "ukwest", "zones": ["1"]}},
            {"cluster.zones": "got 1; allowed in ukwest: none, as the region has no zones"},
        ),
        (
            {"network": {"apiServerSubnetCidr": "10.20.16.0/27"}},
            {
                "network.apiServerSubnetCidr": "got '10.20.16.0/27'; "
                "allowed only with cluster.apiServer.exposure 'vnetIntegrated'"
            },
        ),
        (
            {"cluster": {"apiServer": {"exposure": "vnetIntegrated", "authorizedIpRanges": []}}},
            {"network.apiServerSubnetCidr": "missing; exposure 'vnetIntegrated' needs it"},
        ),
        (
            {"nodePools": [pool(), pool(name="b"), pool(), pool(name="b")]},
            {
                f"nodePools[{index}].name": f"got {name!r} again; allowed: each name once"
                for index, name in ((2, "apps"), (3, "b"))
            },
        ),
        (
            {
                "cluster": {"kubernetesVersion": "1.37"},
                "nodePools": [pool(), windows()],
                "network": {"dataPlane": "azure"},
            },
            {
                "nodePools[1].os": "got 'windows' with cluster.kubernetesVersion '1.37'; "
                "allowed: linux, or version 1.36, the last with Windows Server 2022"
            },
        ),
        (
            {"cluster": {"kubernetesVersion": "1.34"}, "nodePools": [pool(), windows()]},
            {"nodePools[1].os": "got 'windows' with network.dataPlane 'cilium'; allowed: linux, or dataPlane 'azure'"},
        ),
        (
            merge(
                merge(PROVISIONING, AZURE_DATA_PLANE),
                {"nodePools": [pool(minCount=1, maxCount=1), windows(minCount=1, maxCount=1)]},
            ),
            {"cluster.nodeAutoProvisioning": "got true with network.dataPlane 'azure'; allowed with it: cilium"},
        ),
        (
            {
                "cluster": {"nodeAutoProvisioning": True},
                "systemPool": {"minCount": 1, "maxCount": 3},
                "nodePools": [pool(maxCount=1), pool(name="b", minCount=2)],
            },
            {
                path: f"got 3 with minCount {least}; "
                "allowed with cluster.nodeAutoProvisioning: equal counts, as two autoscalers would fight"
                for path, least in (("systemPool.maxCount", 1), ("nodePools[1].maxCount", 2))
            },
        ),
        (
            merge(
                PROVISIONING,
                {"network": {"podAddressing": "podSubnet", "podSubnetCidr": "10.20.64.0/18"}, "nodePools": []},
            ),
            {"cluster.nodeAutoProvisioning": "got true with podAddressing 'podSubnet'; allowed with it: overlay"},
        ),
        (
            {"certificates": {"email": None}},
            {"certificates.email": "missing; issuer 'letsencrypt-staging' needs it"},
        ),
        (
            {"argocd": {"host": "cd.devxexample.com"}},
            {"argocd.host": "got 'cd.devxexample.com'; allowed: a name in dns.zone 'dev.example.com'"},
        ),
        (
            {"dns": {"records": ["@", "www"]}},
            {
                "dns.records": "got @, www, which does not lead to Argo CD's argocd.dev.example.com; "
                "allowed: with 'argocd' or '*'"
            },
        ),
        (
            {"dns": {"records": ["*"]}, "argocd": {"host": "dev.example.com"}},
            {"dns.records": "got *, which does not lead to Argo CD's dev.example.com; allowed: with '@'"},
        ),
        (
            {"argocd": GIT},
            {
                "argocd.imageUpdaterWriteBack": "got 'git', and https://github.com/example/repo.git has no credential "
                "in argocd.repositories; allowed: one of kind 'password' or 'githubApp'"
            },
        ),
        (
            {
                "argocd": {
                    **GIT,
                    "repositories": [
                        repository("https://dev.azure.com"),
                        repository(AZURE_REPOS, "workloadIdentity"),
                        repository("https://gitlab.example"),
                    ],
                },
                "gitops": {"repoUrl": REPO},
            },
            {
                "argocd.imageUpdaterWriteBack": f"got 'git', and {REPO} has a credential of "
                "kind 'workloadIdentity' in argocd.repositories; allowed: one of kind 'password' or 'githubApp'"
            },
        ),
        (
            {"argocd": {"highAvailability": True}, "systemPool": {"minCount": 1, "maxCount": 2}},
            {"argocd.highAvailability": "got true with systemPool.maxCount 2; its Redis quorum needs three nodes"},
        ),
        (
            {"tags": {"extra": {f"tag{number}": "x" for number in range(12)}}},
            {"tags.extra": "got 12 tags; allowed: 11, as a DNS zone takes 15 and 4 are ours; or dns.mode: existing"},
        ),
        (
            {"tags": {"extra": {"fine": "x", "9 lives": "x"}}},
            {
                "tags.extra.9 lives": "got '9 lives'; allowed: ASCII letters, digits, - _ and dots, first a letter, as "
                "the DNS zone has it too; or dns.mode: existing"
            },
        ),
        (
            {"azure": {"tenantId": SUBSCRIPTION}},
            {
                "azure.tenantId": f"got '{SUBSCRIPTION}', which is subscriptionId too; "
                "allowed: the tenant's: az account show --query tenantId"
            },
        ),
        (
            {"cluster": {"adminGroupObjectIds": [OTHER_ID, SUBSCRIPTION, TENANT]}},
            {
                f"cluster.adminGroupObjectIds[{index}]": f"got '{given}', which is azure.{name}; {OWN}"
                for index, given, name in ((1, SUBSCRIPTION, "subscriptionId"), (2, TENANT, "tenantId"))
            },
        ),
        (
            {"keyVault": {"writerGroupObjectIds": [OTHER_ID, SUBSCRIPTION, TENANT]}},
            {
                f"keyVault.writerGroupObjectIds[{index}]": f"got '{given}', which is azure.{name}; {OWN}"
                for index, given, name in ((1, SUBSCRIPTION, "subscriptionId"), (2, TENANT, "tenantId"))
            },
        ),
        (
            sign_in(applicationClientId=TENANT, adminGroups=[OTHER_ID, SUBSCRIPTION], readonlyGroups=[TENANT]),
            {
                "argocd.signIn.applicationClientId": f"got '{TENANT}', which is azure.tenantId; {OWN}",
                "argocd.signIn.adminGroups[1]": f"got '{SUBSCRIPTION}', which is azure.subscriptionId; {OWN}",
                "argocd.signIn.readonlyGroups[0]": f"got '{TENANT}', which is applicationClientId; "
                "allowed: a group's id",
            },
        ),
        (
            production(cluster={"apiServer": {"exposure": "openToTheWorld", "authorizedIpRanges": []}}),
            {
                "cluster.apiServer.exposure": "got 'openToTheWorld'; "
                "allowed in production: private, vnetIntegrated, authorizedRanges"
            },
        ),
        (
            production(cluster={"localAccounts": True}),
            {"cluster.localAccounts": "got true; allowed in production: false"},
        ),
        (
            production(cluster={"tier": "Free"}),
            {"cluster.tier": "got 'Free'; allowed in production: Standard, Premium"},
        ),
        (
            production(systemPool={"minCount": 2}),
            {"systemPool.minCount": "got 2; allowed in production: 3 or more"},
        ),
        (
            production(keyVault={"purgeProtection": False}),
            {"keyVault.purgeProtection": "got false; allowed in production: true"},
        ),
        (
            production(cluster={"zones": ["2"]}),
            {"cluster.zones": "got 2; allowed in production: two zones or more"},
        ),
        (
            production(cluster={"zones": []}),
            {"cluster.zones": "got none; allowed in production: two zones or more"},
        ),
        (
            production(argocd={"adminEnabled": True, "defaultRole": "role:admin"}),
            {
                "argocd.adminEnabled": "got true; allowed in production: false, with argocd.signIn instead",
                "argocd.defaultRole": "got 'role:admin'; allowed in production: '', role:readonly",
            },
        ),
        (
            production(cluster={"maintenance": {"nodeOs": None}}),
            {"cluster.maintenance.nodeOs": "got none; production needs a window"},
        ),
        (
            production(cluster={"maintenance": {"cluster": None}}),
            {"cluster.maintenance.cluster": "got none; production needs a window"},
        ),
    ],
)
def test_what_is_past_the_lines_is_told_by_its_path_with_its_remedy(changes: Stack, expected: dict[str, str]) -> None:
    assert told(changes) == expected


WHY = "which is every pool at its most, with surge, in two generations"


def room(*, pools: list[Stack], system: Stack | None = None, **network: Any) -> dict[str, str]:
    given = {"minCount": 1, "maxCount": 2, "maxSurge": "1", **(system or {})}
    return told({"network": {"vnetCidr": "10.20.0.0/16", **network}, "systemPool": given, "nodePools": pools})


@pytest.mark.parametrize(
    ("changes", "nodes"),
    [
        ({"maxCount": 4, "maxSurge": "1"}, 5),
        ({"maxCount": 4, "maxSurge": "3"}, 7),
        ({"maxCount": 4, "maxSurge": "25%"}, 5),
        ({"maxCount": 4, "maxSurge": "26%"}, 6),
        ({"maxCount": 10, "maxSurge": "33%"}, 14),
        ({"maxCount": 4, "maxSurge": "100%"}, 8),
        ({"maxCount": 4, "minCount": 0, "spot": True}, 4),
    ],
)
def test_a_pools_surge_is_counted_up_and_a_spot_pool_has_none(changes: Stack, nodes: int) -> None:
    """A subnet of 27 has room for 11 nodes twice, 3 of which are the system pool's."""
    found = room(pools=[pool(**changes)], nodeSubnetCidr="10.20.0.0/28")
    wanted = 2 * (nodes + 3)
    assert found == {
        "network.nodeSubnetCidr": f"got '10.20.0.0/28', room for 11 addresses; allowed: room for {wanted}, {WHY}"
    }


def test_a_node_subnet_has_room_for_two_generations_and_azures_five() -> None:
    # 27: 32 - 5 = 27 addresses, so 13 nodes in each generation
    assert room(pools=[steady(10)], nodeSubnetCidr="10.20.0.0/27") == {}
    assert list(room(pools=[steady(11)], nodeSubnetCidr="10.20.0.0/27")) == ["network.nodeSubnetCidr"]


def test_where_pods_take_addresses_of_the_node_subnet_they_are_counted_too() -> None:
    network = {"dataPlane": "azure", "podAddressing": "nodeSubnet", "nodeSubnetCidr": "10.20.0.0/24"}
    # 3 nodes and 30 pods on each, twice: 186 of 251
    assert room(pools=[], system={"maxPods": 30}, **network) == {}
    assert room(pools=[], system={"maxPods": 40}, **network) == {}
    assert room(pools=[], system={"maxPods": 41}, **network) == {
        "network.nodeSubnetCidr": f"got '10.20.0.0/24', room for 251 addresses; allowed: room for 252, {WHY}"
    }


def test_a_pod_subnet_has_room_for_every_pod_in_two_generations() -> None:
    network = {"podAddressing": "podSubnet", "podSubnetCidr": "10.20.64.0/24"}
    assert room(pools=[], system={"maxPods": 41}, **network) == {}
    assert room(pools=[], system={"maxPods": 42}, **network) == {
        "network.podSubnetCidr": f"got '10.20.64.0/24', room for 251 pods; allowed: room for 252, {WHY}"
    }


def test_an_overlay_has_a_slice_for_every_node_of_one_generation() -> None:
    network: Stack = {"podCidr": "10.244.0.0/21"}
    assert room(pools=[steady(5)], **network) == {}
    assert room(pools=[steady(6)], **network) == {
        "network.podCidr": "got '10.244.0.0/21', room for 8 nodes of a /24 each; "
        "allowed: room for 9, which is every pool at its most, with surge"
    }


LOCAL: Stack = {
    "environment": "local",
    "target": "local",
    "dns": {"zone": "local.example.com"},
    "certificates": {"issuer": "self-signed"},
    "argocd": {"adminEnabled": True},
    "gitops": {"repoUrl": "https://github.com/example/repo.git"},
}


def told_locally(changes: Stack) -> dict[str, str]:
    try:
        parse(merge(LOCAL, changes))
    except SettingsError as refused:
        problems = refused.problems
        return {format_path(found.path).removeprefix("aks-bootstrap:"): found.message for found in problems}
    return {}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        (
            {"argocd": {"adminEnabled": True, "signIn": {"applicationClientId": OTHER_ID}}},
            {"argocd.signIn": "has no meaning with target 'local'; allowed: adminEnabled: true"},
        ),
        (
            {
                "argocd": {
                    "repositories": [
                        repository("https://a.example"),
                        repository(AZURE_REPOS, "workloadIdentity"),
                    ]
                }
            },
            {
                "argocd.repositories[1].kind": "got 'workloadIdentity' with target 'local'; "
                "allowed: password, sshKey, githubApp"
            },
        ),
        (
            {"dns": {"mode": "create", "records": ["*"], "ttlSeconds": 300}},
            {
                f"dns.{key}": "has no meaning with target 'local'; allowed: leave it out"
                for key in ("mode", "records", "ttlSeconds")
            },
        ),
        (
            {"dns": {"mode": "existing", "resourceGroup": "rg"}},
            {
                f"dns.{key}": "has no meaning with target 'local'; allowed: leave it out"
                for key in ("mode", "resourceGroup")
            },
        ),
        ({"argocd": {"host": "cd.local.example.com"}}, {}),
        (
            {"production": True},
            {"production": "got true with target 'local'; allowed: false, as it protects what is built in Azure"},
        ),
    ],
)
def test_what_only_azure_has_is_refused_on_a_local_cluster(changes: Stack, expected: dict[str, str]) -> None:
    assert told_locally(changes) == expected


def test_production_turns_on_what_its_table_says_and_the_stack_file_wins() -> None:
    """The table is the product: a change of it is a change of every production, made on purpose."""
    plain, production_ = parse(valid()), parse({**valid(), "production": True})
    assert (plain.ingress.replicas, production_.ingress.replicas) == (1, 3)
    assert production_.certificates.issuer.value == "letsencrypt"
    assert PRODUCTION_DEFAULTS == {
        "cluster": {
            "tier": "Standard",
            "zones": ["1", "2", "3"],
            "nodeSsh": False,
            "nodeResourceGroupReadOnly": True,
            "maintenance": {
                "cluster": {"day": "Sunday", "startTime": "02:00", "durationHours": 6},
                "nodeOs": {"day": "Saturday", "startTime": "02:00", "durationHours": 6},
            },
        },
        "systemPool": {"vmSize": "Standard_D4ds_v5", "minCount": 3, "maxCount": 6},
        "keyVault": {"softDeleteRetentionDays": 90, "firewall": True},
        "registry": {"mode": "create", "sku": "Premium"},
        "observability": {
            "containerInsights": True,
            "managedPrometheus": True,
            "defender": True,
            "azurePolicy": True,
            "diagnostics": True,
            "retentionDays": 90,
        },
        "certificates": {"issuer": "letsencrypt"},
        "ingress": {"replicas": 3},
        "argocd": {"highAvailability": True},
    }
    assert parse({**valid(), "production": True, "ingress": {"replicas": 5}}).ingress.replicas == 5


@pytest.mark.parametrize("name", ["service", "Service", "k8s-azure-service", "kubernetes-cluster-name"])
def test_tags_of_kubernetes_own_are_refused(name: str) -> None:
    [message] = told({"tags": {"extra": {name: "x"}}}).values()
    assert "cloud-provider-azure" in message


def test_a_placeholder_of_a_range_may_be_looked_at_and_not_deployed() -> None:
    stack = {
        "cluster": {
            "apiServer": {"exposure": "authorizedRanges", "authorizedIpRanges": ["198.51.100.0/24", "20.1.2.0/24"]}
        },
        "keyVault": {"allowedIpRanges": ["203.0.113.32/28"]},
    }
    assert told(stack) == {}
    assert told(stack, deployed=True).keys() >= {
        "cluster.apiServer.authorizedIpRanges[0]",
        "keyVault.allowedIpRanges[0]",
    }
    assert "cluster.apiServer.authorizedIpRanges[1]" not in told(stack, deployed=True)
