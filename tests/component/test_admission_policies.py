"""What the program registers to keep applications within bounds: every policy holds, and every kind is thought of."""

import re
from pathlib import Path
from typing import Any

import pytest

from bootstrap.platform.plan.registration import Registration
from components.addons.placement import SYSTEM_POOL_TOLERATIONS
from components.tenancy.pods import SYSTEM_POOL_TAINT
from conventions import TENANT_LABEL
from tests.component.conftest import Program

PROJECTS = Path(__file__).resolve().parents[2] / "tenants" / "templates" / "projects.yaml"
POLICY = "admissionregistration.k8s.io/v1:ValidatingAdmissionPolicy"

NOT_WRITTEN = {
    "Pod": "its controllers make it",
    "ReplicaSet": "a Deployment makes it",
    "DaemonSet": "no project has it; one that gets it has no gap",
}
"""Kinds that are judged though no project allows them."""
FREE = {
    "ConfigMap": "only its own Pods read it",
    "HorizontalPodAutoscaler": "scales what is in its namespace",
    "PodDisruptionBudget": "counts Pods of its namespace; one that allows no eviction delays a drain",
}
"""Kinds that no policy judges."""


def kind_of(resource: str) -> str:
    """Return the kind of a resource, in small letters; a subresource is its object's."""
    plural = resource.partition("/")[0]
    end, kind = next(pair for pair in (("ies", "y"), ("sses", "ss"), ("s", "")) if plural.endswith(pair[0]))
    return plural.removesuffix(end) + kind


def judged(program: Program) -> set[str]:
    return {
        kind_of(resource)
        for policy in program.several(POLICY)
        for rule in policy.inputs["spec"]["matchConstraints"]["resourceRules"]
        for resource in rule["resources"]
    }


def lowered(kinds: Any) -> set[str]:
    return {kind.lower() for kind in kinds}


@pytest.fixture(scope="module")
def allowed() -> set[str]:
    """Kinds that an application's project lets it write."""
    text = PROJECTS.read_text(encoding="utf-8").partition("namespaceResourceWhitelist:")[2]
    found = set(re.findall(r"- \{ group: .*, kind: (\w+) \}", text))
    assert len(found) > 10
    return found


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
            assert rule["operations"] == ["CREATE", "UPDATE"]
        for validation in spec["validations"]:
            assert "\n" not in validation["expression"], "it would need a second message"
            assert "allowed" in validation["messageExpression"], policy.name


def test_no_policy_names_an_application(each: Program) -> None:
    """What differs between applications stands in annotations of their namespaces."""
    for policy in each.several(POLICY):
        assert "namespaceSelector" not in policy.inputs["spec"]["matchConstraints"]
        assert "app-" not in str(policy.inputs["spec"])


def test_every_policy_holds_before_the_first_application(each: Program) -> None:
    root: Registration = each.one("argoproj.io/v1alpha1:Application")
    applications: Registration = each.one("argoproj.io/v1alpha1:ApplicationSet")
    for item in (*each.several(POLICY), *each.several(f"{POLICY}Binding")):
        assert each.waits_for(root, item) and each.waits_for(applications, item)


def test_every_kind_that_is_judged_is_an_application_s(each: Program, allowed: set[str]) -> None:
    assert judged(each) <= lowered(allowed) | lowered(NOT_WRITTEN)
    assert lowered(NOT_WRITTEN) <= judged(each) - lowered(allowed)


def test_every_kind_that_an_application_may_write_is_judged_or_free(each: Program, allowed: set[str]) -> None:
    assert lowered(allowed) - judged(each) == lowered(FREE)


def test_containers_that_are_added_to_running_pods_are_judged(each: Program) -> None:
    (images,) = [item for item in each.several(POLICY) if item.inputs["metadata"]["name"] == "tenant-pod-images"]
    (rule,) = images.inputs["spec"]["matchConstraints"]["resourceRules"]
    assert rule["resources"] == ["pods", "pods/ephemeralcontainers"]


def test_the_taint_that_may_not_be_tolerated_is_the_system_pools() -> None:
    assert [toleration["key"] for toleration in SYSTEM_POOL_TOLERATIONS] == [SYSTEM_POOL_TAINT]
