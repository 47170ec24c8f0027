"""Pending creations of a dead run are looked up, then imported or discarded; the Pulumi CLI is a fake."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.options import ROOT
from bootstrap.platform.plan.evaluate import evaluate
from bootstrap.platform.recover import Recovered, RecoverError, Retained, recover, retained

PROVIDER = "urn:pulumi:dev::p::pulumi:providers:azure-native::azure"
VAULT: dict[str, Any] = {
    "urn": "urn:pulumi:dev::p::aks-bootstrap:foundation:Foundation$azure-native:keyvault:Vault::vault",
    "type": "azure-native:keyvault:Vault",
    "custom": True,
    "parent": "urn:pulumi:dev::p::aks-bootstrap:foundation:Foundation::foundation",
    "provider": f"{PROVIDER}::id",
    "inputs": {"resourceGroupName": "rg", "vaultName": "kv"},
}
RELEASE: dict[str, Any] = {
    "urn": "urn:pulumi:dev::p::kubernetes:helm.sh/v3:Release::traefik",
    "type": "kubernetes:helm.sh/v3:Release",
    "custom": True,
    "provider": "x::y",
    "inputs": {"name": "traefik", "namespace": "traefik"},
}
NAMESPACE: dict[str, Any] = {
    "urn": "urn:pulumi:dev::p::kubernetes:core/v1:Namespace::traefik",
    "type": "kubernetes:core/v1:Namespace",
    "custom": True,
    "provider": "urn:pulumi:dev::p::pulumi:providers:kubernetes::cluster::id",
    "inputs": {"metadata": {"name": "traefik"}},
}
COMPONENT: dict[str, Any] = {
    "urn": "urn:pulumi:dev::p::aks-bootstrap:node_pool:NodePool::pool-apps",
    "type": "aks-bootstrap:node_pool:NodePool",
    "custom": False,
    "parent": "urn:pulumi:dev::p::pulumi:pulumi:Stack::p-dev",
}


class Pulumi:
    """Answers as the CLI would, and keeps what it was asked."""

    def __init__(self, *pending, there=True, states=("Succeeded",)):
        self.pending, self.there, self.states = list(pending), there, list(states)
        self.asked: list[str] = []
        self.imports: list[dict[str, Any]] = []
        self.written: dict[str, Any] = {}

    def __call__(self, *arguments, check=True):
        self.asked.append(arguments[0] if arguments[0] != "stack" else f"stack {arguments[1]}")
        out, status = "", 0
        if arguments[:2] == ("stack", "export"):
            provisioning = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            resources = [
                {"type": "pulumi:providers:azure-native", "urn": PROVIDER, "inputs": {"subscriptionId": "sub"}}
            ]
            resources += [{**r, "outputs": {"provisioningState": provisioning}} for r in (VAULT, NAMESPACE)]
            pending = [{"type": "creating", "resource": r} for r in self.pending]
            out = json.dumps({"deployment": {"resources": resources, "pending_operations": pending}})
        elif arguments[:2] == ("stack", "import"):
            self.written = json.loads(Path(arguments[3]).read_text())
            self.pending = []
        elif arguments[0] == "import":
            self.imports.append(json.loads(Path(arguments[2]).read_text()))
            status, out = (0, "") if self.there is True else (1, self.there)
        return subprocess.CompletedProcess(arguments, status, out, "")


def run(pulumi):
    lines: list[str] = []
    return recover(pulumi, report=lines.append, sleep=lambda _: None), lines


def test_a_stack_with_nothing_pending_only_loses_its_lock():
    pulumi = Pulumi()
    done, lines = run(pulumi)
    assert pulumi.asked == ["cancel", "stack export"]
    assert done.imported == done.discarded == ()
    assert "nothing was being created" in lines


def test_a_resource_that_azure_created_is_imported_under_its_parent_and_provider():
    pulumi = Pulumi(VAULT)
    done, _ = run(pulumi)
    assert done.imported == ("vault",)
    (entry,) = pulumi.imports[0]["resources"]
    assert entry["id"] == "/subscriptions/sub/resourceGroups/rg/providers/Microsoft.KeyVault/vaults/kv"
    assert pulumi.imports[0]["nameTable"] == {"provider": PROVIDER, "parent": VAULT["parent"]}
    assert pulumi.written["deployment"]["pending_operations"] == []


def test_a_resource_that_was_never_created_is_discarded():
    done, lines = run(Pulumi(VAULT, there="error: resource 'kv' does not exist"))
    assert done.discarded == ("vault",)
    assert any(line.startswith("discarded, as not found or") and line.endswith(": vault") for line in lines)


def test_objects_in_the_cluster_are_looked_for_and_releases_are_left_to_heal():
    pulumi = Pulumi(NAMESPACE, RELEASE)
    done, _ = run(pulumi)
    assert [entry["resources"][0]["id"] for entry in pulumi.imports] == ["traefik"]
    assert done.discarded == ("traefik",) and done.imported == ("traefik",)


def test_a_component_is_nothing_to_look_for():
    pulumi = Pulumi(COMPONENT)
    settled, _ = run(pulumi)
    assert settled == Recovered(imported=(), discarded=())
    assert pulumi.written["deployment"]["pending_operations"] == []


def test_a_resource_that_azure_is_still_making_is_waited_for():
    pulumi = Pulumi(VAULT, states=("Creating", "Creating", "Creating", "Succeeded"))
    _, lines = run(pulumi)
    assert pulumi.asked.count("refresh") == 2
    assert sum("waiting for Azure" in line for line in lines) == 2


def test_the_wait_has_an_end():
    with pytest.raises(RecoverError, match="vault is not ready after 30 minutes"):
        run(Pulumi(VAULT, states=("Creating",)))


def test_any_other_refusal_is_told():
    with pytest.raises(RecoverError, match="AuthorizationFailed"):
        run(Pulumi(VAULT, there="error: AuthorizationFailed"))


@pytest.mark.parametrize("interrupted", [True, False], ids=["interrupted", "failed"])
def test_a_release_that_no_run_finished_is_new_to_the_next_up(interrupted):
    """A refresh would take the unfinished revision's values for those of the release, and nothing would repair it."""
    store = {
        "urn": "urn:pulumi:dev::p::kubernetes:x/v1:Store::store",
        "type": "kubernetes:x/v1:Store",
        "dependencies": [RELEASE["urn"], NAMESPACE["urn"]],
        "propertyDependencies": {"spec": [RELEASE["urn"]], "metadata": [NAMESPACE["urn"]]},
    }
    written: dict[str, Any] = {}

    def pulumi(*arguments, check=True):
        out = ""
        if arguments[:2] == ("stack", "export"):
            pending = [{"type": "updating", "resource": RELEASE}] if interrupted else []
            release = RELEASE if interrupted else {**RELEASE, "initErrors": ["timed out"]}
            out = json.dumps({"deployment": {"resources": [NAMESPACE, release, store], "pending_operations": pending}})
        elif arguments[:2] == ("stack", "import"):
            written.update(json.loads(Path(arguments[3]).read_text()))
        return subprocess.CompletedProcess(arguments, 0, out, "")

    done, lines = run(pulumi)
    assert done == Recovered(imported=(), discarded=("traefik",))
    namespace, kept = written["deployment"]["resources"]
    assert (namespace["urn"], kept["urn"]) == (NAMESPACE["urn"], store["urn"])
    assert kept["dependencies"] == [NAMESPACE["urn"]]
    assert kept["propertyDependencies"] == {"spec": [], "metadata": [NAMESPACE["urn"]]}
    assert any("a Helm release, which the next `up` repairs: traefik" in line for line in lines)


