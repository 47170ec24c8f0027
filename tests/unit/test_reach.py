"""What `up` prints of the way to Argo CD's page."""

from pathlib import Path
from typing import Any

import pytest
from kubernetes import client
from ruamel.yaml import YAML

from bootstrap.platform.local_cluster import HTTP_PORT, HTTPS_PORT, LOOPBACK, kind_config
from bootstrap.platform.reach import Entry, directions, entry
from settings import Settings, parse
from settings.addons import NodePorts
from settings.report import SettingsError
from tests.unit.loopback_api import ApiServer, serve

ROOT = Path(__file__).resolve().parents[2]


def local(*, context: str | None = None, **gitops: str) -> Settings:
    config = YAML(typ="safe").load(ROOT / "Pulumi.local.yaml")["config"]
    prefix = "aks-bootstrap:"
    raw = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    context_of = {"local": {"context": context}} if context else {}
    return parse({**raw, **context_of, "gitops": {**raw["gitops"], **gitops}}, deployed=True)


def test_a_kind_cluster_maps_ports_of_this_machine_to_those_of_its_node() -> None:
    config = YAML(typ="safe").load(kind_config(NodePorts(http=30080, https=30443)))
    (node,) = config["nodes"]
    assert {"containerPort": 30443, "hostPort": HTTPS_PORT, "listenAddress": LOOPBACK} in node["extraPortMappings"]
    assert "extraPortMappings" not in YAML(typ="safe").load(kind_config(None))["nodes"][0]


def test_the_way_to_the_page_is_told_without_the_password() -> None:
    told = dict(directions(local(), Path("kube config"), Entry(address="192.0.2.7", https=30443)))
    assert told["page"] == "https://argocd.local.example.com:30443"
    assert told["name"].startswith("echo '192.0.2.7 argocd.local.example.com'")
    assert told["password"].startswith("kubectl --kubeconfig 'kube config' -n argocd get secret")
    assert "self-signed-ca" in told["trust"] and "forward" not in told


def test_a_way_that_has_to_be_opened_is_told() -> None:
    told = dict(directions(local(), Path("k"), Entry(address="")))
    assert told["forward"] == "kubectl --kubeconfig k -n traefik port-forward service/traefik 8443:443"
    assert told["page"] == "https://argocd.local.example.com:8443" and told["name"].startswith("echo '127.0.0.1 ")


def test_commands_name_the_context_that_the_stack_file_names() -> None:
    told = dict(directions(local(context="my cluster"), Path("k"), Entry(address="192.0.2.7")))
    assert told["password"].startswith("kubectl --kubeconfig k --context 'my cluster' -n argocd get secret")
    assert "--context 'my cluster'" in told["trust"]


def test_a_load_balancer_with_a_host_name_needs_an_alias_and_no_hosts_entry() -> None:
    told = dict(directions(local(), Path("k"), Entry(address="lb.example.net")))
    assert told["name"] == "a CNAME record from argocd.local.example.com to lb.example.net"
    assert "--connect-to argocd.local.example.com:443:lb.example.net:443" in told["trust"]


def client_of(server: ApiServer) -> client.ApiClient:
    configuration = client.Configuration()
    configuration.host = server.url
    configuration.retries = False
    return client.ApiClient(configuration)


SERVICE, NODES = "/api/v1/namespaces/traefik/services/traefik", "/api/v1/nodes"


def service(type_: str, *ingress: dict[str, str]) -> dict[str, Any]:
    ports = [{"name": "web", "port": 80, "nodePort": 30080}, {"name": "websecure", "port": 443, "nodePort": 30443}]
    return {"spec": {"type": type_, "ports": ports}, "status": {"loadBalancer": {"ingress": list(ingress)}}}


def node(**addresses: str) -> dict[str, Any]:
    found = [{"type": type_, "address": address} for type_, address in addresses.items()]
    return {"metadata": {"name": "n"}, "status": {"addresses": found}}


@pytest.mark.parametrize(
    ("there", "nodes", "mapped", "expected"),
    [
        (service("LoadBalancer", {"ip": "192.0.2.1"}), [], False, Entry(address="192.0.2.1")),
        (service("LoadBalancer", {"hostname": "lb.example.net"}), [], False, Entry(address="lb.example.net")),
        (
            service("NodePort"),
            [node(InternalIP="10.0.0.1")],
            True,
            Entry(address=LOOPBACK, https=HTTPS_PORT, http=HTTP_PORT),
        ),
        (service("NodePort"), [node(InternalIP="10.0.0.1")], False, Entry(address="10.0.0.1", https=30443, http=30080)),
        (
            service("NodePort"),
            [node(InternalIP="10.0.0.1", ExternalIP="192.0.2.9")],
            False,
            Entry(address="192.0.2.9", https=30443, http=30080),
        ),
        (service("NodePort"), [node(Hostname="n")], False, None),
        (service("NodePort"), [], False, None),
        (service("LoadBalancer"), [], False, None),
        (service("ClusterIP"), [], False, None),
        (None, [], False, None),
    ],
)
def test_the_entry_is_where_the_service_is_reached_or_a_forwarded_port(
    there: dict[str, Any] | None, nodes: list[dict[str, Any]], mapped: bool, expected: Entry | None
) -> None:
    with serve() as server:
        if there is not None:
            server.put(SERVICE, there)
        server.put(NODES, {"items": nodes})
        found = entry(client_of(server), mapped=mapped)
    assert found == expected if expected else not found.address


def test_an_api_server_that_is_gone_by_then_does_not_fail_the_run() -> None:
    with serve() as server:
        api = client_of(server)
    assert not entry(api, mapped=False).address


def test_a_placeholder_is_refused_before_anything_is_deployed() -> None:
    assert local().gitops.source == "workingTree"
    assert local(source="git", repoUrl="https://github.com/acme/platform.git").gitops.source == "git"
    for url in ("https://github.com/example/aks-bootstrap.git", "https://git.example.com/platform.git"):
        with pytest.raises(SettingsError, match=r"gitops.repoUrl: got '.*', a placeholder; allowed: your own"):
            local(source="git", repoUrl=url)
