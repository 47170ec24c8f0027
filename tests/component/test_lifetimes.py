"""The foundation outlives clusters; everything of a generation goes with it."""

import json

import pytest

from bootstrap.platform.plan.evaluate import evaluate
from components import azure_stack
from components.cutover import in_azure
from components.restore import hook
from tests.component.conftest import ROOT, configured


def in_cluster(program):
    return [r for r in program.custom if r.type.startswith("kubernetes:")]


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_everything_inside_the_cluster_goes_with_it(program, stack):
    p = program(stack)
    cluster = p.one("containerservice:ManagedCluster")
    assert len(in_cluster(p)) > 15
    # a refresh takes a cluster that is gone out of the state; its provider stays until the program drops it
    for resource in in_cluster(p):
        assert resource.deleted_with == p.cluster_provider().urn, resource.name
    for provider in p.several("pulumi:providers:kubernetes"):
        assert provider.inputs["skipUpdateUnreachable"] in {True, "true"}
    for pool in p.several("containerservice:AgentPool"):
        assert pool.deleted_with == cluster.urn


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_everything_inside_the_cluster_uses_one_explicit_provider(program, stack):
    p = program(stack)
    assert {r.provider for r in in_cluster(p)} == {p.cluster_provider().urn}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_everything_in_azure_uses_the_one_explicit_provider(program, stack):
    p = program(stack)
    provider = p.one("pulumi:providers:azure-native")
    assert {r.provider for r in p.custom if r.type.startswith("azure-native:")} == {provider.urn}
    assert provider.inputs["subscriptionId"]


def test_whoever_asks_azure_from_a_hook_asks_by_that_provider_too(monkeypatch):
    """Default providers are off: without one, the question is never answered."""
    asked = {}

    def cutover_hooks(settings, cluster, provider):
        asked["cutover"] = provider
        return in_azure.cutover_hooks(settings, cluster, provider)

    def restore_hook(name, args):
        asked["restore"] = args.provider
        return hook.restore_hook(name, args)

    monkeypatch.setattr(azure_stack, "cutover_hooks", cutover_hooks)
    monkeypatch.setattr(azure_stack, "restore_hook", restore_hook)
    evaluate(ROOT, "prod", configured("prod", {"cluster": {"generation": 2}, "backup": {"enabled": True}}))
    assert {name: getattr(provider, "_name", None) for name, provider in asked.items()} == {
        "cutover": "azure",
        "restore": "azure",
    }


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_a_urn_names_the_types_of_all_parents_and_not_the_stack(program, stack):
    there = {r.urn: r for r in program(stack).all}
    for r in there.values():
        parent = there.get(r.parent)
        assert (parent is None) == r.parent.endswith(f"::aks-bootstrap-{stack}")
        above = f"{parent.urn.split('::')[2]}$" if parent else ""
        assert r.urn == f"urn:pulumi:{stack}::aks-bootstrap::{above}{r.type}::{r.name}"
    assert max(r.urn.count("$") for r in there.values()) > 1


def test_a_cluster_that_nobody_here_creates_is_never_taken_for_gone(local):
    assert {resource.deleted_with for resource in in_cluster(local)} == {None}
    assert all("skipUpdateUnreachable" not in p.inputs for p in local.several("pulumi:providers:kubernetes"))


def test_local_has_nothing_in_azure(local):
    assert [r.name for r in local.all if "azure" in r.type] == []


FOUNDATION = [
    "keyvault:Vault",
    "containerregistry:Registry",
    "dns:Zone",
    "operationalinsights:Workspace",
    "monitor:AzureMonitorWorkspace",
    "authorization:ManagementLockByScope",
    "managedidentity:UserAssignedIdentity",
]


@pytest.mark.parametrize("type_", FOUNDATION)
def test_production_protects_the_foundation(prod, type_):
    assert prod.several(type_)
    for resource in prod.several(type_):
        assert resource.protect or resource.retain_on_delete, resource.name
        assert resource.protect is not ("ingress" in resource.name), "addresses are left behind in another region"


