"""What Azure gets: relations and values, row by row of what each environment is."""

import inspect
import json
import shlex
from types import SimpleNamespace
from typing import Any

import pytest
from pulumi_azure_native import keyvault

from components.azure.alerts import WATCHED
from components.azure.resource_types import resource_type
from components.azure.system_pool import os_sku
from tests.component.conftest import ALERTING, PRIVATE

AKS = "aks-g1-5874"
"""The cluster of prod, named after its generation and what cannot be changed in it."""
POOL = {"name": "apps", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 3}
RANGES = ["198.51.100.0/24"]
SYSTEM_TAINT = "CriticalAddonsOnly=true:NoSchedule"
REGISTRY_ID = (
    "/subscriptions/5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51/resourceGroups/rg-images"
    "/providers/Microsoft.ContainerRegistry/registries/CorpImages"
)


@pytest.mark.parametrize(
    ("stack", "changes"),
    [("dev", {}), ("prod", {}), ("prod", {**ALERTING, **PRIVATE, "keyVault": {"allowedIpRanges": []}})],
)
def test_everything_that_takes_tags_has_them(program, stack, changes):
    p = program(stack, **changes)
    untagged = {
        "authorization:RoleAssignment",
        "authorization:RoleDefinition",
        "authorization:ManagementLockByScope",
        "network:Subnet",
        "network:PrivateDnsZoneGroup",
        "dns:RecordSet",
        "managedidentity:FederatedIdentityCredential",
        "containerservice:MaintenanceConfiguration",
        "resources:Deployment",
        "monitor:DataCollectionRuleAssociation",
        "monitor:DiagnosticSetting",
    }
    for resource in p.custom:
        if resource.type.startswith("azure-native:") and resource.type.removeprefix("azure-native:") not in untagged:
            tags = resource.inputs["tags"]
            assert tags["environment"] == stack
            assert tags["managed-by"] == "aks-bootstrap"
            assert tags["owner"] and tags["cost-centre"]


@pytest.mark.parametrize(
    ("assignment", "role", "scope"),
    [
        ("external-secrets-key-vault-secrets-user-vault", "4633458b-17de-408a-b874-0445c86b69e6", "<vault.id>"),
        (
            "certificate-keeper-key-vault-secrets-officer-certificate",
            "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
            "<vault.id>/secrets/tls-default-letsencrypt",
        ),
        ("kubelet-acr-pull-registry", "7f951dda-4ed3-4680-a7ca-43fe172d538d", "<registry.id>"),
        ("control-plane-managed-identity-operator-kubelet", "f1a07417-d97a-45cb-824c-7a7467783830", "<kubelet.id>"),
        (
            "control-plane-network-contributor-nodes-swedencentral",
            "4d97b98b-1d4f-4787-a291-c67834d212e7",
            "<nodes-swedencentral.id>",
        ),
        (
            "control-plane-network-contributor-ingress-swedencentral",
            "4d97b98b-1d4f-4787-a291-c67834d212e7",
            "<ingress-swedencentral.id>",
        ),
    ],
)
def test_each_role_has_the_narrowest_scope(prod, assignment, role, scope):
    inputs = prod.one("authorization:RoleAssignment", assignment).inputs
    assert inputs["roleDefinitionId"].endswith(f"/roleDefinitions/{role}")
    assert inputs["scope"] == scope
    assert inputs["principalType"] == "ServicePrincipal", "a fresh principal is refused without it"


def test_there_is_no_other_role(prod):
    identities = [r for r in prod.several("authorization:RoleAssignment") if "vault-writer" not in r.name]
    assert len(identities) == 7


WRITERS = ["9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12", "0d3f7c1a-5b2e-4f6d-9a8c-1e2d3c4b5a69"]


def test_the_groups_that_write_secrets_are_officers_of_the_vault_and_of_nothing_else(program):
    """Key Vault Secrets Officer. https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/security."""
    p = program("prod", keyVault={"writerGroupObjectIds": WRITERS})
    for group in WRITERS:
        given = p.one("authorization:RoleAssignment", f"vault-writer-{group}")
        assert given.inputs["roleDefinitionId"].endswith("/b86a8fe4-44ce-4948-aee5-eccb2c155cd7")
        assert (given.inputs["scope"], given.inputs["principalId"]) == ("<vault.id>", group)
        assert given.inputs["principalType"] == "Group"
        assert given.protect, "the vault's lock would keep it too"
    names = {r.inputs["roleAssignmentName"] for r in p.several("authorization:RoleAssignment")}
    assert len(names) == len(p.several("authorization:RoleAssignment"))


def test_a_group_keeps_its_role_whatever_others_there_are_and_in_which_order(program):
    def roles(*groups):
        p = program("dev", keyVault={"writerGroupObjectIds": list(groups)})
        found = [r for r in p.several("authorization:RoleAssignment") if r.name.startswith("vault-writer")]
        return {r.name: r.inputs["roleAssignmentName"] for r in found}

    both = roles(*WRITERS)
    assert both == roles(*WRITERS[::-1]) == {**roles(WRITERS[0]), **roles(WRITERS[1])}
    assert roles() == {}


@pytest.mark.parametrize(
    "cluster",
    [
        {"apiServer": {"exposure": "private", "authorizedIpRanges": []}},
        {"nodeAutoProvisioning": True},
    ],
)
def test_the_whole_network_is_the_scope_only_where_aks_asks_for_it(program, cluster):
    p = program("dev", cluster=cluster, systemPool={"minCount": 2, "maxCount": 2}, nodePools=[])
    scopes = {r.inputs["scope"] for r in p.several("RoleAssignment") if r.name.startswith("control-plane")}
    assert scopes == {"<vnet-swedencentral.id>", "<ingress-swedencentral.id>", "<kubelet.id>"}


def test_role_assignments_of_two_environments_never_share_a_name(dev, prod):
    """Their names are unique in a tenant."""
    names = [{r.inputs["roleAssignmentName"] for r in p.several("RoleAssignment")} for p in (dev, prod)]
    assert names[0] & names[1] == set()


def test_the_group_of_ingress_addresses_holds_nothing_else(prod):
    group = "rg-platform-prod-swedencentral-ingress"
    there = {
        r.name for r in prod.custom if r.inputs.get("resourceGroupName") == group and "ResourceGroup" not in r.type
    }
    assert there == {"ingress-prefix-swedencentral", "ingress-0-swedencentral", "ingress-1-swedencentral"}


def test_role_assignments_are_named_the_same_on_every_run(program):
    first = program("prod").several("authorization:RoleAssignment")
    second = program("prod", cluster={"generation": 2}).several("authorization:RoleAssignment")
    names = [r.inputs["roleAssignmentName"] for r in first]
    assert names == [r.inputs["roleAssignmentName"] for r in second]
    assert len(set(names)) == len(names)


