"""Every broken file is told in one run, by its name; none of them is a traceback, or hides another."""

import copy
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bootstrap.delivery.gitops import require_folder
from bootstrap.delivery.manifests import dump, load_all
from bootstrap.delivery.new_app import new_application, new_environment
from bootstrap.delivery.overlay import fix as mending
from bootstrap.delivery.overlay.check import check
from bootstrap.delivery.overlay.rules import read_rules
from bootstrap.delivery.overlay.values import read_values
from bootstrap.delivery.render.helm import Template
from bootstrap.delivery.render.render import everything, render
from bootstrap.delivery.validate.files import check_files
from bootstrap.delivery.validate.validate import validate
from bootstrap.errors import GitOpsError

APP = "gitops/apps/hello"
TENANT = "tenants/hello.yaml"
TEMPLATE = "tenants/templates/projects.yaml"
KINDS = "gitops/cluster/kinds.yaml"
SCHEMAS = "gitops/cluster/schemas"


def told(project):
    project.forget()
    messages: dict[str, str] = {}
    for finding in validate(project.root).findings:
        messages[finding.where] = "; ".join(filter(None, [messages.get(finding.where), finding.message]))
    return messages


def by_file(project):
    return [(finding.where, finding.message) for finding in check_files(project.root)]


def test_the_example_has_none(project):
    assert by_file(project) == []


def test_all_broken_files_are_told_at_once(project):
    broken = {
        f"{APP}/values.yaml": ("a: 1\na: 2\n", "duplicate key"),
        f"{APP}/dev.yaml": ("a: 1\n---\nb: 2\n", "holds 2 documents; allowed: one"),
        f"{APP}/prod.yaml": ("- a\n", "holds no mapping"),
        TENANT: ("a: [\n", "is not YAML: line"),
        "tenants/shop.yaml": ("- 1\n", "holds no mapping"),
        "tenants/Chart.yaml": ("a: 1\na: 2\n", "duplicate key"),
        "Pulumi.prod.yaml": (
            "config: [\n",
            "Pulumi.prod.yaml has 1 mistake; nothing was changed:\n  line 2: a bracket",
        ),
        "gitops/overlay.yaml": ("folows: {prod: dev}\n", "folows: Extra inputs"),
        KINDS: ("- apiVersion: 1\n", "apiVersion: got 1; allowed: text such as"),
        f"{SCHEMAS}/Middleware.traefik.io.yaml": ("type: objekt\n", "type: got 'objekt'; allowed: object, array"),
        "gitops/charts/web/Chart.yaml": ("&a [*a]\n", "an anchor contains itself"),
    }
    for file, (text, _) in broken.items():
        project.write(file, text)
    (project.root / APP / "local.yaml").write_bytes(b"a: \xff\n")
    found = told(project)
    for file, (_, message) in broken.items():
        assert message in found.get(file, ""), (file, found)
    assert "is not UTF-8" in found[f"{APP}/local.yaml"]


def test_a_broken_values_file_is_told_once_and_not_for_each_environment(project):
    project.write(f"{APP}/values.yaml", "a: [\n")
    assert list(told(project)) == [f"{APP}/values.yaml"]


def test_overlay_tells_the_broken_files_of_every_environment(project):
    project.write(f"{APP}/values.yaml", "- a\n")
    project.write(f"{APP}/dev.yaml", "a: [\n")
    project.edit("Pulumi.dev.yaml", "zone: dev.example.com", "zone: [")
    project.forget()
    with pytest.raises(GitOpsError) as error:
        check(project.root)
    assert [line.split()[0].rstrip(":") for line in str(error.value).splitlines()] == [
        f"{APP}/values.yaml",
        f"{APP}/dev.yaml",
        str(project.root / "Pulumi.dev.yaml"),
        "line",
    ]


# --- every wrong type ------------------------------------------------------------------------------------------------

WRONG: list[object] = [None, True, 7, "text", [None], {"a": None}]


def nodes(data, prefix=()):
    """Yield every path; of a list's items, which are alike, the first."""
    for key, value in data.items() if isinstance(data, dict) else enumerate(data[:1]) if isinstance(data, list) else ():
        yield (*prefix, key)
        yield from nodes(value, (*prefix, key))


@pytest.mark.parametrize(
    "file",
    [
        TENANT,
        "tenants/values.yaml",
        KINDS,
        "gitops/overlay.yaml",
        f"{SCHEMAS}/AppProject.argoproj.io.yaml",
    ],
)
@pytest.mark.parametrize("wrong", WRONG, ids=repr)
def test_no_value_of_a_wrong_type_is_a_traceback(project, file, wrong, monkeypatch):
    """One after the other: each value in the file, however deep."""
    # what is read before Helm is what this is about
    monkeypatch.setattr(Template, "render", lambda _: "")
    for environment in ("local", "prod"):
        (project.root / f"Pulumi.{environment}.yaml").unlink()
    [document] = load_all(project.read(file), file)
    for path in list(nodes(document)):
        parent = changed = copy.deepcopy(document)
        for step in path[:-1]:
            parent = parent[step]
        parent[path[-1]] = wrong
        project.write(file, dump(changed))
        validate(project.root)


