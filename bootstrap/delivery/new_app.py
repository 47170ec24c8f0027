"""Adds an application, or an environment: plain files, that belong to whoever asked from then on."""

import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from application_sources import MANIFESTS
from bootstrap.delivery.clusters import cluster_names, known_environments, read_cluster, stack_section
from bootstrap.delivery.gitops import BASE, NOT_BUILT, app_folder, inside, is_file, require_folder, values_files
from bootstrap.delivery.links import refuse_links_out
from bootstrap.delivery.manifests import load_mapping, read_text, section
from bootstrap.delivery.overlay.edit import put_in
from bootstrap.delivery.tenants import (
    TAKEN,
    Tenant,
    environment_lines,
    read_tenant,
    read_tenants,
    tenant_file,
    tenant_text,
)
from bootstrap.errors import GitOpsError
from conventions import ENVIRONMENT_PATTERN, GITOPS_FOLDER, ROOT_APPLICATION, TENANTS_FOLDER

NAME = re.compile(r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?")
"""A label of RFC 1123 that leaves room for ``app-`` before and ``-env`` behind it in 63 characters."""
ENVIRONMENT = re.compile(ENVIRONMENT_PATTERN)
IMAGE = re.compile(
    r"(?:localhost|[a-z0-9-]+(?:\.[a-z0-9-]+)+|[a-z0-9.-]+(?=:))(?::[0-9]{1,5})?"
    r"(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)+"
)
"""An image's repository with its registry: what is written as it is has to be text to YAML.

https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pulling-manifests
"""
STARTER = "aks-bootstrap.io/starter-values"
"""Annotation of a chart: what a new application's values begin with, besides the image."""
ZONE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, kw_only=True)
class Made:
    """What was written, and what is left to do."""

    files: Sequence[str]
    next_steps: Sequence[str]


def new_application(root: Path, name: str, *, environments: Sequence[str], chart: str, image: str) -> Made:
    """Add an application to environments; one that is there already gains those that it is not in.

    Raises:
        GitOpsError: the name cannot be one, it is in one of the environments already, or the chart or an environment
            is not there. Nothing was written.
    """
    require_folder(root)
    there = known_environments(root)
    if not NAME.fullmatch(name) or name in {*TAKEN, *there}:
        raise GitOpsError(
            f"got {name!r} for an application's name; allowed: up to 42 lower-case letters, digits and hyphens, first "
            f"a letter, and neither {ROOT_APPLICATION}, default nor an environment's name"
        )
    charts = sorted(
        path.parent.name for path in (root / GITOPS_FOLDER / "charts").glob("*/Chart.yaml") if is_file(path)
    )
    if chart not in charts:
        raise GitOpsError(
            f"there is no chart {chart!r} in {GITOPS_FOLDER}/charts; there are: {', '.join(charts) or 'none'}"
        )
    if not IMAGE.fullmatch(image):
        raise GitOpsError(
            f"--image: got {image!r} for an image; allowed: its repository with the registry and without a tag, "
            f"such as ghcr.io/example/{name}"
        )
    if unknown := [environment for environment in environments if environment not in there]:
        raise GitOpsError(
            f"there is no environment {unknown[0]!r}; there are: {', '.join(there) or 'none'}. "
            f"One more is `bootstrap app new-environment {unknown[0]} --like dev`"
        )
    tenant, base = tenant_file(root, name), app_folder(root, name) / BASE
    there_already = read_tenant(root, name) if tenant.exists() else None
    own = there_already is None or isinstance(there_already.chart, str)
    if there_already is not None and there_already.manifests is not None:
        raise GitOpsError(
            f"{name} has no chart: add {', '.join(environments)} to {tenant.relative_to(root)} and to "
            f"{app_folder(Path(), name) / MANIFESTS[there_already.manifests]} by hand; nothing was written"
        )
    wanted = {
        environment: _hosts(root, name, environment, chart) if own else []
        for environment in dict.fromkeys(environments)
    }
    files: dict[Path, str] = {}
    changed: dict[Path, str] = {}
    if own and not base.exists():
        files[base] = _base(name, chart, image) + _starter(root, chart)
    if there_already is not None:
        if taken := sorted(set(there_already.environments) & set(wanted)):
            raise GitOpsError(f"{name} is in {', '.join(taken)} already; nothing was written")
        changed[tenant] = _with_environments(read_text(tenant, tenant.relative_to(root)), wanted)
    else:
        files[tenant] = tenant_text(name, chart=chart, registries=[image], keys=[f"{name}-*"], environments=wanted)
    write(root, files, changed)
    return Made(
        files=[str(path.relative_to(root)) for path in (*files, *changed)],
        next_steps=[
            f"say in {GITOPS_FOLDER}/apps/{name}/{BASE} what it listens on, what it may use and which secrets it needs",
            f"say in {TENANTS_FOLDER}/{name}.yaml who owns it and which secrets it may read",
            "bootstrap validate && bootstrap overlay --check",
            "open a pull request; once it is merged, and the platform's branch has it, Argo CD has the application",
            f"bootstrap promote {name} {environments[0]} <commit SHA>",
        ],
    )


