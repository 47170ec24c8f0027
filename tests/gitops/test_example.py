"""The example application: hardened, in order, and the same as the stack files say."""

import re
from pathlib import Path

import pytest

from bootstrap.delivery.clusters import known_environments, stack_section
from bootstrap.delivery.manifests import load_mapping
from bootstrap.delivery.render.application import manifests
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.render import render
from bootstrap.delivery.tenants import read_tenant
from bootstrap.delivery.validate import house
from bootstrap.errors import HelmError
from components.addons.ingress import NAMESPACE
from components.addons.root_specs import application_spec, project_spec
from conventions import (
    DIGESTS_ANNOTATION,
    HOSTS_ANNOTATION,
    IDENTITIES_ANNOTATION,
    IMAGE_UPDATER_KINDS,
    INGRESS_CLASS,
    REGISTRIES_ANNOTATION,
    ROOT_KINDS,
    SECRET_STORE,
    TENANT_KINDS,
    TENANT_LABEL,
    TENANT_ROLE,
    VAULT_KEYS_ANNOTATION,
)
from settings.addons import GitOps
from settings.types import Issuer
from tests.gitops.conftest import ROOT, SHA, one

ENVIRONMENTS = ["dev", "prod", "local"]


@pytest.fixture(scope="module")
def objects():
    return {env: render(ROOT, "hello", env).objects for env in ENVIRONMENTS}


def test_every_stack_has_an_environment_and_the_application_is_in_each():
    stacks = {path.name.split(".")[1] for path in ROOT.glob("Pulumi.*.yaml")}
    assert set(known_environments(ROOT)) == set(read_tenant(ROOT, "hello").environments) == stacks


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_applications_and_projects_name_the_repository_that_the_stack_names(env):
    gitops = GitOps.model_validate(stack_section(ROOT, env, "gitops"))
    for manifest in manifests(ROOT, env):
        spec = manifest.document.get("spec", {})
        if manifest.kind == "Application":
            assert spec["source"]["repoURL"] == gitops.repo_url
            assert spec["source"]["targetRevision"] == gitops.revision
        elif manifest.kind == "AppProject":
            assert spec["sourceRepos"] == ([] if manifest.name == "default" else [gitops.repo_url])


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_root_application_renders_the_tenants_chart_and_its_project_allows_what_that_makes(env):
    gitops = GitOps.model_validate(stack_section(ROOT, env, "gitops"))
    source = application_spec(gitops, env, production=False)["source"]
    assert (ROOT / source["path"] / "Chart.yaml").is_file()
    assert set(source["helm"]["valuesObject"]) == set(load_mapping(ROOT / source["path"] / "values.yaml"))

    def allowed(*, image_updater):
        spec = project_spec(gitops, [*ROOT_KINDS, *(IMAGE_UPDATER_KINDS if image_updater else ())])
        lists = (*spec["namespaceResourceWhitelist"], *spec["clusterResourceWhitelist"])
        return {(entry["group"], entry["kind"]) for entry in lists}

    assert {(manifest.group, manifest.kind) for manifest in manifests(ROOT, env)} == allowed(image_updater=False)
    assert allowed(image_updater=True) == house.ALLOWED


def test_the_constants_are_the_programs(objects):
    values = load_mapping(ROOT / "gitops/charts/web/values.yaml")
    assert values["networkPolicy"]["ingressNamespaces"] == [NAMESPACE]
    schema = load_mapping(ROOT / "gitops/charts/web/values.schema.json")
    issuers = [issuer.value for issuer in Issuer]
    assert schema["properties"]["ingress"]["properties"]["issuer"]["enum"] == ["", *issuers]
    # the example sets neither, and neither does its environment
    assert one(objects["prod"], "ExternalSecret")["spec"]["secretStoreRef"]["name"] == SECRET_STORE
    assert one(objects["prod"], "Ingress")["spec"]["ingressClassName"] == INGRESS_CLASS