# --- links -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "target", "message"),
    [
        (f"{APP}/dev.yaml", "/etc/hostname", "is a link to /etc/hostname; allowed: a path from where the link is"),
        (f"{APP}/dev.yaml", "../../../../elsewhere.yaml", "which leads in a circle or out of the repository"),
        (f"{APP}/dev.yaml", "dev.yaml", "which leads in a circle or out of the repository"),
        (f"{APP}/dev.yaml", "nowhere.yaml", "which is not there"),
        (TENANT, "../../elsewhere.yaml", "which leads in a circle or out of the repository"),
        (TENANT, "/etc/hostname", "is a link to /etc/hostname; allowed: a path from where the link is"),
        ("tenants/shop.yaml", "nowhere.yaml", "which is not there"),
        ("gitops/charts/web/templates/x.yaml", "../../../../../elsewhere.yaml", "out of the repository"),
        ("gitops/apps/linked", "../../..", "which leads in a circle or out of the repository"),
    ],
)
def test_a_link_out_of_the_tree_or_to_nothing_is_told(project, file, target, message):
    (project.root.parent / "elsewhere.yaml").write_text("a: secret\n")
    path = project.root / file
    path.unlink(missing_ok=True)
    path.symlink_to(target)
    found = told(project)
    assert message in found[file]
    assert "secret" not in str(found)


def test_no_command_reads_through_a_link_out_of_the_tree(project):
    outside = project.root.parent / "elsewhere.yaml"
    outside.write_text(project.read(f"{APP}/dev.yaml"))
    (project.root / APP / "dev.yaml").unlink()
    (project.root / APP / "dev.yaml").symlink_to("../../../../elsewhere.yaml")
    for command in (lambda: project.render("hello", "dev"), lambda: check(project.root)):
        with pytest.raises(GitOpsError, match="out of the repository"):
            command()
    (project.root / TENANT).unlink()
    (project.root / TENANT).symlink_to("../../elsewhere.yaml")
    for app in ("root", "hello"):
        with pytest.raises(GitOpsError, match=r"tenants/hello\.yaml leads out of the repository"):
            project.render(app, "dev")


def test_a_link_within_the_tree_is_a_file(project):
    project.write("gitops/apps/hello/common.txt", project.read(f"{APP}/dev.yaml"))
    (project.root / APP / "dev.yaml").unlink()
    (project.root / APP / "dev.yaml").symlink_to("common.txt")
    assert told(project) == {}


# --- names -----------------------------------------------------------------------------------------------------------


def test_names_that_are_one_on_other_file_systems_are_told(project):
    project.write(f"{APP}/Dev.yaml", "replicas: 3\n")
    found = by_file(project)
    assert (f"{APP}/Dev.yaml", "is read by nothing; did you mean dev.yaml?") in found
    assert (
        f"{APP}/dev.yaml",
        "and Dev.yaml are one file where upper and lower case are the same (macOS, Windows)",
    ) in found


@pytest.mark.parametrize("name", ["Values.yaml", "values.yml", "prod.yml", "PROD.YAML"])
def test_a_values_file_that_nothing_reads_is_told(project, name):
    project.write(f"{APP}/{name}", "replicas: 3\n")
    [(where, message)] = [found for found in by_file(project) if "one file" not in found[1]]
    assert where == f"{APP}/{name}" and "is read by nothing; did you mean" in message


@pytest.mark.parametrize(
    ("folder", "what"),
    [
        ("gitops/apps/Hello_1", "application"),
        ("gitops/apps/-x", "application"),
    ],
)
def test_a_folder_that_is_no_name_is_told(project, folder, what):
    project.write(f"{folder}/values.yaml", "a: 1\n")
    assert told(project)[folder].startswith(
        f"is no name of an {what}, and nothing reads it; allowed: lower-case letters"
    )


@pytest.mark.parametrize("app", ["Hello", "-x", "a.b"])
def test_a_tenants_file_that_is_no_name_is_told(project, app):
    project.write(f"tenants/{app}.yaml", project.read(TENANT))
    assert told(project)[f"tenants/{app}.yaml"].startswith(
        f"got {app!r} for an application's name; allowed: lower-case letters"
    )


