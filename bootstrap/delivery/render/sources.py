"""What an Application's source, or sources, ask for: the forms of Argo CD that are rendered here, and no other.

https://argo-cd.readthedocs.io/en/stable/user-guide/application_sources/
"""

import glob
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bootstrap.delivery.gitops import OVERRIDES, inside, is_file, kustomization_in
from bootstrap.delivery.render.published import PublishedChart
from bootstrap.errors import GitOpsError

HELM_KEYS = frozenset({"ignoreMissingValueFiles", "releaseName", "valueFiles", "valuesObject"})
"""What an Application may say to Helm."""
KUSTOMIZE_KEYS = frozenset({"ignoreMissingComponents"})
"""What an Application may say to Kustomize: nothing but its type."""
DIRECTORY_KEYS = frozenset({"recurse"})
"""What an Application may say of a folder of manifests."""
_PATTERN = re.compile(r"[*?\[]")
_TYPES = {"helm": HELM_KEYS, "kustomize": KUSTOMIZE_KEYS, "directory": DIRECTORY_KEYS}
_GIT_KEYS = frozenset({"repoURL", "targetRevision", "path", "ref", "name", *_TYPES})


@dataclass(frozen=True, kw_only=True)
class HelmSource:
    """A chart with its values."""

    chart: Path | PublishedChart
    """A folder of the repository, or a chart of a repository of charts."""
    value_files: list[Path]
    """In the order in which Helm reads them: the later wins."""
    values: dict[str, Any] = field(default_factory=dict)
    """Values that win over those of files."""
    release: str | None = None
    """The release's name; None for the Application's."""

    @property
    def reads(self) -> list[Path]:
        """The files and folders of the repository that are rendered from."""
        return [*([self.chart] if isinstance(self.chart, Path) else []), *self.value_files]


@dataclass(frozen=True, kw_only=True)
class KustomizeSource:
    """A folder with a kustomization."""

    folder: Path

    @property
    def reads(self) -> list[Path]:
        """The files and folders of the repository that are rendered from, without those that the folder names."""
        return [self.folder]


@dataclass(frozen=True, kw_only=True)
class DirectorySource:
    """A folder of manifests."""

    folder: Path
    recurse: bool
    """Whether the manifests of its folders count too."""

    @property
    def reads(self) -> list[Path]:
        """The files and folders of the repository that are rendered from."""
        return [self.folder]


Source = HelmSource | KustomizeSource | DirectorySource


def parse_source(root: Path, spec: dict[str, Any], where: Path) -> Source:
    """Read what an Application's spec says of its source, or of a chart and the repository of its values.

    Args:
        root: the project.
        spec: the Application's.
        where: the file that messages name.

    Raises:
        GitOpsError: it is none that can be rendered from this repository, and a repository of charts.
    """
    if "sources" not in spec:
        return _of_one(root, mapping(spec, "source", where), where)
    sources = spec["sources"]
    if not isinstance(sources, list) or not all(isinstance(source, dict) for source in sources):
        raise GitOpsError(f"{where}: spec.sources has to be a list of mappings")
    charts = [source for source in sources if "chart" in source]
    references = [source for source in sources if set(source) <= {"repoURL", "targetRevision", "ref"}]
    if len(sources) != 2 or len(charts) != 1 or len(references) != 1:
        raise GitOpsError(f"{where}: spec.sources: allowed: a chart, and this repository with a ref for its values")
    return _published(root, charts[0], f"${references[0].get('ref')}/", where)


def _of_one(root: Path, source: dict[str, Any], where: Path) -> Source:
    if "chart" in source:
        # values come from this repository, which is not one of its sources
        return _published(root, source, None, where)
    if further := sorted(set(source) - _GIT_KEYS):
        raise GitOpsError(
            f"{where}: spec.source.{further[0]} is not rendered; allowed: chart, {', '.join(sorted(_GIT_KEYS))}"
        )
    given = source.get("path")
    if not isinstance(given, str):
        raise GitOpsError(f"{where}: spec.source.path has to be a folder in this repository")
    folder = _inside(root, root / given, where, "spec.source.path")
    kind = _type(source, folder, where)
    options = _options(source, kind, where)
    if kind != "helm" and not folder.is_dir():
        raise GitOpsError(f"{where}: spec.source.path is {given}, where there is no folder")
    if (link := _link_in(root, given)) is not None:
        raise GitOpsError(f"{where}: spec.source.path: {link} is a link, behind which Argo CD finds nothing")
    if overriding := sorted(folder.glob(OVERRIDES)):
        raise GitOpsError(
            f"{overriding[0].relative_to(root.resolve())} overrides the Application in {where}, and is not rendered: "
            "values belong in the files of gitops/apps"
        )
    if kind == "kustomize":
        if kustomization_in(folder) is None:
            raise GitOpsError(f"{where}: spec.source.path is {given}, where there is no kustomization.yaml")
        return KustomizeSource(folder=folder)
    if kind == "directory":
        return DirectorySource(folder=folder, recurse=bool(options.get("recurse")))
    if not is_file(folder / "Chart.yaml"):
        raise GitOpsError(f"{where}: spec.source.path is {given}, where there is no Chart.yaml")
    return _helm(root, folder, options, folder, where)


