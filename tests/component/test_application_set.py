"""What the program registers for tenants, and that ``bootstrap`` renders the same Applications."""

import json
import re
import subprocess
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from bootstrap.delivery.clusters import AFTER_UP, read_cluster
from bootstrap.delivery.render.application import generated
from bootstrap.delivery.tenants import CHART_FILES, Tenant, read_tenant
from components.addons import application_set
from conventions import FACT_PREFIX, WORKING_TREE_URL
from tests.component.conftest import ROOT, Program

Run = Callable[..., Program]
STACKS = ["dev", "prod", "local"]


def spec_of(program: Program) -> dict[str, Any]:
    return dict(program.one("argoproj.io/v1alpha1:ApplicationSet").inputs["spec"])


def generators(program: Program) -> tuple[dict[str, Any], str, dict[str, str]]:
    """Return the Git generator, the elements of the list and the labels of the cluster."""
    [outer] = spec_of(program)["generators"]
    tenants, clusters = outer["matrix"]["generators"]
    files, elements = tenants["matrix"]["generators"]
    labels = clusters["clusters"]["selector"]["matchLabels"]
    return files["git"], elements["list"]["elementsYaml"], labels


def secret(program: Program) -> dict[str, Any]:
    [found] = [r for r in program.several("core/v1:Secret") if r.name.startswith("in-cluster")]
    return dict(found.inputs["metadata"])


def facts(program: Program) -> dict[str, str]:
    annotations = secret(program)["annotations"]
    assert all(key.startswith(FACT_PREFIX) for key in annotations)
    return {key.removeprefix(FACT_PREFIX): value for key, value in annotations.items()}


def local_chart(spec: dict[str, Any]) -> str:
    """Return what the patch is for a chart of ``gitops/charts``: its last branch."""
    branch, _, rest = str(spec["templatePatch"]).rpartition("{{- else }}")[2].rpartition("{{- end }}")
    assert not rest
    return branch


def replaced(text: str, expressions: Mapping[str, str]) -> str:
    """Return a branch of the patch with the values of its expressions, as Go would print them."""

    def value(found: "re.Match[str]") -> str:
        parts = re.findall(r'("(?:[^"\\]|\\.)*")|\(((?:[^()"]|"[^"]*")*)\)', found[1])
        return json.dumps("".join(json.loads(literal) if literal else expressions[name] for literal, name in parts))

    return re.sub(r"\{\{ print (.*?) \| toJson \}\}", value, text)


def source_of(program: Program, chart: str = "web") -> dict[str, Any]:
    """Return the source of an application called shop, whose facts are empty."""
    spec = spec_of(program)
    facts_ = {f'index .metadata.annotations "{FACT_PREFIX}{key}"': "" for key in facts(program)}
    text = replaced(local_chart(spec), {'trimSuffix ".yaml" .file.path.filename': "shop", ".chart": chart, **facts_})
    return dict(json.loads(text)["spec"]["source"])


# --- facts -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stack", STACKS)
def test_bootstrap_renders_with_the_facts_that_the_program_puts_on_the_clusters_secret(
    program: Run, stack: str
) -> None:
    registered, rendered = facts(program(stack)), read_cluster(ROOT, stack).facts
    assert set(rendered) == set(registered)
    known = set(registered) - set(AFTER_UP)
    assert {key: rendered[key] for key in known} == {key: registered[key] for key in known}
    assert {"dns-zone", "cluster-issuer", "ingress-class", "secret-store", "environment"} <= known


@pytest.mark.parametrize(("stack", "expected"), [("dev", set(AFTER_UP)), ("prod", set(AFTER_UP)), ("local", set())])
def test_only_what_up_makes_is_unknown_before(program: Run, stack: str, expected: set[str]) -> None:
    assert set(AFTER_UP) & set(facts(program(stack))) == expected


