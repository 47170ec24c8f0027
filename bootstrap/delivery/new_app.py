"""Adds an application, or an environment, to ``gitops/``: plain files, that belong to whoever asked from then on."""

import contextlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bootstrap.delivery.gitops import (
    BASE,
    NOT_BUILT,
    all_environments,
    app_folder,
    inside,
    is_file,
    require_folder,
    values_files,
)
from bootstrap.delivery.manifests import dump, read_text
from bootstrap.delivery.render.application import environment_folder, read_application
from bootstrap.delivery.render.render import stack_section
from bootstrap.errors import GitOpsError
from conventions import ENVIRONMENT_PATTERN, GITOPS_FOLDER, IN_CLUSTER, ROOT_APPLICATION

NAME = re.compile(r"[a-z]([a-z0-9-]{0,40}[a-z0-9])?")
"""A label of RFC 1123 that leaves room for ``app-`` before and ``-env`` behind it in 63 characters."""
ENVIRONMENT = re.compile(ENVIRONMENT_PATTERN)
IMAGE = re.compile(r"[a-z0-9][A-Za-z0-9._:/-]*")
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
    if not NAME.fullmatch(name) or name in {ROOT_APPLICATION, *all_environments(root)}:
        raise GitOpsError(
            f"got {name!r} for an application's name; allowed: up to 42 lower-case letters, digits and hyphens, first "
            f"a letter, and neither {ROOT_APPLICATION} nor an environment's name"
        )
    there = sorted(path.parent.name for path in (root / GITOPS_FOLDER / "charts").glob("*/Chart.yaml") if is_file(path))
    if chart not in there:
        raise GitOpsError(
            f"there is no chart {chart!r} in {GITOPS_FOLDER}/charts; there are: {', '.join(there) or 'none'}"
        )
    if not IMAGE.fullmatch(image):
        raise GitOpsError(f"got {image!r} for an image; allowed: its repository, such as ghcr.io/example/{name}")
    if unknown := [env for env in environments if env not in all_environments(root)]:
        raise GitOpsError(
            f"there is no environment {unknown[0]!r}; there are: {', '.join(all_environments(root)) or 'none'}. "
            f"One more is `bootstrap app new-environment {unknown[0]} --like dev`"
        )
    files: dict[Path, str] = {}
    base = app_folder(root, name) / BASE
    if not base.exists():
        files[base] = _base(name, chart, image)
    for environment in dict.fromkeys(environments):
        zone = stack_section(root, environment, "dns").get("zone", "example.com")
        if not isinstance(zone, str) or not ZONE.fullmatch(zone):
            raise GitOpsError(f"Pulumi.{environment}.yaml: dns.zone: got {zone!r}; allowed: a name such as example.com")
        files[values_files(root, name, environment)[1]] = _environment_values(name, environment, zone)
        files[environment_folder(root, environment) / f"{name}.yaml"] = dump(
            application(
                name,
                environment,
                chart=chart,
                repo_url=str(stack_section(root, environment, "gitops").get("repoUrl", "")),
                revision=str(stack_section(root, environment, "gitops").get("revision", "main")),
            )
        )
    _write(root, files)
    return Made(
        files=[str(path.relative_to(root)) for path in files],
        next_steps=[
            f"say in {GITOPS_FOLDER}/apps/{name}/{BASE} what it listens on, what it may use and which secrets it needs",
            "bootstrap validate && bootstrap overlay --check",
            "open a pull request; once it is merged Argo CD has the application and waits for an image",
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
    if environment in all_environments(root):
        raise GitOpsError(f"there is an environment {environment!r} already")
    if like not in all_environments(root):
        raise GitOpsError(f"there is no environment {like!r}; there are: {', '.join(all_environments(root)) or 'none'}")
    files: dict[Path, str] = {}
    source = environment_folder(root, like)
    for path in sorted(source.rglob("*.yaml")):
        text = read_text(path, path.relative_to(root))
        if not path.name.startswith("_"):
            app = read_application(root, path.stem, like)
            own = values_files(root, app.name, like)[1]
            target = values_files(root, app.name, environment)[1]
            named = f"/{app.name}/{own.name}"
            if text.count(named) != 1:
                raise GitOpsError(f"{path.relative_to(root)} does not name {own.relative_to(root)}: copy it by hand")
            text = text.replace(named, f"/{app.name}/{target.name}")
            files[target] = _renamed(read_text(own, own.relative_to(root)), like, environment)
        files[environment_folder(root, environment) / path.relative_to(source)] = _renamed(text, like, environment)
    _write(root, files)
    stack = f"Pulumi.{environment}.yaml"
    return Made(
        files=[str(path.relative_to(root)) for path in files],
        next_steps=[
            *([] if (root / stack).exists() else [f"write {stack}: Pulumi.{like}.yaml is one to begin with"]),
            f"change hosts and whatever else cannot be {like}'s: {GITOPS_FOLDER}/apps/*/{environment}.yaml",
            "bootstrap validate && bootstrap overlay --check",
            f"make up STACK={environment}",
        ],
    )


def application(name: str, environment: str, *, chart: str, repo_url: str, revision: str) -> Mapping[str, object]:
    """Return an Application as ``bootstrap validate`` wants it."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Application",
        "metadata": {
            "name": name,
            "namespace": "argocd",
            "finalizers": ["resources-finalizer.argocd.argoproj.io"],
        },
        "spec": {
            "project": "apps",
            "source": {
                "repoURL": repo_url,
                "targetRevision": revision,
                "path": f"{GITOPS_FOLDER}/charts/{chart}",
                "helm": {
                    "releaseName": name,
                    "valueFiles": [f"../../apps/{name}/{BASE}", f"../../apps/{name}/{environment}.yaml"],
                },
            },
            "destination": {"server": IN_CLUSTER, "namespace": f"app-{name}"},
            "syncPolicy": {
                "automated": {"prune": True, "selfHeal": True},
                "managedNamespaceMetadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
                "syncOptions": ["CreateNamespace=true", "ServerSideApply=true", "PruneLast=true"],
                "retry": {
                    "limit": 10,
                    "refresh": True,
                    "backoff": {"duration": "10s", "factor": 2, "maxDuration": "5m"},
                },
            },
        },
    }


def _base(name: str, chart: str, image: str) -> str:
    return f"""# {name}: what is the same in every environment. What differs is in <environment>.yaml, and only there.
# Every key with its meaning: {GITOPS_FOLDER}/charts/{chart}/values.yaml.
image:
  repository: {image}
"""


def _environment_values(name: str, environment: str, zone: str) -> str:
    issuer = {"local": "\n  issuer: self-signed", "dev": "\n  issuer: letsencrypt-staging"}.get(environment, "")
    return f"""# What {environment} differs in.
image:
  tag: "{NOT_BUILT}" # nothing yet; bootstrap promote {name} {environment} <commit SHA>

ingress:
  host: {name}{"." + zone}{issuer}
"""


def _renamed(text: str, like: str, environment: str) -> str:
    """Say the environment's name in comments; values are left for people to look at."""
    return "\n".join(
        re.sub(rf"(?<=[ #]){re.escape(like)}\b", environment, line) if line.lstrip().startswith("#") else line
        for line in text.split("\n")
    )


def _write(root: Path, files: Mapping[Path, str]) -> None:
    """Write all files or none: each beside its place first, and only when all are there under its name.

    Raises:
        GitOpsError: one of them is there already, or cannot be written.
    """
    if taken := [str(path.relative_to(root)) for path in files if path.exists() or path.is_symlink()]:
        raise GitOpsError(f"there is {', '.join(taken)} already; nothing was written")
    made: list[Path] = []
    done = False
    try:
        for path in files:
            _stays_inside(root, path)
            made += reversed([folder for folder in path.parents if not folder.exists()])
            path.parent.mkdir(parents=True, exist_ok=True)
        written: list[tuple[Path, Path]] = []
        for path, text in files.items():
            beside = path.with_name(f".{path.name}.new")
            made.append(beside)
            beside.write_text(text, encoding="utf-8")
            written.append((beside, path))
        for beside, path in written:
            made.append(path)
            beside.replace(path)
        done = True
    except OSError as error:
        where = Path(error.filename or root)
        shown = where.relative_to(root) if where.is_relative_to(root) else where
        raise GitOpsError(f"{shown} cannot be written: {error.strerror}; nothing was written") from None
    finally:
        # Ctrl-C leaves nothing behind either
        for path in [] if done else reversed(made):
            with contextlib.suppress(OSError):
                path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)


def _stays_inside(root: Path, path: Path) -> None:
    try:
        inside(root, path)
    except GitOpsError as error:
        raise GitOpsError(f"{path.relative_to(root)} {error}; nothing was written") from None
