"""The ApplicationSet that makes an Application of every tenant that this cluster's environment has."""

import json
import re
from collections.abc import Iterable
from typing import Any

from application_sources import (
    CHART_NAME_PATTERN,
    CHART_REPOSITORY_PATTERN,
    CHART_VERSION_PATTERN,
    MANIFESTS,
    NAME_PATTERN,
    OCI,
    Sources,
)
from application_template import application, layers
from conventions import FACT_PREFIX, TENANTS_FOLDER
from settings.addons import GitOps

NAME = "tenants"

_APP = '{{ trimSuffix ".yaml" .file.path.filename }}'
_KEYS = ("owner", "chart", "manifests", "registries", "vaultKeys", "signedBy", "environments")
"""Keys of a tenant's file. Any other is refused: it could stand for a parameter of the other generators."""
_CHART_KEYS = {
    "repository": CHART_REPOSITORY_PATTERN,
    "name": CHART_NAME_PATTERN,
    "version": CHART_VERSION_PATTERN,
}
"""Keys of a chart of a repository, each with what its value has to match."""


_ENVIRONMENTS = """\
{{- $file := .file.path.filename }}
{{- range $key, $_ := . }}
{{- if not (has $key (list "file" @KEYS@)) }}{{ fail (printf "%s: %s is unknown" $file $key) }}{{ end }}
{{- end }}
{{- if eq (hasKey . "chart") (hasKey . "manifests") }}
{{- fail (printf "%s: chart is missing, or is there together with manifests" $file) }}
{{- end }}
{{- if hasKey . "manifests" }}
{{- if not (has .manifests (list @MANIFESTS@)) }}
{{- fail (printf "%s: manifests has to be one of %s" $file (list @MANIFESTS@ | join ", ")) }}
{{- end }}
{{- else if kindIs "map" .chart }}
{{- $chart := .chart }}
{{- range $key, $_ := $chart }}
{{- if not (has $key (list @CHART_KEYS@)) }}{{ fail (printf "%s: chart.%s is unknown" $file $key) }}{{ end }}
{{- end }}
{{- range $key, $pattern := dict @CHART_PATTERNS@ }}
{{- $given := get $chart $key }}
{{- if not (and (kindIs "string" $given) (regexMatch $pattern $given)) }}
{{- fail (printf "%s: chart.%s: allowed: text that matches %s" $file $key $pattern) }}
{{- end }}
{{- end }}
{{- else if not (and (kindIs "string" .chart) (regexMatch @NAME@ .chart)) }}
{{- fail (printf "%s: chart: allowed: a folder of gitops/charts, or repository, name and version" $file) }}
{{- end }}
{{- if not (and (hasKey . "environments") (kindIs "map" .environments) .environments) }}
{{- fail (printf "%s: environments is missing, or no mapping" $file) }}
{{- end }}
{{- range $name, $_ := .environments }}
- environment: {{ quote $name }}
{{- end }}
"""
"""Lists a tenant's environments. What would silently be no environment fails: the Application would be deleted."""
_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "KEYS": _KEYS,
    "MANIFESTS": tuple(MANIFESTS),
    "CHART_KEYS": tuple(_CHART_KEYS),
    "CHART_PATTERNS": tuple(text for key, pattern in _CHART_KEYS.items() for text in (key, f"^({pattern})$")),
    "NAME": (f"^({NAME_PATTERN})$",),
}
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
    sources = Sources(
        app=_APP,
        repo_url=settings.served_url,
        revision=settings.revision,
        folder=settings.folder,
        environment=environment,
        layers=layers(environment, settings.environment_class, settings.region),
        facts={fact: f'{{{{ index .metadata.annotations "{FACT_PREFIX}{fact}" }}}}' for fact in facts},
    )
    template = application(app=_APP, sources={})
    return {
        "goTemplate": True,
        "goTemplateOptions": ["missingkey=error"],
        "generators": [{"matrix": {"generators": [_tenants(settings), _clusters()]}}],
        # else a lost label of the in-cluster Secret would delete every application with all that is in it
        "syncPolicy": {"applicationsSync": "create-update" if production else "sync"},
        "template": {"metadata": template["metadata"], "spec": template["spec"]},
        "templatePatch": _source(sources),
    }


def tenants_path(settings: GitOps) -> str:
    """Return the folder of the platform's half in its repository."""
    return f"{settings.folder}/{TENANTS_FOLDER}" if settings.folder else TENANTS_FOLDER


def cluster_labels(environment: str) -> dict[str, str]:
    """Return the labels of the in-cluster Secret, by which the ApplicationSet finds it."""
    return {"argocd.argoproj.io/secret-type": "cluster", "environment": environment}


def _source(sources: Sources) -> str:
    """Return the template of the part that depends on what a tenant names: its source, or its sources.

    A template can choose between texts only; the patch, which is a template as a whole, between shapes too.
    https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Template/#template-patch
    """
    url = f'{{{{ trimPrefix "{OCI}" .chart.repository }}}}'
    chart = sources.repository_chart(url=url, name="{{ .chart.name }}", version="{{ .chart.version }}")
    return "\n".join(
        [
            '{{- if hasKey . "manifests" }}',
            *(
                f'{{{{- if eq .manifests "{kind}" }}}}\n{_patch(sources.manifests(kind))}\n{{{{- end }}}}'
                for kind in MANIFESTS
            ),
            '{{- else if kindIs "map" .chart }}',
            _patch(chart),
            "{{- else }}",
            _patch(sources.local_chart("{{ .chart }}")),
            "{{- end }}",
        ]
    )


def _patch(spec: dict[str, Any]) -> str:
    return _json({"spec": spec})


def _json(value: object) -> str:
    """Spell a value as JSON whose texts may contain expressions, whatever these result in."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(key)}: {_json(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_json, value)) + "]"
    if not isinstance(value, str) or "{{" not in value:
        return json.dumps(value)
    # every other part is an expression
    parts = re.split(r"\{\{ (.*?) \}\}", value)
    texts = [f"({part})" if index % 2 else json.dumps(part) for index, part in enumerate(parts) if part]
    return f"{{{{ print {' '.join(texts)} | toJson }}}}"


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
                {"list": {"elementsYaml": _environments()}},
            ]
        }
    }


def _environments() -> str:
    """Return the template with its arguments, each text as Go spells it."""
    template = _ENVIRONMENTS
    for mark, texts in _ARGUMENTS.items():
        template = template.replace(f"@{mark}@", " ".join(map(json.dumps, texts)))
    return template


def _clusters() -> dict[str, Any]:
    """Return the generator of this cluster, by the Secret that holds its facts."""
    return {"clusters": {"selector": {"matchLabels": cluster_labels("{{ .environment }}")}}}
