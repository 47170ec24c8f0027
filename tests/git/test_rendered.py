"""What Helm refuses is not pushed: the project's own chart and applications, on a remote of their own."""

import shutil
from pathlib import Path, PurePosixPath

import pytest

from bootstrap.delivery.promote import rendering
from bootstrap.delivery.promote.git import Repository
from bootstrap.delivery.promote.promote import promote
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.errors import ChartFetchError, RefusedError
from tests.git.remotes import Remote, git, meanwhile

ROOT = Path(__file__).resolve().parents[2]
SHA, DIGEST = "4f2a9c1d", f"sha256:{'ab' * 32}"


@pytest.fixture
def remote(tmp_path):
    """The repository itself, as far as promotions read it; hello runs a tag in dev."""
    work = tmp_path / "seed"
    shutil.copytree(ROOT / "gitops", work / "gitops")
    for file in [*ROOT.glob("Pulumi*.yaml"), *ROOT.glob("tenants")]:
        (shutil.copytree if file.is_dir() else shutil.copy)(file, work / file.name)
    dev = next((work / "gitops" / "apps" / "hello").glob("dev.yaml"))
    lines = ["  tag: 0000000a" if "digest:" in line else line for line in dev.read_text().splitlines()]
    dev.write_text("\n".join(lines) + "\n")
    git(tmp_path, "init", "--quiet", "--bare", "-b", "main", "remote.git")
    git(work, "init", "--quiet", "-b", "main")
    commit(work, "start")
    git(work, "remote", "add", "origin", "../remote.git")
    git(work, "push", "--quiet", "origin", "main")
    return Remote(tmp_path / "remote.git")


def commit(folder, message):
    git(folder, "add", ".")
    git(folder, "commit", "--quiet", "-m", message)


def hello(value=SHA, **more):
    return Request(app="hello", environment="dev", value=value, **more)


def add_schema(remote, pattern):
    """Let the chart take tags of a kind only."""
    folder = remote.clone(f"schema-{len(remote.subjects())}")
    schema = folder / "gitops/charts/web/values.schema.json"
    there = '"not": { "const": "latest" }'
    assert there in schema.read_text()
    schema.write_text(schema.read_text().replace(there, f'{there}, "allOf": [{{ "pattern": "{pattern}" }}]'))
    commit(folder, "schema")
    git(folder, "push", "--quiet", "origin", "HEAD:main")


needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm")


@needs_helm
@pytest.mark.parametrize("options", [[], ["--depth=1", "--no-local"]], ids=["whole", "shallow"])
def test_what_helm_takes_is_pushed(remote, options):
    git(remote.folder, "config", "uploadpack.allowFilter", "true")
    result = promote(remote.clone("clone", *options), hello(digest=DIGEST))
    assert result.pushed and result.unrendered is None


@needs_helm
def test_what_the_charts_schema_at_the_tip_refuses_is_not_pushed(remote, clone):
    add_schema(remote, "^[0-9a-f]*$")
    tip = remote.tip()
    assert "allOf" not in (clone / "gitops/charts/web/values.schema.json").read_text(), "the clone is older"
    for more in ({}, {"dry_run": True}, {"pull_request": True}):
        with pytest.raises(
            RefusedError,
            match=r"(?s)dev\.yaml: with image\.tag 4f2a9c1d@sha256.*image/tag.*leave --digest out.*--no-render",
        ):
            promote(clone, hello(digest=DIGEST, **more))
    assert remote.tip() == tip and not remote.tip("promote/hello-dev")
    assert promote(clone, hello()).pushed, "without the digest it takes it"
    assert promote(clone, hello(digest=DIGEST, render=False)).unrendered == "--no-render"


@needs_helm
def test_a_chart_that_changes_meanwhile_is_rendered_again(remote, clone, monkeypatch):
    meanwhile(monkeypatch, lambda: add_schema(remote, "^[g-z]*$"))
    with pytest.raises(RefusedError, match="Helm refuses"):
        promote(clone, hello())


def test_without_helm_it_goes_on_and_tells(remote, clone, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: None)
    result = promote(clone, hello())
    assert result.pushed and result.unrendered == "Helm is not on PATH"


