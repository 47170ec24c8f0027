"""A class of environments, and regions of one: which values a cluster gets, and how ``overlay`` compares them."""

import re

import pytest

from bootstrap.delivery.manifests import load_mapping
from bootstrap.delivery.overlay.check import check
from bootstrap.delivery.overlay.findings import common, redundant, unexpected
from bootstrap.delivery.overlay.fix import fix, write
from bootstrap.delivery.overlay.paths import spell
from bootstrap.delivery.overlay.rules import read_rules
from bootstrap.delivery.overlay.unread import unread
from bootstrap.delivery.overlay.values import read_values
from bootstrap.delivery.render.application import read_application
from bootstrap.delivery.render.render import template
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import GitOpsError
from tests.gitops.conftest import one

APPS = "gitops/apps/hello"
CLUSTERS = ("dev", "local", "prod", "prodweu", "stage")
LOCAL_HOSTS = "    hosts: [hello.local.example.com]\n"


def add_cluster(project, name, **layers):
    """Add a stack file like prod's, or change that, with layers of its own."""
    text = re.sub(r"environment: prod\b", f"environment: {name}", project.read("Pulumi.prod.yaml"))
    head, repo, tail = text.partition("    repoUrl: https://github.com/example/aks-bootstrap.git\n")
    project.write(
        f"Pulumi.{name}.yaml", head + repo + "".join(f"    {key}: {value}\n" for key, value in layers.items())
    )
    assert tail == ""


@pytest.fixture
def regional(project):
    """prod in two regions, and stage, which is of prod's class."""
    add_cluster(project, "prodweu", environment="prod", environmentClass="production", region="weu")
    add_cluster(project, "stage", environmentClass="production")
    add_cluster(project, "prod", environmentClass="production", region="swc")
    project.edit("tenants/hello.yaml", LOCAL_HOSTS, LOCAL_HOSTS + "  stage:\n    hosts: [hello.stage.example.com]\n")
    project.write(f"{APPS}/production.yaml", "resources:\n  limits:\n    memory: 256Mi\n")
    project.edit(f"{APPS}/prod.yaml", "resources:\n  limits:\n    memory: 256Mi\n\n", "")
    [image] = re.findall(r"image:\n  tag: \w+\n", project.read(f"{APPS}/prod.yaml"))
    project.write(
        f"{APPS}/stage.yaml", f"{image}env:\n  PODINFO_LEVEL: debug\ningress:\n  host: hello.stage.example.com\n"
    )
    project.write(f"{APPS}/prod-weu.yaml", "autoscaling:\n  minReplicas: 4\n")
    project.commit("regions")
    project.forget()
    return project


def append(project, layer, text):
    file = f"{APPS}/{layer}.yaml"
    before = project.read(file) if (project.root / file).exists() else ""
    project.write(file, before + text)


def found(project, rule):
    findings = rule(read_values(project.root, "hello"), read_rules(project.root, "hello"))
    return [(finding.environments, spell(finding.path), finding.message) for finding in findings]


def texts(project):
    project.forget()
    return {name: template(project.root, read_application(project.root, "hello", name)).render() for name in CLUSTERS}


def test_a_class_and_regions_pass_every_check(regional):
    assert validate(regional.root).findings == []
    assert check(regional.root).findings == []


def test_a_cluster_reads_the_base_its_class_its_environment_and_its_region_in_this_order(regional):
    read = {
        name: [f.name for f in read_application(regional.root, "hello", name).helm.value_files] for name in CLUSTERS
    }
    assert read == {
        "dev": ["values.yaml", "dev.yaml"],
        "local": ["values.yaml", "local.yaml"],
        # nothing is laid over prod in swc
        "prod": ["values.yaml", "production.yaml", "prod.yaml"],
        "prodweu": ["values.yaml", "production.yaml", "prod.yaml", "prod-weu.yaml"],
        "stage": ["values.yaml", "production.yaml", "stage.yaml"],
    }


def test_of_two_layers_the_narrower_one_wins(regional):
    keys = ("BASE", "CLASS", "ENVIRONMENT", "REGION")
    for depth, layer in enumerate(("values", "production", "prod", "prod-weu")):
        text = regional.read(f"{APPS}/{layer}.yaml")
        lines = "".join(f"  {key}: {layer}\n" for key in keys[depth:])
        regional.write(
            f"{APPS}/{layer}.yaml",
            text.replace("env:\n", f"env:\n{lines}", 1) if "env:\n" in text else f"{text}env:\n{lines}",
        )

    def seen(cluster):
        container = one(regional.render("hello", cluster), "Deployment")["spec"]["template"]["spec"]["containers"][0]
        env = {variable["name"]: variable["value"] for variable in container["env"]}
        return [env[key] for key in keys]

    assert seen("prodweu") == ["values", "production", "prod", "prod-weu"]
    assert seen("prod") == ["values", "production", "prod", "prod"]
    assert seen("stage") == ["values", "production", "production", "production"]
    assert seen("dev") == ["values"] * 4


def test_clusters_of_one_environment_have_its_applications_and_its_hosts(regional):
    for cluster in ("prod", "prodweu"):
        objects = regional.render("hello", cluster)
        assert one(objects, "Ingress")["spec"]["rules"][0]["host"] == "hello.example.com"
    autoscalers = {name: one(regional.render("hello", name), "HorizontalPodAutoscaler") for name in ("prod", "prodweu")}
    assert {name: item["spec"]["minReplicas"] for name, item in autoscalers.items()} == {"prod": 3, "prodweu": 4}


