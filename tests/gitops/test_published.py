"""Charts of others: fetched once from a real repository or registry on this machine, kept, and rendered."""

import os
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

from bootstrap.delivery.render.published import PublishedChart
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import ChartFetchError
from tests.gitops.conftest import one
from tests.published_charts import FILES, NAME, VERSION, helm_repository, packed, registry

NOWHERE = "https://127.0.0.1:1/charts"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Return the folder of kept charts, which begins empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("HELM_CONFIG_HOME", "HELM_REPOSITORY_CONFIG", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "user" / name.lower()))
    return tmp_path / "cache" / "aks-bootstrap" / "charts"


@pytest.fixture
def archive(tmp_path):
    return packed(tmp_path)


def chart(url, name=NAME, version=VERSION):
    return PublishedChart(url=url.removeprefix("oci://"), name=name, version=version)


def kept(cache):
    return sorted(path.name for path in cache.glob("*/*"))


def tenant(project, url):
    """Let hello be the chart of a repository."""
    text = project.read("tenants/hello.yaml")
    before = "chart: web # a folder of gitops/charts\n"
    assert before in text
    chart = f"chart: {{repository: '{url}', name: {NAME}, version: {VERSION}}}\n"
    project.write("tenants/hello.yaml", text.replace(before, chart))
    project.write("gitops/apps/hello/values.yaml", "colour: blue\nimage: {tag: base}\n")
    project.write("gitops/apps/hello/prod.yaml", "image: {tag: prod}\n")
    project.write("gitops/apps/hello/dev.yaml", "{}\n")
    project.write("gitops/apps/hello/local.yaml", "{}\n")


def test_it_is_rendered_with_our_values_and_the_facts_of_the_cluster(project, archive):
    with helm_repository(archive) as url:
        tenant(project, url)
        objects = project.render("hello", "prod")
    [before, own] = [item for item in objects if item.kind == "ConfigMap"]
    assert before.is_hook and own.namespace == "app-hello"
    assert own.document["metadata"]["labels"] == {"chart": "podinfo-6.7.1"}
    assert own.document["data"]["colour"] == "blue"
    assert own.document["data"]["image"] == "example.com/podinfo:prod"
    assert '"dnsZone":"example.com"' in own.document["data"]["platform"]
    assert one(objects, "CustomResourceDefinition")["metadata"]["name"] == "things.example.com"


def test_it_is_fetched_once(project, archive, cache):
    with helm_repository(archive) as url:
        tenant(project, url)
        first = project.render("hello", "prod")
    assert kept(cache) == [NAME]
    # nothing answers any more
    assert project.render("hello", "prod") == first
    assert project.render("hello", "dev") != first


@pytest.mark.skipif(shutil.which("crane") is None, reason="a registry on this machine needs crane on PATH")
def test_it_may_come_from_a_registry(project, archive, tmp_path):
    with registry(archive, tmp_path) as url:
        tenant(project, url)
        objects = project.render("hello", "prod")
        assert chart(url).folder().name == NAME
    [own] = [item for item in objects if item.kind == "ConfigMap" and not item.is_hook]
    assert own.document["data"]["image"] == "example.com/podinfo:prod"


def test_several_at_the_same_time_fetch_it_whole(archive, cache):
    with helm_repository(archive) as url, ThreadPoolExecutor(max_workers=8) as pool:
        folders = set(pool.map(lambda _: chart(url).folder(), range(16)))
    assert len(folders) == 1
    assert sorted(path.name for path in cache.iterdir()) == [folders.pop().parent.name], "nothing else is left"


@pytest.mark.parametrize("url", [NOWHERE, "oci://127.0.0.1:1/charts"])
def test_a_repository_that_does_not_answer_is_one_clear_error(project, url, cache):
    tenant(project, url)
    with pytest.raises(ChartFetchError) as error:
        project.render("hello", "prod")
    text = str(error.value)
    assert text.startswith(f"hello in prod: podinfo 6.7.1 of {url} cannot be fetched: ")
    assert "refused" in text and "\n" not in text
    assert kept(cache) == []


