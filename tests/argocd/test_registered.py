"""The ApplicationSet that the program registers, run by Argo CD's own controller on the example's tenants."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from bootstrap.delivery.clusters import Cluster, read_cluster
from bootstrap.delivery.render.application import generated, tenants_of
from bootstrap.delivery.tenants import parse_tenant
from conventions import FACT_PREFIX, IN_CLUSTER, TENANTS_FOLDER, WORKING_TREE_URL
from tests.argocd.argo_cd import API_VERSION, ArgoCD
from tests.argocd.generator import APPLICATIONS, Generated, Generator, start_generator
from tests.argocd.git_repository import GitRepository
from tests.component.conftest import ROOT, Program, program

__all__ = ["program"]

URL = "https://github.com/example/aks-bootstrap.git"
TENANT = "owner: us\nchart: web\nregistries: [ghcr.io/us]\nenvironments:\n  dev:\n  prod:\n    hosts: [a.example.com]\n"


def with_chart(text: str) -> str:
    return TENANT.replace("chart: web", text)


PODINFO = "chart: {repository: 'https://charts.example.com', name: podinfo, version: 6.7.1}"
KINDS = {
    "a chart of gitops/charts": TENANT,
    "a chart of a Helm repository": with_chart(PODINFO),
    "a chart of a registry": with_chart(PODINFO.replace("https://", "oci://")),
    "Kustomize": with_chart("manifests: kustomize"),
    "plain manifests": with_chart("manifests: plain"),
}
BROKEN = {
    "an unknown key": "metadata: {annotations: {}}\n" + TENANT,
    "the list's own parameter": "environment: dev\n" + TENANT,
    "no chart": TENANT.replace("chart: web\n", ""),
    "an empty chart": TENANT.replace("chart: web", "chart:"),
    "no environments": TENANT.partition("environments")[0],
    "environments that are null": TENANT.partition("environments")[0] + "environments:\n",
    "environments that are none": TENANT.partition("environments")[0] + "environments: {}\n",
    "environments in a list": TENANT.partition("environments")[0] + "environments: [prod]\n",
    "nothing": "# later\n",
    "a chart and manifests": "manifests: plain\n" + TENANT,
    "a chart in a list": with_chart("chart: [web]"),
    "a chart that is a path": with_chart("chart: ../apps/shop"),
    "manifests that are null": with_chart("manifests:"),
    "manifests of an unknown kind": with_chart("manifests: jsonnet"),
    "manifests in a mapping": with_chart("manifests: {kustomize: true}"),
    "a chart of nowhere": with_chart("chart: {name: podinfo, version: 6.7.1}"),
    "a chart without a name": with_chart(PODINFO.replace("name: podinfo, ", "")),
    "a chart without a version": with_chart(PODINFO.replace(", version: 6.7.1", "")),
    "a chart in a range of versions": with_chart(PODINFO.replace("6.7.1", "^6.7.1")),
    "a chart in any version": with_chart(PODINFO.replace("6.7.1", "'*'")),
    "a version that is a number": with_chart(PODINFO.replace("6.7.1", "6.7")),
    "a version that is null": with_chart(PODINFO.replace("6.7.1", "")),
    "a repository with a password": with_chart(PODINFO.replace("https://", "https://me:secret@")),
    "a repository that is a folder": with_chart(PODINFO.replace("https://charts.example.com", "file:///charts")),
    "an unknown key of a chart": with_chart(PODINFO.replace("name:", "path: x, name:")),
}
"""Tenants' files, each of which would delete its application or stop all others if nothing refused it."""


