"""``bootstrap images lock``, ``mirror`` and ``check`` against a registry that somebody else wrote.

Needs crane, and Helm for what Helm makes of a mirror's charts.
"""

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from functools import cache
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from bootstrap.errors import BootstrapError
from bootstrap.platform.images import lock as locking
from bootstrap.platform.images.listing import ListedChart
from bootstrap.platform.images.mirror import copies, mirror, missing
from bootstrap.platform.images.packed import digest_of, pack
from bootstrap.platform.images.references import normal
from components.release.lock import FILE, Lock, LockedChart, read_lock
from tests.loopback import serving
from tests.oci_registry import crane_registry, push_chart

pytestmark = pytest.mark.skipif(shutil.which("crane") is None, reason="needs crane on PATH")


def crane(*arguments: str, check: bool = True) -> str:
    done = subprocess.run(["crane", *arguments], capture_output=True, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
    return done.stdout.strip()


@cache
def archive(name: str, version: str) -> bytes:
    """Return a chart's archive; gzip writes the time into it."""
    packed = io.BytesIO()
    files = {
        "Chart.yaml": f"apiVersion: v2\nname: {name}\nversion: {version}\nappVersion: '1'\n",
        "templates/a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    }
    with tarfile.open(fileobj=packed, mode="w:gz") as made:
        for path, text in files.items():
            entry = tarfile.TarInfo(f"{name}/{path}")
            entry.size = len(text)
            made.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


class Upstream:
    """Publishers: a registry with an image for two platforms and a chart, and a plain repository with another chart."""

    def __init__(self, host: str, web: str, folder: Path) -> None:
        self.host, self.folder = host, folder
        layer = folder / "layer.tar"
        with tarfile.open(layer, "w") as made:
            made.addfile(tarfile.TarInfo("file"))
        parts = []
        for platform in ("linux/amd64", "linux/arm64"):
            part = f"{host}/team/part-{platform[-5:]}:v1"
            crane("append", "--new_layer", str(layer), "--new_tag", part, "--platform", platform)
            crane("mutate", part, "--set-platform", platform, "--tag", part)
            parts.append(part)
        self.image = f"{host}/team/app:v1"
        crane("index", "append", "--manifest", parts[0], "--manifest", parts[1], "--tag", self.image)
        self.chart = f"oci://{host}/charts/app:1.0.0"
        self.chart_digest = push_chart(f"{host}/charts/app", "1.0.0", archive("app", "1.0.0"))
        self.plain = f"{web}/web:2.0.0"
        self.archive = archive("web", "2.0.0")
        (folder / "web-2.0.0.tgz").write_bytes(self.archive)
        index = {"apiVersion": "v1", "entries": {"web": [{"version": "2.0.0", "urls": ["web-2.0.0.tgz"]}]}}
        (folder / "index.yaml").write_text(json.dumps(index))

    @property
    def listed(self) -> list[ListedChart]:
        return [
            ListedChart(key=self.plain, stacks={"dev"}, images={self.image: {"dev"}}),
            ListedChart(key=self.chart, stacks={"dev"}, images={self.image: {"dev"}}),
        ]


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    folder = tmp_path_factory.mktemp("upstream")

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with crane_registry() as host, serving(server):
        yield Upstream(host, f"http://127.0.0.1:{server.server_port}", folder)


@pytest.fixture
def locked(upstream: Upstream, tmp_path: Path) -> Lock:
    return locking.ask(tmp_path, upstream.listed, lambda _: None).lock


@pytest.fixture
def empty() -> Iterator[str]:
    with crane_registry() as host:
        yield f"{host}/mirror"


def test_every_digest_is_the_one_that_another_client_sees(upstream: Upstream, locked: Lock) -> None:
    chart, plain = locked.charts[upstream.chart], locked.charts[upstream.plain]
    assert chart.images == {upstream.image: crane("digest", upstream.image)}
    assert chart.manifest == crane("digest", upstream.chart.removeprefix("oci://")) == upstream.chart_digest
    assert chart.archive == digest_of(archive("app", "1.0.0"))
    assert plain.archive == f"sha256:{hashlib.sha256(upstream.archive).hexdigest()}"
    assert plain.manifest == digest_of(pack(upstream.archive)[0])
    assert plain.whole and chart.whole


def test_the_same_contents_are_written_as_the_same_bytes_and_read_back(locked: Lock, tmp_path: Path) -> None:
    first = locking.write(tmp_path, locked).read_bytes()
    backwards = Lock(charts=dict(reversed(list(locked.charts.items()))))
    assert locking.write(tmp_path, backwards).read_bytes() == first
    assert read_lock(tmp_path) == locked
    assert [file.name for file in tmp_path.iterdir()] == [FILE], "nothing is left beside it"


def test_an_image_that_its_chart_names_by_digest_is_locked_as_that_one_and_mirrored(
    upstream: Upstream, tmp_path: Path, empty: str
) -> None:
    name = upstream.image.rpartition(":")[0]
    digest = crane("digest", f"{upstream.host}/team/part-amd64:v1")
    crane("copy", f"{upstream.host}/team/part-amd64:v1", f"{name}:another")
    # the tag stands for an index, and the digest wins over it
    named = [normal(f"{name}@{digest}"), normal(f"{name}:v1@{digest}"), normal(f"{name}:v1")]
    listed = [ListedChart(key=upstream.chart, images={image: {"dev"} for image in named})]
    lock = locking.ask(tmp_path, listed, lambda _: None).lock
    locking.write(tmp_path, lock)
    assert read_lock(tmp_path) == lock
    assert list(lock.charts[upstream.chart].images.values()) == [digest, digest, crane("digest", upstream.image)]
    todo = copies(lock, empty)
    for copy in todo:
        mirror(copy, lambda _: None)
    assert [missing(copy) for copy in todo] == [None] * 4
    there = f"{empty}/{name.replace(':', '_', 1)}"
    assert crane("digest", f"{there}@{digest}") == digest
    assert crane("digest", f"{there}:v1") == crane("digest", upstream.image), "no digest took the tag"


def test_what_differs_is_named_and_what_does_not_is_not(upstream: Upstream, locked: Lock, tmp_path: Path) -> None:
    locking.write(tmp_path, locked)
    assert locking.ask(tmp_path, upstream.listed, lambda _: None).changes == []
    moved = "sha256:" + "0" * 64
    chart = locked.charts[upstream.chart]
    stale = LockedChart(manifest=moved, archive=chart.archive, images={upstream.image: None})
    locking.write(tmp_path, Lock(charts={upstream.chart: stale, "oci://gone.example.com/x:1.0.0": stale}))
    told = "\n".join(locking.ask(tmp_path, upstream.listed, lambda _: None).changes)
    assert f"~ {upstream.chart} manifest: {moved} → {chart.manifest}" in told
    assert f"+ {upstream.chart} {upstream.image}: not locked → {chart.images[upstream.image]}" in told
    assert "- oci://gone.example.com/x:1.0.0" in told
    assert f"+ {upstream.plain} archive" in told


def test_what_cannot_be_had_is_named_each_and_nothing_is_written(upstream: Upstream, tmp_path: Path) -> None:
    refusing = "127.0.0.1:9"
    listed = [
        *upstream.listed,
        ListedChart(key=f"oci://{refusing}/charts/x:1.0.0", images={f"{refusing}/team/x:v1": {"dev"}}),
        ListedChart(key=f"oci://{upstream.host}/charts/app:9.9.9", images={f"{upstream.host}/team/none:v1": {"dev"}}),
        ListedChart(key=f"{upstream.plain.rpartition(':')[0]}:9.9.9"),
    ]
    with pytest.raises(BootstrapError) as told:
        locking.ask(tmp_path, listed, lambda _: None)
    text = str(told.value)
    assert told.value.exit_code == 1
    for part in (
        "5 digests",
        "charts/x:1.0.0",
        f"{refusing}/team/x:v1",
        "charts/app:9.9.9",
        "team/none:v1",
        "web 9.9.9",
    ):
        assert part in text, text
    assert upstream.image not in text
    assert not (tmp_path / FILE).exists()


def test_an_image_that_is_not_there_for_the_nodes_is_refused(upstream: Upstream, tmp_path: Path) -> None:
    arm = f"{upstream.host}/team/arm:v1"
    crane("index", "append", "--manifest", f"{upstream.host}/team/part-arm64:v1", "--tag", arm)
    listed = [ListedChart(key=upstream.chart, images={arm: {"dev"}})]
    with pytest.raises(BootstrapError, match="not there for linux/amd64, only for linux/arm64"):
        locking.ask(tmp_path, listed, lambda _: None)


def test_an_image_is_no_chart(upstream: Upstream, tmp_path: Path) -> None:
    key = f"oci://{upstream.host}/team/part-amd64:v1"
    with pytest.raises(BootstrapError, match="is not a chart: its manifest has 0 archives"):
        locking.ask(tmp_path, [ListedChart(key=key)], lambda _: None)


def test_a_mirror_gets_all_that_is_locked_under_the_same_digests(upstream: Upstream, locked: Lock, empty: str) -> None:
    todo = copies(locked, empty)
    assert {copy.source for copy in todo} == {upstream.chart, upstream.plain, upstream.image}
    assert all(missing(copy) for copy in todo)
    assert all(mirror(copy, lambda _: None) for copy in todo)
    for copy in todo:
        assert crane("digest", f"{copy.name}:{copy.tag}") == copy.digest
        assert missing(copy) is None
    there = f"{empty}/{upstream.image.replace(':', '_', 1)}"
    assert crane("digest", there) == crane("digest", upstream.image)
    for platform in ("linux/amd64", "linux/arm64"):
        crane("validate", "--remote", there, "--platform", platform)
    assert not any(mirror(copy, lambda _: None) for copy in todo), "there is nothing left to do"


@pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm on PATH")
def test_helm_takes_a_mirrors_charts_by_digest_and_refuses_another(
    upstream: Upstream, locked: Lock, empty: str, tmp_path: Path
) -> None:
    for copy in copies(locked, empty):
        mirror(copy, lambda _: None)
        if copy.source == upstream.image:
            continue
        reference = f"oci://{copy.name}@{copy.digest}"
        command = ["helm", "pull", "--destination", str(tmp_path), "--version", str(copy.tag)]
        assert subprocess.run([*command, reference], capture_output=True, check=False).returncode == 0, copy.source
        wrong = f"oci://{copy.name}@sha256:{'0' * 64}"
        assert subprocess.run([*command, wrong], capture_output=True, check=False).returncode != 0
    assert next(tmp_path.glob("web*")).read_bytes() == upstream.archive


def test_a_copy_that_was_broken_off_goes_on_where_it_ended(
    upstream: Upstream, locked: Lock, empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    [copy] = [copy for copy in copies(locked, empty) if copy.source == upstream.image]
    pushed: list[str] = []

    def stop_after(count: int) -> Callable[[str], None]:
        def report(text: str) -> None:
            pushed.append(text)
            if len(pushed) > count:
                raise KeyboardInterrupt

        return report

    with pytest.raises(KeyboardInterrupt):
        mirror(copy, stop_after(2))
    assert missing(copy), "half a copy is none"
    first = list(pushed)
    assert len(first) == 3
    pushed.clear()
    assert mirror(copy, pushed.append)
    assert missing(copy) is None
    assert pushed[0] == first[-1], "it goes on with the layer that it was broken off at"


def test_a_tag_that_was_moved_in_the_mirror_is_noticed_and_put_right(
    upstream: Upstream, locked: Lock, empty: str
) -> None:
    [copy] = [copy for copy in copies(locked, empty) if copy.source == upstream.image]
    mirror(copy, lambda _: None)
    crane("tag", f"{copy.name}@{json.loads(crane('manifest', upstream.image))['manifests'][0]['digest']}", "v1")
    assert "locked:" in str(missing(copy))
    assert mirror(copy, lambda _: None)
    assert missing(copy) is None


def test_an_archive_that_is_not_the_locked_one_is_not_copied(upstream: Upstream, locked: Lock, empty: str) -> None:
    [copy] = [copy for copy in copies(locked, empty) if copy.source == upstream.plain]
    place = upstream.folder / "web-2.0.0.tgz"
    place.write_bytes(archive("web", "2.0.1"))
    try:
        with pytest.raises(BootstrapError, match="nothing of it was copied"):
            mirror(copy, lambda _: None)
    finally:
        place.write_bytes(upstream.archive)
    assert "not there" in str(missing(copy))


def test_what_is_not_locked_cannot_be_mirrored(upstream: Upstream) -> None:
    lock = Lock(charts={upstream.chart: LockedChart(images={upstream.image: None})})
    with pytest.raises(BootstrapError) as told:
        copies(lock, "mirror.example.com")
    assert upstream.chart in str(told.value) and upstream.image in str(told.value)
