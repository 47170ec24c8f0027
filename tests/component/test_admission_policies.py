"""What the program registers to keep applications within bounds: every policy holds, and every kind is thought of."""

from pathlib import Path

from bootstrap.platform.plan.registration import Registration
from components.addons.placement import SYSTEM_POOL_TOLERATIONS
from components.tenancy.pods import SYSTEM_POOL_TAINT
from conventions import DEFAULT_DENY, TENANT_KINDS, TENANT_LABEL
from tests.component.conftest import Program

NAMESPACES = Path(__file__).resolve().parents[2] / "tenants" / "templates" / "namespaces.yaml"
POLICY = "admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"

ALLOWED = {kind.plural for kind in TENANT_KINDS}
"""Resources that an application may consist of."""
NOT_WRITTEN = {
    "pods": "its controllers make it",
    "replicasets": "a Deployment makes it",
    "daemonsets": "no project has it; one that gets it has no gap",
}
"""Resources that are judged though no application may write them."""
FREE = {
    "configmaps": "only its own Pods read it",
    "horizontalpodautoscalers": "scales what is in its namespace",
    "poddisruptionbudgets": "counts Pods of its namespace; one that allows no eviction delays a drain",
}
"""Resources that no policy judges."""


def judged(program: Program) -> set[str]:
    return {
        resource.partition("/")[0]
        for policy in program.several(POLICY)
        for rule in policy.inputs["spec"]["matchConstraints"]["resourceRules"]
        for resource in rule["resources"]
    }


def test_every_policy_is_bound_to_the_namespaces_of_applications(each: Program) -> None:
    policies = each.several(POLICY)
    bindings = {item.inputs["metadata"]["name"]: item for item in each.several(f"{POLICY}Binding")}
    assert {policy.inputs["metadata"]["name"] for policy in policies} == bindings.keys()
    selector = {"namespaceSelector": {"matchExpressions": [{"key": TENANT_LABEL, "operator": "Exists"}]}}
    for policy in policies:
        name = policy.inputs["metadata"]["name"]
        binding = bindings[name].inputs["spec"]
        assert binding == {"policyName": name, "validationActions": ["Deny", "Audit"], "matchResources": selector}
        assert each.waits_for(bindings[name], policy)


def test_every_policy_refuses_what_it_cannot_judge_and_says_why(each: Program) -> None:
    for policy in each.several(POLICY):
        spec = policy.inputs["spec"]
        assert spec["failurePolicy"] == "Fail"
        for rule in spec["matchConstraints"]["resourceRules"]:
            assert rule["operations"][:2] == ["CREATE", "UPDATE"]
        for validation in spec["validations"]:
            assert "\n" not in validation["expression"], "it would need a second message"
            assert "allowed" in validation["messageExpression"], policy.name


def test_no_policy_names_an_application(each: Program) -> None:
    """What differs between applications stands in annotations of their namespaces."""
    for policy in each.several(POLICY):
        assert "namespaceSelector" not in policy.inputs["spec"]["matchConstraints"]
        assert "app-" not in str(policy.inputs["spec"])


def test_the_default_that_is_protected_is_the_one_that_the_platform_makes() -> None:
    assert f"kind: NetworkPolicy\nmetadata:\n  name: {DEFAULT_DENY}\n" in NAMESPACES.read_text(encoding="utf-8")


def test_every_policy_holds_before_the_first_application(each: Program) -> None:
    root: Registration = each.one("argoproj.io/v1alpha1:Application")
    applications: Registration = each.one("argoproj.io/v1alpha1:ApplicationSet")
    for item in (*each.several(POLICY), *each.several(f"{POLICY}Binding")):
        assert each.waits_for(root, item) and each.waits_for(applications, item)


def test_every_kind_that_is_judged_is_an_application_s(each: Program) -> None:
    assert judged(each) == (ALLOWED - FREE.keys()) | NOT_WRITTEN.keys()
    assert not ALLOWED & NOT_WRITTEN.keys() and FREE.keys() <= ALLOWED


def test_containers_that_are_added_to_running_pods_are_judged(each: Program) -> None:
    (images,) = [item for item in each.several(POLICY) if item.inputs["metadata"]["name"] == "tenant-pod-images"]
    (rule,) = images.inputs["spec"]["matchConstraints"]["resourceRules"]
    assert rule["resources"] == ["pods", "pods/ephemeralcontainers"]


def test_the_taint_that_may_not_be_tolerated_is_the_system_pools() -> None:
    assert [toleration["key"] for toleration in SYSTEM_POOL_TOLERATIONS] == [SYSTEM_POOL_TAINT]


def test_the_class_of_an_ingress_is_judged_where_an_annotation_names_it_too(each: Program) -> None:
    """https://kubernetes.io/docs/concepts/services-networking/ingress/#deprecated-annotation."""
    judged = [p for p in each.several(POLICY) if "ingresses" in str(p.inputs["spec"])]
    assert judged
    assert any("'kubernetes.io/ingress.class'" in str(p.inputs["spec"]).replace("\\", "") for p in judged)
