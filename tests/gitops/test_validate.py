"""``bootstrap validate``: the example passes, and each mistake is found where it is."""

import json

import pytest

from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.objects import Object
from bootstrap.delivery.validate.schemas import Schemas
from bootstrap.delivery.validate.validate import _structure, validate
from tests.gitops.conftest import ROOT

TEMPLATE = "tenants/templates/projects.yaml"
NAMESPACES = "tenants/templates/namespaces.yaml"
PROJECT = "tenants in dev: AppProject hello"
CHART = "gitops/charts/web/templates"
DEPLOYMENT = "hello in dev: Deployment app-hello/hello"
CONTAINER = "spec.template.spec.containers[0]"
EXTERNAL = "hello in dev: ExternalSecret app-hello/hello-env"


def findings(project):
    project.forget()
    return [(finding.where, finding.path, finding.message) for finding in validate(project.root).findings]


def test_the_example_passes():
    report = validate(ROOT)
    assert report.findings == []
    assert (report.environments, report.applications, report.objects) == (["dev", "local", "prod"], 3, 21)


@pytest.mark.parametrize(
    ("file", "before", "after", "expected"),
    [
        (
            TEMPLATE,
            "  destinations:",
            "  destinatons:",
            (PROJECT, "spec.destinatons", "did you mean destinations?"),
        ),
        (
            TEMPLATE,
            '{{ printf "%s, of',
            '[a] # {{ printf "%s, of',
            (PROJECT, "spec.description", "allowed: string"),
        ),
        (
            TEMPLATE,
            "kind: AppProject",
            "kind: AppProjekt",
            ("tenants in dev: AppProjekt hello", "kind", "the cluster has no such kind"),
        ),
        (
            TEMPLATE,
            "kind: AppProject\n",
            "",
            ("tenants in dev: hello", "kind", "is missing"),
        ),
        (
            TEMPLATE,
            "namespace: {{ $.Release.Namespace }}",
            "namespace: apps",
            (PROJECT, "metadata.namespace", "allowed: argocd"),
        ),
        (
            TEMPLATE,
            "name: {{ $app }}",
            "name: root",
            ("tenants in dev: AppProject root", "metadata.name", "is not yours to define"),
        ),
        (
            "tenants/templates/default-project.yaml",
            "destinations: []",
            "destinations: [{server: https://kubernetes.default.svc, namespace: app-x}]",
            ("tenants in dev: AppProject default", "spec.destinations", "has to be empty"),
        ),
        (
            TEMPLATE,
            '{{ required "repoURL is missing" $.Values.repoURL }}',
            "https://github.com/example/elsewhere.git",
            (PROJECT, "spec.sourceRepos", "https://github.com/example/aks-bootstrap.git and no other"),
        ),
        (
            TEMPLATE,
            "server: https://kubernetes.default.svc",
            "server: https://192.0.2.1",
            (PROJECT, "spec.destinations[0].server", "allowed: https://kubernetes.default.svc"),
        ),
        (
            TEMPLATE,
            "namespace: app-{{ $app }}",
            'namespace: "*"',
            (PROJECT, "spec.destinations[0].namespace", "every namespace"),
        ),
        (
            TEMPLATE,
            "namespace: app-{{ $app }}",
            "namespace: a*",
            (PROJECT, "spec.destinations[0].namespace", "Argo CD's own"),
        ),
        (
            TEMPLATE,
            "namespace: app-{{ $app }}",
            "namespace: traefik",
            ("hello in dev", "metadata.namespace", "the project allows no namespace app-hello"),
        ),
        (
            TEMPLATE,
            "{{- toYaml $.Values.kinds | nindent 4 }}",
            "- { group: apps, kind: DaemonSet }",
            ("hello in dev", "", "Deployment app-hello/hello: the project allows no Deployment"),
        ),
        (
            NAMESPACES,
            "kind: Namespace\nmetadata:\n  name: app-{{ $app }}",
            "kind: Namespace\nmetadata:\n  name: kube-system",
            ("tenants in dev: Namespace kube-system", "metadata.name", "names that begin with app-"),
        ),
        (
            NAMESPACES,
            "name: aks-bootstrap:tenant",
            "name: cluster-admin",
            ("tenants in dev: RoleBinding argocd", "roleRef", "allowed: ClusterRole aks-bootstrap:tenant"),
        ),
        (
            NAMESPACES,
            "name: default-deny\n  namespace: app-{{ $app }}",
            "name: default-deny\n  namespace: kube-system",
            ("tenants in dev: NetworkPolicy default-deny", "metadata.namespace", "those that begin with app-"),
        ),
        (
            TEMPLATE,
            "spec:",
            "{{ fail $app }}\nspec:",
            ("tenants in dev", "", "hello"),
        ),
        (
            f"{CHART}/_pod.tpl",
            "serviceAccountName:",
            "serviceAcountName:",
            (
                DEPLOYMENT,
                "spec.template.spec.serviceAcountName",
                "did you mean serviceAccountName?",
            ),
        ),
        (
            f"{CHART}/deployment.yaml",
            "containerPort: {{ .Values.port }}",
            'containerPort: "{{ .Values.port }}"',
            (
                DEPLOYMENT,
                f"{CONTAINER}.ports[0].containerPort",
                "got '9898'; allowed: integer",
            ),
        ),
        (
            f"{CHART}/service.yaml",
            "apiVersion: v1",
            "apiVersion: v2",
            ("hello in dev: Service hello", "kind", "v2 Service: the cluster has no such kind"),
        ),
        (
            f"{CHART}/poddisruptionbudget.yaml",
            "policy/v1",
            "policy/v1beta1",
            ("hello in dev: PodDisruptionBudget hello", "kind", "no such kind"),
        ),
        (
            f"{CHART}/_secrets.tpl",
            "secretStoreRef:",
            "secretStore:",
            (EXTERNAL, "spec.secretStore", "did you mean secretStoreRef?"),
        ),
        (
            f"{CHART}/_secrets.tpl",
            "kind: ClusterSecretStore",
            "kind: ClusterSecretStor",
            (
                EXTERNAL,
                "spec.secretStoreRef.kind",
                "SecretStore, ClusterSecretStore",
            ),
        ),
        (
            f"{CHART}/serviceaccount.yaml",
            "metadata:",
            "metadata:\n  namespace: kube-system",
            ("hello in dev", "metadata.namespace", "the project allows no namespace kube-system"),
        ),
        (
            f"{CHART}/service.yaml",
            "name: {{ .Release.Name }}\n",
            "name: Hello_1\n",
            ("hello in dev: Service app-hello/Hello_1", "metadata.name", "got 'Hello_1'"),
        ),
        (
            f"{CHART}/_helpers.tpl",
            "app.kubernetes.io/managed-by: {{",
            "revision: {{ 1 }} # {{",
            ("hello in dev: Service app-hello/hello", "metadata.labels.revision", "got 1; allowed: string"),
        ),
        (
            "gitops/apps/hello/dev.yaml",
            "memory: 64Mi",
            "memory: 64MB",
            ("hello in dev", "", "memory"),
        ),
        (
            "Pulumi.dev.yaml",
            "    repoUrl: https://github.com/example/aks-bootstrap.git",
            "    repoUrl: [https://github.com/example/aks-bootstrap.git]",
            (
                "Pulumi.dev.yaml",
                "",
                "gitops.repoUrl: got ['https://github.com/example/aks-bootstrap.git']; allowed: text",
            ),
        ),
        (
            "Pulumi.dev.yaml",
            "  aks-bootstrap:gitops:\n",
            "  aks-bootstrap:gitops:\n    region: West_Europe\n",
            ("Pulumi.dev.yaml", "", "gitops.region: got 'West_Europe'; allowed: lower-case letters"),
        ),
        (
            "Pulumi.prod.yaml",
            "  aks-bootstrap:production: true\n",
            "  aks-bootstrap:production: yes\n",
            ("Pulumi.prod.yaml", "", "production: got 'yes'; allowed: true or false"),
        ),
    ],
)
def test_a_mistake_is_found(project, file, before, after, expected):
    where, path, message = expected
    project.edit(file, before, after)
    found = findings(project)
    assert any(f[0] == where and f[1] == path and message in f[2] for f in found), found


