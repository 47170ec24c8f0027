"""What `bootstrap verify` makes of a real API server's refusals, with the policies of the program."""

import datetime as dt
from pathlib import Path

import pytest

from bootstrap.platform.findings import Finding, Verdict
from bootstrap.platform.local_cluster import api_client
from bootstrap.platform.reach import Entry
from bootstrap.platform.verify.checks.pod_security import refusals
from bootstrap.platform.verify.cluster import Cluster as Asked
from bootstrap.platform.verify.target import Target
from bootstrap.platform.verify.workspace import NAMESPACE, Workspace
from conventions import DIGESTS_ANNOTATION, REGISTRIES_ANNOTATION, TENANT_LABEL
from settings import parse
from tests.admission.control_plane import Cluster
from tests.admission.test_validate_live import kubeconfig
from tests.unit.test_verify_checks import LOCAL

ALLOWED = {REGISTRIES_ANNOTATION: "ghcr.io/acme, quay.io", DIGESTS_ANNOTATION: "true"}
LIFTED = {"pod-security.kubernetes.io/enforce": "privileged", TENANT_LABEL: "lifted"}


@pytest.fixture(scope="module")
def asked(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    path: Path = kubeconfig(cluster, tmp_path_factory.mktemp("verify"))
    return Asked(api_client(path, None))


def test_an_api_server_tells_its_own_time(asked: Asked) -> None:
    found = asked.now()
    assert found.microsecond == 0, "of the header, and not of this machine"
    assert abs(found - dt.datetime.now(dt.UTC)) < dt.timedelta(seconds=10)


@pytest.fixture(scope="module")
def findings(cluster: Cluster, asked: Asked) -> list[Finding]:
    """Return what is found where one application's namespace has lost its label, and another has not."""
    cluster.namespace(NAMESPACE, {REGISTRIES_ANNOTATION: "quay.io/argoproj/argocd"})
    cluster.namespace("kept", ALLOWED)
    cluster.namespace("nothing-allowed", {})
    cluster.namespace("lifted", ALLOWED, LIFTED)
    cluster.settle()
    target = Target(
        stack="local",
        settings=parse(LOCAL),
        cluster=asked,
        workspace=Workspace(asked),
        door=Entry(address=""),
        run="",
    )
    return list(refusals(target))


def test_pod_security_refuses_before_any_policy_does(findings: list[Finding]) -> None:
    [found] = [each for each in findings if each.subject == "Pod Security"]
    assert {NAMESPACE, "kept", "nothing-allowed"} <= set(found.detail.partition(" in ")[2].split(", "))


def test_no_policy_stands_in_for_pod_security(findings: list[Finding]) -> None:
    [found] = [each for each in findings if each.subject == "namespace lifted"]
    assert (found.verdict, found.detail) == (Verdict.FAILED, "a privileged Pod would be taken")


def test_a_policy_refuses_the_image_of_another_registry(findings: list[Finding]) -> None:
    [found] = [each for each in findings if each.subject == "admission policies"]
    assert found.verdict is Verdict.FINE
