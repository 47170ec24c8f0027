"""Values that templates read only in a condition are no findings; those beside them that nothing reads still are."""

import shutil
import tarfile

import pytest

from bootstrap.delivery.overlay.findings import Rule
from bootstrap.delivery.overlay.paths import spell
from bootstrap.delivery.overlay.rules import read_rules
from bootstrap.delivery.overlay.unread import unread
from bootstrap.delivery.overlay.values import read_values
from bootstrap.errors import GitOpsError

HEAD = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shown}\ndata:\n"

FORMS = {
    "eq": ('{{ if eq .Values.m.mode "fast" }}x{{ end }}', {"mode": "slow"}),
    "ne": ('{{ if ne .Values.m.mode "fast" }}x{{ end }}', {"mode": "slow"}),
    "has": ('{{ if has .Values.m.mode (list "fast" "faster") }}x{{ end }}', {"mode": "slow"}),
    "contains": ('{{ if contains "fast" .Values.m.mode }}x{{ end }}', {"mode": "slow"}),
    "regexMatch": ('{{ if regexMatch "^fast" .Values.m.mode }}x{{ end }}', {"mode": "slow"}),
    "dictionary": ('{{ get (dict "fast" "x") .Values.m.mode }}', {"mode": "slow"}),
    "text made of a number": ('{{ if eq (toString .Values.m.port) "80" }}x{{ end }}', {"port": "81"}),
    "a variable": (
        '{{ $m := .Values.m.mode }}{{ if has $m (list "fast") }}x{{ end }}',
        {"mode": "slow"},
    ),
    "and": ("{{ if and .Values.m.a .Values.m.b }}x{{ end }}", {"a": "false", "b": "false"}),
    "or": ("{{ if or .Values.m.a .Values.m.b }}x{{ end }}", {"a": "true", "b": "true"}),
    "and not": (
        "{{ if and .Values.m.a .Values.m.b (not .Values.m.c) }}x{{ end }}{{ .Values.m.c }}",
        {"a": "false", "b": "false", "c": "false"},
    ),
    "greater": ("{{ if gt (int .Values.m.amount) -5 }}x{{ end }}", {"amount": "3"}),
    "between": ("{{ if and (gt (int .Values.m.amount) 5) (lt (int .Values.m.amount) 9) }}x{{ end }}", {"amount": "3"}),
    "equal number": ("{{ if eq (int .Values.m.amount) 5 }}x{{ end }}", {"amount": "3"}),
    "with": ("{{ with .Values.m.name }}{{ $.Values.m.size }}{{ end }}", {"name": '""', "size": "3"}),
    "default": ("{{ .Values.m.name | default .Values.m.other }}", {"name": "a", "other": "b"}),
    "behind a mode": (
        '{{ if eq .Values.m.mode "fast" }}{{ .Values.m.speed }}{{ end }}',
        {"mode": "slow", "speed": "3"},
    ),
    "member": ('{{ if has "x" .Values.m.list }}x{{ end }}', {"list": "[a, b]"}),
    "member in a range": ('{{ range .Values.m.list }}{{ if eq . "x" }}x{{ end }}{{ end }}', {"list": "[a, b]"}),
    "two at once": (
        '{{ if and (eq .Values.m.mode "fast") (has .Values.m.kind (list "red")) }}x{{ end }}',
        {"mode": "slow", "kind": "blue"},
    ),
    "below what is handed on": ('{{ with .Values.m }}{{ if eq .mode "fast" }}x{{ end }}{{ end }}', {"mode": "slow"}),
    "by its text": ('{{ if eq (index .Values "m" "mode") "fast" }}x{{ end }}', {"mode": "slow"}),
    "number of members": ("{{ if gt (len .Values.m.list) 5 }}x{{ end }}", {"list": "[a, b]"}),
}


def write(project, template, values):
    (project.root / "gitops/charts/web/values.schema.json").unlink(missing_ok=True)
    project.write("gitops/charts/web/templates/shown.yaml", HEAD + template)
    lines = "".join(f"  {key}: {value}\n" for key, value in values.items())
    path = "gitops/apps/hello/values.yaml"
    project.write(path, f"{project.read(path)}\nm:\n{lines}")


def found(project):
    values, rules = read_values(project.root, "hello"), read_rules(project.root, "hello")
    findings = list(unread(values, elsewhere=rules.read_elsewhere))
    assert all(finding.rule is Rule.UNREAD for finding in findings)
    return [spell(finding.path) for finding in findings]


@pytest.mark.parametrize("form", FORMS)
def test_what_a_condition_reads_is_read_and_what_is_beside_it_is_not(project, form):
    template, values = FORMS[form]
    write(project, f"  key: '{template}'\n", {**values, "text": "nothing", "flag": "true", "count": "7"})
    assert found(project) == ["m.text", "m.flag", "m.count"]


@pytest.mark.parametrize("named", ["mode", "m.mode", "m.inner.other"])
def test_a_value_at_another_place_than_the_condition_names_is_found(project, named):
    write(
        project,
        f"""  key: '{{{{ if eq .Values.{named} "fast" }}}}x{{{{ end }}}}'\n""",
        {"inner": "{mode: slow, other: a}"},
    )
    assert "m.inner.mode" in found(project)


def test_what_only_a_comment_names_is_found(project):
    write(project, "  key: '{{/* .Values.m.text */}}{{- /* .Values.m.text */ -}}x'\n", {"text": "nothing"})
    assert found(project) == ["m.text"]


@pytest.mark.parametrize("packed", [False, True])
def test_what_a_dependency_names_is_read(project, packed):
    chart = project.root / "gitops/charts/web/charts/lamp"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: lamp\nversion: 1.0.0\n", encoding="utf-8")
    condition = """{{ if eq .Values.mode "fast" }}x{{ end }}"""
    (chart / "templates/lamp.yaml").write_text(f"{HEAD}  key: '{condition}'\n", encoding="utf-8")
    if packed:
        with tarfile.open(chart.with_name("lamp-1.0.0.tgz"), "w:gz") as archive:
            archive.add(chart, "lamp")
        shutil.rmtree(chart)
    write(project, "  key: a\n", {"text": "nothing"})
    path = "gitops/apps/hello/values.yaml"
    project.write(path, f"{project.read(path)}\nlamp:\n  mode: slow\n  text: nothing\n")
    assert found(project) == ["m.text", "lamp.text"]


@pytest.mark.parametrize(
    ("before", "after", "left"),
    [
        ("differs:\n  - replicas", "unread:\n  - m.*\ndiffers:\n  - replicas", []),
        ("  hello:\n", "  hello:\n    unread: [m.text]\n", ["m.other"]),
    ],
)
def test_what_something_else_reads_is_no_finding(project, before, after, left):
    write(project, "  key: a\n", {"text": "nothing", "other": "7"})
    project.edit("gitops/overlay.yaml", before, after)
    assert found(project) == left


def test_a_mistake_in_what_something_else_reads_is_told(project):
    project.edit("gitops/overlay.yaml", "  hello:\n", "  hello:\n    unread: 3\n")
    with pytest.raises(GitOpsError, match=r"overlay.yaml: apps.hello.unread: Input should be"):
        found(project)