def test_the_root_application_makes_what_its_project_allows(project):
    project.write(
        "tenants/templates/more.yaml",
        '{{ if eq .Values.environment "dev" }}\napiVersion: v1\nkind: ConfigMap\n'
        "metadata: {name: a, namespace: argocd}\n{{ end }}\n",
    )
    allowed = "AppProject, Application, ImageUpdater, Namespace, NetworkPolicy, RoleBinding, ServiceAccount"
    assert findings(project) == [("tenants in dev: ConfigMap a", "kind", f"got 'ConfigMap'; allowed: {allowed}")]


def test_an_application_that_makes_its_own_namespace_is_refused(project):
    labels = "{pod-security.kubernetes.io/enforce: privileged}"
    project.write(
        f"{CHART}/namespace.yaml",
        f"apiVersion: v1\nkind: Namespace\nmetadata: {{name: app-hello, labels: {labels}}}\n",
    )
    assert any("Namespace app-hello: the project allows no Namespace" in message for _, _, message in findings(project))


def test_a_required_field_that_is_missing_is_found(project):
    project.edit(f"{CHART}/deployment.yaml", "name: {{ .Chart.Name }}", "stdin: false")
    assert (
        DEPLOYMENT,
        "spec.template.spec.containers[0].name",
        "is missing",
    ) in findings(project)