def test_the_kinds_of_the_addons_cover_those_of_the_rehearsals_charts():
    kinds = Kinds(ROOT)
    found = 0
    for file in Path(ROOT / "rehearsal/charts").glob("*/templates/crds.yaml"):
        for block in file.read_text().split("kind: CustomResourceDefinition")[1:]:
            group, scope, kind = (
                re.findall(pattern, block)[0] for pattern in (r"group: (\S+)", r"scope: (\w+)", r"kind: (\w+)")
            )
            versions = [api.split("/")[1] for api in kinds.api_versions if api.startswith(f"{group}/v")]
            scopes = {kinds.namespaced(f"{group}/{version}", kind) for version in versions}
            assert (scope == "Namespaced") in scopes, f"{group} {kind}"
            found += 1
    assert found > 4


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_pods_can_do_little(objects, env):
    pod = one(objects[env], "Deployment")["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"] is True and pod["securityContext"]["runAsUser"] > 0
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
    for container in pod["containers"]:
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {"startupProbe", "readinessProbe", "livenessProbe"} <= set(container)
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}
        assert "memory" in container["resources"]["limits"]
    assert all(set(volume) == {"name", "emptyDir"} and volume["emptyDir"]["sizeLimit"] for volume in pod["volumes"])


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_a_node_that_is_drained_leaves_somebody_serving(objects, env):
    budget = one(objects[env], "PodDisruptionBudget")["spec"]
    deployment = one(objects[env], "Deployment")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == deployment["selector"]
    assert deployment["selector"]["matchLabels"].items() <= deployment["template"]["metadata"]["labels"].items()
    if env == "prod":
        assert "replicas" not in deployment, "the autoscaler owns the count: Argo CD would set it back"
        assert one(objects[env], "HorizontalPodAutoscaler")["spec"]["minReplicas"] >= 2


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_only_the_ingress_may_call_and_only_names_may_be_asked_for(objects, env):
    policy = one(objects[env], "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["podSelector"] == one(objects[env], "Deployment")["spec"]["selector"]
    [rule] = policy["ingress"]
    assert rule["from"] == [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "traefik"}}}]
    [rule] = policy["egress"]
    assert {port["port"] for port in rule["ports"]} == {53}


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_host_is_reached_with_tls_by_an_issuer_that_the_bootstrap_makes(objects, env):
    ingress = one(objects[env], "Ingress")
    [rule] = ingress["spec"]["rules"]
    assert ingress["spec"]["tls"] == [{"hosts": [rule["host"]], "secretName": "hello-tls"}]
    assert ingress["metadata"]["annotations"]["cert-manager.io/cluster-issuer"] in [issuer.value for issuer in Issuer]
    assert rule["host"].endswith("." + stack_section(ROOT, env, "dns")["zone"])


def test_secrets_come_from_the_vault_before_the_pods_that_need_them(objects):
    external = one(objects["prod"], "ExternalSecret")
    assert external["spec"]["secretStoreRef"] == {"kind": "ClusterSecretStore", "name": "vault"}
    assert external["spec"]["data"] == [{"secretKey": "PODINFO_TOKEN", "remoteRef": {"key": "hello-token"}}]
    container = one(objects["prod"], "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": external["spec"]["target"]["name"]}}]


def test_what_is_applied_first_stands_first(objects):
    kinds = [item.kind for item in objects["prod"]]
    assert set(kinds[:3]) == {"NetworkPolicy", "ServiceAccount", "ExternalSecret"}
    assert kinds.index("Deployment") > 2
    assert kinds[-1] == "Ingress"
    assert [item.wave for item in objects["prod"]] == [-1, -1, -1, 0, 0, 0, 0, 1]


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_the_namespace_is_the_platforms_and_comes_before_what_is_in_it(objects, env):
    assert not [item for item in objects[env] if item.kind == "Namespace"]
    root = render(ROOT, "root", env).objects
    (namespace,) = [item for item in root if item.kind == "Namespace"]
    inside = [item.wave for item in root if item.namespace == "app-hello"]
    assert namespace.name == "app-hello" and namespace.wave < min(inside)
    assert namespace.document["metadata"]["labels"] == {
        TENANT_LABEL: "hello",
        "pod-security.kubernetes.io/enforce": "restricted",
    }
    tenant = read_tenant(ROOT, "hello")
    annotations = namespace.document["metadata"]["annotations"]
    assert annotations[HOSTS_ANNOTATION] == ",".join(tenant.of(env).hosts)
    assert annotations[REGISTRIES_ANNOTATION] == ",".join(tenant.registries)
    assert annotations[VAULT_KEYS_ANNOTATION] == ",".join(tenant.vault_keys)
    assert annotations[IDENTITIES_ANNOTATION] == ",".join(tenant.of(env).identities)
    assert annotations[DIGESTS_ANNOTATION] == str(tenant.of(env).digests).lower()


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_argo_cd_applies_an_application_as_an_account_that_may_do_so_in_its_namespace_alone(env):
    made = {(m.kind, m.name): m.document for m in manifests(ROOT, env)}
    application, project = made["Application", "hello"]["spec"], made["AppProject", "hello"]["spec"]
    (account,) = project["destinationServiceAccounts"]
    assert {"server": account["server"], "namespace": account["namespace"]} == application["destination"]
    (subject,) = made["RoleBinding", "argocd"]["subjects"]
    assert f"{subject['namespace']}:{subject['name']}" == account["defaultServiceAccount"]
    assert made["RoleBinding", "argocd"]["metadata"]["namespace"] == account["namespace"]
    assert made["RoleBinding", "argocd"]["roleRef"]["name"] == TENANT_ROLE
    assert made["ServiceAccount", subject["name"]]["metadata"]["namespace"] == subject["namespace"]
    assert project["namespaceResourceWhitelist"] == [{"group": k.group, "kind": k.kind} for k in TENANT_KINDS]
    assert project["clusterResourceWhitelist"] == []


