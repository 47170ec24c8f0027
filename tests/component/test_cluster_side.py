"""What stands inside the cluster: values and objects, and what no state may show."""

import json
from collections import Counter

import pytest

from components.addons.argocd_secrets import identity_secret
from conventions import ARGO_CD_NAMESPACE, INGRESS_CLASS, TENANT_LABEL
from settings.addons import RepositoryCredential


def values(program, chart):
    return program.release(chart).inputs["values"]


@pytest.mark.parametrize("stack", ["dev", "prod"])
def test_no_secret_is_plain(program, stack):
    p = program(stack)
    assert {r.inputs["kubeconfig"] for r in p.several("pulumi:providers:kubernetes")} == {"[secret]"}
    for secret in p.several("core/v1:Secret"):
        words = json.dumps(secret.inputs).lower()
        assert not any(word in words for word in ("password", "privatekey", "token", "client-secret"))


def test_cert_manager_signs_in_with_its_identity_and_solves_by_dns(prod):
    assert values(prod, "cert-manager")["podLabels"] == {"azure.workload.identity/use": "true"}
    assert values(prod, "cert-manager")["crds"] == {"enabled": True, "keep": True}
    issuers = {r.inputs["metadata"]["name"]: r.inputs["spec"] for r in prod.several(":ClusterIssuer")}
    assert set(issuers) == {"letsencrypt", "letsencrypt-staging", "self-signed", "self-signed-root"}
    acme = issuers["letsencrypt"]["acme"]
    assert acme["server"] == "https://acme-v02.api.letsencrypt.org/directory"
    assert "staging" in issuers["letsencrypt-staging"]["acme"]["server"]
    azure = acme["solvers"][0]["dns01"]["azureDNS"]
    assert azure["hostedZoneName"] == "example.com"
    assert azure["managedIdentity"]["clientID"] == "<cert-manager.clientId>"


def test_every_issuer_has_an_account_of_its_own(each):
    """Let's Encrypt knows the key of one server's account and not of the other's."""
    acme = {r.inputs["metadata"]["name"]: r.inputs["spec"].get("acme") for r in each.several(":ClusterIssuer")}
    accounts = {name: spec["privateKeySecretRef"]["name"] for name, spec in acme.items() if spec}
    assert accounts == {name: f"{name}-account" for name in accounts}
    assert len({spec["server"] for spec in acme.values() if spec}) == len(accounts)


