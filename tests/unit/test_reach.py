"""What `up` prints of the way to Argo CD's page."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from bootstrap.platform.reach import HTTPS_PORT, LOOPBACK, Entry, directions, kind_config
from settings import Settings, parse
from settings.addons import NodePorts
from settings.report import SettingsError

ROOT = Path(__file__).resolve().parents[2]


def local(**gitops: str) -> Settings:
    config = YAML(typ="safe").load(ROOT / "Pulumi.local.yaml")["config"]
    prefix = "aks-bootstrap:"
    raw = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    return parse({**raw, "gitops": {**raw["gitops"], **gitops}}, deployed=True)


def test_a_kind_cluster_maps_ports_of_this_machine_to_those_of_its_node() -> None:
    config = YAML(typ="safe").load(kind_config(NodePorts(http=30080, https=30443)))
    (node,) = config["nodes"]
    assert {"containerPort": 30443, "hostPort": HTTPS_PORT, "listenAddress": LOOPBACK} in node["extraPortMappings"]
    assert "extraPortMappings" not in YAML(typ="safe").load(kind_config(None))["nodes"][0]


def test_the_way_to_the_page_is_told_without_the_password() -> None:
    told = dict(directions(local(), Path("kube config"), Entry(address="192.0.2.7", port=30443)))
    assert told["page"] == "https://argocd.local.example.com:30443"
    assert told["name"].startswith("echo '192.0.2.7 argocd.local.example.com'")
    assert told["password"].startswith("kubectl --kubeconfig 'kube config' -n argocd get secret")
    assert "self-signed-ca" in told["trust"] and "forward" not in told


def test_a_way_that_has_to_be_opened_is_told() -> None:
    told = dict(directions(local(), Path("k"), Entry(address=LOOPBACK, port=8443, command="kubectl port-forward x")))
    assert told["forward"] == "kubectl --kubeconfig k port-forward x"


def test_a_placeholder_is_refused_before_anything_is_deployed() -> None:
    assert local().gitops.source == "workingTree"
    assert local(source="git", repoUrl="https://github.com/acme/platform.git").gitops.source == "git"
    for url in ("https://github.com/example/aks-bootstrap.git", "https://git.example.com/platform.git"):
        with pytest.raises(SettingsError, match=r"gitops.repoUrl: got '.*', a placeholder; allowed: your own"):
            local(source="git", repoUrl=url)
