"""An application's values files: the chart's defaults, the base, and what is laid over it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bootstrap.delivery.clusters import cluster_names, read_cluster
from bootstrap.delivery.gitops import BASE, app_folder, applications, inside, layers_of
from bootstrap.delivery.manifests import load_all, load_mapping
from bootstrap.delivery.overlay.paths import merge_values
from bootstrap.delivery.render.application import read_application
from bootstrap.delivery.render.helm import Template
from bootstrap.delivery.render.render import template
from bootstrap.delivery.tenants import read_tenant
from bootstrap.errors import GitOpsError, StackFileError
from conventions import GITOPS_FOLDER


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One values file."""

    path: Path
    shown: str
    """Its path in the repository."""
    text: str = field(repr=False)
    data: dict[str, Any]

    def changed(self, text: str) -> "Layer":
        """Return the layer with another text."""
        documents = load_all(text, self.shown)
        return Layer(path=self.path, shown=self.shown, text=text, data=documents[0] if documents else {})


@dataclass(frozen=True, kw_only=True)
class Values:
    """All of an application's values."""

    app: str
    defaults: dict[str, Any]
    """The chart's own."""
    base: Layer
    layers: dict[str, Layer]
    """The files that are laid over the base, by the name of their class, environment or region; parents first."""
    clusters: dict[str, tuple[str, ...]]
    """The layers that each cluster reads, the later of which wins."""
    templates: dict[str, Template] = field(repr=False)
    """What Helm is called with, by cluster."""

    def parent(self, layer: str) -> str | None:
        """Return the layer that a layer lies on; None for the base."""
        chain = next(read[: read.index(layer)] for read in self.clusters.values() if layer in read)
        return chain[-1] if chain else None

    def children(self, parent: str | None) -> list[str]:
        """Return the layers that lie on one; None is the base."""
        return [layer for layer in self.layers if self.parent(layer) == parent]

    def layer(self, name: str | None) -> Layer:
        """Return a layer; None is the base."""
        return self.base if name is None else self.layers[name]

    def down_to(self, name: str | None) -> dict[str, Any]:
        """Return what templates see of a layer and everything that it lies on."""
        below = self.defaults if name is None else self.down_to(self.parent(name))
        return merge_values(below, self.layer(name).data)

    def effective(self, cluster: str) -> dict[str, Any]:
        """Return what templates see in a cluster."""
        read = self.clusters[cluster]
        return self.down_to(read[-1] if read else None)

    def files(self, cluster: str) -> list[Layer]:
        """Return the files that a cluster reads, in the order in which Helm reads them."""
        return [self.base, *(self.layers[name] for name in self.clusters[cluster])]

    def with_layers(self, changed: dict[str | None, Layer]) -> "Values":
        """Return the values with other files' texts; None is the base."""
        return replace(
            self,
            base=changed.get(None, self.base),
            layers={name: changed.get(name, layer) for name, layer in self.layers.items()},
        )


def read_values(root: Path, app: str) -> Values:
    """Read an application's files, and how its clusters render them.

    Raises:
        GitOpsError: there is no such application, a file is not YAML, or no cluster reads a file.
    """
    if app not in applications(root):
        there = ", ".join(applications(root)) or "none"
        raise GitOpsError(f"there is no application {app!r} in {GITOPS_FOLDER}/apps; there are: {there}")
    tenant = read_tenant(root, app)
    if tenant.manifests is not None:
        raise GitOpsError(f"{app} has no values, and so no overlay of them: tenants/{app}.yaml says `manifests`")
    names = layers_of(root, app)
    layers: dict[str, Layer] = {}
    templates: dict[str, Template] = {}
    clusters: dict[str, tuple[str, ...]] = {}
    mistakes: list[str] = []
    complete = True
    base = Layer(path=app_folder(root, app) / BASE, shown="", text="", data={})
    for name in (None, *names):
        try:
            read = _layer(root, app_folder(root, app) / (BASE if name is None else f"{name}.yaml"))
        except GitOpsError as error:
            mistakes.append(str(error))
            continue
        if name is None:
            base = read
        else:
            layers[name] = read
    for name in cluster_names(root):
        try:
            cluster = read_cluster(root, name)
            if cluster.environment in tenant.environments:
                clusters[name] = tuple(layer for layer in cluster.layers if layer in layers)
                templates[name] = template(root, read_application(root, app, name))
        except (GitOpsError, StackFileError) as error:
            mistakes.append(str(error))
            complete &= name in clusters
    # a stack file that cannot be read may be the one whose cluster reads a file
    mistakes += _unfit(app, names, clusters) if complete else ()
    if mistakes:
        raise GitOpsError("\n".join(dict.fromkeys(mistakes)))
    defaults = next(iter(templates.values())).chart / "values.yaml" if templates else None
    ordered = {name: layers[name] for name in sorted(layers, key=lambda name: (_depth(name, clusters), name))}
    return Values(
        app=app,
        defaults=load_mapping(defaults) if defaults and defaults.exists() else {},
        base=base,
        layers=ordered,
        clusters=clusters,
        templates=templates,
    )


def _unfit(app: str, names: Sequence[str], clusters: Mapping[str, tuple[str, ...]]) -> Iterator[str]:
    """Yield files that no cluster reads, or that lie on different ones."""
    for name in names:
        shown = f"{GITOPS_FOLDER}/apps/{app}/{name}.yaml"
        chains = {cluster: read[: read.index(name)] for cluster, read in clusters.items() if name in read}
        if not chains:
            yield f"{shown}: no cluster reads it, by tenants/{app}.yaml and the stack files"
        elif len(set(chains.values())) > 1:
            detail = "; ".join(f"{cluster}: {', '.join((BASE, *chain))}" for cluster, chain in chains.items())
            yield f"{shown} is laid over different files by gitops.environmentClass of its clusters: {detail}"


def _depth(name: str, clusters: Mapping[str, tuple[str, ...]]) -> int:
    return next((read.index(name) for read in clusters.values() if name in read), 0)


def _layer(root: Path, path: Path) -> Layer:
    shown = str(path.relative_to(root))
    try:
        inside(root, path)
    except GitOpsError as error:
        raise GitOpsError(f"{shown} {error}") from None
    data = load_mapping(path, shown)
    # bytes, not text: line ends are part of what stays as it is
    return Layer(path=path, shown=shown, text=path.read_bytes().decode("utf-8"), data=data)