def test_the_default_certificate_gets_another_key_with_every_renewal(each):
    certificate = next(c for c in each.several(":Certificate") if c.name.startswith("default-certificate"))
    assert certificate.inputs["spec"]["privateKey"] == {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"}


def test_local_signs_its_own_certificates_and_keeps_secrets_in_the_cluster(local):
    names = {r.inputs["metadata"]["name"] for r in local.several(":ClusterIssuer")}
    assert names == {"self-signed", "self-signed-root"}
    assert "podLabels" not in values(local, "cert-manager")
    for store in local.several(":ClusterSecretStore"):
        assert store.inputs["spec"]["provider"]["kubernetes"]["remoteNamespace"] == "local-vault"
    role = local.one("rbac.authorization.k8s.io/v1:Role", "local-vault-reader").inputs
    assert role["metadata"]["namespace"] == "local-vault"
    assert role["rules"] == [{"apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "list", "watch"]}]


def test_the_store_reads_the_vault_as_one_service_account(prod):
    provider = prod.one(":ClusterSecretStore", "secret-store-g1").inputs["spec"]["provider"]["azurekv"]
    assert provider["authType"] == "WorkloadIdentity"
    assert provider["vaultUrl"] == "<vault.vaultUri>"
    assert provider["serviceAccountRef"] == {"name": "vault-reader", "namespace": "external-secrets"}
    account = prod.one("core/v1:ServiceAccount", "vault-reader-g1").inputs["metadata"]
    assert account["name"] == "vault-reader"
    assert account["annotations"]["azure.workload.identity/client-id"] == "<external-secrets.clientId>"
    assert "azure.workload.identity" not in json.dumps(values(prod, "external-secrets"))


def test_a_store_serves_the_namespaces_of_applications_and_another_argo_cds_alone(each):
    stores = {store.inputs["metadata"]["name"]: store.inputs["spec"] for store in each.several(":ClusterSecretStore")}
    of_tenants = {"matchExpressions": [{"key": TENANT_LABEL, "operator": "Exists"}]}
    assert stores["vault"]["conditions"] == [{"namespaceSelector": of_tenants}]
    assert stores["argocd"]["conditions"] == [{"namespaces": [each.release("argo-cd").inputs["namespace"]]}]
    assert stores["vault"]["provider"] == stores["argocd"]["provider"], "one identity reads for both"
    stores.pop("certificates", None)  # tests/component/test_kept_certificate.py
    assert len(stores) == 2


def test_every_credential_of_argo_cd_comes_from_its_own_store(each):
    secrets = each.several(":ExternalSecret")
    for secret in (s for s in secrets if s.inputs["metadata"]["namespace"] == ARGO_CD_NAMESPACE):
        reference = secret.inputs["spec"]["secretStoreRef"]
        store = next(s for s in each.several(":ClusterSecretStore") if s.inputs["metadata"]["name"] == "argocd")
        assert reference == {"kind": "ClusterSecretStore", "name": store.inputs["metadata"]["name"]}
        assert each.waits_for(secret, store)


def test_the_operator_may_sign_in_as_the_stores_service_account_and_as_no_other(each):
    stores = each.several(":ClusterSecretStore")
    for store in stores:
        reader = next(iter(store.inputs["spec"]["provider"].values()))
        account = reader.get("serviceAccountRef") or reader["auth"]["serviceAccount"]
        role = next(r for r in each.several(":Role") if r.name.startswith(f"{account['name']}-token")).inputs
        assert role["rules"] == [
            {
                "apiGroups": [""],
                "resources": ["serviceaccounts/token"],
                "resourceNames": [account["name"]],
                "verbs": ["create"],
            }
        ]
        assert role["metadata"]["namespace"] == account["namespace"]
        binding = next(r for r in each.several(":RoleBinding") if r.name.startswith(f"{account['name']}-token"))
        assert [subject["name"] for subject in binding.inputs["subjects"]] == ["external-secrets"]
        assert each.waits_for(store, binding), "it signs in as soon as it is there"
    minted = [r for r in each.several(":Role") if "serviceaccounts/token" in str(r.inputs["rules"])]
    assert len(minted) == len({r.inputs["rules"][0]["resourceNames"][0] for r in minted}) <= len(stores)


def test_an_uninstall_keeps_crds_and_so_every_certificate_secret_and_application(dev, local):
    assert values(dev, "external-secrets")["crds"]["annotations"] == {"helm.sh/resource-policy": "keep"}
    assert values(dev, "cert-manager")["crds"]["keep"] and values(dev, "argo-cd")["crds"]["keep"]
    assert values(local, "external-secrets")["crds"]["annotations"] == {}
    assert not values(local, "cert-manager")["crds"]["keep"] and not values(local, "argo-cd")["crds"]["keep"]


def test_ingress_redirects_to_https_and_keeps_the_callers_address(prod):
    ingress = values(prod, "traefik")
    redirect = ingress["ports"]["web"]["http"]["redirections"]["entryPoint"]
    assert redirect == {"to": "websecure", "scheme": "https", "permanent": True}
    assert ingress["service"]["spec"] == {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    assert ingress["service"]["annotations"] == {
        "service.beta.kubernetes.io/azure-load-balancer-resource-group": "rg-platform-prod-swedencentral-ingress",
        "service.beta.kubernetes.io/azure-pip-name": "pip-platform-prod-swedencentral-ingress-1",
    }
    assert ingress["ingressClass"]["isDefaultClass"]


def test_hosts_without_a_certificate_get_the_zones_wildcard(prod):
    certificate = prod.one(":Certificate", "default-certificate-g1").inputs
    assert certificate["spec"]["dnsNames"] == ["example.com", "*.example.com"]
    assert certificate["spec"]["issuerRef"]["name"] == "letsencrypt"
    store = values(prod, "traefik")["tlsStore"]["default"]["defaultCertificate"]
    assert store["secretName"] == certificate["spec"]["secretName"]


def test_ingress_is_spread_and_keeps_a_budget_only_where_there_are_several(dev, prod):
    assert values(prod, "traefik")["deployment"]["replicas"] == 3
    assert values(prod, "traefik")["podDisruptionBudget"] == {"enabled": True, "minAvailable": 1}
    assert {c["topologyKey"] for c in values(prod, "traefik")["topologySpreadConstraints"]} == {
        "kubernetes.io/hostname",
        "topology.kubernetes.io/zone",
    }
    # a budget over one replica would stop every drain
    assert values(dev, "traefik")["podDisruptionBudget"] == {"enabled": False}


def test_gateway_api_is_served_on_request(program):
    p = program("dev", ingress={"gatewayApi": True})
    assert values(p, "traefik")["providers"]["kubernetesGateway"]["enabled"]
    assert values(p, "cert-manager")["config"]["gatewayAPI"] == {"enabled": True}
    listeners = values(p, "traefik")["gateway"]["listeners"]
    assert listeners["websecure"]["certificateRefs"] == [{"name": "default-certificate"}]
    assert {listener["namespacePolicy"]["from"] for listener in listeners.values()} == {"All"}
    crds = p.one("yaml/v2:ConfigFile")
    assert crds.inputs["file"].endswith("/standard-install.yaml")
    assert p.waits_for(p.release("cert-manager"), crds), "cert-manager ends where it watches gateways and has no CRDs"


def test_the_gateway_apis_manifest_may_come_from_a_mirror(program):
    p = program(
        "dev", ingress={"gatewayApi": True, "gatewayApiManifest": "https://mirror.example.com/gateway-api.yaml"}
    )
    assert p.one("yaml/v2:ConfigFile").inputs["file"] == "https://mirror.example.com/gateway-api.yaml"


def test_another_controller_can_be_the_default(program):
    p = program("dev", ingress={"defaultClass": False})
    assert values(p, "traefik")["ingressClass"]["isDefaultClass"] is False


def test_two_operators_that_do_not_elect_would_both_write(dev, prod):
    assert values(prod, "external-secrets")["leaderElect"] is True
    assert values(dev, "external-secrets")["leaderElect"] is False


def test_argo_cd_is_highly_available_in_prod_and_nobody_is_admin(dev, prod):
    small, large = values(dev, "argo-cd"), values(prod, "argo-cd")
    for part in ("server", "repoServer", "applicationSet"):
        assert (small[part]["replicas"], large[part]["replicas"]) == (1, 2)
        assert large[part]["pdb"]["enabled"] and not small[part]["pdb"]["enabled"]
        assert large[part]["metrics"]["enabled"]
    assert large["configs"]["cm"]["admin.enabled"] is False
    assert small["configs"]["rbac"]["policy.default"] == ""


def test_argo_cd_signs_in_with_entra_and_stores_no_secret(prod):
    v = values(prod, "argo-cd")
    assert "useWorkloadIdentity: true" in v["configs"]["cm"]["oidc.config"]
    assert "clientSecret" not in v["configs"]["cm"]["oidc.config"]
    assert v["server"]["podLabels"] == {"azure.workload.identity/use": "true"}
    assert v["configs"]["rbac"]["policy.csv"] == "g, 9b2e61a7-3f84-4d0b-b1c5-6a7f8e9d0c12, role:admin\n"


def test_argo_cd_judges_its_children_and_shows_metrics(dev):
    v = values(dev, "argo-cd")
    assert "comparedTo" in v["configs"]["cm"]["resource.customizations.health.argoproj.io_Application"]
    for part in ("controller", "server", "repoServer", "applicationSet", "notifications"):
        assert v[part]["metrics"] == {"enabled": True}


def test_argo_cds_rights_come_from_the_stack_file(program):
    p = program(
        "prod",
        argocd={
            "defaultRole": "role:readonly",
            "policies": ["p, role:dev, applications, sync, */*, allow"],
            "signIn": {"readonlyGroups": ["0d3f7c1a-5b2e-4f6d-9a8c-1e2d3c4b5a69"]},
        },
    )
    rbac = values(p, "argo-cd")["configs"]["rbac"]
    assert rbac["policy.default"] == "role:readonly"
    assert "p, role:dev, applications, sync, */*, allow\n" in rbac["policy.csv"]
    assert "g, 0d3f7c1a-5b2e-4f6d-9a8c-1e2d3c4b5a69, role:readonly\n" in rbac["policy.csv"]
    assert rbac["scopes"] == "[groups]"


@pytest.mark.parametrize(
    "changes",
    [{"ingress": {"defaultCertificate": False}}, {"argocd": {"host": "cd.tools.dev.example.com"}}],
)
def test_argo_cds_page_has_a_certificate_of_its_own_where_the_default_one_does_not_cover_it(program, changes):
    ingress = values(program("dev", **changes), "argo-cd")["server"]["ingress"]
    assert ingress["annotations"]["cert-manager.io/cluster-issuer"] == "letsencrypt-staging"
    assert ingress["ingressClassName"] == INGRESS_CLASS and ingress["tls"]


@pytest.mark.parametrize("host", ["argocd.dev.example.com", "cd.dev.example.com"])
def test_argo_cds_page_has_the_default_certificate_where_that_covers_it(program, host):
    p = program("dev", argocd={"host": host})
    ingress = values(p, "argo-cd")["server"]["ingress"]
    assert ingress["hostname"] == host
    assert not ingress["tls"], "Traefik would look for a Secret that nobody makes"
    assert "cert-manager.io/cluster-issuer" not in ingress["annotations"]
    names = p.one(":Certificate", "default-certificate-g1").inputs["spec"]["dnsNames"]
    assert host in names or f"*.{host.partition('.')[2]}" in names


def test_a_repositorys_credential_comes_from_the_vault_and_never_through_pulumi(program):
    p = program(
        "dev",
        argocd={
            "repositories": [
                {"name": "apps", "url": "https://github.com/example", "vaultSecret": "github-token"},
                {"name": "ssh", "url": "ssh://git@github.com/example", "kind": "sshKey", "vaultSecret": "deploy-key"},
            ]
        },
    )
    apps = p.one(":ExternalSecret", "repository-apps-g1").inputs["spec"]
    assert apps["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "argocd"}
    assert apps["data"] == [{"secretKey": "value", "remoteRef": {"key": "github-token"}}]
    assert "{{ .value }}" in apps["target"]["template"]["data"].values()
    assert apps["target"]["template"]["metadata"]["labels"] == {"argocd.argoproj.io/secret-type": "repo-creds"}
    ssh = p.one(":ExternalSecret", "repository-ssh-g1").inputs["spec"]
    assert ssh["target"]["template"]["data"]["sshPrivateKey"] == "{{ .value }}"
    assert p.waits_for(
        p.one(":ExternalSecret", "repository-apps-g1"), p.one(":ClusterSecretStore", "argocd-secret-store-g1")
    )
    assert p.one(":ExternalSecret", "repository-apps-g1").hooks["before_create"], "its webhook judges it"


def test_a_github_app_signs_in_with_its_key(program):
    p = program(
        "dev",
        argocd={
            "repositories": [
                {
                    "name": "app",
                    "url": "https://github.com/example",
                    "kind": "githubApp",
                    "vaultSecret": "app-key",
                    "githubAppId": 12,
                    "githubAppInstallationId": 34,
                },
            ]
        },
    )
    data = p.one(":ExternalSecret", "repository-app-g1").inputs["spec"]["target"]["template"]["data"]
    assert data == {
        "type": "git",
        "url": "https://github.com/example",
        "githubAppID": "12",
        "githubAppInstallationID": "34",
        "githubAppPrivateKey": "{{ .value }}",
    }


def test_a_local_clusters_secrets_have_keys(program):
    p = program("local", argocd={"repositories": [{"name": "a", "url": "https://git.example", "vaultSecret": "token"}]})
    data = p.one(":ExternalSecret").inputs["spec"]["data"]
    assert data == [{"secretKey": "value", "remoteRef": {"key": "token", "property": "value"}}]


def test_the_repo_server_signs_in_where_a_repository_needs_it(program):
    p = program(
        "dev",
        argocd={
            "repositories": [
                {"name": "azure", "url": "https://dev.azure.com/example", "kind": "workloadIdentity"},
            ]
        },
    )
    server = values(p, "argo-cd")["repoServer"]
    assert server["podLabels"] == {"azure.workload.identity/use": "true"}
    assert server["serviceAccount"]["annotations"]["azure.workload.identity/client-id"] == "<argocd.clientId>"


HOST_KEY = "AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.mark.parametrize(
    ("url", "prefix", "host"),
    [
        ("git@git.example.com:group/apps.git", "ssh://git@git.example.com/group", "git.example.com"),
        ("ssh://git@git.example.com:2222/group/apps.git", "ssh://git@git.example.com:2222", "[git.example.com]:2222"),
    ],
)
def test_a_repository_over_ssh_is_read_with_a_key_from_the_vault(program, url, prefix, host):
    p = program(
        "dev",
        argocd={
            "repositories": [{"name": "apps", "url": prefix, "kind": "sshKey", "vaultSecret": "deploy-key"}],
            "sshKnownHosts": [f"{host} ssh-ed25519 {HOST_KEY}"],
        },
        gitops={"repoUrl": url},
    )
    secret = p.one(":ExternalSecret", "repository-apps-g1").inputs["spec"]
    assert secret["target"]["template"]["data"] == {"type": "git", "url": prefix, "sshPrivateKey": "{{ .value }}"}
    assert values(p, "argo-cd")["configs"]["ssh"] == {"extraHosts": f"{host} ssh-ed25519 {HOST_KEY}\n"}
    assert p.one("argoproj.io/v1alpha1:Application").inputs["spec"]["source"]["repoURL"] == url
    assert p.one(":AppProject").inputs["spec"]["sourceRepos"] == [url]


def test_the_charts_own_hosts_stand_where_the_stack_adds_none(dev):
    assert "ssh" not in values(dev, "argo-cd")["configs"]


@pytest.mark.parametrize(
    ("url", "written"),
    [
        ("https://dev.azure.com/example", {"type": "git", "url": "https://dev.azure.com/example"}),
        ("example.azurecr.io/charts", {"type": "helm", "url": "example.azurecr.io/charts", "enableOCI": "true"}),
        ("https://example.azurecr.io/", {"type": "helm", "url": "example.azurecr.io", "enableOCI": "true"}),
    ],
)
def test_where_argo_cd_signs_in_as_its_identity_a_repository_is_gits_and_a_registry_helms(url, written):
    """Of type oci, Argo CD has a password only; and it takes what is before the first slash for the registry's host.

    https://github.com/argoproj/argo-cd/blob/v3.4.4/pkg/apis/application/v1alpha1/repository_types.go and
    .../util/helm/creds.go
    """
    credential = RepositoryCredential.model_validate({"name": "charts", "url": url, "kind": "workloadIdentity"})
    assert identity_secret(credential) == {**written, "useAzureWorkloadIdentity": "true"}


def test_a_registry_is_asked_for_a_token_of_its_own(program):
    def environment(url):
        repositories = [{"name": "charts", "url": url, "kind": "workloadIdentity"}]
        return values(program("dev", argocd={"repositories": repositories}), "argo-cd")["repoServer"].get("env")

    assert environment("https://dev.azure.com/example") is None
    assert environment("example.azurecr.io/charts") == [
        {"name": "AZURE_ARM_TOKEN_RESOURCE", "value": "https://containerregistry.azure.net"}
    ]


def test_the_root_application_has_a_project_of_its_own(prod):
    root = prod.one("argoproj.io/v1alpha1:Application").inputs
    project = prod.one(":AppProject").inputs
    assert root["spec"]["project"] == project["metadata"]["name"] == "root"
    assert project["spec"]["clusterResourceWhitelist"] == [{"group": "", "kind": "Namespace", "name": "app-*"}]
    assert {d["namespace"] for d in project["spec"]["destinations"]} == {"argocd", "app-*"}
    assert project["spec"]["sourceRepos"] == [root["spec"]["source"]["repoURL"]]


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_the_root_application_renders_the_platforms_half(program, stack):
    root = program(stack).one("argoproj.io/v1alpha1:Application").inputs
    source = root["spec"]["source"]
    assert source["path"] == "tenants"
    assert source["helm"]["valuesObject"]["environment"] == stack
    assert source["targetRevision"] == ("main" if stack == "local" else "platform")
    assert root["metadata"]["finalizers"] == ["resources-finalizer.argocd.argoproj.io"]
    sync = root["spec"]["syncPolicy"]
    assert sync["automated"] == {"prune": True, "selfHeal": True}
    assert "ServerSideApply=true" in sync["syncOptions"]
    assert sync["retry"]["refresh"] is True
    assert sync["retry"]["backoff"] == {"duration": "10s", "factor": 2, "maxDuration": "5m"}
    assert "RespectIgnoreDifferences=true" in sync["syncOptions"]
    assert root["spec"]["ignoreDifferences"][0]["jsonPointers"][0] == "/operation"


def test_facts_of_the_infrastructure_stand_on_the_cluster_secret(prod):
    metadata = prod.one("core/v1:Secret", "in-cluster-g1").inputs["metadata"]
    assert metadata["labels"]["argocd.argoproj.io/secret-type"] == "cluster"
    facts = {key.removeprefix("aks-bootstrap.io/"): value for key, value in metadata["annotations"].items()}
    assert facts["vault-uri"] == "<vault.vaultUri>"
    assert facts["dns-zone"] == "example.com"
    assert facts["ingress-class"] == INGRESS_CLASS
    assert facts["cluster-name"] == "aks-platform-prod-g1"
    assert facts["external-secrets-client-id"] == "<external-secrets.clientId>"


def test_an_addons_chart_can_be_overridden_and_its_values_win(program):
    p = program(
        "dev",
        charts={
            "traefik": {
                "repository": "https://traefik.example",
                "version": "41.9.0",
                "values": {"deployment": {"replicas": 7}, "logs": {"level": "DEBUG"}},
            }
        },
    )
    inputs = p.release("traefik").inputs
    assert inputs["version"] == "41.9.0"
    assert inputs["repositoryOpts"] == {"repo": "https://traefik.example"}
    assert inputs["values"]["deployment"] == {"replicas": 7}
    assert inputs["values"]["logs"] == {"level": "DEBUG"}
    assert inputs["values"]["ingressClass"]["enabled"], "what is not overridden stands"


def test_logical_names_are_forever(dev):
    """A renamed resource is a replaced one: take a name off this list only with an alias, or on purpose."""
    now = Counter(r.name for r in dev.all if r.type.startswith("aks-bootstrap:"))
    released = [
        "network-swedencentral",
        "foundation",
        "ingress-addresses-swedencentral",
        "kubelet",
        "control-plane",
        "cert-manager",
        "external-secrets",
        "cluster-g1",
        "system-pool-g1",
        "monitoring-g1",
        "pool-apps-g1",
        "federated-cert-manager-g1",
        "federated-external-secrets-g1",
        "cert-manager-g1",
        "cert-manager-g1",
        "ingress-g1",
        "ingress-g1",
        "external-secrets-g1",
        "external-secrets-g1",
        "argocd-g1",
        "argocd-g1",
        "root-g1",
        "record",
    ]
    assert Counter(released) - now == Counter()


def test_self_signed_leaves_have_an_authority_that_a_client_can_trust(local):
    """A leaf that signed itself has an empty issuer name, which curl refuses."""
    specs = {r.inputs["metadata"]["name"]: r.inputs["spec"] for r in local.several(":ClusterIssuer")}
    authority = local.one(":Certificate", "self-signed-ca").inputs
    assert authority["spec"]["isCA"] and authority["spec"]["commonName"]
    assert specs[authority["spec"]["issuerRef"]["name"]] == {"selfSigned": {}}
    # cert-manager reads an authority of a ClusterIssuer from its own namespace
    assert authority["metadata"]["namespace"] == local.release("cert-manager").inputs["namespace"]
    assert specs["self-signed"] == {"ca": {"secretName": authority["spec"]["secretName"]}}


def test_the_store_names_its_tenant_once(prod):
    """External Secrets refuses a store whose tenant is on its service account too, even the same one."""
    provider = prod.one(":ClusterSecretStore", "secret-store-g1").inputs["spec"]["provider"]["azurekv"]
    assert provider["tenantId"]
    annotations = prod.one("core/v1:ServiceAccount", "vault-reader-g1").inputs["metadata"]["annotations"]
    assert "azure.workload.identity/tenant-id" not in annotations