@needs_helm
def test_an_application_that_nothing_deploys_is_not_rendered(remote, clone):
    folder = remote.clone("none")
    for file in [*folder.glob("gitops/environments/dev/hello.yaml"), *folder.glob("tenants/hello.yaml")]:
        file.unlink()
    commit(folder, "no more")
    git(folder, "push", "--quiet", "origin", "HEAD:main")
    result = promote(clone, hello())
    assert (
        result.pushed
        and result.unrendered
        and "hello" in result.unrendered
        and str(folder.parent) not in result.unrendered
    )


LINKS = ["gitops/charts/web/templates/x.yaml", "docs/hosts"]


@needs_helm
@pytest.mark.parametrize("file", LINKS)
@pytest.mark.parametrize("options", [[], ["--depth=1", "--no-local"]], ids=["whole", "shallow"])
def test_nothing_is_pushed_where_a_link_leads_out_of_the_repository(remote, file, options):
    folder = remote.clone("linked")
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    (folder / file).symlink_to("/etc/hosts")
    commit(folder, "a link")
    git(folder, "push", "--quiet", "origin", "HEAD:main")
    git(remote.folder, "config", "uploadpack.allowFilter", "true")
    tip = remote.tip()
    with pytest.raises(
        RefusedError, match=f"{file} is a link to /etc/hosts, out of the repository.* Nothing was pushed"
    ):
        promote(remote.clone("clone", *options), hello())
    assert remote.tip() == tip


@needs_helm
def test_no_file_is_written_through_a_link_of_a_tree_that_was_made_by_hand(remote, tmp_path):
    """Git refuses to write one, and reads it."""
    away = tmp_path / "away"
    away.mkdir()
    folder = remote.clone("by-hand")
    link = git(folder, "hash-object", "-w", "--stdin", given=str(away)).strip()
    blob = git(folder, "hash-object", "-w", "--stdin", given="owned").strip()
    inner = git(folder, "mktree", given=f"100644 blob {blob}\tx.yaml\n").strip()
    charts = git(folder, "mktree", given=f"120000 blob {link}\tweb\n040000 tree {inner}\tweb\n").strip()
    top = git(folder, "ls-tree", "HEAD:gitops").splitlines()
    gitops = git(
        folder,
        "mktree",
        given="".join(f"040000 tree {charts}\tcharts\n" if line.endswith("\tcharts") else f"{line}\n" for line in top),
    ).strip()
    lines = git(folder, "ls-tree", "HEAD").splitlines()
    tree = git(
        folder,
        "mktree",
        given="".join(
            f"040000 tree {gitops}\tgitops\n" if line.endswith("\tgitops") else f"{line}\n" for line in lines
        ),
    ).strip()
    made = git(folder, "commit-tree", tree, "-p", "HEAD", "-m", "by hand").strip()
    git(folder, "push", "--quiet", "origin", f"{made}:main")
    with pytest.raises(RefusedError):
        promote(folder, hello())
    assert list(away.iterdir()) == []


def test_what_could_not_be_rendered_is_not_tried_again_for_the_same_files(remote, monkeypatch):
    tries = []

    def fails(root, app, cluster):
        tries.append((app, cluster))
        raise ChartFetchError("podinfo of https://charts.example.com cannot be fetched: no answer within 120 s")

    monkeypatch.setattr(rendering, "render", fails)
    monkeypatch.setattr(shutil, "which", lambda name: name)
    with Repository(remote.clone("clone"), "origin") as repository:
        tip = repository.fetch("main") or ""
        edit = Edit(
            tip=tip,
            file=PurePosixPath("gitops/apps/hello/dev.yaml"),
            mode="100644",
            path="image.tag",
            old="a: b\n",
            new="a: c\n",
            before="",
            after=SHA,
        )
        renderer = rendering.Renderer(repository)
        answers = [renderer.check(edit, hello()) for _ in range(3)]
    assert len(set(answers)) == 1 and "no answer within 120 s" in str(answers[0])
    assert len(tries) == 1
