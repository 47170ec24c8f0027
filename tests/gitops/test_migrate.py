"""``bootstrap app migrate``: tenants of what earlier versions kept as one Application for each environment."""

import shutil

import pytest

from application_sources import Sources
from application_template import application
from bootstrap.delivery.manifests import dump, load_all, load_mapping
from bootstrap.delivery.migrate import migrate
from bootstrap.delivery.render.render import render
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import GitOpsError
from tests.gitops.conftest import ROOT

URL = "https://github.com/example/aks-bootstrap.git"
ENVIRONMENTS = ("dev", "local", "prod")


@pytest.fixture
def old(project):
    """Return a project as earlier versions laid it out."""
    (project.root / "tenants" / "hello.yaml").unlink()
    for environment in ENVIRONMENTS:
        possible = Sources(
            app="hello",
            repo_url=URL,
            revision="main",
            folder="",
            environment=environment,
            layers=[environment],
            facts={},
        )
        document = application(app="hello", sources=possible.local_chart("web"))
        document["spec"]["project"] = "apps"
        for key in ("ignoreMissingValueFiles", "valuesObject"):
            del document["spec"]["source"]["helm"][key]
        project.write(f"gitops/environments/{environment}/hello.yaml", dump(document))
        kinds = [{"group": "apps", "kind": kind} for kind in ("Deployment", "DaemonSet")]
        project.write(
            f"gitops/environments/{environment}/_project.yaml",
            dump(
                {"apiVersion": "argoproj.io/v1alpha1", "kind": "AppProject", "metadata": {"name": "apps"}}
                | {"spec": {"namespaceResourceWhitelist": kinds}}
            ),
        )
    return project


def files(project):
    return {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file() and ".git" not in path.parts}


def test_a_tenant_has_what_its_applications_had(old):
    made = migrate(old.root)
    assert set(made.files) == {
        "tenants/hello.yaml",
        *(f"gitops/environments/{environment}/_tenants.yaml" for environment in ENVIRONMENTS),
    }
    tenant = load_mapping(old.root / "tenants/hello.yaml")
    assert tenant["chart"] == "web"
    assert tenant["environments"] == {
        "dev": {"hosts": ["hello.dev.example.com"]},
        "local": {"hosts": ["hello.local.example.com"]},
        "prod": {"hosts": ["hello.example.com"]},
    }
    assert tenant["vaultKeys"] == ["hello-token"]
    assert tenant["registries"] == ["example.azurecr.io/hello", "ghcr.io/stefanprodan/podinfo"]
    assert validate(old.root).findings == []


def test_the_projects_are_there_before_an_application_names_them(old):
    migrate(old.root)
    [project] = load_all(old.read("gitops/environments/dev/_tenants.yaml"), "it")
    assert project["metadata"]["name"] == "hello"
    assert project["spec"]["destinations"] == [{"server": "https://kubernetes.default.svc", "namespace": "app-hello"}]


def test_what_is_left_to_do_names_what_a_tenant_has_not(old):
    old.write(
        "gitops/environments/dev/hello-images.yaml",
        "apiVersion: argocd-image-updater.argoproj.io/v1alpha1\nkind: ImageUpdater\nmetadata: {name: hello}\n",
    )
    steps = "\n".join(migrate(old.root).next_steps)
    assert "may not have apps/DaemonSet" in steps and "Deployment" not in steps
    assert "hello-images.yaml: a ImageUpdater" not in steps and "hello-images.yaml: ImageUpdater" in steps


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("releaseName: hello", "releaseName: other", "spec.source.helm.releaseName: a tenant's is hello"),
        ("namespace: app-hello", "namespace: app-other", "spec.destination.namespace: a tenant's is app-hello"),
        ("hello/dev.yaml", "hello/prod.yaml", "spec.source.helm.valueFiles: a tenant's is"),
        ("gitops/charts/web", "gitops/charts/none", "where there is no Chart.yaml"),
    ],
)
def test_what_no_tenant_can_be_is_refused_and_nothing_is_written(old, before, after, message):
    old.edit("gitops/environments/dev/hello.yaml", before, after)
    old.edit("gitops/environments/prod/hello.yaml", "releaseName: hello", "releaseName: two")
    was = files(old)
    with pytest.raises(GitOpsError) as refused:
        migrate(old.root)
    assert message in str(refused.value)
    assert "prod/hello.yaml: spec.source.helm.releaseName" in str(refused.value), "all of them at once"
    assert files(old) == was


def test_an_application_that_would_render_otherwise_is_refused(old):
    """Charts fill in the environment's issuer now where the values name none."""
    old.edit("gitops/apps/hello/dev.yaml", "  issuer: letsencrypt-staging\n", "")
    was = files(old)
    with pytest.raises(
        GitOpsError, match=r"hello in dev would not render the same.*Ingress app-hello/hello"
    ) as refused:
        migrate(old.root)
    assert "-    cert-manager.io/cluster-issuer: letsencrypt\n" in str(refused.value)
    assert files(old) == was


def test_a_project_that_has_nothing_of_the_kind_is_told_so(project):
    with pytest.raises(GitOpsError, match="there is nothing to migrate"):
        migrate(project.root)
    shutil.copytree(ROOT / "gitops" / "apps", project.root / "gitops" / "environments" / "dev")
    shutil.rmtree(project.root / "tenants")
    with pytest.raises(GitOpsError, match=r"tenants/Chart.yaml is missing"):
        migrate(project.root)


def test_it_renders_the_same_objects(old):
    """Seen from outside, by the committed example and not by what the migration compared."""
    migrate(old.root)
    for environment in ENVIRONMENTS:
        labels = [item.label for item in render(old.root, "hello", environment).objects]
        assert "Deployment app-hello/hello" in labels


def test_an_image_without_a_registry_is_docker_hubs(old):
    old.edit(
        "gitops/charts/web/templates/_helpers.tpl",
        '{{- define "app.image" -}}',
        '{{- define "app.image" -}}nginx:1.29{{- end }}\n{{- define "app.imageBefore" -}}',
    )
    migrate(old.root)
    assert load_mapping(old.root / "tenants/hello.yaml")["registries"] == ["docker.io/library/nginx"]
    assert validate(old.root).findings == []
