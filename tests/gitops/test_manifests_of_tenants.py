"""Applications without a chart: what the commands around ``gitops/`` do with Kustomize overlays, and with manifests."""

import json
import shutil

import pytest

from bootstrap.delivery.new_app import new_application, new_environment
from bootstrap.delivery.overlay.check import check
from bootstrap.delivery.tenants import read_tenant
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import GitOpsError, KustomizeError, MissingToolError
from tests.gitops.conftest import one

TENANT = """\
owner: us
manifests: {}
registries: [example.azurecr.io/shop]
environments:
  dev:
    hosts: []
  prod:
    hosts: []
"""
DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: shop}
spec:
  selector: {matchLabels: {app: shop}}
  template:
    metadata: {labels: {app: shop}}
    spec: {containers: [{name: shop, image: "example.azurecr.io/shop:4f2a9c1d"}]}
"""
APP = "gitops/apps/shop"
needs_kustomize = pytest.mark.skipif(
    not (shutil.which("kustomize") or shutil.which("kubectl")), reason="needs kustomize or kubectl on PATH"
)


@pytest.fixture
def overlays(project):
    """A project whose application shop has a base and an overlay for each of dev and prod."""
    project.write("tenants/shop.yaml", TENANT.format("kustomize"))
    project.write(f"{APP}/base/kustomization.yaml", "resources: [deployment.yaml]\n")
    project.write(f"{APP}/base/deployment.yaml", DEPLOYMENT)
    for environment, replicas in (("dev", 1), ("prod", 3)):
        text = f"# of {environment}\nresources: [../../base]\nreplicas: [{{name: shop, count: {replicas}}}]\n"
        project.write(f"{APP}/overlays/{environment}/kustomization.yaml", text)
    return project


@pytest.fixture
def manifests(project):
    """A project whose application shop has manifests for dev and prod."""
    project.write("tenants/shop.yaml", TENANT.format("plain"))
    for environment in ("dev", "prod"):
        project.write(f"{APP}/manifests/{environment}/web/deployment.yaml", DEPLOYMENT)
    return project


def messages(project):
    project.forget()
    return {(finding.where, finding.message) for finding in validate(project.root).findings}


@needs_kustomize
def test_an_overlay_is_rendered_and_passes(overlays):
    assert one(overlays.render("shop", "prod"), "Deployment")["spec"]["replicas"] == 3
    assert one(overlays.render("shop", "dev"), "Deployment")["metadata"]["namespace"] == "app-shop"
    assert messages(overlays) == set()


def test_manifests_are_rendered_and_pass(manifests):
    assert one(manifests.render("shop", "prod"), "Deployment")["metadata"]["namespace"] == "app-shop"
    assert messages(manifests) == set()


def test_without_kustomize_kubectl_builds_and_without_both_it_is_told(overlays, tmp_path, monkeypatch):
    kubectl = shutil.which("kubectl")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingToolError, match=r"Kustomize is not on PATH, nor is kubectl.*: install version 5 \(https://"
    ):
        overlays.render("shop", "prod")
    if kubectl:
        (tmp_path / "kubectl").symlink_to(kubectl)
        assert one(overlays.render("shop", "prod"), "Deployment")["spec"]["replicas"] == 3


@needs_kustomize
def test_what_kustomize_refuses_is_told_in_its_words(overlays):
    overlays.edit(f"{APP}/base/kustomization.yaml", "deployment.yaml", "nowhere.yaml")
    with pytest.raises(KustomizeError) as error:
        overlays.render("shop", "prod")
    assert str(error.value).startswith("shop in prod: accumulating resources: ")
    assert str(overlays.root) not in str(error.value)
    assert {where for where, _ in messages(overlays)} == {"shop in dev", "shop in prod"}


@needs_kustomize
@pytest.mark.parametrize(
    ("kustomization", "told"),
    [
        ("resources: ['https://github.com/example/base//web?ref=v1']", "resources: https://github.com/example/base"),
        ("resources: ['github.com/example/base?ref=v1']", "resources: github.com/example/base?ref=v1 is not in this"),
        ("resources: ['git@github.com:example/base.git']", "resources: git@github.com:example/base.git is not in this"),
        ("components: ['ssh://git@example.com/base']", "components: ssh://git@example.com/base is not in this"),
        ("patches: [{path: 'https://example.com/p.yaml'}]", "patches.path: https://example.com/p.yaml is not in this"),
        (
            "configMapGenerator: [{name: a, files: ['k=https://e.com/x']}]",
            "configMapGenerator.files: https://e.com/x is",
        ),
        (
            "resources: [../../../../../outside]",
            "resources: ../../../../../outside leads out of the repository: ",
        ),
    ],
)
def test_what_is_not_in_the_repository_is_refused_by_its_name(overlays, kustomization, told):
    shutil.copytree(overlays.root / APP / "base", overlays.root.parent / "outside")
    overlays.write(f"{APP}/base/kustomization.yaml", f"{kustomization}\n")
    with pytest.raises(GitOpsError) as error:
        overlays.render("shop", "prod")
    assert str(error.value).startswith(f"{APP}/base/kustomization.yaml: {told}")


@needs_kustomize
def test_no_variable_of_ours_reaches_an_overlay(overlays, monkeypatch):
    monkeypatch.setenv("A_TOKEN", "secret")
    overlays.write(f"{APP}/base/a.env", "A_TOKEN\n")
    overlays.write(f"{APP}/base/kustomization.yaml", "configMapGenerator: [{name: a, envs: [a.env]}]\nresources: []\n")
    overlays.write(f"{APP}/overlays/prod/kustomization.yaml", "resources: [../../base]\n")
    assert one(overlays.render("shop", "prod"), "ConfigMap")["data"] == {"A_TOKEN": ""}


@pytest.mark.parametrize("kind", ["overlays", "manifests"])
def test_a_folder_that_is_missing_is_told(kind, request):
    project = request.getfixturevalue(kind)
    shutil.rmtree(project.root / APP / kind / "prod")
    with pytest.raises(GitOpsError, match=rf"spec\.source\.path is {APP}/{kind}/prod, where there is no folder"):
        project.render("shop", "prod")
    assert "shop in prod" in {where for where, _ in messages(project)}


def test_what_nothing_reads_is_found(manifests, overlays):
    # both are of the same project, whose tenant is that of the overlays
    file = "tenants/shop.yaml says `manifests: kustomize`"
    overlays.write(f"{APP}/values.yaml", "a: b\n")
    overlays.write(f"{APP}/prod.yaml", "a: b\n")
    shutil.copytree(overlays.root / APP / "overlays/prod", overlays.root / APP / "overlays/prd")
    assert messages(overlays) == {
        (f"{APP}/values.yaml", f"nothing reads it: {file}"),
        (f"{APP}/prod.yaml", f"nothing reads it: {file}"),
        (f"{APP}/overlays/prd", "no cluster of shop reads it; read are: dev, prod"),
    }


def test_a_kustomization_or_a_chart_among_manifests_is_found(manifests):
    for name in ("kustomization.yaml", "Chart.yaml"):
        manifests.write(f"{APP}/manifests/prod/{name}", "a: b\n")
    message = "is read as a manifest, or by nothing: this folder's files are applied as they are"
    assert messages(manifests) == {
        (f"{APP}/manifests/prod/{name}", message) for name in ("kustomization.yaml", "Chart.yaml")
    }


def test_what_a_tenant_may_not_have_is_found_as_with_a_chart(manifests):
    file = f"{APP}/manifests/prod/web/deployment.yaml"
    manifests.edit(file, "example.azurecr.io/shop:4f2a9c1d", "docker.io/library/other:1")
    manifests.write(f"{APP}/manifests/dev/secret.yaml", "{apiVersion: v1, kind: Secret, metadata: {name: s}}\n")
    found = messages(manifests)
    assert ("shop in dev", "Secret app-shop/s: the project allows no Secret") in found
    image = "got docker.io/library/other:1; tenants/shop.yaml allows images of example.azurecr.io/shop"
    assert ("shop in prod: Deployment app-shop/shop", image) in found


def test_overlay_has_nothing_to_do(manifests):
    manifests.commit()
    assert check(manifests.root).apps == ["hello"]
    with pytest.raises(GitOpsError) as error:
        check(manifests.root, ["shop"])
    assert str(error.value) == "shop has no values, and so no overlay of them: tenants/shop.yaml says `manifests`"


@pytest.mark.parametrize("kind", ["overlays", "manifests"])
def test_a_new_environment_has_what_the_other_has(kind, request):
    project = request.getfixturevalue(kind)
    new_environment(project.root, "stage", like="prod")
    assert "stage" in read_tenant(project.root, "shop").environments
    there = {
        environment: [path.name for path in sorted((project.root / APP / kind / environment).rglob("*"))]
        for environment in ("prod", "stage")
    }
    assert there["stage"] == there["prod"] != []
    if kind == "overlays":
        assert project.read(f"{APP}/overlays/stage/kustomization.yaml").startswith("# of stage\n")


def test_a_further_environment_of_one_application_is_left_to_people(overlays):
    with pytest.raises(GitOpsError) as error:
        new_application(overlays.root, "shop", environments=["local"], chart="web", image="example.azurecr.io/shop")
    assert str(error.value) == (
        "shop has no chart: add local to tenants/shop.yaml and to gitops/apps/shop/overlays by hand; "
        "nothing was written"
    )
    assert not (overlays.root / APP / "values.yaml").exists()


@needs_kustomize
def test_a_patch_that_is_written_out_is_no_file_whatever_its_length(overlays):
    metadata = {"name": "shop", "annotations": {"note": "a" * 300}}
    patch = {"metadata": metadata, "apiVersion": "apps/v1", "kind": "Deployment"}
    file = f"{APP}/overlays/dev/kustomization.yaml"
    overlays.write(file, overlays.read(file) + f"patchesStrategicMerge:\n  - '{json.dumps(patch)}'\n")
    assert validate(overlays.root).findings == []
    assert one(overlays.render("shop", "dev"), "Deployment")["metadata"]["annotations"] == {"note": "a" * 300}


@pytest.mark.parametrize("text", ["[" * 100_000, '{"apiVersion": "v1", "kind": "ConfigMap", "data": NaN}'])
def test_what_is_no_json_is_told(project, text):
    project.write("tenants/shop.yaml", TENANT.format("plain"))
    for environment in ("dev", "prod"):
        project.write(f"{APP}/manifests/{environment}/x.json", text)
    with pytest.raises(GitOpsError, match=r"x\.json is not JSON"):
        project.render("shop", "dev")
