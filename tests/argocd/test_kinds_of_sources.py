"""What Argo CD generates from the Application of a tenant of each kind, and what ``bootstrap render`` shows of it."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.delivery.clusters import read_cluster
from bootstrap.delivery.render.application import generated
from bootstrap.delivery.render.render import render
from bootstrap.delivery.tenants import read_tenant
from tests.argocd.argo_cd import ArgoCD
from tests.argocd.git_repository import GitRepository
from tests.argocd.outcome import Outcome, differences
from tests.argocd.renderer import Renderer
from tests.published_charts import FILES, NAME, VERSION, helm_repository, packed, registry

ROOT = Path(__file__).resolve().parents[2]
VALUES = {"values": "colour: blue\nimage: {tag: base}\n", "prod": "image: {tag: prod}\n"}
BASE = {
    "base/kustomization.yaml": "resources: [web.yaml]\nconfigMapGenerator: [{name: settings, literals: [a=b]}]\n",
    "base/web.yaml": "{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {ports: [{port: 80}]}}\n",
}
NEEDS_CRANE = pytest.mark.skipif(shutil.which("crane") is None, reason="a registry on this machine needs crane on PATH")


@dataclass(frozen=True, kw_only=True)
class Project:
    """A project with one application of each kind, which is a Git repository too."""

    repository: GitRepository

    @property
    def root(self) -> Path:
        return self.repository.folder.resolve()

    def application(self, app: str) -> dict[str, Any]:
        """Return the Application of a tenant in prod, as the ApplicationSet makes it, but for what would sync it."""
        cluster = replace(read_cluster(self.root, "prod"), repo_url=self.repository.url)
        document = generated(self.root, cluster, app, read_tenant(self.root, app)).document
        del document["spec"]["syncPolicy"], document["metadata"]["finalizers"]
        document["spec"]["project"] = "default"
        return document


def files_of(app: str, chart: str, files: dict[str, str]) -> dict[str, str]:
    tenant = f"owner: us\n{chart}\nregistries: [example.com]\nenvironments: {{prod: {{}}}}\n"
    return {f"tenants/{app}.yaml": tenant, **{f"gitops/apps/{app}/{name}": text for name, text in files.items()}}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    folder = tmp_path_factory.mktemp("kinds")
    archive = packed(folder)
    values = {f"{name}.yaml": text for name, text in VALUES.items()}
    with contextlib.ExitStack() as contexts:
        url = contexts.enter_context(helm_repository(archive))
        published = f"chart: {{repository: '%s', name: {NAME}, version: {VERSION}}}"
        files = {
            **{f"gitops/charts/own/{name}": text for name, text in FILES.items()},
            **files_of("own", "chart: own", values),
            **files_of("helm", published % url, values),
            **files_of("overlay", "manifests: kustomize", BASE),
            **files_of("plain", "manifests: plain", {"manifests/prod/deep/a.yaml": BASE["base/web.yaml"]}),
        }
        files["gitops/apps/overlay/overlays/prod/kustomization.yaml"] = "{resources: [../../base], nameSuffix: -prod}\n"
        if shutil.which("crane"):
            url = contexts.enter_context(registry(archive, folder))
            files |= files_of("oci", published % url, values)
        repository = GitRepository(folder=folder / "repository")
        repository.folder.mkdir()
        for file in ("Pulumi.yaml", "Pulumi.prod.yaml"):
            shutil.copy(ROOT / file, repository.folder)
        repository.commit("main", files)
        yield Project(repository=repository)


@pytest.fixture(scope="module")
def renderer(argo: ArgoCD) -> Renderer:
    return Renderer.start(argo)


def plain_http(url: str) -> dict[str, Any]:
    """Return what lets Argo CD ask a registry without TLS."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "registry", "labels": {"argocd.argoproj.io/secret-type": "repository"}},
        "stringData": {
            "type": "helm",
            "name": "registry",
            "url": url,
            "enableOCI": "true",
            "insecureOCIForceHttp": "true",
        },
    }


@pytest.mark.parametrize("app", ["own", "helm", pytest.param("oci", marks=NEEDS_CRANE), "overlay", "plain"])
def test_what_is_rendered_is_what_argo_cd_applies(
    app: str, project: Project, renderer: Renderer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    document = project.application(app)
    if app == "oci":
        renderer.argo_cd.apply_secret(plain_http(document["spec"]["sources"][0]["repoURL"]))
    renderer.create(document)
    real = renderer.outcome(document)
    assert real.error == "" and real.objects
    ours = Outcome.of(item.document for item in render(project.root, app, "prod").objects)
    assert list(differences(real, ours)) == []