def test_a_chart_or_a_version_that_the_repository_does_not_have_is_told(archive, cache):
    with helm_repository(archive) as url:
        for wanted in (chart(url, name="other"), chart(url, version="6.7.2")):
            with pytest.raises(ChartFetchError, match=f"{wanted.name} {wanted.version} of {url} cannot be fetched: .+"):
                wanted.folder()
    assert kept(cache) == []


def test_a_version_that_is_spelled_otherwise_is_told(tmp_path, cache):
    spelled = packed(tmp_path, {**FILES, "Chart.yaml": "{apiVersion: v2, name: podinfo, version: v6.7.1}\n"})
    with helm_repository(spelled) as url, pytest.raises(ChartFetchError) as error:
        chart(url).folder()
    assert str(error.value) == f"podinfo 6.7.1 of {url} cannot be used: its Chart.yaml says podinfo v6.7.1"
    assert kept(cache) == []


def test_what_is_kept_has_to_be_that_chart(archive):
    with helm_repository(archive) as url:
        folder = chart(url).folder()
        (folder / "Chart.yaml").write_text("{apiVersion: v2, name: podinfo, version: 6.7.0}\n")
        with pytest.raises(ChartFetchError) as error:
            chart(url).folder()
        assert str(error.value) == (
            f"{folder.parent} has to hold podinfo 6.7.1 of {url}, and its Chart.yaml says podinfo 6.7.0: remove it, "
            "and it is fetched again"
        )
        (folder / "Chart.yaml").unlink()
        with pytest.raises(ChartFetchError, match=r"there is no Chart\.yaml: remove it"):
            chart(url).folder()


def test_a_chart_that_would_override_the_application_is_refused(tmp_path):
    overriding = packed(tmp_path, {**FILES, ".argocd-source.yaml": "helm: {releaseName: other}\n"})
    with (
        helm_repository(overriding) as url,
        pytest.raises(ChartFetchError, match=r"\.argocd-source\.yaml, which would"),
    ):
        chart(url).folder()


def test_the_users_own_entry_for_a_repository_is_used(archive, tmp_path, monkeypatch):
    """It may have a credential; ours is none of Helm's options, which every user of the machine sees."""
    with helm_repository(archive) as url:
        (tmp_path / "repositories.yaml").write_text(
            f"apiVersion: ''\nrepositories: [{{name: theirs, url: {url}/, username: me, password: secret}}]\n"
        )
        monkeypatch.setenv("HELM_REPOSITORY_CONFIG", str(tmp_path / "repositories.yaml"))
        assert chart(url).folder().name == NAME
    (tmp_path / "repositories.yaml").write_text(
        "apiVersion: ''\nrepositories: [{name: theirs, url: 'https://me:secret@127.0.0.1:1/charts'}]\n"
    )
    with pytest.raises(ChartFetchError) as error:
        chart(NOWHERE).folder()
    assert "secret" not in str(error.value)


def test_a_folder_that_cannot_be_written_is_told(archive, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with (
        helm_repository(archive) as url,
        pytest.raises(ChartFetchError, match=r"cannot be kept in .*: Not a directory"),
    ):
        chart(url).folder()


def test_a_relative_folder_of_the_cache_counts_as_none(archive, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    with helm_repository(archive) as url:
        assert chart(url).folder().is_relative_to(tmp_path / "home" / ".cache" / "aks-bootstrap")
    assert not os.path.lexists("here")


def test_validate_finds_what_its_tenant_does_not_allow_and_what_cannot_be_fetched(project, archive):
    with helm_repository(archive) as url:
        tenant(project, url)
        project.forget()
        found = {(finding.where, finding.message) for finding in validate(project.root).findings}
    kind = "the project allows no CustomResourceDefinition, which is the whole cluster's"
    assert ("hello in prod", f"CustomResourceDefinition things.example.com: {kind}") in found
    tenant_of_nowhere = project.read("tenants/hello.yaml").replace(url, NOWHERE)
    project.write("tenants/hello.yaml", tenant_of_nowhere)
    project.forget()
    messages = [finding.message for finding in validate(project.root).findings if finding.where == "hello in prod"]
    assert [message.partition(": ")[0] for message in messages] == [f"podinfo 6.7.1 of {NOWHERE} cannot be fetched"]