def new_environment(root: Path, environment: str, *, like: str) -> Made:
    """Add an environment with every application of another one.

    Raises:
        GitOpsError: the name cannot be one or is taken, or there is nothing to copy. Nothing was written.
    """
    require_folder(root)
    if not ENVIRONMENT.fullmatch(environment):
        raise GitOpsError(f"got {environment!r} for an environment; allowed: up to 8 lower-case letters and digits")
    # what is copied is read through them
    refuse_links_out(root)
    tenants, mistakes = read_tenants(root)
    if mistakes:
        raise GitOpsError("\n".join(mistakes))
    if taken := [app for app, tenant in tenants.items() if environment in tenant.environments]:
        raise GitOpsError(f"there is an environment {environment!r} already: {', '.join(taken)}")
    there = sorted({name for tenant in tenants.values() for name in tenant.environments})
    if like not in there:
        raise GitOpsError(f"there is no environment {like!r}; there are: {', '.join(there) or 'none'}")
    files: dict[Path, str] = {}
    changed: dict[Path, str] = {}
    for app, tenant in tenants.items():
        if like not in tenant.environments:
            continue
        file = tenant_file(root, app)
        hosts = [_in_zone(root, host, like, environment) for host in tenant.of(like).hosts]
        changed[file] = _with_environments(read_text(file, file.relative_to(root)), {environment: hosts})
        for own, target in _copies(root, app, tenant, like, environment):
            files[target] = _renamed(read_text(own, own.relative_to(root)), like, environment)
    write(root, files, changed)
    stack = f"Pulumi.{environment}.yaml"
    return Made(
        files=[str(path.relative_to(root)) for path in (*files, *changed)],
        next_steps=[
            *([] if (root / stack).exists() else [f"write {stack}: Pulumi.{like}.yaml is one to begin with"]),
            f"change hosts and whatever else cannot be {like}'s: {TENANTS_FOLDER}/*.yaml and "
            f"{GITOPS_FOLDER}/apps/*/{environment}.yaml",
            "bootstrap validate && bootstrap overlay --check",
            f"make up STACK={environment}",
        ],
    )


def _copies(root: Path, app: str, tenant: Tenant, like: str, environment: str) -> Iterator[tuple[Path, Path]]:
    """Yield an environment's files of an application, each with its place in another environment."""
    if tenant.manifests is None:
        own, target = (values_files(root, app, name)[1] for name in (like, environment))
        if own.exists():
            yield own, target
        return
    folder = app_folder(root, app) / MANIFESTS[tenant.manifests]
    for own in sorted((folder / like).rglob("*")):
        if own.is_file():
            yield own, folder / environment / own.relative_to(folder / like)


def _starter(root: Path, chart: str) -> str:
    """Return values that a chart needs and has no default for, as its Chart.yaml suggests them."""
    file = Path(GITOPS_FOLDER) / "charts" / chart / "Chart.yaml"
    text = section(load_mapping(root / file, file), "annotations").get(STARTER)
    return f"\n{text.strip()}\n" if isinstance(text, str) else ""


