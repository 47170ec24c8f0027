"""Tenants as files in Git, and the ApplicationSet that has an Application for each of their environments.

A file of ``tenants/`` on the branch ``platform`` is a tenant; its Application is in the cluster that is labelled with
the environment.
"""

from typing import Any

from conventions import IN_CLUSTER
from tests.argocd.argo_cd import API_VERSION
from tests.argocd.generator import Generated, Generator
from tests.argocd.git_repository import GitRepository

NAME = '{{ trimSuffix ".yaml" .file.path.filename }}'
ENVIRONMENTS = "[{{ range $name, $_ := .environments }}{environment: {{ $name | quote }}},{{ end }}]"
# there, a tenant's keys are alone: the cluster's come in afterwards
GUARD = (
    '{{ $file := .file.path.filename }}{{ range $key, $_ := omit . "file" "chart" "environments" }}'
    '{{ fail (printf "%s: unknown key %s" $file $key) }}{{ end }}'
    '{{ if not (kindIs "map" .environments) }}{{ fail (printf "%s: environments has to be a mapping" $file) }}{{ end }}'
    '{{ if not (kindIs "string" .chart) }}{{ fail (printf "%s: chart has to be text" $file) }}{{ end }}'
)
ZONE = "aks-bootstrap.io/dns-zone"
FINALIZER = "resources-finalizer.argocd.argoproj.io"
CHARTS_OWN_FILES = ("tenants/Chart.yaml", "tenants/values.yaml")

TENANT = "chart: web\nenvironments:\n  dev: {}\n  prod: {}\n"
FILES: dict[str, str | None] = {
    "tenants/Chart.yaml": "apiVersion: v2\nname: tenants\nversion: 1.0.0\n",
    "tenants/values.yaml": "domain: example.com\n",
    "tenants/shop.yaml": TENANT,
    "tenants/blog.yaml": TENANT,
}


def cluster(name: str = "in-cluster", environment: str = "prod", **annotations: str) -> dict[str, Any]:
    """Return the Secret with which Argo CD finds a cluster."""
    server = IN_CLUSTER if name == "in-cluster" else f"https://{name}.example.com"
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": f"cluster-{name}",
            "labels": {"argocd.argoproj.io/secret-type": "cluster", "environment": environment},
            "annotations": annotations or {ZONE: "prod.example.com"},
        },
        "stringData": {"name": name, "server": server, "config": "{}"},
    }


class Tenants:
    """The tenants' files, and the ApplicationSet for them."""

    def __init__(self, generator: Generator, repository: GitRepository) -> None:
        self.generator, self.repository = generator, repository
        self.argo_cd = generator.argo_cd
        self.cluster = cluster()
        self.document = self._document()

    def commit(self, files: dict[str, str | None]) -> Generated:
        """Commit tenants' files, and return what there is afterwards; None deletes a file."""
        self.repository.commit("platform", files)
        return self.generate()

    def generate(self) -> Generated:
        """Apply the ApplicationSet and the cluster as they are now."""
        return self.generator.generate(self.document, self.cluster)

    def application(self, name: str) -> dict[str, Any]:
        """Return an Application as it is now."""
        return Generated(applications=self.generator.applications(), error="").application(name)

    def guard(self) -> None:
        """Let the template of the list refuse what cannot be a tenant."""
        self._tenants_and_environments[1]["list"]["elementsYaml"] = GUARD + ENVIRONMENTS

    @property
    def git(self) -> dict[str, Any]:
        """The generator of the files."""
        found: dict[str, Any] = self._tenants_and_environments[0]["git"]
        return found

    @property
    def spec(self) -> dict[str, Any]:
        """The specification of the Applications."""
        found: dict[str, Any] = self.document["spec"]["template"]["spec"]
        return found

    @property
    def values(self) -> dict[str, Any]:
        """The values in the specification."""
        found: dict[str, Any] = self.spec["source"]["helm"]["valuesObject"]
        return found

    @property
    def _tenants_and_environments(self) -> list[dict[str, Any]]:
        [both] = self.document["spec"]["generators"]
        found: list[dict[str, Any]] = both["matrix"]["generators"][0]["matrix"]["generators"]
        return found

    def _document(self) -> dict[str, Any]:
        url = self.repository.url
        files = [{"path": "tenants/*.yaml"}, *({"path": path, "exclude": True} for path in CHARTS_OWN_FILES)]
        git = {"repoURL": url, "revision": "platform", "pathParamPrefix": "file", "files": files}
        labels = {"argocd.argoproj.io/secret-type": "cluster", "environment": "{{ .environment }}"}
        generators = [
            {"matrix": {"generators": [{"git": git}, {"list": {"elementsYaml": ENVIRONMENTS}}]}},
            {"clusters": {"selector": {"matchLabels": labels}}},
        ]
        helm = {
            "releaseName": NAME,
            "ignoreMissingValueFiles": True,
            "valueFiles": [f"../../apps/{NAME}/values.yaml", f"../../apps/{NAME}/{{{{ .environment }}}}.yaml"],
            "valuesObject": {"global": {"platform": {"dnsZone": f'{{{{ index .metadata.annotations "{ZONE}" }}}}'}}},
        }
        spec = {
            "project": NAME,
            "source": {"repoURL": url, "targetRevision": "main", "path": "gitops/charts/{{ .chart }}", "helm": helm},
            "destination": {"server": IN_CLUSTER, "namespace": f"app-{NAME}"},
            "syncPolicy": {"automated": {"prune": True, "selfHeal": True}, "syncOptions": ["ServerSideApply=true"]},
        }
        return {
            "apiVersion": API_VERSION,
            "kind": "ApplicationSet",
            "metadata": {"name": "tenants"},
            "spec": {
                "goTemplate": True,
                "goTemplateOptions": ["missingkey=error"],
                "generators": [{"matrix": {"generators": generators}}],
                "template": {"metadata": {"name": NAME, "finalizers": [FINALIZER]}, "spec": spec},
            },
        }
