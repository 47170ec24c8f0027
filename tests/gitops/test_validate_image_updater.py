"""``bootstrap validate`` refuses whatever lets Image Updater move a cluster otherwise than by its own file of Git."""

import json

import pytest

from bootstrap.delivery.validate.validate import validate

FILE = "tenants/templates/hello-images.yaml"
WHERE = "tenants in dev: ImageUpdater hello"
REFERENCE = "spec.applicationRefs[0]"
WRITE_BACK = f"{REFERENCE}.writeBackConfig"
GOOD = """\
{{- if eq .Values.environment "dev" }}
apiVersion: argocd-image-updater.argoproj.io/v1alpha1
kind: ImageUpdater
metadata:
  name: hello
  namespace: argocd
spec:
  commonUpdateSettings:
    updateStrategy: newest-build
    allowTags: regexp:^[0-9a-f]{40}$
  writeBackConfig:
    method: git
    gitConfig:
      writeBackTarget: helmvalues:/gitops/apps/hello/dev.yaml
  applicationRefs:
    - namePattern: hello
      images:
        - alias: web
          imageName: example.azurecr.io/hello
          manifestTargets:
            helm: { name: image.repository, tag: image.tag }
{{- end }}
"""


@pytest.fixture
def updating(project):
    project.edit(
        "Pulumi.dev.yaml", "  aks-bootstrap:argocd:\n", "  aks-bootstrap:argocd:\n    imageUpdaterWriteBack: git\n"
    )
    project.write(FILE, GOOD)
    return project


def findings(project):
    project.forget()
    return [(finding.where, finding.path, finding.message) for finding in validate(project.root).findings]


def test_one_that_writes_the_environments_own_file_passes(updating):
    assert findings(updating) == []


def test_with_a_credential_of_its_own_it_pushes_with_that_and_nothing_else(updating):
    own = "    imageUpdaterWriteBack: git\n"
    updating.edit("Pulumi.dev.yaml", own, f"{own}    imageUpdaterCredential: {{ vaultSecret: pushes }}\n")
    (found,) = findings(updating)
    assert found[:2] == (WHERE, f"{WRITE_BACK}.method") and "git:secret:argocd/image-updater-git" in found[2]
    updating.write(FILE, GOOD.replace("method: git\n", "method: git:secret:argocd/image-updater-git\n"))
    assert findings(updating) == []


def test_it_is_refused_where_image_updater_is_not_installed(project):
    project.write(FILE, GOOD)
    (found,) = findings(project)
    assert found[:2] == (WHERE, "kind") and "imageUpdaterWriteBack: git in Pulumi.dev.yaml" in found[2]


@pytest.mark.parametrize(
    ("before", "after", "path", "message"),
    [
        ("method: git", "method: argocd", f"{WRITE_BACK}.method", "patches the live Application"),
        ("    method: git\n", "", f"{WRITE_BACK}.method", "got 'argocd'"),
        (
            "    - namePattern: hello\n",
            "    - namePattern: hello\n      writeBackConfig: { method: argocd }\n",
            f"{WRITE_BACK}.method",
            "allowed: git",
        ),
        (
            "    - namePattern: hello\n",
            "    - namePattern: hello\n      writeBackConfig: { gitConfig: { branch: main } }\n",
            f"{WRITE_BACK}.method",
            "got 'argocd', which patches",  # the API server's default, in every section that names none
        ),
        ("method: git", "method: git:secret:other/token", f"{WRITE_BACK}.method", "allowed: git"),
        ("/hello/dev.yaml", "/hello/prod.yaml", f"{WRITE_BACK}.gitConfig.writeBackTarget", "/apps/hello/dev.yaml"),
        ("/hello/dev.yaml", "/hello/values.yaml", f"{WRITE_BACK}.gitConfig.writeBackTarget", "/apps/hello/dev.yaml"),
        ("/hello/dev.yaml", "/../dev.yaml", f"{WRITE_BACK}.gitConfig.writeBackTarget", "/apps/hello/dev.yaml"),
        ("namePattern: hello", 'namePattern: "*"', f"{REFERENCE}.namePattern", "got '*'; allowed: one of hello"),
        (
            "    gitConfig:\n",
            '    gitConfig:\n      branch: main:{{ "{{.SHA256}}" }}\n',
            f"{WRITE_BACK}.gitConfig.branch",
            "allowed: main",
        ),
        (
            "    gitConfig:\n",
            "    gitConfig:\n      repository: https://github.com/other/repo.git\n",
            f"{WRITE_BACK}.gitConfig.repository",
            "allowed: https://github.com/example/aks-bootstrap.git",
        ),
        (
            "          manifestTargets:\n            helm: { name: image.repository, tag: image.tag }\n",
            "",
            f"{REFERENCE}.images[0].manifestTargets.helm",
            "name and tag",
        ),
        (
            "    gitConfig:\n      writeBackTarget: helmvalues:/gitops/apps/hello/dev.yaml\n",
            "",
            f"{WRITE_BACK}.gitConfig.writeBackTarget",
            "got None",
        ),
        ("      images:", "      useAnnotations: true\n      images:", f"{REFERENCE}.useAnnotations", "annotations"),
        ("newest-build", "latest", "spec.commonUpdateSettings.updateStrategy", "allowed: semver, newest-build"),
        ("namePattern", "namePatern", f"{REFERENCE}.namePatern", "did you mean namePattern"),
    ],
)
def test_another_way_is_refused(updating, before, after, path, message):
    updating.edit(FILE, before, after)
    found = findings(updating)
    assert any(f[:2] == (WHERE, path) and message in f[2] for f in found), found


def test_production_is_changed_by_pull_request(updating):
    where = "tenants in prod: ImageUpdater hello"
    updating.edit(
        "Pulumi.prod.yaml",
        "  aks-bootstrap:argocd:\n",
        "  aks-bootstrap:argocd:\n    imageUpdaterWriteBack: git\n",
    )
    updating.write(FILE, GOOD.replace('"dev"', '"prod"').replace("dev.yaml", "prod.yaml"))
    assert findings(updating) == [
        (where, f"{WRITE_BACK}.gitConfig.pullRequest", "is missing: production is changed by pull request")
    ]
    updating.edit(FILE, "    gitConfig:\n", "    gitConfig:\n      pullRequest: { github: {} }\n")
    assert findings(updating) == []


def test_annotations_of_an_application_are_refused(updating):
    application = next(item for item in updating.render("root", "dev") if item.kind == "Application").document
    key = "argocd-image-updater.argoproj.io/write-back-method"
    metadata = {**application["metadata"], "name": "own", "annotations": {key: "argocd"}}
    text = json.dumps({**application, "metadata": metadata})
    updating.write("tenants/templates/own.yaml", f'{{{{ if eq .Values.environment "dev" }}}}\n{text}\n{{{{ end }}}}\n')
    assert [f[:2] for f in findings(updating)] == [("tenants in dev: Application own", "metadata.annotations")]