def test_the_cluster_lists_one_system_pool_and_never_the_user_pools(prod):
    pools = prod.one("containerservice:ManagedCluster").inputs["agentPoolProfiles"]
    assert [pool["name"] for pool in pools] == ["system"]
    assert pools[0]["mode"] == "System"
    assert pools[0]["nodeTaints"] == [SYSTEM_TAINT]
    assert pools[0]["osSKU"] == "AzureLinux"
    assert pools[0]["osDiskType"] == "Ephemeral"
    assert pools[0]["availabilityZones"] == ["1", "2", "3"]
    assert pools[0]["minCount"] >= 3


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_system_pool_is_kept_as_it_was_made(program, stack):
    """A deployment writes what Azure's inline list may not be asked for again: the same, or a pool would be refused."""
    p = program(stack)
    inline = p.one("containerservice:ManagedCluster").inputs["agentPoolProfiles"][0]
    deployment = p.one("resources:Deployment")
    (written,) = deployment.inputs["properties"]["template"]["resources"]
    assert written["name"] == f"aks-platform-{stack}-g1/system"
    # AKS gives a new pool its cluster's version, and a list that names one could bring it back
    properties = dict(written["properties"])
    version = properties.pop("orchestratorVersion")
    assert version == p.one("containerservice:ManagedCluster").inputs["kubernetesVersion"]
    assert {"name": "system", **properties} == inline
    assert deployment.inputs["properties"]["mode"] == "Incremental"
    assert deployment.deleted_with == p.one("containerservice:ManagedCluster").urn


def test_counts_that_the_autoscaler_owns_are_ignored_and_others_are_not(program):
    p = program("dev")
    assert p.one("containerservice:ManagedCluster").ignore_changes == ["agentPoolProfiles"]
    assert "count" in p.one("containerservice:AgentPool").ignore_changes
    fixed = program(
        "dev",
        systemPool={"minCount": 2, "maxCount": 2},
        nodePools=[{"name": "apps", "vmSize": "Standard_D4ds_v5", "minCount": 2, "maxCount": 2}],
    )
    assert "count" not in fixed.one("containerservice:AgentPool").ignore_changes
    assert "minCount" not in fixed.one("containerservice:AgentPool").inputs


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_cluster_is_built_as_agreed(program, stack):
    inputs = program(stack).one("containerservice:ManagedCluster").inputs
    assert inputs["oidcIssuerProfile"] == {"enabled": True}
    assert inputs["securityProfile"]["workloadIdentity"] == {"enabled": True}
    assert inputs["securityProfile"]["imageCleaner"]["enabled"]
    network = inputs["networkProfile"]
    assert network["networkPluginMode"] == "overlay"
    assert network["networkDataplane"] == network["networkPolicy"] == "cilium"
    assert network["outboundType"] == "userAssignedNATGateway"
    assert inputs["identity"]["type"] == "UserAssigned"
    assert inputs["aadProfile"]["enableAzureRBAC"] and inputs["aadProfile"]["managed"]
    assert inputs["disableLocalAccounts"] is True
    assert inputs["autoUpgradeProfile"] == {"nodeOSUpgradeChannel": "NodeImage", "upgradeChannel": "patch"}
    assert inputs["kubernetesVersion"] == "1.35", "a minor version: the patch is the channel's"
    assert inputs["nodeResourceGroup"] == f"rg-platform-{stack}-g1-nodes"


def test_dev_is_small_and_prod_is_not(dev, prod):
    small, large = (p.one("containerservice:ManagedCluster").inputs for p in (dev, prod))
    assert (small["sku"]["tier"], large["sku"]["tier"]) == ("Free", "Standard")
    assert small["agentPoolProfiles"][0]["availabilityZones"] == ["1"]
    assert large["agentPoolProfiles"][0]["upgradeSettings"]["maxSurge"] == "33%"
    assert dev.several("containerservice:MaintenanceConfiguration") == []
    windows = {r.inputs["configName"]: r.inputs["maintenanceWindow"] for r in prod.several(":MaintenanceConfiguration")}
    assert set(windows) == {"aksManagedAutoUpgradeSchedule", "aksManagedNodeOSUpgradeSchedule"}
    assert all(window["schedule"]["weekly"]["intervalWeeks"] == 1 for window in windows.values())
    days = {name: (w["schedule"]["weekly"]["dayOfWeek"], w["startTime"]) for name, w in windows.items()}
    assert days["aksManagedAutoUpgradeSchedule"] == ("Sunday", "02:00")
    assert days["aksManagedNodeOSUpgradeSchedule"] == ("Saturday", "02:00")
    assert dev.one("keyvault:Vault").inputs["properties"]["softDeleteRetentionInDays"] == 7
    assert prod.one("keyvault:Vault").inputs["properties"]["softDeleteRetentionInDays"] == 90


def test_nodes_may_reach_an_api_server_with_authorized_ranges(prod):
    access = prod.one("containerservice:ManagedCluster").inputs["apiServerAccessProfile"]
    assert access["authorizedIPRanges"] == [
        "198.51.100.0/24",
        "203.0.113.32/28",
        "<egress-0-swedencentral.ipAddress>/32",
    ]


@pytest.mark.parametrize(
    ("exposure", "subnet", "expected"),
    [
        ("private", None, {"enablePrivateCluster": True, "privateDNSZone": "system"}),
        ("vnetIntegrated", "10.20.16.0/27", {"enablePrivateCluster": True, "enableVnetIntegration": True}),
        ("openToTheWorld", None, {"enablePrivateCluster": False}),
    ],
)
def test_the_api_server_is_exposed_as_chosen(program, exposure, subnet, expected):
    p = program(
        "dev",
        cluster={"apiServer": {"exposure": exposure, "authorizedIpRanges": []}},
        **({"network": {"apiServerSubnetCidr": subnet}} if subnet else {}),
    )
    access = p.one("containerservice:ManagedCluster").inputs["apiServerAccessProfile"]
    assert expected.items() <= access.items()
    assert "authorizedIPRanges" not in access
    assert access["disableRunCommand"] is (exposure == "openToTheWorld")
    if exposure == "vnetIntegrated":
        assert access["subnetId"] == "<api-server-swedencentral.id>"
        delegations = p.one("network:Subnet", "api-server-swedencentral").inputs["delegations"]
        assert delegations[0]["serviceName"] == "Microsoft.ContainerService/managedClusters"


