"""Each addon begins when the one before it serves; what needs no addon runs beside them."""

import itertools

import pytest

CHAIN = ["cert-manager", "traefik", "external-secrets", "argo-cd"]


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
@pytest.mark.parametrize(("earlier", "later"), list(itertools.pairwise(CHAIN)))
def test_a_release_waits_for_the_one_before(program, stack, earlier, later):
    p = program(stack)
    assert p.waits_for(p.release(later), p.release(earlier))
    assert not p.waits_for(p.release(earlier), p.release(later))


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_the_root_application_comes_last(program, stack):
    p = program(stack)
    root = p.one("argoproj.io/v1alpha1:Application")
    for chart in CHAIN:
        assert p.waits_for(root, p.release(chart))
    assert p.waits_for(root, p.one("argoproj.io/v1alpha1:AppProject"))
    assert p.waits_for(root, p.one("core/v1:Secret"))


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_what_an_addon_brings_belongs_to_its_step(program, stack):
    p = program(stack)
    for issuer in p.several(":ClusterIssuer"):
        assert p.waits_for(issuer, p.release("cert-manager"))
        assert p.waits_for(p.release("traefik"), issuer), "ingress needs the issuers for its certificate"
    store = p.one(":ClusterSecretStore")
    assert p.waits_for(store, p.release("external-secrets"))
    assert p.waits_for(p.release("argo-cd"), store), "Argo CD's repository credentials come out of the store"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_user_pools_and_addons_do_not_wait_for_each_other(program, stack):
    p = program(stack)
    for pool in p.several("containerservice:AgentPool"):
        assert p.waits_for(pool, p.one("containerservice:ManagedCluster"))
        for chart in CHAIN:
            assert not p.waits_for(p.release(chart), pool)
            assert not p.waits_for(pool, p.release(chart))


def test_addons_that_sign_in_wait_for_their_federated_credentials(prod):
    for consumer in ("cert-manager", "external-secrets"):
        credential = prod.one("managedidentity:FederatedIdentityCredential", f"federated-{consumer}-g1")
        assert prod.waits_for(prod.release(consumer), credential)


def test_the_cluster_waits_for_its_identities_rights(prod):
    cluster = prod.one("containerservice:ManagedCluster")
    for name in ("control-plane", "kubelet"):
        for role in prod.several("authorization:RoleAssignment"):
            if role.name.startswith(name):
                assert prod.waits_for(cluster, role)
    assert prod.waits_for(cluster, prod.one("network:NatGateway")), "nodes need the way out before they boot"


def test_records_move_when_ingress_serves_and_not_when_argo_cd_does(prod):
    for record in prod.several("dns:RecordSet"):
        assert prod.waits_for(record, prod.release("traefik"))
        assert not prod.waits_for(record, prod.release("argo-cd"))


def test_subnets_are_written_one_at_a_time(program):
    p = program(
        "dev",
        cluster={"apiServer": {"exposure": "vnetIntegrated", "authorizedIpRanges": []}},
        network={"apiServerSubnetCidr": "10.20.16.0/27"},
    )
    nodes, api_server = (
        p.one("network:Subnet", "nodes-swedencentral"),
        p.one("network:Subnet", "api-server-swedencentral"),
    )
    assert p.waits_for(api_server, nodes)


@pytest.mark.parametrize("chart", CHAIN)
@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_releases_look_at_the_ground_before_they_begin(program, stack, chart):
    hooks = program(stack).release(chart).hooks
    assert hooks["before_create"] == hooks["before_update"] != []
    assert hooks["after_create"] == hooks["after_update"] != []


@pytest.mark.parametrize("kind", [":ClusterIssuer", ":ClusterSecretStore", ":AppProject", "v1alpha1:Application"])
def test_custom_resources_wait_for_the_webhook_that_judges_them(local, kind):
    assert local.several(kind)
    for resource in local.several(kind):
        assert resource.hooks["before_create"]
