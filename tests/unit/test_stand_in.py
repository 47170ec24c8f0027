"""The stand-in behaves as Azure does, in every case that a program can trip over."""

import asyncio

import pytest
from pulumi.runtime.proto import provider_pb2, status_pb2

from components.azure.roles import Role
from rehearsal.azure import responses, sdk_inputs
from rehearsal.azure.cloud import Behaviour, Cloud, ControlPlaneAddress, Fault
from rehearsal.azure.plugin import VERSION, Servicer
from rehearsal.azure.provider import StandIn
from rehearsal.azure.refusals import AzureError
from rehearsal.azure.resource_manager import ResourceManager

GROUP = "/subscriptions/s/resourceGroups/rg"
VAULT = f"{GROUP}/providers/Microsoft.KeyVault/vaults/kv"
CLUSTER = f"{GROUP}/providers/Microsoft.ContainerService/managedClusters/aks"
INPUTS = {
    "location": "swedencentral",
    "dnsPrefix": "aks",
    "kubernetesVersion": "1.35",
    "identity": {"type": "UserAssigned"},
    "oidcIssuerProfile": {"enabled": True},
    "agentPoolProfiles": [{"name": "system", "orchestratorVersion": "1.35", "count": 1}],
}


@pytest.fixture
def cloud(tmp_path):
    plane = ControlPlaneAddress(name="one", server="https://127.0.0.1:1", certificate_authority="Y2E=")
    cloud = Cloud.create(tmp_path / "cloud.json", control_planes=(plane,))
    cloud.put(GROUP, "resources:ResourceGroup", {}, 0)
    return cloud


class AbortedContext:
    """What gRPC hands a servicer, as far as an error needs it."""

    class AbortedError(Exception):
        """Raised in place of the exception by which gRPC leaves the servicer."""

    metadata: tuple[tuple[str, bytes], ...] = ()

    def set_trailing_metadata(self, metadata):
        self.metadata = metadata

    async def abort(self, code, details):
        raise self.AbortedError(details)


def configured(cloud):
    """Return the plugin's server, with the subscription that the paths above are of."""
    servicer = Servicer([], VERSION, StandIn(cloud), engine_address="")
    request = provider_pb2.ConfigureRequest()
    request.args.update({"subscriptionId": "s"})
    asyncio.run(servicer.Configure(request, None))
    return servicer


def refused(code):
    return pytest.raises(AzureError, match=f'Code="{code}"')


def test_what_exists_is_not_created_again_whatever_the_case_of_its_id(cloud):
    """Azure would update it: azure-native asks first."""
    servicer = configured(cloud)
    urn = "urn:pulumi:dev::p::azure-native:resources:ResourceGroup::group"
    request = provider_pb2.CreateRequest(urn=urn)
    request.properties.update({"resourceGroupName": "RG"})
    context = AbortedContext()
    with pytest.raises(AbortedContext.AbortedError, match="cannot create already existing resource"):
        asyncio.run(servicer.Create(request, context))
    assert len(cloud.resources()) == 1


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
    def principal_id(letter):
        return f"{letter * 8}-0000-0000-0000-000000000000"

    def assign(name, principal="a", kind="ServicePrincipal"):
        inputs = {
            "principalId": principal_id(principal),
            "roleDefinitionId": "r",
            "scope": GROUP,
            "roleAssignmentName": name,
            "principalType": kind,
        }
        cloud.put(
            f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/{name}",
            "authorization:RoleAssignment",
            inputs,
            0,
        )

    assign("a")
    with refused("RoleAssignmentExists"):
        assign("b")
    with refused("RoleAssignmentUpdateNotPermitted"):
        assign("a", principal="b")
    assign("c", principal="c", kind="Group")
    with refused("PrincipalNotFound"):
        assign("d", principal="d", kind=None)
    with refused("InvalidPrincipalId"):
        assign("e", principal="nobody")


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


def test_an_object_of_one_of_several_kinds_is_held_to_its_own():
    backup = {"name": "b", "objectType": "AzureBackupRule", "trigger": {"objectType": "x"}, "dataStore": {}}
    kept = {"name": "k", "objectType": "AzureRetentionRule", "isDefault": True, "lifecycles": []}

    def invalid(*rules):
        properties = {"objectType": "BackupPolicy", "datasourceTypes": [], "policyRules": list(rules)}
        return sdk_inputs.invalid_inputs("azure-native:dataprotection:BackupPolicy", {"properties": properties})

    assert invalid(backup, kept) == invalid(kept, backup) == []
    (found,) = invalid(backup, {**kept, "lifeCycle": 1})
    assert found.path == "properties.policyRules[1].lifeCycle" and "AzureRetentionRule" in found.reason