def test_a_pool_that_must_be_replaced_takes_another_name(program):
    def name(**changes):
        pool = {"name": "apps", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 3, **changes}
        return program("dev", nodePools=[pool]).one("containerservice:AgentPool").inputs["agentPoolName"]

    assert name() == name(maxCount=5) == name(labels={"a": "b"})
    assert name() != name(vmSize="Standard_D8ds_v5")
    assert name() != name(zones=["2"])
    assert name().startswith("apps") and len(name()) == 6


def test_spot_pools_say_what_azure_would_add(prod):
    inputs = prod.one("containerservice:AgentPool", "pool-batch-g1").inputs
    assert inputs["scaleSetPriority"] == "Spot"
    assert inputs["spotMaxPrice"] == -1
    assert "kubernetes.azure.com/scalesetpriority=spot:NoSchedule" in inputs["nodeTaints"]
    assert inputs["nodeLabels"]["kubernetes.azure.com/scalesetpriority"] == "spot"
    assert "workload=batch:NoSchedule" in inputs["nodeTaints"]
    assert "upgradeSettings" not in inputs, "AKS refuses a surge on spot nodes"


def test_pools_are_upgraded_with_surge_and_bounded_drains(prod):
    inputs = prod.one("containerservice:AgentPool", "pool-apps-g1").inputs
    assert inputs["upgradeSettings"] == {
        "maxSurge": "33%",
        "drainTimeoutInMinutes": 30,
        "nodeSoakDurationInMinutes": 0,
        "undrainableNodeBehavior": "Cordon",
    }


def test_windows_pools_are_windows(program):
    p = program(
        "dev",
        network={"dataPlane": "azure"},
        cluster={"kubernetesVersion": "1.34"},
        nodePools=[{"name": "win", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 1, "os": "windows"}],
    )
    inputs = p.one("containerservice:AgentPool").inputs
    assert (inputs["osType"], inputs["osSKU"]) == ("Windows", "Windows2022")
    assert len(inputs["agentPoolName"]) <= 6
    assert (inputs["osDiskSizeGB"], inputs["osDiskType"]) == (128, "Ephemeral")
    network = p.one("containerservice:ManagedCluster").inputs["networkProfile"]
    assert (network["networkDataplane"], network["networkPolicy"]) == ("azure", "calico")


def test_the_vault_is_read_by_rbac_and_survives_deletion(prod):
    properties = prod.one("keyvault:Vault").inputs["properties"]
    assert properties["enableRbacAuthorization"] is True
    assert properties["enablePurgeProtection"] is True
    assert "createMode" not in properties


def test_a_soft_deleted_vault_can_be_taken_back(program):
    p = program("prod", keyVault={"recover": True})
    vault = p.one("keyvault:Vault")
    assert vault.inputs["properties"]["createMode"] == "recover"
    assert vault.ignore_changes == ["properties.createMode"]


@pytest.mark.parametrize(
    ("stack", "key_vault"),
    [
        ("prod", {}),
        ("prod", {"allowedIpRanges": []}),
        ("dev", {"firewall": True}),
        ("dev", {"allowedIpRanges": RANGES}),
    ],
)
def test_a_closed_vault_is_open_to_the_cluster_itself(program, stack, key_vault):
    p = program(stack, keyVault=key_vault)
    vault, subnet = p.one("keyvault:Vault"), p.one("network:Subnet", "nodes-swedencentral")
    acls = vault.inputs["properties"]["networkAcls"]
    assert (acls["defaultAction"], acls["bypass"]) == ("Deny", "AzureServices")
    assert acls["virtualNetworkRules"] == [{"id": "<nodes-swedencentral.id>"}]
    assert acls["ipRules"][-1]["value"] == "<egress-0-swedencentral.ipAddress>"
    assert subnet.inputs["serviceEndpoints"] == [{"service": "Microsoft.KeyVault"}]
    assert p.waits_for(vault, subnet), "a subnet's rule has no effect before its endpoint is there"


def test_ranges_are_let_into_a_vault_beside_the_cluster(program):
    acls = (
        program("prod", keyVault={"allowedIpRanges": RANGES}).one("keyvault:Vault").inputs["properties"]["networkAcls"]
    )
    assert [rule["value"] for rule in acls["ipRules"]] == [*RANGES, "<egress-0-swedencentral.ipAddress>"]


def test_pods_with_a_subnet_of_their_own_reach_a_closed_vault_from_it(program):
    p = program("prod", network={"podAddressing": "podSubnet", "podSubnetCidr": "10.20.64.0/18"})
    rules = p.one("keyvault:Vault").inputs["properties"]["networkAcls"]["virtualNetworkRules"]
    assert rules == [{"id": "<nodes-swedencentral.id>"}, {"id": "<pods-swedencentral.id>"}]
    for subnet in p.several("network:Subnet"):
        assert subnet.inputs["serviceEndpoints"] == [{"service": "Microsoft.KeyVault"}]


def test_a_subnet_that_sends_nothing_to_the_vault_has_no_endpoint(program):
    p = program(
        "prod",
        network={"apiServerSubnetCidr": "10.20.16.0/27"},
        cluster={"apiServer": {"exposure": "vnetIntegrated", "authorizedIpRanges": []}},
    )
    assert "serviceEndpoints" not in p.one("network:Subnet", "api-server-swedencentral").inputs


def test_closing_the_vault_changes_it_and_its_subnet_in_place(program):
    before, after = program("dev"), program("dev", keyVault={"firewall": True})
    there = {r.urn: r for r in before.all}
    assert there.keys() == {r.urn for r in after.all}
    for then in after.custom:
        now = there[then.urn]
        changed = {key for key in {*now.inputs, *then.inputs} if now.inputs.get(key) != then.inputs.get(key)}
        assert changed <= ({"properties"} if then.name == "vault" else {"serviceEndpoints"}), then.name
        assert not any(resource_type(then.type).replaces(key) for key in changed), then.name


def test_a_vault_that_is_open_to_all_has_neither_rules_nor_endpoints(dev):
    assert "networkAcls" not in dev.one("keyvault:Vault").inputs["properties"]
    assert "serviceEndpoints" not in dev.one("network:Subnet").inputs


def pools(p):
    """Every pool that is asked for, in all the places where it is."""
    inline = p.one("containerservice:ManagedCluster").inputs["agentPoolProfiles"]
    (written,) = p.one("resources:Deployment").inputs["properties"]["template"]["resources"]
    return [*inline, written["properties"], *(r.inputs for r in p.several("containerservice:AgentPool"))]


def test_production_runs_no_ssh_on_its_nodes(prod, dev):
    assert {pool["securityProfile"]["sshAccess"] for pool in pools(prod)} == {"Disabled"}
    assert not any("securityProfile" in pool for pool in pools(dev)), "what a stack does not ask for is AKS's"