@pytest.mark.parametrize("env", ENVIRONMENTS)
def test_in_production_what_a_tenant_had_outlives_it(env):
    for manifest in manifests(ROOT, env):
        # the ApplicationSet keeps Applications, and the other is no tenant's
        if manifest.kind != "Application" and manifest.name != "default":
            annotations = manifest.document["metadata"].get("annotations", {})
            kept = "Prune=false" in annotations.get("argocd.argoproj.io/sync-options", "")
            assert kept == (env == "prod"), manifest.kind


def test_images_say_which_one(objects):
    images = {
        env: one(items, "Deployment")["spec"]["template"]["spec"]["containers"][0]["image"]
        for env, items in objects.items()
    }
    assert set(images) == {"dev", "prod", "local"}
    assert all("@sha256:" in image for image in images.values()), "every cluster can pull it, and it never moves"


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (f"tag: {SHA}", "tag: latest", "tag"),
        (f"tag: {SHA}", 'tag: ""', "image"),
        (f"tag: {SHA}", f"tag: {SHA}@sha256:{'a' * 63}", "tag"),
        (f"tag: {SHA}", f"tag: {SHA}@sha256:{'a' * 64}\n  digest: sha256:{'a' * 64}", "image"),
        ("replicas: 1", "replicas: 0", "replicas"),
        ("replicas: 1", "replica: 1", "replica"),
        ("host: hello.dev.example.com", "host: 7", "host"),
        ("issuer: letsencrypt-staging", "issuer: letsencrypt-stagin", "issuer"),
        ("memory: 64Mi", "memory: 64MB", "memory"),
        ("PODINFO_LEVEL: debug", "PODINFO_LEVEL: 1", "PODINFO_LEVEL"),
        ("env:\n", "port: 80\nenv:\n", "port"),
        ("env:\n", "writable: [data]\nenv:\n", "writable"),
        ("env:\n", "secrets: {env: {token: hello-token}}\nenv:\n", "token"),
    ],
)
def test_the_charts_schema_refuses(project, before, after, told):
    project.edit("gitops/apps/hello/dev.yaml", before, after)
    with pytest.raises(HelmError, match=told):
        project.render("hello", "dev")


def test_with_tag_and_digest_the_registry_is_asked_for_the_digest(project):
    project.edit("gitops/apps/hello/dev.yaml", "image:\n", f"image:\n  digest: sha256:{'a' * 64}\n")
    container = one(project.render("hello", "dev"), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"example.azurecr.io/hello:{SHA}@sha256:{'a' * 64}"


def test_a_tag_with_its_digest_is_what_runs(project):
    project.edit("gitops/apps/hello/dev.yaml", f"tag: {SHA}", f"tag: {SHA}@sha256:{'a' * 64}")
    container = one(project.render("hello", "dev"), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"example.azurecr.io/hello:{SHA}@sha256:{'a' * 64}"


def test_texts_that_yaml_takes_for_something_else_stay_texts(project):
    project.edit("gitops/apps/hello/dev.yaml", "PODINFO_LEVEL: debug", 'PODINFO_LEVEL: "no"\n  NUMBER: "4e5"')
    container = one(project.render("hello", "dev"), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert {"name": "PODINFO_LEVEL", "value": "no"} in container["env"]
    assert {"name": "NUMBER", "value": "4e5"} in container["env"]


def test_with_no_secrets_and_no_writable_folder_nothing_of_them_is_left(project):
    project.edit("gitops/apps/hello/values.yaml", "writable:\n  - /data\n  - /tmp\n", "writable: []\n")
    pod = one(project.render("hello", "local"), "Deployment")["spec"]["template"]["spec"]
    assert "volumes" not in pod and "volumeMounts" not in pod["containers"][0] and "envFrom" not in pod["containers"][0]
    assert "ExternalSecret" not in [item.kind for item in project.render("hello", "local")]
