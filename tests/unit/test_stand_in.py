"""The stand-in behaves as Azure does, in every case that a program can trip over."""

import asyncio

import pytest
from pulumi.runtime.proto import provider_pb2

from rehearsal.azure import responses, sdk_inputs
from rehearsal.azure.cloud import AzureError, Behaviour, Cloud, ControlPlaneAddress, Fault
from rehearsal.azure.plugin import VERSION, Servicer
from rehearsal.azure.provider import StandIn

GROUP = "/subscriptions/s/resourceGroups/rg"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks"
INPUTS = {
    "location": "swedencentral",
    "dnsPrefix": "aks",
    "kubernetesVersion": "1.35",
    "identity": {"type": "UserAssigned"},
    "agentPoolProfiles": [{"name": "system", "orchestratorVersion": "1.35", "count": 1}],
}


@pytest.fixture
def cloud(tmp_path):
    plane = ControlPlaneAddress(name="one", server="https://127.0.0.1:1", certificate_authority="Y2E=")
    cloud = Cloud.create(tmp_path / "cloud.json", control_planes=(plane,))
    cloud.put(GROUP, "resources:ResourceGroup", {}, 0)
    return cloud


def refused(code):
    return pytest.raises(AzureError, match=f'Code="{code}"')


def test_what_exists_is_not_created_again_whatever_the_case_of_its_id(cloud):
    with refused("AlreadyExists"):
        cloud.put(GROUP.upper(), "resources:ResourceGroup", {}, 0)


def test_what_is_gone_is_read_as_no_resource_at_all(cloud):
    servicer = Servicer([], VERSION, StandIn(cloud), engine_address="")
    urn = "urn:pulumi:dev::p::azure-native:keyvault:Vault::vault"
    answer = asyncio.run(servicer.Read(provider_pb2.ReadRequest(urn=urn, id=VAULT), None))
    assert answer.id == "" and not answer.HasField("properties"), "the engine takes an empty object for a resource"


def test_nothing_is_created_in_a_group_or_below_a_parent_that_is_not_there(cloud):
    with refused("ResourceGroupNotFound"):
        cloud.put("/subscriptions/s/resourceGroups/no/providers/X.Y/z/a", "network:NatGateway", {}, 0)
    with refused("ParentResourceNotFound"):
        cloud.put(f"{CLUSTER}/agentPools/apps", "containerservice:AgentPool", {}, 0)


def test_a_deleted_vault_keeps_its_name_until_it_is_recovered(cloud):
    cloud.put(VAULT, "keyvault:Vault", {"properties": {}}, 0)
    cloud.delete(VAULT)
    with refused("ConflictError"):
        cloud.put(VAULT, "keyvault:Vault", {"properties": {}}, 0)
    cloud.put(VAULT, "keyvault:Vault", {"properties": {"createMode": "recover"}}, 0)


def test_a_lock_stops_the_deletion_of_what_it_is_on_and_of_what_is_below(cloud):
    cloud.put(VAULT, "keyvault:Vault", {"properties": {}}, 0)
    lock = f"{VAULT}/providers/Microsoft.Authorization/locks/l"
    cloud.put(lock, "authorization:ManagementLockByScope", {"scope": VAULT}, 0)
    with refused("ScopeLocked"):
        cloud.delete(GROUP)
    cloud.delete(lock)
    cloud.delete(GROUP)
    assert cloud.resources() == []


def test_two_assignments_never_share_a_name_or_a_meaning(cloud):
    def assign(name, principal="p", kind="ServicePrincipal"):
        inputs = {
            "principalId": principal,
            "roleDefinitionId": "r",
            "scope": GROUP,
            "roleAssignmentName": name,
            "principalType": kind,
        }
        cloud.put(
            f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{name}{principal}",
            "authorization:RoleAssignment",
            inputs,
            0,
        )

    assign("a")
    with refused("RoleAssignmentExists"):
        assign("b")
    with refused("RoleAssignmentUpdateNotPermitted"):
        assign("a", principal="q")
    assign("c", principal="g", kind="Group")
    with refused("PrincipalNotFound"):
        assign("d", principal="r", kind=None)


def test_a_fault_is_due_at_its_call_and_for_its_times(cloud):
    cloud.behave(Behaviour(faults=(Fault(type="keyvault:Vault", call=2, times=2, code="Busy", status=503),)))
    cloud.count("keyvault:Vault", "create")
    for _ in range(2):
        with refused("Busy"):
            cloud.count("keyvault:Vault", "create")
    cloud.count("keyvault:Vault", "create")


def test_a_cluster_takes_a_control_plane_and_there_is_not_another(cloud):
    cloud.put(CLUSTER, "containerservice:ManagedCluster", INPUTS, 0)
    with refused("QuotaExceeded"):
        cloud.put(f"{CLUSTER}2", "containerservice:ManagedCluster", INPUTS, 0)


def test_a_cluster_lists_every_pool_and_what_moved(cloud):
    cluster = cloud.put(CLUSTER, "containerservice:ManagedCluster", INPUTS, 0)
    cloud.put(
        f"{CLUSTER}/agentPools/apps", "containerservice:AgentPool", {"count": 1, "orchestratorVersion": "1.35"}, 0
    )
    cloud.drift(f"{CLUSTER}/agentPools/apps", "count", 4)
    pools = responses.outputs(cloud, cluster, "s")["agentPoolProfiles"]
    assert [(pool["name"], pool["count"]) for pool in pools] == [("system", 1), ("apps", 4)]
    assert pools[0]["currentOrchestratorVersion"] == "1.35.4"


def test_a_cluster_made_again_under_its_name_has_another_uid(cloud):
    cloud.put(CLUSTER, "containerservice:ManagedCluster", INPUTS, 0)
    before = responses.outputs(cloud, cloud.get(CLUSTER), "s")
    cloud.recreate(CLUSTER)
    after = responses.outputs(cloud, cloud.get(CLUSTER), "s")
    assert before["resourceUID"] != after["resourceUID"]
    assert before["oidcIssuerProfile"] != after["oidcIssuerProfile"]


@pytest.mark.parametrize(
    ("inputs", "path", "words"),
    [
        ({"sku": {"tier": "Gold"}}, "sku.tier", "Free"),
        ({"skuu": {}}, "skuu", "no such property"),
        ({"agentPoolProfiles": [{"name": "a", "osSku": "x"}]}, "agentPoolProfiles[0].osSku", "no such property"),
        ({"agentPoolProfiles": {"name": "a"}}, "agentPoolProfiles", "a list"),
        ({"disableLocalAccounts": "yes"}, "disableLocalAccounts", "bool"),
    ],
)
def test_a_typo_is_refused_by_the_sdks_own_types(inputs, path, words):
    (found,) = sdk_inputs.invalid_inputs("azure-native:containerservice:ManagedCluster", inputs)
    assert found.path == path and words in found.reason


def test_what_is_not_known_yet_is_not_judged():
    assert sdk_inputs.invalid_inputs("azure-native:containerservice:ManagedCluster", {"sku": "?"}, unknown="?") == []


def test_a_type_that_the_sdk_lacks_is_told():
    with pytest.raises(LookupError, match="no type azure-native:containerservice:Cluster"):
        sdk_inputs.inputs_of("azure-native:containerservice:Cluster")
