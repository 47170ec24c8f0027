"""What changes between two programs, and how loud it is."""

import pytest

from bootstrap.platform.plan.compare import ExitStatus, Kind, PropertyChange, compare, exit_status
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


def test_a_resource_that_moved_is_the_same_one_where_an_alias_says_so():
    old, new = resource("old", inputs={"a": 1}), resource("new", inputs={"a": 2}, aliases=["urn::gone", "urn::old"])
    change, _ = only([old], [new])
    assert (change.kind, change.name, [p.path for p in change.properties]) == (Kind.CHANGED, "new", ["a"])
    assert compare(program(old), program(resource("new", inputs={"a": 1}, aliases=["urn::old"]))) == []
    both = compare(program(old), program(old, resource("new", inputs={"a": 1}, aliases=["urn::old"])))
    assert [(change.kind, change.name) for change in both] == [(Kind.ADDED, "new")], "it is still there"


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


def test_an_upgrade_that_azure_would_refuse_is_told_with_the_way():
    def cluster(version, channel):
        inputs = {"kubernetesVersion": version, "autoUpgradeProfile": {"upgradeChannel": channel}}
        return resource(type_=AKS, inputs=inputs)

    change, _ = only([cluster("1.35", "patch")], [cluster("1.36", "patch")])
    assert "raise cluster.generation in the same edit" in change.refused
    assert only([cluster("1.35", "none")], [cluster("1.36", "none")])[0].refused == ""


def test_what_the_engine_ignores_is_no_change():
    before = resource(inputs={"count": 3}, ignore_changes=["count"])
    assert compare(program(before), program(resource(inputs={"count": 5}, ignore_changes=["count"]))) == []


@pytest.mark.parametrize(
    ("path", "other", "told"),
    [
        ("agentPoolProfiles", "agentPoolProfilesx", False),
        ("agentPoolProfiles.count", "agentPoolProfiles.maxCount", False),
        ("agentPoolProfiles.count", "agentPoolProfiles.count", True),
    ],
)
def test_only_what_the_engine_ignores_is_left_out(path, other, told):
    """An ignored property takes along what is below it, and nothing that only begins like it."""

    def inputs(value):
        first, _, second = other.partition(".")
        return {first: {second: value} if second else value}

    before, after = (resource(inputs=inputs(value), ignore_changes=[path]) for value in (1, 2))
    changes = compare(program(before), program(after))
    assert (changes == []) is told
    below = resource(inputs={"agentPoolProfiles": {"count": 1}}, ignore_changes=["agentPoolProfiles"])
    same = resource(inputs={"agentPoolProfiles": {"count": 9}}, ignore_changes=["agentPoolProfiles"])
    assert compare(program(below), program(same)) == []


@pytest.mark.parametrize(
    ("option", "before", "after"),
    [
        ("protect", True, False),
        ("retain_on_delete", True, False),
        ("deleted_with", "urn::cluster", None),
        ("provider", "urn::one", "urn::other"),
        ("ignore_changes", ["count"], []),
        ("hooks", {"before_create": ["guard"]}, {}),
    ],
)
def test_an_option_that_changes_is_told_and_replaces_nothing(option, before, after):
    change, status = only([resource(**{option: before})], [resource(**{option: after})])
    assert change.properties == (PropertyChange(path=f"options.{option}", before=before, after=after, replaces=False),)
    assert (change.kind, change.destructive, status) == (Kind.CHANGED, False, 2)


def test_a_change_is_told_with_what_it_is_of():
    change, _ = only([resource("vault", "azure-native:keyvault:Vault")], [])
    assert (change.urn, change.type, change.name) == ("urn::vault", "azure-native:keyvault:Vault", "vault")
    assert change.properties == ()


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


def test_the_exit_statuses_are_those_that_scripts_read():
    assert [int(status) for status in ExitStatus] == [0, 2, 3]


def test_changes_come_in_the_programs_order_behind_the_destructive_ones():
    def named(*names, size="a"):
        return program(*(resource(name, AKS if name == "aks" else "x:y:Z", inputs={"v": size}) for name in names))

    before = named("one", "aks", "gone", "two")
    after = program(
        resource("two", "x:y:Z", inputs={"v": "b"}),
        resource("added", "x:y:Z"),
        resource("aks", AKS, inputs={"location": "b"}),
        resource("one", "x:y:Z", inputs={"v": "b"}),
    )
    changes = compare(before, after)
    assert [(c.name, c.kind) for c in changes] == [
        ("aks", Kind.REPLACED),
        ("gone", Kind.REMOVED),
        ("two", Kind.CHANGED),
        ("added", Kind.ADDED),
        ("one", Kind.CHANGED),
    ]
    assert [kind.value for kind in Kind] == ["added", "changed", "replaced", "removed"]
