"""Renders an application for an environment: the objects that Argo CD would apply."""

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from bootstrap.delivery.clusters import cluster_names, kubernetes_version
from bootstrap.delivery.links import refuse_links_out
from bootstrap.delivery.manifests import load_all
from bootstrap.delivery.render.application import Application, application_names, manifests, read_application
from bootstrap.delivery.render.directory import read_directory
from bootstrap.delivery.render.helm import Template
from bootstrap.delivery.render.kinds import Kinds
from bootstrap.delivery.render.kustomize import build
from bootstrap.delivery.render.objects import Object, in_order, parse_documents
from bootstrap.delivery.render.sources import DirectorySource, KustomizeSource
from bootstrap.errors import RenderError
from conventions import ARGO_CD_NAMESPACE, ROOT_APPLICATION


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
    """Render an application; ``root`` is the root Application, whose objects are the platform's, with Applications.

    Raises:
        GitOpsError: the application or environment is not there, or its files are not what they have to be.
        RenderError: Helm refuses the chart or the values, or Kustomize the overlay.
    """
    if app == ROOT_APPLICATION:
        return _render_root(root, environment)
    application = read_application(root, app, environment)
    kinds = Kinds(root)
    try:
        objects = render_application(root, application, kinds)
    except RenderError as error:
        raise type(error)(f"{app} in {environment}: {error}") from None
    return Rendered(app=app, environment=environment, namespace=application.namespace, objects=objects)


def render_application(root: Path, application: Application, kinds: Kinds) -> list[Object]:
    """Return an Application's objects, in the order in which Argo CD applies them.

    Raises:
        GitOpsError: what is rendered, or read, is no object.
        RenderError: Helm or Kustomize refuses what it is given.
    """
    source, label = application.source, f"{application.name} in {application.environment}"
    documents: Sequence[object]
    if isinstance(source, DirectorySource):
        documents = read_directory(root, source.folder, recurse=source.recurse)
    elif isinstance(source, KustomizeSource):
        documents = load_all(build(root, source.folder), label)
    else:
        documents = load_all(template(root, application, kinds).render(), label)
    return parse_documents(documents, source=label, namespace=application.namespace, kinds=kinds)


def template(root: Path, application: Application, kinds: Kinds | None = None) -> Template:
    """Return what Helm is called with for an application that has a chart.

    Raises:
        GitOpsError: it has none.
        ChartFetchError: its chart cannot be had.
    """
    source = application.helm
    ours = isinstance(source.chart, Path)
    chart = source.chart if isinstance(source.chart, Path) else source.chart.folder()
    return Template(
        # out of which no link may lead
        root=(root if ours else chart).resolve(),
        chart=chart if ours else chart.resolve(),
        release=application.release,
        namespace=application.namespace,
        kube_version=kubernetes_version(root, application.environment),
        api_versions=(kinds or Kinds(root)).api_versions,
        values=source.value_files,
        inline=source.values,
    )


def everything(root: Path) -> list[tuple[str, str]]:
    """Return every application with every environment that it is in, the root Applications first."""
    environments = cluster_names(root)
    return [(ROOT_APPLICATION, environment) for environment in environments] + [
        (app, environment) for environment in environments for app in application_names(root, environment)
    ]


def render_several(root: Path, wanted: Iterable[tuple[str, str]]) -> list[Rendered]:
    """Render several at the same time, in the order asked for.

    Raises:
        GitOpsError: as for :func:`render`, or a link leads out of the repository.
        RenderError: as for :func:`render`.
    """
    refuse_links_out(root)
    with ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        return list(pool.map(lambda pair: render(root, *pair), wanted))


def _render_root(root: Path, environment: str) -> Rendered:
    kinds = Kinds(root)
    objects = [
        item
        for manifest in manifests(root, environment)
        for item in parse_documents(
            [manifest.document],
            source=str(manifest.file.relative_to(root)),
            namespace=ARGO_CD_NAMESPACE,
            kinds=kinds,
        )
    ]
    return Rendered(
        app=ROOT_APPLICATION,
        environment=environment,
        namespace=ARGO_CD_NAMESPACE,
        objects=in_order(objects, ARGO_CD_NAMESPACE),
    )