def test_facts_of_the_infrastructure_win_over_every_file(regional):
    for layer in ("values", "production", "stage", "dev"):
        append(regional, layer, "\nglobal:\n  platform:\n    dnsZone: mine.example.org\n")
    regional.edit(f"{APPS}/dev.yaml", "  host: hello.dev.example.com\n", "")
    regional.edit(f"{APPS}/stage.yaml", "\ningress:\n  host: hello.stage.example.com\n", "\n")
    hosts = {
        name: one(regional.render("hello", name), "Ingress")["spec"]["rules"][0]["host"] for name in ("dev", "stage")
    }
    assert hosts == {"dev": "hello.dev.example.com", "stage": "hello.example.com"}


@pytest.mark.parametrize(
    ("layer", "text", "path", "origin"),
    [
        ("production", "port: 9898\n", "port", "the base"),
        ("stage", "resources:\n  limits:\n    memory: 256Mi\n", "resources.limits.memory", f"{APPS}/production.yaml"),
        (
            "prod-weu",
            "resources:\n  limits:\n    memory: 256Mi\n",
            "resources.limits.memory",
            f"{APPS}/production.yaml",
        ),
        ("prod-weu", "env:\n  PODINFO_LEVEL: info\n", "env.PODINFO_LEVEL", f"{APPS}/prod.yaml"),
        (
            "prod-weu",
            "disruptionBudget:\n  maxUnavailable: 1\n",
            "disruptionBudget.maxUnavailable",
            "the chart's default",
        ),
    ],
)
def test_what_repeats_a_layer_below_is_redundant_and_says_which(regional, layer, text, path, origin):
    append(regional, layer, text)
    [(where, spelled, message)] = found(regional, redundant)
    assert (where, spelled) == ((layer,), path) and message.startswith(f"repeats {origin}: ")


def test_what_overrides_a_layer_below_is_not_redundant_though_the_base_has_it_too(regional):
    append(regional, "production", "port: 8080\n")
    append(regional, "stage", "port: 9898\n")
    assert found(regional, redundant) == []


def test_what_all_environments_of_a_class_set_belongs_in_the_classs_file(regional):
    for layer in ("stage", "prod"):
        append(regional, layer, "\nrevisionHistoryLimit: 3\n")
    [(where, path, message)] = found(regional, common)
    assert (where, path) == (("prod", "stage"), "revisionHistoryLimit")
    assert message == f"prod and stage set 3: belongs in {APPS}/production.yaml"


def test_what_all_regions_set_belongs_in_the_environments_file(regional):
    append(regional, "prod-swc", "autoscaling:\n  minReplicas: 4\n")
    [(where, path, message)] = found(regional, common)
    assert (where, path) == (("prod-swc", "prod-weu"), "autoscaling.minReplicas")
    assert message.endswith(f"belongs in {APPS}/prod.yaml")


def test_what_differs_between_clusters_of_one_environment_is_unexpected_where_it_is_not_allowed(regional):
    append(regional, "prod-weu", "terminationGracePeriodSeconds: 60\n")
    assert found(regional, unexpected) == [
        (
            ("prod-weu",),
            "terminationGracePeriodSeconds",
            "differs: dev 30, local 30, prod 30, prodweu 60, stage 30",
        )
    ]


def test_a_value_of_a_class_that_no_template_reads_is_unread(regional):
    (regional.root / "gitops/charts/web/values.schema.json").unlink()
    append(regional, "production", "workers: 2\n")
    findings = list(unread(read_values(regional.root, "hello")))
    assert [(finding.environments, spell(finding.path)) for finding in findings] == [(("production",), "workers")]


def test_a_fix_moves_values_down_one_layer_at_a_time_and_changes_no_cluster(regional):
    """What both regions say goes to prod's file; what prod and stage say then goes on to the class's."""
    for layer in ("prod-swc", "prod-weu"):
        append(regional, layer, "drainSeconds: 7 # as the balancer asks\n")
    append(regional, "stage", "drainSeconds: 7\n")
    append(regional, "prod-weu", "resources:\n  limits:\n    memory: 256Mi\n")
    before = texts(regional)
    read, rules = read_values(regional.root, "hello"), read_rules(regional.root, "hello")
    mended, steps = fix(read, rules)
    assert all(step.done for step in steps), [(step.finding, step.why_not) for step in steps]
    written = [layer.shown.rpartition("/")[2] for layer in write(read, mended)]
    assert texts(regional) == before
    assert sorted(written) == ["prod-swc.yaml", "prod-weu.yaml", "production.yaml", "stage.yaml"]
    assert regional.read(f"{APPS}/production.yaml").endswith("drainSeconds: 7 # as the balancer asks\n")
    assert load_mapping(regional.root / f"{APPS}/prod-weu.yaml") == {"autoscaling": {"minReplicas": 4}}
    assert found(regional, redundant) == found(regional, common) == []


def test_a_layer_with_two_parents_is_refused(regional):
    regional.edit("Pulumi.prodweu.yaml", "    environmentClass: production\n", "")
    regional.forget()
    with pytest.raises(GitOpsError) as error:
        read_values(regional.root, "hello")
    assert str(error.value) == (
        f"{APPS}/prod.yaml is laid over different files by gitops.environmentClass of its clusters: "
        "prod: values.yaml, production; prodweu: values.yaml"
    )


def test_a_region_that_no_cluster_has_is_refused_by_both_checks(regional):
    append(regional, "prod-neu", "autoscaling:\n  minReplicas: 5\n")
    with pytest.raises(GitOpsError, match=r"prod-neu\.yaml: no cluster reads it, by tenants/hello\.yaml and the stack"):
        read_values(regional.root, "hello")
    assert [(f.where, f.message) for f in validate(regional.root).findings] == [
        (
            f"{APPS}/prod-neu.yaml",
            "no cluster of hello reads it; read are: dev, local, prod, prod-swc, prod-weu, production, stage",
        )
    ]
