"""What was reviewed is what is deployed, although whoever previews may only read, and whoever deploys anything."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config
from kubernetes.client.exceptions import ApiException

from bootstrap.platform.ci.preview import Preview, read_preview
from rehearsal.project import Project
from rehearsal.sandbox import Sandbox

POOL = {"name": "apps", "vmSize": "Standard_D4ds_v5", "minCount": 1, "maxCount": 7}

CHANGES: dict[str, dict[str, Any]] = {
    "objects, releases and a pool in place": {
        "nodePools": [POOL],
        "certificates": {"email": "somebody-else@example.com"},
        "ingress": {"replicas": 3},
    },
    "objects that come and go": {"certificates": {"issuer": "self-signed"}},
    "the next generation": {"cluster": {"generation": 2}},
}


def token_of_a_reader(kubeconfig: Path) -> str:
    """Return a token that may read everything in a cluster, Secrets too, and change nothing."""
    api = config.new_client_from_config(str(kubeconfig))
    core, rbac = client.CoreV1Api(api), client.RbacAuthorizationV1Api(api)
    name = client.V1ObjectMeta(name="previews")
    core.create_namespaced_service_account("default", client.V1ServiceAccount(metadata=name))
    rules = [client.V1PolicyRule(api_groups=["*"], resources=["*"], verbs=["get", "list", "watch"])]
    rbac.create_cluster_role(client.V1ClusterRole(metadata=name, rules=rules))
    subject = client.RbacV1Subject(kind="ServiceAccount", name="previews", namespace="default")
    role = client.V1RoleRef(api_group="rbac.authorization.k8s.io", kind="ClusterRole", name="previews")
    rbac.create_cluster_role_binding(client.V1ClusterRoleBinding(metadata=name, subjects=[subject], role_ref=role))
    asked = client.AuthenticationV1TokenRequest(spec=client.V1TokenRequestSpec(audiences=[], expiration_seconds=7200))
    made = core.create_namespaced_service_account_token("previews", "default", asked)
    assert made.status
    return str(made.status.token)


def may_write(kubeconfig: Path, token: str) -> bool:
    """Return whether a token may send as much as a dry run."""
    configuration = client.Configuration()
    config.load_kube_config(str(kubeconfig), client_configuration=configuration)
    configuration.cert_file = configuration.key_file = None
    configuration.api_key = {"authorization": f"Bearer {token}"}
    try:
        with client.ApiClient(configuration) as api:
            client.CoreV1Api(api).create_namespace(
                client.V1Namespace(metadata=client.V1ObjectMeta(name="x")), dry_run="All"
            )
    except ApiException as error:
        assert error.status == 403, error
        return False
    return True


def signs_in_with(sandbox: Sandbox, token: str) -> None:
    credential = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "kind": "ExecCredential",
        "status": {"token": token},
    }
    programs = Path(sandbox.project.environment["PATH"].split(":")[0])
    (programs / "kubelogin").write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")


def previewed(project: Project) -> Preview:
    found = read_preview(project.pulumi("preview", "--json", "--refresh", check=False).stdout)
    assert found.errors == []
    return found


def in_order(preview: Preview) -> list[tuple[str, str, object]]:
    return sorted(((o.urn, o.kind, o.differences) for o in preview.operations), key=lambda found: found[:2])


@pytest.fixture
def sandbox(make_sandbox: Callable[..., Sandbox]) -> Sandbox:
    made = make_sandbox("dev", planes=2)
    made.project.pulumi("up", "--yes", "--skip-preview")
    return made


def test_a_preview_by_a_reader_has_the_digest_of_the_deployers(sandbox: Sandbox) -> None:
    project, kubeconfig = sandbox.project, sandbox.planes[0].kubeconfig
    programs = Path(project.environment["PATH"].split(":")[0])
    deployer, token = (programs / "kubelogin").read_text(), token_of_a_reader(kubeconfig)
    assert not may_write(kubeconfig, token)
    file = project.folder / "Pulumi.dev.yaml"
    before = file.read_text()
    for what, changes in CHANGES.items():
        file.write_text(before)
        project.configure(changes)
        signs_in_with(sandbox, token)
        reviewed = previewed(project)
        (programs / "kubelogin").write_text(deployer)
        now = previewed(project)
        assert now.operations, what
        assert in_order(reviewed) == in_order(now), what
        assert reviewed.digest == now.digest, what
    file.write_text(before)
    project.configure(CHANGES["objects, releases and a pool in place"])
    project.pulumi("up", "--yes", "--skip-preview")
    assert not previewed(project).operations