def test_the_folder_of_environments_of_earlier_versions_is_told_with_what_to_do(project):
    project.write("gitops/environments/dev/hello.yaml", "kind: Application\n")
    assert by_file(project) == [], "until the clusters have taken over what is in it, it stays beside the tenants"
    for tenant in ("hello", "shop"):
        (project.root / "tenants" / f"{tenant}.yaml").unlink(missing_ok=True)
    assert by_file(project) == [
        (
            "gitops/environments",
            "is read by nothing: applications are files of tenants/ (`bootstrap app migrate` makes them)",
        )
    ]


def test_what_is_beside_the_files_that_are_read_may_have_any_name(project):
    project.write("gitops/apps/README.md", "x")
    project.write(f"{APP}/Notes.txt", "x")
    project.write("gitops/apps/.hidden/x.txt", "x")
    assert by_file(project) == []


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("prod: dev", "prod: dve", "follows.prod: there is no environment 'dve'; there are: dev, local, prod"),
        ("prod: dev", "prd: dev", "follows.prd: there is no environment 'prd'"),
        ("prod: dev", "prod: local\n  local: prod", "follows.prod: follows itself, through local"),
        ("  hello:\n", "  helo:\n", "apps.helo: there is no application 'helo'; there are: hello"),
    ],
)
def test_a_rule_about_what_is_not_there_is_told(project, before, after, message):
    project.edit("gitops/overlay.yaml", before, after)
    assert message in str([finding.message for finding in validate(project.root).findings])
    with pytest.raises(GitOpsError, match=r"gitops/overlay\.yaml: ") as error:
        check(project.root)
    assert message in str(error.value)


# --- what is not there -----------------------------------------------------------------------------------------------


def test_a_project_without_gitops_is_not_clean(tmp_path):
    commands: list[Callable[[Path], object]] = [
        validate,
        check,
        require_folder,
        lambda root: new_application(root, "shop", environments=["dev"], chart="web", image="ghcr.io/a/b"),
        lambda root: new_environment(root, "stage", like="dev"),
    ]
    for command in commands:
        with pytest.raises(GitOpsError, match="there is no folder gitops/ in"):
            command(tmp_path)


def test_a_project_without_stack_files_has_no_environment(project):
    for stack in project.root.glob("Pulumi.*.yaml"):
        stack.unlink()
    with pytest.raises(GitOpsError, match="there is no environment 'dev'; there are: none"):
        new_application(project.root, "shop", environments=["dev"], chart="web", image="ghcr.io/a/b")
    assert set(told(project)[TENANT].split("; no stack file")) == {
        "no stack file has this environment; there are: none",
        " has this environment; there are: none",
    }


def test_a_revision_without_gitops_has_nothing_to_compare_with(tmp_path):
    assert everything(tmp_path) == []


def test_an_environment_without_a_stack_file_is_told_beside_the_rest(project):
    (project.root / "Pulumi.dev.yaml").unlink()
    project.edit("gitops/overlay.yaml", "  prod: dev\n", "  prod: local\n")
    project.write(f"{APP}/prod.yaml", "a: [\n")
    assert set(told(project)) == {TENANT, f"{APP}/dev.yaml", f"{APP}/prod.yaml"}


@pytest.mark.parametrize("environment", ["", "../..", "dev/..", "."])
def test_an_environment_is_no_path(project, environment):
    with pytest.raises(GitOpsError, match="there is no environment"):
        project.render("hello", environment)


# --- written all or none ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fails_at", [1, 2])
@pytest.mark.parametrize("step", ["write_bytes", "replace"])
def test_a_new_application_is_written_as_a_whole_or_not_at_all(project, monkeypatch, step, fails_at):
    count = 0
    real = getattr(Path, step)

    def failing(self, *arguments, **options):
        nonlocal count
        count += 1
        if count == fails_at:
            raise OSError(30, "Read-only file system", str(self))
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, step, failing)
    with pytest.raises(GitOpsError, match="cannot be written: Read-only file system; nothing was written"):
        new_application(project.root, "shop", environments=["dev", "prod"], chart="web", image="ghcr.io/example/shop")
    monkeypatch.undo()
    assert project.git("status", "--porcelain", "--ignored") == ""
    assert not (project.root / "gitops/apps/shop").exists()


def test_ctrl_c_in_the_middle_leaves_nothing(project, monkeypatch):
    def interrupted(self, target):
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        new_environment(project.root, "stage", like="dev")
    monkeypatch.undo()
    assert project.git("status", "--porcelain", "--ignored") == ""


def test_nothing_is_written_through_a_link_out_of_the_tree(project):
    elsewhere = project.root.parent / "elsewhere"
    elsewhere.mkdir()
    (project.root / "gitops/apps/shop").symlink_to(elsewhere)
    with pytest.raises(GitOpsError, match=r"leads out of the repository: .*; nothing was written"):
        new_application(project.root, "shop", environments=["dev"], chart="web", image="ghcr.io/example/shop")
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("image", ["a b", "a: b", "a\nb", "a # b", "'x", "{a}"])
def test_an_image_that_is_none_is_refused(project, image):
    with pytest.raises(GitOpsError, match="for an image; allowed: its repository"):
        new_application(project.root, "shop", environments=["dev"], chart="web", image=image)
    assert project.git("status", "--porcelain") == ""


