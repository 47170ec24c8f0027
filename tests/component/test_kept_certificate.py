"""The default certificate outlives the cluster: who writes it to the vault, who reads it, and in which order."""

import time
from typing import Any

import pulumi
import pytest
from kubernetes.client import ApiException

from components.addons import restored
from components.release import cluster_api

KEY = {"dev": "tls-default-letsencrypt-staging", "prod": "tls-default-letsencrypt"}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_one_identity_may_write_that_secret_and_no_other(program, stack):
    p = program(stack)
    grants = [r for r in p.several("authorization:RoleAssignment") if r.name.startswith("certificate-keeper")]
    [role] = grants
    assert role.inputs["roleDefinitionId"].endswith("b86a8fe4-44ce-4948-aee5-eccb2c155cd7"), "Key Vault Secrets Officer"
    assert role.inputs["scope"] == f"<vault.id>/secrets/{KEY[stack]}"
    account = p.one("ServiceAccount", "certificate-keeper-g1")
    federated = p.one("managedidentity:FederatedIdentityCredential", "federated-certificate-keeper-g1")
    metadata = account.inputs["metadata"]
    assert federated.inputs["subject"] == f"system:serviceaccount:{metadata['namespace']}:{metadata['name']}"
    assert metadata["annotations"] == {"azure.workload.identity/client-id": "<certificate-keeper.clientId>"}


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_only_the_proxies_namespace_may_use_the_store_that_writes(program, stack):
    p = program(stack)
    stores = {r.inputs["metadata"]["name"]: r.inputs["spec"] for r in p.several(":ClusterSecretStore")}
    writer = p.one("ServiceAccount", "certificate-keeper-g1").inputs["metadata"]["name"]
    using = {
        name for name, spec in stores.items() if spec["provider"]["azurekv"]["serviceAccountRef"]["name"] == writer
    }
    assert using == {"certificates"}
    assert stores["certificates"]["conditions"] == [{"namespaces": ["traefik"]}]


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_the_vault_is_asked_before_a_certificate_is_ordered_and_written_once_there_is_one(program, stack):
    p = program(stack)
    asked, ordered, written = (
        p.one(":ExternalSecret", "default-certificate-restored-g1"),
        p.one(":Certificate", "default-certificate-g1"),
        p.one(":PushSecret", "default-certificate-kept-g1"),
    )
    assert p.waits_for(asked, p.one(":ClusterSecretStore", "certificate-store-g1"))
    assert p.waits_for(ordered, asked)
    assert p.waits_for(written, ordered)
    assert "default-certificate-g1-restored" in ordered.hooks["before_create"]
    secret = ordered.inputs["spec"]["secretName"]
    assert asked.inputs["spec"]["target"]["name"] == secret
    assert written.inputs["spec"]["selector"] == {"secret": {"name": secret}}
    assert asked.inputs["spec"]["dataFrom"] == [{"extract": {"key": KEY[stack]}}]
    assert [data["match"]["remoteRef"]["remoteKey"] for data in written.inputs["spec"]["data"]] == [KEY[stack]]
    annotations = asked.inputs["spec"]["target"]["template"]["metadata"]["annotations"]
    issuer = ordered.inputs["spec"]["issuerRef"]
    assert {key.partition("/")[2]: value for key, value in annotations.items()} == {
        "certificate-name": ordered.inputs["metadata"]["name"],
        "issuer-name": issuer["name"],
        "issuer-kind": issuer["kind"],
        "issuer-group": issuer["group"],
    }


@pytest.mark.parametrize(
    ("stack", "changes"),
    [
        ("local", {}),
        ("dev", {"certificates": {"keepInVault": False}}),
        ("dev", {"certificates": {"issuer": "self-signed"}}),
        ("dev", {"ingress": {"defaultCertificate": False}}),
    ],
)
def test_where_no_copy_is_kept_nothing_may_write_to_the_vault(program, stack, changes):
    p = program(stack, **changes)
    assert [r.name for r in p.all if "certificate-keeper" in r.name or r.type.endswith(":PushSecret")] == []
    assert "certificates" not in {r.inputs["metadata"]["name"] for r in p.several(":ClusterSecretStore")}
    assert p.release("external-secrets").inputs["values"]["processPushSecret"] is False
    wanted = changes.get("ingress", {}).get("defaultCertificate", True)
    assert len([r for r in p.several(":Certificate") if r.name.startswith("default-certificate")]) == wanted


def test_the_certificate_is_the_one_that_was_ingress_own(program):
    p = program("dev")
    old = "aks-bootstrap:ingress:Ingress$kubernetes:cert-manager.io/v1:Certificate::default-certificate-g1"
    assert [alias.endswith(old) for alias in p.one(":Certificate", "default-certificate-g1").aliases] == [True]


class Api:
    """Answers as the API server: each time with the next condition."""

    def __init__(self, *answers: "cluster_api.Restored | Exception | None") -> None:
        self.answers = list(answers)

    def restored(self, name: str, namespace: str) -> "cluster_api.Restored | None":
        assert (name, namespace) == ("default-certificate", "traefik")
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ([None, cluster_api.Restored(restored=True, message="secret synced")], "the vault has a certificate"),
        ([cluster_api.Restored(restored=False, message="not found")], "as the vault gave none: not found"),
        ([ApiException(status=503), None], "nobody asked the vault within 0 s"),
    ],
)
def test_the_wait_ends_with_any_answer(monkeypatch: pytest.MonkeyPatch, answers: list[Any], told: str) -> None:
    seen: list[str] = []
    slept: list[float] = []
    monkeypatch.setattr(restored, "_POLL_SECONDS", 0.01)
    monkeypatch.setattr(pulumi.log, "info", seen.append)
    monkeypatch.setattr(pulumi.log, "warn", seen.append)
    monkeypatch.setenv(restored.OVERRIDE, "0.05")
    sleep = time.sleep

    def noted(seconds: float) -> None:
        slept.append(seconds)
        sleep(seconds)

    monkeypatch.setattr(time, "sleep", noted)
    restored.await_answer(Api(*answers), "default-certificate", "traefik")  # type: ignore[arg-type]
    [line] = seen
    assert told in line
    # cert-manager gets the time to see what is there
    assert (slept[-1:] == [0.05]) is told.startswith("the vault has")
