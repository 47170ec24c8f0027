"""Renders an application for an environment: the objects that Argo CD would apply."""

import json
import os
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from bootstrap.delivery.gitops import all_environments
from bootstrap.delivery.render.application import Application, application_names, manifests, read_application
from bootstrap.delivery.render.helm import Template
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.objects import Object, parse_objects
from bootstrap.errors import GitOpsError, HelmError
from bootstrap.stackfile import read_stack
from conventions import ARGO_CD_NAMESPACE, DEFAULT_KUBERNETES_VERSION, NAMESPACE, ROOT_APPLICATION


@dataclass(frozen=True, kw_only=True)
class Rendered:
    """What an environment gets of an application."""

    app: str
    environment: str
    namespace: str
    objects: list[Object] = field(repr=False)

    @property
    def label(self) -> str:
        """How people name it."""
        return f"{self.app} in {self.environment}"


def render(root: Path, app: str, environment: str) -> Rendered:
    """Render an application; ``root`` is the root Application, whose objects are the Applications themselves.

    Raises:
        GitOpsError: the application or environment is not there, or its files are not what they have to be.
        HelmError: Helm refuses the chart or the values.
    """
    if app == ROOT_APPLICATION:
        return _render_root(root, environment)
    application = read_application(root, app, environment)
    kinds = Kinds(root)
    try:
        text = template(root, application, kinds).render()
    except HelmError as error:
        raise HelmError(f"{app} in {environment}: {error}") from None
    objects = parse_objects(text, source=f"{app} in {environment}", namespace=application.namespace, kinds=kinds)
    return Rendered(app=app, environment=environment, namespace=application.namespace, objects=objects)


def template(root: Path, application: Application, kinds: Kinds | None = None) -> Template:
    """Return what Helm is called with for an application."""
    return Template(
        chart=application.chart,
        release=application.release,
        namespace=application.namespace,
        kube_version=kubernetes_version(root, application.environment),
        api_versions=(kinds or Kinds(root)).api_versions,
        values=application.value_files,
    )


def everything(root: Path) -> list[tuple[str, str]]:
    """Return every application with every environment that it is in, the root Applications first."""
    environments = all_environments(root)
    return [(ROOT_APPLICATION, environment) for environment in environments] + [
        (app, environment) for environment in environments for app in application_names(root, environment)
    ]


def render_several(root: Path, wanted: Iterable[tuple[str, str]]) -> list[Rendered]:
    """Render several at the same time, in the order asked for."""
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return list(pool.map(lambda pair: render(root, *pair), wanted))


@cache
def stack_section(root: Path, environment: str, section: str) -> dict[str, Any]:
    """Return a section of an environment's stack file as it stands there.

    Raises:
        StackFileError: there is no such stack file.
        GitOpsError: the section is no mapping.
    """
    value = read_stack(root, environment).values.get(f"{NAMESPACE}:{section}", "{}")
    try:
        parsed = json.loads(value)
    except ValueError:
        parsed = None
    if not isinstance(parsed, dict):
        raise GitOpsError(f"Pulumi.{environment}.yaml: {NAMESPACE}:{section} has to be a mapping")
    return parsed


def kubernetes_version(root: Path, environment: str) -> str:
    """Return the version that the environment's stack file asks for, or the default of the settings.

    Argo CD tells Helm the patch level too, which AKS chooses: it is 0 here.
    """
    version = stack_section(root, environment, "cluster").get("kubernetesVersion", DEFAULT_KUBERNETES_VERSION)
    return f"{version}.0"


def _render_root(root: Path, environment: str) -> Rendered:
    kinds = Kinds(root)
    objects = [
        item
        for manifest in manifests(root, environment)
        for item in parse_objects(
            json.dumps(manifest.document),
            source=str(manifest.file.relative_to(root)),
            namespace=ARGO_CD_NAMESPACE,
            kinds=kinds,
        )
    ]
    objects.sort(key=lambda item: item.wave)
    return Rendered(app=ROOT_APPLICATION, environment=environment, namespace=ARGO_CD_NAMESPACE, objects=objects)
