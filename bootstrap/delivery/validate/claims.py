"""What the platform lets an application have: hosts, registries and secrets, against what it renders."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from application_sources import MANIFESTS, PLAIN
from bootstrap.delivery.claims import hosts_of, vault_keys_of
from bootstrap.delivery.clusters import Cluster
from bootstrap.delivery.gitops import BASE, app_folder, charts_folder, is_file, layers_of
from bootstrap.delivery.manifests import section
from bootstrap.delivery.render.objects import Object, image_repository, images
from bootstrap.delivery.tenants import TAKEN, Tenant, tenant_file
from bootstrap.delivery.validate.findings import Finding
from conventions import GITOPS_FOLDER, IMAGE_DIGEST, IMAGE_REPOSITORY, TENANTS_FOLDER, VAULT_KEY

_CLIENT_ID = "azure.workload.identity/client-id"


def check_tenants(
    root: Path,
    tenants: Mapping[str, Tenant],
    clusters: Iterable[Cluster],
    apps: Iterable[str],
    *,
    complete: bool,
) -> Iterator[Finding]:
    """Yield what is wrong with tenants beside the others and the rest of the project.

    Args:
        root: the project.
        tenants: all whose files are right.
        clusters: all whose stack files are right.
        apps: folders of applications.
        complete: whether every stack file could be read; without, nothing is held against what one may name.
    """
    clusters = list(clusters)
    known = sorted({cluster.environment for cluster in clusters})
    for app, tenant in tenants.items():
        where = str(tenant_file(Path(), app))
        if app in TAKEN:
            yield Finding(where=where, path="", message=f"{app!r} is a project of Argo CD's or the platform's")
        if isinstance(tenant.chart, str) and not is_file(charts_folder(root) / tenant.chart / "Chart.yaml"):
            message = f"got {tenant.chart!r}; allowed: a folder of {GITOPS_FOLDER}/charts that has a Chart.yaml"
            yield Finding(where=where, path="chart", message=message)
        for environment in tenant.environments:
            if complete and environment not in known:
                message = f"no stack file has this environment; there are: {', '.join(known) or 'none'}"
                yield Finding(where=where, path=f"environments.{environment}", message=message)
    yield from _hosts_once(tenants)
    yield from _names_apart(tenants)
    for app in apps:
        if app not in tenants and not tenant_file(root, app).exists():
            message = f"nothing makes an Application of it: {TENANTS_FOLDER}/{app}.yaml is missing"
            yield Finding(where=f"{GITOPS_FOLDER}/apps/{app}", path="", message=message)
        elif app in tenants and complete:
            yield from _layers(root, app, tenants[app], clusters)


def _layers(root: Path, app: str, tenant: Tenant, clusters: Iterable[Cluster]) -> Iterator[Finding]:
    """Yield values files that no cluster reads: most of the time a half-made addition, or a name that is mistyped."""
    if tenant.manifests is not None:
        layers = {layer for cluster in clusters for layer in cluster.layers}
        yield from _unread(root, app, tenant.manifests, tenant, layers)
        return
    read = {layer for cluster in clusters if cluster.environment in tenant.environments for layer in cluster.layers}
    for layer in layers_of(root, app):
        if layer not in read:
            where = str(app_folder(Path(), app) / f"{layer}.yaml")
            message = f"no cluster of {app} reads it; read are: {', '.join(sorted(read)) or 'none'}"
            yield Finding(where=where, path="", message=message)


def _unread(root: Path, app: str, kind: str, tenant: Tenant, layers: Collection[str]) -> Iterator[Finding]:
    """Yield what nothing reads of an application without a chart: values, and folders of no environment of its."""
    values = {BASE, *(f"{layer}.yaml" for layer in layers)}
    file, folder = tenant_file(Path(), app), app_folder(root, app)
    for path in sorted(folder.glob("*.yaml")):
        # an overlay may have the application's folder for its base
        if kind == PLAIN or path.name in values:
            where = str(path.relative_to(root))
            yield Finding(where=where, path="", message=f"nothing reads it: {file} says `manifests: {kind}`")
    for path in sorted((folder / MANIFESTS[kind]).glob("*")):
        if path.name not in tenant.environments:
            message = f"no cluster of {app} reads it; read are: {', '.join(tenant.environments)}"
            yield Finding(where=str(path.relative_to(root)), path="", message=message)


def _hosts_once(tenants: Mapping[str, Tenant]) -> Iterator[Finding]:
    claimed: dict[str, list[tuple[str, str]]] = {}
    for app, tenant in tenants.items():
        for environment in tenant.environments:
            there = claimed.setdefault(environment, [])
            for index, host in enumerate(tenant.of(environment).hosts):
                other = next((by for other, by in there if by != app and _overlap(host, other)), None)
                there.append((host, app))
                if other is not None:
                    yield Finding(
                        where=str(tenant_file(Path(), app)),
                        path=f"environments.{environment}.hosts[{index}]",
                        message=f"{host} is {other}'s in {environment} already",
                    )


def _names_apart(tenants: Mapping[str, Tenant]) -> Iterator[Finding]:
    """Yield names of which one begins another, up to a hyphen.

    Traefik calls what an Ingress leads to by namespace, Service and port with hyphens between them: ``api-web`` of
    ``app-shop`` is ``web`` of ``app-shop-api``, and the one that comes first gets the requests of both. Middlewares are
    called likewise. No object is at fault by itself, so that no admission policy can tell.
    https://github.com/traefik/traefik/blob/v3.7.11/pkg/provider/kubernetes/ingress/kubernetes.go
    """
    for app, tenant in tenants.items():
        for other, longer in tenants.items():
            if other.startswith(f"{app}-") and tenant.environments.keys() & longer.environments.keys():
                message = (
                    f"Traefik could take objects of {app} for ones of {other}; allowed: no name that begins {app}-"
                )
                yield Finding(where=str(tenant_file(Path(), other)), path="", message=message)


def _overlap(one: str, other: str) -> bool:
    return one == other or covers(one, other) or covers(other, one)


def covers(pattern: str, host: str) -> bool:
    """Whether a host name is a pattern's; ``*`` stands for the first label.

    https://kubernetes.io/docs/concepts/services-networking/ingress/#hostname-wildcards
    """
    if pattern == host:
        return True
    return pattern.startswith("*.") and host.partition(".")[2] == pattern[2:]


def check_objects(
    objects: Iterable[Object], app: str, tenant: Tenant, environment: str, where: str
) -> Iterator[Finding]:
    """Yield what an application renders and its tenant's file does not let it have.

    Args:
        objects: what it renders.
        app: its name.
        tenant: what it may have.
        environment: the cluster's environment.
        where: how findings call the application with its cluster.
    """
    allowed, file = tenant.of(environment).hosts, tenant_file(Path(), app)
    for item in objects:
        place = f"{where}: {item.label}"
        for path, host in hosts_of(item):
            if host is None:
                message = "every host; allowed: hosts that are named, by ` as in Host(`...`)"
                yield Finding(where=place, path=path, message=message)
            elif not any(covers(pattern, host) for pattern in allowed):
                hosts = ", ".join(allowed) or "no host"
                yield Finding(where=place, path=path, message=f"got {host}; {file} allows {hosts} in {environment}")
        for image in images(item.document):
            if not any(_from(image, registry) for registry in tenant.registries):
                message = f"got {image}; {file} allows images of {', '.join(tenant.registries)}"
                yield Finding(where=place, path="image", message=message)
            elif tenant.of(environment).digests and not re.search(IMAGE_DIGEST, image):
                message = f"got {image}, without a digest; {file} asks for one in {environment}"
                yield Finding(where=place, path="image", message=message)
        yield from _identity(item, tenant.of(environment).identities, place, str(file))
        for path, key in vault_keys_of(item):
            if key is None or not any(_allows(pattern, key) for pattern in tenant.vault_keys):
                got = "secrets that it does not name" if key is None else f"got {key!r}"
                keys = ", ".join(tenant.vault_keys) or "no secret"
                yield Finding(where=place, path=path, message=f"{got}; {file} allows {keys}")


def _identity(item: Object, allowed: Sequence[str], place: str, file: str) -> Iterator[Finding]:
    """Yield the identity that a service account signs in to Azure as, and may not."""
    client = section(section(item.document, "metadata"), "annotations").get(_CLIENT_ID)
    if item.kind == "ServiceAccount" and client is not None and client not in allowed:
        message = f"got {client}; {file} allows {', '.join(allowed) or 'no identity'}"
        yield Finding(where=place, path=f"metadata.annotations.{_CLIENT_ID}", message=message)


def _from(image: str, registry: str) -> bool:
    name = image_repository(image)
    return re.fullmatch(IMAGE_REPOSITORY, name) is not None and f"{name}/".startswith(f"{registry}/")


def _allows(pattern: str, key: str) -> bool:
    name = key.rpartition("/")[2]
    if re.fullmatch(VAULT_KEY, key) is None:
        return False
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern
