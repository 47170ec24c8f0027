"""Reads the Applications of a cluster: what the platform's ApplicationSet makes of its tenants."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from application_sources import Sources
from application_template import application, tenants_values
from bootstrap.delivery.clusters import Cluster, kubernetes_version, read_cluster
from bootstrap.delivery.gitops import NAME, NAMES, OVERRIDES, inside, is_file
from bootstrap.delivery.manifests import load_all, section
from bootstrap.delivery.render.helm import Template
from bootstrap.delivery.tenants import Tenant, in_environment, read_tenant, read_tenants, tenant_file, tenants_folder
from bootstrap.errors import GitOpsError, HelmError
from conventions import ARGO_CD_NAMESPACE, ROOT_APPLICATION, TENANTS_FOLDER

HELM_KEYS = frozenset({"ignoreMissingValueFiles", "releaseName", "valueFiles", "valuesObject"})
"""What an Application may say to Helm."""

_LONGEST_NAME = 63
_KUSTOMIZATIONS = frozenset({"kustomization.yaml", "kustomization.yml", "Kustomization"})


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One object of the platform's: an Application, or what the chart ``tenants/`` makes."""

    file: Path
    """What it is made from."""
    document: dict[str, Any]

    @property
    def kind(self) -> str:
        """Its kind."""
        return str(self.document.get("kind", ""))

    @property
    def group(self) -> str:
        """Its API group; empty for the core."""
        return str(self.document.get("apiVersion", "")).rpartition("/")[0]

    @property
    def name(self) -> str:
        """Its name."""
        return str(section(self.document, "metadata").get("name", ""))

    @property
    def namespace(self) -> str:
        """Its namespace; empty where it names none."""
        return str(section(self.document, "metadata").get("namespace", ""))


@dataclass(frozen=True, kw_only=True)
class Application:
    """What an Application asks for, as far as Helm is concerned."""

    name: str
    environment: str
    """The cluster: its stack's name."""
    file: Path
    chart: Path
    value_files: list[Path]
    """In the order in which Helm reads them: the later wins."""
    values: dict[str, Any] = field(default_factory=dict)
    """Values that win over those of files."""
    release: str
    namespace: str


def tenants_of(root: Path, cluster: Cluster) -> dict[str, Tenant]:
    """Return the tenants that a cluster's environment has.

    Raises:
        GitOpsError: a file is not what it has to be. Argo CD would change nothing in any application then.
    """
    tenants, mistakes = read_tenants(root)
    if mistakes:
        raise GitOpsError("\n".join(mistakes))
    return in_environment(tenants, cluster.environment)


def generated(root: Path, cluster: Cluster, app: str, tenant: Tenant) -> Manifest:
    """Return the Application of a tenant, as the ApplicationSet controller would make it."""
    sources = Sources(
        app=app,
        repo_url=cluster.repo_url,
        revision=cluster.revision,
        # this project is that folder
        folder="",
        environment=cluster.environment,
        layers=cluster.layers,
        facts=cluster.facts,
    )
    document = application(app=app, sources=tenant.sources(sources))
    return Manifest(file=tenant_file(root, app), document=document)


def platform_objects(root: Path, cluster: Cluster) -> list[Manifest]:
    """Return what the root Application applies: projects, namespaces, and whatever else the platform's chart makes.

    Raises:
        GitOpsError: it makes something else than objects.
        HelmError: Helm refuses the chart.
    """
    folder = tenants_folder(root)
    if not is_file(folder / "Chart.yaml"):
        raise GitOpsError(f"{TENANTS_FOLDER}/Chart.yaml is missing: the root Application renders that chart")
    made = Template(
        root=root,
        chart=folder,
        release=ROOT_APPLICATION,
        namespace=ARGO_CD_NAMESPACE,
        kube_version=kubernetes_version(root, cluster.name),
        inline=tenants_values(
            environment=cluster.environment, repo_url=cluster.repo_url, production=cluster.production
        ),
    )
    try:
        documents = load_all(made.render(), TENANTS_FOLDER)
    except HelmError as error:
        raise HelmError(f"{TENANTS_FOLDER}: {error}") from None
    if not all(isinstance(document, dict) for document in documents):
        raise GitOpsError(f"{TENANTS_FOLDER} makes something else than objects")
    return [Manifest(file=folder, document=document) for document in documents]


def manifests(root: Path, environment: str) -> list[Manifest]:
    """Return every object of a cluster in Argo CD's namespace: projects first, as Applications name them.

    Raises:
        GitOpsError: there is no such cluster, or files are not what they have to be; all of them at once.
        HelmError: Helm refuses the platform's chart.
    """
    cluster = read_cluster(root, environment)
    tenants = tenants_of(root, cluster)
    return [
        *platform_objects(root, cluster),
        *(generated(root, cluster, app, tenant) for app, tenant in tenants.items()),
    ]


