"""``bootstrap app``: what it writes passes every check, and a mistake writes nothing."""

import pytest

from bootstrap.delivery.gitops import all_environments, applications, environments
from bootstrap.delivery.new_app import new_application, new_environment
from bootstrap.delivery.overlay.check import check
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import GitOpsError
from tests.gitops.conftest import one


def new(project, name="shop", envs=("dev", "prod"), chart="web", image="example.azurecr.io/shop"):
    return new_application(project.root, name, environments=envs, chart=chart, image=image)


def test_a_new_application_passes_every_check(project):
    made = new(project)
    assert sorted(made.files) == [
        "gitops/apps/shop/dev.yaml",
        "gitops/apps/shop/prod.yaml",
        "gitops/apps/shop/values.yaml",
        "gitops/environments/dev/shop.yaml",
        "gitops/environments/prod/shop.yaml",
    ]
    assert applications(project.root) == ["hello", "shop"]
    # the port and the probes are the chart's defaults: it renders before anything is filled in
    assert validate(project.root).findings == []
    project.commit()
    assert check(project.root, ["shop"]).findings == []
    container = one(project.render("shop", "prod"), "Deployment")["spec"]["template"]["spec"]["containers"][0]
    assert container["image"] == f"example.azurecr.io/shop:{'0' * 40}"
    assert one(project.render("shop", "prod"), "Ingress")["spec"]["rules"][0]["host"] == "shop.example.com"
    assert one(project.render("shop", "dev"), "Ingress")["spec"]["rules"][0]["host"] == "shop.dev.example.com"


def test_it_is_like_the_example_where_the_house_asks_for_it(project):
    new(project, "hello2", envs=["prod"])
    for one_, other in (("hello", "hello2"), ("hello2", "hello")):
        assert project.render("root", "prod")  # both read
        text = next(o.text() for o in project.render("root", "prod") if o.name == one_).replace(one_, "APP")
        like = next(o.text() for o in project.render("root", "prod") if o.name == other).replace(other, "APP")
        assert text == like


def test_one_that_is_there_can_go_to_a_further_environment(project):
    new(project, envs=["dev"])
    base = project.read("gitops/apps/shop/values.yaml")
    made = new(project, envs=["local"])
    assert sorted(made.files) == ["gitops/apps/shop/local.yaml", "gitops/environments/local/shop.yaml"]
    assert project.read("gitops/apps/shop/values.yaml") == base
    assert environments(project.root, "shop") == ["dev", "local"]
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
        ({"name": "hello"}, "gitops/apps/hello/dev.yaml, .* already; nothing was written"),
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
    assert sorted(made.files) == [
        "gitops/apps/hello/stage.yaml",
        "gitops/apps/shop/stage.yaml",
        "gitops/environments/stage/_project.yaml",
        "gitops/environments/stage/hello.yaml",
        "gitops/environments/stage/shop.yaml",
    ]
    assert made.next_steps[0] == "write Pulumi.stage.yaml: Pulumi.dev.yaml is one to begin with"
    assert all_environments(project.root) == ["dev", "local", "prod", "stage"]
    project.write(
        "Pulumi.stage.yaml", project.read("Pulumi.dev.yaml").replace("environment: dev", "environment: stage")
    )
    assert validate(project.root).findings == []
    assert project.read("gitops/environments/stage/_project.yaml").startswith("# What applications of stage may do.")
    project.commit()
    assert check(project.root).findings == []


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
    assert not (project.root / "gitops/environments/stage").exists()