class Stack:
    """What a stack registers for its tenants, with this test's repository in the place of its own."""

    def __init__(self, recorded: Program, repository: GitRepository) -> None:
        self.repository = repository
        registered = recorded.one(":ApplicationSet").inputs
        secret = next(r.inputs for r in recorded.several("core/v1:Secret") if r.name.startswith("in-cluster"))
        self.annotations: dict[str, str] = secret["metadata"]["annotations"]
        server = {"name": "in-cluster", "server": IN_CLUSTER, "config": "{}"}
        self.secret = {"apiVersion": "v1", "kind": "Secret", "metadata": secret["metadata"], "stringData": server}
        metadata = {"name": registered["metadata"]["name"]}
        self.application_set = self._here(
            {"apiVersion": API_VERSION, "kind": "ApplicationSet", "metadata": metadata, "spec": registered["spec"]}
        )

    def commit(self, files: dict[str, str | None] | None = None) -> None:
        """Commit the example's tenants, and others, to whatever revision the platform's half is read from."""
        tree: dict[str, str | None] = {
            str(path.relative_to(ROOT)): path.read_text(encoding="utf-8")
            for path in (ROOT / TENANTS_FOLDER).rglob("*")
            if path.is_file()
        }
        git: dict[str, Any] = self._generators[0]["matrix"]["generators"][0]["git"]
        self.repository.commit(git["revision"], tree | (files or {}))

    @property
    def _generators(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.application_set["spec"]["generators"][0]["matrix"]["generators"]
        return found

    def cluster(self, name: str) -> Cluster:
        """Return how our own commands see the cluster, with the facts that only it has."""
        facts = {key.removeprefix(FACT_PREFIX): value for key, value in self.annotations.items()}
        return replace(read_cluster(ROOT, name), facts=facts, repo_url=self.repository.url)

    def _here(self, document: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps(document).replace(URL, self.repository.url).replace(WORKING_TREE_URL, self.repository.url)
        found: dict[str, Any] = json.loads(text)
        return found


@pytest.fixture(scope="module")
def controller(argo: ArgoCD) -> Generator:
    return start_generator(argo, "hello", "shop", "later", "apps")


@pytest.fixture
def generator(controller: Generator) -> Iterator[Generator]:
    yield controller
    controller.clear()


def spec_of(result: Generated, name: str) -> dict[str, Any]:
    found: dict[str, Any] = result.application(name)["spec"]
    return found


@pytest.mark.parametrize("stack", ["dev", "prod", "local"])
def test_what_is_rendered_is_what_argo_cd_generates(
    stack: str, generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    it = Stack(program(stack), repository)
    it.commit()
    result = generator.generate(it.application_set, it.secret)
    assert result.error == ""
    cluster = it.cluster(stack)
    tenants = tenants_of(ROOT, cluster)
    assert sorted(item["metadata"]["name"] for item in result.applications) == sorted(tenants)
    for app, tenant in tenants.items():
        ours = generated(ROOT, cluster, app, tenant).document
        theirs = result.application(app)
        assert theirs["spec"] == ours["spec"]
        for key in ("name", "namespace", "finalizers"):
            assert theirs["metadata"][key] == ours["metadata"][key]


@pytest.mark.parametrize("stack", ["dev", "local"])
@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_source_is_generated_as_it_is_rendered(
    kind: str, stack: str, generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    it = Stack(program(stack), repository)
    text = KINDS[kind].replace("  dev:\n", f"  {stack}:\n")
    it.commit({"tenants/shop.yaml": text})
    result = generator.generate(it.application_set, it.secret)
    assert result.error == ""
    ours = generated(ROOT, it.cluster(stack), "shop", parse_tenant(text, "tenants/shop.yaml")).document
    assert spec_of(result, "shop") == ours["spec"]


def test_an_application_changes_from_each_kind_of_source_to_each_other(
    generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    it = Stack(program("dev"), repository)
    for kind in [*KINDS, *reversed(KINDS)]:
        it.commit({"tenants/shop.yaml": KINDS[kind]})
        expected = generated(ROOT, it.cluster("dev"), "shop", parse_tenant(KINDS[kind], "shop")).document["spec"]

        def is_there(expected: dict[str, Any] = expected) -> bool | None:
            # a generation that was under way may have used up the request to read Git again
            result = generator.generate(it.application_set, it.secret)
            assert (result.kept, result.error) == (["hello", "shop"], "")
            return spec_of(result, "shop") == expected or None

        generator.wait(is_there, f"an Application of {kind}")


def test_what_a_fact_contains_stays_text(
    generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    it = Stack(program("dev"), repository)
    fact = FACT_PREFIX + "vault-uri"
    it.annotations[fact] = it.secret["metadata"]["annotations"][fact] = 'a"b\\c{{ .chart }}\n<&>é'
    it.commit()
    result = generator.generate(it.application_set, it.secret)
    values = spec_of(result, "hello")["source"]["helm"]["valuesObject"]
    assert values["global"]["platform"]["vaultUri"] == it.annotations[fact]


def test_a_region_reads_its_layers(
    generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    region = {"environment": "prod", "region": "weu", "environmentClass": "production"}
    it = Stack(program("dev", gitops=region), repository)
    it.commit()
    result = generator.generate(it.application_set, it.secret)
    layers = ["values", "production", "prod", "prod-weu"]
    assert spec_of(result, "hello")["source"]["helm"]["valueFiles"] == [
        f"../../apps/hello/{layer}.yaml" for layer in layers
    ]


def test_only_the_environments_tenants_are_generated(
    generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    it = Stack(program("dev"), repository)
    it.commit({"tenants/shop.yaml": TENANT, "tenants/later.yaml": TENANT.replace("  dev:\n", "")})
    result = generator.generate(it.application_set, it.secret)
    assert result.kept == ["hello", "shop"]


@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_tenant_is_named_and_nothing_is_deleted(
    kind: str, generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    it = Stack(program("dev"), repository)
    it.commit({"tenants/shop.yaml": TENANT})
    assert generator.generate(it.application_set, it.secret).kept == ["hello", "shop"]
    it.commit({"tenants/shop.yaml": BROKEN[kind]})
    result = generator.generate(it.application_set, it.secret)
    assert result.kept == ["hello", "shop"] and result.deleted == []
    assert "shop.yaml" in result.error


@pytest.mark.parametrize(("stack", "kept"), [("dev", False), ("prod", True)])
def test_in_production_an_application_outlives_its_tenant(
    stack: str, kept: bool, generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    it = Stack(program(stack), repository)
    it.commit({"tenants/shop.yaml": TENANT})
    assert generator.generate(it.application_set, it.secret).kept == ["hello", "shop"]
    it.commit({"tenants/shop.yaml": None})
    assert ("shop" in generator.generate(it.application_set, it.secret).kept) is kept


def test_applications_of_an_earlier_version_are_taken_over(
    generator: Generator, repository: GitRepository, program: Callable[..., Program]
) -> None:
    it = Stack(program("dev"), repository)
    it.commit()
    before = {
        "apiVersion": API_VERSION,
        "kind": "Application",
        "metadata": {
            "name": "hello",
            "annotations": {"argocd.argoproj.io/tracking-id": "root:argoproj.io/Application"},
        },
        "spec": {
            "project": "apps",
            "source": {"repoURL": it.repository.url, "path": "gitops/charts/web"},
            "destination": {"server": IN_CLUSTER, "namespace": "app-hello"},
        },
    }
    generator.argo_cd.apply(APPLICATIONS, before)
    [made] = generator.applications()
    result = generator.generate(it.application_set, it.secret)
    taken = result.application("hello")
    assert taken["metadata"]["uid"] == made["metadata"]["uid"], "it is the same object, and what it deployed stays"
    assert [owner["kind"] for owner in taken["metadata"]["ownerReferences"]] == ["ApplicationSet"]
