"""A link out of the repository is refused before Helm follows it, whichever command is run."""

import pytest

from bootstrap.delivery.clusters import read_cluster
from bootstrap.delivery.links import links_elsewhere, refuse_links_of_chart
from bootstrap.delivery.overlay.check import check
from bootstrap.delivery.render import helm
from bootstrap.delivery.render.application import platform_objects
from bootstrap.delivery.render.compare import render_at
from bootstrap.delivery.render.render import render, render_several
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import BootstrapError, GitOpsError

TEXT = "swordfish"
TEMPLATES = "gitops/charts/web/templates"


@pytest.fixture
def outside(project):
    """A file of the machine, which a link of a chart would render."""
    file = project.root.parent / "elsewhere.yaml"
    file.write_text(f"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\ndata:\n  password: {TEXT}\n")
    return file


WAYS = {
    "absolute": (f"{TEMPLATES}/x.yaml", "{outside}"),
    "relative": (f"{TEMPLATES}/x.yaml", "../../../../../elsewhere.yaml"),
    "folder": (f"{TEMPLATES}/more", "../../../../.."),
    "two steps": (f"{TEMPLATES}/x.yaml", "../../../../docs/page.yaml"),
    "a link in a folder that a link leads to": (f"{TEMPLATES}/more", "../../../../docs"),
    "a file of a chart": ("gitops/charts/web/motd.txt", "../../../../elsewhere.yaml"),
    "crds": ("gitops/charts/web/crds", "../../../.."),
}
"""Each way out of the tree that Helm would follow: the link, and where it leads."""


@pytest.fixture
def never_helm(monkeypatch):
    """Fail where Helm is started for an application's chart."""
    started = []
    plain = helm.Template._run

    def run(self, *arguments):
        if self.chart.name == "web":
            started.append(self.chart)
        return plain(self, *arguments)

    monkeypatch.setattr(helm.Template, "_run", run)
    yield
    assert started == []


def make(project, outside, way):
    (project.root / "docs").mkdir()
    (project.root / "docs/page.yaml").symlink_to("../../elsewhere.yaml")
    file, target = WAYS[way]
    (project.root / file).symlink_to(target.format(outside=outside))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.usefixtures("never_helm")
def test_no_command_renders_what_a_chart_links_to_elsewhere(project, outside, way):
    make(project, outside, way)
    for command in (
        lambda: render(project.root, "hello", "dev"),
        lambda: render_several(project.root, [("hello", "dev")]),
        lambda: check(project.root),
    ):
        with pytest.raises(GitOpsError, match="out of the repository") as told:
            command()
        assert TEXT not in str(told.value)


@pytest.mark.parametrize("way", ["absolute", "a link in a folder that a link leads to"])
@pytest.mark.usefixtures("never_helm")
def test_validate_tells_it_and_does_not_render_it(project, outside, way):
    make(project, outside, way)
    found = validate(project.root).findings
    assert any("is a link to" in finding.message for finding in found)
    assert TEXT not in str(found)


@pytest.mark.usefixtures("never_helm")
def test_an_earlier_revision_is_not_rendered_through_one_either(project, outside):
    make(project, outside, "relative")
    project.commit("a link")
    (project.root / TEMPLATES / "x.yaml").unlink()
    with pytest.raises(BootstrapError, match=r"HEAD does not render: .*out of the repository"):
        render_at(project.root, "HEAD", None)


def test_the_platforms_chart_is_not_rendered_through_one(project, outside):
    (project.root / "tenants/templates/x.yaml").symlink_to(outside)
    with pytest.raises(GitOpsError, match=r"tenants/templates/x\.yaml is a link to .*, out of the repository"):
        platform_objects(project.root, read_cluster(project.root, "dev"))


def test_a_link_anywhere_in_the_repository_is_refused_by_render_and_overlay(project):
    project.write("docs/page", "")
    (project.root / "docs/hosts").symlink_to("/etc/hosts")
    project.commit("a link")
    for command in (lambda: render_several(project.root, []), lambda: check(project.root)):
        with pytest.raises(GitOpsError, match="docs/hosts is a link to /etc/hosts, out of the repository"):
            command()


def test_a_folder_without_git_is_looked_through(project, tmp_path):
    tree = tmp_path / "tree"
    (tree / "docs").mkdir(parents=True)
    (tree / "docs/hosts").symlink_to("/etc/hosts")
    (tree / "docs/here").symlink_to("../docs")
    for made in (".venv", ".tools"):  # by `make setup`
        (tree / made).mkdir()
        (tree / made / "python").symlink_to("/usr/bin/python3")
    assert [shown for _, shown in links_elsewhere(tree)] == ["docs/hosts"]


def test_links_of_a_chart_within_the_repository_are_followed(project):
    project.write("gitops/shared/x.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: x\n")
    (project.root / TEMPLATES / "shared").symlink_to("../../../shared")
    (project.root / "gitops/shared/circle").symlink_to("../shared")
    refuse_links_of_chart(project.root, project.root / "gitops/charts/web")
    # Helm would go round in it
    (project.root / "gitops/shared/circle").unlink()
    assert any(item.kind == "ConfigMap" for item in render(project.root, "hello", "dev").objects)