def application_names(root: Path, environment: str) -> list[str]:
    """Return the names of a cluster's Applications."""
    return sorted(tenants_of(root, read_cluster(root, environment)))


def names_of(manifests: Iterable[Manifest]) -> list[str]:
    """Return the names of the Applications among manifests."""
    return sorted(manifest.name for manifest in manifests if manifest.kind == "Application")


def read_application(root: Path, name: str, environment: str) -> Application:
    """Read a cluster's Application.

    Raises:
        GitOpsError: there is none, or it is none that can be rendered from this repository alone.
    """
    cluster = read_cluster(root, environment)
    tenant = read_tenant(root, name)
    if cluster.environment not in tenant.environments:
        there = ", ".join(tenant.environments)
        raise GitOpsError(f"{name} is not in {cluster.environment}, by {TENANTS_FOLDER}/{name}.yaml; it is in: {there}")
    return parse_application(root, environment, generated(root, cluster, name, tenant))


def parse_application(root: Path, environment: str, manifest: Manifest) -> Application:
    """Read an Application.

    Raises:
        GitOpsError: as for :func:`read_application`.
    """
    where = manifest.file.relative_to(root)
    spec = _mapping(manifest.document, "spec", where)
    source = _mapping(spec, "source", where)
    helm = _mapping(source, "helm", where)
    destination = _mapping(spec, "destination", where)
    if further := sorted(set(helm) - HELM_KEYS):
        raise GitOpsError(
            f"{where}: spec.source.helm.{further[0]} is not rendered; allowed: {', '.join(sorted(HELM_KEYS))}. "
            "Values belong in the files of gitops/apps"
        )
    if not isinstance(source.get("path"), str):
        raise GitOpsError(f"{where}: spec.source.path has to be a chart's folder in this repository")
    chart = _inside(root, root / source["path"], where, "spec.source.path")
    if not is_file(chart / "Chart.yaml"):
        raise GitOpsError(f"{where}: spec.source.path is {source['path']}, where there is no Chart.yaml")
    # https://github.com/argoproj/argo-cd/blob/v3.4.4/util/kustomize/kustomize.go, IsKustomization
    if kustomized := sorted(path.name for path in chart.iterdir() if path.name in _KUSTOMIZATIONS):
        raise GitOpsError(f"{where}: {kustomized[0]} is beside {source['path']}/Chart.yaml, which Argo CD would ignore")
    if (link := _link_in(root, source["path"])) is not None:
        raise GitOpsError(f"{where}: spec.source.path: {link} is a link, behind which Argo CD finds nothing")
    if overriding := sorted(chart.glob(OVERRIDES)):
        raise GitOpsError(
            f"{overriding[0].relative_to(root.resolve())} overrides the Application in {where}, and is not rendered: "
            "values belong in the files of gitops/apps"
        )
    namespace = _name(destination.get("namespace"), where, "spec.destination.namespace")
    release = _name(helm.get("releaseName") or manifest.name, where, "spec.source.helm.releaseName")
    files = helm.get("valueFiles") or []
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise GitOpsError(f"{where}: spec.source.helm.valueFiles has to be a list of paths")
    value_files = [_inside(root, chart / file, where, "spec.source.helm.valueFiles") for file in files]
    if helm.get("ignoreMissingValueFiles"):
        value_files = [file for file in value_files if file.exists()]
    for file in value_files:
        if not is_file(file):
            shown = file.relative_to(root.resolve())
            raise GitOpsError(f"{where}: spec.source.helm.valueFiles names {shown}, which is not there")
    return Application(
        name=manifest.name,
        environment=environment,
        file=manifest.file,
        chart=chart,
        value_files=value_files,
        values=_mapping(helm, "valuesObject", where),
        release=release,
        namespace=namespace,
    )


def _link_in(root: Path, path: str) -> Path | None:
    """Return the first part of a path that is a link."""
    parts = Path(path).parts
    heads = (Path(*parts[:length]) for length in range(1, len(parts) + 1))
    return next((head for head in heads if (root / head).is_symlink()), None)


def _mapping(parent: dict[str, Any], key: str, where: Path) -> dict[str, Any]:
    value = parent.get(key) or {}
    if not isinstance(value, dict):
        raise GitOpsError(f"{where}: {key} has to be a mapping")
    return value


def _name(value: object, where: Path, key: str) -> str:
    if value is None or value == "":
        raise GitOpsError(f"{where}: {key} is missing")
    if not isinstance(value, str) or not NAME.fullmatch(value) or len(value) > _LONGEST_NAME:
        raise GitOpsError(f"{where}: {key}: got {value!r}; allowed: up to {_LONGEST_NAME} {NAMES}")
    return value


def _inside(root: Path, path: Path, where: Path, key: str) -> Path:
    try:
        return inside(root, path)
    except GitOpsError as error:
        raise GitOpsError(f"{where}: {key} {error}") from None
