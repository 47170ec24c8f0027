"""Reads the Applications of a cluster: what the platform's ApplicationSet makes of its tenants."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from application_sources import Sources
from application_template import application, tenants_values
from bootstrap.delivery.clusters import Cluster, kubernetes_version, read_cluster
from bootstrap.delivery.gitops import NAME, NAMES, is_file
from bootstrap.delivery.manifests import load_all, section
from bootstrap.delivery.render.helm import Template
from bootstrap.delivery.render.sources import HelmSource, Source, mapping, parse_source
from bootstrap.delivery.tenants import Tenant, in_environment, read_tenant, read_tenants, tenant_file, tenants_folder
from bootstrap.errors import GitOpsError, HelmError
from conventions import ARGO_CD_NAMESPACE, ROOT_APPLICATION, TENANTS_FOLDER

_LONGEST_NAME = 63


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
    """What an Application asks for."""

    name: str
    environment: str
    """The cluster: its stack's name."""
    file: Path
    namespace: str
    source: Source

    @property
    def helm(self) -> HelmSource:
        """Its source, if that is a chart.

        Raises:
            GitOpsError: it is none.
        """
        if not isinstance(self.source, HelmSource):
            raise GitOpsError(f"{self.name} has no chart: tenants/{self.name}.yaml says `manifests`")
        return self.source

    @property
    def release(self) -> str:
        """The name of its Helm release."""
        return self.helm.release or self.name


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
    """Return every object of the platform's in a cluster: projects first, as Applications name them.

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
    spec = mapping(manifest.document, "spec", where)
    source = parse_source(root, spec, where)
    destination = mapping(spec, "destination", where)
    if isinstance(source, HelmSource):
        _name(source.release or manifest.name, where, "spec.source.helm.releaseName")
    return Application(
        name=manifest.name,
        environment=environment,
        file=manifest.file,
        namespace=_name(destination.get("namespace"), where, "spec.destination.namespace"),
        source=source,
    )


def _name(value: object, where: Path, key: str) -> str:
    if value is None or value == "":
        raise GitOpsError(f"{where}: {key} is missing")
    if not isinstance(value, str) or not NAME.fullmatch(value) or len(value) > _LONGEST_NAME:
        raise GitOpsError(f"{where}: {key}: got {value!r}; allowed: up to {_LONGEST_NAME} {NAMES}")
    return value