def test_production_locks_what_holds_data_and_nothing_that_a_rebuild_deletes_below(prod):
    locks = prod.several("authorization:ManagementLockByScope")
    assert {lock.inputs["level"] for lock in locks} == {"CanNotDelete"}
    scopes = {lock.inputs["scope"] for lock in locks}
    assert scopes == {"<vault.id>", "<registry.id>", "<logs.id>", "<ingress-prefix-swedencentral.id>"}
    # a lock is inherited: on the group or the zone it would stop these deletions
    assert prod.one("managedidentity:FederatedIdentityCredential", "federated-cert-manager-g1")
    assert not scopes & {"<foundation.id>", "<zone.id>"}


def test_roles_below_a_lock_are_protected_and_no_others(prod):
    protected = {r.name for r in prod.several("authorization:RoleAssignment") if r.protect}
    writers = {name for name in protected if name.startswith("vault-writer-")}
    assert len(writers) == 1
    assert protected - writers == {
        "kubelet-acr-pull-registry",
        "external-secrets-key-vault-secrets-user-vault",
        "certificate-keeper-key-vault-secrets-officer-certificate",
    }


def test_nothing_that_a_rebuild_removes_is_protected(prod):
    for resource in prod.all:
        if resource.name.endswith("-g1"):
            assert not resource.protect, resource.name


def test_dev_can_be_destroyed_but_for_its_purge_protected_vault(dev):
    assert [r.name for r in dev.custom if r.protect] == []
    assert [r.name for r in dev.custom if r.retain_on_delete] == ["vault"]
    assert dev.several("authorization:ManagementLockByScope") == []


def test_production_keeps_ingress_addresses_that_leave_the_program(prod):
    kept = {r.name for r in prod.custom if r.retain_on_delete}
    assert {
        "ingress-swedencentral",
        "ingress-prefix-swedencentral",
        "ingress-0-swedencentral",
        "ingress-1-swedencentral",
    } <= kept


def test_a_new_generation_keeps_every_urn_of_the_foundation_and_none_of_the_cluster(program):
    first, second = program("prod"), program("prod", cluster={"generation": 2})
    kept = {r.urn for r in first.all} & {r.urn for r in second.all}
    gone = {r.name for r in first.all if r.urn not in kept}
    assert gone and all(name.endswith("-g1") or "-g1-" in name for name in gone)
    assert all("-g2" in r.name for r in second.all if r.urn not in kept)
    assert second.one("authorization:ManagementLockByScope", "vault-lock").urn in kept
    for resource in second.all:
        if resource.type.startswith("kubernetes:") or "containerservice" in resource.type:
            assert resource.urn not in kept


def test_other_zones_of_a_new_generation_leave_what_it_shares_alone(program):
    first, second = program("prod"), program("prod", cluster={"generation": 2, "zones": ["1", "3"]})
    before = {r.urn: r for r in first.all}
    for resource in second.all:
        if resource.urn in before and not resource.type.endswith(":RecordSet"):
            assert resource.inputs == before[resource.urn].inputs, resource.name


@pytest.mark.parametrize(
    "change",
    [
        {"network": {"podCidr": "10.245.0.0/16"}},
        {"network": {"serviceCidr": "172.20.0.0/16", "dnsServiceIp": "172.20.0.10"}},
        {"network": {"dataPlane": "azure"}},
        {"cluster": {"location": "norwayeast"}},
        {"cluster": {"zones": ["1", "2"]}},
        {"systemPool": {"vmSize": "Standard_D8ds_v5"}},
        {"systemPool": {"maxPods": 60}},
        {"systemPool": {"trustedLaunch": True}},
        {"systemPool": {"encryptionAtHost": True}},
    ],
)
def test_what_cannot_be_changed_in_a_running_cluster_asks_for_a_second_one_under_a_name_that_is_taken(program, change):
    now, then = (p.one("containerservice:ManagedCluster") for p in (program("prod"), program("prod", **change)))
    assert now.urn != then.urn
    assert now.inputs["resourceName"] == then.inputs["resourceName"]


