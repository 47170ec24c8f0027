"""What registries, repositories, archives and Helm may answer: each malformed answer is one error, with its place."""

import gzip
import io
import json
import subprocess
import tarfile
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from bootstrap.errors import BootstrapError, HelmError
from bootstrap.platform.images import helm
from bootstrap.platform.images.mirror import Copy, mirror
from bootstrap.platform.images.packed import digest_of, pack
from bootstrap.platform.images.references import references
from bootstrap.registry_credentials import RegistryError
from components.release import archive
from components.release.archive import ArchiveError, fetch_archive
from components.release.lock import FILE, LockError, read_lock
from tests.loopback import serving

DEEP = "[" * 400
BROKEN_YAML = ["a: [", DEEP, "!!bool maybe", "!!int x", "!!timestamp 2026-99-99", "? {a: b}\n: c", "a: *b", "\x00"]
WRONG_SHAPES = ["", "text", "[]", "3", "{entries: }", "{entries: []}", "{entries: {x: }}", "{entries: {x: {a: b}}}"]
WRONG_ENTRIES = ["[1]", "[{}]", "[{version: 1.0.0}]", "[{version: 1.0.0, urls: }]", "[{version: 1.0.0, urls: []}]"]
WRONG_URLS = ["[{version: 1.0.0, urls: x.tgz}]", "[{version: 1.0.0, urls: [{}]}]", "[{version: 1.0.0, urls: ['//[']}]"]


class Answers:
    """Answers by path; anything else is 404."""

    def __init__(self) -> None:
        self.by_path: dict[str, bytes] = {}
        self.redirects: dict[str, str] = {}
        self.host = ""


@pytest.fixture
def answers() -> Iterator[Answers]:
    found = Answers()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

        def do_GET(self) -> None:
            body = found.by_path.get(self.path)
            if self.path in found.redirects:
                self.send_response(302)
                self.send_header("Location", found.redirects[self.path])
                body = b""
            else:
                self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body or b"")

        do_HEAD = do_GET

        def do_POST(self) -> None:
            self.send_response(500)
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.host = f"127.0.0.1:{server.server_port}"
    with serving(server):
        yield found


# --- a repository's index --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index", [*BROKEN_YAML, *WRONG_SHAPES, *(f"{{entries: {{x: {given}}}}}" for given in WRONG_ENTRIES + WRONG_URLS)]
)
def test_an_index_that_is_none_is_named_by_its_address(answers: Answers, index: str) -> None:
    answers.by_path["/index.yaml"] = index.encode()
    with pytest.raises(ArchiveError) as told:
        fetch_archive(f"http://{answers.host}", "x", "1.0.0")
    assert f"http://{answers.host}/index.yaml" in str(told.value) and "\n" not in str(told.value)


def test_an_index_with_entries_of_others_is_of_use_all_the_same(answers: Answers) -> None:
    entries = [1, {"version": "0.9.0"}, {"version": "1.0.0", "urls": ["x.tgz"]}]
    answers.by_path = {"/index.yaml": json.dumps({"entries": {"x": entries}}).encode(), "/x.tgz": b"archive"}
    assert fetch_archive(f"http://{answers.host}", "x", "1.0.0") == b"archive"


def test_a_redirect_is_followed_but_for_one_that_leaves_tls(answers: Answers) -> None:
    answers.by_path["/there"] = b"{entries: {x: [{version: 1.0.0, urls: [there]}]}}"
    answers.redirects["/index.yaml"] = "/there"
    assert fetch_archive(f"http://{answers.host}", "x", "1.0.0").startswith(b"{entries")
    request = urllib.request.Request("https://charts.example.com/index.yaml")
    for place in ("http://charts.example.com/index.yaml", "ftp://charts.example.com/index.yaml"):
        with pytest.raises(ArchiveError, match=r"leads to .*; allowed: https://"):
            archive.Redirects().redirect_request(request, io.BytesIO(), 302, "Found", Message(), place)  # type: ignore[arg-type]


def test_an_archive_of_a_repository_with_tls_comes_with_tls(monkeypatch: pytest.MonkeyPatch) -> None:
    index = b"{entries: {x: [{version: 1.0.0, urls: ['http://elsewhere.example.com/x.tgz']}]}}"
    monkeypatch.setattr(archive, "_got", lambda _: index)
    with pytest.raises(ArchiveError, match=r"names the archive http://elsewhere.*; allowed: https://"):
        fetch_archive("https://charts.example.com", "x", "1.0.0")


# --- an archive ------------------------------------------------------------------------------------------------------


def packed(chart: bytes, name: str = "x/Chart.yaml") -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as files:
        entry = tarfile.TarInfo(name)
        entry.size = len(chart)
        files.addfile(entry, io.BytesIO(chart))
    return made.getvalue()


GOOD = packed(b"{name: x, version: 1.0.0}")


