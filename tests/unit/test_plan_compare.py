"""What changes between two programs, and how loud it is."""

import pytest

from bootstrap.platform.plan.compare import Kind, compare, exit_status
from bootstrap.platform.plan.graph import critical_path, schedule
from bootstrap.platform.plan.registration import Evaluation, Registration

AKS = "azure-native:containerservice:ManagedCluster"


def resource(name="r", type_="azure-native:resources:ResourceGroup", **changes):
    return Registration(
        urn=f"urn::{name}", type=type_, name=name, custom=True, parent=None, **{"inputs": {}, **changes}
    )


def program(*registrations):
    return Evaluation(stack="dev", project="p", registrations=list(registrations), outputs={})


def only(before, after):
    changes = compare(program(*before), program(*after))
    assert len(changes) == 1
    return changes[0], exit_status(changes)


def test_a_program_is_the_same_as_itself():
    one = program(resource(inputs={"a": [1, {"b": 2}]}))
    assert compare(one, one) == []
    assert exit_status([]) == 0


def test_an_added_resource_is_a_change():
    change, status = only([], [resource()])
    assert (change.kind, status) == (Kind.ADDED, 2)


def test_a_removed_group_is_destructive_and_a_removed_role_is_not():
    assert only([resource()], [])[1] == 3
    assert only([resource(type_="azure-native:authorization:RoleAssignment")], [])[1] == 2


def test_a_changed_input_is_told_by_its_path():
    change, status = only(
        [resource(type_=AKS, inputs={"sku": {"tier": "Free"}})],
        [resource(type_=AKS, inputs={"sku": {"tier": "Standard"}})],
    )
    assert (change.kind, status) == (Kind.CHANGED, 2)
    assert [(p.path, p.before, p.after) for p in change.properties] == [("sku.tier", "Free", "Standard")]


@pytest.mark.parametrize(
    ("type_", "inputs", "others"),
    [
        (AKS, {"dnsPrefix": "a"}, {"dnsPrefix": "b"}),
        (AKS, {"networkProfile": {"podCidr": "10.0.0.0/16"}}, {"networkProfile": {"podCidr": "10.1.0.0/16"}}),
        (AKS, {"location": "westeurope"}, {"location": "northeurope"}),
        ("azure-native:containerservice:AgentPool", {"vmSize": "a"}, {"vmSize": "b"}),
        ("azure-native:containerservice:AgentPool", {"availabilityZones": ["1"]}, {"availabilityZones": ["1", "2"]}),
        ("azure-native:keyvault:Vault", {"vaultName": "a"}, {"vaultName": "b"}),
        ("kubernetes:helm.sh/v3:Release", {"namespace": "a"}, {"namespace": "b"}),
    ],
)
def test_what_azure_cannot_change_in_place_is_a_replacement_and_loud(type_, inputs, others):
    change, status = only([resource(type_=type_, inputs=inputs)], [resource(type_=type_, inputs=others)])
    assert (change.kind, change.destructive, status) == (Kind.REPLACED, True, 3)


def test_what_the_engine_ignores_is_no_change():
    before = resource(inputs={"count": 3}, ignore_changes=["count"])
    assert compare(program(before), program(resource(inputs={"count": 5}, ignore_changes=["count"]))) == []


@pytest.mark.parametrize("option", ["protect", "retain_on_delete"])
def test_a_lost_protection_is_a_change(option):
    change, status = only([resource(**{option: True})], [resource()])
    assert change.properties[0].path == f"options.{option}"
    assert status == 2


def test_destructive_changes_come_first():
    changes = compare(program(resource("old")), program(resource("new")))
    assert [(c.name, c.destructive) for c in changes] == [("old", True), ("new", False)]


def test_the_critical_path_is_the_longest_way_and_not_the_last_line():
    cluster = resource("aks", AKS)
    quick = resource("zone", "azure-native:dns:Zone")
    addon = resource("addon", "kubernetes:helm.sh/v3:Release", dependencies=[cluster.urn, quick.urn])
    late = resource("late", "azure-native:dns:Zone")
    steps = schedule(program(quick, cluster, addon, late))
    assert [step.registration.name for step in critical_path(steps)] == ["aks", "addon"]
    assert steps[addon.urn].begins == steps[cluster.urn].ends
    assert steps[late.urn].begins == 0, "what nothing holds back begins at once"


@pytest.mark.parametrize(
    "type_",
    [
        "kubernetes:argoproj.io/v1alpha1:Application",
        "kubernetes:core/v1:Namespace",
        "pulumi:providers:kubernetes",
        "azure-native:managedidentity:UserAssignedIdentity",
        "azure-native:monitor:AzureMonitorWorkspace",
        "azure-native:dns:RecordSet",
    ],
)
def test_what_interrupts_somebody_is_loud_when_it_goes(type_):
    assert only([resource(type_=type_)], [])[1] == 3


def test_a_hook_that_is_lost_is_a_change():
    change, status = only([resource(hooks={"before_create": ["guard"]})], [resource()])
    assert status == 2 and change.properties[0].path == "options.hooks"
