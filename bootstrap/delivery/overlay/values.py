"""An application's values files: the chart's defaults, the base, and one file for each environment."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.delivery.gitops import BASE, app_folder, applications, environments, inside, values_files
from bootstrap.delivery.manifests import load_all, load_mapping
from bootstrap.delivery.overlay.paths import merge_values
from bootstrap.delivery.render.application import application_names, read_application
from bootstrap.delivery.render.helm import Template
from bootstrap.delivery.render.render import template
from bootstrap.errors import GitOpsError, StackFileError
from conventions import ENVIRONMENTS_FOLDER, GITOPS_FOLDER


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
    environments: dict[str, Layer]
    templates: dict[str, Template] = field(repr=False)
    """What Helm is called with, by environment."""

    def below(self) -> dict[str, Any]:
        """Return what an environment's file is laid over."""
        return merge_values(self.defaults, self.base.data)

    def effective(self, environment: str) -> dict[str, Any]:
        """Return what templates see in an environment."""
        return merge_values(self.below(), self.environments[environment].data)

    def with_layers(self, base: Layer, changed: dict[str, Layer]) -> "Values":
        """Return the values with other files' texts."""
        return Values(
            app=self.app,
            defaults=self.defaults,
            base=base,
            environments={**self.environments, **changed},
            templates=self.templates,
        )


def read_values(root: Path, app: str) -> Values:
    """Read an application's files, and how its environments render them.

    Raises:
        GitOpsError: there is no such application, a file is not YAML, or no Application reads an environment's file.
    """
    if app not in applications(root):
        there = ", ".join(applications(root)) or "none"
        raise GitOpsError(f"there is no application {app!r} in {GITOPS_FOLDER}/apps; there are: {there}")
    templates: dict[str, Template] = {}
    layers: dict[str, Layer] = {}
    mistakes: list[str] = []
    base = Layer(path=app_folder(root, app) / BASE, shown="", text="", data={})
    try:
        base = _layer(root, base.path)
    except GitOpsError as error:
        mistakes.append(str(error))
    for environment in environments(root, app):
        try:
            layers[environment] = _layer(root, values_files(root, app, environment)[1])
            templates[environment] = _template(root, app, environment, layers[environment].shown)
        except (GitOpsError, StackFileError) as error:
            mistakes.append(str(error))
    if mistakes:
        raise GitOpsError("\n".join(mistakes))
    charts = {one.chart for one in templates.values()}
    if len(charts) > 1:
        raise GitOpsError(
            f"{app} has different charts in its environments: {', '.join(sorted(c.name for c in charts))}"
        )
    defaults = next(iter(charts)) / "values.yaml" if charts else None
    return Values(
        app=app,
        defaults=load_mapping(defaults) if defaults and defaults.exists() else {},
        base=base,
        environments=layers,
        templates=templates,
    )


def _template(root: Path, app: str, environment: str, shown: str) -> Template:
    if app not in application_names(root, environment):
        raise GitOpsError(f"{shown}: no Application reads it; there is no {app} in {ENVIRONMENTS_FOLDER}/{environment}")
    made = template(root, read_application(root, app, environment))
    if list(made.values) != [path.resolve() for path in values_files(root, app, environment)]:
        raise GitOpsError(f"{app} in {environment} reads other files than {BASE} and {environment}.yaml")
    return made


def _layer(root: Path, path: Path) -> Layer:
    shown = str(path.relative_to(root))
    try:
        inside(root, path)
    except GitOpsError as error:
        raise GitOpsError(f"{shown} {error}") from None
    data = load_mapping(path, shown)
    # bytes, not text: line ends are part of what stays as it is
    return Layer(path=path, shown=shown, text=path.read_bytes().decode("utf-8"), data=data)
