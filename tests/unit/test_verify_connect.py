"""How `bootstrap verify` reaches a cluster, what it prints, and how it ends."""

import base64
import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from rich.console import Console
from typer.testing import CliRunner

from bootstrap.cli import app
from bootstrap.errors import UpError
from bootstrap.platform.cluster_commands import ClusterCommands
from bootstrap.platform.doctor import azure as doctors
from bootstrap.platform.doctor import needs as needed
from bootstrap.platform.findings import failed, fine
from bootstrap.platform.plan import evaluate as evaluation
from bootstrap.platform.reach import Entry
from bootstrap.platform.run import Choice, choose_cluster
from bootstrap.platform.verify import connect, git, verify
from bootstrap.platform.verify.report import Report
from conventions import TENANT_LABEL
from tests.unit.loopback_api import SYSTEM, serve_as
from tests.unit.loopback_platform import IMAGE, Platform, named
from tests.unit.test_up_runs import PULUMI, STACK_FILES

QUIET = Console(quiet=True)
SERVICE = "/api/v1/namespaces/traefik/services/traefik"


@pytest.fixture
def platform(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Platform]:
    """A project whose stacks are up on a cluster on loopback; programs are scripts."""
    for name in ("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_CONFIG_PASSPHRASE_FILE", "ARM_CLIENT_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("PULUMI_HOME", str(tmp_path / "home"))
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    for stack, text in STACK_FILES.items():
        (tmp_path / f"Pulumi.{stack}.yaml").write_text(text)
    with serve_as(Platform) as played:
        played.put(SYSTEM, named("kube-system"))
        played.put("/version", named("version"))
        ports = [{"name": "web", "port": 80, "nodePort": 30080}, {"name": "websecure", "port": 443, "nodePort": 30443}]
        played.put(SERVICE, named("traefik", spec={"type": "NodePort", "ports": ports}))
        address = [{"type": "InternalIP", "address": "192.0.2.7"}]
        played.put("/api/v1/nodes/one", named("one", status={"addresses": address}))
        (tmp_path / "kubeconfig").write_text(json.dumps(played.kubeconfig()))
        monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
        yield played


def script(folder: Path, name: str, text: str) -> None:
    (folder / "bin").mkdir(exist_ok=True)
    (folder / "bin" / name).write_text(text.replace("@/", f"{folder}/"))
    (folder / "bin" / name).chmod(0o755)


def test_a_local_stack_is_reached_by_its_kubeconfig_and_without_pulumi(platform: Platform, tmp_path: Path) -> None:
    found = connect.connect(tmp_path, "local", QUIET)
    assert found.local and found.commands == ClusterCommands() and found.azure is None
    assert found.door == Entry(address="192.0.2.7", https=30443, http=30080)
    assert found.image == IMAGE and found.pulled_image.startswith("ghcr.io/stefanprodan/podinfo@")
    assert found.restore("argocd") == "helm -n argocd get manifest argo-cd | kubectl apply -f -"


def test_commands_name_a_kubeconfig_and_a_context_that_are_not_the_shells(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG")
    stack = tmp_path / "Pulumi.local.yaml"
    local = f"  aks-bootstrap:local: {{kubeconfig: {tmp_path}/kubeconfig, context: two}}\n"
    stack.write_text(stack.read_text() + local)
    found = connect.connect(tmp_path, "local", QUIET)
    assert found.kube("get", "pods") == f"kubectl --kubeconfig {tmp_path}/kubeconfig --context two get pods"
    chosen = f"--kubeconfig {tmp_path}/kubeconfig"
    helm = f"helm {chosen} --kube-context two -n argocd get manifest argo-cd"
    assert found.restore("argocd") == f"{helm} | kubectl {chosen} --context two apply -f -"


def test_proxies_without_a_way_to_them_are_not_asked(platform: Platform, tmp_path: Path) -> None:
    platform.put(SERVICE, named("traefik", spec={"type": "ClusterIP", "ports": []}))
    door = connect.connect(tmp_path, "local", QUIET).door
    assert not door.address


def test_a_load_balancer_has_the_ports_that_everybody_knows(platform: Platform, tmp_path: Path) -> None:
    status = {"loadBalancer": {"ingress": [{"ip": "192.0.2.8"}]}}
    platform.put(SERVICE, named("traefik", spec={"type": "LoadBalancer", "ports": []}, status=status))
    assert connect.connect(tmp_path, "local", QUIET).door == Entry(address="192.0.2.8")


def test_a_kind_cluster_is_asked_at_the_ports_that_lead_to_it(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "choose_cluster", lambda *given: replace(choose_cluster(*given), managed=True))
    door = connect.connect(tmp_path, "local", QUIET).door
    assert door == Entry(address="127.0.0.1", https=8443, http=8080)


def test_pods_are_listed_until_one_has_an_image_that_was_pulled(platform: Platform, tmp_path: Path) -> None:
    pods = "/api/v1/namespaces/{}/pods"
    for name in ("app-b", "app-c"):
        platform.put(f"/api/v1/namespaces/{name}", {"metadata": {"name": name, "labels": {TENANT_LABEL: name}}})
        loaded = [{"imageID": "sha256:" + "0" * 64}]
        platform.put(f"{pods.format(name)}/{name}", named(name, status={"containerStatuses": loaded}))
    assert connect.connect(tmp_path, "local", QUIET).pulled_image.startswith("ghcr.io/stefanprodan/podinfo@")
    listed = [path for _, path, _ in platform.requests if path.endswith("/pods")]
    assert listed == [pods.format("app-hello")]
    assert all("limit" in query for _, path, query in platform.requests if path.endswith("/pods"))


def test_the_image_of_argo_cd_is_known_where_pods_may_not_be_listed(platform: Platform, tmp_path: Path) -> None:
    platform.forbidden = "/pods$"
    found = connect.connect(tmp_path, "local", QUIET)
    assert (found.image, found.pulled_image) == (IMAGE, "")


def test_a_cluster_whose_objects_may_not_be_read_has_no_image_to_run(platform: Platform, tmp_path: Path) -> None:
    platform.forbidden = "deployments"
    assert connect.connect(tmp_path, "local", QUIET).image == ""


def test_a_cluster_that_is_gone_ends_the_run_with_what_to_do(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = {**platform.kubeconfig(), "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:9"}}]}
    path = tmp_path / "kind.kubeconfig"
    path.write_text(json.dumps(gone))
    kind = Choice(name="cluster", description="kind", environment={"KUBECONFIG": str(path)}, managed=True)
    monkeypatch.setattr(connect, "choose_cluster", lambda *_: kind)
    with pytest.raises(UpError, match=r"kubeconfig does not answer \(no connection\): start it"):
        connect.connect(tmp_path, "local", QUIET)