def test_an_object_of_the_whole_cluster_is_refused(project):
    project.write(
        f"{CHART}/role.yaml",
        "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: everything}\nrules: []\n",
    )
    assert any("the project allows no ClusterRole" in message for _, _, message in findings(project))


def test_an_object_that_is_rendered_twice_is_found(project):
    project.write(f"{CHART}/again.yaml", project.read(f"{CHART}/service.yaml"))
    assert any("Service app-hello/hello is rendered twice" in message for _, _, message in findings(project))


def test_a_project_that_is_made_twice_is_found(project):
    project.write("tenants/templates/again.yaml", project.read(TEMPLATE))
    assert [(where, path) for where, path, message in findings(project) if "there twice" in message] == [
        (f"tenants in {cluster}: AppProject hello", "metadata.name") for cluster in ("dev", "local", "prod")
    ]


def test_an_application_of_the_platforms_own_takes_no_tenants_name(project):
    application = next(item for item in project.render("root", "dev") if item.kind == "Application")
    project.write("tenants/templates/more.yaml", json.dumps(application.document))
    assert ("tenants/hello.yaml in dev: Application hello", "metadata.name", "'hello' is there twice") in findings(
        project
    )


@pytest.mark.parametrize("image", ["nginx", "nginx:latest", "registry.example.com:5000/nginx", "nginx:"])
def test_an_image_that_may_be_another_tomorrow_is_found(project, image):
    project.edit(f"{CHART}/_pod.tpl", '{{ include "app.image" .Values.image | quote }}', f'"{image}"')
    assert (DEPLOYMENT, "image") in [found[:2] for found in findings(project)]


# --- secrets ---------------------------------------------------------------------------------------------------------

SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {name: s, namespace: app-hello}\nstringData: {token: hunter2}\n"


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("gitops/apps/hello/secret.yml", SECRET),
        ("gitops/apps/hello/secret.json", '{"apiVersion": "v1", "kind": "Secret", "data": {"token": "aHVudGVyMg=="}}'),
        (
            "gitops/apps/hello/list.txt.yaml",
            f"kind: List\nitems:\n- {SECRET.replace(chr(10), chr(10) + '  ').rstrip()}\n",
        ),
        ("gitops/apps/hello/two.yml", f"a: 1\n---\n{SECRET}"),
        (f"{CHART}/off.yaml", "{{ if .Values.never }}\n" + SECRET + "{{ end }}\n"),
        (f"{CHART}/on.yaml", SECRET),
    ],
)
def test_a_plain_secret_is_found_wherever_it_is(project, file, text):
    project.write(file, text)
    found = findings(project)
    assert any("a Secret's text would be in Git" in message for _, _, message in found), found
    assert "hunter2" not in str(found)


def test_a_secret_that_only_a_value_turns_into_one_is_found(project):
    project.write(f"{CHART}/hidden.yaml", SECRET.replace("kind: Secret", 'kind: {{ print "Sec" "ret" }}'))
    assert any(where == "hello in dev" and "Secret app-hello/s" in message for where, _, message in findings(project))


def test_a_private_key_is_found(project):
    project.write("gitops/apps/hello/key.pem", "-----BEGIN EC PRIVATE KEY-----\n")
    assert findings(project) == [("gitops/apps/hello/key.pem", "", "holds a private key")]


def test_the_platforms_half_holds_no_secret_either(project):
    project.write("tenants/key.pem", "-----BEGIN PRIVATE KEY-----\n")
    assert findings(project) == [("tenants/key.pem", "", "holds a private key")]


