"""``bootstrap app``: what it writes passes every check, and a mistake writes nothing."""

import pytest

from bootstrap.delivery.clusters import known_environments
from bootstrap.delivery.gitops import applications
from bootstrap.delivery.manifests import load_mapping
from bootstrap.delivery.new_app import new_application, new_environment
from bootstrap.delivery.overlay.check import check
from bootstrap.delivery.tenants import read_tenant
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import GitOpsError
from tests.gitops.conftest import one


def new(project, name="shop", envs=("dev", "prod"), chart="web", image="example.azurecr.io/shop"):
    return new_application(project.root, name, environments=envs, chart=chart, image=image)


def test_a_new_application_passes_every_check(project):
    made = new(project)
    assert sorted(made.files) == ["gitops/apps/shop/values.yaml", "tenants/shop.yaml"]
    assert applications(project.root) == ["hello", "shop"]
    # the port and the probes are the chart's defaults: it renders before anything is filled in
    assert validate(project.root).findings == []
    project.commit()
    assert check(project.root, ["shop"]).findings == []
    tenant = read_tenant(project.root, "shop")
    assert (tenant.chart, tenant.registries, tenant.vault_keys) == ("web", ["example.azurecr.io/shop"], ["shop-*"])
    assert {env: tenant.of(env).hosts for env in tenant.environments} == {
        "dev": ["shop.dev.example.com"],
        "prod": ["shop.example.com"],
    }
    container = one(project.render("shop", "prod"), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"example.azurecr.io/shop:{'0' * 40}"
    assert one(project.render("shop", "prod"), "Ingress")["spec"]["rules"][0]["host"] == "shop.example.com"
    assert one(project.render("shop", "dev"), "Ingress")["spec"]["rules"][0]["host"] == "shop.dev.example.com"


def test_it_is_like_the_example_where_the_house_asks_for_it(project):
    new(project, "hello2", envs=["prod"])
    project.edit("tenants/hello2.yaml", "owner: hello2", "owner: platform-team@example.com")
    objects = project.render("root", "prod")
    for kind in ("Application", "AppProject"):
        texts = {item.name: item.text().replace(item.name, "APP") for item in objects if item.kind == kind}
        assert set(texts) - {"default"} == {"hello", "hello2"} and texts["hello"] == texts["hello2"]


def test_one_that_is_there_can_go_to_a_further_environment(project):
    new(project, envs=["dev"])
    project.commit()
    base = project.read("gitops/apps/shop/values.yaml")
    made = new(project, envs=["local"])
    assert sorted(made.files) == ["tenants/shop.yaml"]
    assert project.read("gitops/apps/shop/values.yaml") == base
    before = project.git("show", "HEAD:tenants/shop.yaml").splitlines()
    assert project.read("tenants/shop.yaml").splitlines() == [
        *before,
        "  local:",
        "    hosts: [shop.local.example.com]",
    ], "every byte of it stays"
    assert validate(project.root).findings == []


@pytest.mark.parametrize(
    "name", ["Shop", "1shop", "shop_", "-shop", "shop-", "", "a" * 43, "root", "dev", "a.b", "../a"]
)
def test_a_name_that_cannot_be_one_is_refused(project, name):
    with pytest.raises(GitOpsError, match="for an application's name; allowed: "):
        new(project, name)
    assert project.git("status", "--porcelain") == ""


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"name": "hello"}, "hello is in dev, prod already; nothing was written"),
        ({"chart": "wep"}, "no chart 'wep' in gitops/charts; there are: cron, web, worker"),
        (
            {"envs": ["dev", "stage"]},
            "no environment 'stage'; .* One more is `bootstrap app new-",
        ),
    ],
)
def test_what_is_not_there_or_there_already_is_refused(project, changes, told):
    with pytest.raises(GitOpsError, match=told):
        new(project, **changes)
    assert project.git("status", "--porcelain") == ""


def test_a_new_environment_has_every_application_of_another(project):
    new(project)
    made = new_environment(project.root, "stage", like="dev")
    assert sorted(made.files) == ["gitops/apps/hello/stage.yaml", "tenants/hello.yaml", "tenants/shop.yaml"]
    assert made.next_steps[0] == "write Pulumi.stage.yaml: Pulumi.dev.yaml is one to begin with"
    project.write(
        "Pulumi.stage.yaml",
        project.read("Pulumi.dev.yaml")
        .replace("environment: dev", "environment: stage")
        .replace("zone: dev.example.com", "zone: stage.example.com"),
    )
    project.forget()
    assert known_environments(project.root) == ["dev", "local", "prod", "stage"]
    # hosts are dev's until somebody changes them, and no two clusters claim one name by accident
    assert read_tenant(project.root, "shop").of("stage").hosts == ["shop.dev.example.com"]
    assert ("shop in stage: Ingress app-shop/shop", "spec.rules[0].host") in [
        (finding.where, finding.path) for finding in validate(project.root).findings
    ]
    for file in ("gitops/apps/hello/stage.yaml", "tenants/hello.yaml", "tenants/shop.yaml"):
        head, *tail = (
            project.read(file).partition("  stage:") if file.startswith("tenants") else ("", project.read(file))
        )
        project.write(file, head + "".join(tail).replace(".dev.example.com", ".stage.example.com"))
    assert validate(project.root).findings == []
    project.commit()
    assert check(project.root).findings == []


