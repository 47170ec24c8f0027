"""``bootstrap render``: what Argo CD would apply, and what changes of it."""

import json
import os
from dataclasses import replace

import pytest

from bootstrap.delivery.clusters import read_cluster
from bootstrap.delivery.manifests import load_all
from bootstrap.delivery.render.application import generated, parse_application
from bootstrap.delivery.render.compare import Kind, compare, render_at
from bootstrap.delivery.render.output import View, print_view, to_markdown
from bootstrap.delivery.render.render import everything, render, render_several
from bootstrap.delivery.tenants import read_tenant
from bootstrap.errors import GitOpsError, HelmError, MissingToolError, RevisionError
from bootstrap.options import result_console
from tests.gitops.conftest import ROOT, SHA, one

CHART = "gitops/charts/web/templates"
PROD = "  prod:\n    hosts: [hello.example.com]\n    protected: true # changed by pull request only\n"


def changes(project, *wanted):
    pairs = list(wanted) or everything(project.root)
    return compare(
        render_at(project.root, "HEAD", list(wanted) or None),
        render_several(project.root, [pair for pair in pairs if pair in everything(project.root)]),
    )


def shown(found):
    return [(c.app, c.environment, c.kind.value, c.object.label) for c in found]


def test_helm_is_called_as_argo_cd_calls_it(project, tmp_path, monkeypatch):
    """The order of the values, the names and versions: https://github.com/argoproj/argo-cd/blob/v3.4.0/util/helm/cmd.go"""
    folder = tmp_path / "bin"
    folder.mkdir()
    fake = folder / "helm"
    fake.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {tmp_path}/arguments\nenv > {tmp_path}/environment\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setenv("HELM_NAMESPACE", "elsewhere")
    project.edit("Pulumi.prod.yaml", "    generation: 1", '    kubernetesVersion: "1.36"\n    generation: 1')
    assert project.render("hello", "prod") == []
    given = (tmp_path / "arguments").read_text().split("\n")
    apps = f"{project.root}/gitops/apps/hello"
    assert given[: given.index("--api-versions")] == [
        "template",
        f"{project.root}/gitops/charts/web",
        "--name-template",
        "hello",
        "--namespace",
        "app-hello",
        "--kube-version",
        "1.36.0",
        "--include-crds",
        "--values",
        f"{apps}/values.yaml",
        "--values",
        f"{apps}/prod.yaml",
        # the Application's valuesObject, after its valueFiles
        "--values",
        next(argument for argument in given if argument.endswith("/inline.json")),
    ]
    assert "cert-manager.io/v1" in given and "external-secrets.io/v1/ExternalSecret" in given
    assert "--skip-schema-validation" not in given
    assert "HELM_NAMESPACE" not in (tmp_path / "environment").read_text()


def test_a_stack_that_asks_for_no_version_gets_the_default_of_the_settings(project):
    project.write(
        f"{CHART}/version.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: v}\ndata:\n"
        "  version: {{ .Capabilities.KubeVersion.Version | quote }}\n"
        '  addon: {{ .Capabilities.APIVersions.Has "traefik.io/v1alpha1/Middleware" | quote }}\n',
    )
    assert one(project.render("hello", "local"), "ConfigMap")["data"] == {"version": "v1.35.0", "addon": "true"}


def test_objects_get_the_applications_namespace_where_their_kind_has_one(project):
    project.write(
        f"{CHART}/more.yaml",
        "apiVersion: v1\nkind: List\nitems:\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n"
        "- {apiVersion: v1, kind: ConfigMap, metadata: {name: b, namespace: other}}\n"
        "- {apiVersion: v1, kind: Namespace, metadata: {name: c}}\n"
        "- {apiVersion: external-secrets.io/v1, kind: ClusterSecretStore, metadata: {name: d}}\n",
    )
    found = {item.name: item.namespace for item in project.render("hello", "dev")}
    assert [found[name] for name in "abcd"] == ["app-hello", "other", "", ""]


def test_yaml_is_read_as_kubernetes_reads_it(project):
    project.write(
        f"{CHART}/m.yaml",
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\n"
        "data: {mode: 0644, on: yes, day: 2026-11-24, sha: 12e4567}\n",
    )
    data = one(project.render("hello", "dev"), "ConfigMap")["data"]
    assert data == {"mode": 420, "true": True, "day": "2026-11-24", "sha": "12e4567"}