@pytest.mark.parametrize(
    "given",
    [
        *(packed(text.encode()) for text in BROKEN_YAML),
        *(packed(text) for text in (b"", b"[]", b"{name: x}", b"{name: {}, version: 1.0.0}", b"{name: x, version: 1}")),
        packed(b"{name: x, version: 1.0.0, a: &a [*a]}"),
        packed(b"{name: x, version: 1.0.0, ? [1] : a}"),
        packed(b"{name: x, version: 1.0.0, 1: a, b: c}"),
        packed(b"{name: x, version: 1.0.0}" + b" " * (2 << 20)),
        packed(b"name: x", name="x/values.yaml"),
        b"",
        b"text",
        gzip.compress(b"text"),
        GOOD[:40],
        GOOD[:12] + b"\xff" * 8 + GOOD[20:],
    ],
)
def test_an_archive_that_is_no_charts_is_refused(given: bytes) -> None:
    with pytest.raises(BootstrapError, match="the archive is not a chart's: ") as told:
        pack(given)
    assert told.value.exit_code == 1


# --- manifests and blobs ---------------------------------------------------------------------------------------------


def image(answers: Answers, manifest: bytes) -> Copy:
    """Serve a manifest where a copy of it is asked for; the mirror has nothing."""
    digest = digest_of(manifest)
    answers.by_path[f"/v2/team/app/manifests/{digest}"] = manifest
    return Copy(source=f"{answers.host}/team/app:v1", name=f"{answers.host}/mirror/app", tag="v1", digest=digest)


SHA = "sha256:" + "ab" * 32
NO_DESCRIPTORS: list[object] = [None, 3, [], {}, {"digest": SHA}, {"digest": "x", "size": 1}]
NO_LISTS: list[object] = [3, {}, [3], [{}], [{"digest": "sha256:../../x", "size": 1}]]
NO_SIZES: list[object] = [None, "1", "x", -1, 1.5, True, []]


@pytest.mark.parametrize(
    "manifest",
    [
        b"text",
        b"[]",
        DEEP.encode(),
        b"\xff",
        *(json.dumps({key: value}).encode() for key in ("manifests", "layers") for value in NO_LISTS),
        *(json.dumps({"layers": [{"digest": SHA, "size": size}]}).encode() for size in NO_SIZES),
        *(json.dumps({"config": value}).encode() for value in NO_DESCRIPTORS),
    ],
)
def test_a_manifest_that_is_none_is_named_and_nothing_is_copied(answers: Answers, manifest: bytes) -> None:
    copy = image(answers, manifest)
    with pytest.raises(RegistryError, match=rf"{answers.host}/team/app@{copy.digest}: ") as told:
        mirror(copy, lambda _: None)
    assert told.value.exit_code == 1 and "allowed: " in str(told.value)


@pytest.mark.parametrize(
    ("size", "says"), [(3, "has more than the 3 bytes"), (2000, "has 1,000 bytes"), (1000, "else")]
)
def test_a_blob_is_read_up_to_the_size_that_its_manifest_says(answers: Answers, size: int, says: str) -> None:
    answers.by_path[f"/v2/team/app/blobs/{SHA}"] = b"x" * 1000
    copy = image(answers, json.dumps({"layers": [{"digest": SHA, "size": size}]}).encode())
    with pytest.raises(RegistryError, match=says):
        mirror(copy, lambda _: None)


# --- what Helm renders, and the lock file ----------------------------------------------------------------------------


@pytest.fixture
def rendering(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], list[dict[str, Any]]]:
    monkeypatch.setattr(helm, "find_helm", lambda: "helm")

    def render(text: str) -> list[dict[str, Any]]:
        done = CompletedProcess(["helm"], 0, stdout=text, stderr="")
        monkeypatch.setattr(subprocess, "run", lambda *_, **__: done)
        inputs = {"name": "addon", "chart": "x", "version": "1", "namespace": "x", "values": {}}
        return list(helm.Source(inputs=inputs).objects("1.35.0"))

    return render


@pytest.mark.parametrize("text", BROKEN_YAML)
def test_what_helm_renders_and_is_not_yaml_is_told_with_the_release(
    rendering: Callable[[str], list[dict[str, Any]]], text: str
) -> None:
    with pytest.raises(HelmError, match="addon: Helm renders what is not YAML: "):
        rendering(f"a: b\n---\n{text}\n")


@pytest.mark.parametrize(
    "item",
    [
        {"kind": "ConfigMap", "data": ["x"]},
        {"kind": "ConfigMap", "data": "x"},
        {"kind": "Job", "spec": {"args": [None, {}], "env": ["x", {"value": []}], "image": 3, "name": "x"}},
    ],
)
def test_objects_of_other_forms_name_no_image(item: dict[str, Any]) -> None:
    assert list(references(item)) == []


@pytest.mark.parametrize(
    "text",
    [
        *BROKEN_YAML,
        "[]",
        "3",
        "{1: 2}",
        "charts: text",
        "charts: [a]",
        "charts: {'oci://x.io/y:1': text}",
        "charts: {'oci://x.io/y:1': {manifest: , archive: , images: [a]}}",
        "charts: {'oci://x.io/y:1': {manifest: [], archive: {}, images: {3: }}}",
    ],
)
def test_a_lock_file_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(LockError, match=FILE):
        read_lock(tmp_path)