def test_a_pool_may_run_ssh_where_the_cluster_does_not(program):
    p = program("prod", nodePools=[{**POOL, "ssh": True}, {**POOL, "name": "more"}], systemPool={"ssh": True})
    found = [pool["securityProfile"]["sshAccess"] for pool in pools(p)]
    assert found == ["LocalUser", "LocalUser", "LocalUser", "Disabled"]


def test_windows_keeps_its_ssh_as_aks_turns_it_off_on_linux_only(program):
    p = program(
        "prod",
        network={"dataPlane": "azure"},
        nodePools=[{**POOL, "name": "win", "os": "windows"}],
    )
    assert "securityProfile" not in p.one("containerservice:AgentPool").inputs


@pytest.mark.parametrize(
    ("setting", "sent"),
    [
        ({"trustedLaunch": True}, {"securityProfile": {"enableSecureBoot": True, "enableVTPM": True}}),
        ({"encryptionAtHost": True}, {"enableEncryptionAtHost": True}),
        ({"fips": True}, {"enableFIPS": True}),
        ({"fips": False}, {"enableFIPS": False}),
        ({"ssh": False}, {"securityProfile": {"sshAccess": "Disabled"}}),
    ],
)
def test_a_pool_is_hardened_as_it_asks(program, setting, sent):
    p = program("dev", nodePools=[{**POOL, **setting}], systemPool=setting)
    for pool in pools(p):
        assert sent.items() <= pool.items()
    assert not any(set(sent) & set(pool) for pool in pools(program("dev")))


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ({"trustedLaunch": True}, "securityProfile.enableSecureBoot"),
        ({"trustedLaunch": True}, "securityProfile.enableVTPM"),
        ({"encryptionAtHost": True}, "enableEncryptionAtHost"),
    ],
)
def test_what_a_pool_gets_at_its_creation_only_gives_it_another_name(program, setting, path):
    """https://learn.microsoft.com/azure/aks/enable-host-encryption#limitations and .../use-trusted-launch."""
    now, then = program("prod", nodePools=[POOL]), program("prod", nodePools=[{**POOL, **setting}])
    names = [p.one("containerservice:AgentPool").inputs["agentPoolName"] for p in (now, then)]
    assert names[0] != names[1]
    assert resource_type("containerservice:AgentPool").replaces(path)


@pytest.mark.parametrize("setting", [{"ssh": True}, {"fips": True}])
def test_what_azure_changes_in_a_running_pool_replaces_nothing(program, setting):
    now = program("prod", nodePools=[POOL], systemPool={})
    then = program("prod", nodePools=[{**POOL, **setting}], systemPool=setting)
    assert {r.urn for r in now.all} == {r.urn for r in then.all}
    pool = [p.one("containerservice:AgentPool").inputs["agentPoolName"] for p in (now, then)]
    assert pool[0] == pool[1]
    replaces = resource_type("containerservice:AgentPool").replaces
    assert not replaces("enableFIPS") and not replaces("securityProfile.sshAccess") and not replaces("securityProfile")


def test_fips_is_another_windows_pool(program):
    def name(**more):
        pool = {**POOL, "name": "win", "os": "windows", **more}
        p = program("dev", network={"dataPlane": "azure"}, nodePools=[pool])
        return p.one("containerservice:AgentPool").inputs["agentPoolName"]

    assert name() != name(fips=True)


def test_the_virtual_tpm_takes_its_part_of_the_local_disk(program):
    """150 GiB are all that a Standard_D4ds_v5 has."""
    pool = {**POOL, "osDiskSizeGib": 150}
    for more, expected in ({}, "Ephemeral"), ({"trustedLaunch": True}, "Managed"):
        p = program("dev", nodePools=[{**pool, **more}])
        assert p.one("containerservice:AgentPool").inputs["osDiskType"] == expected


def test_nobody_changes_the_nodes_group_of_production_by_hand(program, dev, prod):
    def profile(p):
        return p.one("containerservice:ManagedCluster").inputs.get("nodeResourceGroupProfile")

    assert profile(prod) == {"restrictionLevel": "ReadOnly"}
    assert profile(dev) is None
    reopened = program("prod", cluster={"nodeResourceGroupReadOnly": False})
    assert profile(reopened) == {"restrictionLevel": "Unrestricted"}, "left out, the lock would stay"


CALLED_BY_CERT_MANAGER = {"read", "TXT/read", "TXT/write", "TXT/delete"}
"""https://github.com/cert-manager/cert-manager/blob/v1.21.1/pkg/issuer/acme/dns/azuredns/azuredns.go."""


def test_cert_manager_may_write_txt_records_of_the_zone_and_no_host_name(each):
    if each.evaluation.stack == "local":
        return
    definition = each.one("authorization:RoleDefinition")
    (permission,) = definition.inputs["permissions"]
    assert {
        action.removeprefix("Microsoft.Network/dnsZones/") for action in permission["actions"]
    } == CALLED_BY_CERT_MANAGER
    assert permission.keys() == {"actions"}
    assert definition.inputs["assignableScopes"] == ["<foundation.id>"]
    assignment = each.one("authorization:RoleAssignment", "cert-manager-dns-txt-records-zone")
    assert assignment.inputs["roleDefinitionId"].endswith(f"/roleDefinitions/{definition.inputs['roleDefinitionId']}")
    assert assignment.inputs["scope"] == "<zone.id>"
    assert each.waits_for(assignment, definition)
    assert assignment.hooks.keys() == {"on_error"}, "a role that was just defined may not be found at once"


def test_only_the_issuers_authority_may_issue_certificates_for_a_zone_of_our_own(dev, program):
    record = dev.one("dns:RecordSet", "zone-caa")
    assert (record.inputs["relativeRecordSetName"], record.inputs["recordType"]) == ("@", "CAA")
    records = record.inputs["caaRecords"]
    assert {(r["flags"], r["tag"], r["value"]) for r in records} == {
        (0, "issue", "letsencrypt.org"),
        (0, "issuewild", "letsencrypt.org"),
    }
    for certificate in dev.several(":Certificate"):
        assert dev.waits_for(certificate, record)
    for changes in (
        {"dns": {"caa": False}},
        {"dns": {"mode": "existing", "resourceGroup": "rg-dns"}},
        {"certificates": {"issuer": "self-signed"}},
    ):
        assert program("dev", **changes).several("dns:RecordSet", "zone-caa") == [], changes


