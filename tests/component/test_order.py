"""Each addon begins when the one before it serves; what needs no addon runs beside them."""

import pytest


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_the_root_application_comes_last(program, stack):
    p = program(stack)
    root = p.one("argoproj.io/v1alpha1:Application")
    # a project stays until its Application is gone: neither waits for the other, or a deletion would
    beside = p.one("argoproj.io/v1alpha1:ApplicationSet")
    others = [r for addon in p.addons for r in p.objects(addon) if r not in (root, beside)]
    assert {r.type.rsplit(":", 1)[-1] for r in others} >= {"AppProject", "Secret", "Release"}
    for earlier in others:
        # the default certificate comes with its ingress
        assert p.waits_for(root, earlier), earlier.name


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_what_an_addon_brings_belongs_to_its_step(program, stack):
    p = program(stack)
    for issuer in p.several(":ClusterIssuer"):
        assert p.waits_for(issuer, p.release("cert-manager"))
        assert p.waits_for(p.release("traefik"), issuer), "ingress needs the issuers for its certificate"
    for store in p.several(":ClusterSecretStore"):
        assert p.waits_for(store, p.release("external-secrets"))
        assert p.waits_for(p.release("argo-cd"), store), "Argo CD's repository credentials come out of a store"


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_user_pools_and_addons_do_not_wait_for_each_other(program, stack):
    p = program(stack)
    for pool in p.several("containerservice:AgentPool"):
        assert p.waits_for(pool, p.one("containerservice:ManagedCluster"))
        for addon in p.addons:
            for resource in p.objects(addon):
                assert not p.waits_for(resource, pool)
                assert not p.waits_for(pool, resource)


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


def records_of(p):
    found = [record for record in p.several("dns:RecordSet") if "aRecords" in record.inputs]
    assert found
    return found


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_records_move_when_the_new_side_serves(program, stack):
    p = program(stack)
    for record in records_of(p):
        assert p.waits_for(record, p.one("argoproj.io/v1alpha1:ApplicationSet"))
        assert p.waits_for(record, p.one("argoproj.io/v1alpha1:Application"))
        assert record.hooks == {"before_update": ["cutover-g1-before"], "after_update": ["cutover-g1-after"]}
        cluster = p.one("containerservice:ManagedCluster")
        assert record.inputs["metadata"]["cluster"] == cluster.inputs["resourceName"]
        assert record.inputs["metadata"]["resourceGroup"] == cluster.inputs["resourceGroupName"]


def test_records_that_move_at_once_wait_for_ingress_and_not_for_argo_cd(program):
    p = program("prod", dns={"cutover": "immediate"})
    for record in records_of(p):
        assert p.waits_for(record, p.release("traefik"))
        assert not p.waits_for(record, p.release("argo-cd"))
        assert not record.hooks


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