# --- in Azure --------------------------------------------------------------------------------------------------------


CLUSTERS = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters"
OUTPUTS = {"ingressAddress": "192.0.2.8", "resourceGroup": "g", "clusterName": "aks"}


@pytest.fixture
def azure(platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Platform:
    """A stack that is in the state, and a sign-in that works."""
    outputs = '*"stack output"*) /bin/cat @/outputs ;;\n  up*'
    (tmp_path / "outputs").write_text(json.dumps(OUTPUTS))
    script(tmp_path, "pulumi", PULUMI.replace("up*", outputs, 1))
    script(tmp_path, "az", "#!/bin/sh\necho someone@example.com\n")
    status = {"token": "sesame-one"}
    credential = {"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status}
    script(tmp_path, "kubelogin", f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    (tmp_path / "stacks").write_text('[{"name": "organization/p/dev"}]')
    needs = SimpleNamespace(
        subscription_id="s",
        subscription="/subscriptions/s",
        azure=SimpleNamespace(tenant_id="t"),
        cluster=SimpleNamespace(id=f"{CLUSTERS}/aks"),
        cluster_settings=SimpleNamespace(kubelogin="azurecli"),
    )
    monkeypatch.setattr(evaluation, "evaluate", lambda *_: None)
    monkeypatch.setattr(needed, "Needs", lambda *_: needs)
    answering(monkeypatch, platform.url)
    return platform


def answering(monkeypatch: pytest.MonkeyPatch, server: str | None) -> None:
    """Let Azure say where the cluster is, or refuse."""
    authority = base64.b64encode(b"any").decode()
    cluster = {"server": server, "certificate-authority-data": authority}
    kubeconfig = json.dumps({"clusters": [{"cluster": cluster}]}).encode()

    def credentials(group: str, name: str) -> Any:
        assert (group, name) == ("g", "aks")
        if server is None:
            raise ClientAuthenticationError("Please run 'az login'")
        return SimpleNamespace(kubeconfigs=[SimpleNamespace(value=kubeconfig)] if server else [])

    clusters = SimpleNamespace(list_cluster_user_credentials=credentials)
    made = SimpleNamespace(kubernetes=SimpleNamespace(managed_clusters=clusters))
    monkeypatch.setattr(doctors, "Clients", lambda *_: made)


def test_a_stack_in_azure_is_reached_as_up_does_with_its_outputs(azure: Platform, tmp_path: Path) -> None:
    found = connect.connect(tmp_path, "dev", QUIET)
    assert found.outputs == OUTPUTS and found.azure is not None and not found.local
    assert found.restore("cert-manager") == (
        "helm --kube-context aks -n cert-manager get manifest cert-manager | kubectl --context aks apply -f -"
    )
    assert azure.tokens == {"Bearer sesame-one"}


def test_the_cluster_is_the_one_that_is_up_and_not_the_one_that_the_stack_file_asks_for(
    azure: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planned(), "cluster", SimpleNamespace(id=f"{CLUSTERS}/aks-g2"))
    found = connect.connect(tmp_path, "dev", QUIET)
    assert found.azure is not None and found.azure.cluster_id == f"{CLUSTERS}/aks"
    assert found.kube("get", "pods") == "kubectl --context aks get pods"


def test_without_its_name_among_the_outputs_it_is_the_planned_one(azure: Platform, tmp_path: Path) -> None:
    (tmp_path / "outputs").write_text("{}")
    found = connect.connect(tmp_path, "dev", QUIET)
    assert found.azure is not None and found.azure.cluster_id == f"{CLUSTERS}/aks"


def planned() -> Any:
    """Return what the fixture plans."""
    make: Any = needed.Needs
    return make()


def test_a_stack_that_was_never_deployed_is_told(azure: Platform, tmp_path: Path) -> None:
    (tmp_path / "stacks").write_text("[]")
    with pytest.raises(UpError, match="there is no stack dev in the state: `make up STACK=dev`"):
        connect.connect(tmp_path, "dev", QUIET)


@pytest.mark.parametrize(
    ("server", "told"),
    [
        (None, "does not say how cluster aks is reached: Please run 'az login'"),
        ("", "its answer is empty"),
        ("http://127.0.0.1:9", "the API server of aks does not answer"),
    ],
)
def test_a_cluster_that_is_not_reached_is_told(
    azure: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: str | None, told: str
) -> None:
    answering(monkeypatch, server)
    with pytest.raises(UpError, match=told):
        connect.connect(tmp_path, "dev", QUIET)


def test_a_refusal_without_a_word_is_told_by_its_kind(
    azure: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise ServiceRequestError("")

    clusters = SimpleNamespace(list_cluster_user_credentials=refuse)
    made = SimpleNamespace(kubernetes=SimpleNamespace(managed_clusters=clusters))
    monkeypatch.setattr(doctors, "Clients", lambda *_: made)
    with pytest.raises(UpError, match="does not say how cluster aks is reached: ServiceRequestError"):
        connect.connect(tmp_path, "dev", QUIET)


# --- Git, and the command line ---------------------------------------------------------------------------------------


def test_a_revision_is_that_of_the_branch_or_the_tag(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*arguments: str) -> str:
        identity = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "tag.gpgsign=false"]
        return subprocess.run(
            ["git", *identity, *arguments], cwd=tmp_path, check=True, capture_output=True, text=True
        ).stdout.strip()

    run("init", "--quiet", "--initial-branch", "main")
    run("commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message", "one")
    run("tag", "--annotate", "v1", "--message", "one")
    first = run("rev-parse", "HEAD")
    run("commit", "--quiet", "--allow-empty", "--no-gpg-sign", "--message", "two")
    url, head = f"file://{tmp_path}", run("rev-parse", "HEAD")
    assert git.revision(url, "main") == head
    assert git.revision(url, "v1") == first, "the commit, not the tag"
    assert git.revision(url, first) == first
    assert git.revision(url, "nowhere") == ""
    assert git.revision(f"{url}/nowhere", "main") == ""
    monkeypatch.setenv("PATH", "/nowhere")
    assert git.revision(url, "main") == ""


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ({}, "ssh -o BatchMode=yes"),
        ({"GIT_SSH_COMMAND": "ssh -i key"}, "ssh -i key"),
        ({"GIT_SSH": "/opt/ssh"}, ""),
    ],
)
def test_git_signs_in_by_ssh_as_the_machine_is_set_up_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: dict[str, str], used: str
) -> None:
    for name in ("GIT_SSH_COMMAND", "GIT_SSH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    script(tmp_path, "git", '#!/bin/sh\necho "$GIT_SSH_COMMAND" > @/ssh\n')
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    assert git.revision("git@example.com:acme/repo.git", "main") == ""
    assert (tmp_path / "ssh").read_text().strip() == used


@pytest.mark.parametrize(("text", "seconds"), [("15s", 15.0), ("2m30s", 150.0), ("1h", 3600.0), ("0s", 0.0), ("", 0.0)])
def test_a_duration_is_read_as_go_writes_it(text: str, seconds: float) -> None:
    assert git.seconds(text) == seconds


GOOD = fine("pods", "a Pod", "runs")
BAD = failed("pods", "a Pod", "does not", cause="no room", remedy="kubectl get nodes")


@pytest.mark.parametrize(("findings", "status"), [([GOOD], 0), ([GOOD, BAD], 2)])
@pytest.mark.parametrize("form", ["text", "json", "junit"])
def test_the_exit_status_says_whether_something_failed(
    monkeypatch: pytest.MonkeyPatch, findings: list[Any], status: int, form: str
) -> None:
    asked: dict[str, Any] = {}

    def examine(_: Path, stack: str, **given: Any) -> Report:
        asked.update(given, stack=stack)
        return Report(stack=stack, findings=findings, seconds=1)

    monkeypatch.setattr(verify, "verify", examine)
    done = CliRunner().invoke(app, ["verify", "--stack", "x", "--format", form, "--egress-url", "http://e"])
    assert done.exit_code == status, done.output
    assert asked["stack"] == "x" and asked["egress_url"] == "http://e"
    starts = {"text": "✓", "json": "{", "junit": "<?xml"}
    assert done.stdout.startswith(starts[form]) and ("no room" in done.stdout) is bool(status)
