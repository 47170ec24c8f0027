"""The kubeconfig holds the way to the cluster, and no credential."""

import base64
import json
from ipaddress import IPv4Network

import pytest

from components.azure.cluster_access import cluster_identifier
from components.azure.cluster_profiles import authorized_ranges
from components.azure.kubeconfig import exec_kubeconfig

FROM_AZURE = """
apiVersion: v1
kind: Config
clusters:
- name: aks
  cluster: {server: "https://aks.example:443", certificate-authority-data: Q0E=}
users:
- name: clusterUser
  user: {client-key-data: SECRET-KEY, token: SECRET-TOKEN}
"""


def made(text=FROM_AZURE):
    encoded = base64.b64encode(text.encode()).decode()
    return exec_kubeconfig(encoded, cluster_name="aks-g1", tenant_id="tenant", login="workloadidentity")


def test_kubelogin_signs_in_and_nothing_secret_is_kept():
    assert "SECRET" not in made()
    config = json.loads(made())
    command = config["users"][0]["user"]["exec"]
    assert command["command"] == "kubelogin"
    assert command["args"] == [
        "get-token",
        "--login",
        "workloadidentity",
        "--server-id",
        "6dae42f8-4368-4678-94ff-3960e28e3630",
        "--tenant-id",
        "tenant",
    ]
    assert config["clusters"][0]["cluster"] == {
        "server": "https://aks.example:443",
        "certificate-authority-data": "Q0E=",
    }
    assert config["current-context"] == config["contexts"][0]["name"] == "aks-g1"


def test_it_is_the_same_text_on_every_run():
    assert made() == made(FROM_AZURE.replace("SECRET-TOKEN", "ANOTHER"))


@pytest.mark.parametrize("text", ["", "clusters: []", "just words", "clusters: [{cluster: {server: x}}]"])
def test_an_answer_without_a_server_is_refused_and_not_quoted(text):
    with pytest.raises(ValueError, match="is not a kubeconfig with a server") as refused:
        made(text)
    assert not text or text not in str(refused.value)


def test_a_cluster_is_told_from_its_namesake():
    assert cluster_identifier("/Subscriptions/A", "1") == cluster_identifier("/subscriptions/a", "1")
    assert cluster_identifier("/subscriptions/a", "1") != cluster_identifier("/subscriptions/a", "2")


def test_the_clusters_own_way_out_is_let_in():
    assert authorized_ranges((IPv4Network("1.2.3.0/24"),), ("5.6.7.8", "9.9.9.9")) == [
        "1.2.3.0/24",
        "5.6.7.8/32",
        "9.9.9.9/32",
    ]