def test_an_existing_zone_and_registry_are_used_and_not_created(program):
    registry = (
        "/subscriptions/5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51/resourceGroups/rg-shared"
        "/providers/Microsoft.ContainerRegistry/registries/shared"
    )
    p = program(
        "dev",
        dns={"mode": "existing", "resourceGroup": "rg-dns"},
        registry={"mode": "existing", "resourceId": registry},
    )
    assert p.several("dns:Zone") == []
    assert p.several("containerregistry:Registry") == []
    assert p.one("authorization:RoleAssignment", "kubelet-acr-pull-registry").inputs["scope"] == registry
    zone = p.one("authorization:RoleAssignment", "cert-manager-dns-txt-records-zone").inputs["scope"]
    assert zone.endswith("/resourceGroups/rg-dns/providers/Microsoft.Network/dnsZones/dev.example.com")
    assert p.one("dns:RecordSet").inputs["resourceGroupName"] == "rg-dns"


def test_credentials_trust_this_generations_issuer_and_one_service_account_each(prod):
    subjects = {}
    for credential in prod.several("FederatedIdentityCredential"):
        assert credential.inputs["issuer"] == f"<{AKS}.oidcIssuer>"
        assert credential.inputs["audiences"] == ["api://AzureADTokenExchange"]
        subjects[credential.inputs["resourceName"]] = credential.inputs["subject"]
    assert subjects == {
        "id-platform-prod-certificate-keeper": "system:serviceaccount:external-secrets:certificate-keeper",
        "id-platform-prod-cert-manager": "system:serviceaccount:cert-manager:cert-manager",
        "id-platform-prod-external-secrets": "system:serviceaccount:external-secrets:vault-reader",
    }


def test_argo_cd_has_an_identity_only_where_a_repository_is_read_with_it(program):
    p = program(
        "dev",
        argocd={
            "repositories": [
                {"name": "azure-repos", "url": "https://dev.azure.com/example", "kind": "workloadIdentity"},
            ]
        },
    )
    assert p.one("managedidentity:UserAssignedIdentity", "argocd")
    credential = p.one("FederatedIdentityCredential", "federated-argocd-g1")
    assert credential.inputs["subject"] == "system:serviceaccount:argocd:argocd-repo-server"
    secret = p.one("core/v1:Secret", "repository-azure-repos-g1")
    assert secret.inputs["metadata"]["labels"]["argocd.argoproj.io/secret-type"] == "repo-creds"
    assert [r for r in p.several("RoleAssignment") if r.name.startswith("argocd")] == []


@pytest.mark.parametrize(
    ("registry", "host", "given"),
    [
        ({"mode": "create", "name": "examplecharts"}, "examplecharts.azurecr.io", True),
        ({"mode": "create", "name": "examplecharts"}, "other.azurecr.io", False),
        ({"mode": "existing", "resourceId": REGISTRY_ID}, "corpimages.azurecr.io", True),
        (
            {"mode": "existing", "resourceId": REGISTRY_ID, "loginServer": "corp-a1.azurecr.io"},
            "corp-a1.azurecr.io",
            True,
        ),
        ({}, "corpimages.azurecr.io", False),
    ],
)
def test_argo_cd_may_pull_charts_of_the_environments_own_registry(program, registry, host, given):
    charts = {"name": "charts", "url": f"{host}/charts", "kind": "workloadIdentity"}
    p = program("dev", registry=registry, argocd={"repositories": [charts]})
    roles = [r for r in p.several("RoleAssignment") if r.name.startswith("argocd")]
    assert [r.name for r in roles] == (["argocd-acr-pull-registry"] if given else [])
    assert all(r.inputs["principalId"] == "<argocd.principalId>" for r in roles)


def test_observability_is_off_in_dev_and_on_in_prod(dev, prod):
    assert dev.several("operationalinsights:Workspace") == []
    assert dev.several("monitor:DataCollectionRule") == []
    small = dev.one("containerservice:ManagedCluster").inputs
    assert small["addonProfiles"]["omsagent"] == {"enabled": False}
    assert small["azureMonitorProfile"]["metrics"]["enabled"] is False
    large = prod.one("containerservice:ManagedCluster").inputs
    assert large["addonProfiles"]["omsagent"]["enabled"] and large["addonProfiles"]["azurepolicy"]["enabled"]
    assert large["azureMonitorProfile"]["metrics"]["enabled"] is True
    assert large["securityProfile"]["defender"]["logAnalyticsWorkspaceResourceId"] == "<logs.id>"
    assert {r.inputs["resourceUri"] for r in prod.several("DataCollectionRuleAssociation")} == {f"<{AKS}.id>"}


def test_autoscalers_are_choices(program):
    p = program("dev", cluster={"keda": True, "verticalPodAutoscaler": True, "autoscaler": {"expander": "priority"}})
    inputs = p.one("containerservice:ManagedCluster").inputs
    assert inputs["workloadAutoScalerProfile"] == {
        "keda": {"enabled": True},
        "verticalPodAutoscaler": {"enabled": True},
    }
    assert inputs["autoScalerProfile"]["expander"] == "priority"
    provisioned = (
        program(
            "dev",
            cluster={"nodeAutoProvisioning": True},
            systemPool={"minCount": 2, "maxCount": 2},
            nodePools=[],
        )
        .one("containerservice:ManagedCluster")
        .inputs
    )
    assert provisioned["nodeProvisioningProfile"]["mode"] == "Auto"
    assert "autoScalerProfile" not in provisioned


def test_the_network_has_one_static_way_out(prod):
    subnet = prod.one("network:Subnet").inputs
    assert subnet["natGateway"] == {"id": "<nat-swedencentral.id>"}
    assert subnet["defaultOutboundAccess"] is False
    egress = prod.one("network:PublicIPAddress", "egress-0-swedencentral").inputs
    assert egress["zones"] == ["1", "2", "3"]
    assert egress["publicIPAllocationMethod"] == "Static"


def test_ingress_addresses_come_from_one_prefix(prod):
    for slot in (0, 1):
        address = prod.one("network:PublicIPAddress", f"ingress-{slot}-swedencentral").inputs
        assert address["publicIPPrefix"] == {"id": "<ingress-prefix-swedencentral.id>"}


def test_names_are_within_azures_limits_at_their_longest(program):
    p = program(
        "dev",
        platform="abcdefghijkl",
        environment="abcdefgh",
        cluster={"generation": 999},
        registry={"mode": "create"},
    )
    assert len(p.one("keyvault:Vault").inputs["vaultName"]) <= 24
    assert p.one("containerregistry:Registry").inputs["registryName"].isalnum()
    cluster = p.one("containerservice:ManagedCluster").inputs
    assert len(cluster["resourceName"]) <= 63 and len(cluster["dnsPrefix"]) <= 54
    assert len(cluster["nodeResourceGroup"]) <= 80