def test_a_type_that_the_sdk_lacks_is_told():
    with pytest.raises(LookupError, match="no type azure-native:containerservice:Cluster"):
        sdk_inputs.inputs_of("azure-native:containerservice:Cluster")


class Clock:
    """The cloud's time, which stands still until it is moved."""

    seconds = 1_000_000.0

    def __call__(self):
        return self.seconds


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def azure(tmp_path, clock):
    """Azure Resource Manager over an empty group; nothing is ready before the clock is moved."""
    plane = ControlPlaneAddress(name="one", server="https://127.0.0.1:1", certificate_authority="Y2E=")
    cloud = Cloud.create(tmp_path / "arm.json", control_planes=(plane,), clock=clock)
    azure = ResourceManager(cloud, "s")
    assert azure.request("PUT", GROUP, {"location": "swedencentral"}).status == 201
    clock.seconds += 60
    return azure


NETWORK = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/vnet"
ADDRESS = f"{GROUP}/providers/Microsoft.Network/publicIPAddresses/ip"
GATEWAY = f"{GROUP}/providers/Microsoft.Network/natGateways/nat"
IDENTITY = f"{GROUP}/providers/Microsoft.ManagedIdentity/userAssignedIdentities/aks"


def put(azure, path, **properties):
    return azure.request("PUT", path, {"location": "swedencentral", "properties": properties})


def test_an_answer_has_the_form_of_azures_own(azure, clock):
    made = put(azure, NETWORK, addressSpace={"addressPrefixes": ["10.0.0.0/16"]})
    assert (made.status, made.body["name"], made.body["type"]) == (201, "vnet", "Microsoft.Network/virtualNetworks")
    assert made.body["properties"]["provisioningState"] == "Updating"
    clock.seconds += 60
    found = azure.request("GET", NETWORK)
    assert (found.status, found.body["properties"]["provisioningState"]) == (200, "Succeeded")
    assert found.body["properties"]["addressSpace"] == {"addressPrefixes": ["10.0.0.0/16"]}
    assert put(azure, NETWORK, addressSpace={"addressPrefixes": ["10.0.0.0/16"]}).status == 200


def test_a_network_takes_one_operation_at_a_time(azure, clock):
    put(azure, NETWORK)
    assert put(azure, f"{NETWORK}/subnets/a").error == "AnotherOperationInProgress"
    clock.seconds += 60
    assert put(azure, f"{NETWORK}/subnets/a").status == 201
    refusal = put(azure, f"{NETWORK}/subnets/b")
    assert (refusal.status, refusal.error) == (409, "AnotherOperationInProgress")
    clock.seconds += 60
    assert put(azure, f"{NETWORK}/subnets/b").status == 201


def test_a_private_endpoint_holds_its_subnet(azure, clock):
    put(azure, NETWORK)
    clock.seconds += 60
    put(azure, f"{NETWORK}/subnets/endpoints", addressPrefix="10.0.0.0/28")
    clock.seconds += 60
    endpoint = f"{GROUP}/providers/Microsoft.Network/privateEndpoints/pe"
    put(azure, endpoint, subnet={"id": f"{NETWORK}/subnets/endpoints"})
    assert azure.request("DELETE", f"{NETWORK}/subnets/endpoints").error == "InUseSubnetCannotBeDeleted"
    assert azure.request("DELETE", endpoint).status < 300
    clock.seconds += 600
    assert azure.request("DELETE", f"{NETWORK}/subnets/endpoints").status < 300


def test_what_another_resource_holds_is_not_deleted(azure, clock):
    put(azure, ADDRESS, publicIPAllocationMethod="Static")
    refusal = put(azure, GATEWAY, publicIpAddresses=[{"id": ADDRESS}])
    assert (refusal.status, refusal.error) == (429, "RetryableError"), "the address is not ready"
    clock.seconds += 60
    assert put(azure, GATEWAY, publicIpAddresses=[{"id": ADDRESS}]).status == 201
    assert azure.request("GET", ADDRESS).body["properties"]["natGateway"] == {"id": GATEWAY}
    assert azure.request("DELETE", ADDRESS).error == "PublicIPAddressCannotBeDeleted"
    put(azure, NETWORK)
    clock.seconds += 60
    put(azure, f"{NETWORK}/subnets/a", natGateway={"id": GATEWAY})
    clock.seconds += 60
    assert azure.request("DELETE", GATEWAY).error == "CannotDeleteNatGatewayAssociatedToSubnet"
    put(azure, CLUSTER, dnsPrefix="aks", agentPoolProfiles=[{"name": "a", "vnetSubnetID": f"{NETWORK}/subnets/a"}])
    for path in (f"{NETWORK}/subnets/a", NETWORK):
        refusal = azure.request("DELETE", path)
        assert (refusal.status, refusal.error) == (400, "InUseSubnetCannotBeDeleted")
    for path in (CLUSTER, f"{NETWORK}/subnets/a", GATEWAY, ADDRESS, NETWORK):
        assert azure.request("DELETE", path).status == 202


