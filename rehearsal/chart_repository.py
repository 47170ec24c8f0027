"""A Helm repository on loopback with small charts: the addons' CRDs, webhooks and workloads, without their programs."""

import functools
import hashlib
import http.server
import io
import shutil
import tarfile
import threading
from pathlib import Path

from ruamel.yaml import YAML

from components.addons.charts import IMAGE_UPDATER, PINNED
from rehearsal.errors import RehearsalError

SOURCES = Path(__file__).resolve().parent / "charts"
"""One folder for each small chart."""
MANIFESTS = SOURCES.parent / "manifests"
"""Manifests that are served beside the charts."""


class ChartRepository:
    """Packages the charts under the pinned versions into a folder, and serves it until stopped."""

    def __init__(self, folder: Path, archives: Path | None = None) -> None:
        """Package the charts, and write the index.

        Args:
            folder: where the archives go.
            archives: a folder with the real charts' archives (``traefik-41.3.0.tgz``, ...), served instead of ours.

        Raises:
            RehearsalError: the folder of real charts lacks one.
        """
        entries: dict[str, list[dict[str, object]]] = {}
        for pinned in PINNED:
            name = f"{pinned.name}-{pinned.version}.tgz"
            if archives is None:
                archive = pack(SOURCES / pinned.name, pinned.version)
            elif (archives / name).exists():
                archive = (archives / name).read_bytes()
            elif pinned is IMAGE_UPDATER:
                continue  # most stacks do not install it; for one that does, Helm reports it as missing
            else:
                raise RehearsalError(f"there is no {name} in {archives}: `helm pull` it, or leave the folder out")
            (folder / name).write_bytes(archive)
            entries[pinned.name] = [
                {
                    "apiVersion": "v2",
                    "name": pinned.name,
                    "version": pinned.version,
                    "urls": [name],
                    "digest": hashlib.sha256(archive).hexdigest(),
                }
            ]
        YAML(typ="safe").dump({"apiVersion": "v1", "entries": entries}, folder / "index.yaml")
        for manifest in MANIFESTS.glob("*.yaml"):
            shutil.copy(manifest, folder)
        handler = functools.partial(_QuietHandler, directory=str(folder))
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)

    @property
    def url(self) -> str:
        """URL of the repository: the value of ``charts.mirror``."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self) -> None:
        """Start serving."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


def pack(source: Path, version: str) -> bytes:
    """Return a chart's archive with the version set in its ``Chart.yaml``, and no timestamps on its files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path in sorted(source.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                if path.name == "Chart.yaml":
                    content = content.replace(b"version: 0.0.0", f"version: {version}".encode())
                entry = tarfile.TarInfo(f"{source.name}/{path.relative_to(source)}")
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
    return packed.getvalue()


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Log nothing."""
