"""Aliases that stand for billions of values, and objects that no cluster stores, end in one message and soon."""

import subprocess
import time

import pytest

from bootstrap.aliases import AliasError
from bootstrap.delivery.gitops import app_folder
from bootstrap.delivery.manifests import load_all
from bootstrap.delivery.overlay.check import check
from bootstrap.delivery.render.render import render_several
from bootstrap.delivery.validate.validate import LARGEST_OBJECT, validate
from bootstrap.errors import BootstrapError, GitOpsError, StackFileError
from bootstrap.stackfile import read_stack
from bootstrap.yamlfile import parse

LAUGHS = "laugh0: &laugh0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"laugh{n}: &laugh{n} [{', '.join([f'*laugh{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
MERGES = "laugh0: &laugh0 {x: 1}\n" + "".join(
    f"laugh{n}: &laugh{n} {{<<: [{', '.join([f'*laugh{n - 1}'] * 10)}], y{n}: 1}}\n" for n in range(1, 10)
)
TEXTS = f"laugh0: &laugh0 {'x' * 65536}\nlaugh1: [{', '.join(['*laugh0'] * 60)}]\n"
BOMBS = pytest.mark.parametrize("bomb", [LAUGHS, MERGES, TEXTS], ids=["lists", "merges", "texts"])
SECONDS = 20

APP = "gitops/apps/hello"
PLACES = (f"{APP}/values.yaml", f"{APP}/dev.yaml", "tenants/hello.yaml", "tenants/values.yaml", "gitops/overlay.yaml")


@pytest.fixture(autouse=True)
def _soon():
    # Helm runs beside it
    started = time.process_time()
    yield
    assert time.process_time() - started < SECONDS


@BOMBS
def test_validate_names_every_file_and_the_alias(project, bomb):
    files = {*PLACES, "gitops/charts/web/Chart.yaml", "Pulumi.dev.yaml"}
    for file in files:
        project.write(file, project.read(file) + bomb)
    found = {finding.where for finding in validate(project.root).findings if "the alias *laugh" in finding.message}
    assert found >= files


@pytest.mark.parametrize("file", PLACES[:3])
def test_render_and_overlay_refuse_it(project, file):
    project.write(file, project.read(file) + LAUGHS)
    with pytest.raises(BootstrapError, match=r"laugh|document contains excessive aliasing"):
        render_several(project.root, [("hello", "dev")])
    with pytest.raises(GitOpsError, match="laugh"):
        check(project.root)


@BOMBS
def test_a_stack_file_is_refused(project, bomb):
    project.write("Pulumi.dev.yaml", project.read("Pulumi.dev.yaml") + f"  aks-bootstrap:x:\n{indented(bomb)}")
    with pytest.raises(StackFileError, match=r"line \d+: the alias \*laugh"):
        read_stack(project.root, "dev")


def indented(text):
    return "".join(f"    {line}\n" for line in text.splitlines())


def test_what_is_rendered_is_refused(project):
    project.write(
        "gitops/charts/web/templates/bomb.yaml", f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: x}}\n{LAUGHS}"
    )
    found = validate(project.root).findings
    assert any("aliasing" in finding.message and finding.where == "hello in dev" for finding in found), found


@pytest.fixture(scope="module")
def helm_takes(tmp_path_factory):
    chart = tmp_path_factory.mktemp("chart")
    (chart / "templates").mkdir()
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 1.0.0\n")
    (chart / "templates/x.yaml").write_text("kind: x\n")

    def ask(text):
        (chart / "given").write_text(text)
        command = ["helm", "template", str(chart), "--values", str(chart / "given")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0 or "excessive aliasing" in done.stderr
        return done.returncode == 0

    return ask


@pytest.mark.parametrize(
    ("values", "most"),
    # the last number of aliases of a list of so many values that Helm takes
    [(30, 15194), (150, 300), (400, 133)],
)
def test_the_limit_is_the_one_of_helm(helm_takes, values, most):
    for count, taken in ((most, True), (most + 1, False)):
        text = f"k: v\na: &a [{', '.join('x' * values)}]\nb: [{', '.join(['*a'] * count)}]\n"
        assert (helm_takes(text), ours(text)) == (taken, taken)
        assert (parse(text).flaws == []) is taken


def ours(text):
    try:
        load_all(text, "x")
    except GitOpsError as error:
        assert isinstance(error.__context__, AliasError)
        return False
    return True


def test_common_aliases_are_read():
    text = "a: &a {b: &b [1, 2], c: *b}\nd: {<<: *a, e: *b}\nf: [*a, *a]\n"
    [data] = load_all(text, "x")
    assert data == parse(text).data
    assert data["d"] == {"b": [1, 2], "c": [1, 2], "e": [1, 2]}


def test_an_object_that_etcd_does_not_take_is_refused(project):
    chart = "gitops/charts/web/templates/large.yaml"
    head = (
        "apiVersion: external-secrets.io/v1\nkind: ExternalSecret\nmetadata:\n  name: large\nspec:\n  data: []\n"
        "  target:\n    template:\n      data:\n"
    )
    half = "".join(f"        k{n}: {'x' * 100_000}\n" for n in range(8))
    project.write(chart, head + half)
    assert not any("etcd" in finding.message for finding in validate(project.root).findings)
    project.write(chart, head + half + half.replace(" k", " l"))
    [found] = [
        finding
        for finding in validate(project.root).findings
        if finding.where.startswith("hello in dev") and "etcd" in finding.message
    ]
    assert found.where == "hello in dev: ExternalSecret app-hello/large"
    assert f"allowed: {LARGEST_OBJECT:,}" in found.message


def test_the_values_of_an_application_are_where_they_are_looked_for(project):
    assert all((project.root / file).exists() for file in PLACES)
    assert app_folder(project.root, "hello").is_dir()
