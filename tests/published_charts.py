"""Repositories of charts on this machine: one of files over HTTP, and a registry; both hold what Helm packs."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.loopback import serving

HOST = "127.0.0.1"
NAME, VERSION = "podinfo", "6.7.1"
FILES = {
    "Chart.yaml": f"{{apiVersion: v2, name: {NAME}, version: {VERSION}}}\n",
    "values.yaml": "colour: red\nimage: {repository: example.com/podinfo, tag: a}\n",
    "crds/thing.yaml": """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: things.example.com}
spec:
  group: example.com
  scope: Namespaced
  names: {plural: things, singular: thing, kind: Thing, listKind: ThingList}
  versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]
""",
    "templates/a.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}, labels: {chart: "{{ .Chart.Name }}-{{ .Chart.Version }}"}}
data:
  colour: {{ .Values.colour }}
  platform: {{ .Values.global.platform | toJson | quote }}
  image: "{{ .Values.image.repository }}:{{ .Values.image.tag }}"
""",
    "templates/hook.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: {{ .Release.Name }}-before, annotations: {helm.sh/hook: pre-install}}
""",
}
"""A chart that shows what it was rendered with."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def packed(folder: Path, files: Mapping[str, str] = FILES) -> Path:
    """Write a chart below a folder, and return its archive."""
    source = folder / "source"
    for name, text in files.items():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text)
    target = folder / "packed"
    _helm("package", str(source), "--destination", str(target))
    shutil.rmtree(source)
    return max(target.glob("*.tgz"), key=lambda path: path.stat().st_mtime_ns)


@contextlib.contextmanager
def helm_repository(archive: Path) -> Iterator[str]:
    """Yield the URL of a repository that holds an archive, and what else is in its folder."""
    server = ThreadingHTTPServer((HOST, 0), partial(_Quiet, directory=str(archive.parent)))
    url = f"http://{HOST}:{server.server_port}"
    _helm("repo", "index", str(archive.parent), "--url", url)
    with serving(server):
        yield url


@contextlib.contextmanager
def registry(archive: Path, folder: Path) -> Iterator[str]:
    """Yield the URL of a folder of a registry that holds an archive."""
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        port = listener.getsockname()[1]
    with (folder / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["crane", "registry", "serve", "--address", f"{HOST}:{port}"], stdout=log, stderr=subprocess.STDOUT
        )
        try:
            deadline = time.monotonic() + 30
            with socket.socket() as client:
                while client.connect_ex((HOST, port)) != 0:
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"the registry does not listen: {log.name}")
                    time.sleep(0.05)
            url = f"oci://{HOST}:{port}/charts"
            _helm("push", str(archive), url, "--plain-http")
            yield url
        finally:
            process.terminate()
            process.wait()


def _helm(*arguments: str) -> None:
    subprocess.run(["helm", *arguments], check=True, capture_output=True)
