"""The ApplicationSet that makes an Application of every tenant that this cluster's environment has."""

import json
from collections.abc import Iterable
from typing import Any

from application_template import application, layers
from conventions import FACT_PREFIX, TENANTS_FOLDER
from settings.addons import GitOps

NAME = "tenants"

_APP = '{{ trimSuffix ".yaml" .file.path.filename }}'
_KEYS = ("owner", "chart", "registries", "vaultKeys", "environments")
"""Keys of a tenant's file. Any other is refused: it could stand for a parameter of the other generators."""
_ENVIRONMENTS = """\
{{- $file := .file.path.filename }}
{{- range $key, $_ := . }}
{{- if not (has $key (list "file" KEYS)) }}{{ fail (printf "%s: %s is unknown" $file $key) }}{{ end }}
{{- end }}
{{- if not (and (hasKey . "chart") (kindIs "string" .chart) .chart) }}
{{- fail (printf "%s: chart is missing" $file) }}
{{- end }}
{{- if not (and (hasKey . "environments") (kindIs "map" .environments) .environments) }}
{{- fail (printf "%s: environments is missing, or no mapping" $file) }}
{{- end }}
{{- range $name, $_ := .environments }}
- environment: {{ quote $name }}
{{- end }}
""".replace("KEYS", " ".join(json.dumps(key) for key in _KEYS))
"""Lists a tenant's environments. What would silently be no environment fails: the Application would be deleted."""
_RETRY_SECONDS = 30
"""How soon it is tried again what lacked a project: a new cluster has them only once the root Application is synced."""


def application_set_spec(
    settings: GitOps, environment: str, facts: Iterable[str], *, production: bool
) -> dict[str, Any]:
    """Return the ApplicationSet's spec.

    A file that is broken, or lacks what the template reads, stops the generation: nothing is changed or removed.
    https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/GoTemplate/

    Args:
        settings: the stack's repositories and layers.
        environment: the environment of the cluster's applications.
        facts: names of the facts that the in-cluster Secret has as annotations.
        production: whether an Application that is no longer generated stays until somebody deletes it.
    """
    template = application(
        app=_APP,
        chart="{{ .chart }}",
        repo_url=settings.served_url,
        revision=settings.revision,
        folder=settings.folder,
        layers=layers(environment, settings.environment_class, settings.region),
        facts={fact: f'{{{{ index .metadata.annotations "{FACT_PREFIX}{fact}" }}}}' for fact in facts},
    )
    return {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [{"matrix": {"generators": [_tenants(settings), _clusters()]}}],
        # else a lost label of the in-cluster Secret would delete every application with all that is in it
        "syncPolicy": {"applicationsSync": "create-update" if production else "sync"},
        "template": {"metadata": template["metadata"], "spec": template["spec"]},
    }


def tenants_path(settings: GitOps) -> str:
    """Return the folder of the platform's half in its repository."""
    return f"{settings.folder}/{TENANTS_FOLDER}" if settings.folder else TENANTS_FOLDER


def cluster_labels(environment: str) -> dict[str, str]:
    """Return the labels of the in-cluster Secret, by which the ApplicationSet finds it."""
    return {"argocd.argoproj.io/secret-type": "cluster", "environment": environment}


def _tenants(settings: GitOps) -> dict[str, Any]:
    """Return the generator of a tenant with each of its environments."""
    folder = tenants_path(settings)
    return {
        "matrix": {
            "generators": [
                {
                    "git": {
                        "repoURL": settings.platform_url,
                        "revision": settings.platform_revision,
                        # the chart's own files are no tenants
                        "files": [
                            {"path": f"{folder}/*.yaml"},
                            {"path": f"{folder}/Chart.yaml", "exclude": True},
                            {"path": f"{folder}/values.yaml", "exclude": True},
                            # * is any number of folders too
                            {"path": f"{folder}/*/*", "exclude": True},
                        ],
                        "pathParamPrefix": "file",
                        "requeueAfterSeconds": _RETRY_SECONDS,
                    }
                },
                {"list": {"elementsYaml": _ENVIRONMENTS}},
            ]
        }
    }


def _clusters() -> dict[str, Any]:
    """Return the generator of this cluster, by the Secret that holds its facts."""
    return {"clusters": {"selector": {"matchLabels": cluster_labels("{{ .environment }}")}}}
