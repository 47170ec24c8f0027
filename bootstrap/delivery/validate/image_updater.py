"""What this house asks of the objects that Argo CD Image Updater follows.

It writes to Git only, to one environment's values file of an application, and in production through a pull request: as
``bootstrap promote`` does.
https://argocd-image-updater.readthedocs.io/en/stable/basics/update-methods/
"""

from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from bootstrap.delivery.clusters import Cluster, stack_section
from bootstrap.delivery.manifests import entries, section
from bootstrap.delivery.render.application import Manifest
from bootstrap.delivery.validate.findings import Finding
from conventions import ARGO_CD_NAMESPACE, GITOPS_FOLDER, IMAGE_UPDATER_GROUP, IMAGE_UPDATER_KINDS, IMAGE_UPDATER_SECRET

KIND = IMAGE_UPDATER_KINDS[0][1]
ANNOTATIONS = f"{IMAGE_UPDATER_GROUP}/"
"""Begins the annotations by which an Application says how it is updated, with ``useAnnotations`` or in old versions."""


def installed(root: Path, environment: str) -> bool:
    """Whether the environment's stack file asks for Image Updater."""
    return bool(stack_section(root, environment, "argocd").get("imageUpdaterWriteBack") == "git")


def _method(root: Path, environment: str) -> str:
    """Return the method that pushes with the credential that the stack gives it."""
    own = "imageUpdaterCredential" in stack_section(root, environment, "argocd")
    return f"git:secret:{ARGO_CD_NAMESPACE}/{IMAGE_UPDATER_SECRET}" if own else "git"


def check_application(manifest: Manifest, where: str) -> Iterator[Finding]:
    """Yield annotations of an Application that Image Updater would read, or a reader would take for what counts."""
    for key in section(manifest.document, "metadata", "annotations"):
        if key.startswith(ANNOTATIONS):
            message = f"{key} is not read; an image's source stands in an ImageUpdater"
            yield Finding(where=where, path="metadata.annotations", message=message)


def check(
    root: Path, cluster: Cluster, manifest: Manifest, *, applications: Collection[str], where: str
) -> Iterator[Finding]:
    """Yield what would move the cluster and leave Git behind, or write elsewhere than in the environment's own file.

    Args:
        root: the project.
        cluster: where the object is.
        manifest: the object.
        applications: names of the cluster's Applications.
        where: how findings call the object.
    """
    if not installed(root, cluster.name):
        message = f"got {KIND!r}; allowed with argocd.imageUpdaterWriteBack: git in Pulumi.{cluster.name}.yaml"
        yield Finding(where=where, path="kind", message=message)
    method = _method(root, cluster.name)
    spec = section(manifest.document, "spec")
    for index, reference in enumerate(map(section, entries(spec.get("applicationRefs")))):
        path = f"spec.applicationRefs[{index}]"
        if (name := str(reference.get("namePattern"))) not in applications:
            message = f"got {name!r}; allowed: one of {', '.join(sorted(applications)) or 'no application yet'}"
            yield Finding(where=where, path=f"{path}.namePattern", message=message)
        if reference.get("useAnnotations"):
            message = (
                "got true; allowed: images said here, as annotations may ask for the mode that patches live objects"
            )
            yield Finding(where=where, path=f"{path}.useAnnotations", message=message)
        if not reference.get("images"):
            yield Finding(where=where, path=f"{path}.images", message="is missing")
        for number, image in enumerate(entries(reference.get("images"))):
            helm = section(image, "manifestTargets", "helm")
            if not (helm.get("spec") or (helm.get("name") and helm.get("tag"))):
                message = (
                    "has to say which values the image is in: name and tag, such as image.repository and image.tag"
                )
                yield Finding(where=where, path=f"{path}.images[{number}].manifestTargets.helm", message=message)
        config = _effective(spec.get("writeBackConfig"), reference.get("writeBackConfig"))
        file = f"{GITOPS_FOLDER}/apps/{name}/{cluster.environment}.yaml"
        for key, message in _write_back(config, file, cluster, method):
            yield Finding(where=where, path=f"{path}.writeBackConfig.{key}", message=message)


def _effective(common: object, own: object) -> dict[str, Any]:
    """Lay an application's section over the common one; each that names no method gets argocd from the API server."""
    layers = [{"method": "argocd", **section(layer)} for layer in (common, own) if layer is not None]
    config: dict[str, Any] = {"method": "argocd", "gitConfig": {}}
    for layer in layers:
        config = {**config, **layer, "gitConfig": {**config["gitConfig"], **section(layer, "gitConfig")}}
    return config


def _write_back(config: dict[str, Any], file: str, cluster: Cluster, method: str) -> Iterator[tuple[str, str]]:
    git = config["gitConfig"]
    if config["method"] != method:
        patches = ", which patches the live Application" if config["method"] == "argocd" else ""
        yield (
            "method",
            f"got {config['method']!r}{patches}; allowed: {method}, said wherever there is a writeBackConfig",
        )
    if git.get("writeBackTarget") != f"helmvalues:/{file}":
        yield "gitConfig.writeBackTarget", f"got {git.get('writeBackTarget')!r}; allowed: helmvalues:/{file}"
    for key, said in (("repository", cluster.repo_url), ("branch", cluster.revision)):
        if git.get(key, said) != said:
            yield f"gitConfig.{key}", f"got {git[key]!r}; allowed: {said}, or leave it out"
    if cluster.production and not git.get("pullRequest"):
        yield "gitConfig.pullRequest", "is missing: production is changed by pull request"
