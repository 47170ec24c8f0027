"""Renders what a promotion would bring about, before it is pushed: what Helm refuses, Argo CD would not deploy."""

import shutil
import tempfile
from pathlib import Path, PurePosixPath

from bootstrap.delivery.clusters import cluster_names, read_cluster
from bootstrap.delivery.gitops import apps_folder
from bootstrap.delivery.promote.git import File, Repository
from bootstrap.delivery.promote.request import Edit, Request
from bootstrap.delivery.render.render import render
from bootstrap.errors import BootstrapError, HelmError, RefusedError
from conventions import HALVES


class Renderer:
    """Renders at every tip that a promotion is about to change, unless it has the files of the one before."""

    def __init__(self, repository: Repository) -> None:
        """Start with nothing rendered."""
        self._repository = repository
        self._files: dict[PurePosixPath, File] = {}

    def check(self, edit: Edit, request: Request) -> str | None:
        """Let a change pass that Helm renders, or return why it was not rendered.

        Raises:
            RefusedError: Helm refuses the chart with the new values.
        """
        if not request.render:
            return "--no-render"
        if shutil.which("helm") is None:
            return "Helm is not on PATH"
        files = self._read(edit, request.app)
        if files == self._files:
            return None
        with tempfile.TemporaryDirectory(prefix="aks-bootstrap-render-") as name:
            self._write(Path(name), files)
            (Path(name) / edit.file).parent.mkdir(parents=True, exist_ok=True)
            (Path(name) / edit.file).write_bytes(edit.new.encode())
            try:
                root = Path(name) / self._repository.prefix
                for cluster in cluster_names(root):
                    if read_cluster(root, cluster).environment == request.environment:
                        render(root, request.app, cluster)
            except HelmError as error:
                pinned = "@" in edit.after
                remedy = ", or leave --digest out where the chart takes no <tag>@<digest>" if pinned else ""
                raise RefusedError(
                    f"{edit.file}: with {edit.path} {edit.after}, Helm refuses what Argo CD would deploy: {error}. "
                    f"Nothing was pushed; mend the values or the chart first{remedy} (--no-render leaves this out)"
                ) from None
            except BootstrapError as error:
                # nothing names a chart: what is there is for `bootstrap validate` to say
                return str(error).replace(f"{name}/", "")
        self._files = files
        return None

    def _read(self, edit: Edit, app: str) -> dict[PurePosixPath, File]:
        """Return what is rendered from, without the values of other applications."""
        prefix, apps = self._repository.prefix, apps_folder(self._repository.prefix)
        found = {}
        for folder in (*(prefix / name for name in HALVES), *self._repository.stack_files(edit.tip)):
            for path, file in self._repository.files(edit.tip, folder).items():
                if apps not in path.parents or apps / app in path.parents:
                    found[path] = file
        return found

    def _write(self, folder: Path, files: dict[PurePosixPath, File]) -> None:
        for path, content in zip(files, self._repository.blobs([file.blob for file in files.values()]), strict=True):
            target = folder / path
            # a tree that was made by hand may have any name in it
            if ".." in path.parts or path.is_absolute():
                raise RefusedError(f"{path} leads out of the repository")
            target.parent.mkdir(parents=True, exist_ok=True)
            if files[path].mode == "120000":
                target.symlink_to((content or b"").decode())
            else:
                target.write_bytes(content or b"")
