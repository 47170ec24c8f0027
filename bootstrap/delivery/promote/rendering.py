"""Renders what a promotion would bring about, before it is pushed: what is refused here, Argo CD would not deploy."""

import os
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from bootstrap.delivery.clusters import cluster_names, read_cluster
from bootstrap.delivery.gitops import KUSTOMIZATIONS, apps_folder
from bootstrap.delivery.links import refuse_links_out
from bootstrap.delivery.promote.git import File, Repository
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.delivery.render.render import render
from bootstrap.errors import (
    BootstrapError,
    ChartFetchError,
    GitOpsError,
    KustomizeError,
    RefusedError,
    RenderError,
)
from conventions import HALVES

_LINK = "120000"


class Renderer:
    """Renders at every tip that a promotion is about to change, unless it has the files of the one before."""

    def __init__(self, repository: Repository) -> None:
        """Start with nothing rendered."""
        self._repository = repository
        self._files: dict[PurePosixPath, File] = {}
        self._answer: str | None = None

    def check(self, edit: Edit, request: Request) -> str | None:
        """Let a change pass that Helm or Kustomize renders, or return why it was not rendered.

        Raises:
            RefusedError: Helm refuses the chart with the new values, or Kustomize the overlay.
        """
        if not request.render:
            return "--no-render"
        if edit.file.name not in KUSTOMIZATIONS and shutil.which("helm") is None:
            return "Helm is not on PATH"
        files = self._read(edit, request.app)
        if files != self._files:
            # what could not be rendered is not tried again either: each try may wait for a chart's repository
            self._answer = self._rendered(files, edit, request)
            self._files = files
        return self._answer

    def _rendered(self, files: dict[PurePosixPath, File], edit: Edit, request: Request) -> str | None:
        with tempfile.TemporaryDirectory(prefix="aks-bootstrap-render-") as name:
            self._write(Path(name), files)
            try:
                refuse_links_out(Path(name))
            except GitOpsError as error:
                raise RefusedError(f"{error}. Nothing was pushed") from None
            (Path(name) / edit.file).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / edit.file).write_bytes(edit.new.encode())
            try:
                root = Path(name) / self._repository.prefix
                for cluster in cluster_names(root):
                    if read_cluster(root, cluster).environment == request.environment:
                        render(root, request.app, cluster)
            except ChartFetchError as error:
                # a repository that does not answer says nothing of the values
                return str(error)
            except RenderError as error:
                program = "Kustomize" if isinstance(error, KustomizeError) else "Helm"
                pinned = "@" in edit.after
                remedy = ", or leave --digest out where the chart takes no <tag>@<digest>" if pinned else ""
                raise RefusedError(
                    f"{edit.file}: with {edit.path} {edit.after}, {program} refuses what Argo CD would deploy: {error}."
                    f" Nothing was pushed; fix the values or the chart first{remedy} (--no-render leaves this out)"
                ) from None
            except BootstrapError as error:
                # nothing names a chart: what is there is for `bootstrap validate` to say
                return str(error).replace(f"{name}/", "")
        return None

    def _read(self, edit: Edit, app: str) -> dict[PurePosixPath, File]:
        """Return what is rendered from, without the values of other applications; and every link, wherever it is."""
        prefix, apps = self._repository.prefix, apps_folder(self._repository.prefix)
        everything = self._repository.files(edit.tip, PurePosixPath("."))
        read = {*(prefix / name for name in HALVES), *self._repository.stack_files(edit.tip)}

        def is_read(path: PurePosixPath) -> bool:
            ours = apps not in path.parents or apps / app in path.parents
            return ours and not read.isdisjoint((path, *path.parents))

        return {path: file for path, file in everything.items() if file.mode == _LINK or is_read(path)}

    def _write(self, folder: Path, files: dict[PurePosixPath, File]) -> None:
        contents = dict(zip(files, self._repository.blobs([file.blob for file in files.values()]), strict=True))
        # links come last: a tree that was made by hand has files behind one
        for path in sorted(files, key=lambda path: (files[path].mode == _LINK, path)):
            # and may have any name in it
            if ".." in path.parts or path.is_absolute():
                raise RefusedError(f"{path} leads out of the repository")
            target, content = folder / path, contents[path] or b""
            try:
                target.parent.mkdir(parents=True, exist_ok=True)
                if files[path].mode == _LINK:
                    target.symlink_to(os.fsdecode(content))
                else:
                    target.write_bytes(content)
            except (OSError, ValueError):
                raise RefusedError(f"{path} of the repository cannot be written as a file") from None