def test_outputs_say_how_to_go_on_and_nothing_else(prod):
    outputs = prod.evaluation.outputs
    assert set(outputs) == {
        "clusterName",
        "resourceGroup",
        "apiServer",
        "oidcIssuer",
        "ingressAddress",
        "ingressPrefix",
        "argocdUrl",
        "argocdSignInCommand",
        "dnsNameServers",
        "vaultUri",
        "kubeconfigCommand",
    }
    assert "az aks get-credentials" in outputs["kubeconfigCommand"]
    assert "[secret]" not in outputs.values(), "none of them is a secret"


def test_nodes_pull_with_the_identity_that_may_pull(prod):
    kubelet = prod.one("containerservice:ManagedCluster").inputs["identityProfile"]["kubeletidentity"]
    assert kubelet == {
        "clientId": "<kubelet.clientId>",
        "objectId": "<kubelet.principalId>",
        "resourceId": "<kubelet.id>",
    }
    pull = prod.one("authorization:RoleAssignment", "kubelet-acr-pull-registry").inputs
    assert pull["principalId"] == "<kubelet.principalId>"
    assert prod.one("containerregistry:Registry").inputs["adminUserEnabled"] is False


def test_entra_groups_of_the_stack_file_administer_the_cluster(prod):
    profile = prod.one("containerservice:ManagedCluster").inputs["aadProfile"]
    assert profile["adminGroupObjectIDs"] == ["9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12"]
    assert profile["tenantID"] == "0a6c9be4-41d7-4f0c-8f52-9d3e7b6a2c10"


def test_local_accounts_are_a_choice_outside_production(program):
    p = program("dev", cluster={"localAccounts": True})
    assert p.one("containerservice:ManagedCluster").inputs["disableLocalAccounts"] is False


def test_long_term_support_is_the_premium_tiers(program):
    p = program("dev", cluster={"tier": "Premium", "longTermSupport": True, "kubernetesVersion": "1.33"})
    cluster = p.one("containerservice:ManagedCluster").inputs
    assert (cluster["supportPlan"], cluster["sku"]["tier"]) == ("AKSLongTermSupport", "Premium")
    assert p.one("containerservice:AgentPool").inputs["orchestratorVersion"] == "1.33"


def test_pods_can_have_a_subnet_of_their_own(program):
    p = program("dev", network={"podAddressing": "podSubnet", "podSubnetCidr": "10.20.64.0/18"})
    subnet = p.one("network:Subnet", "pods-swedencentral").inputs
    assert subnet["delegations"][0]["serviceName"] == "Microsoft.ContainerService/managedClusters"
    assert subnet["defaultOutboundAccess"] is False
    cluster = p.one("containerservice:ManagedCluster").inputs
    assert cluster["agentPoolProfiles"][0]["podSubnetID"] == "<pods-swedencentral.id>"
    assert p.one("containerservice:AgentPool").inputs["podSubnetID"] == "<pods-swedencentral.id>"
    assert "networkPluginMode" not in cluster["networkProfile"]
    assert p.one("RoleAssignment", "control-plane-network-contributor-pods-swedencentral")


def test_a_vault_that_may_be_purged_says_nothing_about_purging(program):
    """Azure refuses an explicit false."""
    vault = program("dev", keyVault={"purgeProtection": False}).one("keyvault:Vault")
    assert "enablePurgeProtection" not in vault.inputs["properties"]
    assert not vault.retain_on_delete


def test_the_vaults_api_is_the_one_that_was_chosen():
    """docs/decisions/0005-api-versions.md: a newer SDK that changes it is taken on purpose."""
    assert "Uses Azure REST API version 2024-11-01." in inspect.getsource(keyvault.Vault)


def test_monitoring_is_where_its_workspaces_are_though_the_cluster_is_elsewhere(program):
    p = program("prod", cluster={"generation": 2, "location": "norwayeast"})
    assert p.one("containerservice:ManagedCluster").inputs["location"] == "norwayeast"
    rules = {r.name: r.inputs for r in p.several("monitor:DataCollectionRule")}
    assert {rule["location"] for rule in rules.values()} == {"swedencentral"}
    insights = rules["monitoring-g2-insights"]
    assert insights["destinations"]["logAnalytics"][0]["workspaceResourceId"] == "<logs.id>"
    assert insights["dataFlows"][0]["streams"] == ["Microsoft-ContainerInsights-Group-Default"]
    prometheus = rules["monitoring-g2-prometheus"]
    assert prometheus["destinations"]["monitoringAccounts"][0]["accountResourceId"] == "<metrics.id>"
    assert {r.inputs["associationName"] for r in p.several("DataCollectionRuleAssociation")} == {
        "ContainerInsightsExtension",
        "ContainerInsightsMetricsExtension",
        "configurationAccessEndpoint",
    }
    endpoint = p.one("monitor:DataCollectionEndpoint")
    assert endpoint.inputs["location"] == "norwayeast", "agents ask it from where they are"
    assert prometheus["dataCollectionEndpointId"] == f"<{endpoint.name}.id>"
    settings = insights["dataSources"]["extensions"][0]["extensionSettings"]["dataCollectionSettings"]
    assert settings["enableContainerLogV2"] is True


def test_what_watches_a_cluster_is_deleted_before_it_and_not_left_to_it(prod):
    """An association that is left holds its rule, and a setting that is left holds for the next cluster of the name."""
    cluster = prod.one("containerservice:ManagedCluster")
    watching = [r for r in prod.custom if r.type.startswith("azure-native:monitor:") and cluster.urn in r.dependencies]
    assert len(watching) >= 4
    assert [r.name for r in watching if r.deleted_with] == []


def test_production_keeps_who_did_what(program, prod):
    logs = {r.name: {log["category"] for log in r.inputs["logs"]} for r in prod.several("monitor:DiagnosticSetting")}
    assert logs == {
        "monitoring-g1-logs": {"kube-audit-admin", "guard"},
        "vault-logs": {"AuditEvent"},
        "registry-logs": {"ContainerRegistryLoginEvents", "ContainerRegistryRepositoryEvents"},
    }
    assert {r.inputs["workspaceId"] for r in prod.several("monitor:DiagnosticSetting")} == {"<logs.id>"}
    assert program("dev").several("monitor:DiagnosticSetting") == []


def test_a_change_of_place_in_a_running_generation_does_not_delete_its_group(program):
    group = program("prod").one("resources:ResourceGroup", "cluster-g1")
    assert group.ignore_changes == ["location"]


def test_pools_are_written_one_at_a_time_and_after_the_system_pool(program):
    p = program("prod")
    first, second = p.several("containerservice:AgentPool")
    assert p.waits_for(first, p.one("resources:Deployment"))
    assert p.waits_for(second, first)
    for pool in (first, second):
        assert pool.hooks["on_error"] and not pool.delete_before_replace