def _type(source: dict[str, Any], folder: Path, where: Path) -> str:
    """Return how Argo CD renders a source: as it says, or by the files that are there.

    https://github.com/argoproj/argo-cd/blob/v3.4.4/util/app/discovery/discovery.go
    """
    explicit = [key for key in _TYPES if source.get(key) is not None]
    if len(explicit) > 1:
        raise GitOpsError(f"{where}: spec.source has {' and '.join(explicit)}; allowed: one of them")
    if explicit:
        return explicit[0]
    kustomization = kustomization_in(folder)
    if kustomization and is_file(folder / "Chart.yaml"):
        raise GitOpsError(
            f"{where}: {kustomization} is beside {source['path']}/Chart.yaml, which Argo CD would ignore: remove one "
            "of the two"
        )
    return "kustomize" if kustomization else "helm" if is_file(folder / "Chart.yaml") else "directory"


def _options(source: dict[str, Any], kind: str, where: Path) -> dict[str, Any]:
    options = mapping(source, kind, where)
    if further := sorted(set(options) - _TYPES[kind]):
        remedy = "Values belong in the files of gitops/apps" if kind == "helm" else "It belongs in the folder's files"
        raise GitOpsError(
            f"{where}: spec.source.{kind}.{further[0]} is not rendered; allowed: {', '.join(sorted(_TYPES[kind]))}. "
            f"{remedy}"
        )
    return options


def _published(root: Path, source: dict[str, Any], ref: str | None, where: Path) -> HelmSource:
    """Read a source that is a chart of a repository; ``ref`` begins the paths of value files of this one."""
    texts = {key: source.get(key) for key in ("repoURL", "chart", "targetRevision")}
    if missing := [key for key, text in texts.items() if not isinstance(text, str) or not text]:
        raise GitOpsError(f"{where}: {missing[0]} of the chart's source has to be text")
    chart = PublishedChart(url=str(texts["repoURL"]), name=str(texts["chart"]), version=str(texts["targetRevision"]))
    options = _options(source, "helm", where)
    strange = [file for file in _listed(options, where) if ref is None or not file.startswith(ref)]
    if strange:
        allowed = f"paths that begin with {ref}" if ref else "none, without a source that has a ref"
        raise GitOpsError(f"{where}: valueFiles: got {strange[0]!r}; allowed: {allowed}")
    files = [file.removeprefix(ref or "") for file in _listed(options, where)]
    return _helm(root, chart, {**options, "valueFiles": files}, root, where)


def _helm(root: Path, chart: Path | PublishedChart, options: dict[str, Any], base: Path, where: Path) -> HelmSource:
    """Read what Helm is given; paths of value files are relative to ``base``."""
    key = "spec.source.helm.valueFiles"
    value_files = _expanded(root, base, _listed(options, where), where, key)
    if options.get("ignoreMissingValueFiles"):
        value_files = [file for file in value_files if file.exists()]
    for file in value_files:
        if not is_file(file):
            shown = file.relative_to(root.resolve())
            raise GitOpsError(f"{where}: {key} names {shown}, which is not there")
    return HelmSource(
        chart=chart,
        value_files=value_files,
        values=mapping(options, "valuesObject", where),
        release=options.get("releaseName") or None,
    )


def _expanded(root: Path, base: Path, files: Sequence[str], where: Path, key: str) -> list[Path]:
    """Return where paths of value files lead; what stands twice counts once.

    A path that begins with a slash is one from the top of the repository. A pattern stands for the files that match it
    and are not named by themselves.
    https://github.com/argoproj/argo-cd/blob/v3.4.4/reposerver/repository/repository.go, getResolvedValueFiles
    """
    parents = [(root, file.lstrip("/")) if file.startswith("/") else (base, file) for file in files]
    named = {_inside(root, parent / file, where, key) for parent, file in parents if not _PATTERN.search(file)}
    found: list[Path] = []
    for parent, file in parents:
        if not _PATTERN.search(file):
            found.append(_inside(root, parent / file, where, key))
            continue
        # Path.glob refuses patterns that Argo CD takes, such as **.yaml
        found_names = glob.glob(file, root_dir=parent, recursive=True, include_hidden=True)  # noqa: PTH207 - see above
        matches = sorted(found_names, key=os.fsencode)
        resolved = [_inside(root, parent / match, where, key) for match in matches]
        # a pattern that nothing matches is as a file that is missing
        found += [match for match in resolved if match not in named] if matches else [parent / file]
    return list(dict.fromkeys(found))


def _listed(options: dict[str, Any], where: Path) -> Sequence[str]:
    files = options.get("valueFiles") or []
    if not isinstance(files, list) or not all(isinstance(file, str) for file in files):
        raise GitOpsError(f"{where}: spec.source.helm.valueFiles has to be a list of paths")
    return files


def _link_in(root: Path, path: str) -> Path | None:
    """Return the first part of a path that is a link."""
    parts = Path(path).parts
    heads = (Path(*parts[:length]) for length in range(1, len(parts) + 1))
    return next((head for head in heads if (root / head).is_symlink()), None)


def mapping(parent: dict[str, Any], key: str, where: Path) -> dict[str, Any]:
    """Return the mapping at a key; empty where there is none.

    Raises:
        GitOpsError: it is something else.
    """
    value = parent.get(key) or {}
    if not isinstance(value, dict):
        raise GitOpsError(f"{where}: {key} has to be a mapping")
    return value


def _inside(root: Path, path: Path, where: Path, key: str) -> Path:
    try:
        return inside(root, path)
    except GitOpsError as error:
        raise GitOpsError(f"{where}: {key} {error}") from None