def test_what_only_names_a_secret_is_none(project):
    project.write("gitops/apps/hello/notes.txt", "kind: Secret\n")
    project.edit("gitops/apps/hello/values.yaml", "env:\n", "env:\n  KIND: Secret\n")
    assert findings(project) == []


# --- kinds and types -------------------------------------------------------------------------------------------------


def structure(document):
    kinds = Kinds(ROOT)
    item = Object(document={"metadata": {"name": "a"}, **document})
    return [(f.path, f.message) for f in _structure(item, Schemas(ROOT, kinds), "here")]


@pytest.mark.parametrize(
    "document",
    [
        {"apiVersion": "v1", "kind": "ResourceQuota", "spec": {"hard": {"pods": 10, "requests.cpu": "4"}}},
        {"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": "1"}, "binaryData": None},
        {"apiVersion": "cert-manager.io/v1", "kind": "Issuer", "spec": {"whatever": 1}},
        {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "rules": []},
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "spec": {
                "group": "g",
                "names": {"kind": "K", "plural": "ks"},
                "scope": "Cluster",
                "versions": [
                    {
                        "name": "v1",
                        "served": True,
                        "storage": True,
                        "schema": {
                            "openAPIV3Schema": {
                                "type": "object",
                                "properties": {
                                    "spec": {
                                        "type": "object",
                                        "properties": {"a": {"type": "string"}},
                                        "x-kubernetes-preserve-unknown-fields": True,
                                    }
                                },
                            }
                        },
                    }
                ],
            },
        },
    ],
)
def test_what_kubernetes_takes_passes(document):
    assert structure(document) == []


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"apiVersion": "v1", "kind": "ConfigMap", "data": {"a": 1}}, "data.a"),
        (
            {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "labels": {"a": "b" * 64}}},
            "metadata.labels",
        ),
        ({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "a", "anotations": {}}}, "metadata.anotations"),
        (
            {"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [{"name": "a", "env": {"A": "b"}}]}},
            "spec.containers[0].env",
        ),
        ({"apiVersion": "batch/v1", "kind": "Job", "spec": {"backoffLimit": True}}, "spec.backoffLimit"),
        (
            {"apiVersion": "cert-manager.io/v1", "kind": "Certificate", "spec": {"issuerRef": {"name": "a"}}},
            "spec.secretName",
        ),
        ({"apiVersion": "cert-manager.io/v1", "kind": "Certificat"}, "kind"),
        ({"apiVersion": "cert-manager.io/v2", "kind": "Certificate"}, "kind"),
        ({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout"}, "kind"),
    ],
)
def test_what_kubernetes_refuses_is_found(document, path):
    assert path in [found for found, _ in structure(document)]


def test_every_kind_of_the_rehearsed_types_resolves():
    """Walks each type that objects of the example's kinds are made of: a type that cannot be read fails here."""
    from bootstrap.delivery.validate.schemas import resolve  # noqa: PLC0415

    seen, pending = (
        set(),
        [
            "V1Deployment",
            "V1StatefulSet",
            "V1CronJob",
            "V2HorizontalPodAutoscaler",
            "V1Ingress",
            "V1NetworkPolicy",
            "V1PodDisruptionBudget",
            "V1CustomResourceDefinition",
        ],
    )
    while pending:
        name = pending.pop()
        if name not in seen:
            seen.add(name)
            pending += [ref for ref in _references(resolve(name)) if ref not in seen]
    assert "V1SecurityContext" in seen and len(seen) > 100


def _references(schema):
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "$ref" and isinstance(value, str):
                yield value
            else:
                yield from _references(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _references(item)


@pytest.mark.parametrize("kind", ["Application", "AppProject", "ApplicationSet"])
@pytest.mark.parametrize("namespace", ["", "argocd", "app-hello"])
def test_an_application_renders_nothing_that_argo_cd_acts_on(project, kind, namespace):
    text = f"apiVersion: argoproj.io/v1alpha1\nkind: {kind}\nmetadata:\n  name: own\n"
    project.write(f"{CHART}/own.yaml", text + (f"  namespace: {namespace}\n" if namespace else "") + "spec: {}\n")
    where = f"{kind} {namespace or 'app-hello'}/own"
    found = [message for place, _, message in findings(project) if where in f"{place} {message}"]
    assert any(f"the project allows no {kind}" in message for message in found), found