def test_a_pool_keeps_the_system_that_it_was_made_with(program):
    for pool in program("prod").several("containerservice:AgentPool"):
        assert pool.inputs["osSKU"] == "AzureLinux" and "osSKU" in pool.ignore_changes
    live: Any = [
        SimpleNamespace(name="system", os_sku="AzureLinux3"),
        SimpleNamespace(name="apps58", os_sku="Windows2022"),
    ]
    assert os_sku(live) == "AzureLinux3"
    assert os_sku(live[1:]) == os_sku(None) == "AzureLinux"


def test_the_gateway_that_holds_an_egress_address_is_no_drift(prod):
    [address] = prod.several("network:PublicIPAddress", "egress-0-swedencentral")
    assert address.ignore_changes == ["natGateway"]


def test_a_region_without_zones_gets_none(program):
    p = program("prod", azure={"location": "ukwest"}, cluster={"zones": []}, nodePools=[])
    for resource in p.several("network:PublicIPAddress") + p.several("network:PublicIPPrefix"):
        assert "zones" not in resource.inputs
    assert p.one("containerregistry:Registry").inputs["zoneRedundancy"] == "Disabled"


def test_the_cluster_is_tried_again_while_a_role_is_spreading(prod):
    assert prod.one("containerservice:ManagedCluster").hooks["on_error"]


def test_further_tags_reach_azure(program):
    p = program("dev", tags={"extra": {"team": "blue"}})
    assert p.one("keyvault:Vault").inputs["tags"]["team"] == "blue"


def test_the_command_that_lets_people_into_argo_cd_names_this_generations_issuer(program):
    """A rebuild has another issuer, which the Entra application does not trust yet."""
    command = program("prod", cluster={"generation": 2}).evaluation.outputs["argocdSignInCommand"]
    assert command.startswith("az ad app federated-credential create --id c3e5a7f9-1b2d-4c6e-8f0a-5d7b9c1e3f46 ")
    credential = json.loads(shlex.split(command)[-1])
    assert credential["issuer"].startswith("<aks-g2-") and credential["name"] == "aks-platform-prod-g2"
    assert credential["subject"] == "system:serviceaccount:argocd:argocd-server"
    assert credential["audiences"] == ["api://AzureADTokenExchange"]


def test_a_zone_that_the_program_creates_has_name_servers_to_delegate_to(program):
    assert program("prod").evaluation.outputs["dnsNameServers"] == ["<zone.nameServers>"]
    existing = program("prod", dns={"mode": "existing", "resourceGroup": "rg-dns"})
    assert "dnsNameServers" not in existing.evaluation.outputs


def test_the_registry_is_premium_and_in_every_zone_where_it_must_not_fail(program, prod):
    assert prod.one("containerregistry:Registry").inputs["sku"] == {"name": "Premium"}
    assert prod.one("containerregistry:Registry").inputs["zoneRedundancy"] == "Enabled"
    small = program("dev", registry={"mode": "create"}).one("containerregistry:Registry").inputs
    assert (small["sku"], small["zoneRedundancy"]) == ({"name": "Basic"}, "Disabled")


def test_defender_is_on_in_production_and_off_elsewhere(dev, prod):
    profile = prod.one("containerservice:ManagedCluster").inputs["securityProfile"]
    assert profile["defender"]["securityMonitoring"] == {"enabled": True}
    assert "defender" not in dev.one("containerservice:ManagedCluster").inputs["securityProfile"]


def test_subnets_that_azure_lists_in_the_network_are_not_reset(each):
    for network in each.several("network:VirtualNetwork"):
        assert network.ignore_changes == ["subnets"] and "subnets" not in network.inputs


def test_the_cluster_waits_for_the_roles_that_its_creation_needs_and_for_no_others(prod):
    cluster = prod.one("containerservice:ManagedCluster")
    assert any("settled" in hook for hook in cluster.hooks["before_create"])
    waited = {r.name for r in prod.several("authorization:RoleAssignment") if "after_create" in r.hooks}
    ours = [
        r for r in prod.several("authorization:RoleAssignment") if r.name.startswith(("control-plane-", "kubelet-"))
    ]
    assert ours and waited == {r.name for r in ours}


def groups(p):
    """ARM ids of the environment's own resource groups."""
    return {
        f"/subscriptions/b7c40d13-92e6-4b5a-8d21-7e0f3a5c6d84/resourceGroups/{r.inputs['resourceGroupName']}"
        for r in p.several("resources:ResourceGroup")
    }


def test_an_alert_watches_all_of_the_environment_and_nothing_else_of_the_subscription(program):
    p = program("prod", **ALERTING)
    scopes = {r.name: r.inputs["scopes"] for r in p.several("monitor:ActivityLogAlert")}
    assert scopes.keys() == {f"alerts-{purpose}" for purpose in WATCHED}
    for purpose, watched in WATCHED.items():
        found = scopes[f"alerts-{purpose}"]
        assert len(set(found)) == len(found)
        clusters = {id_ for id_ in groups(p) if id_.endswith("/rg-platform-prod-g1")}
        assert set(found) == (clusters if watched.cluster_only else groups(p)), purpose


def test_an_alert_is_of_one_operation_that_succeeded_and_mails_to_everybody_once(program):
    p = program("prod", **ALERTING)
    receivers = p.one("monitor:ActionGroup").inputs
    assert [r["emailAddress"] for r in receivers["emailReceivers"]] == ["ops@example.com", "sre@example.com"]
    assert len({r["name"] for r in receivers["emailReceivers"]}) == 2
    assert receivers["enabled"] and receivers["location"] == "Global" and len(receivers["groupShortName"]) <= 12
    for alert in p.several("monitor:ActivityLogAlert"):
        conditions = {each["field"]: each["equals"] for each in alert.inputs["condition"]["allOf"]}
        watched = WATCHED[alert.name.removeprefix("alerts-")]
        assert conditions == {
            "category": "Administrative",
            "operationName": watched.operation,
            "status": "Succeeded",
        }
        assert alert.inputs["enabled"] and alert.inputs["description"] == watched.description
        assert alert.inputs["actions"] == {"actionGroups": [{"actionGroupId": "<alerts.id>"}]}


def test_what_is_watched_is_of_types_that_the_program_makes(program):
    made = {resource_type(r.type).arm_type for r in program("prod", **ALERTING).custom if "azure-native" in r.type}
    for watched in WATCHED.values():
        type_ = watched.operation.removesuffix("/action").rpartition("/")[0]
        assert type_ in made, watched.operation