def test_an_object_that_is_none_is_told(project):
    project.write(f"{CHART}/broken.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n")
    with pytest.raises(GitOpsError, match=r"hello in dev: rendered ConfigMap without metadata\.name"):
        project.render("hello", "dev")


def test_helms_own_words_are_the_error(project):
    project.write(f"{CHART}/broken.yaml", '{{ fail "this is why" }}\n')
    with pytest.raises(HelmError, match=r"hello in dev: .*this is why"):
        project.render("hello", "dev")


def test_without_helm_it_says_where_it_comes_from(project, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingToolError, match=r"Helm is not on PATH: install .*https://helm\.sh"):
        project.render("hello", "dev")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"path": "gitops/charts/wep"}, "no Chart.yaml"),
        ({"path": "../elsewhere"}, "leads out of the repository"),
        ({"path": None}, r"source\.path has to be a folder in this repository"),
        ({"helm.ignoreMissingValueFiles": False}, "names gitops/apps/hello/stage.yaml, which is not there"),
        ({"helm.valueFiles": ["../../../../dev.yaml"]}, "leads out of the repository"),
        ({"helm.parameters": [{"name": "a", "value": "b"}]}, r"helm\.parameters is not rendered"),
        ({"destination.namespace": ""}, r"destination\.namespace is missing"),
        ({"helm.releaseName": "Hello"}, r"helm\.releaseName: got 'Hello'; allowed: up to 63 lower-case letters"),
    ],
)
def test_an_application_that_cannot_be_rendered_is_told(project, change, told):
    cluster = replace(read_cluster(project.root, "dev"), layers=["dev", "stage"])
    manifest = generated(project.root, cluster, "hello", read_tenant(project.root, "hello"))
    assert parse_application(project.root, "dev", manifest).helm.value_files
    spec = manifest.document["spec"]
    for path, value in change.items():
        *parents, key = ["destination", "namespace"] if path.startswith("dest") else ["source", *path.split(".")]
        parent = spec
        for part in parents:
            parent = parent[part]
        parent[key] = value
    with pytest.raises(GitOpsError, match=told):
        parse_application(project.root, "dev", manifest)


@pytest.mark.parametrize(
    ("app", "environment", "told"),
    [
        ("helo", "dev", r"no application 'helo': tenants/helo\.yaml is missing; there are: hello"),
        ("hello", "stage", r"no environment 'stage', of which there would be a Pulumi\.stage\.yaml: dev, local, prod"),
        ("hello", "local", r"hello is not in local, by tenants/hello\.yaml; it is in: dev, prod"),
    ],
)
def test_an_application_that_is_not_there_is_told_with_those_that_are(project, app, environment, told):
    project.edit("tenants/hello.yaml", "  local:\n    hosts: [hello.local.example.com]\n", "")
    with pytest.raises(GitOpsError, match=told):
        project.render(app, environment)


def test_nothing_changed_is_no_change(project):
    project.write("gitops/apps/hello/dev.yaml", "# only a comment\n" + project.read("gitops/apps/hello/dev.yaml"))
    assert changes(project) == []


def test_a_new_tag_is_one_object_and_one_line(project):
    project.edit("gitops/apps/hello/dev.yaml", SHA, "b" * 40)
    [change] = changes(project)
    assert shown([change]) == [("hello", "dev", "changed", "Deployment app-hello/hello")]
    marked = [line for line in change.diff if line[0] in "+-"]
    assert marked == [
        f"-        image: example.azurecr.io/hello:{SHA}",
        f"+        image: example.azurecr.io/hello:{'b' * 40}",
    ]


def test_a_value_of_the_base_changes_every_environment(project):
    project.edit("gitops/apps/hello/values.yaml", "port: 9898", "port: 9000")
    assert {(c.environment, c.object.kind) for c in changes(project)} == {
        (env, "Deployment") for env in ("dev", "local", "prod")
    }


def test_objects_that_come_and_go_are_told(project):
    project.edit("gitops/apps/hello/prod.yaml", "enabled: true", "enabled: false")
    project.edit("gitops/apps/hello/dev.yaml", "env:\n", "autoscaling: {enabled: true}\nenv:\n")
    found = shown(changes(project))
    assert ("hello", "prod", "removed", "HorizontalPodAutoscaler app-hello/hello") in found
    assert ("hello", "dev", "added", "HorizontalPodAutoscaler app-hello/hello") in found