def _hosts(root: Path, name: str, environment: str, chart: str) -> list[str]:
    """Return the host names that an application gets in an environment: the one that its chart makes, if it has any."""
    if not (root / GITOPS_FOLDER / "charts" / chart / "templates" / "ingress.yaml").exists():
        return []
    clusters = (read_cluster(root, cluster) for cluster in cluster_names(root))
    zones = [cluster.facts["dns-zone"] for cluster in clusters if cluster.environment == environment]
    if bad := next((zone for zone in zones if not ZONE.fullmatch(zone)), None):
        raise GitOpsError(f"dns.zone of {environment}: got {bad!r}; allowed: a name such as example.com")
    return sorted({f"{name}.{zone}" for zone in zones})


def _in_zone(root: Path, host: str, like: str, environment: str) -> str:
    """Return the host in the new environment's zone, where that has a stack file already."""
    zones = [
        str(stack_section(root, name, "dns").get("zone", "")) if name in cluster_names(root) else ""
        for name in (like, environment)
    ]
    return host.removesuffix(zones[0]) + zones[1] if all(zones) and host.endswith(f".{zones[0]}") else host


def _with_environments(text: str, environments: Mapping[str, Sequence[str]]) -> str:
    """Return a tenant's file with further environments; every other byte stays."""
    for environment, hosts in environments.items():
        text = put_in(text, ("environments", environment), environment_lines(environment, hosts))
    return text


def _base(name: str, chart: str, image: str) -> str:
    return f"""# {name}: what is the same in every environment. What differs is in <environment>.yaml.
# Every key with its meaning: {GITOPS_FOLDER}/charts/{chart}/values.yaml.
image:
  repository: {image}
  tag: "{NOT_BUILT}" # nothing yet: bootstrap promote {name} <environment> <commit SHA>
"""


def _renamed(text: str, like: str, environment: str) -> str:
    """Say the environment's name in comments; values are left for people to look at."""
    return "\n".join(
        re.sub(rf"(?<=[ #]){re.escape(like)}\b", environment, line) if line.lstrip().startswith("#") else line
        for line in text.split("\n")
    )


def write(root: Path, files: Mapping[Path, str], changed: Mapping[Path, str]) -> None:
    """Write all files or none: each beside its place first, and only when all are there under its name.

    Args:
        root: the project.
        files: those that are not there yet.
        changed: those that are, with what they are to hold.

    Raises:
        GitOpsError: one of the new ones is there already, or one cannot be written.
    """
    if taken := [str(path.relative_to(root)) for path in files if path.exists() or path.is_symlink()]:
        raise GitOpsError(f"there is {', '.join(taken)} already; nothing was written")
    made: list[Path] = []
    before: dict[Path, bytes] = {}
    done = False
    try:
        for path in (*files, *changed):
            _stays_inside(root, path)
            made += reversed([folder for folder in path.parents if not folder.exists()])
            path.parent.mkdir(parents=True, exist_ok=True)
        written: list[tuple[Path, Path]] = []
        for path, text in (*files.items(), *changed.items()):
            beside = path.with_name(f".{path.name}.new")
            made.append(beside)
            beside.write_bytes(text.encode("utf-8"))
            written.append((beside, path))
        for beside, path in written:
            if path in changed:
                before[path] = path.read_bytes()
                beside.chmod(path.stat().st_mode)
            else:
                made.append(path)
            beside.replace(path)
        done = True
    except OSError as error:
        where = Path(error.filename or root)
        shown = where.relative_to(root) if where.is_relative_to(root) else where
        raise GitOpsError(f"{shown} cannot be written: {error.strerror}; nothing was written") from None
    finally:
        # Ctrl-C leaves nothing behind either
        for path, content in () if done else before.items():
            with contextlib.suppress(OSError):
                path.write_bytes(content)
        for path in [] if done else reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


def _stays_inside(root: Path, path: Path) -> None:
    try:
        inside(root, path)
    except GitOpsError as error:
        raise GitOpsError(f"{path.relative_to(root)} {error}; nothing was written") from None