def test_alerts_outlive_clusters_and_follow_the_running_one(program):
    first, second = (program("prod", cluster={"generation": g}, **ALERTING) for g in (1, 2))
    for alert in first.several("monitor:ActivityLogAlert"):
        (later,) = [r for r in second.all if r.urn == alert.urn]
        assert later.inputs["scopes"][-1].endswith("/rg-platform-prod-g2")
        assert alert.inputs["resourceGroupName"] == "rg-platform-prod"


def test_nobody_is_told_where_a_stack_names_nobody(dev, prod):
    for p in (dev, prod):
        assert p.several("monitor:ActivityLogAlert") == p.several("monitor:ActionGroup") == []


def private(program, **changes):
    return program("prod", **{"keyVault": {"allowedIpRanges": []}, **PRIVATE, **changes})


def test_vault_and_registry_are_reached_by_private_endpoints_and_by_nobody_else(program):
    p = private(program)
    assert p.one("keyvault:Vault").inputs["properties"]["publicNetworkAccess"] == "Disabled"
    assert p.one("containerregistry:Registry").inputs["publicNetworkAccess"] == "Disabled"
    connections = {r.name: r.inputs["privateLinkServiceConnections"] for r in p.several("network:PrivateEndpoint")}
    assert connections == {
        "endpoint-vault-swedencentral": [
            {"name": "vault", "privateLinkServiceId": "<vault.id>", "groupIds": ["vault"]}
        ],
        "endpoint-registry-swedencentral": [
            {"name": "registry", "privateLinkServiceId": "<registry.id>", "groupIds": ["registry"]}
        ],
    }
    assert {r.inputs["subnet"]["id"] for r in p.several("network:PrivateEndpoint")} == {"<endpoints-swedencentral.id>"}
    subnet = p.one("network:Subnet", "endpoints-swedencentral").inputs
    assert subnet["addressPrefix"] == "10.20.17.0/28" and subnet["defaultOutboundAccess"] is False
    assert "natGateway" not in subnet and "serviceEndpoints" not in subnet


def test_the_network_finds_a_private_endpoint_by_the_services_own_name(program):
    """https://learn.microsoft.com/azure/private-link/private-endpoint-dns."""
    p = private(program)
    zones = {r.inputs["privateZoneName"] for r in p.several("privatedns:PrivateZone")}
    assert zones == {"privatelink.vaultcore.azure.net", "privatelink.azurecr.io"}
    for zone in p.several("privatedns:PrivateZone"):
        what = zone.name.removeprefix("zone-")
        link = p.one("privatedns:VirtualNetworkLink", f"zone-link-{what}").inputs
        assert link["privateZoneName"] == zone.inputs["privateZoneName"]
        assert link["virtualNetwork"] == {"id": "<vnet-swedencentral.id>"} and link["registrationEnabled"] is False
        named = p.one("network:PrivateDnsZoneGroup", f"endpoint-names-{what}").inputs
        assert [config["privateDnsZoneId"] for config in named["privateDnsZoneConfigs"]] == [f"<{zone.name}.id>"]
        endpoint = p.one("network:PrivateEndpoint", f"endpoint-{what}").inputs
        assert named["privateEndpointName"] == endpoint["privateEndpointName"]


def test_endpoints_of_one_subnet_are_written_one_at_a_time(program):
    first, second = private(program).several("network:PrivateEndpoint")
    assert private(program).waits_for(second, first)


def test_endpoints_come_to_a_running_environment_before_the_public_way_is_closed(program):
    p = private(program, network={**PRIVATE["network"], "privateEndpointsOnly": False})
    assert len(p.several("network:PrivateEndpoint")) == 2
    assert p.one("keyvault:Vault").inputs["properties"]["publicNetworkAccess"] == "Enabled"
    assert p.one("keyvault:Vault").inputs["properties"]["networkAcls"]["defaultAction"] == "Deny"
    assert p.one("containerregistry:Registry").inputs["publicNetworkAccess"] == "Enabled"


def test_another_ones_registry_gets_no_endpoint(program):
    p = private(program, registry={"mode": "existing", "resourceId": REGISTRY_ID})
    assert [r.name for r in p.several("network:PrivateEndpoint")] == ["endpoint-vault-swedencentral"]


def test_there_are_no_private_endpoints_where_no_subnet_is_for_them(dev, prod):
    for p in (dev, prod):
        assert not [r.name for r in p.custom if "rivate" in r.type]
        assert p.one("keyvault:Vault").inputs["properties"]["publicNetworkAccess"] == "Enabled"


KEYS = (
    "/subscriptions/5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51/resourceGroups/rg-keys"
    "/providers/Microsoft.KeyVault/vaults/kv-keys"
)
KEY = "https://kv-keys.vault.azure.net/keys/etcd/0123456789abcdef0123456789abcdef"


def test_etcd_is_encrypted_with_a_key_that_the_control_plane_may_use(program, prod):
    p = program("prod", cluster={"etcdEncryption": {"keyId": KEY, "vaultResourceId": KEYS}})
    cluster = p.one("containerservice:ManagedCluster")
    assert cluster.inputs["securityProfile"]["azureKeyVaultKms"] == {
        "enabled": True,
        "keyId": KEY,
        "keyVaultNetworkAccess": "Public",
    }
    role = p.one("authorization:RoleAssignment", "control-plane-key-vault-crypto-user-etcd-key")
    assert role.inputs["scope"] == KEYS
    assert role.inputs["roleDefinitionId"].endswith("/12338af0-0e69-4776-bea7-57ae8d297424")
    assert role.inputs["principalId"] == "<control-plane.principalId>"
    assert p.waits_for(cluster, role)
    assert cluster.urn == prod.one("containerservice:ManagedCluster").urn, "a running cluster takes it"
    assert "azureKeyVaultKms" not in prod.one("containerservice:ManagedCluster").inputs["securityProfile"]


def test_a_private_vault_of_the_key_is_connected_to(program):
    p = program(
        "prod",
        network={"apiServerSubnetCidr": "10.20.16.0/27"},
        cluster={
            "apiServer": {"exposure": "vnetIntegrated", "authorizedIpRanges": []},
            "etcdEncryption": {"keyId": KEY, "vaultResourceId": KEYS, "networkAccess": "Private"},
        },
    )
    kms = p.one("containerservice:ManagedCluster").inputs["securityProfile"]["azureKeyVaultKms"]
    assert (kms["keyVaultNetworkAccess"], kms["keyVaultResourceId"]) == ("Private", KEYS)
    scopes = {r.name: r.inputs["scope"] for r in p.several("RoleAssignment") if r.name.endswith("-etcd-key")}
    assert scopes == {
        "control-plane-key-vault-crypto-user-etcd-key": KEYS,
        "control-plane-key-vault-contributor-etcd-key": KEYS,
    }