def test_a_new_environment_that_has_its_stack_file_already_gets_hosts_of_its_own_zone(project):
    project.write(
        "Pulumi.stage.yaml",
        project.read("Pulumi.dev.yaml")
        .replace("environment: dev", "environment: stage")
        .replace("zone: dev.example.com", "zone: stage.example.com"),
    )
    project.forget()
    before = project.read("tenants/hello.yaml")
    new_environment(project.root, "stage", like="dev")
    assert project.read("tenants/hello.yaml") == before + "  stage:\n    hosts: [hello.stage.example.com]\n"


def test_an_application_in_four_environments_is_two_files(project):
    project.write(
        "Pulumi.stage.yaml",
        project.read("Pulumi.dev.yaml")
        .replace("environment: dev", "environment: stage")
        .replace("zone: dev.example.com", "zone: stage.example.com"),
    )
    project.forget()
    made = new(project, envs=["dev", "stage", "prod", "local"])
    assert len(made.files) <= 3, made.files
    assert list(read_tenant(project.root, "shop").environments) == ["dev", "stage", "prod", "local"]
    assert validate(project.root).findings == []
    for environment in ("dev", "stage", "prod", "local"):
        assert one(project.render("shop", environment), "Deployment")


def test_an_application_that_no_route_leads_to_gets_no_host(project):
    new(project, chart="worker")
    assert read_tenant(project.root, "shop").of("dev").hosts == []
    assert validate(project.root).findings == []


@pytest.mark.parametrize(
    ("name", "like", "told"),
    [
        ("Stage", "dev", "allowed: up to 8"),
        ("production", "dev", "allowed: up to 8"),
        ("prod", "dev", "an environment 'prod' already"),
        ("stage", "dve", "no environment 'dve'; there are: dev, local, prod"),
    ],
)
def test_an_environment_that_cannot_be_is_refused(project, name, like, told):
    with pytest.raises(GitOpsError, match=told):
        new_environment(project.root, name, like=like)
    assert project.git("status", "--porcelain") == ""


def test_an_environment_whose_values_are_there_is_not_overwritten(project):
    project.write("gitops/apps/hello/stage.yaml", "replicas: 9\n")
    with pytest.raises(GitOpsError, match=r"gitops/apps/hello/stage\.yaml already; nothing was written"):
        new_environment(project.root, "stage", like="dev")
    assert project.read("gitops/apps/hello/stage.yaml") == "replicas: 9\n"
    assert "stage" not in project.read("tenants/hello.yaml")


@pytest.mark.parametrize(
    "image",
    [
        "example.com/shop\nregistries: [ghcr.io]",
        "example.com/shop\n",
        "example.com/shop: x",
        "example.com/shop:",
        "example.com/shop:1.2",
        "example.com/shop # x",
        "example.com/shop\u2028x",
        "example.com/{{ .Values }}",
        "example.com/Shop",
        "shop",
        "true",
        "1e3",
        "0x1F",
        "22:22",
        "null",
        "&a/b",
        "example.com//shop",
        "example.com/shop/",
        "https://example.com/shop",
        "robot:hunter2@example.com/shop",
    ],
)
def test_an_image_that_would_be_something_else_in_yaml_is_refused(project, image):
    before = project.git("status", "--porcelain")
    with pytest.raises(GitOpsError, match=r"--image: got .*; allowed: its repository"):
        new(project, image=image)
    assert project.git("status", "--porcelain") == before


@pytest.mark.parametrize(
    "image", ["ghcr.io/example/shop", "example.azurecr.io/team/my-shop_2", "localhost:5000/shop", "registry:5000/a/b"]
)
def test_an_image_that_is_taken_is_text_in_both_files(project, image):
    new(project, image=image)
    assert load_mapping(project.root / "gitops/apps/shop/values.yaml")["image"]["repository"] == image
    assert load_mapping(project.root / "tenants/shop.yaml")["registries"] == [image]


BREAK = "x\n- injected: true\n"


@pytest.mark.parametrize("option", ["name", "envs", "chart", "image"])
def test_a_line_end_in_any_option_is_refused_before_anything_is_written(project, option):
    given = {option: (BREAK,) if option == "envs" else BREAK}
    with pytest.raises(GitOpsError, match="injected"):
        new(project, **given)
    with pytest.raises(GitOpsError, match="injected"):
        new_environment(project.root, BREAK, like="dev")
    with pytest.raises(GitOpsError, match="injected"):
        new_environment(project.root, "stage", like=BREAK)
    assert project.git("status", "--porcelain") == ""


def test_a_new_environment_copies_nothing_from_outside_the_repository(project, tmp_path):
    (tmp_path / "secret").write_text("sesame")
    project.write(
        "tenants/shop.yaml", "owner: us\nmanifests: plain\nregistries: [example.com]\nenvironments:\n  dev:\n"
    )
    project.write("gitops/apps/shop/manifests/dev/a.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    (project.root / "gitops/apps/shop/manifests/dev/b.yaml").symlink_to(tmp_path / "secret")
    with pytest.raises(GitOpsError, match=r"b\.yaml"):
        new_environment(project.root, "stage", like="dev")
    assert not (project.root / "gitops/apps/shop/manifests/stage").exists()
