"""What the cluster says to objects of applications: attacks, and an honest day's work."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from conventions import TENANT_LABEL
from tests.admission.cases import THEMES, Case, every, of_theme, shared
from tests.admission.control_plane import Cluster, archives, bound, eventually, registered, resources, without

POLICIES, BINDINGS = registered()


def test_there_are_cases_enough_in_both_directions() -> None:
    refused = [case for case in every() if case.refused]
    assert len(refused) > 80 and len(every()) - len(refused) > 60


@pytest.mark.parametrize("theme", THEMES)
def test_the_cluster_admits_and_refuses_what_the_case_says(cluster: Cluster, theme: str) -> None:
    assert list(surprises(cluster, of_theme(theme))) == []


def surprises(cluster: Cluster, cases: list[Case]) -> Iterator[str]:
    """Yield the cases to which the cluster says something else."""
    for case in cases:
        status, answer = cluster.apply(case.document(case.namespace), case.namespace, user=case.user)
        words = [word.replace("{namespace}", case.namespace) for word in case.refused]
        message = str(answer.get("message", ""))
        if not words and status not in {200, 201}:
            yield f"{case.name}: refused: {message}"
        if words and (status < 400 or not all(word in message for word in words)):
            yield f"{case.name}: {status} {message or 'admitted'}; expected {words}"


def test_nothing_is_refused_in_a_namespace_that_is_no_application_s(cluster: Cluster) -> None:
    cluster.namespace("plain", {}, {"team": "platform"})
    cluster.settle()
    for case in every():
        if not any("PodSecurity" in word for word in case.refused):
            status, answer = cluster.apply(case.document("plain"), "plain", user=case.user)
            assert status in {200, 201} or "ValidatingAdmissionPolicy" not in answer["message"], case.name


def test_the_api_server_finds_no_fault_with_an_expression(cluster: Cluster) -> None:
    if archives() is None:
        pytest.skip("needs the real CRDs, of the charts in AKS_BOOTSTRAP_CHARTS")
    for policy in POLICIES:
        path = f"{cluster.path(policy)}/{policy['metadata']['name']}"
        eventually(lambda path=path: "typeChecking" in cluster.request("GET", path)[1].get("status", {}))  # type: ignore[misc]
        assert cluster.request("GET", path)[1]["status"]["typeChecking"] == {}, policy["metadata"]["name"]


# --- every validation is needed --------------------------------------------------------------------------------------

MUTANTS = [
    (policy, index, f"without-{number}-{index}")
    for number, policy in enumerate(POLICIES)
    for index in range(len(policy["spec"]["validations"]))
]
KINDS = {
    "pods": "Pod",
    "deployments": "Deployment",
    "statefulsets": "StatefulSet",
    "daemonsets": "DaemonSet",
    "replicasets": "ReplicaSet",
    "jobs": "Job",
    "cronjobs": "CronJob",
    "ingresses": "Ingress",
    "ingressroutes": "IngressRoute",
    "middlewares": "Middleware",
    "externalsecrets": "ExternalSecret",
    "services": "Service",
    "networkpolicies": "NetworkPolicy",
    "serviceaccounts": "ServiceAccount",
    "persistentvolumeclaims": "PersistentVolumeClaim",
}


@pytest.fixture(scope="module")
def weakened(cluster: Cluster) -> Iterator[Cluster]:
    """Namespaces in each of which one policy holds alone, without one of its validations."""
    label = TENANT_LABEL.replace("tenant", "weakened")
    for policy, index, name in MUTANTS:
        cluster.create(without(policy, index, name))
        cluster.create(bound(name, {label: name}))
        for kind in {case.namespace for case in _refused_by(policy)}:
            cluster.namespace(f"{name}-{kind}", shared("namespaces")[kind], {label: name})
    cluster.settle()
    yield cluster


def _refused_by(policy: dict[str, Any]) -> list[Case]:
    kinds = {KINDS[resource] for _, resource in resources(policy) if "/" not in resource}
    return [case for case in every() if case.refused and case.base in kinds and "PodSecurity" not in str(case.refused)]


@pytest.mark.parametrize(
    ("policy", "index", "name"), MUTANTS, ids=lambda value: value if isinstance(value, str) else ""
)
def test_a_case_fails_for_every_validation_that_is_removed(
    weakened: Cluster, policy: dict[str, Any], index: int, name: str
) -> None:
    whole = policy["metadata"]["name"]
    admitted = []
    for case in _refused_by(policy):
        _, plain = weakened.apply(case.document(case.namespace), case.namespace, user=case.user)
        if f"'{whole}'" not in plain.get("message", ""):
            continue  # another policy's
        namespace = f"{name}-{case.namespace}"
        status, _ = weakened.apply(case.document(namespace), namespace, user=case.user)
        if status in {200, 201}:
            admitted.append(case.name)
    assert admitted, json.dumps(policy["spec"]["validations"][index], indent=2)