def test_a_group_that_is_being_deleted_takes_nothing_and_is_there_until_it_is_gone(azure, clock):
    put(azure, ADDRESS, publicIPAllocationMethod="Static")
    assert azure.request("DELETE", GROUP).status == 202
    assert azure.request("GET", GROUP).body["properties"]["provisioningState"] == "Deleting"
    assert azure.request("GET", ADDRESS).error == "ResourceNotFound"
    assert put(azure, ADDRESS).error == "ResourceGroupBeingDeleted"
    clock.seconds += 60
    assert azure.request("GET", GROUP).error == "ResourceGroupNotFound"
    assert azure.request("GET", ADDRESS).error == "ResourceGroupNotFound"


def test_a_cluster_that_may_not_join_its_subnet_is_accepted_and_fails(azure, clock):
    put(azure, IDENTITY)
    put(azure, NETWORK)
    clock.seconds += 60
    put(azure, f"{NETWORK}/subnets/a")
    clock.seconds += 60
    body = {
        "location": "swedencentral",
        "identity": {"type": "UserAssigned", "userAssignedIdentities": {IDENTITY: {}}},
        "properties": {
            "dnsPrefix": "aks",
            "agentPoolProfiles": [{"name": "a", "vnetSubnetID": f"{NETWORK}/subnets/a"}],
        },
    }
    assert azure.request("PUT", CLUSTER, body).status == 201
    clock.seconds += 3600
    assert azure.request("GET", CLUSTER).body["properties"]["provisioningState"] == "Failed"
    assignment = f"{NETWORK}/providers/Microsoft.Authorization/roleAssignments/join"
    principal = azure.request("GET", IDENTITY).body["properties"]["principalId"]
    role = f"/subscriptions/s/providers/Microsoft.Authorization/roleDefinitions/{Role.NETWORK_CONTRIBUTOR}"
    put(azure, assignment, principalId=principal, roleDefinitionId=role, principalType="ServicePrincipal")
    clock.seconds += 60
    assert azure.request("PUT", CLUSTER, body).status == 200, "the next update repairs it"
    clock.seconds += 3600
    assert azure.request("GET", CLUSTER).body["properties"]["provisioningState"] == "Succeeded"


def test_pools_wait_for_each_other_and_for_the_cluster(azure, clock):
    put(azure, CLUSTER, dnsPrefix="aks", agentPoolProfiles=[])
    refusal = put(azure, f"{CLUSTER}/agentPools/a")
    assert (refusal.status, refusal.error) == (409, "OperationNotAllowed")
    clock.seconds += 3600
    assert put(azure, f"{CLUSTER}/agentPools/a").status == 201
    assert put(azure, f"{CLUSTER}/agentPools/b").error == "OperationNotAllowed"
    assert azure.request("PUT", CLUSTER, azure.request("GET", CLUSTER).body).error == "OperationNotAllowed"
    clock.seconds += 3600
    assert put(azure, f"{CLUSTER}/agentPools/b").status == 201


def test_an_identity_is_found_after_a_while_by_who_does_not_say_what_it_is(azure, clock):
    put(azure, IDENTITY)
    principal = azure.request("GET", IDENTITY).body["properties"]["principalId"]
    path = f"{GROUP}/providers/Microsoft.Authorization/roleAssignments/a"
    assert put(azure, path, principalId=principal, roleDefinitionId="r").error == "PrincipalNotFound"
    clock.seconds += 120
    assert put(azure, path, principalId=principal, roleDefinitionId="r").status == 201


def test_what_was_accepted_and_failed_is_handed_to_the_engine_with_its_state(cloud):
    """The engine keeps it then, and updates it in the next run."""
    cloud.behave(Behaviour(faults=(Fault(type="keyvault:Vault", code="Throttled", accepted=True),)))
    servicer = configured(cloud)
    urn = "urn:pulumi:dev::p::azure-native:keyvault:Vault::vault"
    request = provider_pb2.CreateRequest(urn=urn)
    request.properties.update({"resourceGroupName": "rg", "vaultName": "kv", "properties": {}})
    context = AbortedContext()
    with pytest.raises(AbortedContext.AbortedError, match=r"Status=200 Code=.Throttled."):
        asyncio.run(servicer.Create(request, context))
    [(key, value)] = context.metadata
    status = status_pb2.Status.FromString(value)
    failed = provider_pb2.ErrorResourceInitFailed()
    assert key == "grpc-status-details-bin" and status.details[0].Unpack(failed)
    assert failed.id == VAULT and failed.inputs["vaultName"] == "kv"
    assert failed.properties["properties"]["provisioningState"] == "Failed"