@pytest.mark.parametrize(
    "change",
    [
        {"cluster": {"kubernetesVersion": "1.36"}},
        {"cluster": {"keda": True}},
        {"cluster": {"nodeSsh": True, "nodeResourceGroupReadOnly": False}},
        {"systemPool": {"fips": True}},
        {"systemPool": {"maxCount": 9}},
        {"tags": {"owner": "others"}},
    ],
)
def test_what_can_be_changed_is_changed_in_place(program, change):
    now, then = (p.one("containerservice:ManagedCluster") for p in (program("prod"), program("prod", **change)))
    assert now.urn == then.urn


def test_generations_take_ingress_addresses_in_turn(program):
    addresses = [
        program("prod", cluster={"generation": generation}).one("dns:RecordSet", "record-apex").inputs["aRecords"]
        for generation in (1, 2, 3)
    ]
    assert addresses[0] != addresses[1]
    assert addresses[0] == addresses[2]
    service = program("prod", cluster={"generation": 2}).release("traefik").inputs["values"]["service"]
    pip = service["annotations"]["service.beta.kubernetes.io/azure-pip-name"]
    assert pip == "pip-platform-prod-swedencentral-ingress-0"
    assert addresses[1] == [{"ipv4Address": "<ingress-0-swedencentral.ipAddress>"}]


def test_another_region_moves_network_and_cluster_and_leaves_the_foundation(program):
    here, there = program("prod"), program("prod", cluster={"generation": 2, "location": "norwayeast"})
    for type_ in ("keyvault:Vault", "dns:Zone", "containerregistry:Registry"):
        assert here.one(type_).urn == there.one(type_).urn
        before, after = (json.dumps(p.one(type_).inputs) for p in (here, there))
        # the vault's firewall lets in the network that the cluster is in
        assert before.replace("-swedencentral.", "-norwayeast.") == after
    for type_ in ("network:VirtualNetwork", "network:NatGateway", "containerservice:ManagedCluster"):
        assert there.one(type_).inputs["location"] == "norwayeast"
        assert here.one(type_).urn != there.one(type_).urn


def test_the_providers_tell_clusters_apart_by_the_uid_that_azure_gives(prod):
    for provider in prod.several("pulumi:providers:kubernetes"):
        assert "resourceuid" in provider.inputs["clusterIdentifier"]


def test_the_providers_wait_for_the_cluster(prod):
    for provider in prod.several("pulumi:providers:kubernetes"):
        assert prod.one("containerservice:ManagedCluster").urn in provider.dependencies


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_only_crds_that_are_there_already_are_taken_over(program, stack):
    p = program(stack, ingress={"gatewayApi": True})
    crds = p.cluster_provider(crds=True)
    assert crds.inputs["upsertExistingObjects"] == "true"
    assert "upsertExistingObjects" not in p.cluster_provider().inputs
    for provider in (crds, p.cluster_provider()):
        assert provider.inputs["kubeconfig"] == "[secret]"
        assert provider.inputs["enablePatchForce"] == "true", "what somebody changed by hand is set back"
    taking = {r.type for r in p.all if r.provider == crds.urn}
    assert taking == {"kubernetes:helm.sh/v4:Chart", "kubernetes:yaml/v2:ConfigFile"}


def test_a_local_cluster_is_the_same_wherever_its_kubeconfig_lies(program):
    def identifier(**local):
        providers = program("local", local=local).several("pulumi:providers:kubernetes")
        [found] = {provider.inputs["clusterIdentifier"] for provider in providers}
        return found

    assert identifier() == identifier(kubeconfig="/a/kubeconfig") == identifier(kubeconfig="/b/kubeconfig")
    assert identifier() == "local/current-context"
    assert identifier(context="kind-one") == identifier(context="kind-one", kubeconfig="/a/kubeconfig")
    assert identifier(context="kind-one") != identifier(context="kind-two") != identifier()


def test_the_root_application_may_take_its_children_along_but_not_for_ever(each):
    assert each.one("argoproj.io/v1alpha1:Application").timeouts == {"delete": "10m"}
