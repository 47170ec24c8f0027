"""What `bootstrap verify` asks of a stack in Azure besides: DNS, the vault, node pools, and Azure itself."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import dns.exception
import dns.resolver
import pytest
from azure.core.exceptions import HttpResponseError, ServiceRequestError

from bootstrap.platform.findings import Finding, Verdict
from bootstrap.platform.verify import git, workspace
from bootstrap.platform.verify.checks import CHECKS
from bootstrap.platform.verify.report import Report
from bootstrap.platform.verify.target import Target
from tests.unit.loopback_api import serve_as
from tests.unit.loopback_platform import (
    APPLICATIONS,
    CONFIGURATION,
    EVENTS,
    ISSUERS,
    STORES,
    Platform,
    application,
    conditions,
    named,
    now,
    waiting,
)
from tests.unit.loopback_proxies import proxies
from tests.unit.test_verify_checks import ZONE, World

TENANT = "0a6c9be4-41d7-4f0c-8f52-9d3e7b6a2c10"
APPLICATION = "c3e5a7f9-1b2d-4c6e-8f0a-5d7b9c1e3f46"
SETTINGS: dict[str, Any] = {
    "environment": "dev",
    "tags": {"owner": "o", "costCentre": "c"},
    "azure": {
        "subscriptionId": "5d1f8a52-7c39-4a8e-9a0e-2f6b1c3d4e51",
        "tenantId": TENANT,
        "location": "swedencentral",
    },
    "cluster": {
        "adminGroupObjectIds": ["9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12"],
        "apiServer": {"exposure": "private"},
    },
    "dns": {"zone": ZONE, "records": ["@", "*"]},
    "certificates": {"email": "o@example.com"},
    "argocd": {"signIn": {"applicationClientId": APPLICATION, "adminGroups": ["9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12"]}},
    "gitops": {"repoUrl": "https://github.com/acme/repo.git"},
}
PUSH = "/apis/external-secrets.io/v1alpha1/namespaces/traefik/pushsecrets/default-certificate"
SERVERS = ["ns1-01.azure-dns.com.", "ns2-01.azure-dns.net."]
OIDC = f"issuer: https://login.microsoftonline.com/{TENANT}/v2.0\nclientID: {APPLICATION}\n"
COMMIT = "1" * 40


class Names(dns.resolver.Resolver):
    """Answers for one zone."""

    def __init__(self) -> None:
        super().__init__(configure=False)
        self.servers: list[str] | Exception = SERVERS
        self.addresses: list[str] | Exception = ["198.51.100.7"]
        self.ttl = 300

    def resolve(self, *args: Any, **options: Any) -> Any:
        found = self.servers if args[1] == "NS" else self.addresses
        if isinstance(found, Exception):
            raise found

        class Answer(list[Any]):
            rrset = SimpleNamespace(ttl=self.ttl)

        return Answer(SimpleNamespace(target=each) if args[1] == "NS" else each for each in found)


CLUSTER = "/subscriptions/s/resourceGroups/g/providers/Microsoft.ContainerService/managedClusters/aks"


def request(id_: str, **properties: Any) -> Any:
    return SimpleNamespace(id=id_, api_version="2026-01-01", body={"properties": properties})


@dataclass
class Asked:
    """Azure, as far as it is asked."""

    planned: dict[str, Any] = field(
        default_factory=lambda: {
            "autoScalerProfile": {"scan-interval": "10s"},
            "autoUpgradeProfile": {"upgradeChannel": "patch"},
        }
    )
    found: dict[str, Any] = field(default_factory=dict)
    window: Any = None
    error: Exception | None = None
    planned_id: str = CLUSTER

    def __post_init__(self) -> None:
        self.found = {CLUSTER: {**self.planned, "more": 1}, f"{CLUSTER}/w/default": {"maintenanceWindow": {"hours": 4}}}
        self.clients = self
        self.needs = self
        self.cluster_id = CLUSTER

    @property
    def cluster(self) -> Any:
        return request(self.planned_id, **self.planned)

    def of(self, type_: str) -> list[Any]:
        if type_ == "Microsoft.Network/natGateways":
            return [request("/nat")]
        return [request(f"{self.planned_id}/w/default", maintenanceWindow={"hours": "4"})]

    def read(self, id_: str, api_version: str) -> Any:
        assert api_version
        if self.error is not None:
            raise self.error
        if id_ not in self.found:
            # as an answer's raise_for_status has it, and not as a typed client would
            error = HttpResponseError("not there")
            error.status_code = 404
            raise error
        return {"id": id_, "properties": self.found[id_]}


@dataclass
class Azure(World):
    """A stack in Azure."""

    names: Names = field(default_factory=Names)
    asked: Asked = field(default_factory=Asked)
    outputs: dict[str, Any] = field(
        default_factory=lambda: {
            "ingressAddress": "198.51.100.7",
            "dnsNameServers": SERVERS,
            "vaultUri": "https://kv-dev.vault.azure.net/",
            "oidcIssuer": "https://oidc.example.com/",
            "resourceGroup": "g",
            "clusterName": "aks",
        }
    )

    def target(self) -> Target:
        asked: Any = self.asked
        return replace(super().target(), stack="dev", outputs=self.outputs, resolver=self.names, azure=asked)

    def finding(self, check: str, subject: str) -> Finding:
        report = self.examine(check)
        return next(each for each in report.findings if subject in each.subject and each.check == check)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Azure]:
    monkeypatch.setattr(workspace, "_BEAT_SECONDS", 0.02)
    monkeypatch.setattr(git, "revision", lambda url, wanted: COMMIT)
    with serve_as(Platform) as platform, proxies(platform.authority, ZONE) as played:
        azure = {"azurekv": {"tenantId": TENANT, "serviceAccountRef": {"name": "vault-reader"}}}
        platform.put(PUSH, named("default-certificate", status=conditions(Ready="True")))
        for name in ("vault", "argocd", "certificates"):
            platform.put(f"{STORES}/{name}", named(name, spec={"provider": azure}, status=conditions(Ready="True")))
        data = {"url": f"https://argocd.{ZONE}", "admin.enabled": "false", "oidc.config": OIDC}
        platform.put(CONFIGURATION, named("argocd-cm", data=data))
        for name in ("root", "hello"):
            found = application(name)
            found["spec"]["source"] = {"repoURL": "https://github.com/acme/repo.git", "targetRevision": "main"}
            found["status"]["sync"]["revision"] = COMMIT
            platform.put(f"{APPLICATIONS}/{name}", found)
        yield Azure(platform=platform, proxies=played, settings=SETTINGS)


def test_a_healthy_stack_in_azure_gives_no_alarm(world: Azure) -> None:
    report: Report = world.examine()
    assert not report.failed and world.platform.residue == []
    assert [each for each in report.findings if each.warning] == []
    # Graph is outside the program, Let's Encrypt's staging authority in nobody's store
    unknown = {each.subject for each in report.of(Verdict.UNKNOWN)}
    assert unknown == {"egress address", "the Entra application", f"chain of argocd.{ZONE}", f"chain of *.{ZONE}"}
    assert {each.check for each in report.findings} == {check.name for check in CHECKS}


def test_records_at_the_old_address_are_told(world: Azure) -> None:
    world.names.addresses = ["198.51.100.6"]
    found = world.finding("dns", "record *")
    assert found.verdict is Verdict.FAILED and "leads to 198.51.100.6, ingress is at 198.51.100.7" in found.detail
    assert "another generation" in found.cause and found.remedy == "make up STACK=dev"


@pytest.mark.parametrize(
    ("answer", "verdict", "told"),
    [
        (dns.resolver.NXDOMAIN(), Verdict.FAILED, "does not exist"),
        (dns.exception.Timeout(), Verdict.UNKNOWN, "no answer from DNS"),
    ],
)
def test_records_that_are_not_there_are_told_apart_from_no_answer(
    world: Azure, answer: Exception, verdict: Verdict, told: str
) -> None:
    world.names.addresses = answer
    found = world.finding("dns", "record @")
    assert found.verdict is verdict and told in found.detail


def test_a_record_that_is_kept_for_longer_than_asked_is_a_warning(world: Azure) -> None:
    world.names.ttl = 3600
    found = world.finding("dns", "record *")
    assert found.warning and "kept for 3600 s" in found.detail


@pytest.mark.parametrize(
    ("servers", "verdict", "told"),
    [
        (["ns1.example.com."], Verdict.FAILED, "delegated to ns1.example.com"),
        (dns.resolver.NXDOMAIN(), Verdict.FAILED, "delegated to nobody"),
        (dns.exception.Timeout(), Verdict.UNKNOWN, "no answer"),
    ],
)
def test_a_zone_that_is_not_delegated_is_told(world: Azure, servers: Any, verdict: Verdict, told: str) -> None:
    world.names.servers = servers
    found = world.finding("dns", "zone")
    assert found.verdict is verdict and told in found.detail


def test_the_delegation_of_a_zone_that_was_there_before_cannot_be_known(world: Azure) -> None:
    del world.outputs["dnsNameServers"]
    assert world.finding("dns", "zone").verdict is Verdict.UNKNOWN


def test_without_a_wildcard_the_page_of_argo_cd_is_asked_for(world: Azure) -> None:
    world.settings = {**SETTINGS, "dns": {"zone": ZONE, "records": ["argocd"]}}
    assert world.finding("dns", f"record argocd.{ZONE}").verdict is Verdict.FINE
    world.outputs["ingressAddress"], world.address = "", ""
    assert world.finding("dns", f"record argocd.{ZONE}").verdict is Verdict.UNKNOWN


def not_arriving(world: Azure, message: str) -> Finding:
    world.platform.unwell["canary"] = conditions(Ready="False")
    world.platform.put(f"{EVENTS}/e", named("e", message=message))
    return world.finding("secrets", "a secret of the vault")


def test_a_vault_without_the_canary_cannot_be_known_and_the_command_makes_one(world: Azure) -> None:
    found = not_arriving(world, "SecretNotFound: A secret with (name/id) verify-canary was not found in this key vault")
    assert found.verdict is Verdict.UNKNOWN
    assert found.remedy == "az keyvault secret set --vault-name kv-dev --name verify-canary --value not-a-secret"


@pytest.mark.parametrize(
    ("message", "cause"),
    [
        ("AADSTS70021: No matching federated identity record found", "federated credential is missing"),
        ("ForbiddenByFirewall: Client address is not authorized and caller is not a trusted service", "firewall"),
        ("Forbidden: Caller is not authorized to perform action getSecret", "lost its role on the vault"),
        ("dial tcp: i/o timeout", "does not reach the vault"),
    ],
)
def test_a_vault_that_is_not_read_is_told_with_its_cause(world: Azure, message: str, cause: str) -> None:
    found = not_arriving(world, message)
    assert found.verdict is Verdict.FAILED and cause in found.cause


def test_a_store_of_another_tenant_is_told(world: Azure) -> None:
    provider = {"azurekv": {"tenantId": "other", "serviceAccountRef": {"name": "vault-reader"}}}
    world.change(f"{STORES}/vault", spec={"provider": provider}, status=conditions(Ready="False"))
    found = world.finding("secrets", "ClusterSecretStore vault")
    assert "signs in to tenant other" in found.cause


def test_a_store_whose_account_is_gone_is_told(world: Azure) -> None:
    del world.platform.objects["/api/v1/namespaces/external-secrets/serviceaccounts/vault-reader"]
    world.change(f"{STORES}/vault", status=conditions(Ready="False"))
    assert "vault-reader is gone" in world.finding("secrets", "ClusterSecretStore vault").cause


KEPT = "tls-default-letsencrypt-staging in the vault"


def test_a_certificate_that_the_vault_has_is_fine(world: Azure) -> None:
    assert world.finding("kept-certificate", KEPT).verdict is Verdict.FINE


@pytest.mark.parametrize(
    ("ready", "store", "cause"),
    [
        (None, "True", "somebody deleted the PushSecret"),
        ("False", "True", "certificate-keeper has lost its role on that secret"),
        ("False", "False", "the store certificates is not ready"),
    ],
)
def test_a_certificate_that_the_vault_has_not_is_told_with_its_cause(
    world: Azure, ready: str | None, store: str, cause: str
) -> None:
    world.change(f"{STORES}/certificates", status=conditions(Ready=store))
    if ready is None:
        del world.platform.objects[PUSH]
    else:
        world.change(PUSH, status=conditions(Ready=ready))
    found = world.finding("kept-certificate", KEPT)
    assert found.verdict is Verdict.FAILED and cause in found.cause and found.remedy


def test_addons_on_another_pool_are_a_warning(world: Azure) -> None:
    world.platform.objects["/api/v1/nodes/one"]["metadata"]["labels"]["kubernetes.azure.com/mode"] = "user"
    found = world.finding("workloads", "system pool")
    assert found.warning and found.verdict is Verdict.FINE and "no room" in found.cause


def test_production_has_its_certificates_from_staging_asked_for(world: Azure) -> None:
    production = {**SETTINGS, "certificates": {"email": "o@example.com", "issuer": "letsencrypt"}}
    world.settings = production
    world.platform.put(
        f"{ISSUERS}/letsencrypt", named("letsencrypt", spec={"acme": {}}, status=conditions(Ready="True"))
    )
    found = world.finding("certificates", "a certificate of")
    assert found.subject == "a certificate of letsencrypt-staging" and found.verdict is Verdict.FINE
    # loopback's authority is in no system's store
    assert "no client trusts" in world.finding("https", f"argocd.{ZONE}").detail


def test_a_challenge_that_is_not_answered_is_told_by_its_order_and_challenge(world: Azure) -> None:
    world.platform.unwell["issued"] = conditions(Ready="False")
    place = f"namespaces/{workspace.NAMESPACE}"
    metadata = {"name": "issued-1", "annotations": {"cert-manager.io/certificate-name": "issued"}}
    status = conditions(Ready="False")
    objects = {
        f"/apis/cert-manager.io/v1/{place}/certificaterequests/issued-1": {"metadata": metadata, "status": status},
        f"/apis/acme.cert-manager.io/v1/{place}/orders/issued-1-1": named("issued-1-1", status={"reason": "pending"}),
        f"/apis/acme.cert-manager.io/v1/{place}/challenges/issued-1-1-1": named(
            "issued-1-1-1", status={"reason": "AuthorizationFailed on the zone"}
        ),
    }
    for path, found in objects.items():
        world.platform.put(path, found)
    told = world.finding("certificates", "a certificate of")
    assert told.verdict is Verdict.FAILED
    assert "Order: pending; Challenge: AuthorizationFailed on the zone" in told.detail
    assert "may not write the zone" in told.cause


def test_an_image_that_is_not_pulled_for_want_of_a_way_out_has_failed_in_azure(world: Azure) -> None:
    world.platform.unwell["pull"] = waiting("ErrImagePull", "dial tcp: i/o timeout")
    found = world.finding("pods", "argocd")
    assert found.verdict is Verdict.FAILED and "way out" in found.cause
    world.platform.unwell["pull"] = waiting("ErrImagePull", "403 Forbidden")
    assert world.finding("pods", "argocd").remedy.startswith(
        "az aks check-acr --resource-group g --name aks --acr quay"
    )


def test_the_sign_in_of_another_tenant_is_told(world: Azure) -> None:
    world.platform.objects[CONFIGURATION]["data"]["oidc.config"] = OIDC.replace(TENANT, "other")
    found = world.finding("argocd", "sign-in")
    assert found.verdict is Verdict.FAILED and "/other/v2.0" in found.detail


def test_a_page_that_lets_in_no_machine_of_here_cannot_be_known(world: Azure) -> None:
    world.settings = {**SETTINGS, "argocd": {**SETTINGS["argocd"], "allowedRanges": ["192.0.2.0/24"]}}
    world.proxies.pages["/healthz"] = 403
    found = world.finding("argocd", f"argocd.{ZONE}")
    assert found.verdict is Verdict.UNKNOWN and "192.0.2.0/24" in found.detail


@pytest.mark.parametrize(
    ("has", "age", "expected"),
    [
        ("2" * 40, 10.0, (Verdict.FAILED, "Git has 222222222222")),
        ("2" * 40, -60.0, (Verdict.UNKNOWN, "pushed since Argo CD last looked")),
        ("", 10.0, (Verdict.UNKNOWN, "does not read the repository")),
        (COMMIT, 10.0, (Verdict.FINE, COMMIT[:12])),
    ],
)
def test_what_runs_is_compared_with_what_git_has(
    world: Azure, monkeypatch: pytest.MonkeyPatch, has: str, age: float, expected: tuple[Verdict, str]
) -> None:
    verdict, told = expected
    monkeypatch.setattr(git, "revision", lambda url, wanted: has)
    world.platform.comparing = False
    for name in ("root", "hello"):
        world.platform.objects[f"{APPLICATIONS}/{name}"]["status"]["reconciledAt"] = now(age)
    found = world.finding("argocd", "revision main")
    assert found.verdict is verdict and told in found.detail


def test_no_credential_of_a_repository_is_shown_and_commands_are_quoted(
    world: Azure, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "revision", lambda url, wanted: "")
    for name in ("root", "hello"):
        source = world.platform.objects[f"{APPLICATIONS}/{name}"]["spec"]["source"]
        source.update(repoURL="https://robot:sesame@example.com/acme/repo.git", targetRevision="a b")
    found = world.finding("argocd", "revision a b")
    assert found.remedy == "git ls-remote https://example.com/acme/repo.git 'a b'"
    error = [{"type": "ComparisonError", "message": "unable to resolve 'a b' to a commit SHA"}]
    world.platform.objects[f"{APPLICATIONS}/hello"]["status"]["conditions"] = error
    report = world.examine("argocd")
    assert report.failed and "sesame" not in str(report.to_json())


def test_what_somebody_changed_in_azure_is_told(world: Azure) -> None:
    world.asked.found[CLUSTER]["autoUpgradeProfile"] = {"upgradeChannel": "none"}
    found = world.finding("azure", "upgrade channels")
    assert found.verdict is Verdict.FAILED and "upgradeChannel is none, asked for patch" in found.detail
    assert world.finding("azure", "autoscaler").verdict is Verdict.FINE
    del world.asked.found[f"{CLUSTER}/w/default"]
    assert world.finding("azure", "window default").verdict is Verdict.FAILED


@pytest.mark.parametrize(
    ("seen", "verdict", "told"),
    [
        ("192.0.2.9", Verdict.FINE, "192.0.2.9, of the NAT gateway"),
        ("198.51.100.20", Verdict.FINE, "198.51.100.20, of the NAT gateway"),
        ("203.0.113.1", Verdict.FAILED, "203.0.113.1, the stack's are 192.0.2.9, 198.51.100.16/28"),
    ],
)
def test_requests_leave_from_the_nat_gateways_addresses(world: Azure, seen: str, verdict: Verdict, told: str) -> None:
    ids = {"publicIpAddresses": [{"id": "/ip"}], "publicIpPrefixes": [{"id": "/prefix"}]}
    world.asked.found |= {"/nat": ids, "/ip": {"ipAddress": "192.0.2.9"}, "/prefix": {"ipPrefix": "198.51.100.16/28"}}
    world.egress_url = "https://echo.example.com/ip?format=text"
    ended = {"exitCode": 0, "message": f"HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 01:02:03 GMT\r\n\r\n{seen}\n"}
    world.platform.unwell["egress"] = {"containerStatuses": [{"state": {"terminated": ended}}]}
    found = world.finding("egress", "egress address")
    assert found.verdict is verdict and told in found.detail


def test_the_cluster_that_is_up_is_compared_and_not_one_that_is_still_planned(world: Azure) -> None:
    world.asked.planned_id = f"{CLUSTER}-g2"
    assert {each.verdict for each in world.examine("azure").findings} == {Verdict.FINE}


def test_azure_that_does_not_answer_cannot_be_known(world: Azure) -> None:
    world.asked.error = HttpResponseError("AuthorizationFailed")
    assert world.finding("azure", "cluster").verdict is Verdict.UNKNOWN
    world.asked.error = ServiceRequestError("")
    assert world.finding("azure", "cluster").detail == "Azure does not answer: ServiceRequestError"
