"""What this house asks of the objects that Argo CD Image Updater follows.

It writes to Git only, to one environment's values file of an application, and in production through a pull request: as
``bootstrap promote`` does.
https://argocd-image-updater.readthedocs.io/en/stable/basics/update-methods/
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bootstrap.gitops import FOLDER
from bootstrap.render.application import Manifest
from bootstrap.render.render import stack_section
from bootstrap.stackfile import read_stack
from bootstrap.validate.findings import Finding
from stackconfig.errors import NAMESPACE

API_VERSION, KIND = "argocd-image-updater.argoproj.io/v1alpha1", "ImageUpdater"
ANNOTATIONS = "argocd-image-updater.argoproj.io/"
"""Begins the annotations by which an Application says how it is updated, with ``useAnnotations`` or in old versions."""


def installed(root: Path, environment: str) -> bool:
    """Whether the environment's stack file asks for Image Updater."""
    return bool(stack_section(root, environment, "argocd").get("imageUpdaterWriteBack") == "git")


def check(root: Path, environment: str, manifest: Manifest) -> Iterator[Finding]:
    """Yield what would move the cluster and leave Git behind, or another file of Git than the environment's own."""
    where = str(manifest.file.relative_to(root))
    if not installed(root, environment):
        message = f"got {KIND!r}; allowed with argocd.imageUpdaterWriteBack: git in Pulumi.{environment}.yaml"
        yield Finding(where=where, path="kind", message=message)
    spec = manifest.document.get("spec") or {}
    common = spec.get("writeBackConfig") or {}
    production = read_stack(root, environment).values.get(f"{NAMESPACE}:production") == "true"
    for index, reference in enumerate(spec.get("applicationRefs") or []):
        path = f"spec.applicationRefs[{index}]"
        if reference.get("useAnnotations"):
            message = (
                "got true; allowed: images said here, as annotations may ask for the mode that patches live objects"
            )
            yield Finding(where=where, path=f"{path}.useAnnotations", message=message)
            continue
        own = reference.get("writeBackConfig") or {}
        # an application's own section takes the place of the common one, key by key
        effective = {**common, **own, "gitConfig": {**(common.get("gitConfig") or {}), **(own.get("gitConfig") or {})}}
        for key, message in _write_back(effective, environment, production=production):
            yield Finding(where=where, path=f"{path}.writeBackConfig.{key}", message=message)


def _write_back(config: dict[str, Any], environment: str, *, production: bool) -> Iterator[tuple[str, str]]:
    git = config["gitConfig"]
    if not re.match(r"git(:|$)", method := str(config.get("method") or "argocd")):
        yield "method", f"got {method!r}, which patches the live Application; allowed: git"
    file = f"{FOLDER}/apps/<application>/{environment}.yaml"
    target = str(git.get("writeBackTarget") or "")
    if not re.fullmatch(rf"helmvalues:/{FOLDER}/apps/[^/]+/{environment}\.yaml", target):
        yield "gitConfig.writeBackTarget", f"got {target!r}; allowed: helmvalues:/{file}"
    if production and not git.get("pullRequest"):
        yield "gitConfig.pullRequest", "is missing: production is changed by pull request"
