"""What the accounts may do with which Argo CD applies what is in Git."""

import pytest

from conventions import ROOT_KINDS, TENANT_KINDS, TENANT_ROLE

STACKS = ["dev", "prod", "local"]
_RBAC = "rbac.authorization.k8s.io/v1"


def rules_of(program, type_, name):
    (role,) = [r.inputs for r in program.several(f"{_RBAC}:{type_}") if r.inputs["metadata"]["name"] == name]
    return role["rules"]


def allowed(rules):
    return {
        (group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        if "resourceNames" not in rule
    }


@pytest.mark.parametrize("stack", STACKS)
def test_an_application_may_be_made_of_what_its_project_allows_and_of_nothing_else(program, stack):
    rules = rules_of(program(stack), "ClusterRole", TENANT_ROLE)
    assert allowed(rules) == {(kind.group, kind.plural) for kind in TENANT_KINDS}
    assert not {"secrets", "roles", "rolebindings", "namespaces", "pods/exec", "serviceaccounts/token"} & {
        resource for _, resource in allowed(rules)
    }
    assert not [part for rule in rules for field in rule.values() for part in field if "*" in part]


@pytest.mark.parametrize("stack", STACKS)
def test_the_root_application_may_make_what_its_project_allows_and_bind_one_role(program, stack):
    p = program(stack)
    everywhere, own = rules_of(p, "ClusterRole", "aks-bootstrap:root"), rules_of(p, "Role", "root")
    kinds = {(kind.group, kind.plural) for kind in ROOT_KINDS}
    assert allowed(everywhere) | allowed(own) == kinds | {("", "namespaces")}
    named = [rule for rule in everywhere if "resourceNames" in rule]
    assert named == [
        {
            "apiGroups": ["rbac.authorization.k8s.io"],
            "resources": ["clusterroles"],
            "resourceNames": [TENANT_ROLE],
            "verbs": ["bind"],
        }
    ]
    verbs = {verb for rule in (*everywhere, *own) if rule not in named for verb in rule["verbs"]}
    assert not verbs & {"*", "bind", "escalate", "impersonate", "deletecollection"}


@pytest.mark.parametrize("stack", STACKS)
def test_every_binding_names_an_account_that_the_program_makes(program, stack):
    p = program(stack)
    accounts = {
        (r.inputs["metadata"]["namespace"], r.inputs["metadata"]["name"]) for r in p.several("core/v1:ServiceAccount")
    }
    for binding in p.several(f"{_RBAC}:ClusterRoleBinding"):
        assert {(s["namespace"], s["name"]) for s in binding.inputs["subjects"]} <= accounts, binding.name


@pytest.mark.parametrize("stack", STACKS)
def test_argo_cd_impersonates_and_the_root_project_says_whom(program, stack):
    p = program(stack)
    assert p.release("argo-cd").inputs["values"]["configs"]["cm"]["application.sync.impersonation.enabled"] is True
    root = p.one(":Application").inputs["spec"]
    project = p.one(":AppProject").inputs
    assert project["metadata"]["name"] == root["project"]
    (account,) = project["spec"]["destinationServiceAccounts"]
    assert {"server": account["server"], "namespace": account["namespace"]} == root["destination"]
    assert account["defaultServiceAccount"] == "argocd:root"