@pytest.mark.parametrize("stack", STACKS)
def test_bootstrap_renders_the_application_that_the_application_set_makes(program: Run, stack: str) -> None:
    cluster, tenant = read_cluster(ROOT, stack), read_tenant(ROOT, "hello")
    spec = spec_of(program(stack))
    filled = {
        'trimSuffix ".yaml" .file.path.filename': "hello",
        ".chart": str(tenant.chart),
        **{f'index .metadata.annotations "{FACT_PREFIX}{key}"': fact for key, fact in cluster.facts.items()},
    }
    text = json.dumps(spec["template"]).replace(json.dumps(f"{{{{ {next(iter(filled))} }}}}")[1:-1], "hello")
    assert "{{" not in text, "each expression has its value"
    made = json.loads(text)
    made["spec"] |= json.loads(replaced(local_chart(spec), filled))["spec"]
    document = generated(ROOT, cluster, "hello", tenant).document
    if stack == "local":
        # the working tree stands for the repository
        assert made["spec"]["source"]["repoURL"] == WORKING_TREE_URL
        document["spec"]["source"]["repoURL"] = WORKING_TREE_URL
    assert made == {"metadata": document["metadata"], "spec": document["spec"]}


# --- the ApplicationSet ----------------------------------------------------------------------------------------------


def listed(folder: Path, files: Iterable[dict[str, Any]]) -> set[str]:
    """Return what Argo CD lists: it hands patterns to Git, whose * is any number of folders.

    https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Generators-Git-File-Globbing/
    """

    def matching(pattern: str) -> set[str]:
        done = subprocess.run(
            ["git", "ls-files", "-z", "--", pattern], cwd=folder, capture_output=True, text=True, check=True
        )
        return set(filter(None, done.stdout.split("\0")))

    files = list(files)
    included = [matching(file["path"]) for file in files if not file.get("exclude")]
    excluded = [matching(file["path"]) for file in files if file.get("exclude")]
    return set().union(*included) - set().union(*excluded)


@pytest.mark.parametrize("path", [None, ".", "platform", "a/b"])
def test_every_tenants_file_is_read_and_nothing_else_of_the_folder(
    program: Run, tmp_path: Path, path: str | None
) -> None:
    prefix = f"{path}/" if path not in (None, ".") else ""
    tenants = {f"{prefix}tenants/{name}.yaml" for name in ("hello", "shop", "chart")}
    others = {
        f"{prefix}tenants/{name}" for name in (*CHART_FILES, "templates/projects.yaml", "more/deep/x.yaml", "a.md")
    }
    for file in tenants | others | {"gitops/apps/hello/values.yaml", "other/tenants/x.yaml"}:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    for command in (["init", "-q"], ["add", "."]):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    git, _, _ = generators(program("dev", **({"gitops": {"path": path}} if path else {})))
    assert listed(tmp_path, git["files"]) == tenants
    assert not any(file["path"].startswith(("/", "./")) for file in git["files"]), "a path in Git has no such beginning"
    assert git["pathParamPrefix"] == "file", "a tenant's own keys must not stand for the file's"


def test_the_closed_list_of_keys_is_that_of_tenants_files(dev: Program) -> None:
    keys = [field.alias or name for name, field in Tenant.model_fields.items()]
    assert list(application_set._KEYS) == keys
    _, elements, _ = generators(dev)
    assert f"(list {' '.join(json.dumps(key) for key in ('file', *keys))})" in elements
    assert "@" not in elements, "every list is filled in"


def test_a_parameter_that_is_missing_stops_the_generation(dev: Program) -> None:
    spec = spec_of(dev)
    assert (spec["goTemplate"], spec["goTemplateOptions"]) == (True, ["missingkey=error"])


LAYERED = {"environment": "main", "environmentClass": "production", "region": "weu"}