KEPT = Retained(
    urn="urn:pulumi:dev::p::azure-native:network:PublicIPAddress::ingress-0-swedencentral",
    type="azure-native:network:PublicIPAddress",
    id="/subscriptions/sub/resourceGroups/g/providers/Microsoft.Network/publicIPAddresses/ip",
    provider=PROVIDER,
    parent=NAMESPACE["urn"],
)


def test_what_azure_kept_of_a_region_that_the_stack_comes_back_to_is_imported():
    pulumi = Pulumi()
    lines: list[str] = []
    done = recover(pulumi, report=lines.append, kept=[KEPT])
    assert done.imported == ("ingress-0-swedencentral",)
    [entry] = pulumi.imports
    assert entry["resources"][0]["id"] == KEPT.id
    assert entry["nameTable"] == {"provider": PROVIDER, "parent": KEPT.parent}


@pytest.mark.parametrize(
    ("kept", "there"),
    [
        (KEPT, "error: resource 'ip' does not exist"),
        (replace(KEPT, urn=VAULT["urn"]), True),
        (replace(KEPT, parent="urn:of-no-component"), True),
    ],
    ids=["gone", "known", "not yet"],
)
def test_what_is_not_there_is_known_or_has_no_parent_yet_is_left_to_the_next_up(kept, there):
    pulumi = Pulumi(there=there)
    assert recover(pulumi, report=lambda _: None, kept=[kept]).imported == ()
    assert len(pulumi.imports) == (0 if there is True else 1)


def test_a_production_stack_keeps_its_addresses_and_its_vault():
    found = {each.type.rsplit(":", 1)[-1] for each in retained(evaluate(ROOT, "prod"))}
    assert found == {"ResourceGroup", "PublicIPPrefix", "PublicIPAddress", "Vault", "ManagementLockByScope"}
    assert retained(evaluate(ROOT, "local")) == []