def test_an_application_that_goes_takes_its_objects_along(project):
    project.edit("tenants/hello.yaml", PROD, "")
    (project.root / "gitops/apps/hello/prod.yaml").unlink()
    found = changes(project)
    assert ("root", "prod", "removed", "Application argocd/hello") in shown(found)
    assert ("root", "prod", "removed", "AppProject argocd/hello") in shown(found)
    assert {c.kind for c in found} == {Kind.REMOVED} and len(found) == 14


def test_an_application_that_was_not_there_is_added(project):
    before = project.read("tenants/hello.yaml")
    project.edit("tenants/hello.yaml", PROD, "")
    project.commit()
    project.write("tenants/hello.yaml", before)
    assert {c.kind for c in changes(project, ("hello", "prod"))} == {Kind.ADDED}


def test_a_changed_source_of_an_application_shows(project):
    project.edit("Pulumi.dev.yaml", "  aks-bootstrap:gitops:\n", "  aks-bootstrap:gitops:\n    revision: next\n")
    project.forget()
    assert shown(changes(project)) == [("root", "dev", "changed", "Application argocd/hello")]


def test_a_fact_of_the_infrastructure_that_changes_shows_where_it_is_read(project):
    project.edit("gitops/apps/hello/dev.yaml", "  host: hello.dev.example.com\n", "")
    project.commit()
    project.edit("Pulumi.dev.yaml", "zone: dev.example.com", "zone: test.example.com")
    project.forget()
    found = changes(project)
    assert shown(found) == [
        ("root", "dev", "changed", "Application argocd/hello"),
        ("hello", "dev", "changed", "Ingress app-hello/hello"),
    ]
    assert any(line.startswith("+") and "hello.test.example.com" in line for line in found[1].diff)


def test_a_revision_that_does_not_render_is_told_as_that(project):
    project.write(f"{CHART}/broken.yaml", '{{ fail "this is why" }}\n')
    project.commit()
    (project.root / CHART / "broken.yaml").unlink()
    with pytest.raises(RevisionError, match=r"HEAD does not render: hello in .*this is why"):
        changes(project)


def test_a_secret_is_never_printed(project):
    text = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\nstringData: {token: hunter2}\n"
    project.write(f"{CHART}/secret.yaml", text)
    project.commit()
    project.edit(f"{CHART}/secret.yaml", "hunter2", "hunter3")
    found = changes(project, ("hello", "dev"))
    assert shown(found) == [("hello", "dev", "changed", "Secret app-hello/s")]
    view = View(rendered=[render(project.root, "hello", "dev")], against="HEAD", changes=found)
    for text in (json.dumps(view.to_json()), to_markdown(view), found[0].object.text()):
        assert "hunter" not in text
    assert "(the text of a Secret differs, and is not shown)" in to_markdown(view)


def test_markdown_begins_with_a_table_and_fits_a_comment(project):
    project.edit("gitops/apps/hello/dev.yaml", SHA, "b" * 40)
    view = View(rendered=[], against="HEAD", changes=changes(project, ("hello", "dev")))
    text = to_markdown(view)
    assert "| `hello` | `dev` | `~ Deployment app-hello/hello` |" in text
    assert text.index("| `hello` |") < text.index("```diff")
    assert len(text) < 65_536
    # many objects at once
    many = to_markdown(View(rendered=[], against="HEAD", changes=list(view.changes) * 200))
    assert len(many) < 65_536
    assert "more: `bootstrap render --all --against HEAD`" in many


def test_nothing_changed_says_so_in_markdown(project):
    assert "Nothing: every object renders as at `HEAD`" in to_markdown(View(rendered=[], against="HEAD"))


def test_what_is_printed_can_be_read_back(project):
    for item in render(ROOT, "hello", "prod").objects:
        assert load_all(item.text(), "text") == [item.document]


def test_where_there_is_nothing_to_render_that_is_said_in_yaml_without_documents(project, capsys):
    for file in ("tenants/hello.yaml", "tenants/templates/default-project.yaml"):
        (project.root / file).unlink()
    console = result_console()
    print_view(View(rendered=[render(project.root, "root", "dev")]), console)
    print_view(View(rendered=[]), console)
    out = capsys.readouterr().out
    assert out.splitlines() == [
        "# nothing is rendered: root in dev has no object",
        "# nothing is rendered: no stack file has an environment",
    ]
    assert load_all(out, "text") == []