def test_a_cluster_reads_the_layers_of_its_class_environment_and_region(program: Run) -> None:
    layered = program("prod", gitops=LAYERED)
    helm = source_of(layered)["helm"]
    names = ["values", "production", "main", "main-weu"]
    assert helm["valueFiles"] == [f"../../apps/shop/{name}.yaml" for name in names]
    assert helm["ignoreMissingValueFiles"] is True


def test_a_cluster_is_chosen_and_gets_projects_by_the_environment_of_its_applications(program: Run) -> None:
    for changes, environment in (({}, "prod"), (LAYERED, "main")):
        made = program("prod", **({"gitops": changes} if changes else {}))
        _, _, labels = generators(made)
        assert labels == {"argocd.argoproj.io/secret-type": "cluster", "environment": "{{ .environment }}"}
        assert secret(made)["labels"]["environment"] == environment
        root = made.one("argoproj.io/v1alpha1:Application").inputs
        assert root["spec"]["source"]["helm"]["valuesObject"]["environment"] == environment


def test_each_half_is_read_from_its_own_repository(program: Run) -> None:
    url = "https://github.com/example/platform.git"
    made = program(
        "dev", gitops={"platform": {"repoUrl": url, "revision": "main"}, "path": "deploy", "revision": "next"}
    )
    git, _, _ = generators(made)
    assert (git["repoURL"], git["revision"]) == (url, "main")
    source = source_of(made)
    assert (source["repoURL"], source["targetRevision"]) == ("https://github.com/example/aks-bootstrap.git", "next")
    assert source["path"] == "deploy/gitops/charts/web"
    root = made.one("argoproj.io/v1alpha1:Application").inputs["spec"]["source"]
    assert (root["repoURL"], root["targetRevision"], root["path"]) == (url, "main", "deploy/tenants")
    assert root["helm"]["valuesObject"]["repoURL"] == source["repoURL"], "projects allow the applications' half"


def test_the_application_set_comes_after_the_facts_and_beside_the_root_application(dev: Program) -> None:
    """A project stays until its Application is gone: with one after the other, a deletion would wait for ever."""
    made = dev.one("argoproj.io/v1alpha1:ApplicationSet")
    root = dev.one("argoproj.io/v1alpha1:Application")
    [facts_] = [r for r in dev.several("core/v1:Secret") if r.name.startswith("in-cluster")]
    assert dev.waits_for(made, facts_)
    assert not dev.waits_for(root, made) and not dev.waits_for(made, root)


@pytest.mark.parametrize("stack", STACKS)
def test_the_engine_deletes_the_root_application_and_the_set_of_tenants_together(program: Run, stack: str) -> None:
    """It deletes in steps: what is farthest from the start, counted along everything that is waited for, goes first."""
    p = program(stack)
    steps: dict[str | None, int] = {}
    for resource in p.all:  # what is waited for is registered before
        steps[resource.urn] = 1 + max(
            (steps.get(urn, 0) for urn in (resource.parent, *resource.dependencies)), default=0
        )
    assert steps[p.one(":Application").urn] == steps[p.one(":ApplicationSet").urn]


@pytest.mark.parametrize("stack", STACKS)
def test_an_application_stays_as_git_has_it_and_goes_with_its_tenant(program: Run, stack: str) -> None:
    template = spec_of(program(stack))["template"]
    app = '{{ trimSuffix ".yaml" .file.path.filename }}'
    assert template["metadata"] == {
        "name": app,
        "namespace": "argocd",
        "finalizers": ["resources-finalizer.argocd.argoproj.io"],
    }
    spec = template["spec"]
    assert spec["project"] == app, "a project of its own limits it"
    assert spec["destination"] == {"server": "https://kubernetes.default.svc", "namespace": f"app-{app}"}
    sync = spec["syncPolicy"]
    assert sync["automated"] == {"prune": True, "selfHeal": True}
    assert "CreateNamespace=true" not in sync["syncOptions"], "the namespace is the platform's"
    assert sync["retry"]["limit"] > 0 and sync["retry"]["refresh"] is True
    assert "managedNamespaceMetadata" not in sync