def test_a_fix_that_cannot_be_written_as_a_whole_changes_nothing(project, monkeypatch):
    for environment in ("dev", "prod", "local"):
        file = f"{APP}/{environment}.yaml"
        project.write(file, project.read(file) + "\ndrainSeconds: 7\n")
    project.commit()
    real = tempfile.mkstemp
    made = []

    def full(**options):
        made.append(options)
        if len([one for one in made if "prefix" in one and one["prefix"].startswith(".")]) > 1:
            raise OSError(28, "No space left on device")
        return real(**options)

    monkeypatch.setattr(tempfile, "mkstemp", full)
    values = read_values(project.root, "hello")
    mended, _ = mending.fix(values, read_rules(project.root, "hello"))
    with pytest.raises(OSError, match="No space left"):
        mending.write(values, mended)
    monkeypatch.undo()
    assert project.git("status", "--porcelain", "--ignored") == ""


@pytest.mark.parametrize("folder", ["gitops/charts/web", "tenants", "gitops/apps/hello"])
@pytest.mark.parametrize("name", [".argocd-source.yaml", ".argocd-source-hello.yaml"])
def test_what_overrides_an_application_beside_its_source_is_refused(project, folder, name):
    project.write(f"{folder}/{name}", "helm: {parameters: [{name: image.tag, value: evil}]}\n")
    found = [(finding.where, finding.message) for finding in validate(project.root).findings]
    assert any(where == f"{folder}/{name}" and "overrides an Application's source" in told for where, told in found)
    if folder == "gitops/charts/web":
        with pytest.raises(
            GitOpsError, match=rf"{name} overrides the Application in .*hello\.yaml, and is not rendered"
        ):
            render(project.root, "hello", "dev")


def test_every_folder_that_argo_cd_reads_is_looked_through_for_overrides(project):
    """Those are the sources of Applications: each chart of applications, and the platform's."""
    charts = sorted(path.parent for path in (project.root / "gitops/charts").glob("*/Chart.yaml"))
    folders = [str(path.relative_to(project.root)) for path in charts] + ["tenants", "tenants/templates"]
    assert len(folders) > 3
    files = {f"{folder}/.argocd-source{name}.yaml" for folder in folders for name in ("", "-root", "-hello", "-x")}
    for file in files:
        project.write(file, "helm: {parameters: [{name: image.tag, value: evil}]}\n")
    found = {finding.where for finding in validate(project.root).findings if "overrides an App" in finding.message}
    assert found == files


def test_a_link_out_of_the_repository_is_told_wherever_it_is(project):
    """Argo CD renders nothing of a repository that has one."""
    (project.root / "docs").mkdir()
    (project.root / "docs" / "hosts").symlink_to("/etc/hosts")
    (project.root / "docs" / "above").symlink_to("../../elsewhere")
    (project.root / "docs" / "here").symlink_to("../gitops/apps/hello/dev.yaml")
    odd = Path(os.fsdecode(b"docs/\xff"))
    (project.root / odd).symlink_to("/etc/hosts")
    assert validate(project.root).findings == [], "Git does not have them yet"
    project.commit("links")
    found = {finding.where: finding.message for finding in validate(project.root).findings}
    assert found == {
        "docs/hosts": "is a link to /etc/hosts, out of the repository: Argo CD would render nothing of it",
        str(odd): "is a link to /etc/hosts, out of the repository: Argo CD would render nothing of it",
        "docs/above": "is a link to ../../elsewhere, out of the repository: Argo CD would render nothing of it",
    }


@pytest.mark.parametrize("name", ["kustomization.yaml", "kustomization.yml", "Kustomization"])
def test_a_kustomization_beside_a_chart_is_not_applied_as_the_application_says_that_it_is_a_chart(project, name):
    before = project.render("hello", "dev")
    project.write(f"gitops/charts/web/{name}", "resources: []\n")
    assert validate(project.root).findings == []
    assert [item.text() for item in project.render("hello", "dev")] == [item.text() for item in before]


def test_a_chart_behind_a_link_is_told(project):
    (project.root / "gitops" / "charts" / "web").rename(project.root / "gitops" / "charts" / "site")
    (project.root / "gitops" / "charts" / "web").symlink_to("site")
    messages = {finding.message for finding in validate(project.root).findings}
    assert any("gitops/charts/web is a link, behind which Argo CD finds nothing" in text for text in messages)
